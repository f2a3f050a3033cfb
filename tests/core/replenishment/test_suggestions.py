"""One open suggestion for each product and warehouse, with the numbers that said so."""

import json
from threading import Thread
from time import sleep

import pytest
from sqlalchemy.exc import IntegrityError

from bvinv.core import command_log, reservations
from bvinv.core.errors import InventoryError
from bvinv.core.replenishment import reorder
from tests import books
from tests.books import fetch, receive
from tests.purchasing_books import add_supplier, cancel, terms
from tests.reorder_books import keep, order, refresh, suggested, told


@pytest.fixture
def shop(stocked):
    """Return a stocked database whose supplier sells HX-1 in packs of 6."""
    add_supplier(stocked)
    terms(stocked, "HX-1", pack_size="6")
    return stocked


def test_what_is_needed_is_suggested_changed_and_closed(shop):
    keep(shop, "HX-1", 20)
    keep(shop, "HX-3", 4)
    assert refresh(shop) == 2
    assert suggested(shop) == [("HX-1", "open", 12), ("HX-3", "open", 5)]
    assert told(shop) == [("reorder.suggested", "HX-1"), ("reorder.suggested", "HX-3")]
    assert refresh(shop) == 2
    receive(shop, "HX-1", 1, "MAIN", bin="SHELF")  # other numbers, the same quantity
    assert refresh(shop) == 2
    [(position,)] = fetch(
        shop, "SELECT inventory_position FROM reorder_suggestion WHERE quantity = 12"
    )
    assert (position, len(told(shop))) == (11, 2)
    receive(shop, "HX-1", 5, "MAIN", bin="SHELF")
    receive(shop, "HX-3", 4, "MAIN", bin="SHELF")
    assert refresh(shop) == 1
    assert suggested(shop) == [("HX-1", "open", 6), ("HX-3", "closed", 5)]
    assert told(shop)[2:] == [("reorder.suggested", "HX-1"), ("reorder.closed", "HX-3")]


def test_what_is_being_ordered_meanwhile_is_not_suggested_again(shop):
    keep(shop, "HX-1", 20)
    renewed = Thread(target=refresh, args=[shop])
    with shop.write(command_log.command("forecast reorder", actor="tester")) as session:
        reorder.order(session)
        renewed.start()
        sleep(0.2)  # by then it waits, or has looked at what is not ordered yet
    renewed.join()
    assert suggested(shop) == [("HX-1", "ordered", 12)]
    assert told(shop) == [("reorder.ordered", "HX-1")]


def test_who_is_short_meanwhile_keeps_the_suggestion(shop):
    keep(shop, "HX-1", 11)
    refresh(shop)
    keep(shop, "HX-1", 0)
    renewed = Thread(target=refresh, args=[shop])
    request = reservations.Request("SO-1", books.lines("HX-1=12"), backorder=True)
    with shop.write(command_log.command("reserve create", actor="tester")) as session:
        reservations.create(session, request)
        renewed.start()
        sleep(0.2)
    renewed.join()
    assert [row[1] for row in suggested(shop)] == ["open"]


def test_a_suggestion_keeps_its_numbers(shop):
    keep(shop, "HX-1", 20)
    refresh(shop)
    [row] = fetch(
        shop,
        "SELECT available, inventory_position, reorder_point, order_up_to, reason, inputs "
        "FROM reorder_suggestion",
    )
    assert row[:5] == (
        *(10, 10, 20, 21),
        "position 10 is below the reorder point 20; rounded up to packs of 6",
    )
    assert json.loads(row[5]) == {
        **dict.fromkeys(("reserved", "backordered", "expired", "in_transit", "on_order"), 0),
        **dict.fromkeys(("on_draft_orders", "draft_transfers_in", "draft_transfers_out"), 0),
        **{"on_hand": 10, "typed": 20, "pack_size": 6, "minimum_quantity": 1},
    }


def test_what_was_suggested_is_ordered_and_suggested_anew_when_that_is_cancelled(shop):
    keep(shop, "HX-1", 20)
    refresh(shop)
    order(shop)
    assert suggested(shop) == [("HX-1", "ordered", 12)]
    assert fetch(shop, "SELECT order_id, transfer_id FROM reorder_suggestion") == [(1, None)]
    assert refresh(shop) == 0
    cancel(shop, "PO-1")
    assert refresh(shop) == 1
    assert suggested(shop) == [("HX-1", "ordered", 12), ("HX-1", "open", 12)]
    assert [kind for kind, _ in told(shop)] == [
        "reorder.suggested",
        "reorder.ordered",
        "reorder.suggested",
    ]


def test_the_database_refuses_a_second_open_one(shop):
    keep(shop, "HX-1", 20)
    refresh(shop)
    copied = "status, quantity, available, inventory_position, reorder_point, order_up_to, reason"
    columns = f"product_id, warehouse_id, {copied}, inputs, command_id, created_at, updated_at"
    statement = (
        f"INSERT INTO reorder_suggestion ({columns}) SELECT {columns} FROM reorder_suggestion"
    )
    before = books.snapshot(shop)
    with pytest.raises((IntegrityError, InventoryError)):
        books.act(shop, lambda s: s.wire.exec_driver_sql(statement))
    assert books.snapshot(shop) == before


DAMAGE = {
    "a suggestion was ordered with a document about other goods": (
        "UPDATE purchase_order SET warehouse_id = 2"
    ),
    "a forecast is of a night that is not there": (
        "INSERT INTO forecast_level SELECT 1, 1, 9, NULL, 1, 1, 1, 9500, 'cycle', 0, 0, 0, 0, 0, 0,"
        " '', '', '', '', '{}'"
    ),
}


@pytest.mark.parametrize("detail", DAMAGE)
def test_verification_finds_what_the_database_cannot_refuse(shop, detail):
    keep(shop, "HX-1", 20)
    order(shop)
    assert books.findings(shop) == []
    books.damage(shop, DAMAGE[detail])
    assert f"HX-1#0 {detail}" in books.findings(shop)
