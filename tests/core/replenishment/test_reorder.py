"""What is to be ordered, why, and the drafts of it."""

import pytest

from bvinv.core import command_log
from bvinv.core.errors import InvalidInput, NotFound, NotPermitted
from bvinv.core.replenishment import reorder
from tests import books, workers
from tests.books import ask, fetch, reserve
from tests.lots_books import update
from tests.pick_books import add_lots
from tests.purchasing_books import add_supplier, cancel, change, deliver, draft, place, shown, terms
from tests.reorder_books import (
    documents,
    forecast,
    keep,
    needed,
    order,
    override,
    report,
    suggested,
)
from tests.transfer_books import send


@pytest.fixture
def shop(stocked):
    """Return a stocked database whose supplier sells HX-1 in packs of 6, at least 12, and HX-2."""
    add_supplier(stocked)
    terms(stocked, "HX-1", cost="5.66", pack_size="6", minimum_quantity="12")
    terms(stocked, "HX-2", cost="2.50")
    return stocked


def test_a_line_says_all_that_one_wants_to_know(shop):
    keep(shop, "HX-1", 20)
    [row] = report(shop)
    assert row.record() == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "available": 10,
        "inventory_position": 10,
        "reorder_point": 20,
        "order_up_to": 32,
        "suggested_quantity": 24,
        "supplier": "HARBOUR",
        "lead_time_days": 3,
        "reason": "position 10 is below the reorder point 20; rounded up to packs of 6",
        "runs_out_on": None,
        "runs_out_earliest_on": None,
        "pack_size": 6,
        "minimum_quantity": 12,
        "cost": "5.66",
        "currency": "GBP",
        "transfer_from": None,
        "order": None,
        "transfer": None,
    }


def test_at_the_reorder_point_nothing_is_due(shop):
    keep(shop, "HX-1", 10)
    assert needed(shop) == []
    keep(shop, "HX-1", 11)
    assert needed(shop) == [("HX-1", "MAIN", 10, 11, 18)]


def test_what_is_on_its_way_counts_and_what_is_promised_does_not(shop, clock):
    keep(shop, "HX-2", 9)
    assert needed(shop) == [("HX-2", "MAIN", 4, 9, 6)]
    send(shop, "HX-2=1", "NORTH", "MAIN")  # in transit
    number = place(shop, draft(shop, "HX-2=2").order).order
    assert needed(shop) == [("HX-2", "MAIN", 7, 9, 3)]
    reserve(shop, "SO-1", "HX-2=3@MAIN", ttl=books.HOUR)
    assert needed(shop) == [("HX-2", "MAIN", 4, 9, 6)]
    clock.advance(2 * books.HOUR)  # the hold has run out, whether or not it was swept
    assert needed(shop) == [("HX-2", "MAIN", 7, 9, 3)]
    deliver(shop, number, "HX-2=1")
    assert needed(shop) == [("HX-2", "MAIN", 7, 9, 3)]
    cancel(shop, number)
    assert needed(shop) == [("HX-2", "MAIN", 6, 9, 4)]
    draft(shop, "HX-2=3")
    assert needed(shop) == []


def test_pieces_that_have_expired_do_not_count(stocked, clock):
    keep(stocked, "HX-3", 5)
    books.add_bin(stocked, "MAIN", "C-1")
    add_lots(stocked, {"A": 1, "B": 9}, clock)
    assert needed(stocked) == [("HX-3", "MAIN", 4, 5, 2)]


def test_a_typed_reorder_point_is_a_floor_below_the_forecast(shop):
    forecast(shop, "HX-2", 9, 15)
    assert needed(shop, warehouse="MAIN") == [("HX-2", "MAIN", 4, 9, 11)]
    keep(shop, "HX-2", 5)
    assert needed(shop, warehouse="MAIN") == [("HX-2", "MAIN", 4, 9, 11)]
    keep(shop, "HX-2", 12)  # as many at a time as the forecast orders: 6
    assert needed(shop, warehouse="MAIN") == [("HX-2", "MAIN", 4, 12, 14)]


def test_an_override_wins_until_its_day_has_ended(shop, clock):
    forecast(shop, "HX-2", 9, 15)
    keep(shop, "HX-2", 12)
    override(shop, "HX-2", 5)
    assert needed(shop) == [("HX-2", "MAIN", 4, 5, 7)]
    override(shop, "HX-2", 5, order_up_to=30)
    assert needed(shop) == [("HX-2", "MAIN", 4, 5, 26)]
    clock.advance(24 * books.HOUR)
    assert needed(shop) == [("HX-2", "MAIN", 4, 12, 14)]


