"""Receipts: what comes for an order, blind, by scanner, and what is taken back."""

import pytest

from bvinv.core import catalog, dates
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.purchasing import receipt_rows, receipts
from tests import books
from tests.books import act, ask, bins, counts, events, fetch, receive, reserve, snapshot
from tests.purchasing_books import (
    add_supplier,
    cancel,
    deliver,
    draft,
    open_receipt,
    order,
    parts,
    receipt,
    scan,
    shown,
    statuses,
    take_back,
)

MAY = dates.day("2026-05-31")


@pytest.fixture
def shop(stocked):
    """Return a stocked database with the suppliers HARBOUR and LANTERN; HX-L keeps lots."""
    add_supplier(stocked)
    add_supplier(stocked, "LANTERN")
    fields = {"sku": "HX-L", "title": "Ink", "tracks_lots": "true"}
    act(stocked, lambda s: catalog.add(s, fields=fields))
    return stocked


def lines(row):
    """Return SKU, ordered, before, quantity, outstanding and difference of each line."""
    return [
        (one.sku, one.ordered, one.before, one.quantity, one.outstanding, one.difference)
        for one in row.lines
    ]


def refused(database, error, action):
    """See that the action is refused and changes nothing; return what it says."""
    before = snapshot(database)
    with pytest.raises(error) as found:
        action()
    assert snapshot(database) == before
    return found.value


def test_an_order_comes_in_parts_until_it_is_complete(shop):
    number = order(shop, "HX-1=10 HX-3=4")

    first = deliver(shop, number, "HX-1=6", document="dn-1")

    assert (first.receipt, first.order, first.status, first.supplier, first.document) == (
        "RC-4",
        "PO-1",
        "partly-received",
        "HARBOUR",
        "DN-1",
    )
    assert lines(first) == [("HX-1", 10, 0, 6, 4, "short")]
    assert [(one.sku, one.outstanding) for one in first.missing] == [("HX-3", 4)]
    assert parts(shown(shop, number)) == [("HX-1", 10, 6, 4, "open"), ("HX-3", 4, 0, 4, "open")]
    assert books.level(shop, "HX-1", "MAIN").on_order == 4
    assert counts(shop, "HX-1", "MAIN") == (16, 0, 16, 0)
    assert bins(shop, "MAIN") == {"SHELF": 14, "DOCK": 6}

    second = deliver(shop, number)

    assert (second.status, second.pieces, second.missing) == ("received", 8, [])
    assert lines(second) == [
        ("HX-1", 10, 6, 4, 0, "complete"),
        ("HX-3", 4, 0, 4, 0, "complete"),
    ]
    assert books.level(shop, "HX-1", "MAIN").on_order == 0
    assert lines(receipt(shop, first.receipt)) == lines(first)
    assert events(shop)[-1] == ("purchase-order.received", "PO-1")
    assert fetch(shop, "SELECT document FROM movement ORDER BY id DESC LIMIT 1") == [("RC-5",)]


def test_an_over_delivery_within_the_tolerance_is_named(shop):
    number = order(shop, "HX-1=10 HX-3=4", percent=25)

    row = deliver(shop, number, "HX-1=12 HX-3=1")

    assert lines(row) == [("HX-1", 10, 0, 12, 0, "over"), ("HX-3", 4, 0, 1, 3, "short")]
    assert parts(shown(shop, number))[0] == ("HX-1", 10, 12, 0, "over")


def test_more_than_the_tolerance_is_refused_with_the_numbers(shop):
    number = order(shop, "HX-1=10 HX-3=4", percent=10)
    deliver(shop, number, "HX-1=4")

    error = refused(shop, Conflict, lambda: deliver(shop, number, "HX-1=8 HX-3=1"))

    assert error.detail == (
        "HX-1: 10 ordered, 4 received before, 8 more are 1 too many (tolerance 1)"
    )
    assert error.hint == (
        "no more than 7 of HX-1 is expected for PO-1; receive the rest without the order, "
        "or send it back"
    )
    assert (error.numbers["room"], error.numbers["tolerance"]) == (7, 1)
    both = refused(shop, Conflict, lambda: deliver(shop, number, "HX-1=8 HX-3=9"))
    assert both.detail == "more came than PO-1 expects, on 2 lines"
    assert len(both.errors or []) == 2


