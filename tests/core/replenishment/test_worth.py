"""Overstock: what does not sell, what there is too much of, and the money in it.

It is Tuesday, 1 September 2026, at noon; 180 days ago it was 5 March.
"""

import pytest

from bvinv.core import stock
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.stock_report import OverstockRow, OverstockSummary
from bvinv.core.replenishment import overrides, worth
from tests import books, pick_books, purchasing_books, transfer_books
from tests.demand_books import at, sell, sold_before
from tests.report_books import night, priced


@pytest.fixture
def shop(database, clock):
    """Return a database where 10 of OLD came to MAIN on 1 March, and none was sold."""
    books.add_warehouses(database, "MAIN", "NORTH")
    priced(database, "OLD=10.00 NEW=5.00 OTHER=5.00")
    purchasing_books.add_supplier(database)
    books.receive(database, "OLD", 10, "MAIN")
    at(clock, "2026-09-01")
    return database


def found(database, **more):
    rows, _ = books.ask(database, lambda s: worth.overstock(s, **more))
    return rows


def said(database, **more):
    """Return SKU, kind and excess of each row."""
    return [(row.sku, row.kind, row.excess) for row in found(database, **more)]


def configure(database, ref, **settings):
    empty = dict.fromkeys(("reorder_point", "max_stock", "safety_stock"))
    books.act(
        database,
        lambda s: stock.configure(s, ref=ref, warehouse="MAIN", settings=empty | settings),
    )


def test_what_never_sold_is_dead_with_all_that_is_on_hand(shop):
    purchasing_books.terms(shop, "OLD", cost="4.25")
    assert found(shop) == [
        OverstockRow(
            sku="OLD",
            warehouse="MAIN",
            kind="dead",
            on_hand=10,
            excess=10,
            last_sold_on=None,
            days_of_cover=None,
            cost="4.25",
            money="42.50",
            currency="GBP",
        )
    ]


def test_nothing_is_dead_before_its_time(shop, clock):
    at(clock, "2026-08-28T08:59:59Z")
    assert found(shop) == []
    at(clock, "2026-08-28T09:00:01Z")
    assert said(shop) == [("OLD", "dead", 10)]
    assert said(shop, days=181) == []


def test_what_was_sold_last_long_ago_is_dead(shop, clock):
    at(clock, "2026-03-02")
    sell(shop, "SO-1", "OLD=1")
    at(clock, "2026-09-01")
    [row] = found(shop)
    assert (row.kind, row.excess, row.last_sold_on) == ("dead", 9, 20260302)


def test_a_sale_that_came_back_sold_nothing(shop, clock):
    at(clock, "2026-06-01")
    sell(shop, "SO-1", "OLD=1")
    pick_books.come_back(shop, "OLD", 1)
    at(clock, "2026-09-01")
    assert said(shop) == [("OLD", "dead", 9)]


def test_a_parcel_taken_back_was_no_sale(shop, clock):
    at(clock, "2026-06-01")
    pick_books.ready(shop, "OLD=3")
    pick_books.ship(shop)
    pick_books.unship(shop)
    at(clock, "2026-09-01")
    [row] = found(shop)
    assert (row.kind, row.excess, row.last_sold_on) == ("dead", 10, None)


@pytest.mark.parametrize("undone", [False, True])
def test_new_goods_give_a_product_another_time_unless_they_are_undone(shop, clock, undone):
    at(clock, "2026-06-01")
    books.receive(shop, "OLD", 2, "MAIN")
    if undone:
        transfer_books.undo_movement(shop, transfer_books.newest(shop, "receive"))
    at(clock, "2026-09-01")
    assert said(shop) == ([("OLD", "dead", 10)] if undone else [])


def test_imported_demand_is_a_sale_too(shop, clock):
    sold_before(shop, "OLD,2026-02-20,1")
    [row] = found(shop)
    assert (row.kind, row.last_sold_on) == ("dead", 20260220)
    sold_before(shop, "OLD,2026-08-20,36")
    assert found(shop) == []


def test_what_lies_above_so_many_days_of_demand_is_too_much(shop, clock):
    at(clock, "2026-06-01")
    sell(shop, "SO-1", "OLD=2")
    at(clock, "2026-09-01")
    [row] = found(shop)
    assert (row.kind, row.on_hand, row.excess, row.days_of_cover) == ("overstock", 8, 6, 720.0)


def test_a_young_level_is_taken_at_the_rate_that_it_sold_at(shop, clock):
    books.receive(shop, "NEW", 21, "MAIN")
    at(clock, "2026-09-04")
    sell(shop, "SO-1", "NEW=1")
    at(clock, "2026-09-11")
    [row] = [row for row in found(shop, days=100) if row.sku == "NEW"]
    assert (row.on_hand, row.excess, row.days_of_cover) == (20, 10, 200.0)


@pytest.mark.parametrize(
    ("settings", "up_to", "excess"),
    [
        ({"max_stock": 5}, None, 3),
        ({}, 6, 2),
        ({"max_stock": 5}, 7, 1),
        ({"max_stock": 9}, 7, None),
    ],
)
def test_a_level_that_somebody_set_goes_before_days_of_demand(shop, clock, settings, up_to, excess):
    at(clock, "2026-06-01")
    sell(shop, "SO-1", "OLD=2")
    at(clock, "2026-09-01")
    configure(shop, "OLD", **settings)
    if up_to:
        night(shop, "OLD", order_up_to=up_to)
    assert said(shop) == ([("OLD", "overstock", excess)] if excess else [])


