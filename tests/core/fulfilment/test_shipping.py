"""Shipping keeps the promise; taking a shipment back restores goods and hold."""

import pytest

from bvinv.core import catalog
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.fulfilment import packages
from tests import books
from tests.books import HOUR, ask, bins, counts, fetch, kinds, parts, show, snapshot
from tests.pick_books import add_lots, bring_back, come_back, pack, pick, ready, ship, start, unship

DAY = 24 * HOUR


def refused(database, action, error, detail):
    before = snapshot(database)
    with pytest.raises(error) as caught:
        action()
    assert caught.value.detail == detail
    assert snapshot(database) == before
    return caught.value


def popularity(database, sku="HX-1"):
    return ask(database, lambda s: catalog.show(s, ref=sku)).popularity


def test_shipping_lets_goods_and_hold_fall_together(stocked):
    ready(stocked, "HX-1=4")
    row = ship(stocked, tracking="1Z999")

    assert (row.status, row.held, row.committed) == ("committed", 0, 4)
    [parcel] = row.packages
    assert (parcel.package, parcel.status, parcel.tracking) == ("P-1", "shipped", "1Z999")
    assert counts(stocked, "HX-1", "MAIN") == (6, 0, 6, 0)
    assert kinds(stocked, "HX-1")[-1] == ("commit", 4, 6, 0)
    assert fetch(stocked, "SELECT status FROM pick") == [("closed",)]
    assert popularity(stocked) == 4


def test_a_second_shipment_goes_on_at_the_second_warehouse(stocked):
    books.reserve(stocked, "SO-1", "HX-2=7")
    start(stocked)
    pick(stocked)
    pack(stocked, "P-1", warehouse="MAIN")
    pack(stocked, "P-2", warehouse="NORTH")

    assert ship(stocked, package="P-1").status == "held"
    assert parts(show(stocked, "SO-1")) == [
        ("HX-2", "MAIN", 0, 0, 4, 0),
        ("HX-2", "NORTH", 3, 0, 0, 0),
    ]
    assert ship(stocked).status == "committed"
    assert parts(show(stocked, "SO-1"))[1] == ("HX-2", "NORTH", 0, 0, 3, 0)


def test_what_waits_for_goods_is_picked_and_shipped_later(stocked):
    ready(stocked, "HX-1=12", backorder=True)
    assert ship(stocked).status == "held"
    books.receive(stocked, "HX-1", 5, "MAIN", bin="SHELF")

    start(stocked)
    pick(stocked)
    pack(stocked, "P-2")
    assert ship(stocked).status == "committed"
    assert counts(stocked, "HX-1", "MAIN") == (3, 0, 3, 0)
    assert fetch(stocked, "SELECT id, status FROM pick") == [(1, "closed")]


def test_what_is_not_packed_or_picked_is_not_shipped(stocked):
    books.reserve(stocked, "SO-1", "HX-1=4")
    error = refused(
        stocked, lambda: ship(stocked), Conflict, "nothing of reservation SO-1 is picked"
    )
    assert "bvinv reserve commit SO-1" in error.hint
    start(stocked)
    pick(stocked)
    error = refused(
        stocked,
        lambda: ship(stocked),
        Conflict,
        "reservation SO-1 has 4 picked in staging and none packed",
    )
    assert error.hint == "pack them: bvinv reserve pack SO-1 --package LABEL"
    refused(
        stocked,
        lambda: ship(stocked, package="P-9"),
        NotFound,
        "reservation SO-1 has no package P-9",
    )


def test_a_package_is_shipped_once(stocked):
    ready(stocked, "HX-1=4 HX-2=1")
    ship(stocked, package="P-1")
    refused(stocked, lambda: ship(stocked), Conflict, "reservation SO-1 is committed already")


def test_a_shipped_package_takes_no_more(stocked):
    books.reserve(stocked, "SO-1", "HX-1=4")
    start(stocked)
    pick(stocked, "HX-1=2")
    pack(stocked)
    ship(stocked)
    pick(stocked)
    refused(stocked, lambda: pack(stocked), Conflict, "package P-1 of SO-1 has been shipped")
    refused(
        stocked,
        lambda: ship(stocked, package="P-1"),
        Conflict,
        "package P-1 of SO-1 has been shipped",
    )