def test_two_lines_of_one_product_are_measured_together(shop):
    number = order(shop, "HX-1=10")
    refused(shop, Conflict, lambda: deliver(shop, number, "HX-1=6 hx-1=5"))
    assert lines(deliver(shop, number, "HX-1=6 hx-1=4"))[0][3] == 10


def test_what_is_not_on_the_order_is_refused_with_what_to_do(shop):
    number = order(shop, "HX-1=10")
    error = refused(shop, Conflict, lambda: deliver(shop, number, "HX-1=1 HX-2=3"))
    assert (error.detail, error.hint) == (
        "HX-2 is not on PO-1",
        "receive it without the order: bvinv receive HX-2 --qty 3 --warehouse MAIN "
        "--supplier HARBOUR",
    )


def test_a_pack_counts_as_its_pieces(shop):
    act(shop, lambda s: catalog.change(s, ref="HX-1", fields={"barcode": "5012345678900=6"}))
    number = order(shop, "5012345678900=2")
    assert parts(shown(shop, number)) == [("HX-1", 12, 0, 12, "open")]
    assert deliver(shop, number, "5012345678900=1").pieces == 6
    receive(shop, "5012345678900", 1, "NORTH")
    assert counts(shop, "HX-1", "NORTH")[0] == 6


@pytest.mark.parametrize(
    ("state", "detail", "hint"),
    [
        (
            "draft",
            "PO-1 is a draft, not placed yet",
            "place it first: bvinv purchase order place PO-1",
        ),
        ("cancelled", "PO-1 is cancelled already", None),
        ("received", "PO-1 is received already", None),
    ],
)
def test_an_order_that_expects_nothing_takes_nothing(shop, state, detail, hint):
    number = draft(shop, "HX-1=10").order if state == "draft" else order(shop, "HX-1=10")
    if state == "cancelled":
        cancel(shop, number)
    if state == "received":
        deliver(shop, number)
    error = refused(shop, Conflict, lambda: deliver(shop, number, "HX-1=1"))
    assert error.detail == detail
    assert error.hint == hint or "without the order" in str(error.hint)
    refused(shop, Conflict, lambda: deliver(shop, number))


def test_one_has_to_say_what_came(shop):
    number = order(shop, "HX-1=10")

    def both(session):
        lines = [("HX-1", 1)]
        return receipts.receive_order(session, order=number, lines=lines, everything=True)

    def neither(session):
        return receipts.receive_order(session, order=number)

    for action in (both, neither):
        error = refused(shop, InvalidInput, lambda action=action: act(shop, action))
        assert (error.detail, error.hint) == ("say what came", "SKU=QTY of each product, or --all")


def test_a_document_comes_once(shop, clock):
    number, other = order(shop, "HX-1=10"), order(shop, "HX-3=4")
    first = deliver(shop, number, "HX-1=6", document="DN-1")
    clock.advance(books.HOUR)

    error = refused(shop, Conflict, lambda: deliver(shop, other, document="dn-1"))

    assert error.detail == (
        f"DN-1 of HARBOUR was received already, as {first.receipt} at 2026-03-01T09:00:00Z"
    )
    assert error.hint == f"see: bvinv purchase receipt show {first.receipt}"
    lantern = order(shop, "HX-3=4", supplier="LANTERN")
    assert deliver(shop, lantern, document="DN-1").document == "DN-1"


def test_goods_come_to_a_bin_of_the_orders_warehouse(shop):
    books.add_bin(shop, "MAIN", "A-1")
    books.add_bin(shop, "NORTH", "N-1")
    number = order(shop, "HX-1=10")
    assert deliver(shop, number, "HX-1=1", bin="a-1").lines[0].bin == "A-1"
    error = refused(shop, NotFound, lambda: deliver(shop, number, "HX-1=1", bin="N-1"))
    assert error.detail == "N-1 is a bin of NORTH, not of MAIN"
    error = refused(shop, Conflict, lambda: deliver(shop, number, warehouse="NORTH"))
    assert error.detail == "PO-1 comes to MAIN, not to NORTH"


