"""Purchase orders: written, placed, changed, cancelled, looked at in the past."""

import pytest

from bvinv.core import dates, stock
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.purchasing import order_rows, suppliers
from tests import books
from tests.books import act, ask, events, snapshot
from tests.purchasing_books import (
    add_supplier,
    cancel,
    change,
    deliver,
    draft,
    order,
    parts,
    place,
    shown,
    statuses,
    terms,
)


@pytest.fixture
def shop(stocked):
    """Return a stocked database whose HARBOUR sells HX-1 in fives at 5.66 and HX-2 at 2.00."""
    add_supplier(stocked, minimum_order="20")
    terms(stocked, "HX-1", cost="5.66", pack_size="5", minimum_quantity="8")
    terms(stocked, "HX-2", cost="2")
    return stocked


def test_a_draft_takes_its_costs_from_the_terms_and_orders_nothing_yet(shop):
    row = draft(shop, "hx-1=10 HX-2=3", note="spring")

    assert (row.order, row.status, row.supplier, row.warehouse) == (
        "PO-1",
        "draft",
        "HARBOUR",
        "MAIN",
    )
    assert (row.total, row.currency, row.note, row.expected_on) == ("62.60", "GBP", "spring", None)
    assert parts(row) == [("HX-1", 10, 0, 0, "open"), ("HX-2", 3, 0, 0, "open")]
    assert [line.cost for line in row.lines] == ["5.66", "2.00"]
    assert row.warnings == []
    assert books.level(shop, "HX-1", "MAIN").on_order == 0
    assert events(shop)[-1] == ("purchase-order.created", "PO-1")


def test_two_lines_of_one_product_add_up(shop):
    assert parts(draft(shop, "HX-2=3 hx-2=4")) == [("HX-2", 7, 0, 0, "open")]


@pytest.mark.parametrize(
    ("said", "detail", "right"),
    [
        ("HX-1=7", "HARBOUR sells HX-1 at least 8 and in packs of 5, not 7", "HX-1=10"),
        ("HX-1=5", "HARBOUR sells HX-1 at least 8 and in packs of 5, not 5", "HX-1=10"),
        ("HX-1=11", "HARBOUR sells HX-1 at least 8 and in packs of 5, not 11", "HX-1=15"),
    ],
)
def test_nothing_is_rounded_silently(shop, said, detail, right):
    before = snapshot(shop)
    with pytest.raises(InvalidInput) as refused:
        draft(shop, said)
    assert refused.value.detail == detail
    assert refused.value.hint == f"order {right}; or --exact, when it is agreed"
    assert snapshot(shop) == before
    assert parts(draft(shop, said, exact=True))[0][1] == int(said[5:])


def test_every_line_that_is_not_sold_like_that_is_named(shop):
    terms(shop, "HX-2", pack_size="4")
    with pytest.raises(InvalidInput) as refused:
        draft(shop, "HX-1=7 HX-2=3")
    assert refused.value.hint == "order HX-1=10 HX-2=4; or --exact, when it is agreed"
    assert [error["right"] for error in refused.value.errors or []] == [10, 4]


def test_what_one_should_know_is_said(shop):
    row = draft(shop, "HX-2=3 HX-3=1")
    assert row.warnings == [
        "below HARBOUR's minimum order of 20.00 GBP",
        "HARBOUR gave no cost for HX-3",
    ]
    assert row.total == "6.00"


@pytest.mark.parametrize(
    ("said", "more", "error", "detail"),
    [
        ("", {}, InvalidInput, "there are no lines"),
        ("HX-9=1", {}, NotFound, "there is no product 'HX-9'"),
        ("HX-2=1", {"supplier": "NOBODY"}, NotFound, "there is no supplier NOBODY"),
        ("HX-2=1", {"warehouse": "MOON"}, NotFound, "there is no warehouse MOON"),
    ],
)
def test_an_order_names_what_is_there(shop, said, more, error, detail):
    before = snapshot(shop)
    with pytest.raises(error) as refused:
        draft(shop, said, **more)
    assert refused.value.detail == detail
    assert snapshot(shop) == before


