"""Demand from before bvinv: days that a file brings, and what it may not bring."""

import json

import pytest

from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.imports import runs
from bvinv.core.imports.runs import Layout, Terms
from bvinv.core.replenishment import history
from tests import books
from tests.demand_books import bring, sold_before


def stored(database):
    """Return SKU, warehouse, day and quantity of every day that was imported."""
    return books.fetch(
        database,
        "SELECT p.sku, w.code, d.day_on, d.quantity FROM demand_day AS d "
        "JOIN product AS p ON p.id = d.product_id JOIN warehouse AS w ON w.id = d.warehouse_id "
        "ORDER BY 1, 2, 3",
    )


def counts(row):
    return row.rows, row.created, row.updated, row.skipped, row.rejected


def test_days_are_stored_and_told_of(stocked):
    row = bring(
        stocked,
        "sku,date,quantity,warehouse\nHX-1,2026-02-01,4,north\nhx-1,2026-02-02,-2,NORTH\n"
        "HX-2,2026-02-01,1,\n",
    )
    assert counts(row) == (3, 3, 0, 0, 0)
    assert stored(stocked) == [
        ("HX-1", "NORTH", 20260201, 4),
        ("HX-1", "NORTH", 20260202, -2),
        ("HX-2", "MAIN", 20260201, 1),
    ]
    [(kind, told)] = books.fetch(stocked, "SELECT type, data FROM event ORDER BY id DESC LIMIT 1")
    assert (kind, json.loads(told)) == (
        "forecast.imported",
        {"rows": 3, "created": 3, "updated": 0, "skipped": 0, "rejected": 0},
    )


def test_the_same_file_again_changes_nothing(stocked):
    lines = ["HX-1,2026-02-01,4", "HX-2,2026-02-01,1", "HX-1,2026-02-01,3"]
    sold_before(stocked, *lines)
    before = books.snapshot(stocked)
    assert counts(sold_before(stocked, *lines)) == (3, 0, 0, 3, 0)
    assert books.snapshot(stocked) == before


def test_another_file_replaces_the_days_that_it_has(stocked):
    sold_before(stocked, "HX-1,2026-02-01,4", "HX-1,2026-02-02,5", "HX-1,2026-02-03,6")
    row = sold_before(stocked, "HX-1,2026-02-02,7", "HX-1,2026-02-03,6", "HX-1,2026-02-04,8")
    assert counts(row) == (3, 1, 1, 1, 0)
    assert [day[2:] for day in stored(stocked)] == [
        (20260201, 4),
        (20260202, 7),
        (20260203, 6),
        (20260204, 8),
    ]


def test_a_day_adds_up_wherever_its_rows_stand_in_the_file(stocked, monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 2)
    lines = [f"HX-{1 + n % 2},2026-02-{1 + n % 3:02},{n + 1}" for n in range(11)]
    assert counts(sold_before(stocked, *lines)) == (11, 11, 0, 0, 0)
    assert [(sku, day, quantity) for sku, _, day, quantity in stored(stocked)] == [
        ("HX-1", 20260201, 1 + 7),
        ("HX-1", 20260202, 5 + 11),
        ("HX-1", 20260203, 3 + 9),
        ("HX-2", 20260201, 4 + 10),
        ("HX-2", 20260202, 2 + 8),
        ("HX-2", 20260203, 6),
    ]
    assert counts(sold_before(stocked, *lines)) == (11, 0, 0, 11, 0)


def test_the_sample_files_columns_and_other_words_are_understood(stocked):
    bring(stocked, "SKU;Warehouse;Week on;Qty\nHX-1;MAIN;02.02.2026;4\n")
    assert stored(stocked) == [("HX-1", "MAIN", 20260202, 4)]
    bring(stocked, '[{"isbn": "HX-1", "day": "2026-02-02", "sold": "5"}]')
    assert stored(stocked) == [("HX-1", "MAIN", 20260202, 5)]


def test_a_mapping_names_the_columns_of_a_file_without_a_header(stocked):
    layout = Layout({"1": "date", "2": "sku", "3": "quantity"}, header=False)
    bring(stocked, "2026-02-02,HX-1,4\n", layout=layout)
    assert stored(stocked) == [("HX-1", "MAIN", 20260202, 4)]


