"""Putting away: what is proposed, what a worker chooses, what fits."""

import json

import pytest

from bvinv.core import put_away, stock
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from tests import books
from tests.books import act, add_bin, ask, bins, fetch, level, receive, reserve, snapshot
from tests.lots_books import DAY, find_lot, lots, track_lots, update


@pytest.fixture
def house(stocked):
    """Return a stocked database with three empty bins at MAIN and 12 of HX-3 on its dock."""
    for name, sequence, capacity in (("A-1", 30, 10), ("A-2", 20, 40), ("A-3", 10, 12)):
        add_bin(stocked, "MAIN", name, pick_sequence=sequence, capacity=capacity)
    receive(stocked, "HX-3", 12, "MAIN")
    return stocked


def propose(database, ref="HX-3", quantity=None, **more):
    row = ask(
        database,
        lambda s: put_away.propose(s, ref=ref, warehouse="MAIN", quantity=quantity, **more),
    )
    return row.bin, row.why


def away(database, ref="HX-3", quantity=None, target=None, **more):
    return act(
        database,
        lambda s: put_away.put_away(
            s, ref=ref, warehouse="MAIN", quantity=quantity, target=target, **more
        ),
    )


def fix(database, name, ref="HX-3"):
    act(
        database,
        lambda s: stock.configure(s, ref=ref, warehouse="MAIN", settings={}, fixed_bin=name),
    )


def told(database):
    """Return what the last event says."""
    [(data,)] = fetch(database, "SELECT data FROM event ORDER BY id DESC LIMIT 1")
    return json.loads(data)


def test_the_first_empty_bin_in_walking_order_with_room_is_proposed(house):
    assert propose(house) == ("A-3", "empty")
    assert propose(house, quantity=13) == ("A-2", "empty")
    assert propose(house, quantity=41) == (None, "none")


def test_where_some_of_it_lies_goes_before_an_empty_bin(house):
    away(house, quantity=2, target="A-2")

    assert propose(house) == ("A-2", "lies-there")
    assert propose(house, quantity=39) == (None, "none")


def test_of_two_bins_where_it_lies_the_first_in_walking_order_is_proposed(house):
    away(house, quantity=1, target="A-1")
    away(house, quantity=1, target="A-2")

    assert propose(house, quantity=9) == ("A-2", "lies-there")


def test_the_fixed_bin_goes_before_all_others_if_it_has_room(house):
    away(house, quantity=2, target="A-2")
    fix(house, "A-1")

    assert propose(house, quantity=10) == ("A-1", "fixed")
    assert propose(house, quantity=11) == ("A-2", "lies-there")


def test_a_fixed_bin_stays_free_for_its_own(house):
    fix(house, "A-3", ref="HX-1")

    assert propose(house) == ("A-2", "empty")


def test_what_lies_in_a_bin_is_never_proposed_to_go_there(house):
    away(house, target="A-2")

    assert propose(house, origin="A-2") == ("A-3", "empty")


def test_all_that_lies_there_goes_to_the_proposed_bin(house):
    row = away(house)

    assert (row.quantity, row.from_bin, row.to_bin) == (12, "DOCK", "A-3")
    assert (row.proposed, row.why) == ("A-3", "empty")
    assert bins(house, "MAIN") == {"A-3": 12, "SHELF": 14}
    assert told(house) == {
        "warehouse": "MAIN",
        "quantity": 12,
        "from": "DOCK",
        "to": "A-3",
        "proposed": "A-3",
        "why": "empty",
        "chosen": "A-3",
    }


def test_a_worker_may_choose_otherwise_and_it_is_recorded(house):
    row = away(house, target="a-2")

    assert (row.to_bin, row.proposed) == ("A-2", "A-3")
    assert (told(house)["proposed"], told(house)["chosen"]) == ("A-3", "A-2")


def refused(database, error, said, action):
    before = snapshot(database)
    with pytest.raises(error, match=said) as found:
        action()
    assert snapshot(database) == before
    return found.value


def test_more_than_fits_is_refused_with_the_numbers(house):
    error = refused(
        house,
        Conflict,
        "A-1 at MAIN has room for 10, not for 12",
        lambda: away(house, target="A-1"),
    )
    assert (error.numbers["room"], error.numbers["wanted"]) == (10, 12)

    row = away(house, target="A-1", over_capacity=True)
    assert (row.to_bin, told(house)["over_capacity"]) == ("A-1", 2)
    assert bins(house, "MAIN")["A-1"] == 12


