"""Demand: what left to customers less what came back, in buckets of whole days of UTC.

The stocked database was stocked on Sunday, 1 March 2026: its four weeks here begin that day.
"""

import time
from datetime import date

import pytest

from bvinv.core import catalog
from bvinv.core.errors import InvalidInput
from tests import books, pick_books, transfer_books
from tests.demand_books import at, entry, panel, row, sell, sold_before


def test_a_week_ends_at_midnight_in_utc(stocked, clock):
    at(clock, "2026-03-07T23:59:59.9Z")
    sell(stocked, "SO-1", "HX-1=1")
    at(clock, "2026-03-08T00:00:00Z")
    sell(stocked, "SO-2", "HX-1=2")
    at(clock, "2026-03-29")
    found = panel(stocked)
    assert row(found, "HX-1") == [1, 2, 0, 0]
    assert found.begins == [date(2026, 3, day) for day in (1, 8, 15, 22)]
    assert found.as_of == date(2026, 3, 28)


def test_rows_are_the_levels_in_the_order_of_their_skus(stocked, clock):
    at(clock, "2026-03-29")
    found = panel(stocked)
    assert [*zip(found.skus, found.warehouses, strict=True)] == [
        ("HX-1", "MAIN"),
        ("HX-2", "MAIN"),
        ("HX-2", "NORTH"),
    ]
    ids = dict(books.fetch(stocked, "SELECT sku, id FROM product"))
    sites = dict(books.fetch(stocked, "SELECT code, id FROM warehouse"))
    assert found.keys == [
        (ids[sku], sites[warehouse])
        for sku, warehouse in zip(found.skus, found.warehouses, strict=True)
    ]
    assert found.category.tolist() == [-1, -1, -1]


def test_what_lies_before_the_first_goods_is_missing(stocked, clock):
    at(clock, "2026-03-20")
    found = panel(stocked, as_of=20260314)
    assert row(found, "HX-1") == [None, None, 0, 0]
    assert row(found, "HX-1", what="recorded") == [None, None, 0, 0]


def test_a_parcel_taken_back_on_the_same_day_is_no_demand(stocked, clock):
    pick_books.ready(stocked, "HX-1=3")
    pick_books.ship(stocked)
    pick_books.unship(stocked)
    at(clock, "2026-03-29")
    assert row(panel(stocked), "HX-1") == [0, 0, 0, 0]


def test_a_parcel_taken_back_later_is_no_demand_once_it_is_back(stocked, clock):
    at(clock, "2026-03-08")
    pick_books.ready(stocked, "HX-1=9")
    pick_books.ship(stocked)
    at(clock, "2026-03-09")
    sell(stocked, "SO-2", "HX-1=1")
    pick_books.unship(stocked)
    at(clock, "2026-03-29")
    assert row(panel(stocked, as_of=20260308), "HX-1", what="recorded")[-1] == 9
    assert row(panel(stocked), "HX-1", what="recorded") == [0, 1, 0, 0]


def test_a_return_counts_in_its_own_week_and_never_below_zero(stocked, clock):
    sell(stocked, "SO-1", "HX-1=5")
    pick_books.come_back(stocked, "HX-1", 1)
    at(clock, "2026-03-10")
    pick_books.come_back(stocked, "HX-1", 2)
    at(clock, "2026-03-29")
    assert row(panel(stocked), "HX-1") == [4, 0, 0, 0]


def test_transfers_and_adjustments_are_no_demand(stocked, clock):
    sent = transfer_books.send(stocked, "HX-2=3", origin="NORTH", target="MAIN")
    transfer_books.arrive(stocked, sent)
    books.adjust(stocked, "HX-1", "MAIN", -2)
    at(clock, "2026-03-29")
    found = panel(stocked)
    assert row(found, "HX-2", "NORTH") == [0, 0, 0, 0]
    assert row(found, "HX-2") == [0, 0, 0, 0]
    assert row(found, "HX-1") == [0, 0, 0, 0]


