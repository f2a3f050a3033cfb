"""What damages purchase orders and receipts is found and named; races leave them sound."""

import pytest

from bvinv.core.errors import InventoryError
from tests import books, workers
from tests.books import damage, fetch, findings, receive
from tests.purchasing_books import add_supplier, cancel, deliver, draft, order, shown, take_back


@pytest.fixture
def shop(stocked):
    """Return a stocked database with a supplier."""
    add_supplier(stocked)
    return stocked


@pytest.fixture
def busy(shop):
    """Return a database with PO-1 partly received as RC-4, PO-2 received as RC-5, PO-3 a draft and
    PO-4 cancelled, RC-6 undone."""
    deliver(shop, order(shop, "HX-1=10 HX-3=2"), "HX-1=4")
    deliver(shop, order(shop, "HX-3=2"))
    draft(shop, "HX-3=2")
    number = order(shop, "HX-2=2", warehouse="NORTH")
    deliver(shop, number)
    take_back(shop, "HX-2", "NORTH", 2)
    cancel(shop, number)
    assert findings(shop) == []
    return shop


RECEIVED = "an order line's received is not what its receipts brought"
STATUS = "an order's status does not fit its lines"
OUTSTANDING = "an order line's outstanding is not the rest"
BROUGHT = "a receipt's line is not what its movement brought"
UNDONE = "a receipt is undone and still has goods, or has none and is not"
LINE = "UPDATE purchase_order_line SET {} WHERE order_id = {}"
OF_HX_1 = "1 AND received = 4"
DAMAGE = {
    "a count too high": (
        LINE.format("received = 5, outstanding = 5", OF_HX_1),
        RECEIVED,
    ),
    "a receipt lost": ("DELETE FROM receipt_line WHERE receipt_id = 4", RECEIVED),
    "a line that is not expected": (
        LINE.format("outstanding = 0", OF_HX_1),
        OUTSTANDING,
    ),
    "a draft on order": (LINE.format("outstanding = 2", 3), OUTSTANDING),
    "an open order cut": (LINE.format("cancelled = 1", "1 AND received = 0"), OUTSTANDING),
    "too much": (LINE.format("quantity = 1", 2), "more was received than ordered and tolerated"),
    "a status too far": (
        "UPDATE purchase_order SET status = 'received', closed_at = 1 WHERE id = 1",
        STATUS,
    ),
    "a status not far enough": (
        "UPDATE purchase_order SET status = 'placed' WHERE id = 1",
        STATUS,
    ),
    "a cancelled order placed": (
        "UPDATE purchase_order SET status = 'placed', closed_at = NULL WHERE id = 4",
        STATUS,
    ),
    "no lines": ("DELETE FROM purchase_order_line WHERE order_id = 3", STATUS),
    "another warehouse": (
        "UPDATE purchase_order SET warehouse_id = 2 WHERE id = 3",
        "an order line is for another warehouse",
    ),
    "another quantity": ("UPDATE receipt_line SET quantity = 3 WHERE receipt_id = 4", BROUGHT),
    "a movement of another kind": (
        "UPDATE movement SET kind = 'move' WHERE level_id = 1 AND level_seq = 2",
        BROUGHT,
    ),
    "a receipt elsewhere": (
        "UPDATE receipt SET warehouse_id = 2 WHERE id = 4",
        "a receipt is not for its order",
    ),
    "a receipt of nobody": (
        "UPDATE receipt SET supplier_id = NULL WHERE id = 4",
        "a receipt is not for its order",
    ),
    "undone with goods": ("UPDATE receipt SET undone_at = 5 WHERE id = 4", UNDONE),
    "undone and not said": ("UPDATE receipt SET undone_at = NULL WHERE id = 6", UNDONE),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(busy, what):
    statement, finding = DAMAGE[what]
    damage(busy, statement)
    assert finding in {found.partition(" ")[2] for found in findings(busy)}


def test_a_lot_that_nobody_knows_is_named(busy):
    damage(busy, "UPDATE movement SET lot = 'L-1' WHERE level_id = 1 AND level_seq = 2")
    assert "RC-4#0 a receipt brought a lot that nobody knows" in findings(busy)


# --- many at once -------------------------------------------------------------------------------


def deliver_one_by_one(database, number, times, document):
    """Receive one piece again and again; return how many came."""
    came = 0
    for place in range(times):
        try:
            deliver(database, number, "HX-1=1", document=f"{document}-{place}" if document else "")
            came += 1
        except InventoryError as error:
            assert error.code == "conflict", error
    return came


def deliver_or_cancel(database, what, number):
    try:
        (cancel if what == "cancel" else deliver)(database, number)
    except InventoryError as error:
        assert error.code == "conflict", error
        return "refused"
    return what


def receive_blind(database, ref, document):
    try:
        receive(database, ref, 2, "MAIN", supplier="HARBOUR", document=document)
    except InventoryError as error:
        assert error.code == "conflict", error
        return "refused"
    return "received"


def test_all_together_never_receive_beyond_the_tolerance(shop, where):
    number = order(shop, "HX-1=20", percent=10)

    came = workers.together(where, deliver_one_by_one, [(number, 8, "") for _ in range(4)])

    # The order is complete with 20, and expects nothing then.
    assert sum(came) == 20
    assert shown(shop, number).lines[0].received == 20


def test_a_document_comes_once_however_many_bring_it(shop, where):
    numbers = [order(shop, "HX-1=20") for _ in range(3)]

    came = workers.together(where, deliver_one_by_one, [(number, 5, "DN") for number in numbers])

    assert sum(came) == 5
    assert fetch(shop, "SELECT count(*) FROM receipt WHERE document <> ''") == [(5,)]


def test_the_same_blind_delivery_at_once_is_received_once(shop, where):
    ends = workers.together(
        where, receive_blind, [("HX-1", "DN-1"), ("HX-1", "DN-1"), ("HX-3", "DN-1")]
    )

    assert sorted(ends[:2]) == ["received", "refused"]
    assert ends[2] == "received"
    assert fetch(shop, "SELECT count(*) FROM receipt WHERE document = 'DN-1'") == [(1,)]


def test_an_order_is_received_or_cancelled(shop, where):
    for _ in range(3):
        number = order(shop, "HX-1=5")
        ends = workers.together(where, deliver_or_cancel, [("deliver", number), ("cancel", number)])
        assert sorted(ends)[-1] == "refused"
        status = shown(shop, number).status
        assert status == ("received" if "deliver" in ends else "cancelled")
    assert books.level(shop, "HX-1", "MAIN").on_order == 0