def test_what_is_forecast_where_it_never_lay_is_ordered_too(shop):
    forecast(shop, "HX-2", 3, 4)
    forecast(shop, "HX-1", 3, 4, "NORTH")
    assert needed(shop) == [("HX-1", "NORTH", 0, 3, 12)]
    assert documents(order(shop)) == [("HX-1", 12, "PO-1")]


def test_a_maximum_is_what_is_ordered_up_to_and_never_passed(shop):
    keep(shop, "HX-1", 12, max_stock=33)
    assert needed(shop) == [("HX-1", "MAIN", 10, 12, 18)]
    keep(shop, "HX-1", 12, max_stock=21)
    [row] = report(shop)
    assert row.suggested_quantity == 0
    assert row.reason == "position 10 is below the reorder point 12; blocked by max_stock"
    done = order(shop)
    assert documents(done) == [("HX-1", 0, None)]
    assert done.notes == ["not ordered, blocked by max_stock: HX-1"]


def test_a_discontinued_product_is_not_ordered(shop):
    keep(shop, "HX-1", 20)
    update(shop, "HX-1", status="discontinued")
    assert needed(shop) == []


def test_who_waits_comes_first_then_what_runs_out_first(shop):
    keep(shop, "HX-3", 1)
    forecast(shop, "HX-1", 20, 30, mean=7_000)  # 1 a day: 10 last for 11 days
    forecast(shop, "HX-2", 20, 30, mean=14_000)  # 2 a day: 4 last for 3 days
    forecast(shop, "HX-2", 20, 30, "NORTH", mean=14_000)
    reserve(shop, "SO-1", "HX-3=1@NORTH", backorder=True)
    rows = [(row.sku, row.warehouse, row.runs_out_on) for row in report(shop)]
    assert rows == [
        ("HX-3", "NORTH", 20260301),
        ("HX-2", "MAIN", 20260304),
        ("HX-2", "NORTH", 20260305),
        ("HX-1", "MAIN", 20260312),
        ("HX-3", "MAIN", None),
    ]
    assert report(shop)[0].reason == (
        "available is negative: 1 are promised that are not there; nobody sells it: set terms"
    )
    seen, cursor = [], None
    while True:
        page, cursor = ask(shop, lambda s, after=cursor: reorder.page(s, limit=2, after=after))
        seen += [(row.sku, row.warehouse, row.runs_out_on) for row in page]
        if cursor is None:
            break
    assert seen == rows


def test_goods_that_come_put_off_the_day_on_which_all_is_gone(shop):
    forecast(shop, "HX-1", 60, 70, mean=7_000)
    [before] = report(shop)
    number = place(shop, draft(shop, "HX-1=12", expected_on=20260310).order).order
    [after] = report(shop)
    change(shop, number, expected_on=20260320)
    [late] = report(shop)
    assert (before.runs_out_on, before.runs_out_earliest_on) == (20260312, 20260309)
    assert (after.runs_out_on, after.runs_out_earliest_on) == (20260324, 20260309)
    assert (late.runs_out_on, late.runs_out_earliest_on) == (20260312, 20260309)


def test_only_what_a_supplier_is_asked_for_or_a_warehouse_needs(shop):
    add_supplier(shop, "QUAY")
    terms(shop, "HX-3", "QUAY")
    for ref in ("HX-1", "HX-2", "HX-3"):
        keep(shop, ref, 20)
    keep(shop, "HX-2", 20, "NORTH")
    assert [row[:2] for row in needed(shop, supplier="quay")] == [("HX-3", "MAIN")]
    assert [row[:2] for row in needed(shop, warehouse="north")] == [("HX-2", "NORTH")]
    for wrong in ({"supplier": "NO"}, {"warehouse": "NO"}):
        with pytest.raises(NotFound):
            report(shop, **wrong)
    for wrong in ({"after": "HX-1"}, {"limit": 0}, {"after": "x=1=MAIN=~=hx-1"}):
        with pytest.raises(InvalidInput):
            report(shop, **wrong)


