"""Importing products: what becomes of each row, and that a run can be repeated."""

import csv
import json

import pytest

from bvinv.core import catalog
from bvinv.core.errors import InvalidInput
from bvinv.core.imports import runs
from tests import books
from tests.conftest import mostly_on_sqlite, shared_data
from tests.importers import counts, errors, load


def product(database, ref):
    return books.ask(database, lambda session: catalog.show(session, ref=ref))


FULL = (
    "SKU,ISBN-13,Name,Authors,Description,Genre,Price,Currency,Status,Published,Rating,Image,"
    "Attributes,Barcode\n"
    'HX-1,0-306-40615-2,The Title,A. Author,"Two\nlines",Young Adult,12.5,GBP,draft,1999-05,4.5,'
    "https://example.org/a.jpg,pages=300;cover=soft,5012345678900 x1\n"
)


def test_every_field_of_a_row_is_taken(database):
    assert counts(load(database, FULL)) == (1, 1, 0, 0, 0)
    row = product(database, "hx-1").record()
    said = {
        "sku": "HX-1",
        "isbn": "9780306406157",
        "title": "The Title",
        "author": "A. Author",
        "description": "Two\nlines",
        "category": "young-adult",
        "price": "12.50",
        "currency": "GBP",
        "status": "draft",
        "publication_date": "1999-05",
        "rating": 4.5,
        "popularity": 0,
        "image_url": "https://example.org/a.jpg",
        "attributes": {"cover": "soft", "pages": 300},
        "variant_of": None,
        "options": {},
        "version": 1,
        "barcodes": [
            {"code": "5012345678900", "pack_quantity": 1},
            {"code": "x1", "pack_quantity": 1},
        ],
    }
    assert {field: row[field] for field in said} == said
    assert books.events(database) == [
        ("category.created", "young-adult"),
        ("product.created", "HX-1"),
    ]


def test_json_lines_say_the_same_as_csv(database):
    line = {"sku": "HX-1", "title": "T", "price": 12.5, "attributes": {"pages": 300}, "isbn": None}
    assert counts(load(database, json.dumps(line))) == (1, 1, 0, 0, 0)
    found = product(database, "HX-1")
    assert (found.price, found.currency, found.attributes) == ("12.50", "USD", {"pages": 300})


def test_the_same_file_twice_changes_nothing(database):
    load(database, FULL)
    before = books.snapshot(database)
    assert counts(load(database, FULL)) == (1, 0, 0, 1, 0)
    assert books.snapshot(database) == before


def test_an_update_changes_what_the_file_says_and_leaves_blank_cells_alone(database, clock):
    load(database, FULL)
    clock.advance(books.HOUR)
    row = load(database, "sku,title,author,price,genre,barcode\nhx-1,New,,9.99,,x2 x1\n")
    assert counts(row) == (1, 0, 1, 0, 0)
    found = product(database, "HX-1")
    assert (found.sku, found.title, found.author, found.version) == ("HX-1", "New", "A. Author", 2)
    assert (found.price, found.currency, found.category) == ("9.99", "GBP", "young-adult")
    assert [one.code for one in found.barcodes] == ["x1", "x2"]
    assert found.updated_at - found.created_at == books.HOUR
    [(data,)] = books.fetch(database, "SELECT data FROM event WHERE type = 'product.updated'")
    assert json.loads(data) == {"fields": ["title", "price", "barcode"]}


def test_existing_products_can_be_skipped_or_refused(database):
    load(database, "sku,title\nHX-1,Old\n")
    before = books.snapshot(database)
    content = "sku,title\nhx-1,New\n"
    assert counts(load(database, content, on_existing="skip")) == (1, 0, 0, 1, 0)
    row = load(database, content, on_existing="fail")
    assert errors(row) == [(2, "conflict", "sku", "there is a product HX-1 already")]
    assert books.snapshot(database) == before


def test_a_row_that_cannot_be_taken_is_rejected_with_line_field_and_reason(database):
    content = (
        "sku,title,isbn,price,currency,rating,status,date,variant_of\n"
        ",T,,,,,,,\n"
        "A=1,T,,,,,,,\n"
        "HX-1,,,,,,,,\n"
        "HX-2,T,9780306406158,,,,,,\n"
        "HX-3,T,9.78E+12,,,,,,\n"
        "HX-4,T,,1.999,,,,,\n"
        "HX-5,T,,,GBP,,,,\n"
        "HX-6,T,,,,5.1,,,\n"
        "HX-7,T,,,,,gone,,\n"
        "HX-8,T,,,,,,2001-13,\n"
        "HX-9,T,,,,,,,NONE\n"
        "HX-10,T,,,,,,,HX-10\n"
        "HX-11,T\n"
        "HX-12,  , , , , , , , \n"
        "HX-13,T, , , 4.5 , , , \n"
        "HX-14,T, , , , 4.5 , , , \n"
    )
    row = load(database, content)
    assert counts(row) == (16, 1, 0, 0, 15)
    assert [error[:3] for error in errors(row)] == [
        (2, "invalid-input", "sku"),
        (3, "invalid-input", "sku"),
        (4, "invalid-input", "title"),
        (5, "invalid-input", "isbn"),
        (6, "invalid-input", "isbn"),
        (7, "invalid-input", "price"),
        (8, "invalid-input", "price"),
        (9, "invalid-input", "rating"),
        (10, "invalid-input", "status"),
        (11, "invalid-input", "publication_date"),
        (12, "not-found", "variant_of"),
        (13, "invalid-input", "variant_of"),
        (14, "invalid-input", ""),
        (15, "invalid-input", "title"),
        (16, "invalid-input", ""),
    ]
    assert product(database, "HX-14").rating == 450


