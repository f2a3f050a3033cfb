"""Nights: what they store, from what, and what is left of one that fails."""

import json
import math
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from bvinv.core import leases, stock
from bvinv.core.db import Sql
from bvinv.core.errors import Busy, InvalidInput, NotFound
from bvinv.core.forecasting.distributions import expected_shortage
from bvinv.core.replenishment import decisions, service
from tests import books, workers
from tests.books import act
from tests.night_books import LAST, inputs, level, levels, night, sell
from tests.purchasing_books import add_supplier, deliver, order, terms

DAY = 24 * books.HOUR
NUMBERS = ("mean", "deviation", "level", "reorder_point", "safety_stock", "order_up_to")


@pytest.fixture
def shop(stocked):
    """Return a stocked database in which HX-1 has sold 2 to 6 pieces a week for 40 weeks, and which
    HARBOUR sells in sixes, at 6.00 and after 7 days."""
    add_supplier(stocked, lead_time_days="7")
    terms(stocked, "HX-1", cost="6.00", pack_size="6", minimum_quantity="12")
    sell(stocked, "HX-1", [2, 4, 6, 4] * 10)
    return stocked


def test_a_night_stores_when_to_order_and_from_what_that_follows(shop):
    row = night(shop)

    assert {name: row[name] for name in ("as_of", "period", "series", "levels", "chosen")} == {
        "as_of": "2026-02-28",
        "period": "week",
        "series": 3,
        "levels": 1,
        "chosen": [],
    }
    said = inputs(shop)
    mean, deviation, smoothed, point, safety, up_to = level(shop, *NUMBERS)
    # Two weeks of four pieces each, and C's chance of 90 %.
    assert 7_500 < mean < 8_500
    assert deviation > 0
    assert smoothed == round(said["unsmoothed"] * 1000) == round(said["quantiles"]["0.9"] * 1000)
    assert point == math.floor(said["unsmoothed"] + 0.5)
    assert safety == math.floor(point - mean / 1000 + 0.5)
    assert up_to == point + math.floor(mean / 2000 + 0.5)
    assert level(
        shop,
        *("lead_time_days", "review_days", "periods", "service_level", "service_kind"),
        *("method", "abc", "xyz", "quadrant"),
    ) == (7, 7, 2, 9_000, "cycle", "ensemble", "C", "X", "smooth")
    assert said | {"quantiles": 0, "unsmoothed": 0} == {
        "version": "0.1.0",
        "as_of": "2026-02-28",
        "period": "week",
        "recorded": [4, 2, 4, 6, 4, 2, 4, 6, 4, 2, 4, 6, 4],
        "quantiles": 0,
        "unsmoothed": 0,
        "before": None,
        "lift": 1.0,
        "lead_time": {"days": 7.0, "variance": 0.0, "receipts": 0},
        "order_quantity": 4,
        "terms": {
            "supplier": "HARBOUR",
            "currency": "GBP",
            "cost": 600,
            "pack_size": 6,
            "minimum_quantity": 12,
        },
        "note": "",
    }


def test_a_night_is_recorded_and_told_of(shop):
    night(shop, level=9_300)

    [run] = books.fetch(
        shop, "SELECT as_of_on, period, version, levels, settings FROM forecast_run"
    )
    assert run[:4] == (20260228, "week", "0.1.0", 1)
    assert json.loads(run[4])["level"] == 9_300
    assert ("forecast.finished", "2026-02-28") in books.events(shop)
    assert books.fetch(shop, "SELECT count(*) FROM job_lease") == [(0,)]


def test_levels_move_half_of_the_way_a_week(shop, clock):
    night(shop)
    [before] = level(shop, "level")
    clock.advance(7 * DAY)
    sell(shop, "HX-1", [40], last=LAST + timedelta(days=7))
    night(shop)

    target = round(inputs(shop)["unsmoothed"] * 1000)
    assert target > before + 1000
    [after] = level(shop, "level")
    assert abs(after - (before + target) / 2) <= 1
    assert inputs(shop)["before"] == {"level": before, "as_of_on": 20260228}


def test_the_same_night_twice_says_the_same(shop, clock):
    night(shop)
    clock.advance(3 * DAY)
    first = night(shop), levels(shop, *NUMBERS, "inputs")
    again = night(shop), levels(shop, *NUMBERS, "inputs")
    assert first[0] | {"seconds": 0} == again[0] | {"seconds": 0}
    assert first[1] == again[1]


@pytest.mark.parametrize(("period", "weight"), [("week", 1 - 0.5 ** (70 / 7)), ("month", 0.797)])
def test_after_a_long_break_little_is_left_of_the_old_level(shop, clock, period, weight):
    night(shop, period=period)
    [before] = level(shop, "level")
    clock.advance(70 * DAY)
    sell(shop, "HX-1", [40] * 10, last=LAST + timedelta(days=70))
    night(shop, period=period)
    target = inputs(shop)["unsmoothed"] * 1000
    assert level(shop, "level")[0] == pytest.approx(before + weight * (target - before), rel=1e-3)