def test_cancelling_after_shipping_restores_the_hold_and_not_only_the_goods(stocked, clock):
    ready(stocked, "HX-1=4", ttl=HOUR)
    ship(stocked)
    clock.advance(30 * DAY)
    row = unship(stocked)

    assert (row.status, row.held, row.committed) == ("held", 4, 0)
    assert row.expires_at >= clock.at + 7 * DAY
    assert row.packages[0].status == "packed"
    assert counts(stocked, "HX-1", "MAIN") == (10, 4, 6, 0)
    assert bins(stocked, "MAIN") == {"SHELF": 10, "STAGING": 4}
    assert popularity(stocked) == 0
    assert fetch(stocked, "SELECT reverses FROM movement WHERE reverses > 0") == [(4,)]

    assert ship(stocked).status == "committed"
    assert popularity(stocked) == 4


def test_a_shipment_is_taken_back_once(stocked):
    ready(stocked, "HX-1=4")
    refused(
        stocked,
        lambda: unship(stocked),
        Conflict,
        "nothing of reservation SO-1 has been shipped",
    )
    ship(stocked)
    unship(stocked, package="P-1")
    refused(
        stocked,
        lambda: unship(stocked, package="P-1"),
        Conflict,
        "package P-1 of SO-1 has not been shipped",
    )


def test_one_of_two_packages_is_taken_back(stocked):
    books.reserve(stocked, "SO-1", "HX-1=5")
    start(stocked)
    pick(stocked)
    pack(stocked, "P-1", "HX-1=2")
    pack(stocked, "P-2", "HX-1=3")
    ship(stocked)
    row = unship(stocked, package="P-2")

    assert (row.status, row.held, row.committed) == ("held", 3, 2)
    assert [one.package for one in row.packages] == ["P-2"]
    bring_back(stocked)
    assert bins(stocked, "MAIN") == {"SHELF": 12}
    assert [(one.quantity, one.picked) for one in start(stocked).lines] == [(5, 2)]
    assert pick(stocked, "HX-1=3").status == "picked"


def test_goods_of_a_promise_that_is_over_come_back_free(stocked):
    books.reserve(stocked, "SO-1", "HX-1=5")
    start(stocked)
    pick(stocked, "HX-1=2")
    pack(stocked)
    ship(stocked)
    books.release(stocked, "SO-1")
    row = unship(stocked)

    assert (row.status, row.held, row.committed) == ("released", 0, 0)
    assert row.packages[0].status == "cancelled"
    assert parts(show(stocked, "SO-1")) == [("HX-1", "MAIN", 0, 0, 0, 5)]
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)


def test_what_the_customer_sent_back_is_not_taken_back_too(stocked):
    ready(stocked, "HX-1=4")
    ship(stocked)
    come_back(stocked, "HX-1", 1, reservation_id="SO-1")
    refused(
        stocked,
        lambda: unship(stocked),
        Conflict,
        "1 of HX-1 came back from the customer already",
    )


def test_a_lot_that_expired_since_it_was_picked_is_not_shipped(stocked, clock):
    books.add_bin(stocked, "MAIN", "C-1")
    add_lots(stocked, {"SOON": 3}, clock)
    ready(stocked, "HX-3=2")
    clock.advance(3 * DAY)
    refused(stocked, lambda: ship(stocked), Conflict, "lot SOON of HX-3 has expired")


def test_an_order_that_ran_out_is_not_shipped(stocked, clock):
    ready(stocked, "HX-1=4")
    clock.advance(8 * DAY)
    with pytest.raises(Conflict, match="expired"):
        ship(stocked)
    books.expire(stocked)
    with pytest.raises(Conflict, match="is expired already"):
        ship(stocked)
    assert fetch(stocked, "SELECT status FROM package") == [("cancelled",)]
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)


def test_a_reservation_shows_its_packages(stocked):
    ready(stocked, "HX-1=4")
    row = ask(stocked, lambda s: packages.reservation(s, reservation_id="SO-1"))
    assert (row.picked, row.packed) == (4, 4)
    ship(stocked)
    row = ask(stocked, lambda s: packages.reservation(s, reservation_id="SO-1"))
    assert (row.picked, row.packed, row.packages[0].status) == (0, 0, "shipped")
