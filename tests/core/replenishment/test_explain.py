"""Why a level is ordered, from its history to the arithmetic."""

import json

import pytest

from bvinv.core import catalog
from bvinv.core.errors import NotFound
from bvinv.core.replenishment import calendar, explain, service, telling
from tests import books, pick_books
from tests.books import act, ask
from tests.purchasing_books import add_supplier, draft, terms
from tests.reorder_books import forecast, keep, order, override, why

DAY = 24 * books.HOUR
INPUTS = json.dumps(
    {
        "recorded": [None, 0, 3, 5, 8, 2, 0, 4, 6, 7, 9, 1, 8],
        "quantiles": {"0.5": 7.0, "0.95": 12.25},
        "lead_time": {"days": 9.25, "variance": 4.0, "receipts": 8},
    }
)


@pytest.fixture
def shop(stocked):
    """Return a stocked database whose supplier sells HX-1 in packs of 6."""
    add_supplier(stocked)
    terms(stocked, "HX-1", cost="5.66", pack_size="6")
    return stocked


def parts(row):
    return [(one.part, one.pieces) for one in row.position]


def test_the_position_adds_up_line_by_line(shop):
    keep(shop, "HX-1", 20)
    books.reserve(shop, "SO-1", "HX-1=13", backorder=True)
    draft(shop, "HX-1=6")
    row = why(shop, "HX-1")
    assert parts(row) == [
        ("on hand", 10),
        ("reserved", -10),
        ("promised and not there", -3),
        ("on draft orders", 6),
        ("inventory position", 3),
    ]
    assert sum(pieces for _, pieces in parts(row)[:-1]) == row.inventory_position == 3


@pytest.mark.parametrize(
    ("settings", "arithmetic"),
    [
        ({}, "10 < 20: order up to 21: 11, rounded up to packs of 6: 12"),
        ({"max_stock": 28}, "10 < 20: order up to 28: 18"),
        ({"max_stock": 21}, "10 < 20: order up to 21: 11, reduced by max_stock: 6"),
    ],
)
def test_the_arithmetic_can_be_checked_by_hand(shop, settings, arithmetic):
    keep(shop, "HX-1", 20, **settings)
    assert why(shop, "HX-1").arithmetic == arithmetic


def test_what_is_not_ordered_says_so(shop):
    assert why(shop, "HX-1").arithmetic == "10 is not below 0: nothing is ordered"
    keep(shop, "HX-1", 11, max_stock=12)
    assert why(shop, "HX-1").arithmetic == (
        "10 < 11: order up to 12: 2, blocked by max_stock of 12: nothing is ordered"
    )
    row = why(shop, "HX-3", "NORTH")
    assert (parts(row), row.offer) == ([("on hand", 0), ("inventory position", 0)], None)


def test_of_what_is_discontinued_nothing_is_ordered(shop):
    keep(shop, "HX-1", 20)
    act(shop, lambda s: catalog.change(s, ref="HX-1", fields={"status": "discontinued"}))
    row = why(shop, "HX-1")
    assert row.suggested_quantity == 0
    assert row.arithmetic == "it is discontinued: nothing is ordered"


def test_a_history_without_a_forecast_is_that_of_the_ledger(shop, clock):
    for step, days in enumerate((1, 8, 10)):
        books.reserve(shop, f"SO-{step}", f"HX-1={step + 1}")
        books.commit(shop, f"SO-{step}")
        clock.advance(days * DAY)
    row = why(shop, "HX-1")
    assert row.history.record() == {
        "period": "week",
        "ends_on": "2026-03-19",
        "quantities": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 0],
    }
    assert row.distribution is None


def test_a_parcel_taken_back_later_was_not_sold(shop, clock):
    pick_books.ready(shop, "HX-1=3")
    pick_books.ship(shop)
    clock.advance(8 * DAY)
    pick_books.unship(shop)
    books.reserve(shop, "SO-2", "HX-1=1")
    books.commit(shop, "SO-2")
    clock.advance(DAY)
    assert why(shop, "HX-1").history.quantities[-2:] == [0, 1]


