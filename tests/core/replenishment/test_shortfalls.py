"""What is promised and not there is suggested at once, whichever command made it so."""

import pytest

from bvinv.core import command_log, reservations
from bvinv.core.errors import InsufficientStock
from tests import books, pick_books
from tests.books import adjust, reserve
from tests.count_books import count, open_count, post
from tests.purchasing_books import add_supplier, order, terms
from tests.reorder_books import keep, suggested, told

SUGGESTED = ("reorder.suggested", "HX-1")


def test_a_backorder_is_suggested_with_it(stocked):
    reserve(stocked, "SO-1", "HX-1=12 HX-3=2", backorder=True)
    assert suggested(stocked) == [("HX-1", "open", 2), ("HX-3", "open", 2)]
    assert told(stocked) == [SUGGESTED, ("reorder.suggested", "HX-3")]
    reserve(stocked, "SO-2", "HX-1=1", backorder=True)
    assert suggested(stocked) == [("HX-1", "open", 3), ("HX-3", "open", 2)]
    assert len(told(stocked)) == 3


def test_it_is_ordered_up_to_what_the_level_is_kept_at(stocked):
    add_supplier(stocked)
    terms(stocked, "HX-1", pack_size="10")
    keep(stocked, "HX-1", 15)
    reserve(stocked, "SO-1", "HX-1=12", backorder=True)
    assert suggested(stocked) == [("HX-1", "open", 20)]


def test_an_ordinary_reservation_suggests_nothing(stocked):
    keep(stocked, "HX-1", 15)
    reserve(stocked, "SO-1", "HX-1=10", backorder=True)
    with pytest.raises(InsufficientStock):
        reserve(stocked, "SO-2", "HX-1=1")
    assert (suggested(stocked), told(stocked)) == ([], [])


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_ordinary_reservation_is_not_asked_about(stocked):
    sent = []
    with stocked.write(command_log.command("test", actor="tester")) as session:
        session.wire.connection.driver_connection.set_trace_callback(sent.append)
        reservations.create(session, reservations.Request("SO-1", books.lines("HX-1=10")))
        session.wire.connection.driver_connection.set_trace_callback(None)
    assert len(sent) > 5
    assert not [one for one in sent if "reorder_suggestion" in one or "forecast" in one]


def test_of_callers_who_are_answered_together_each_is_named(stocked):
    requests = [
        reservations.Request(
            f"SO-{who}",
            books.lines(said),
            backorder=True,
            command=command_log.command("reserve create", actor=who),
        )
        for who, said in (("ann", "HX-1=12"), ("bob", "HX-3=1"))
    ]

    def action(session):
        reservations.create_many(session, requests)
        return []

    books.act(stocked, action)
    asked = "SELECT subject, actor FROM event WHERE type = 'reorder.suggested' ORDER BY subject"
    assert books.fetch(stocked, asked) == [("HX-1", "ann"), ("HX-3", "bob")]


def test_what_is_on_order_already_is_not_suggested_again(stocked):
    add_supplier(stocked)
    order(stocked, "HX-1=2")
    reserve(stocked, "SO-1", "HX-1=12", backorder=True)
    assert suggested(stocked) == []
    reserve(stocked, "SO-2", "HX-1=1", backorder=True)
    assert suggested(stocked) == [("HX-1", "open", 1)]


def test_a_broken_hold_is_suggested_with_the_correction(stocked):
    reserve(stocked, "SO-1", "HX-1=10")
    adjust(stocked, "HX-1", "MAIN", -3, break_newest=True)
    assert suggested(stocked) == [("HX-1", "open", 3)]
    assert books.events(stocked)[-3:] == [
        ("reservation.broken", "SO-1"),
        ("stock.adjusted", "HX-1"),
        SUGGESTED,
    ]


def test_a_count_that_breaks_holds_suggests_what_it_missed(stocked):
    reserve(stocked, "SO-1", "HX-1=9")
    number = open_count(stocked)
    count(stocked, number, "HX-1", 7)
    count(stocked, number, "HX-1", 7)
    post(stocked, number, break_newest=True)
    assert suggested(stocked) == [("HX-1", "open", 2)]


def test_a_lot_that_is_written_off_is_suggested(stocked, clock):
    books.add_bin(stocked, "MAIN", "C-1")
    pick_books.add_lots(stocked, {"A": 9, "B": 20}, clock)
    reserve(stocked, "SO-1", "HX-3=8")
    adjust(stocked, "HX-3", "MAIN", -4, lot="A", reason="damaged", break_newest=True)
    assert suggested(stocked) == [("HX-3", "open", 4)]


def test_what_a_picker_does_not_find_is_suggested(stocked):
    reserve(stocked, "SO-1", "HX-1=10")
    pick_books.start(stocked)
    pick_books.pick(stocked, "HX-1=8")
    pick_books.short(stocked, "HX-1")
    assert suggested(stocked) == [("HX-1", "open", 2)]


def test_what_is_refused_suggests_nothing(stocked):
    reserve(stocked, "SO-1", "HX-1=12", backorder=True)
    before = books.snapshot(stocked)
    with pytest.raises(InsufficientStock):
        adjust(stocked, "HX-1", "MAIN", -3)
    assert books.snapshot(stocked) == before