def test_drafts_are_written_by_supplier_and_warehouse_and_once(shop):
    add_supplier(shop, "QUAY")
    terms(shop, "HX-3", "QUAY")
    for ref in ("HX-1", "HX-2", "HX-3"):
        keep(shop, ref, 20)
    keep(shop, "HX-2", 20, "NORTH")
    done = order(shop)
    assert documents(done) == [
        ("HX-1", 24, "PO-1"),
        ("HX-2", 17, "PO-1"),
        ("HX-2", 15, "PO-2"),
        ("HX-3", 21, "PO-3"),
    ]
    assert done.notes == ["PO-3: QUAY gave no cost for HX-3"]
    drafted = [shown(shop, number) for number in ("PO-1", "PO-2", "PO-3")]
    assert [(row.supplier, row.warehouse, row.status) for row in drafted] == [
        ("HARBOUR", "MAIN", "draft"),
        ("HARBOUR", "NORTH", "draft"),
        ("QUAY", "MAIN", "draft"),
    ]
    assert suggested(shop) == [
        ("HX-1", "ordered", 24),
        ("HX-2", "ordered", 17),
        ("HX-2", "ordered", 15),
        ("HX-3", "ordered", 21),
    ]
    before = books.snapshot(shop)
    again = order(shop)
    assert (again.rows, again.notes) == ([], [])
    after = books.snapshot(shop)
    assert after | {"command_log": 0} == before | {"command_log": 0}


def test_a_cancelled_order_frees_what_it_was_for(shop):
    keep(shop, "HX-1", 20)
    order(shop)
    cancel(shop, "PO-1")
    assert documents(order(shop)) == [("HX-1", 24, "PO-2")]
    place(shop, "PO-2")
    assert documents(order(shop)) == []
    cancel(shop, "PO-2")
    assert needed(shop) == [("HX-1", "MAIN", 10, 20, 24)]


def test_what_nobody_sells_is_said_and_not_ordered(shop):
    keep(shop, "HX-3", 4)
    keep(shop, "HX-1", 20)
    done = order(shop)
    assert documents(done) == [("HX-1", 24, "PO-1"), ("HX-3", 5, None)]
    assert done.notes == [
        "nobody sells HX-3; set terms: bvinv purchase supplier terms SUPPLIER HX-3 --cost 5.66"
    ]
    assert done.rows[1].reason == (
        "position 0 is below the reorder point 4; nobody sells it: set terms"
    )


def test_an_order_below_the_suppliers_minimum_is_drafted_and_that_is_said(stocked):
    add_supplier(stocked, minimum_order="100.00")
    terms(stocked, "HX-2", cost="2.50")
    keep(stocked, "HX-2", 5)
    assert order(stocked).notes == ["PO-1: below HARBOUR's minimum order of 100.00 GBP"]


def test_more_than_an_order_takes_is_ordered_bit_by_bit(shop):
    override(shop, "HX-1", 10**12)
    done = order(shop)
    assert documents(done) == [("HX-1", 999_999_996, "PO-1")]
    assert done.rows[0].reason.endswith("; as many as an order takes")


def test_who_may_not_order_may_not_here(shop):
    keep(shop, "HX-1", 20)
    before = books.snapshot(shop)
    viewer = command_log.command("forecast reorder", actor="ann", role="viewer")
    with pytest.raises(NotPermitted):
        command_log.execute(shop, lambda s: reorder.order(s).rows, viewer)
    assert books.snapshot(shop) == before


def test_levels_say_how_old_they_are(shop, clock):
    assert ask(shop, reorder.age) == (
        "nothing is forecast yet, so only typed reorder points count; run: bvinv forecast run"
    )
    forecast(shop, "HX-1", 1, 2, as_of=20260228)
    assert ask(shop, reorder.age) is None
    clock.advance(7 * 24 * books.HOUR)
    assert ask(shop, reorder.age) is None
    clock.advance(24 * books.HOUR)
    assert ask(shop, reorder.age) == "levels of 2026-02-28, 9 days old; run: bvinv forecast run"


def order_once(database):
    done = order(database)
    database.close()
    return documents(done)


def test_two_who_order_at_once_order_once(shop, where):
    for ref in ("HX-1", "HX-2"):
        keep(shop, ref, 20)
    answers = workers.together(where, order_once, [(), ()])
    assert sorted(answers, key=len) == [[], [("HX-1", 24, "PO-1"), ("HX-2", 17, "PO-1")]]
    assert fetch(shop, "SELECT count(*) FROM purchase_order") == [(1,)]
    assert fetch(shop, "SELECT count(*) FROM job_lease") == [(0,)]
