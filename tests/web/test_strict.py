"""JSON as it may come in. Source of the hostile ones: RELIABILITY.md, H-01, H-02 and H-05."""

import json

import pytest

from bvinv.web.strict import DEEPEST, Malformed, loads

MARK = "OPEN-SESAME"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "b": [true, null, -0.5e-3, "\\u00e9\\ud83d\\ude00"]}',
        '{"ключ": "Größe 👩‍👩‍👧", "e\u0301": "\u202eabc", "%_\'\\"--\\\\": ""}'.encode(),
        b" [ ] ",
        b"9007199254740993",
        b'"\\u0000"',
        b"[" * DEEPEST + b"]" * DEEPEST,
        b'"' + b"[{" * 100_000 + b'"',
        b'[{"a": 1}, {"a": 1}]',
    ],
)
def test_what_is_json_is_read_as_python_reads_it(body):
    assert loads(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": 1} {"b": 2}', "not JSON"),
        (b'{"a": 01}', "not JSON"),
        (b'{"a": 1_000}', "not JSON"),
        (b'{"a": 0x10}', "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b'"a\x00b"', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "NaN"),
        (b"-Infinity", "NaN"),
        (b'{"a": 1e400}', "too large"),
        (b'{"a": -1e400}', "too large"),
        (b"9" * 5_000, "too long"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "twice"),
        (b'"\\ud800"', "UTF-8"),
        (b'{"\\udfff": 1}', "UTF-8"),
        (b'"\\ud83d \\ude00"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xff"', "UTF-8"),
        (b'"\xc0\xaf"', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b"[" * 100_000, "deep"),
        (b"[" * 100_000 + b"]" * 100_000, "deep"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "deep"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "deep"),
        (b'[[], {"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}]", "deep"),
    ],
)
def test_what_is_no_sound_json_is_refused(body, said):
    with pytest.raises(Malformed, match=said):
        loads(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"OPEN-SESAME": 1, "OPEN-SESAME": 2}',
        '{"OPEN-SESAME" 1}',
        '["OPEN-SESAME", NaN]',
        '["OPEN-SESAME", "\\ud800"]',
        '["OPEN-SESAME", 1e999]',
        '"\\OPEN-SESAME"',
        "OPEN-SESAME",
    ],
)
def test_a_refusal_does_not_repeat_what_was_sent(body):
    with pytest.raises(Malformed) as refused:
        loads(body.encode())
    assert MARK not in str(refused.value)
    assert refused.value.__cause__ is None