def test_backorders_get_theirs_first(shop):
    reserve(shop, "SO-1", "HX-3=3", backorder=True)
    number = order(shop, "HX-3=4")
    deliver(shop, number, "HX-3=2")
    assert books.show(shop, "SO-1").lines[0].held == 2
    deliver(shop, number)
    assert counts(shop, "HX-3", "MAIN") == (4, 3, 1, 0)


def test_lots_are_named_and_known_from_then_on(shop):
    number = order(shop, "HX-L=10")

    row = deliver(shop, number, "HX-L=4", lot="l-7", expires_on=MAY)

    assert row.lines[0].lot == "L-7"
    assert fetch(shop, "SELECT code, expires_on FROM lot") == [("L-7", MAY)]
    assert deliver(shop, number, "HX-L=1", lot="L-7").lines[0].lot == "L-7"
    receive(shop, "HX-L", 2, "NORTH", lot="L-7")


@pytest.mark.parametrize(
    ("ref", "more", "detail"),
    [
        ("HX-L", {}, "HX-L comes in lots, and none is named"),
        ("HX-L", {"lot": "L-7"}, "lot L-7 of HX-L is new: until when is it good?"),
        (
            "HX-L",
            {"lot": "L-7", "expires_on": 20260228},
            "lot L-7 of HX-L has expired, on 2026-02-28",
        ),
        ("HX-1", {"lot": "L-7", "expires_on": MAY}, "no lots are kept of HX-1"),
        ("HX-1", {"expires_on": MAY}, "a date belongs to a lot"),
    ],
)
def test_a_lot_has_to_fit_its_product(shop, ref, more, detail):
    number = order(shop, f"{ref}=10")
    asked = [
        lambda: deliver(shop, number, f"{ref}=1", **more),
        lambda: receive(shop, ref, 1, "MAIN", **more),
    ]
    for action in asked:
        assert refused(shop, InvalidInput, action).detail == detail


def test_a_blind_receipt_is_a_receipt(shop):
    receive(shop, "HX-1", 3, "MAIN", supplier="harbour", document="DN-1")

    row = receipt(shop, "RC-4")

    assert (row.order, row.supplier, row.document, row.pieces) == (None, "HARBOUR", "DN-1", 3)
    assert lines(row) == [("HX-1", None, None, 3, None, None)]
    assert fetch(shop, "SELECT document FROM movement ORDER BY id DESC LIMIT 1") == [("DN-1",)]
    receive(shop, "HX-1", 3, "MAIN")
    assert fetch(shop, "SELECT document FROM movement ORDER BY id DESC LIMIT 1") == [("RC-5",)]


def test_a_supplier_that_nobody_knows_is_refused(shop):
    error = refused(shop, NotFound, lambda: receive(shop, "HX-1", 1, "MAIN", supplier="Ingram"))
    assert error.detail == "there is no supplier INGRAM"


def test_another_product_of_the_document_joins_its_receipt(shop):
    receive(shop, "HX-1", 3, "MAIN", supplier="HARBOUR", document="DN-1")
    receive(shop, "HX-2", 2, "MAIN", supplier="HARBOUR", document="DN-1")
    assert [line[0] for line in lines(receipt(shop, "RC-4"))] == ["HX-1", "HX-2"]

    again = refused(
        shop,
        Conflict,
        lambda: receive(shop, "HX-1", 3, "MAIN", supplier="HARBOUR", document="DN-1"),
    )
    assert again.detail == "3 of HX-1 were received already with DN-1 of HARBOUR, as RC-4"
    elsewhere = refused(
        shop,
        Conflict,
        lambda: receive(shop, "HX-3", 3, "NORTH", supplier="HARBOUR", document="DN-1"),
    )
    assert elsewhere.detail == "DN-1 of HARBOUR was received at MAIN, as RC-4"