def test_what_was_imported_late_counts_in_the_same_night(shop):
    night(shop)
    sell(shop, "HX-2", [3] * 30)
    night(shop)
    sell(shop, "HX-2", [30], last=LAST - timedelta(days=1))
    night(shop)

    [smoothed] = level(shop, "level", sku="HX-2")
    assert smoothed == round(inputs(shop, "HX-2")["unsmoothed"] * 1000)


@pytest.mark.parametrize("change", [{"review_days": 14}, {"level": 9_500}])
def test_another_review_or_service_level_begins_anew(shop, clock, change):
    night(shop)
    clock.advance(DAY)
    night(shop, **change)

    assert inputs(shop)["before"] is None
    assert level(shop, "level") == (round(inputs(shop)["unsmoothed"] * 1000),)


def test_a_clock_that_was_set_back_does_no_harm(shop):
    night(shop)
    before = level(shop, *NUMBERS[2:])
    night(shop, as_of=20260221)
    assert level(shop, *NUMBERS[2:]) == before
    night(shop)
    assert level(shop, *NUMBERS[2:]) == before


def test_more_service_never_stocks_less(shop):
    found = []
    for wanted in (5_000, 8_000, 9_000, 9_500, 9_900, 9_999):
        night(shop, level=wanted)
        found.append(level(shop, "level", "reorder_point", "safety_stock", "order_up_to"))
    assert all(sorted(column) == list(column) for column in zip(*found, strict=True))
    assert found[0] < found[-1]


def test_a_fill_rate_is_the_part_of_the_pieces_that_are_there(shop):
    act(shop, lambda s: service.put(s, level=9_800, kind="fill", sku="HX-1"))
    night(shop)

    [mean, deviation, point] = level(shop, "mean", "deviation", "reorder_point")
    assert level(shop, "service_level", "service_kind") == (9_800, "fill")
    short = [
        expected_shortage(mean / 1000, (deviation / 1000) ** 2, stocked)[0]
        for stocked in (point - 1, point)
    ]
    assert short[1] <= 0.02 * 12 < short[0]  # they sell twelve at least