def test_a_week_with_four_days_that_end_without_stock_is_missing(stocked, clock):
    at(clock, "2026-03-04")
    sell(stocked, "SO-1", "HX-1=10")  # 4, 5, 6 and 7 March end with nothing
    at(clock, "2026-03-11")
    books.receive(stocked, "HX-1", 5, "MAIN")  # 8, 9 and 10 March
    at(clock, "2026-03-29")
    found = panel(stocked)
    assert row(found, "HX-1") == [None, 0, 0, 0]
    assert row(found, "HX-1", what="recorded") == [10, 0, 0, 0]


def test_stock_that_stays_out_is_missing_until_the_end(stocked, clock):
    at(clock, "2026-03-05")
    sell(stocked, "SO-1", "HX-1=10")  # three days of this week
    at(clock, "2026-03-29")
    assert row(panel(stocked), "HX-1") == [10, None, None, None]


def test_what_was_imported_counts_until_the_day_of_the_first_sale(stocked, clock):
    at(clock, "2026-03-10")
    sell(stocked, "SO-1", "HX-1=2")
    sold_before(
        stocked, "HX-1,2026-02-28,4", "HX-1,2026-03-02,3", "HX-1,2026-03-09,5", "HX-1,2026-03-10,7"
    )
    at(clock, "2026-03-29")
    found = panel(stocked, length=6)
    assert row(found, "HX-1") == [None, 4, 3, 7, 0, 0]


def test_imported_days_are_never_out_of_stock(stocked, clock):
    books.adjust(stocked, "HX-1", "MAIN", -10)
    at(clock, "2026-03-29")
    sold_before(stocked, "HX-1,2026-03-02,3", "HX-1,2026-03-14,1")
    assert row(panel(stocked), "HX-1") == [3, 1, None, None]


def test_weeks_between_the_imports_of_a_warehouse_and_its_first_sale_are_missing(stocked, clock):
    at(clock, "2026-03-29")
    daily = [f"HX-3,2026-03-{day:02},1" for day in range(2, 14)]
    sold_before(stocked, *daily)
    assert row(panel(stocked), "HX-3") == [6, 6, None, None]
    assert row(panel(stocked), "HX-1") == [0, 0, None, None]
    assert row(panel(stocked), "HX-1", what="recorded") == [0, 0, None, None]
    sell(stocked, "SO-1", "HX-1=2")
    at(clock, "2026-04-05")
    assert row(panel(stocked), "HX-3") == [6, None, None, 0]
    assert row(panel(stocked, products=[3]), "HX-3") == [6, 0, 0, 0]


def test_the_last_imported_day_may_stand_for_a_week(stocked, clock):
    at(clock, "2026-03-29")
    sold_before(stocked, "HX-3,2026-03-02,3", "HX-3,2026-03-09,4")
    assert row(panel(stocked), "HX-3") == [3, 4, None, None]


def test_a_single_imported_day_stands_for_its_bucket(stocked, clock):
    at(clock, "2026-03-29")
    sold_before(stocked, "HX-3,2026-03-09,4")
    assert row(panel(stocked), "HX-3") == [None, 4, None, None]


def test_a_product_without_a_level_has_a_row_by_its_imported_history(stocked, clock):
    at(clock, "2026-03-29")
    sold_before(stocked, "HX-3,2026-03-09,6", "HX-3,2026-03-10,-2", "HX-3,2026-03-20,-1")
    found = panel(stocked)
    assert row(found, "HX-3") == [None, 4, 0, 0]


def test_history_from_before_the_first_bucket_makes_the_rest_zeros(stocked, clock):
    at(clock, "2026-03-29")
    sold_before(stocked, "HX-3,2019-05-05,6")
    assert row(panel(stocked), "HX-3") == [0, 0, 0, 0]