def test_what_was_not_ordered_joins_the_receipt_of_its_document(shop):
    number = order(shop, "HX-1=10")
    row = deliver(shop, number, "HX-1=4", document="DN-1")
    more = {"supplier": "HARBOUR", "document": "DN-1"}

    receive(shop, "HX-2", 1, "MAIN", **more)

    assert lines(receipt(shop, row.receipt)) == [
        ("HX-1", 10, 0, 4, 6, "short"),
        ("HX-2", None, None, 1, None, None),
    ]
    error = refused(shop, Conflict, lambda: receive(shop, "HX-1", 1, "MAIN", **more))
    assert error.hint == "bvinv receive --order PO-1 HX-1=QTY, without the document"


def test_scans_are_received_one_by_one(shop):
    number = order(shop, "HX-1=3 HX-3=1", percent=34)
    opened = open_receipt(shop, warehouse="MAIN", order=number, document="DN-1")

    row = scan(shop, opened, "HX-1")
    assert (row.receipt, row.ordered, row.received, row.outstanding) == ("RC-4", 3, 1, 2)
    assert (row.bin, row.quantity, row.on_hand) == ("DOCK", 1, 11)
    scan(shop, opened, "HX-1", 2)
    assert scan(shop, opened, "HX-3").outstanding == 0
    assert statuses(shop) == [(1, "received")]

    assert scan(shop, opened, "HX-1").received == 4  # its tolerance, after the order is complete
    refused(shop, Conflict, lambda: scan(shop, opened, "HX-1"))
    refused(shop, Conflict, lambda: scan(shop, opened, "HX-2"))
    assert lines(receipt(shop, "RC-4")) == [
        ("HX-1", 3, 0, 4, 0, "over"),
        ("HX-3", 1, 0, 1, 0, "complete"),
    ]


def test_blind_scans_need_no_order(shop):
    opened = open_receipt(shop, warehouse="NORTH", supplier="HARBOUR", document="DN-1")
    row = scan(shop, opened, "HX-L", 2, lot="L-1", expires_on=MAY)
    assert (row.ordered, row.outstanding, row.lot) == (None, None, "L-1")
    assert scan(shop, opened, "HX-1").on_hand == 1
    assert fetch(shop, "SELECT DISTINCT document FROM movement WHERE id > 3") == [("DN-1",)]


def test_a_receipt_is_opened_once_for_a_document(shop):
    number = order(shop, "HX-1=3")
    more = {"warehouse": "MAIN", "order": number, "document": "DN-1"}
    opened = open_receipt(shop, **more)
    assert open_receipt(shop, **more) == opened  # nothing came with it yet
    scan(shop, opened, "HX-1")
    refused(shop, Conflict, lambda: open_receipt(shop, **more))
    other = {"warehouse": "NORTH", "order": number}
    error = refused(shop, Conflict, lambda: open_receipt(shop, **other))
    assert error.detail == "PO-1 comes to MAIN, not to NORTH"


def test_a_cancelled_order_takes_no_more_scans(shop):
    number = order(shop, "HX-1=3")
    opened = open_receipt(shop, warehouse="MAIN", order=number)
    scan(shop, opened, "HX-1")
    cancel(shop, number)
    refused(shop, Conflict, lambda: scan(shop, opened, "HX-1"))


def test_what_is_taken_back_is_expected_again(shop):
    number = order(shop, "HX-1=10")
    row = deliver(shop, number, document="DN-1")
    assert statuses(shop) == [(1, "received")]

    take_back(shop, "HX-1", "MAIN", 2)

    assert parts(shown(shop, number)) == [("HX-1", 10, 0, 10, "open")]
    assert (shown(shop, number).status, shown(shop, number).closed_at) == ("placed", None)
    assert books.level(shop, "HX-1", "MAIN").on_order == 10
    undone = receipt(shop, row.receipt)
    assert (undone.pieces, undone.undone, undone.lines) == (0, 10, [])
    assert undone.undone_at is not None
    assert deliver(shop, number, document="DN-1").status == "received"