def test_a_forecast_is_shown_as_the_night_stored_it(shop):
    forecast(shop, "HX-1", 20, 30, mean=7_500, deviation=2_250, inputs=INPUTS)
    row = why(shop, "HX-1")
    assert row.history.quantities == [None, 0, 3, 5, 8, 2, 0, 4, 6, 7, 9, 1, 8]
    assert row.distribution.record() == {
        "as_of_on": "2026-02-28",
        "period": "week",
        "periods": 1,
        "lead_time_days": 5,
        "lead_time_from": "9.25 ± 2 days in 8 receipts",
        "review_days": 2,
        "mean": 7.5,
        "deviation": 2.25,
        "level": 20.0,
        "safety_stock": 1,
        "quantiles": {"0.5": 7.0, "0.95": 12.25},
        "service_level": "0.95",
        "service_kind": "cycle",
        "service_from": "in the last run",
        "method": "combined",
        "abc": "A",
        "xyz": "X",
        "quadrant": "smooth",
    }
    assert row.levels.source == "forecast"


def test_it_says_whose_the_service_level_is(shop):
    forecast(shop, "HX-1", 20, 30)

    def said():
        return why(shop, "HX-1").distribution.service_from

    act(shop, lambda s: service.put(s, level=9500))
    assert said() == "set for everything"
    act(shop, lambda s: service.put(s, level=9500, abc="A"))
    assert said() == "set for class A"
    act(shop, lambda s: service.put(s, level=9900, sku="HX-1"))
    assert said() == "set for the product as 0.99 since; counts from the next run"


def test_an_override_and_the_calendar_are_told(shop):
    forecast(shop, "HX-1", 20, 30)
    keep(shop, "HX-1", 22)
    override(shop, "HX-1", 40, 20260401)
    for name, first, last in (("Fair", 20260305, 20260306), ("Summer", 20260701, 20260702)):
        act(
            shop,
            lambda s, name=name, first=first, last=last: calendar.add(
                s, name=name, begins_on=first, ends_on=last, percent=150
            ),
        )
    row = why(shop, "HX-1")
    assert row.levels.record() == {
        "reorder_point": 40,
        "order_up_to": 50,
        "source": "override",
        "forecast": 20,
        "typed": 22,
        "override": 40,
        "safety_stock": None,
        "max_stock": None,
    }
    assert row.override.record() == {
        "reorder_point": 40,
        "order_up_to": None,
        "reason": "a school asked",
        "until_on": "2026-04-01",
    }
    assert [one.name for one in row.calendar] == ["Fair"]


def test_people_read_it_on_eighty_columns(shop):
    forecast(shop, "HX-1", 20, 30, mean=7_500, deviation=2_250, inputs=INPUTS)
    keep(shop, "HX-1", 5)
    order(shop)
    said = telling.told(why(shop, "HX-1"))
    said.pop("position")
    assert said == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "history": "·▁▃▅▇▃▁▄▆▆█▂▇  13 weeks to 2026-02-28",
        "sold": "· 0 3 5 8 2 0 4 6 7 9 1 8",
        "forecast": "7.5 ± 2.25 in 5 + 2 days, as of 2026-02-28",
        "lead_time": "5 days, 9.25 ± 2 days in 8 receipts; ordered every 2",
        "quantiles": "7 at 0.5, 12.25 at 0.95, smoothed level 20",
        "service_level": "0.95, in the last run",
        "class": "AX, smooth, by combined",
        "reorder_point": "20, by the forecast (typed 5)",
        "safety_stock": 1,
        "order_up_to": 30,
        "terms": "HARBOUR, 3 days, 5.66 GBP, packs of 6",
        "decision": "34 is not below 20: nothing is ordered",
        "runs_out": "2026-03-11, hardly before 2026-03-08",
        "suggestion": "ordered: 24 on PO-1, 2026-03-01",
    }
    assert max(len(str(line)) for line in said.values()) <= 64


def test_without_a_warehouse_all_are_told_of(shop):
    rows = ask(shop, lambda s: explain.why(s, ref="HX-2"))
    assert [(row.warehouse, row.inventory_position) for row in rows] == [("MAIN", 4), ("NORTH", 6)]
    for wrong in ({"ref": "NO"}, {"ref": "HX-1", "warehouse": "NO"}):
        with pytest.raises(NotFound):
            ask(shop, lambda s, wrong=wrong: explain.why(s, **wrong))