@pytest.mark.parametrize(
    ("line", "field", "said"),
    [
        ("HX-1,2026-03-02,4,", "date", "'2026-03-02' is still to come"),
        ("HX-1,1969-12-31,4,", "date", "'1969-12-31' is before 1970"),
        ("HX-1,2026-02,4,", "date", "'2026-02' is not a day"),
        ("HX-1,,4,", "date", "'' is not a date"),
        ("HX-1,2026-02-01,2.5,", "quantity", "not '2.5'"),
        ("HX-1,2026-02-01,many,", "quantity", "not 'many'"),
        ("HX-1,2026-02-01,,", "quantity", "not ''"),
        ("NOPE,2026-02-01,4,", "sku", "there is no product NOPE"),
        (",2026-02-01,4,", "sku", "the product is empty"),
        ("HX-1,2026-02-01,4,NOWHERE", "warehouse", "there is no warehouse NOWHERE"),
        ("HX-1,2026-02-01", "", "the row has 2 cells"),
    ],
)
def test_what_cannot_be_demand_is_rejected_and_the_rest_is_kept(stocked, line, field, said):
    row = bring(stocked, f"sku,date,quantity,warehouse\n{line}\nHX-2,2026-03-01,1,\n")
    assert counts(row) == (2, 1, 0, 0, 1)
    [error] = row.errors
    assert (error["line"], error["field"]) == (2, field)
    assert said in error["message"]
    assert stored(stocked) == [("HX-2", "MAIN", 20260301, 1)]


def test_rejected_rows_are_kept_in_a_file_in_their_order(stocked, tmp_path):
    rejects = tmp_path / "refused.csv"
    row = sold_before(
        stocked,
        "NOPE,2026-02-01,4",
        "HX-1,2026-02-01,x",
        "HX-2,2026-02-01,1",
        terms=Terms(rejects=rejects),
    )
    assert row.rejects_file == str(rejects)
    assert rejects.read_text().splitlines() == [
        "sku,date,quantity,error_code,error_field,error_message",
        "NOPE,2026-02-01,4,not-found,sku,there is no product NOPE",
        "HX-1,2026-02-01,x,invalid-input,quantity,"
        "\"the quantity must be a whole number from -1000000000 to 1000000000, not 'x'\"",
    ]


def test_without_a_warehouse_there_is_none_to_take(database):
    books.add_products(database, "HX-1")
    row = sold_before(database, "HX-1,2026-02-01,4")
    assert (counts(row), row.errors[0]["message"]) == ((1, 0, 0, 0, 1), "there is no warehouse")


def test_a_dry_run_counts_and_keeps_nothing(stocked):
    sold_before(stocked, "HX-1,2026-02-01,4")
    before = books.snapshot(stocked)
    lines = ("HX-1,2026-02-01,5", "HX-1,2026-02-02,1", "NOPE,2026-02-02,1")
    assert counts(sold_before(stocked, *lines, terms=Terms(dry_run=True))) == (3, 1, 1, 0, 1)
    assert books.snapshot(stocked) == before


def test_a_key_answers_again_and_is_not_for_another_file(stocked):
    terms = Terms(key="sales-1")
    first = sold_before(stocked, "HX-1,2026-02-01,4", terms=terms)
    sold_before(stocked, "HX-1,2026-02-01,9")
    before = books.snapshot(stocked)
    again = sold_before(stocked, "HX-1,2026-02-01,4", terms=terms)
    assert again == first.model_copy(update={"replayed": True})
    with pytest.raises(Conflict, match="the key sales-1 was used for another request"):
        sold_before(stocked, "HX-1,2026-02-01,5", terms=terms)
    assert books.snapshot(stocked) == before


def test_a_file_without_quantities_is_refused(stocked):
    before = books.snapshot(stocked)
    with pytest.raises(InvalidInput, match="the file has no column quantity"):
        bring(stocked, "sku,date\nHX-1,2026-02-01\n")
    assert books.snapshot(stocked) == before


def test_a_run_that_was_cut_off_is_repeated(stocked, monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 1)
    really, written = history._put, []

    def put(session, chunk):
        if written:
            raise KeyboardInterrupt
        written.append(chunk)
        return really(session, chunk)

    monkeypatch.setattr(history, "_put", put)
    lines = ("HX-1,2026-02-01,4", "HX-1,2026-02-02,5")
    with pytest.raises(KeyboardInterrupt):
        sold_before(stocked, *lines)
    assert [day[2:] for day in stored(stocked)] == [(20260201, 4)]
    monkeypatch.setattr(history, "_put", really)
    assert counts(sold_before(stocked, *lines)) == (2, 1, 0, 1, 0)


def test_chunks_are_as_long_as_those_of_other_imports():
    assert history.CHUNK == runs.CHUNK
