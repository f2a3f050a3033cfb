"""Files of rows: what they are by their content, which line a row is in, what cannot be read."""

import codecs
import csv
import gzip
import hashlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.errors import InvalidInput
from bvinv.core.files import reading
from tests.conftest import shared_data


def records(content: bytes, **more):
    with reading.reading(io.BytesIO(content), name="a.csv", **more) as sheet:
        return sheet.columns, [
            (record.line, record.cells, record.fault) for record in sheet.records()
        ]


def kind(content: bytes, **more) -> str:
    with reading.reading(io.BytesIO(content), name="a.csv", **more) as sheet:
        return sheet.kind


def refusal(content: bytes, **more) -> str:
    with pytest.raises(InvalidInput) as caught:
        records(content, **more)
    return caught.value.detail


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("codec", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("cp1252", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_csv_file_is_read_whatever_its_encoding_and_line_ends(end, codec, mark, packed):
    content = mark + end.join(["sku,title", 'HX-1,"Two\nlines"', "", "HX-2,Café"]).encode(codec)
    assert records(gzip.compress(content) if packed else content) == (
        ("sku", "title"),
        [(2, ["HX-1", "Two\nlines"], ""), (5, ["HX-2", "Café"], "")],
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "CSV, UTF-8, comma"),
        (b"a;b\n1;2,5\n", "CSV, UTF-8, semicolon"),
        (b"a|b", "CSV, UTF-8, bar"),
        ("a\tb\né\t2".encode("latin-1"), "TSV, Windows-1252"),
        ("a\tb".encode("utf-16"), "TSV, UTF-16"),
        (b'{"a":1}', "JSON lines, UTF-8"),
        ('[{"a":1}]'.encode("utf-16"), "JSON, UTF-16"),
        (gzip.compress("a;b".encode("utf-16"), mtime=0), "CSV, UTF-16, semicolon, gzip"),
        (gzip.compress(b'{"a":1}', mtime=0), "JSON lines, UTF-8, gzip"),
    ],
)
def test_people_are_shown_what_a_file_was_taken_for(content, said):
    assert kind(content) == said


def test_the_delimiter_that_is_said_goes_first():
    content = b"{a,b;c\n1,2;3\n"
    assert records(content, delimiter=";")[1] == [(2, ["1,2", "3"], "")]
    assert records(content, delimiter=",")[1] == [(2, ["1", "2;3"], "")]
    with reading.reading(io.BytesIO(content), name="a", delimiter="tab") as sheet:
        assert (sheet.columns, sheet.delimiter) == (("{a,b;c",), "\t")


def test_without_a_header_columns_are_numbers_and_the_first_row_is_a_row():
    assert records(b"HX-1,Dune\nHX-2\n", header=False) == (
        ("1", "2"),
        [
            (1, ["HX-1", "Dune"], ""),
            (2, ["HX-2"], "the row has 1 cells, and the first row has 2"),
        ],
    )
    assert refusal(b'{"a":1}', header=False) == "a.csv is JSON, which names its columns anyway"


def test_a_sheet_knows_its_bytes_and_how_far_it_is_read():
    content = b"a,b\n" + b"1,2\n" * 100_000
    with reading.reading(io.BytesIO(content), name="a") as sheet:
        assert sheet.digest == hashlib.sha256(content).hexdigest()
        rows = sheet.records()
        for _ in range(50_000):
            next(rows)
        assert 0.45 < sheet.progress() < 0.55
        assert sum(1 for _ in rows) == 50_000
        assert sheet.progress() == 1
        assert sum(1 for _ in sheet.records()) == 100_000


def test_defects_cost_their_own_rows_and_keep_their_bytes():
    lines = [b"sku,title", *(b"B-%d,Title %d" % (number, number) for number in range(2, 10_001))]
    bad = {
        100: (b"B-1,\xff\xfe", "byte 0xFF is not UTF-8"),
        200: (b"B-2,a\0b", "the row has a NUL byte"),
        300: (b"B-3", "the row has 1 cells, and the header has 2"),
        400: (b'B-4,"x', "a quote opens in this line and is not closed"),
        9000: (b"B-5,\xc3(,", "byte 0xC3 is not UTF-8"),
        10_000: (b"B-6,\x81", "byte 0x81 is not UTF-8"),
    }
    for line, (row, _) in bad.items():
        lines[line - 1] = row
    with reading.reading(io.BytesIO(b"\n".join(lines)), name="a") as sheet:
        found = list(sheet.records())
    assert [record.line for record in found] == list(range(2, 10_001))
    faults = {record.line: record for record in found if record.fault}
    assert {line: record.fault for line, record in faults.items()} == {
        line: why for line, (_, why) in bad.items()
    }
    for line in (100, 200, 9000, 10_000):
        written = ",".join(faults[line].original).encode("utf-8", "surrogateescape")
        assert written == bad[line][0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.csv is empty"),
        (b"\xef\xbb\xbf \r\n\n", "a.csv is empty"),
        (b'""\n', "a.csv is empty"),
        (gzip.compress(b"", mtime=0), "a.csv is empty"),
        (b"\xff\xfe", "a.csv is empty"),
        (b"\x1f\x8b\x08", "a.csv ends in the middle of its gzip"),
        (
            b"<?xml?>",
            "a.csv is XML, and only products are imported from that, as ONIX",
        ),
        ("<ONIX/>".encode("utf-16"), "a.csv is XML, and only products are imported from that,"),
        (b" <!DOCTYPE HTML><html>", "a.csv is a web page"),
        (
            b'a,"b\n1,2\n',
            "a.csv has a header that cannot be read: a quote opens in this line and is not closed",
        ),
        (b"a,\0b\n1,2\n", "a.csv has a header that cannot be read: the row has a NUL byte"),
        (b"a," * 1_000_000, "a.csv has 1000001 columns; at most 1000 can be read"),
        (b'"a",' * 1000, "a.csv has 1001 columns; at most 1000 can be read"),
        (b'"' + b"a" * 131_073 + b'"', "a.csv has a header that cannot be read: a cell has more"),
        (b"a\n" + b"a" * (17 << 20), "a.csv has a line of more than 16 MiB"),
    ],
)
def test_what_cannot_be_read_is_refused_by_what_it_seems_to_be(content, said):
    assert refusal(content).startswith(said)


