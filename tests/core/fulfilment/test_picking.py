"""Picking: what is fetched from where, what is short, and what goes back."""

import pytest

from bvinv.core import warehouses
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from bvinv.core.fulfilment import picking
from tests import books
from tests.books import HOUR, MINUTE, act, bins, counts, kinds, parts, snapshot
from tests.pick_books import add_lots, bring_back, pack, pick, short, start, stops

DAY = 24 * HOUR
WEEK = 7 * DAY


@pytest.fixture
def shelves(database):
    """Return a database with 4 of HX-1 in B-1, 2 in A-2, 3 of HX-2 in A-1, 5 of it at NORTH."""
    books.add_warehouses(database, "MAIN", "NORTH")
    books.add_products(database, "HX-1", "HX-2", "HX-3")

    def furnish(session):
        for bin_, sequence in (("B-1", 10), ("A-2", 20), ("A-1", 30), ("C-1", None)):
            warehouses.add_bin(session, warehouse="MAIN", name=bin_, pick_sequence=sequence)
        return []

    act(database, furnish)
    books.receive(database, "HX-1", 4, "MAIN", bin="B-1")
    books.receive(database, "HX-1", 2, "MAIN", bin="A-2")
    books.receive(database, "HX-2", 3, "MAIN", bin="A-1")
    books.receive(database, "HX-2", 5, "NORTH", bin="SHELF")
    return database


def refused(database, action, error, detail=None):
    before = snapshot(database)
    with pytest.raises(error) as caught:
        action()
    assert snapshot(database) == before
    if detail:
        assert caught.value.detail == detail
    return caught.value


def test_a_list_is_in_walking_order(shelves):
    books.reserve(shelves, "SO-1", "HX-2=4 HX-1=5")
    row = start(shelves)

    assert row.status == "open"
    assert [(one.pick, one.warehouse, one.bin, one.sku, one.quantity) for one in row.lines] == [
        ("PK-1", "MAIN", "B-1", "HX-1", 4),
        ("PK-1", "MAIN", "A-2", "HX-1", 1),
        ("PK-1", "MAIN", "A-1", "HX-2", 3),
        ("PK-2", "NORTH", "SHELF", "HX-2", 1),
    ]


def test_one_bin_that_has_it_all_is_one_stop(shelves):
    books.receive(shelves, "HX-1", 9, "MAIN", bin="C-1")
    books.reserve(shelves, "SO-1", "HX-1=6")

    assert stops(start(shelves)) == [("C-1", "HX-1", 6, 0, 0)]


def test_the_lot_that_expires_first_is_fetched_first_and_expired_ones_never(shelves, clock):
    add_lots(shelves, {"LATE": 90, "SOON": 3, "OLD": 1}, clock)
    books.reserve(shelves, "SO-1", "HX-3=5")

    row = start(shelves)
    assert [(one.lot, one.quantity) for one in row.lines] == [("SOON", 4), ("LATE", 1)]


def test_a_list_lets_the_hold_last_a_week(shelves, clock):
    books.reserve(shelves, "SO-1", "HX-1=1", ttl=15 * MINUTE)
    assert start(shelves).expires_at == pytest.approx(clock.at + WEEK, abs=100)

    books.reserve(shelves, "SO-2", "HX-1=1", ttl=30 * DAY)
    assert start(shelves, "SO-2").expires_at == pytest.approx(clock.at + 30 * DAY, abs=100)