def test_of_a_receipt_a_part_is_taken_back(shop):
    number = order(shop, "HX-1=10 HX-3=1")
    deliver(shop, number, "HX-1=4")
    row = deliver(shop, number, "HX-1=6 HX-3=1", document="DN-1")

    take_back(shop, "HX-1", "MAIN", 3)

    assert parts(shown(shop, number)) == [
        ("HX-1", 10, 4, 6, "open"),
        ("HX-3", 1, 1, 0, "complete"),
    ]
    assert shown(shop, number).status == "partly-received"
    assert receipt(shop, row.receipt).undone_at is None
    refused(shop, Conflict, lambda: deliver(shop, number, document="DN-1"))


def test_what_is_taken_back_of_an_order_that_was_cut_short_is_not_expected(shop):
    number = order(shop, "HX-1=10")
    deliver(shop, number, "HX-1=4")
    deliver(shop, number, "HX-1=2")
    cancel(shop, number)

    take_back(shop, "HX-1", "MAIN", 3)
    assert parts(shown(shop, number)) == [("HX-1", 10, 4, 0, "short")]
    take_back(shop, "HX-1", "MAIN", 2)
    assert shown(shop, number).status == "cancelled"
    assert books.level(shop, "HX-1", "MAIN").on_order == 0


def test_an_over_delivery_can_be_taken_back(shop):
    number = order(shop, "HX-1=10", percent=50)
    deliver(shop, number, "HX-1=8")
    deliver(shop, number, "HX-1=7")
    take_back(shop, "HX-1", "MAIN", 3)
    assert parts(shown(shop, number)) == [("HX-1", 10, 8, 2, "open")]


def test_a_receipt_that_was_undone_takes_scans_again(shop):
    number = order(shop, "HX-1=3")
    opened = open_receipt(shop, warehouse="MAIN", order=number, document="DN-1")
    scan(shop, opened, "HX-1")
    take_back(shop, "HX-1", "MAIN", 2)
    assert receipt(shop, "RC-4").undone_at is not None
    scan(shop, opened, "HX-1", 2)
    assert (receipt(shop, "RC-4").undone_at, receipt(shop, "RC-4").pieces) == (None, 2)


def test_a_blind_receipt_is_taken_back_and_may_come_again(shop):
    more = {"supplier": "HARBOUR", "document": "DN-1"}
    receive(shop, "HX-1", 3, "MAIN", **more)
    take_back(shop, "HX-1", "MAIN", 2)
    receive(shop, "HX-1", 2, "MAIN", **more)
    assert (receipt(shop, "RC-4").pieces, receipt(shop, "RC-5").pieces) == (0, 2)


def test_an_order_is_shown_as_it_was_before_something_was_taken_back(shop, clock):
    number = order(shop, "HX-1=10")
    clock.advance(books.HOUR)
    deliver(shop, number, "HX-1=4")
    then = clock.at
    clock.advance(books.HOUR)
    take_back(shop, "HX-1", "MAIN", 2)
    assert parts(shown(shop, number, as_of=then)) == [("HX-1", 10, 4, 6, "open")]
    assert parts(shown(shop, number)) == [("HX-1", 10, 0, 10, "open")]


def test_receipts_are_listed_the_newest_first(shop):
    number = order(shop, "HX-1=10")
    deliver(shop, number, "HX-1=4")
    deliver(shop, number, "HX-1=2")
    receive(shop, "HX-1", 1, "NORTH", supplier="LANTERN")

    def listed(**more):
        rows, _ = ask(shop, lambda s: receipt_rows.page(s, **more))
        return [(row.receipt, row.pieces) for row in rows]

    assert listed(limit=3) == [("RC-6", 1), ("RC-5", 2), ("RC-4", 4)]
    assert listed(order="1") == [("RC-5", 2), ("RC-4", 4)]
    assert listed(supplier="LANTERN") == listed(warehouse="NORTH", limit=1) == [("RC-6", 1)]
    assert listed(limit=1, after="RC-6") == [("RC-5", 2)]
    with pytest.raises(NotFound, match="there is no receipt RC-99"):
        receipt(shop, "RC-99")
