"""What one warehouse has too much of is moved before anything is bought."""

import pytest

from tests.books import add_warehouses, receive, reserve
from tests.purchasing_books import add_supplier, terms
from tests.reorder_books import documents, forecast, keep, order, report, suggested
from tests.transfer_books import cancel, draft, show


@pytest.fixture
def shop(stocked):
    """Return a stocked database in which MAIN has 4 of HX-2 and needs 10, and NORTH has 30 and
    needs none of them; they come in packs of 4."""
    add_supplier(stocked)
    terms(stocked, "HX-2", pack_size="4")
    receive(stocked, "HX-2", 24, "NORTH", bin="SHELF")
    forecast(stocked, "HX-2", 10, 14)
    forecast(stocked, "HX-2", 5, 10, "NORTH")
    return stocked


def lines(database):
    rows = report(database, transfer_first=True)
    return [
        (row.sku, row.warehouse, row.transfer_from or row.supplier, row.suggested_quantity)
        for row in rows
    ]


def test_surplus_is_moved_in_single_pieces(shop):
    assert lines(shop) == [("HX-2", "MAIN", "NORTH", 10)]
    [row] = report(shop, transfer_first=True)
    assert row.reason == "position 4 is below the reorder point 10; NORTH has too many"
    assert report(shop)[0].suggested_quantity == 12


def test_what_the_surplus_does_not_cover_is_bought(shop):
    forecast(shop, "HX-2", 5, 28, "NORTH")
    assert lines(shop) == [("HX-2", "MAIN", "NORTH", 2), ("HX-2", "MAIN", "HARBOUR", 8)]
    done = order(shop, transfer_first=True)
    assert documents(done) == [("HX-2", 2, "TR-1"), ("HX-2", 8, "PO-1")]
    assert done.rows[1].reason == ("position 6 is below the reorder point 10")
    assert suggested(shop) == [("HX-2", "ordered", 2), ("HX-2", "ordered", 8)]


def test_who_has_the_most_gives_first(shop):
    add_warehouses(shop, "SOUTH")
    receive(shop, "HX-2", 50, "SOUTH", bin="SHELF")
    forecast(shop, "HX-2", 1, 42, "SOUTH")
    forecast(shop, "HX-2", 5, 27, "NORTH")
    assert lines(shop) == [("HX-2", "MAIN", "NORTH", 2), ("HX-2", "MAIN", "SOUTH", 8)]


def test_what_others_were_promised_does_not_leave(shop):
    reserve(shop, "SO-1", "HX-2=17@NORTH")
    assert lines(shop) == [("HX-2", "MAIN", "NORTH", 3), ("HX-2", "MAIN", "HARBOUR", 8)]


def test_a_warehouse_of_which_nobody_knows_what_it_needs_gives_nothing(shop):
    add_warehouses(shop, "SOUTH")
    receive(shop, "HX-2", 500, "SOUTH", bin="SHELF")
    assert lines(shop) == [("HX-2", "MAIN", "NORTH", 10)]
    keep(shop, "HX-2", None, "SOUTH", max_stock=495)
    assert lines(shop) == [("HX-2", "MAIN", "NORTH", 10)]
    keep(shop, "HX-2", None, "SOUTH", max_stock=400)
    assert lines(shop) == [("HX-2", "MAIN", "SOUTH", 10)]


def test_a_drafted_transfer_counts_at_both_ends(shop):
    done = order(shop, transfer_first=True)
    assert documents(done) == [("HX-2", 10, "TR-1")]
    assert [(row.transfer, row.order) for row in done.rows] == [("TR-1", None)]
    drafted = show(shop, "TR-1")
    assert (drafted.from_warehouse, drafted.to_warehouse, drafted.status) == (
        *("NORTH", "MAIN"),
        "draft",
    )
    assert documents(order(shop, transfer_first=True)) == []
    cancel(shop, "TR-1")
    draft(shop, "HX-2=15", "NORTH", "MAIN")
    assert lines(shop) == []
    cancel(shop, "TR-2")
    assert lines(shop) == [("HX-2", "MAIN", "NORTH", 10)]