def test_all_products_in_a_bin_count(house):
    books.put_away(house, "HX-1", 5, "MAIN", "A-1", origin="SHELF")

    refused(house, Conflict, "room for 5, not for 6", lambda: away(house, quantity=6, target="A-1"))
    assert away(house, quantity=5, target="A-1").to_bin == "A-1"


def test_where_nothing_has_room_a_bin_has_to_be_named(house):
    books.adjust(house, "HX-3", "MAIN", 40, bin="DOCK")

    error = refused(house, Conflict, "no bin of MAIN has room for 52 of HX-3", lambda: away(house))
    assert error.hint == "put away fewer, or name a bin: --to BIN"
    assert away(house, target="SHELF").quantity == 52


@pytest.mark.parametrize(
    ("terms", "error", "said"),
    [
        ({"ref": "HX-9"}, NotFound, "there is no product 'HX-9'"),
        ({"origin": "A-9"}, NotFound, "there is no bin A-9 in MAIN"),
        ({"target": "dock"}, InvalidInput, "the goods lie in DOCK already"),
        ({"quantity": 13, "target": "A-2"}, InsufficientStock, "only 12 of HX-3 lie in DOCK"),
        ({"ref": "HX-1"}, InsufficientStock, "only 0 of HX-1 lie in DOCK at MAIN, 1 wanted"),
        ({"quantity": 0}, InvalidInput, "the quantity must be a whole number from 1"),
        ({"lot": "L-1"}, NotFound, "there is no lot L-1 of HX-3"),
    ],
)
def test_what_cannot_be_put_away(house, terms, error, said):
    refused(house, error, said, lambda: away(house, **terms))


def test_a_case_is_put_away_as_its_pieces(house):
    update(house, "HX-3", barcode="CASE-6=6")

    assert away(house, ref="CASE-6", quantity=2).quantity == 12


def test_into_quarantine_only_what_is_free_goes(house):
    add_bin(house, "MAIN", "Q-1", "quarantine")
    reserve(house, "SO-1", "HX-3=10")

    refused(
        house,
        InsufficientStock,
        r"only 2 of HX-3 can leave MAIN, 12 wanted; held by SO-1 \(10\)",
        lambda: away(house, target="Q-1"),
    )
    away(house, quantity=2, target="Q-1")
    row = level(house, "HX-3", "MAIN")
    assert (row.on_hand, row.unsellable, row.available) == (10, 2, 0)


def test_what_has_expired_moves_when_its_lot_is_named(house, clock):
    add_bin(house, "MAIN", "D-1", "damaged")
    track_lots(house, "HX-2")
    find_lot(house, "HX-2", 5, "OLD", 20260301, bin="DOCK")
    find_lot(house, "HX-2", 5, "NEW", 20260401, bin="DOCK")
    clock.advance(DAY)
    reserve(house, "SO-1", "HX-2=9@MAIN")

    assert away(house, ref="HX-2", target="A-2").quantity == 5
    refused(
        house,
        InsufficientStock,
        r"only 0 of HX-2 lie in DOCK at MAIN, 1 wanted; expired: lot OLD \(5\)",
        lambda: away(house, ref="HX-2", target="D-1"),
    )
    away(house, ref="HX-2", target="D-1", lot="old")
    assert lots(house, "HX-2") == [("MAIN", "OLD", 5, True), ("MAIN", "NEW", 5, False)]
    row = level(house, "HX-2", "MAIN")
    assert (row.on_hand, row.unsellable, row.expired, row.available) == (9, 5, 0, 0)


def test_a_fixed_bin_is_a_storage_bin_of_the_warehouse(house):
    add_bin(house, "NORTH", "N-1")

    refused(house, NotFound, "N-1 is a bin of NORTH, not of MAIN", lambda: fix(house, "N-1"))
    refused(house, InvalidInput, "DOCK is no storage bin of MAIN", lambda: fix(house, "dock"))
    fix(house, "a-1")
    assert level(house, "HX-3", "MAIN").fixed_bin == "A-1"
    assert told(house) == {"warehouse": "MAIN", "fixed_bin": "A-1"}
    act(
        house,
        lambda s: stock.configure(s, ref="HX-3", warehouse="MAIN", settings={"safety_stock": 2}),
    )
    assert level(house, "HX-3", "MAIN").fixed_bin == "A-1"
    fix(house, "")
    assert level(house, "HX-3", "MAIN").fixed_bin is None
