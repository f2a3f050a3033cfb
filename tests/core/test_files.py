"""Files of rows: what they are, which line a row is in, what cannot be read."""

import codecs
import io
import os

import pytest

from bvinv.core import columns, files
from bvinv.core.errors import InvalidInput


def records(content: bytes, **more):
    with files.reading(io.BytesIO(content), name="a.csv", **more) as sheet:
        return sheet.columns, [
            (record.line, record.cells, record.fault) for record in sheet.records()
        ]


def refusal(content: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        records(content)
    return caught.value.detail


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_csv_file_is_read_whatever_its_line_ends_and_byte_order_mark(end, mark):
    content = mark + b"sku,title" + end + b'HX-1,"Two\nlines"' + end + end + "HX-2,Š".encode()
    assert records(content) == (
        ("sku", "title"),
        [(2, ["HX-1", "Two\nlines"], ""), (5, ["HX-2", "Š"], "")],
    )


def test_json_lines_are_known_by_their_first_character_and_keep_numbers_as_written():
    content = b'\xef\xbb\xbf \n{"sku":"HX-1","price":12.90}\n\n{"isbn":9.78E+12,"sku":7}\n'
    assert records(content) == (
        ("sku", "price", "isbn"),
        [(2, ["HX-1", "12.90", ""], ""), (4, ["7", "", "9.78E+12"], "")],
    )


def test_an_object_may_stand_in_a_nested_column_only():
    content = b'{"attributes":{"pages":300},"a":null}\n{"title":{"x":1}}\n{"title":true}\n'
    _, found = records(content, nested=("attributes",))
    assert found[0] == (1, ['{"pages": 300}', "", ""], "")
    assert [fault for _, _, fault in found[1:]] == [
        "title holds {'x': '1'}, which is not text or a number",
        "title holds True, which is not text or a number",
    ]


@pytest.mark.parametrize(
    "line", [b'{"a":1,"a":2}', b"[1]", b'{"a":', b'{"a":NaN}', b'{"a":' + b"[" * 100_000, b"x"]
)
def test_a_line_that_is_not_one_json_object_is_a_fault_of_that_line(line):
    _, found = records(b'{"a":1}\n' + line + b'\n{"a":3}')
    assert found == [
        (1, ["1"], ""),
        (2, [], "the line is not one JSON object with each key once"),
        (3, ["3"], ""),
    ]


def test_a_row_of_another_width_than_the_header_is_a_fault():
    assert records(b"a,b\n1\n1,2,3\n1,2\n \n,\n")[1] == [
        (2, ["1"], "the row has 1 cells, and the header has 2"),
        (3, ["1", "2", "3"], "the row has 3 cells, and the header has 2"),
        (4, ["1", "2"], ""),
        (6, ["", ""], ""),
    ]


def test_a_missing_quote_costs_its_own_line_and_no_other():
    rows = [f"{n},Title {n}\n" for n in range(10_000)]
    rows[4999] = '4999,"Title\n'
    _, found = records(("a,b\n" + "".join(rows)).encode())
    assert len(found) == 10_000
    assert [record for record in found if record[2]] == [
        (5001, [], "a quote opens in this line and is not closed")
    ]
    assert found[4998] == (5000, ["4998", "Title 4998"], "")
    assert found[5000] == (5002, ["5000", "Title 5000"], "")


def test_a_quote_that_another_row_seems_to_close_costs_one_line_too():
    assert records(b'a,b\n1,"x\n2,"y"\n3,z\n')[1] == [
        (2, [], 'a quote (") is missing, or not doubled inside a quoted cell, up to 1 lines below'),
        (3, ["2", "y"], ""),
        (4, ["3", "z"], ""),
    ]


def test_a_cell_that_is_too_long_is_a_fault_of_its_line():
    assert records(b"a,b\n1," + b"x" * 131_073 + b"\n2,y\n")[1] == [
        (2, [], "a cell has more than 131072 characters"),
        (3, ["2", "y"], ""),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.csv is empty"),
        (b"\xef\xbb\xbf \r\n\n", "a.csv is empty"),
        (b"PK\x03\x04xyz", "a.csv seems to be a ZIP archive or a spreadsheet (.xlsx, .ods)"),
        (b"\x1f\x8b\x08", "a.csv seems to be compressed with gzip"),
        ("sku,title".encode("utf-16"), "a.csv seems to be UTF-16 text"),
        ("sku,title".encode("utf-16-le"), "a.csv seems to be UTF-16 text"),
        (bytes(range(256)) * 4, "a.csv has a NUL byte in line 1: it seems to be binary or damaged"),
        (b"a,b\n1,2\n1,\x00\n", "a.csv has a NUL byte in line 3: it seems to be binary or damaged"),
        (
            b"a,b\n1,caf\xe9\n",
            "a.csv is not UTF-8 in line 2 (byte 0xE9): it seems to be Windows-1252, "
            "Latin-1, or no text at all",
        ),
        (b"a\ncaf\xc3", "a.csv ends in the middle of a character: is it complete?"),
        (b'[{"sku":1}]', "a.csv seems to be one JSON array"),
        (b"<?xml?>", "a.csv seems to be XML"),
        (
            b'a,"b\n1,2\n',
            "a.csv has a header that cannot be read: a quote opens in this line and is not closed",
        ),
        (b"a" * (17 << 20), "a.csv has a line of more than 16 MiB"),
    ],
)
def test_what_is_no_text_file_is_refused_by_what_it_seems_to_be(content, said):
    assert refusal(content) == said