def test_the_open_list_is_shown_again_and_nothing_changes(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    first = start(shelves)
    before = snapshot(shelves)
    assert start(shelves) == first
    assert snapshot(shelves) == before


def test_picked_pieces_stay_on_hand_and_reserved_and_nobody_else_gets_them(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    row = pick(shelves)

    assert row.status == "picked"
    assert stops(row) == [("B-1", "HX-1", 4, 4, 0), ("A-2", "HX-1", 1, 1, 0)]
    assert bins(shelves, "MAIN") == {"A-1": 3, "A-2": 1, "STAGING": 5}
    assert counts(shelves, "HX-1", "MAIN") == (6, 5, 1, 0)
    assert kinds(shelves, "HX-1")[-2:] == [("pick", 4, 6, 5), ("pick", 1, 6, 5)]
    refused(
        shelves,
        lambda: books.adjust(shelves, "HX-1", "MAIN", -2, break_newest=True),
        InsufficientStock,
    )
    refused(
        shelves,
        lambda: books.put_away(shelves, "HX-1", 1, "MAIN", "C-1", origin="STAGING"),
        InsufficientStock,
    )


def test_what_was_picked_is_not_broken(shelves):
    books.reserve(shelves, "SO-1", "HX-1=2")
    books.reserve(shelves, "SO-2", "HX-1=2")
    start(shelves, "SO-2")
    pick(shelves, "", "SO-2")

    books.adjust(shelves, "HX-1", "MAIN", -4, break_newest=True)
    assert parts(books.show(shelves, "SO-1")) == [("HX-1", "MAIN", 0, 2, 0, 0)]
    assert parts(books.show(shelves, "SO-2")) == [("HX-1", "MAIN", 2, 0, 0, 0)]


def test_a_part_is_picked_and_the_rest_later(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    assert stops(pick(shelves, "HX-1=3")) == [("B-1", "HX-1", 4, 3, 0), ("A-2", "HX-1", 1, 0, 0)]
    assert pick(shelves, "HX-1=2").status == "picked"
    refused(shelves, lambda: pick(shelves), Conflict, "nothing is left to pick for SO-1")


def test_more_than_is_listed_is_refused(shelves):
    books.reserve(shelves, "SO-1", "HX-1=2")
    start(shelves)
    error = refused(
        shelves,
        lambda: pick(shelves, "HX-1=3"),
        Conflict,
        "2 of HX-1 are still to be picked for SO-1, 3 wanted",
    )
    assert (error.numbers["left"], error.numbers["wanted"]) == (2, 3)
    refused(shelves, lambda: pick(shelves, "HX-2=1"), Conflict)
    refused(shelves, lambda: pick(shelves, "XX=1"), NotFound)


def test_another_bin_than_listed_is_recorded(shelves):
    books.reserve(shelves, "SO-1", "HX-1=3")
    assert stops(start(shelves)) == [("B-1", "HX-1", 3, 0, 0)]

    row = pick(shelves, "HX-1=2", bin="a-2")
    assert stops(row) == [("B-1", "HX-1", 1, 0, 0), ("A-2", "HX-1", 2, 2, 0)]
    assert bins(shelves, "MAIN") == {"B-1": 4, "A-1": 3, "STAGING": 2}
    refused(
        shelves,
        lambda: pick(shelves, "HX-1=1", bin="A-2"),
        InsufficientStock,
        "only 0 of HX-1 lie in A-2 at MAIN, 1 wanted",
    )
    refused(shelves, lambda: pick(shelves, "HX-1=1", bin="Z-9"), NotFound)


def test_quarantine_is_not_picked_from(shelves):
    books.add_bin(shelves, "MAIN", "Q-1", "quarantine")
    books.receive(shelves, "HX-1", 1, "MAIN", bin="Q-1")
    books.reserve(shelves, "SO-1", "HX-1=1")
    start(shelves)
    refused(shelves, lambda: pick(shelves, "HX-1=1", bin="Q-1"), Conflict)


def test_two_lists_are_not_sent_to_the_same_pieces(shelves):
    books.reserve(shelves, "SO-1", "HX-1=3")
    books.reserve(shelves, "SO-2", "HX-1=3")

    assert stops(start(shelves, "SO-1")) == [("B-1", "HX-1", 3, 0, 0)]
    assert stops(start(shelves, "SO-2")) == [("B-1", "HX-1", 1, 0, 0), ("A-2", "HX-1", 2, 0, 0)]


def test_the_second_who_takes_the_last_pieces_of_a_bin_is_told(shelves):
    books.reserve(shelves, "SO-1", "HX-1=3")
    books.reserve(shelves, "SO-2", "HX-1=3")
    start(shelves, "SO-1")
    start(shelves, "SO-2")
    pick(shelves, "HX-1=2", "SO-1", bin="A-2")
    error = refused(
        shelves,
        lambda: pick(shelves, "", "SO-2"),
        InsufficientStock,
        "only 0 of HX-1 lie in A-2 at MAIN, 2 wanted",
    )
    assert error.hint == "say what is missing: bvinv reserve pick SO-2 --short HX-1 --bin A-2"
    row = short(shelves, "HX-1", "SO-2", bin="A-2")
    [said] = row.shorts
    assert (said.elsewhere, said.backordered, said.adjusted, said.count) == (2, 0, 0, None)
    assert pick(shelves, "", "SO-2").status == "picked"


def test_a_short_is_fetched_from_another_bin(shelves):
    books.reserve(shelves, "SO-1", "HX-1=3")
    start(shelves)
    pick(shelves, "HX-1=1")
    row = short(shelves, "HX-1")

    assert stops(row) == [("B-1", "HX-1", 3, 1, 2), ("A-2", "HX-1", 2, 0, 0)]
    [said] = row.shorts
    assert (said.bin, said.short, said.elsewhere, said.backordered) == ("B-1", 2, 2, 0)
    assert (said.adjusted, said.count) == (2, "CT-1")
    assert counts(shelves, "HX-1", "MAIN") == (4, 3, 1, 0)
    assert bins(shelves, "MAIN") == {"A-1": 3, "A-2": 2, "B-1": 1, "STAGING": 1}


def test_what_no_bin_has_waits_for_goods_and_is_no_other_orders_loss(shelves):
    books.reserve(shelves, "SO-1", "HX-1=3")
    books.reserve(shelves, "SO-2", "HX-1=2")
    start(shelves, "SO-2")
    start(shelves, "SO-1")
    row = short(shelves, "HX-1", bin="B-1")

    [said] = row.shorts
    assert (said.short, said.elsewhere, said.backordered, said.adjusted) == (2, 1, 1, 2)
    assert stops(row) == [("B-1", "HX-1", 2, 0, 2), ("A-2", "HX-1", 2, 0, 0)]
    assert parts(books.show(shelves, "SO-2")) == [("HX-1", "MAIN", 2, 0, 0, 0)]
    assert parts(books.show(shelves, "SO-1")) == [("HX-1", "MAIN", 2, 1, 0, 0)]
    assert counts(shelves, "HX-1", "MAIN") == (4, 4, -1, 1)


def test_a_short_without_other_bins_becomes_a_backorder_that_new_goods_fill(shelves):
    books.reserve(shelves, "SO-1", "HX-2=3", ttl=HOUR)
    start(shelves)
    pick(shelves, "HX-2=1")
    row = short(shelves, "HX-2")

    [said] = row.shorts
    assert (said.short, said.elsewhere, said.backordered, said.adjusted) == (2, 0, 2, 2)
    assert row.status == "picked"
    assert counts(shelves, "HX-2", "MAIN") == (1, 1, -2, 2)
    assert kinds(shelves, "HX-2")[-2:] == [("break", 2, 3, 1), ("adjust", 2, 1, 1)]

    books.receive(shelves, "HX-2", 5, "MAIN", bin="C-1")
    assert stops(start(shelves)) == [("A-1", "HX-2", 3, 1, 2), ("C-1", "HX-2", 2, 0, 0)]


def test_what_the_same_bin_has_on_record_is_held_until_the_count(shelves):
    books.reserve(shelves, "SO-1", "HX-2=1")
    start(shelves)
    row = short(shelves, "HX-2")

    [said] = row.shorts
    assert (said.elsewhere, said.backordered, said.unsettled, said.adjusted) == (0, 0, 1, 1)
    assert counts(shelves, "HX-2", "MAIN") == (2, 1, 1, 0)
    assert stops(start(shelves)) == [("A-1", "HX-2", 2, 0, 1)]


def test_a_second_short_finds_the_count_that_is_open(shelves):
    books.reserve(shelves, "SO-1", "HX-1=4")
    start(shelves)
    assert short(shelves, "HX-1", quantity=1).shorts[0].count == "CT-1"
    assert short(shelves, "HX-1", quantity=1, bin="B-1").shorts[0].count == "CT-1"
    assert books.fetch(shelves, "SELECT count(*) FROM stock_count") == [(1,)]


def test_more_short_than_listed_is_refused(shelves):
    books.reserve(shelves, "SO-1", "HX-1=2")
    start(shelves)
    refused(shelves, lambda: short(shelves, "HX-1", quantity=3), Conflict)
    refused(shelves, lambda: short(shelves, "HX-2"), Conflict)
    refused(shelves, lambda: short(shelves, "HX-1", bin="A-1"), Conflict)


def test_cancelling_brings_the_goods_back_and_keeps_the_hold(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    pick(shelves, "HX-1=4")
    pack(shelves)
    row = bring_back(shelves)

    assert (row.status, row.lines) == ("cancelled", [])
    assert bins(shelves, "MAIN") == {"A-1": 3, "A-2": 2, "B-1": 4}
    assert counts(shelves, "HX-1", "MAIN") == (6, 5, 1, 0)
    assert books.fetch(shelves, "SELECT status FROM package") == [("cancelled",)]
    assert [one.pick for one in start(shelves).lines] == ["PK-2", "PK-2"]


def test_releasing_gives_goods_and_hold_back(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    pick(shelves, "HX-1=4")
    books.release(shelves, "SO-1")

    assert bins(shelves, "MAIN") == {"A-1": 3, "A-2": 2, "B-1": 4}
    assert counts(shelves, "HX-1", "MAIN") == (6, 0, 6, 0)
    assert books.fetch(shelves, "SELECT status FROM pick") == [("cancelled",)]


@pytest.mark.parametrize("swept", [False, True])
def test_what_stands_in_staging_is_free_when_the_order_runs_out(shelves, clock, swept):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    pick(shelves)
    clock.advance(WEEK + HOUR)
    if swept:
        books.expire(shelves)
        assert books.fetch(shelves, "SELECT status FROM pick") == [("cancelled",)]

    books.reserve(shelves, "SO-2", "HX-1=6")
    for attempt in (start, bring_back, pick, pack):
        refused(shelves, lambda attempt=attempt: attempt(shelves), Conflict)
    books.commit(shelves, "SO-2")
    assert bins(shelves, "MAIN") == {"A-1": 3}


def test_goods_that_an_order_left_in_staging_are_picked_from_there(shelves, clock):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    pick(shelves)
    clock.advance(WEEK + HOUR)
    books.reserve(shelves, "SO-2", "HX-1=4")
    assert stops(start(shelves, "SO-2")) == [("STAGING", "HX-1", 4, 0, 0)]
    assert pick(shelves, "", "SO-2").status == "picked"


def test_what_is_no_longer_held_comes_off_the_list(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    books.adjust(shelves, "HX-1", "MAIN", -3, break_newest=True, bin="B-1")
    refused(shelves, lambda: pick(shelves, "HX-1=5"), InsufficientStock)

    assert sum(one.quantity for one in start(shelves).lines) == 3


def test_what_left_without_being_picked_is_not_picked_any_more(shelves):
    books.reserve(shelves, "SO-1", "HX-2=3 HX-1=1")
    start(shelves)
    books.commit(shelves, "SO-1", "HX-2=3")
    for attempt in (
        lambda: pick(shelves, "HX-2=1", bin="C-1"),
        lambda: pick(shelves, "HX-2=1"),
        lambda: short(shelves, "HX-2"),
    ):
        refused(shelves, attempt, Conflict)
    assert stops(start(shelves)) == [("B-1", "HX-1", 1, 0, 0)]


def test_an_order_that_waits_for_goods_has_no_list(shelves):
    books.reserve(shelves, "SO-1", "HX-3=2", backorder=True)
    refused(
        shelves,
        lambda: start(shelves),
        Conflict,
        "reservation SO-1 holds nothing yet; it waits for goods",
    )
    refused(shelves, lambda: pick(shelves), Conflict, "nobody picks reservation SO-1 yet")
    refused(shelves, lambda: start(shelves, "SO-9"), NotFound)


def test_committing_what_is_picked_is_refused(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    pick(shelves, "HX-1=1")
    refused(
        shelves,
        lambda: books.commit(shelves, "SO-1"),
        Conflict,
        "reservation SO-1 has 1 picked in staging",
    )


def test_a_list_that_nobody_walked_does_not_stop_a_commit(shelves):
    books.reserve(shelves, "SO-1", "HX-1=5")
    start(shelves)
    books.commit(shelves, "SO-1")
    assert books.fetch(shelves, "SELECT status FROM pick") == [("cancelled",)]


def test_an_expired_lot_is_not_picked(shelves, clock):
    add_lots(shelves, {"SOON": 3}, clock)
    books.reserve(shelves, "SO-1", "HX-3=4", ttl=30 * DAY)
    start(shelves)
    clock.advance(3 * DAY)
    refused(shelves, lambda: pick(shelves), Conflict, "lot SOON of HX-3 has expired")
    # It is not missing either: its pieces are on the record, and lie there.
    refused(shelves, lambda: short(shelves, "HX-3"), Conflict, "lot SOON of HX-3 has expired")


def test_what_expired_since_it_was_listed_gives_way_to_what_is_good(shelves, clock):
    add_lots(shelves, {"SOON": 3, "LATE": 90}, clock)
    books.reserve(shelves, "SO-1", "HX-3=4", ttl=30 * DAY)
    assert [(one.lot, one.quantity) for one in start(shelves).lines] == [("SOON", 4)]
    pick(shelves, "HX-3=1")
    bring_back(shelves)
    start(shelves)
    clock.advance(2 * DAY)

    row = start(shelves)
    assert [(one.lot, one.quantity) for one in row.lines] == [("LATE", 4)]
    pick(shelves)
    assert bins(shelves, "MAIN")["STAGING"] == 4
    assert counts(shelves, "HX-3", "MAIN") == (8, 4, 0, 0)


def test_a_pick_says_what_was_picked(shelves):
    books.reserve(shelves, "SO-1", "HX-1=4")
    start(shelves)
    refused(
        shelves,
        lambda: act(shelves, lambda s: picking.pick(s, reservation_id="SO-1")),
        InvalidInput,
        "say what was picked",
    )


def test_each_step_is_told(shelves):
    books.reserve(shelves, "SO-1", "HX-2=3")
    start(shelves)
    pick(shelves, "HX-2=1")
    short(shelves, "HX-2")
    bring_back(shelves)
    told = [kind for kind, subject in books.events(shelves) if subject == "PK-1"]
    assert told == ["pick.started", "pick.confirmed", "pick.shorted", "pick.cancelled"]
