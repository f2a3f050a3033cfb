"""Turnover: what was sold by what lay there, to the microsecond."""

import pytest

from bvinv.core import instants
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.stock_report import TurnoverRow
from bvinv.core.replenishment import turnovers
from tests import books, pick_books
from tests.demand_books import at, sell, sold_before
from tests.report_books import DAY, priced


@pytest.fixture
def shop(database, clock):
    """Return a database where 10 of HX came to MAIN on 1 January 2026, at noon."""
    at(clock, "2026-01-01")
    books.add_warehouses(database, "MAIN", "NORTH")
    priced(database, "HX=10.00 NEVER=5.00")
    books.receive(database, "HX", 10, "MAIN")
    return database


def turnover(database, **more):
    rows, _ = books.ask(database, lambda s: turnovers.turnover(s, **more))
    return rows


def instant(day):
    return instants.parse(f"{day}T12:00:00Z")


def test_turnover_is_what_a_year_sells_by_the_average_that_lay_there(shop, clock):
    at(clock, "2026-01-11")
    sell(shop, "SO-1", "HX=5")
    at(clock, "2026-01-21")
    # 10 pieces for ten days, 5 for ten more: 7.5 on average; 5 in 20 days are 91.25 a year.
    assert turnover(shop) == [
        TurnoverRow(
            sku="HX",
            warehouse="MAIN",
            days=20.0,
            sold=5,
            average_on_hand=7.5,
            turnover=12.17,
            on_hand=5,
            days_of_cover=20.0,
        )
    ]


def test_a_longer_period_before_the_first_goods_changes_nothing(shop, clock):
    at(clock, "2026-01-11")
    sell(shop, "SO-1", "HX=5")
    at(clock, "2026-01-21")
    assert turnover(shop, since=instant("2020-01-01")) == turnover(shop)


def test_a_period_in_the_past_knows_nothing_of_what_came_later(shop, clock):
    at(clock, "2026-01-11")
    sell(shop, "SO-1", "HX=2")
    at(clock, "2026-02-01")
    books.receive(shop, "HX", 100, "MAIN")
    sell(shop, "SO-2", "HX=50")
    at(clock, "2026-03-01")
    [row] = turnover(shop, since=instant("2026-01-06"), until=instant("2026-01-16"))
    assert (row.days, row.sold, row.on_hand, row.average_on_hand) == (10.0, 2, 8, 9.0)
    assert (row.turnover, row.days_of_cover) == (8.11, 40.0)


def test_what_was_entered_late_counts_when_it_happened(shop, clock):
    at(clock, "2026-01-21")
    books.receive(shop, "HX", 10, "MAIN", occurred_at=instant("2026-01-11"))
    [row] = turnover(shop)
    assert (row.days, row.average_on_hand, row.on_hand) == (20.0, 15.0, 20)
    books.receive(shop, "HX", 10, "MAIN", occurred_at=instant("2025-12-22"))
    [row] = turnover(shop)
    assert (row.days, row.average_on_hand) == (30.0, 20.0)


def test_returns_and_parcels_taken_back_are_not_sold(shop, clock):
    pick_books.ready(shop, "HX=3")
    pick_books.ship(shop)
    pick_books.unship(shop)
    sell(shop, "SO-2", "HX=4")
    pick_books.come_back(shop, "HX", 1)
    at(clock, "2026-01-21")
    [row] = turnover(shop)
    assert (row.sold, row.average_on_hand) == (3, 6.0)


def test_what_was_not_sold_turns_over_never_and_lasts_nobody_knows_how_long(shop, clock):
    at(clock, "2026-01-21")
    [row] = turnover(shop)
    assert (row.sold, row.turnover, row.days_of_cover) == (0, 0.0, None)


def test_what_was_sold_the_moment_it_came_lay_nowhere(shop, clock):
    at(clock, "2026-01-11")
    books.receive(shop, "NEVER", 1, "NORTH")
    sell(shop, "SO-1", "NEVER=1@NORTH")
    at(clock, "2026-01-21")
    [row] = turnover(shop, warehouse="NORTH")
    assert (row.sold, row.average_on_hand, row.on_hand) == (1, 0.0, 0)


def test_imported_demand_does_not_count(shop, clock):
    at(clock, "2026-01-21")
    sold_before(shop, "HX,2026-01-10,5", "NEVER,2026-01-10,5")
    assert [(row.sku, row.sold) for row in turnover(shop)] == [("HX", 0)]


def test_the_last_365_days_are_meant_and_nothing_to_come(shop, clock):
    at(clock, "2026-01-02")
    sell(shop, "SO-1", "HX=1")
    clock.at = instant("2026-01-02") + 366 * DAY
    [row] = turnover(shop)
    assert (row.days, row.sold, row.average_on_hand) == (365.0, 0, 9.0)
    assert turnover(shop, until=clock.at + 10 * DAY) == [row]


def test_huge_stock_is_exact(shop, clock):
    for place in range(9):
        books.receive(shop, "NEVER", 10**9, "MAIN", document=f"D-{place}")
    at(clock, "2026-12-31")
    row = turnover(shop)[1]
    assert (row.sku, row.average_on_hand, row.on_hand) == ("NEVER", 9e9, 9 * 10**9)


@pytest.mark.parametrize(
    ("asked", "error", "detail"),
    [
        (
            {"since": instant("2027-01-01")},
            InvalidInput,
            "2027-01-01T12:00:00Z is still to come",
        ),
        (
            {"since": instant("2026-01-10"), "until": instant("2026-01-05")},
            InvalidInput,
            "--until lies before --since",
        ),
        ({"warehouse": "NOPE"}, NotFound, "there is no warehouse NOPE"),
    ],
)
def test_what_cannot_be_asked_is_refused(shop, clock, asked, error, detail):
    at(clock, "2026-02-01")
    with pytest.raises(error) as refused:
        turnover(shop, **asked)
    assert refused.value.detail == detail