def test_a_sku_isbn_or_barcode_of_another_product_is_a_conflict(database):
    load(database, "sku,title,isbn,barcode\nOLD,T,9780306406157,b1\n")
    content = (
        "sku,title,isbn,barcode\n"
        "HX-1,T,9780439023481,b2\n"
        "hx-1,T,,\n"
        "HX-2,T,0439023483,\n"
        "HX-3,T,0306406152,\n"
        "HX-4,T,,b2\n"
        "HX-5,T,,b1\n"
        "HX-6,T,,b3 b3\n"
    )
    row = load(database, content)
    assert counts(row) == (7, 2, 0, 0, 5)
    assert errors(row) == [
        (3, "conflict", "sku", "the SKU hx-1 is in line 2 of this file, too"),
        (4, "conflict", "isbn", "the ISBN 9780439023481 belongs to HX-1"),
        (5, "conflict", "isbn", "the ISBN 9780306406157 belongs to OLD"),
        (6, "conflict", "barcode", "the barcode b2 belongs to HX-1"),
        (7, "conflict", "barcode", "the barcode b1 belongs to OLD"),
    ]


def test_an_isbn_and_a_barcode_that_one_row_gives_up_are_free_for_the_next(database):
    load(database, "sku,title,isbn,barcode\nHX-1,T,9780306406157,b1\n")
    row = load(
        database, "sku,title,isbn,barcode\nHX-1,T,9780439023481,b2\nHX-2,T,9780306406157,b1\n"
    )
    assert counts(row) == (2, 1, 1, 0, 0)
    assert product(database, "9780306406157").sku == "HX-2"
    assert [one.code for one in product(database, "HX-1").barcodes] == ["b2"]


def test_variants_find_parents_above_them_and_in_the_database(database):
    load(database, "sku,title\nP,T\nV0,T\n")
    row = load(
        database,
        "sku,title,variant_of,options\nN,T,,\nV1,T,p,size=L\nV2,T,n,size=M\nV3,T,v2,\nV4,T,X,\n"
        "X,T,,\nv0,T,N,\n",
    )
    assert counts(row) == (7, 5, 1, 0, 1)
    found = {sku: product(database, sku).variant_of for sku in ("V0", "V1", "V2", "V3", "X")}
    assert found == {"V0": "N", "V1": "P", "V2": "N", "V3": "V2", "X": None}
    assert books.events(database)[-1] == ("product.updated", "v0".upper())


def test_a_dry_run_counts_the_same_and_keeps_nothing(database, monkeypatch):
    monkeypatch.setattr(runs, "CHUNK", 2)
    content = (
        "sku,title,genre,isbn,variant_of\nA,T,x,9780306406157,\nB,T,x,,\nC,T,y,,a\nA,T,,,\n"
        "D,T,,9780306406157,\nE,T,,,D\n"
    )
    before = books.snapshot(database)
    dry = load(database, content, dry_run=True)
    assert books.snapshot(database) == before
    real = load(database, content)
    assert counts(dry) == counts(real) == (6, 3, 0, 0, 3)
    assert dry.errors == real.errors


def test_a_rejects_file_holds_the_rows_as_they_were_and_can_be_mended(database, tmp_path):
    path = tmp_path / "rejects.csv"
    content = 'Sku,Name,genre,rating\nA,One,a,6\nB,Two,b,4\nC,"T ""3""\r",,1\nD,short\nE,"F,,\n'
    row = load(database, content, rejects=path)
    assert (row.rejected, row.rejects_file) == (4, str(path))
    assert [found.name for found in tmp_path.glob("*rejects*")] == ["rejects.csv"]
    text = path.read_bytes().decode()
    assert text == (
        "Sku,Name,genre,rating,error_code,error_field,error_message\r\n"
        'A,One,a,6,invalid-input,rating,"the rating must be from 0 to 5 with two decimals at most,'
        " not '6'\"\r\n"
        'C,"T ""3""\r",,1,invalid-input,title,'
        "the title has a control character: '\\r' at character 6\r\n"
        'D,short,invalid-input,,"the row has 2 cells, and the header has 4"\r\n'
        '"E,""F,,",invalid-input,,a quote opens in this line and is not closed\r\n'
    )
    assert load(database, text).rejected == 4
    mended = text.replace(",6,", ",5,").replace("\r", "\n").replace("\n\n", "\n")
    mended = (
        mended.replace('3""\n"', '3"""').replace("short,", "short,,,").replace('"E,""F,,"', "E,F,,")
    )
    assert counts(load(database, mended)) == (4, 4, 0, 0, 0)
    assert product(database, "C").title == 'T "3"'


