"""Stock-outs: when there was nothing to sell, and what would have been sold."""

import random
from contextlib import suppress

import pytest

from bvinv.core import catalog, instants
from bvinv.core.errors import InvalidInput, InventoryError, NotFound
from bvinv.core.models.stock_report import StockOutRow
from bvinv.core.replenishment import stock_outs
from tests import books
from tests.demand_books import at, sell
from tests.report_books import DAY, priced


@pytest.fixture
def shop(database, clock):
    """Return a database where 10 of HX came to MAIN on 1 January 2026, at noon, and were sold by
    the 11th, five each on two days."""
    at(clock, "2026-01-01")
    books.add_warehouses(database, "MAIN", "NORTH")
    priced(database, "HX=10.05 FREE= NEVER=5.00")
    books.receive(database, "HX", 10, "MAIN")
    at(clock, "2026-01-06")
    sell(database, "SO-1", "HX=5")
    at(clock, "2026-01-11")
    sell(database, "SO-2", "HX=5")
    return database


def outs(database, **more):
    rows, _ = books.ask(database, lambda s: stock_outs.stock_outs(s, **more))
    return rows


def instant(day):
    return instants.parse(f"{day}T12:00:00Z")


def test_what_is_out_now_is_out_until_now(shop, clock):
    at(clock, "2026-01-15")
    assert outs(shop) == [
        StockOutRow(
            sku="HX",
            warehouse="MAIN",
            times=1,
            days_out=4.0,
            last_on=20260111,
            out_now=True,
            lost_sales=4.0,
            lost_revenue="40.20",
            currency="GBP",
        )
    ]


def test_what_came_back_was_out_until_then(shop, clock):
    at(clock, "2026-01-13")
    books.receive(shop, "HX", 3, "MAIN")
    at(clock, "2026-01-18")
    [row] = outs(shop)
    # 10 in the 15 days in which there was stock.
    assert (row.times, row.days_out, row.out_now) == (1, 2.0, False)
    assert (row.lost_sales, row.lost_revenue) == (1.3, "13.07")


def test_each_time_counts(shop, clock):
    at(clock, "2026-01-13")
    books.receive(shop, "HX", 1, "MAIN")
    at(clock, "2026-01-18")
    books.adjust(shop, "HX", "MAIN", -1, reason="damaged")
    at(clock, "2026-01-21")
    [row] = outs(shop)
    assert (row.times, row.days_out, row.last_on, row.lost_sales) == (2, 5.0, 20260118, 3.3)


def test_only_the_part_of_a_stock_out_in_the_period_counts(shop, clock):
    at(clock, "2026-01-31")
    [row] = outs(shop, since=instant("2026-01-10"))
    # 5 sold in the one day of the period with stock, which counts as a week.
    assert (row.times, row.days_out, row.last_on) == (1, 20.0, 20260111)
    assert row.lost_sales == 14.3


def test_what_was_out_all_the_time_lost_nobody_knows_what(shop, clock):
    at(clock, "2026-01-31")
    [row] = outs(shop, since=instant("2026-01-21"))
    assert (row.times, row.days_out, row.last_on) == (1, 10.0, 20260111)
    assert (row.lost_sales, row.lost_revenue, row.currency) == (None, None, None)


def test_what_came_late_into_the_books_was_never_out(shop, clock):
    at(clock, "2026-01-21")
    books.receive(shop, "HX", 3, "MAIN", occurred_at=instant("2026-01-10"))
    assert outs(shop) == []


def test_the_place_of_a_movement_on_the_disk_says_nothing(shop, clock):
    at(clock, "2026-01-15")
    before = outs(shop)
    # PostgreSQL writes the row anew, behind all others.
    books.damage(shop, "UPDATE movement SET reason = reason WHERE kind = 'receive'")
    assert outs(shop) == before


def test_what_never_had_stock_was_never_out(shop, clock):
    books.reserve(shop, "SO-3", "NEVER=2@MAIN", backorder=True)
    at(clock, "2026-01-12")
    books.receive(shop, "NEVER", 5, "MAIN")
    assert [row.sku for row in outs(shop)] == ["HX"]


def test_without_a_price_pieces_are_lost_and_no_money(shop, clock):
    books.receive(shop, "FREE", 7, "NORTH")
    at(clock, "2026-01-18")
    sell(shop, "SO-3", "FREE=7@NORTH")
    at(clock, "2026-01-20")
    [row] = outs(shop, warehouse="NORTH")
    assert (row.lost_sales, row.lost_revenue, row.currency) == (2.0, None, None)


def test_what_lost_most_comes_first_and_pages_follow_each_other(shop, clock):
    books.receive(shop, "FREE", 1, "MAIN")
    books.receive(shop, "NEVER", 7, "MAIN")
    at(clock, "2026-01-18")
    sell(shop, "SO-3", "FREE=1@MAIN NEVER=7@MAIN")
    at(clock, "2026-01-19")
    assert [(row.sku, row.lost_revenue) for row in outs(shop)] == [
        ("HX", "80.40"),
        ("NEVER", "5.00"),
        ("FREE", None),
    ]
    rows, cursor = books.ask(shop, lambda s: stock_outs.stock_outs(s, limit=2))
    assert (len(rows), cursor) == (2, "NEVER=MAIN")
    rows, cursor = books.ask(shop, lambda s: stock_outs.stock_outs(s, limit=2, after=cursor))
    assert ([row.sku for row in rows], cursor) == (["FREE"], None)


def test_nobody_misses_what_is_discontinued(shop):
    books.act(shop, lambda s: catalog.change(s, ref="HX", fields={"status": "discontinued"}))
    assert outs(shop) == []


def test_365_days_are_looked_at(shop, clock):
    clock.at = instant("2026-01-11") + 400 * DAY
    [row] = outs(shop)
    assert (row.days_out, row.lost_sales) == (365.0, None)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_entered_late_the_time_is_counted_as_it_passed(database, clock, seed):
    rng = random.Random(seed)
    at(clock, "2026-01-01")
    books.add_warehouses(database, "MAIN")
    priced(database, "HX=1.00")
    begin = clock.at
    for step in range(25):
        clock.at = begin + (step + 1) * DAY
        change, late = rng.choice((1, 2, -1, -2)), rng.randrange(3) * rng.randrange(step + 1)
        with suppress(InventoryError):
            books.adjust(database, "HX", "MAIN", change, occurred_at=clock.at - late * DAY)
    said = "SELECT occurred_at, on_hand_change FROM movement ORDER BY occurred_at, id"
    on_hand, filled, out, last = 0, False, 0, 0
    for moved_at, change in [*books.fetch(database, said), (clock.at, 0)]:
        if filled and on_hand <= 0:
            out += moved_at - last
        last = moved_at
        on_hand += change
        filled = filled or on_hand > 0
    rows = outs(database)
    assert [row.days_out for row in rows] == ([round(out / DAY, 1)] if out else [])


@pytest.mark.parametrize(
    ("asked", "error", "detail"),
    [
        (
            {"since": instant("2027-01-01")},
            InvalidInput,
            "2027-01-01T12:00:00Z is still to come",
        ),
        ({"warehouse": "NOPE"}, NotFound, "there is no warehouse NOPE"),
    ],
)
def test_what_cannot_be_asked_is_refused(shop, asked, error, detail):
    with pytest.raises(error) as refused:
        outs(shop, **asked)
    assert refused.value.detail == detail
