"""Rows of products: which product each means, what its cells say, what its price waits for."""

import json

import pytest

from bvinv.core import catalog
from bvinv.core.errors import InvalidInput
from bvinv.core.imports import runs as import_runs
from tests import books
from tests.conftest import shared_data
from tests.importers import counts, errors, load

A, B = "9780306406157", "9780141439518"


def product(database, ref):
    return books.ask(database, lambda session: catalog.show(session, ref=ref))


def skus(database) -> list[str]:
    return [sku for (sku,) in books.fetch(database, "SELECT sku FROM product ORDER BY sku")]


# --- By ISBN or barcode --------------------------------------------------------------------------


def test_without_skus_products_go_by_their_isbn_else_by_their_first_barcode(database):
    load(database, f"sku,title,isbn,barcode\nHX-1,Old,{A},\nHX-2,Old,,b1\n")
    content = (
        "isbn,barcode,title\n0-306-40615-2,,New\n,b1 b2,Newer\n"
        f"{B},b3,Third\n,b4 b5,Fourth\n,,Fifth\n"
    )
    row = load(database, content)
    assert counts(row) == (5, 2, 2, 0, 1)
    assert errors(row) == [
        (6, "invalid-input", "isbn", "the row has no ISBN and no barcode to go by")
    ]
    assert skus(database) == [B, "HX-1", "HX-2", "b4"]
    assert (product(database, "HX-1").title, product(database, "HX-2").title) == ("New", "Newer")
    assert (product(database, B).isbn, product(database, "b5").sku) == (B, "b4")
    assert counts(load(database, content)) == (5, 0, 0, 4, 1)


@pytest.mark.parametrize("dry_run", [False, True])
def test_without_skus_a_product_may_stand_in_the_file_once(database, dry_run):
    load(database, f"sku,title,isbn,barcode\nHX-1,Old,{A},b1\n")
    content = f"isbn,barcode,title\n{A},,T\n,b1,T\n{B},b2,T\n,b2,T\n{B},,T\n"
    row = load(database, content, dry_run=dry_run)
    assert errors(row) == [
        (3, "conflict", "barcode", "the barcode b1 is in line 2 of this file, too"),
        (5, "conflict", "barcode", "the barcode b2 belongs to 9780141439518"),
        (6, "conflict", "isbn", "the ISBN 9780141439518 is in line 4 of this file, too"),
    ]


def test_a_product_keeps_its_other_barcodes_and_packs_where_a_row_goes_by_one(database):
    load(database, "sku,title,barcode\nHX-1,Old,b1=6 b2\n")
    assert counts(load(database, "barcode,price\nb1,9\n")) == (1, 0, 1, 0, 0)
    assert counts(load(database, "barcode,price\nb1,9\n")) == (1, 0, 0, 1, 0)
    found = [(one.code, one.pack_quantity) for one in product(database, "HX-1").barcodes]
    assert found == [("b1", 6), ("b2", 1)]
    assert counts(load(database, "barcode,price\nb1 b3=4,9\n")) == (1, 0, 1, 0, 0)
    assert len(product(database, "HX-1").barcodes) == 3


@pytest.mark.parametrize("chunk", [1, 2])
def test_a_row_whose_price_was_refused_leaves_its_sku_to_the_next(database, monkeypatch, chunk):
    monkeypatch.setattr(import_runs, "CHUNK", chunk)
    load(database, "sku,title,price,currency\nHX-1,T,500,JPY\n")
    row = load(database, "sku,price\nHX-1,600.5\nHX-1,700\n")
    assert (counts(row), [error[0] for error in errors(row)]) == ((2, 0, 1, 0, 1), [2])


def test_a_sku_column_that_is_there_has_to_be_filled(database):
    row = load(database, f"sku,isbn,title\n,{A},T\n")
    assert errors(row) == [(2, "invalid-input", "sku", "the SKU is missing")]


def test_a_file_that_names_no_product_is_refused(database):
    with pytest.raises(InvalidInput, match="the file has no column sku or isbn or barcode"):
        load(database, "title,author\nT,A\n")


def test_what_exists_can_be_skipped_or_refused_by_isbn_too(database):
    load(database, f"sku,title,isbn\nHX-1,Old,{A}\n")
    content = f"isbn,title\n{A},New\n"
    assert counts(load(database, content, on_existing="skip")) == (1, 0, 0, 1, 0)
    row = load(database, content, on_existing="fail")
    assert errors(row) == [(2, "conflict", "sku", "there is a product HX-1 already")]


# --- Prices --------------------------------------------------------------------------------------

PRICED = "sku,title,price,currency\nHX-1,One,9.99,GBP\nHX-2,Two,,\nHX-3,Three,5,GBP\n"


def test_another_price_of_a_published_product_waits_for_somebody_to_decide(database):
    load(database, PRICED + "HX-4,Four,1,GBP\n")
    books.act(database, lambda s: catalog.change(s, ref="HX-3", fields={"status": "discontinued"}))
    changed = (
        "sku,title,price,currency\nHX-1,Uno,12.50,GBP\nHX-2,Two,7,GBP\nHX-3,Three,6,GBP\n"
        "HX-4,Four,1.00,GBP\n"
    )
    row = load(database, changed)
    assert (counts(row), row.price_requests) == ((4, 0, 3, 1, 0), 2)
    one = product(database, "HX-1")
    assert (one.title, one.price, one.version) == ("Uno", "9.99", 2)
    assert (product(database, "HX-2").price, product(database, "HX-3").price) == ("7.00", "5.00")
    wishes = "SELECT sku, new_price, state FROM price_change JOIN product AS p ON p.id = product_id"
    found = books.fetch(database, f"{wishes} WHERE state = 'requested' ORDER BY sku")
    assert found == [("HX-1", 1250, "requested"), ("HX-3", 600, "requested")]
    assert product(database, "HX-3").version == 2  # of the status

    before = books.snapshot(database)
    again = load(database, changed)
    assert (counts(again), again.price_requests) == ((4, 0, 0, 4, 0), 0)
    assert books.snapshot(database) == before


