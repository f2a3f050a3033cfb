"""The outlook: demand to come over a horizon, of products in warehouses."""

from datetime import date, timedelta
from typing import Any

import pytest

from bvinv.core import catalog, categories, stock
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.replenishment import horizons, outlook
from tests import books
from tests.demand_books import at, entry, sold_before

SUNDAY = date(2026, 3, 29)  # the weeks of these tests end on it


def weekly(sku: str, *quantities: int) -> list[str]:
    """Return what is imported of a product that sold so much in each week until the last Sunday."""
    begin = SUNDAY - timedelta(days=7 * (len(quantities) - 1))
    return [
        f"{sku},{begin + timedelta(days=7 * week)},{quantity}"
        for week, quantity in enumerate(quantities)
    ]


def look(database, *refs: str, horizon: str = "4w", **more: Any) -> list[Any]:
    ahead = horizons.parse(horizon)
    found = books.ask(database, lambda s: outlook.outlook(s, refs=refs, horizon=ahead, **more))
    return found.rows


@pytest.fixture
def selling(stocked, clock):
    """Return a shop in which HX-1 sold 4 pieces in each of 20 weeks, and HX-2 2 at MAIN."""
    at(clock, "2026-03-30")
    sold_before(stocked, *weekly("HX-1", *[4] * 20), *weekly("HX-2", *[2] * 20))
    return stocked


def test_steady_demand_goes_on_as_it_was(selling):
    [row] = look(selling, "HX-1")
    assert row.record() == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "period": "week",
        "as_of": "2026-03-29",
        "begins_on": "2026-03-30",
        "ends_on": "2026-04-26",
        "horizon": "4w",
        "mean": 16.0,
        "interval": 0.9,
        "low": 11,
        "high": 21,
        "method": "ensemble",
        "lift": 1.0,
        "reason": None,
        "history": [4] * 13,
        "q50": 16,
        "q90": 20,
    }
    assert row.summary() == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "horizon": "4w",
        "mean": 16.0,
        "q50": 16,
        "q90": 20,
        "recent": "█" * 13,
    }


def test_every_product_has_a_row_in_each_of_its_warehouses(selling):
    rows = look(selling)
    assert [(row.sku, row.warehouse, row.mean) for row in rows] == [
        ("HX-1", "MAIN", 16.0),
        ("HX-2", "MAIN", 8.0),
        ("HX-2", "NORTH", 0.0),
    ]
    assert rows == [row for sku in ("HX-1", "HX-2") for row in look(selling, sku)]
    assert [row.sku for row in look(selling, warehouse="north")] == ["HX-2"]


def test_quantiles_are_named_after_their_levels_and_do_not_cross(selling):
    [row] = look(selling, "HX-1", levels=[9_750, 8_000, 9_999, 5_000])
    record = row.record()
    names = ["q50", "q80", "q97.5", "q99.99"]
    assert [name for name in record if name.startswith("q")] == names
    told = [record["low"], *(record[name] for name in names), record["high"]]
    assert told == sorted(told)
    assert (record["interval"], type(record["q50"])) == (0.9999, int)


def test_a_horizon_inside_a_week_lies_between_the_whole_ones(selling):
    means = [look(selling, "HX-1", horizon=said)[0].mean for said in ("1d", "7d", "10d", "14d")]
    assert means == [round(4 / 7, 3), 4.0, round(40 / 7, 3), 8.0]


def test_months_are_calendar_months_and_begin_with_the_one_that_is_not_over(selling, clock):
    at(clock, "2026-04-10")
    [row] = look(selling, "HX-1", horizon="2m", period="month")
    record = row.record()
    assert (record["as_of"], record["begins_on"], record["ends_on"]) == (
        *("2026-04-09", "2026-04-01", "2026-05-31"),
    )
    assert row.history[-5:] == [12, 16, 16, 16, 20]


def test_lifted_weeks_to_come_are_lifted_and_those_that_were_do_not_count_twice(selling):
    entry(selling, 20260330, 20260405, percent=300)
    [row] = look(selling, "HX-1")
    assert (row.mean, row.lift) == (24.0, 1.5)
    assert row.record()["q50"] == 24
    entry(selling, 20260323, 20260329, percent=50)
    [row] = look(selling, "HX-1")
    assert row.mean > 24
    assert row.history[-1] == 4


