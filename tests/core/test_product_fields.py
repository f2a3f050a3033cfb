"""What attributes say: typed by use, nothing lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core import product_fields
from bvinv.core.errors import InvalidInput
from bvinv.core.product_fields import merged, stored_pairs, typed, written_pairs


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        *(("320", 320), ("0", 0), ("-7", -7), ("999999999999999", 999_999_999_999_999)),
        *(("1.5", 1.5), ("0.1", 0.1), ("-0.25", -0.25), ("12.99", 12.99), ("-0.0", -0.0)),
        *(("true", True), ("false", False)),
    ],
)
def test_a_text_that_is_a_number_or_a_truth_becomes_one(said, kept):
    found = typed(said)

    assert (type(found), repr(found)) == (type(kept), repr(kept))


@pytest.mark.parametrize(
    "said",
    [
        *("01", "1.50", "+1", "1e3", "-0", "1.", ".5", "1,5", "1_000", "1000000000000000", "True"),
        *(
            "0x10",
            "inf",
            "nan",
            "Infinity",
            "null",
            "1.0e5",
            "0.00001",
            "12345678901234567.5",
            "1 2",
        ),
        *(
            "0.1000000000000000055",
            "٣",
            "",
            "9780306406157000",
            "1e22",
            "--1",
            "0.30000000000000004441",
        ),
    ],
)
def test_a_text_that_would_lose_something_stays_a_text(said):
    assert typed(said) == said


@given(st.text(max_size=20) | st.floats().map(str) | st.integers().map(str))
def test_whatever_is_made_of_a_text_it_can_be_read_back(said):
    found = typed(said)

    assert (json.dumps(found) if not isinstance(found, str) else found) == said


def test_json_keeps_its_own_types():
    said = (
        '{"a":"320","b":320,"c":1.50,"d":true,"e":null,"f":"true","g":1e3,"h":9223372036854775807}'
    )

    assert stored_pairs(said, what="attributes") == (
        '{"a":"320","b":320,"c":1.5,"d":true,"f":"true","g":1000.0,"h":9223372036854775807}'
    )
    assert stored_pairs(" b = 2 ; a=x=y;", what="attributes") == '{"a":"x=y","b":2}'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('{"a":0.1000000000000000055}', "would lose digits"),
        ('{"a":1e400}', "would lose digits"),
        ('{"a":1e-400}', "would lose digits"),
        ('{"a":0e99999999999999999999}', "would lose digits"),
        ('{"a":9223372036854775808}', "is too large"),
        ('{"a":' + "9" * 5000 + "}", "is too large"),
        ('{"a":NaN}', "are not JSON"),
        ('{"a":-Infinity}', "are not JSON"),
        ('{"a":1', "are not JSON"),
        ('{"a":' + "[" * 100_000, "are not JSON"),
        ('{"a":[1]}', "must be a plain value"),
        ('{"a":{"b":1}}', "must be a plain value"),
        ('{"a":1,"a":2}', "say 'a' twice"),
        ('{"":1}', "is empty"),
        ('{"a\\u0000":1}', "control character|cannot be printed"),
        ('{"a":"\\ud800"}', "half of a surrogate pair"),
        ("a=1;a=2", "say 'a' twice"),
        ("a", "are written NAME=VALUE"),
        ("=1", "is empty"),
        ("a=" + "x" * 501, "501 characters"),
        ("a" * 65 + "=1", "65 characters"),
        (";".join(f"a{n}=1" for n in range(101)), "at most, not 101"),
    ],
)
def test_what_cannot_be_kept_is_refused(said, why):
    with pytest.raises(InvalidInput, match=why):
        stored_pairs(said, what="attributes")


def test_pairs_are_merged_and_an_empty_value_takes_one_away():
    stored = '{"a":1,"b":"x","c":true}'

    assert merged(stored, "b=;d=2", what="attributes") == '{"a":1,"c":true,"d":2}'
    assert merged(stored, '{"a":null,"c":""}', what="attributes") == '{"b":"x"}'
    assert merged(stored, "x=", what="attributes") == stored


def test_options_of_the_command_line_are_typed_and_may_have_any_mark_in_them():
    said = ["pages=320", "note=a;b, c=d", "isbn=0306406152", "gone=", "sure=false"]

    found = written_pairs(said, what="attributes")

    assert product_fields.pairs(found, what="attributes") == {
        "pages": 320,
        "note": "a;b, c=d",
        "isbn": "0306406152",
        "gone": None,
        "sure": False,
    }
    assert written_pairs([""], what="attributes") == ""
    with pytest.raises(InvalidInput, match="attributes are written NAME=VALUE, not 'x'"):
        written_pairs(["x"], what="attributes")
    with pytest.raises(InvalidInput, match="the attributes say 'x' twice"):
        written_pairs(["x=1", "x=2"], what="attributes")
