"""The rejects file: the rows as they came, their errors, and nothing lost on the way."""

import csv
import os
import subprocess
import sys

import pytest

from tests import books
from tests.importers import counts, load


def test_rejects_have_the_delimiter_of_the_file(database, tmp_path):
    path = tmp_path / "r.csv"
    content = "sku;title;rating\nA;T, or not;9\nB;T;1\n"
    load(database, content, rejects=path)
    assert path.read_bytes().decode() == (
        "sku;title;rating;error_code;error_field;error_message\r\n"
        "A;T, or not;9;invalid-input;rating;the rating must be from 0 to 5 with two decimals at "
        "most, not '9'\r\n"
    )
    assert counts(load(database, path.read_text().replace(";9;", ";3;"))) == (1, 1, 0, 0, 0)


def test_bytes_that_are_no_text_are_kept(database, tmp_path):
    path = tmp_path / "r.csv"
    good = b"".join(b"A%d,caf\xc3\xa9\n" % n for n in range(50))
    bad = b"B1,caf\xe9 \x93\xff\nB2,N\0L\n"
    row = load(database, b"sku,title\n" + good + bad, rejects=path)
    assert counts(row) == (52, 50, 0, 0, 2)
    [_, first, second] = path.read_bytes().split(b"\r\n")[:3]
    assert first.startswith(b"B1,caf\xe9 \x93\xff,invalid-input,,")
    assert second.startswith(b"B2,N\0L,invalid-input,,")
    mended = path.read_bytes().replace(b"\xe9 \x93\xff", b"\xc3\xa9").replace(b"\0", b"U")
    assert counts(load(database, mended)) == (2, 2, 0, 0, 0)
    found = books.fetch(
        database, "SELECT title FROM product WHERE sku IN ('B1', 'B2') ORDER BY sku"
    )
    assert found == [("café",), ("NUL",)]


def test_bytes_of_json_that_are_no_text_are_kept(database, tmp_path):
    path = tmp_path / "r.jsonl"
    good = b"".join(b'{"sku":"A%d","title":"caf\xc3\xa9"}\n' % n for n in range(50))
    row = load(database, good + b'{"sku":"B","title":"caf\xff"}\n', rejects=path)
    assert row.rejected == 1
    marked = b'\xef\xbb\xbf{"sku":"B","title":"caf\xff", "error_code": '
    assert path.read_bytes().startswith(marked)


def test_a_row_that_is_no_text_is_refused_again_as_long_as_nobody_mends_it(database, tmp_path):
    path = tmp_path / "r.csv"
    good = b"".join(b"A%d,caf\xc3\xa9\n" % n for n in range(50))
    load(database, b"sku,title\n" + good + b"B,caf\xe9\n", rejects=path)
    first = path.read_bytes()
    assert counts(load(database, first, rejects=path)) == (1, 0, 0, 0, 1)
    assert path.read_bytes() == first


@pytest.mark.parametrize("encoding", ["cp1250", "gb18030", "utf-16"])
def test_rejects_of_a_file_in_another_encoding_are_read_with_the_same_options(
    database, tmp_path, encoding
):
    path = tmp_path / "r.csv"
    content = "sku,title,price\nA,Dvořák,x\n".encode(encoding)
    assert counts(load(database, content, encoding=encoding, rejects=path)) == (1, 0, 0, 0, 1)
    first = path.read_bytes()
    load(database, first, encoding=encoding, rejects=path)
    assert path.read_bytes() == first
    mended = first.replace(b",x,", b",1,")
    assert counts(load(database, mended, encoding=encoding)) == (1, 1, 0, 0, 0)
    assert books.fetch(database, "SELECT title FROM product") == [("Dvořák",)]


def test_rejects_may_be_read_by_whom_other_files_may_and_follow_a_link(database, tmp_path):
    link, path = tmp_path / "link.csv", tmp_path / "r.csv"
    link.symlink_to(path)
    plain = tmp_path / "plain"
    plain.touch()
    load(database, "sku,title\nA,\n", rejects=link)
    assert link.is_symlink()
    assert path.stat().st_mode == plain.stat().st_mode
    endless = tmp_path / "endless.csv"
    endless.symlink_to(endless)
    load(database, "sku,title\nA,\n", rejects=endless)
    assert endless.read_bytes() == path.read_bytes()


def test_numbers_of_json_stay_as_they_are_written(database, tmp_path):
    path = tmp_path / "r.jsonl"
    load(database, '{"sku":"B","title":"T","price":1e400, "rating":9.10}\n', rejects=path)
    assert path.read_text().startswith('{"sku":"B","title":"T","price":1e400, "rating":9.10, ')
    load(database, path.read_text(), rejects=path)
    assert path.read_text().count('"error_code"') == 1


def test_a_key_that_stands_twice_keeps_both_of_its_values(database, tmp_path):
    path = tmp_path / "r.jsonl"
    content = '{"sku":"A","title":"T"}\n{"sku":"B","title":"T","title":"U"}\n'
    assert counts(load(database, content, rejects=path)) == (2, 1, 0, 0, 1)
    assert path.read_text().startswith('{"line": "{\\"sku\\":\\"B\\",\\"title\\":\\"T\\",')


def test_rejects_of_a_file_without_a_header_get_one_and_can_be_imported(database, tmp_path):
    path = tmp_path / "r.csv"
    mapping = {"1": "sku", "2": "title", "3": "-", "4": "price"}
    content = "A,One,x,5\nB,,y,6\nC,Three,z\n"
    row = load(database, content, header=False, mapping=mapping, rejects=path)
    assert counts(row) == (3, 1, 0, 0, 2)
    with path.open(newline="") as source:
        header, *rows = csv.reader(source)
    assert header == ["sku", "title", "3", "price", "error_code", "error_field", "error_message"]
    assert [cells[:4] for cells in rows] == [
        ["B", "", "y", "6"],
        ["C", "Three", "z", "invalid-input"],
    ]
    mended = path.read_text().replace("B,,", "B,Two,").replace("C,Three,z,", "C,Three,z,1,")
    assert counts(load(database, mended, mapping={"3": "-"})) == (2, 2, 0, 0, 0)


def test_what_a_killed_run_left_beside_the_rejects_is_removed(database, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, other = (tmp_path / f".r.csv.x1y2.{pid}" for pid in (ended.pid, os.getpid()))
    left.touch()
    other.touch()
    load(database, "sku,title\nA,\n", rejects=tmp_path / "r.csv")
    assert sorted(found.name for found in tmp_path.glob("*r.csv*")) == [other.name, "r.csv"]


def test_rejects_name_their_columns_once_however_often_they_come_round(database, tmp_path):
    path = tmp_path / "r.csv"
    load(database, "sku,title\nA,\n", rejects=path)
    first = path.read_bytes()
    load(database, first, rejects=path)
    assert path.read_bytes() == first