def test_a_sale_long_ago_is_not_in_the_first_bucket(stocked, clock):
    sell(stocked, "SO-1", "HX-1=2")
    at(clock, "2026-08-01")
    assert row(panel(stocked), "HX-1") == [0, 0, 0, 0]


def test_months_are_whole_and_the_one_that_is_not_over_is_left_out(stocked, clock):
    sold_before(stocked, "HX-1,2026-01-31,4", "HX-1,2026-02-01,2", "HX-1,2026-02-28,1")
    at(clock, "2026-03-31T23:59:59Z")
    sell(stocked, "SO-1", "HX-1=3")
    at(clock, "2026-05-01")
    entry(stocked, 20260501, 20260531, percent=200)
    found = panel(stocked, period="month", as_of=20260429)
    assert found.begins == [date(2025, 12, 1), *(date(2026, month, 1) for month in (1, 2, 3))]
    assert row(found, "HX-1") == [None, 4, 3, 3]
    assert row(found, "HX-1", what="lift") == [1, 2]
    assert panel(stocked, period="month", as_of=20260430).begins[-1] == date(2026, 4, 1)


def test_a_month_is_missing_when_more_than_half_of_its_days_ended_without_stock(stocked, clock):
    at(clock, "2026-04-16")
    sell(stocked, "SO-1", "HX-1=10 HX-2=4@MAIN")  # 15 of 30 days
    at(clock, "2026-06-01")
    assert row(panel(stocked, period="month"), "HX-1") == [None, 0, 10, None]
    at(clock, "2026-06-15")
    assert row(panel(stocked, period="month", length=3), "HX-1") == [0, 10, None]


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Kiritimati"])
def test_yesterday_is_that_of_utc_wherever_the_machine_stands(stocked, clock, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    at(clock, "2026-03-28T23:30:00Z")
    sell(stocked, "SO-1", "HX-1=1")
    try:
        assert panel(stocked).as_of == date(2026, 3, 27)
        assert row(panel(stocked, as_of=20260328), "HX-1") == [0, 0, 0, 1]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("day", [20260330, 19691231])
def test_a_day_that_the_ledger_cannot_know_is_refused(stocked, clock, day):
    at(clock, "2026-03-29")
    with pytest.raises(InvalidInput, match="is not a day that the ledger can know"):
        panel(stocked, as_of=day)


def test_products_and_warehouse_narrow_the_rows(stocked, clock):
    sell(stocked, "SO-1", "HX-2=1@NORTH HX-1=1")
    at(clock, "2026-03-29")
    ids = dict(books.fetch(stocked, "SELECT sku, id FROM product"))
    sites = dict(books.fetch(stocked, "SELECT code, id FROM warehouse"))
    found = panel(stocked, products=[ids["HX-2"]], warehouse=sites["NORTH"])
    assert found.keys == [(ids["HX-2"], sites["NORTH"])]
    assert row(found, "HX-2", "NORTH") == [1, 0, 0, 0]


def test_what_is_discontinued_has_a_row_only_when_it_is_asked_for(stocked, clock):
    books.adjust(stocked, "HX-1", "MAIN", -10)
    books.act(stocked, lambda s: catalog.remove(s, ref="HX-1"))
    at(clock, "2026-03-29")
    [number] = [row[0] for row in books.fetch(stocked, "SELECT id FROM product WHERE sku='HX-1'")]
    assert "HX-1" not in panel(stocked).skus
    assert panel(stocked, products=[number]).skus == ["HX-1"]


def test_no_products_are_an_empty_panel(stocked, clock):
    sell(stocked, "SO-1", "HX-1=10")
    at(clock, "2026-03-29")
    sold_before(stocked, "HX-1,2026-02-01,4")
    entry(stocked, 20260301, 20260307, percent=150)
    nowhere = panel(stocked, warehouse=99)
    assert (nowhere.demand.shape, nowhere.lift.shape, nowhere.keys) == ((0, 4), (0, 2), [])
    assert panel(stocked, products=[]).keys == []