def test_of_what_has_no_history_nothing_is_expected_and_it_is_said_why(selling):
    rows = look(selling, "HX-3", "HX-2", warehouse="NORTH")
    assert [(row.sku, row.mean, row.method, row.reason) for row in rows] == [
        ("HX-2", 0.0, "ensemble", None),
        ("HX-3", 0.0, "none", "nothing was sold or stocked there until 2026-03-29"),
    ]
    [row] = look(selling, "HX-3")
    assert (row.record()["warehouse"], row.record()["q90"], row.history) == (None, 0, [None] * 13)
    assert row.summary()["reason"] == "nothing was sold or stocked there until 2026-03-29"


def test_what_has_no_history_yet_is_told_from_its_category(selling):
    def prepare(session):
        categories.add(session, slug="hex")
        for sku in ("HX-1", "HX-3"):
            catalog.change(session, ref=sku, fields={"category": "hex"})
        return stock.configure(session, ref="HX-3", warehouse="MAIN", settings={"reorder_point": 1})

    books.act(selling, prepare)
    [row] = look(selling, "HX-3")
    assert (row.mean, row.method, row.reason) == (16.0, "category", None)
    assert row.history == [None] * 13


def test_what_is_sold_no_more_is_not_forecast(selling):
    books.act(selling, lambda s: catalog.change(s, ref="HX-1", fields={"status": "discontinued"}))
    [row] = look(selling, "HX-1")
    assert (row.mean, row.method) == (0.0, "none")
    assert row.reason == "it is discontinued: only active products are forecast"
    assert [row.sku for row in look(selling)] == ["HX-2", "HX-2"]


def test_as_of_an_earlier_day_nothing_later_is_known(selling):
    before = look(selling, as_of=20260329)
    sold_before(selling, "HX-1,2026-03-30,900")
    assert look(selling, as_of=20260329) == before


@pytest.mark.parametrize("sales", [[1], [0] * 20, [5, *[0] * 60, 5], [0] * 19 + [100_000], [-3, 1]])
def test_odd_histories_have_a_sensible_outlook(stocked, clock, sales):
    at(clock, "2026-03-30")
    sold_before(stocked, *weekly("HX-1", *sales))
    [row] = look(stocked, "HX-1", levels=[9_999], horizon="104w")
    assert row.method == "ensemble"
    assert 0 <= row.low <= row.high < 10**9
    assert 0 <= row.mean < 10**9


def test_what_is_not_there_is_not_found_and_the_future_is_not_known(selling):
    with pytest.raises(NotFound):
        look(selling, "HX-1", "NO")
    with pytest.raises(NotFound):
        look(selling, warehouse="NO")
    with pytest.raises(InvalidInput):
        look(selling, as_of=20260331)


def test_pages_follow_each_other(selling):
    rows = look(selling)
    first, cursor = outlook.page(rows, limit=2)
    assert ([row.warehouse for row in first], cursor) == (["MAIN", "MAIN"], "HX-2=MAIN")
    assert outlook.page(rows, limit=2, after=cursor) == (rows[2:], None)
    assert outlook.page(rows) == (rows, None)
    with pytest.raises(InvalidInput):
        outlook.page(rows, after="HX-9=MAIN")


def test_a_picture_shows_what_was_from_its_beginning_and_single_weeks_to_come(selling):
    ahead = horizons.parse("10d")
    entry(selling, 20260406, 20260412, percent=200)
    found = books.ask(
        selling, lambda s: outlook.outlook(s, refs=["HX-1"], horizon=ahead, pictured=True)
    )
    [picture] = found.pictures
    assert picture.title == "HX-1 at MAIN, pieces a week"
    assert list(picture.history) == [4] * 20
    assert picture.begins[-3:] == [date(2026, 3, 23), date(2026, 3, 30), date(2026, 4, 6)]
    assert picture.median[1] == 2 * picture.median[0]
    assert picture.low[0] < picture.median[0] < picture.high[0]