def test_an_order_that_nobody_can_count_is_refused(shop):
    terms(shop, "HX-2", cost="10000000000000")
    before = snapshot(shop)
    with pytest.raises(InvalidInput, match=r"more than 10000000000000\.00 GBP"):
        draft(shop, "HX-2=2")
    assert snapshot(shop) == before


def test_placing_puts_goods_on_order_and_fixes_the_tolerance(shop, clock):
    act(
        shop,
        lambda s: suppliers.change(s, supplier="HARBOUR", fields={"over_receipt_percent": "15"}),
    )
    number = draft(shop, "HX-1=10 HX-2=3").order
    clock.advance(books.HOUR)

    row = place(shop, number)

    assert (row.status, row.placed_at) == ("placed", clock.at)
    assert row.expected_on == dates.day("2026-03-04")  # three days of lead time
    assert [(line.sku, line.outstanding, line.tolerance) for line in row.lines] == [
        ("HX-1", 10, 1),
        ("HX-2", 3, 0),
    ]
    assert books.level(shop, "HX-1", "MAIN").on_order == 10
    act(
        shop,
        lambda s: suppliers.change(s, supplier="HARBOUR", fields={"over_receipt_percent": "0"}),
    )
    assert shown(shop, number).lines[0].tolerance == 1


def test_the_tolerance_can_be_said_with_the_order(shop):
    number = order(shop, "HX-1=10", percent=50)
    assert shown(shop, number).lines[0].tolerance == 5


def test_goods_on_order_count_below_the_reorder_point(shop):
    act(
        shop,
        lambda s: stock.configure(s, ref="HX-1", warehouse="MAIN", settings={"reorder_point": 12}),
    )

    def low():
        rows, _ = ask(shop, lambda s: stock.page(s, below_reorder_point=True))
        return [row.sku for row in rows]

    assert low() == ["HX-1"]
    number = draft(shop, "HX-1=10").order
    assert low() == ["HX-1"]
    place(shop, number)
    assert low() == []
    cancel(shop, number)
    assert low() == ["HX-1"]


def test_only_a_draft_is_placed(shop):
    number = order(shop, "HX-2=1")
    before = snapshot(shop)
    with pytest.raises(Conflict, match="PO-1 is placed already"):
        place(shop, number)
    assert snapshot(shop) == before


def test_lines_of_a_draft_change(shop):
    number = draft(shop, "HX-1=10 HX-2=3").order

    row = change(shop, number, "HX-2=5 HX-3=1", remove=["HX-1"])

    assert parts(row) == [("HX-2", 5, 0, 0, "open"), ("HX-3", 1, 0, 0, "open")]
    before = snapshot(shop)
    assert change(shop, number, "HX-2=5") == row
    assert snapshot(shop) == before


@pytest.mark.parametrize(
    ("said", "remove", "error", "detail"),
    [
        ("", ["HX-2"], NotFound, "HX-2 is not on PO-1"),
        ("", ["HX-1"], InvalidInput, "an order needs a line"),
        ("HX-1=10", ["HX-1"], InvalidInput, "HX-1 is to be changed and removed at once"),
        ("HX-1=7", [], InvalidInput, "HARBOUR sells HX-1 at least 8 and in packs of 5, not 7"),
    ],
)
def test_a_draft_keeps_making_sense(shop, said, remove, error, detail):
    number = draft(shop, "HX-1=10").order
    before = snapshot(shop)
    with pytest.raises(error) as refused:
        change(shop, number, said, remove=remove)
    assert refused.value.detail == detail
    assert snapshot(shop) == before


def test_lines_of_a_placed_order_are_fixed_and_its_day_is_not(shop):
    number = order(shop, "HX-1=10")
    before = snapshot(shop)
    with pytest.raises(Conflict, match="the lines of PO-1 are fixed since it was placed"):
        change(shop, number, "HX-1=15")
    assert snapshot(shop) == before

    assert change(shop, number, expected_on=20260410).expected_on == 20260410
    assert events(shop)[-1] == ("purchase-order.changed", "PO-1")
    cancel(shop, number)
    with pytest.raises(Conflict, match="PO-1 is cancelled already"):
        change(shop, number, expected_on=20260411)


