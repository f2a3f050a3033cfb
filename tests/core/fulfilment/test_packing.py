"""Packing: only what was picked, in packages of one warehouse."""

import pytest

from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.fulfilment import packages
from tests import books
from tests.books import ask, snapshot
from tests.pick_books import pack, pick, start, unpack


@pytest.fixture
def picked(stocked):
    """Return a database in which 5 of HX-1 at MAIN and 6 of HX-2 at both are being picked."""
    books.reserve(stocked, "SO-1", "HX-1=5 HX-2=6")
    start(stocked)
    pick(stocked, "HX-1=3 HX-2=6")
    return stocked


def refused(database, action, error, detail):
    before = snapshot(database)
    with pytest.raises(error) as caught:
        action()
    assert caught.value.detail == detail
    assert snapshot(database) == before
    return caught.value


def inside(row):
    return row.package, row.status, row.warehouse, [(one.sku, one.quantity) for one in row.lines]


def test_packages_hold_what_was_picked(picked):
    assert inside(pack(picked, "P-1", "HX-1=2")) == ("P-1", "packed", "MAIN", [("HX-1", 2)])
    assert inside(pack(picked, "P-1")) == ("P-1", "packed", "MAIN", [("HX-1", 3), ("HX-2", 4)])
    assert inside(pack(picked, "P-2")) == ("P-2", "packed", "NORTH", [("HX-2", 2)])

    row = ask(picked, lambda s: packages.reservation(s, reservation_id="SO-1"))
    assert (row.picked, row.packed) == (9, 9)
    assert [one.package for one in row.packages] == ["P-1", "P-2"]


def test_what_was_not_picked_is_not_packed(picked):
    error = refused(
        picked,
        lambda: pack(picked, "P-1", "HX-1=4"),
        Conflict,
        "3 of HX-1 are picked and not packed for SO-1, 4 wanted",
    )
    assert (error.numbers["left"], error.numbers["wanted"]) == (3, 4)
    pack(picked, "P-1", "HX-1=3")
    refused(
        picked,
        lambda: pack(picked, "P-2", "HX-1=1"),
        Conflict,
        "0 of HX-1 are picked and not packed for SO-1, 1 wanted",
    )
    with pytest.raises(NotFound):
        pack(picked, "P-1", "XX=1")
    with pytest.raises(InvalidInput):
        pack(picked, " ")


def test_a_package_lies_in_one_warehouse(picked):
    error = refused(
        picked,
        lambda: pack(picked),
        Conflict,
        "what is picked for SO-1 stands in MAIN and NORTH",
    )
    assert error.hint == "one package a warehouse: --warehouse MAIN"
    assert inside(pack(picked, "P-1", warehouse="north"))[2:] == ("NORTH", [("HX-2", 2)])


def test_an_unpacked_package_is_begun_again(picked):
    pack(picked, "P-1", "HX-1=3")
    assert unpack(picked).status == "cancelled"
    refused(picked, lambda: unpack(picked), Conflict, "package P-1 of SO-1 is cancelled already")
    refused(picked, lambda: unpack(picked, "P-9"), NotFound, "reservation SO-1 has no package P-9")
    assert inside(pack(picked, "P-1", "HX-1=1")) == ("P-1", "packed", "MAIN", [("HX-1", 1)])


def test_an_order_that_is_not_picked_is_not_packed(stocked):
    books.reserve(stocked, "SO-1", "HX-1=5")
    refused(stocked, lambda: pack(stocked), Conflict, "nobody picks reservation SO-1 yet")
    start(stocked)
    refused(stocked, lambda: pack(stocked), Conflict, "nothing is picked and not packed for SO-1")


def test_a_reservation_that_ran_out_is_not_packed(picked, clock):
    clock.advance(8 * 24 * books.HOUR)
    with pytest.raises(Conflict, match="expired"):
        pack(picked, "P-1", "HX-1=3")