def test_an_override_goes_before_the_forecast(shop, clock):
    at(clock, "2026-06-01")
    sell(shop, "SO-1", "OLD=2")
    at(clock, "2026-09-01")
    night(shop, "OLD", order_up_to=3)
    books.act(
        shop,
        lambda s: overrides.put(
            s,
            ref="OLD",
            warehouse="MAIN",
            reorder_point=0,
            order_up_to=7,
            reason="film",
            until_on=20260902,
        ),
    )
    assert said(shop) == [("OLD", "overstock", 1)]
    at(clock, "2026-09-03")
    assert said(shop) == [("OLD", "overstock", 5)]


@pytest.mark.parametrize(("point", "excess"), [(0, 6), (4, 2)])
def test_an_override_without_a_level_to_order_up_to_keeps_the_forecasts_distance(
    shop, clock, point, excess
):
    at(clock, "2026-06-01")
    sell(shop, "SO-1", "OLD=2")
    night(shop, "OLD", reorder_point=3, order_up_to=5)
    said_so = {"reorder_point": point, "reason": "film", "until_on": 20260902}
    books.act(shop, lambda s: overrides.put(s, ref="OLD", warehouse="MAIN", **said_so))
    assert said(shop) == [("OLD", "overstock", excess)]


def test_what_a_typed_reorder_point_asks_for_is_not_too_much(shop, clock):
    at(clock, "2026-06-01")
    sell(shop, "SO-1", "OLD=2")
    night(shop, "OLD", reorder_point=1, order_up_to=3)
    assert said(shop) == [("OLD", "overstock", 5)]
    configure(shop, "OLD", reorder_point=5)
    assert said(shop) == [("OLD", "overstock", 1)]


def test_a_cost_is_that_of_the_terms_else_of_the_last_order_and_no_price(shop, clock):
    at(clock, "2026-03-01")
    purchasing_books.terms(shop, "NEW", cost="2.00")
    purchasing_books.deliver(shop, purchasing_books.order(shop, "NEW=3"))
    purchasing_books.terms(shop, "NEW", cost="3.00")
    purchasing_books.deliver(shop, purchasing_books.order(shop, "NEW=1"))
    books.receive(shop, "OTHER", 2, "MAIN")
    at(clock, "2026-09-01")
    purchasing_books.terms(shop, "NEW", cost="7.50")
    assert [(row.sku, row.cost, row.money) for row in found(shop)] == [
        ("NEW", "7.50", "30.00"),
        ("OLD", None, None),
        ("OTHER", None, None),
    ]
    purchasing_books.terms(shop, "NEW", cost="")
    row = found(shop)[0]
    assert (row.sku, row.cost, row.money) == ("NEW", "3.00", "12.00")


def test_the_most_money_comes_first_and_currencies_stay_apart(shop, clock):
    at(clock, "2026-03-01")
    books.receive(shop, "NEW", 1, "MAIN")
    books.receive(shop, "OTHER", 1, "NORTH")
    at(clock, "2026-09-01")
    purchasing_books.add_supplier(shop, "EURO", currency="EUR")
    purchasing_books.terms(shop, "OTHER", "EURO", cost="1.00")
    purchasing_books.terms(shop, "OLD", cost="1.00")
    purchasing_books.terms(shop, "NEW", cost="12.00")
    assert [(row.sku, row.money, row.currency) for row in found(shop)] == [
        ("OTHER", "1.00", "EUR"),
        ("NEW", "12.00", "GBP"),
        ("OLD", "10.00", "GBP"),
    ]
    assert [row.sku for row in found(shop, warehouse="NORTH")] == ["OTHER"]


def test_the_summary_adds_up_by_kind_and_currency(shop, clock):
    at(clock, "2026-03-01")
    books.receive(shop, "NEW", 4, "MAIN")
    books.receive(shop, "OTHER", 2, "MAIN")
    at(clock, "2026-06-01")
    sell(shop, "SO-1", "NEW=1")
    at(clock, "2026-09-01")
    purchasing_books.terms(shop, "OLD", cost="1.50")
    purchasing_books.terms(shop, "NEW", cost="1.00")
    assert books.ask(shop, worth.overstock_summary) == [
        OverstockSummary(kind="dead", levels=1, excess=10, money="15.00", currency="GBP"),
        OverstockSummary(kind="dead", levels=1, excess=2, money=None, currency=None),
        OverstockSummary(kind="overstock", levels=1, excess=2, money="2.00", currency="GBP"),
    ]


def test_pages_follow_each_other(shop, clock):
    at(clock, "2026-03-01")
    books.receive(shop, "NEW", 4, "MAIN")
    at(clock, "2026-09-01")
    first, cursor = books.ask(shop, lambda s: worth.overstock(s, limit=1))
    assert ([row.sku for row in first], cursor) == (["OLD"], "OLD=MAIN")
    rest, cursor = books.ask(shop, lambda s: worth.overstock(s, limit=1, after="OLD=MAIN"))
    assert ([row.sku for row in rest], cursor) == (["NEW"], None)


@pytest.mark.parametrize(
    ("asked", "error", "detail"),
    [
        (
            {"days": 0},
            InvalidInput,
            "the number of days must be a whole number from 1 to 3650, not 0",
        ),
        ({"days": 3651}, InvalidInput, None),
        ({"warehouse": "NOPE"}, NotFound, "there is no warehouse NOPE"),
        ({"limit": 0}, InvalidInput, None),
    ],
)
def test_what_cannot_be_asked_is_refused(shop, asked, error, detail):
    with pytest.raises(error) as refused:
        found(shop, **asked)
    assert detail in (None, refused.value.detail)
