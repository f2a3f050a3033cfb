"""JSON lines, objects that follow each other, and arrays: all of them become rows of text."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.errors import InvalidInput
from bvinv.core.files import reading


def read(content: str | bytes, **more):
    content = content.encode() if isinstance(content, str) else content
    with reading.reading(io.BytesIO(content), name="a.json", **more) as sheet:
        assert sheet.is_json
        return sheet.kind, sheet.columns, list(sheet.records())


def rows(content: str | bytes, **more):
    return [(row.line, row.cells, row.fault) for row in read(content, **more)[2]]


def refusal(content: str | bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(content)
    return caught.value.detail


@pytest.mark.parametrize(
    ("content", "kind", "lines"),
    [
        ('{"a":1,"b":2}\n\n{"b":3}\n', "JSON lines, UTF-8", [1, 3]),
        ('\n{"a":1,"b":2}\r{"b":3}', "JSON lines, UTF-8", [2, 3]),
        ('[{"a":1,"b":2},\n{"b":3}]', "JSON, UTF-8", [1, 2]),
        ('[\r\n {"a":1,\r\n "b":2}\r\n,\r\n {"b":\r\n3}]\r\n', "JSON, UTF-8", [2, 5]),
        ('{\n"a":1,"b":2\n}\n{"b":3\n}', "JSON, UTF-8", [1, 4]),
        ('{"a":1,"b":2}{"b":3}', "JSON, UTF-8", [1, 1]),
        ('[\r{"a":1,"b":2},\r\r{"b":3}]', "JSON, UTF-8", [2, 4]),
    ],
)
def test_an_object_is_a_row_however_they_are_strung_together(content, kind, lines):
    found = read(content)
    assert found[:2] == (kind, ("a", "b"))
    assert [(row.line, row.cells) for row in found[2]] == [
        (lines[0], ["1", "2"]),
        (lines[1], ["", "3"]),
    ]


def test_what_is_rejected_from_an_array_is_one_line_each():
    _, _, found = read('[{"a":\n   "x  y",\r\n"b": 2}, {"a":"\\n"}]')
    assert [row.original for row in found] == ['{"a": "x  y", "b": 2}', '{"a":"\\n"}']


OBJECTS = st.lists(
    st.dictionaries(
        st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"])), min_size=1
    ),
    min_size=1,
)


@given(OBJECTS, st.booleans(), st.sampled_from([None, 0, 2]), st.sampled_from(["array", "each"]))
def test_what_json_writes_is_read_as_it_was(objects, ascii_only, indent, how):
    whole = objects if how == "array" else None
    written = (
        json.dumps(whole, ensure_ascii=ascii_only, indent=indent)
        if whole
        else "\n".join(json.dumps(one, ensure_ascii=ascii_only, indent=indent) for one in objects)
    )
    for codec in ("utf-8", "utf-16"):
        _, columns, found = read(written.encode(codec))
        assert [dict(zip(columns, row.cells, strict=True)) for row in found] == [
            {column: one.get(column, "") for column in columns} for one in objects
        ]
        assert [json.loads(str(row.original)) for row in found] == objects


def test_numbers_stay_as_they_are_written():
    content = '{"sku":"HX-1","price":12.90}\n{"isbn":9.78E+12,"sku":7,"price":1e400}\n'
    assert rows(content) == [
        (1, ["HX-1", "12.90", ""], ""),
        (2, ["7", "1e400", "9.78E+12"], ""),
    ]
    nested = '{"attributes":{"size":1.50,"big":' + "9" * 5000 + ',"x":[true,null,"é"]}}'
    assert rows(nested, nested=("attributes",)) == [
        (1, ['{"size": 1.50, "big": ' + "9" * 5000 + ', "x": [true, null, "é"]}'], "")
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a":1,"a":2}', "the key 'a' stands twice in one object"),
        ('{"a":{"b":1,"b":2}}', "the key 'b' stands twice in one object"),
        ("[1]", "this is no JSON object"),
        ('{"a":}', "the line is not one JSON object: expecting value at character 6"),
        ('{"a":NaN}', "NaN is no number of JSON"),
        ('{"a":-Infinity}', "-Infinity is no number of JSON"),
        ('{"a":' + "[" * 100_000, "the line is not one JSON object: it is nested too deeply"),
        ("x", "the line is not one JSON object: expecting value at character 1"),
        ('{"a":1} x', "the line is not one JSON object: it goes on at character 8"),
        ('{"a":"x\0"}', "the row has a NUL byte"),
        ('{"a":true}', "a holds True, which is not text or a number"),
        ('{"a":[1]}', "a holds ['1'], which is not text or a number"),
        ('{"a":{"x":1}}', "a holds {'x': '1'}, which is not text or a number"),
    ],
)
def test_what_is_wrong_in_a_line_is_a_fault_of_that_line(line, why):
    assert rows('{"a":1}\n' + line + '\n{"a":3}') == [
        (1, ["1"], ""),
        (2, [], why),
        (3, ["3"], ""),
    ]


def test_the_first_line_may_be_the_one_that_is_wrong():
    assert rows('{"a":1,}\n{"a":2}\n')[1] == (2, ["2"], "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a":1},\n {"a" 2}]', "line 2, column 7: expecting ':' delimiter"),
        ('[{"a":1} {"a":2}]', "line 1, column 10: a comma or ] is missing"),
        ('[{"a":1},', "line 1, column 10: expecting value"),
        ('[{"a":1},]', "line 1, column 10: expecting value"),
        ('[\r\n{"a":1}\r\n', "line 3, column 1: the array has no end"),
        ('[{"a":1}]\n[]', "line 2, column 1: something follows the array"),
        ('{\n"a":1}\n{"a":\n"\n"}', "line 4, column 2: invalid control character"),
        ('[{"a":' + "[" * 100_000, "line 1, column 2: it is nested too deeply"),
        ('[{"a":"' + "x" * (17 << 20), "line 1, column 2: a value has more than 16 MiB"),
        ("[" + '{"a":1},\n' * 50_000 + "x]", "line 50001, column 1: expecting value"),
    ],
)
def test_json_that_is_broken_is_refused_with_its_place_before_any_row(content, said):
    assert refusal(content) == f"a.json is not JSON in {said}"


def test_a_fault_in_an_array_is_a_fault_of_its_element():
    assert rows('[{"a":1},7,{"a":NaN},\n{"a":1,"a":2},{"a":"\\ud800"}]') == [
        (1, ["1"], ""),
        (1, [], "this is no JSON object"),
        (1, [], "NaN is no number of JSON"),
        (2, [], "the key 'a' stands twice in one object"),
        (2, ["\ud800"], ""),
    ]


def test_bytes_that_are_no_text_are_a_fault_of_their_element():
    content = "[\n" + "".join(f'{{"a":"Šé{number}"}},\n' for number in range(200)) + '{"a":"?"}]'
    _, _, found = read(content.encode().replace(b"?", b"\xff"))
    assert [(row.line, row.fault) for row in found if row.fault] == [
        (202, "byte 0xFF is not UTF-8")
    ]
    assert str(found[-1].original).encode("utf-8", "surrogateescape") == b'{"a":"\xff"}'


def test_lists_of_texts_may_stand_for_authors_and_barcodes():
    content = '{"Authors":["Pratchett","Gaiman"],"barcode":["123",456],"author":[]}'
    assert rows(content) == [(1, ["Pratchett, Gaiman", "123 456", ""], "")]
    assert rows('{"authors":[["x"]]}') == [
        (1, [], "authors holds [['x']], which is not text or a number")
    ]


def test_objects_may_stand_in_nested_columns_only():
    assert rows('{"my_options":{"a":{"b":[1.0]}},"b":null}', nested=("my_options",)) == [
        (1, ['{"a": {"b": [1.0]}}', ""], "")
    ]
    deep = '{"a":' * 700 + "1" + "}" * 700
    assert rows(f"[{deep}]", nested=("a",)) == [(1, [], "a is nested too deeply")]


@pytest.mark.slow
def test_one_array_may_be_one_very_long_line():
    content = "[" + ",".join(['{"a":"' + "x" * 1000 + '"}'] * 20_000) + "]"
    assert len(content) > 16 << 20
    assert len(rows(content)) == 20_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a":1}\n{"a":"' + "x" * (17 << 20) + '"}', "a.json has a line of more than 16 MiB"),
        (
            "\n".join(f'{{"k{number}":1}}' for number in range(1001)),
            "the objects of a.json have more than 1000 different keys",
        ),
    ],
)
def test_what_would_not_fit_is_refused(content, said):
    assert refusal(content) == said


def test_a_bracket_may_begin_a_header():
    with reading.reading(io.BytesIO(b"[sku],[title]\n1,2\n"), name="a") as sheet:
        assert sheet.columns == ("[sku]", "[title]")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[]", ""),
        (b"[{}, {}]", ""),
        (b"[1, 2]", ": line 1: this is no JSON object"),
        (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, ": line 1: the line is not one JSON object"),
    ],
    ids=["empty", "without keys", "numbers", "too deep"],
)
def test_json_without_one_object_to_read_says_why(content, why):
    assert refusal(content).startswith(f"a.json has no JSON object with a key in it{why}")