@pytest.mark.parametrize("placed", [False, True])
def test_an_order_of_which_nothing_came_is_cancelled(shop, placed):
    number = order(shop, "HX-1=10") if placed else draft(shop, "HX-1=10").order

    row = cancel(shop, number)

    assert (row.status, parts(row)) == ("cancelled", [("HX-1", 10, 0, 0, "cancelled")])
    assert books.level(shop, "HX-1", "MAIN").on_order == 0
    before = snapshot(shop)
    with pytest.raises(Conflict, match="PO-1 is cancelled already"):
        cancel(shop, number)
    assert snapshot(shop) == before


def test_of_an_order_that_came_in_part_the_rest_is_cancelled(shop):
    number = order(shop, "HX-1=10 HX-2=3")
    deliver(shop, number, "HX-1=4 HX-2=3")

    row = cancel(shop, number)

    assert (row.status, row.warnings) == (
        "received",
        ["6 ordered, never received, and not expected any more"],
    )
    assert parts(row) == [("HX-1", 10, 4, 0, "short"), ("HX-2", 3, 3, 0, "complete")]
    assert books.level(shop, "HX-1", "MAIN").on_order == 0


def test_an_order_is_shown_as_it_was(shop, clock):
    clock.advance(books.HOUR)
    number = draft(shop, "HX-1=10 HX-2=3").order
    moments = {"written": clock.at}
    for name, action in (
        ("placed", lambda: place(shop, number)),
        ("part", lambda: deliver(shop, number, "HX-1=4")),
        ("closed", lambda: cancel(shop, number)),
    ):
        clock.advance(books.HOUR)
        action()
        moments[name] = clock.at

    def then(at):
        row = shown(shop, number, as_of=at)
        return row.status, [part[2:] for part in parts(row)]

    assert then(moments["written"]) == ("draft", [(0, 0, "open"), (0, 0, "open")])
    assert then(moments["placed"]) == ("placed", [(0, 10, "open"), (0, 3, "open")])
    assert then(moments["part"]) == ("partly-received", [(4, 6, "open"), (0, 3, "open")])
    assert then(moments["closed"]) == ("received", [(4, 0, "short"), (0, 0, "short")])
    assert then(moments["closed"])[1] == [part[2:] for part in parts(shown(shop, number))]
    with pytest.raises(NotFound, match="there was no PO-1 yet"):
        then(moments["written"] - 1)


def test_orders_are_listed_the_newest_first(shop):
    add_supplier(shop, "LANTERN")
    first, second = order(shop, "HX-1=10"), draft(shop, "HX-2=3", supplier="LANTERN").order
    third = order(shop, "HX-3=1", warehouse="NORTH")
    cancel(shop, third)

    def listed(**more):
        return [row.order for row in ask(shop, lambda s: order_rows.page(s, **more))[0]]

    assert listed() == [third, second, first]
    assert listed(only_open=True) == [first]
    assert listed(status="draft") == listed(supplier="lantern") == [second]
    assert listed(warehouse="north") == [third]
    assert listed(limit=1, after=third) == [second]
    [row] = ask(shop, lambda s: order_rows.page(s, only_open=True))[0]
    assert (row.lines, row.ordered, row.received, row.outstanding, row.total) == (
        1,
        10,
        0,
        10,
        "56.60",
    )
    assert statuses(shop) == [(1, "placed"), (2, "draft"), (3, "cancelled")]
    with pytest.raises(InvalidInput, match="the status is one of"):
        listed(status="open")


@pytest.mark.parametrize("name", ["PO-9", "9", "po-9"])
def test_an_order_that_is_not_there_is_not_found(shop, name):
    with pytest.raises(NotFound, match="there is no purchase order PO-9"):
        shown(shop, name)
    with pytest.raises(NotFound):
        cancel(shop, name)
