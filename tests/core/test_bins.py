"""Bins: walking order, capacity, and what lies in each, now and then."""

import pytest

from bvinv.core import bins
from bvinv.core.errors import InvalidInput, NotFound
from tests.books import SECOND, act, add_bin, adjust, ask, events, put_away, snapshot
from tests.lots_books import DAY, find_lot, place, track_lots


def change(database, name, **settings):
    return act(database, lambda s: bins.change(s, warehouse="MAIN", bin=name, settings=settings))


def show(database, name, as_of=None):
    return ask(database, lambda s: bins.show(s, warehouse="MAIN", bin=name, as_of=as_of))


def listed(database, **terms):
    rows = ask(database, lambda s: bins.bins(s, warehouse="MAIN", **terms))
    return [(row.bin, row.skus, row.quantity) for row in rows]


def contents(row):
    return [(one.sku, one.lot, one.expired, one.quantity) for one in row.contents]


def test_a_bin_has_a_place_in_the_walk_and_a_capacity(stocked):
    add_bin(stocked, "MAIN", "A-1", pick_sequence=10, capacity=40)
    put_away(stocked, "HX-1", 3, "MAIN", "A-1", origin="SHELF")
    row = change(stocked, "A-1", capacity=30)

    assert (row.pick_sequence, row.capacity, row.quantity, row.room) == (10, 30, 3, 27)
    assert events(stocked)[-1] == ("warehouse.bin-changed", "MAIN")
    row = change(stocked, "A-1", pick_sequence=None, capacity=None)
    assert (row.pick_sequence, row.capacity, row.room) == (None, None, None)


def test_a_change_to_what_stands_already_is_none(stocked):
    add_bin(stocked, "MAIN", "A-1", capacity=40)
    before = events(stocked)

    change(stocked, "A-1", capacity=40)

    assert events(stocked) == before


def test_a_capacity_below_what_lies_there_is_no_fault(stocked):
    row = change(stocked, "SHELF", capacity=2)

    assert (row.quantity, row.capacity, row.room) == (14, 2, -12)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nothing to change"),
        ({"capacity": -1}, "the capacity must be a whole number from 0"),
        ({"pick_sequence": 10**10}, "the pick sequence must be a whole number"),
        ({"kind": 1}, "a bin has pick_sequence and capacity, not 'kind'"),
    ],
)
def test_what_a_bin_cannot_be_set_to(stocked, settings, said):
    before = snapshot(stocked)

    with pytest.raises(InvalidInput, match=said):
        change(stocked, "SHELF", **settings)

    assert snapshot(stocked) == before


def test_bins_of_one_kind_are_listed(stocked):
    add_bin(stocked, "MAIN", "Q-1", "quarantine")

    assert listed(stocked, kind="quarantine") == [("Q-1", 0, 0)]
    assert listed(stocked, kind="storage") == [("SHELF", 2, 14)]
    with pytest.raises(InvalidInput, match="a bin is one of storage"):
        listed(stocked, kind="roof")


def test_a_bin_tells_what_lies_in_it(stocked):
    assert contents(show(stocked, "shelf")) == [
        ("HX-1", None, False, 10),
        ("HX-2", None, False, 4),
    ]
    with pytest.raises(NotFound, match="there is no bin A-1 in MAIN"):
        show(stocked, "A-1")


def test_what_lay_in_a_bin_is_answered_from_the_ledger(stocked, clock):
    add_bin(stocked, "MAIN", "A-1")
    morning = clock.at + SECOND  # a writer's instants go up by one
    clock.advance(DAY)
    put_away(stocked, "HX-1", 4, "MAIN", "A-1", origin="SHELF")
    noon = clock.at + SECOND
    clock.advance(DAY)
    adjust(stocked, "HX-1", "MAIN", -3, bin="A-1")

    assert listed(stocked, as_of=morning - DAY) == [("A-1", 0, 0), ("DOCK", 0, 0), ("SHELF", 0, 0)]
    assert listed(stocked, as_of=morning) == [("A-1", 0, 0), ("DOCK", 0, 0), ("SHELF", 2, 14)]
    assert listed(stocked, as_of=noon) == [("A-1", 1, 4), ("DOCK", 0, 0), ("SHELF", 2, 10)]
    assert listed(stocked, as_of=clock.at + SECOND) == listed(stocked)
    assert contents(show(stocked, "A-1", as_of=noon)) == [("HX-1", None, False, 4)]
    assert contents(show(stocked, "A-1")) == [("HX-1", None, False, 1)]


def test_a_bin_that_holds_lots_counts_its_sku_once(stocked, clock):
    track_lots(stocked, "HX-3")
    find_lot(stocked, "HX-3", 5, "L-1", 20260301)
    find_lot(stocked, "HX-3", 5, "L-2", 20260401)

    assert listed(stocked) == [("DOCK", 0, 0), ("SHELF", 3, 24)]
    assert contents(show(stocked, "SHELF"))[2:] == [
        ("HX-3", "L-1", False, 5),
        ("HX-3", "L-2", False, 5),
    ]
    at = clock.at + SECOND
    clock.advance(DAY)
    assert contents(show(stocked, "SHELF"))[2] == ("HX-3", "L-1", True, 5)
    assert contents(show(stocked, "SHELF", as_of=at))[2] == ("HX-3", "L-1", False, 5)


def test_room_is_what_is_left_of_the_capacity(stocked):
    add_bin(stocked, "MAIN", "A-1", capacity=40)
    put_away(stocked, "HX-1", 4, "MAIN", "A-1", origin="SHELF")
    small, shelf = (
        ask(stocked, lambda s, name=name: place(s, "MAIN", name)) for name in ("A-1", "SHELF")
    )

    assert ask(stocked, lambda s: bins.lock_room(s, [small, shelf])) == {small.bin_id: 36}