def test_a_header_alone_has_no_rows():
    assert records(b"sku,title\n") == (("sku", "title"), [])


def test_a_doubled_header_is_for_the_columns_to_refuse():
    assert records(b"sku,sku\n1,2\n")[0] == ("sku", "sku")


def test_a_row_of_a_million_columns_is_a_fault():
    assert records(b"a,b\n" + b"1," * 1_000_000 + b"\n1,2")[1][1] == (3, ["1", "2"], "")


def test_a_named_pipe_and_a_link_are_files(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"a,b\n1,2\n")
    os.close(writer)
    with os.fdopen(reader, "rb") as source, reading.reading(source, name="-") as sheet:
        assert [record.cells for record in sheet.records()] == [["1", "2"]]
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "link").symlink_to(tmp_path / "a.csv")
    with (tmp_path / "link").open("rb") as source, reading.reading(source, name="link") as sheet:
        assert [record.cells for record in sheet.records()] == [["1", "2"]]


# Many control characters in a small file make it a binary one.
TYPED = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t")
CELL = st.text(TYPED, max_size=8)


@given(
    st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=6),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_what_a_csv_writer_writes_is_read_as_it_was(table, codec, sign, end, packed):
    written = io.StringIO(newline="")
    table = [["sku", "a title"], *table]
    csv.writer(written, delimiter=sign, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    content = written.getvalue().encode(codec)
    without_mark = codec if codec in ("utf-16-le", "utf-16-be") else None
    source = io.BytesIO(gzip.compress(content) if packed else content)
    with reading.reading(source, name="a", encoding=without_mark) as sheet:
        assert [list(sheet.columns), *(record.cells for record in sheet.records())] == table
        assert sheet.delimiter == sign


BEGINNINGS = [b"", b"a,b\n", b"[", b'{"a":', b"\x1f\x8b\x08\0", b"\xff\xfe", b"a;b\n1;2\n", b"<"]
PIECES = [b"1,2\n", b'"', b"\xff", b"\0", b"\xc3\xa9", b"{", b"}", b"]", b"[", b":", b",", b"\r"]


@given(
    st.sampled_from(BEGINNINGS),
    st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES)).map(b"".join)),
    st.booleans(),
    st.sampled_from([None, "utf-8", "cp1252", "utf-16", "shift-jis"]),
)
def test_whatever_is_in_a_file_it_has_rows_or_is_refused(beginning, rest, packed, encoding):
    content = beginning + rest
    source = io.BytesIO(gzip.compress(content) if packed else content)
    try:
        with reading.reading(source, name="a", encoding=encoding, onix=True) as sheet:
            for record in sheet.records():
                assert record.fault or len(record.cells) == len(sheet.columns)
    except InvalidInput as error:
        assert error.detail


@pytest.mark.parametrize(
    ("name", "columns", "rows", "said"),
    [
        ("goodbooks/books.csv", 23, 10_000, "CSV, UTF-8, comma"),
        ("goodbooks/catalogue.csv", 9, 10_000, "CSV, UTF-8, comma"),
        ("scans/books.csv", 12, 1_706, "CSV, UTF-8, comma"),
        ("scans/scan_log.csv", 2, 1_784, "CSV, UTF-8, comma"),
        ("online-retail/ledger.csv.gz", 5, 538_914, "CSV, UTF-8, comma, gzip"),
        ("online-retail/demand.csv.gz", 3, 274_450, "CSV, UTF-8, comma, gzip"),
        ("online-retail/demand_on_book_skus.csv.gz", 3, 274_450, "CSV, UTF-8, comma, gzip"),
        ("onix/onix2-single.xml", None, 1, "ONIX 2.1"),
        ("onix/onix3-multiple.xml", None, 21, "ONIX 3.0"),
        ("onix/single-book-onix3-short.xml", None, 1, "ONIX 3.0"),
        ("onix/Onix3.1-single-ref.xml", None, 1, "ONIX 3.1"),
    ],
)
def test_real_files_are_recognised_and_read_to_their_end(name, columns, rows, said):
    with (
        shared_data(name).open("rb") as source,
        reading.reading(source, name=name, onix=True) as sheet,
    ):
        assert sheet.kind == said
        assert columns in (None, len(sheet.columns))
        faults = [record.fault for record in sheet.records()]
        assert (len(faults), [fault for fault in faults if fault]) == (rows, [])
        assert sheet.progress() == 1


@pytest.mark.parametrize("codec", ["cp1252", "latin-1", "utf-16", "utf-8"])
def test_the_real_catalogue_is_recognised_in_other_encodings(codec):
    text = shared_data("goodbooks/catalogue.csv").read_text(encoding="utf-8")
    content = text.encode(codec, "replace")
    shown = {"utf-8": "UTF-8", "utf-16": "UTF-16"}.get(codec, "Windows-1252")
    assert kind(content) == f"CSV, {shown}, comma"
    _, found = records(content)
    assert [fault for _, _, fault in found if fault] == []
    assert len(found) == 10_000