def test_an_error_beyond_the_first_megabyte_is_found_with_its_line():
    assert refusal(b"a,b\n" + b"1,2\n" * 600_000 + b"\xe9,\n").startswith(
        "a.csv is not UTF-8 in line 600002 "
    )


def test_a_pipe_is_read_like_a_file():
    reader, writer = os.pipe()
    os.write(writer, b"a,b\n1,2\n")
    os.close(writer)
    with (
        os.fdopen(reader, "rb") as source,
        files.reading(source, name="-") as sheet,
    ):
        assert [record.cells for record in sheet.records()] == [["1", "2"]]


FIELDS = ("sku", "title", "isbn")


def match(*names, **more):
    return columns.match(names, fields=FIELDS, required=("sku",), **more)


def test_headers_match_whatever_their_case_spaces_and_hyphens():
    synonyms = {"isbn_13": "isbn", "name": "title"}
    assert match(" SKU ", "ISBN-13", "Name", synonyms=synonyms) == {
        "sku": [0],
        "isbn": [1],
        "title": [2],
    }


def test_a_synonym_stands_back_behind_the_field_itself():
    with pytest.raises(InvalidInput, match="unknown columns: name"):
        match("sku", "name", "title", synonyms={"name": "title"})


def test_a_mapping_goes_first_and_keeps_its_order():
    assert match("b", "isbn", "sku", mapping={"isbn": "isbn", "b": "isbn"}, several=("isbn",)) == {
        "isbn": [1, 0],
        "sku": [2],
    }
    assert match("title", "sku", mapping={"title": "-"}) == {"sku": [1]}


@pytest.mark.parametrize(
    ("names", "more", "said"),
    [
        (("sku", "Sku"), {}, "the header has 'sku' more than once"),
        (("title",), {}, "the file has no column sku"),
        (("sku;title",), {}, "the file has no column sku"),
        (("sku", "colour", "a b"), {}, "unknown columns: colour, 'a b'"),
        (
            ("sku",),
            {"mapping": {"x": "title"}},
            "the mapping names the column 'x', which is not there",
        ),
        (
            ("sku", "x"),
            {"mapping": {"x": "y"}},
            "the mapping names the field 'y', which is not known",
        ),
        (("sku", "x"), {"mapping": {"x": "-", "X": "-"}}, "the mapping names the column 'X' twice"),
        (
            ("sku", "x"),
            {"mapping": {"x": "sku"}},
            "the columns 'x' and 'sku' would both be the sku",
        ),
    ],
)
def test_a_header_that_leaves_doubt_is_refused(names, more, said):
    with pytest.raises(InvalidInput) as caught:
        match(*names, **more)
    assert caught.value.detail == said


def test_unknown_columns_are_ignored_when_told_so_and_error_columns_always():
    assert match("sku", "x", ignore_unknown=True) == {"sku": [0]}
    assert match("sku", "error_code", "error_field", "error_message") == {"sku": [0]}