def test_a_draft_takes_its_price_at_once(database):
    load(database, "sku,title,price,status\nHX-1,One,9.99,draft\n")
    row = load(database, "sku,title,price,status\nHX-1,One,8.99,active\n")
    assert (counts(row), row.price_requests) == ((1, 0, 1, 0, 0), 0)
    assert (product(database, "HX-1").price, product(database, "HX-1").status) == (
        "8.99",
        "active",
    )


def test_a_dry_run_counts_the_requests_and_makes_none(database):
    load(database, PRICED)
    before = books.snapshot(database)
    row = load(database, PRICED.replace("9.99", "8"), dry_run=True)
    assert (counts(row), row.price_requests) == ((3, 0, 1, 2, 0), 1)
    assert books.snapshot(database) == before


def test_prices_that_name_no_currency_are_in_the_one_that_the_run_names(database):
    content = "sku,title,price,currency\nHX-1,T,9.99,\nHX-2,T,500,JPY\nHX-3,T,,\n"
    load(database, content, currency="eur")
    found = [(one.price, one.currency) for one in (product(database, f"HX-{n}") for n in (1, 2, 3))]
    assert found == [("9.99", "EUR"), ("500", "JPY"), (None, None)]
    with pytest.raises(InvalidInput, match="'XYZ' is not a currency"):
        load(database, content, currency="XYZ")


def test_what_was_published_does_not_become_a_draft_again(database):
    load(database, "sku,title,status\nA,T,active\nB,T,draft\n")
    row = load(database, "sku,title,status\nA,New,draft\nB,New,draft\n")
    assert counts(row) == (2, 0, 1, 0, 1)
    assert errors(row) == [(2, "conflict", "status", "A is active: what was published is no draft")]
    assert product(database, "A").title == "T"


# --- Cells ---------------------------------------------------------------------------------------


def test_what_stopped_a_formula_is_taken_from_csv_and_not_from_json(database):
    load(database, "sku,title,author\nA,'=1+1,'O'Brien\nB,''=x,'plain\n")
    assert [(product(database, sku).title, product(database, sku).author) for sku in "AB"] == [
        ("=1+1", "'O'Brien"),
        ("'=x", "'plain"),
    ]
    load(database, json.dumps({"sku": "C", "title": "'=1+1"}))
    assert product(database, "C").title == "'=1+1"


def test_dates_in_words_and_signs_are_read_and_doubtful_ones_rejected(database):
    rows = ["March 25, 2008", "June 1999", "25/12/2008", "11/12/2008", "Undated"]
    content = "sku,title,published\n" + "".join(f'A{n},T,"{d}"\n' for n, d in enumerate(rows))
    row = load(database, content)
    assert errors(row) == [
        (5, "invalid-input", "publication_date", "'11/12/2008' is not clear: which is the month?"),
        (6, "invalid-input", "publication_date", "'Undated' is not a date"),
    ]
    stored = books.fetch(database, "SELECT publication_date FROM product ORDER BY sku")
    assert stored == [(20080325,), (19990600,), (20081225,)]


# --- Real files ----------------------------------------------------------------------------------


def test_a_library_without_skus_is_imported_by_isbn(database, tmp_path):
    """1,706 books: 99 have no ISBN and 5 a bad one, of which 9 fail at their date already; 13 are
    the second copy of a book (2 as they are written, 11 as ISBN-10 and ISBN-13)."""
    mapping = {"publish_date": "publication_date", "openlibrary_medcover_url": "image_url"}
    options = {"mapping": mapping, "ignore_unknown": True, "rejects": tmp_path / "r.csv"}
    path = shared_data("scans/books.csv")
    row = load(database, path, **options)
    assert counts(row) == (1_706, 1_587, 0, 0, 119)
    rejected = books.fetch(
        database,
        "SELECT field, code, count(*) FROM import_reject GROUP BY field, code ORDER BY field, code",
    )
    assert rejected == [
        ("isbn", "conflict", 13),
        ("isbn", "invalid-input", 96),
        ("publication_date", "invalid-input", 10),
    ]
    assert product(database, "9780307267603").publication_date == 20080325
    assert counts(load(database, path, **options)) == (1_706, 0, 0, 1_587, 119)


ONIX = {
    "Onix3.1-single-ref.xml": (1, 1, 0, 0, 0),
    "onix2-single.xml": (1, 1, 0, 0, 0),
    # One ISBN stands twice in the message.
    "onix3-multiple.xml": (21, 20, 0, 0, 1),
    "onix3-single.xml": (1, 1, 0, 0, 0),
    "single-book-onix3-short.xml": (1, 1, 0, 0, 0),
    "single-book-onix3.xml": (1, 1, 0, 0, 0),
}


@pytest.mark.parametrize("name", ONIX)
def test_messages_of_onix_are_imported_by_isbn(database, name):
    path = shared_data(f"onix/{name}")
    row = load(database, path)
    assert counts(row) == ONIX[name]
    assert row.kind.startswith("ONIX ")
    assert counts(load(database, path))[1:3] == (0, 0)
    assert all(isbn == sku for isbn, sku in books.fetch(database, "SELECT isbn, sku FROM product"))


def test_one_book_in_reference_and_in_short_tags_is_one_product(database):
    load(database, shared_data("onix/single-book-onix3.xml"))
    again = load(database, shared_data("onix/single-book-onix3-short.xml"))
    assert counts(again) == (1, 0, 0, 1, 0)