def test_a_rejects_file_of_json_lines_can_be_mended_too(database, tmp_path):
    path = tmp_path / "rejects.jsonl"
    content = '{"sku":"A","title":"\\ud800"}\n{"sku":"B","title":"T","rating":6}\n{"sku"\n'
    assert load(database, content, rejects=path).rejected == 3
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [list(row) for row in found] == [
        ["sku", "title", "error_code", "error_field", "error_message"],
        ["sku", "title", "rating", "error_code", "error_field", "error_message"],
        ["line", "error_code", "error_field", "error_message"],
    ]
    assert [row["error_field"] for row in found] == ["title", "rating", ""]
    text = path.read_text()
    assert text.splitlines()[1].startswith('{"sku":"B","title":"T","rating":6, "error_code": ')
    mended = text.replace('"\\ud800"', '"T"').replace('"rating":6', '"rating":5')
    mended = "\n".join(mended.splitlines()[:2])
    assert counts(load(database, mended)) == (2, 2, 0, 0, 0)


def test_without_rejects_there_is_no_rejects_file(database, tmp_path):
    row = load(database, "sku,title\nA,T\n", rejects=tmp_path / "rejects.csv")
    assert row.rejects_file is None
    assert not (tmp_path / "rejects.csv").exists()


def test_a_rejects_file_that_cannot_be_written_is_said_before_anything_is_changed(
    database, tmp_path
):
    before = books.snapshot(database)
    for path in (tmp_path, tmp_path / "none" / "rejects.csv"):
        with pytest.raises(InvalidInput, match="cannot be written"):
            load(database, "sku,title\nA,T\n", rejects=path)
    assert books.snapshot(database) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"sku,name,colour\nA,T,red\n",
        b"title\nT\n",
        b"PK\x03\x04",
        b'sku,"title\n',
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(database, content):
    before = books.snapshot(database)
    with pytest.raises(InvalidInput):
        load(database, content)
    assert books.snapshot(database) == before


def test_a_file_of_prices_alone_changes_what_is_there_and_makes_nothing_new(database):
    load(database, "sku,title,status\nA,Book A,draft\n")
    row = load(database, "sku,price\nA,12.99\nB,5\n")
    assert counts(row) == (2, 0, 1, 0, 1)
    assert row.errors[0]["message"] == "the title is missing"
    assert books.fetch(database, "SELECT sku, title, price FROM product") == [("A", "Book A", 1299)]


def test_a_header_alone_is_no_error(database):
    assert counts(load(database, "sku,title\n")) == (0, 0, 0, 0, 0)


@mostly_on_sqlite
def test_ten_thousand_real_books_are_imported(database):
    path = shared_data("goodbooks/catalogue.csv")
    assert counts(load(database, path)) == (10_000, 10_000, 0, 0, 0)
    assert books.fetch(database, "SELECT count(*), count(isbn) FROM product") == [(10_000, 9_277)]
    before = books.fetch(database, "SELECT count(*) FROM event")
    assert counts(load(database, path)) == (10_000, 0, 0, 10_000, 0)
    assert books.fetch(database, "SELECT count(*) FROM event") == before


RAW = {
    "book_id": "sku",
    "isbn": "isbn",
    "isbn13": "isbn",
    "original_publication_year": "publication_date",
    "average_rating": "rating",
}


@mostly_on_sqlite
def test_raw_books_with_mangled_isbns_are_recovered_or_rejected(database, tmp_path):
    path = tmp_path / "rejects.csv"
    source = shared_data("goodbooks/books.csv")
    row = load(database, source, mapping=RAW, ignore_unknown=True, rejects=path)
    assert counts(row) == (10_000, 9_874, 0, 0, 126)
    assert books.fetch(database, "SELECT count(*), count(isbn) FROM product") == [(9_874, 9_309)]
    with path.open(encoding="utf-8", newline="") as lines:
        rejected = list(csv.DictReader(lines))
    assert {one["error_field"] for one in rejected} == {"isbn"}
    assert all(one["isbn"] or one["isbn13"] for one in rejected)
    assert (rejected[0]["book_id"], rejected[0]["error_message"]) == (
        "799",
        "'9.7804251888e+12' is not an ISBN: the last digits are gone: 10 ISBNs would fit",
    )
    with shared_data("goodbooks/catalogue.csv").open(encoding="utf-8", newline="") as lines:
        known = {str(int(one["sku"][3:])): one["isbn"] for one in csv.DictReader(lines)}
    found = books.fetch(database, "SELECT sku, isbn FROM product WHERE isbn IS NOT NULL")
    assert [sku for sku, isbn in found if known[sku] not in ("", isbn)] == []

    again = path.read_text(encoding="utf-8").replace("'", "")
    for one in rejected:
        again = again.replace(f",{one['isbn']},{one['isbn13']},", ",,,")
    row = load(database, again, mapping=RAW, ignore_unknown=True)
    assert counts(row) == (126, 126, 0, 0, 0)