def test_where_costs_are_known_the_economic_quantity_is_ordered(shop):
    night(shop, order_cost="15.00", holding_rate=2_500)

    mean, point, up_to = level(shop, "mean", "reorder_point", "order_up_to")
    assert up_to - point == decisions.economic_quantity(mean * 365 // 14, 1500, 2500, 600)
    assert inputs(shop)["order_quantity"] == up_to - point


def test_max_stock_cuts_what_is_ordered(shop):
    act(
        shop,
        lambda s: stock.configure(s, ref="HX-1", warehouse="MAIN", settings={"max_stock": 5}),
    )
    night(shop)

    assert level(shop, "reorder_point", "order_up_to") == (5, 5)
    assert inputs(shop)["note"] == "cut to max_stock"


def test_receipts_that_vary_ask_for_more_stock(shop, clock):
    for days in (3, 11, 7, 3, 11):
        number = order(shop, "HX-1=12")
        clock.advance(days * DAY)
        deliver(shop, number)
    night(shop, as_of=20260228)

    said = inputs(shop)["lead_time"]
    assert said == {"days": 7.0, "variance": 16.0, "receipts": 5}
    mean, deviation = level(shop, "mean", "deviation")
    certain = deviation**2 - (mean / 14) ** 2 * 16
    assert 0 < certain < deviation**2 * 0.8


def test_a_product_that_nobody_sells_is_forecast_all_the_same(shop):
    sell(shop, "HX-2", [3] * 30, warehouse="NORTH")
    night(shop, lead_time_days=14)

    assert level(
        shop, "supplier_id", "lead_time_days", "periods", sku="HX-2", warehouse="NORTH"
    ) == (None, 14, 3)
    said = inputs(shop, "HX-2", "NORTH")
    assert (said["terms"], said["note"]) == (None, "nobody sells it: the lead time is assumed")


@pytest.mark.parametrize(
    ("lead", "review", "periods"), [("0", 1, 1), ("0", 7, 1), ("10", 7, 3), ("400", 7, 59)]
)
def test_any_lead_time_is_a_sensible_interval(stocked, lead, review, periods):
    add_supplier(stocked, lead_time_days=lead)
    terms(stocked, "HX-1", cost="6.00")
    sell(stocked, "HX-1", [7] * 40)
    night(stocked, review_days=review, level=9_500)

    days = int(lead) + review
    assert level(stocked, "lead_time_days", "periods") == (int(lead), periods)
    mean, point = level(stocked, "mean", "reorder_point")
    assert 900 * days < mean < 1100 * days
    quantiles = list(inputs(stocked)["quantiles"].values())
    assert quantiles == sorted(quantiles)
    assert point >= days - 1


@pytest.mark.parametrize(
    ("weeks", "point"), [([0] * 30, 0), ([0] * 29 + [1], None), ([1], None), ([10**9], None)]
)
def test_thin_histories_give_sensible_numbers(stocked, weeks, point):
    sell(stocked, "HX-1", weeks)
    night(stocked)

    found = level(stocked, *NUMBERS)
    assert all(number >= 0 for number in found)
    assert point is None or found == (0,) * 6
    assert "NaN" not in level(stocked, "inputs")[0]


def test_products_without_a_history_have_no_level_and_lose_the_one_they_had(shop):
    sell(shop, "HX-2", [3] * 30)
    night(shop)
    assert set(levels(shop, "run_id")) == {("HX-1", "MAIN"), ("HX-2", "MAIN")}

    discontinue = Sql("UPDATE product SET status = 'discontinued' WHERE sku = :sku")
    act(shop, lambda s: [] if s.send(discontinue, [{"sku": "HX-2"}]) else None)
    night(shop)
    assert levels(shop, "run_id") == {("HX-1", "MAIN"): (2,)}


def test_one_warehouse_can_be_done_alone(shop):
    sell(shop, "HX-2", [3] * 30, warehouse="NORTH")
    night(shop)
    before = levels(shop, "run_id")
    night(shop, warehouse="north")

    assert levels(shop, "run_id") == before | {("HX-2", "NORTH"): (2,)}


def test_months_are_counted_as_such(stocked):
    sell(stocked, "HX-1", [7] * 60)
    row = night(stocked, period="month", lead_time_days=31, review_days=30)

    assert row["period"] == "month"
    assert level(stocked, "periods") == (2,)
    assert 55_000 < level(stocked, "mean")[0] < 67_000


def test_a_key_makes_a_second_run_harmless(shop):
    first = night(shop, key="2026-02-28")
    before = books.snapshot(shop)
    assert night(shop, key="2026-02-28") == first
    assert books.snapshot(shop) == before


def test_a_dry_run_keeps_nothing(shop):
    before = books.snapshot(shop)
    assert night(shop, dry_run=True)["levels"] == 1
    assert books.snapshot(shop) == before


def test_two_nights_at_once_do_not_happen(shop, clock):
    take = partial(leases.take, name="forecast", holder="another:1", seconds=900)
    act(shop, lambda s: take(s) or [])
    before = books.snapshot(shop)

    with pytest.raises(Busy, match="another:1 has been doing forecast"):
        night(shop)
    assert books.snapshot(shop) == before
    clock.advance(16 * books.MINUTE)
    assert night(shop)["levels"] == 1


def test_a_night_that_fails_leaves_the_levels_of_the_one_before(shop, clock):
    night(shop)
    before = levels(shop, *NUMBERS, "run_id", "inputs")
    clock.advance(DAY)
    with closing(books.raw(shop)) as connection:
        connection.execute("ALTER TABLE reorder_suggestion RENAME TO taken_away")
        with pytest.raises(Exception, match="reorder_suggestion"):
            night(shop)
        connection.execute("ALTER TABLE taken_away RENAME TO reorder_suggestion")

    assert levels(shop, *NUMBERS, "run_id", "inputs") == before
    assert books.fetch(shop, "SELECT count(*) FROM forecast_run") == [(1,)]
    assert books.fetch(shop, "SELECT count(*) FROM job_lease") == [(0,)]
    night(shop)
    assert level(shop, "run_id") > before["HX-1", "MAIN"][-2:-1]


@pytest.mark.parametrize(
    ("said", "error", "detail"),
    [
        ({"order_cost": "15.00"}, InvalidInput, "are only of use together"),
        ({"holding_rate": 2_500}, InvalidInput, "are only of use together"),
        ({"optimises": True}, InvalidInput, "the cheapest service level needs the costs"),
        ({"order_cost": "cheap", "holding_rate": 2_500}, InvalidInput, "'cheap' is not an amount"),
        ({"warehouse": "SOUTH"}, NotFound, "there is no warehouse SOUTH"),
        ({"as_of": 20260302}, InvalidInput, "2026-03-02 is not a day that the ledger can know"),
    ],
)
def test_what_makes_no_sense_is_refused(shop, said, error, detail):
    before = books.snapshot(shop)
    with pytest.raises(error, match=detail):
        night(shop, **said)
    assert books.snapshot(shop) == before


def _try_a_night(database):
    try:
        return night(database, as_of=20260228)["levels"]
    except Busy:
        return None


def test_of_nights_that_begin_together_one_is_done_at_least_and_none_is_mixed(shop, where):
    found = workers.together(where, _try_a_night, [(), (), ()])

    done = [count for count in found if count is not None]
    assert set(done) == {1}
    assert books.fetch(shop, "SELECT count(*) FROM forecast_run") == [(len(done),)]
    assert level(shop, "run_id") == (len(done),)
    assert books.fetch(shop, "SELECT count(*) FROM job_lease") == [(0,)]
