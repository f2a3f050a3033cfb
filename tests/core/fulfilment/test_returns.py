"""Returns: into quarantine, and out of it as somebody decided."""

import pytest

from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from bvinv.core.fulfilment import returns
from tests import books
from tests.books import ask, bins, counts, fetch, parts, show, snapshot
from tests.pick_books import DAY, add_lots, come_back, decide, ready, ship


@pytest.fixture
def shipped(stocked):
    """Return a database in which SO-1 shipped 4 of HX-1."""
    ready(stocked, "HX-1=4")
    ship(stocked)
    return stocked


def refused(database, action, error, detail):
    before = snapshot(database)
    with pytest.raises(error) as caught:
        action()
    assert caught.value.detail == detail
    assert snapshot(database) == before
    return caught.value


def decided(row):
    return row.undecided, row.restocked, row.damaged, row.scrapped, row.sent_back


def test_a_return_lies_in_quarantine_and_is_nobodys(shipped):
    row = come_back(shipped, "HX-1", 3, reservation_id="SO-1", reason="defective")

    assert (row.number, row.bin, row.reason) == ("RT-1", "QUARANTINE", "defective")
    assert decided(row) == (3, 0, 0, 0, 0)
    assert next(iter(row.record())) == "return"
    assert counts(shipped, "HX-1", "MAIN") == (6, 0, 6, 0)
    assert books.level(shipped, "HX-1", "MAIN").unsellable == 3
    why = "sent back and not decided on: 3"
    with pytest.raises(InsufficientStock) as caught:
        books.put_away(shipped, "HX-1", 1, "MAIN", "SHELF", origin="QUARANTINE")
    assert caught.value.detail == f"only 0 of HX-1 lie in QUARANTINE at MAIN, 1 wanted; {why}"


def test_no_more_comes_back_than_was_shipped(shipped):
    come_back(shipped, "HX-1", 3, reservation_id="SO-1")
    error = refused(
        shipped,
        lambda: come_back(shipped, "HX-1", 2, reservation_id="SO-1"),
        Conflict,
        "reservation SO-1 shipped 4 of HX-1, 3 came back already; 2 cannot come back",
    )
    assert (error.numbers["shipped"], error.numbers["returned"]) == (4, 3)
    come_back(shipped, "HX-1", 1, reservation_id="SO-1", warehouse="NORTH")
    refused(
        shipped,
        lambda: come_back(shipped, "HX-2", 1, reservation_id="SO-1"),
        Conflict,
        "reservation SO-1 shipped 0 of HX-2; 1 cannot come back",
    )
    with pytest.raises(NotFound):
        come_back(shipped, "HX-1", 1, reservation_id="SO-9")


def test_a_return_needs_a_reason_that_is_known(shipped):
    for reason in ("", "because"):
        with pytest.raises(InvalidInput):
            come_back(shipped, "HX-1", 1, reason=reason)


def test_each_piece_is_decided_once(shipped):
    books.add_bin(shipped, "MAIN", "A-1")
    come_back(shipped, "HX-1", 4, reservation_id="SO-1")
    row = decide(shipped, restock=1, bin="A-1", damaged=1, scrap=1)

    assert decided(row) == (1, 1, 1, 1, 0)
    assert bins(shipped, "MAIN") == {
        "A-1": 1, "DAMAGED": 1, "QUARANTINE": 1, "SHELF": 10,
    }  # fmt: skip
    assert counts(shipped, "HX-1", "MAIN") == (7, 0, 7, 0)
    refused(
        shipped,
        lambda: decide(shipped, restock=1, to_supplier=1),
        Conflict,
        "only 1 of RT-1 can be decided, 2 wanted",
    )
    assert decided(decide(shipped, to_supplier=1)) == (0, 1, 1, 1, 1)
    assert fetch(
        shipped,
        "SELECT kind, reason, to_bin FROM movement WHERE document = 'RT-1' ORDER BY id",
    ) == [
        ("return", "unwanted", "QUARANTINE"),
        ("move", "", "A-1"),
        ("move", "", "DAMAGED"),
        ("adjust", "scrapped", "adjustment"),
        ("return-out", "supplier-return", "supplier"),
    ]


def test_restocked_pieces_go_to_who_waits(shipped):
    books.reserve(shipped, "SO-2", "HX-1=8", backorder=True)
    come_back(shipped, "HX-1", 2)
    decide(shipped, restock=2)
    assert parts(show(shipped, "SO-2")) == [("HX-1", "MAIN", 8, 0, 0, 0)]


@pytest.mark.parametrize(
    ("decision", "error", "detail"),
    [
        ({}, InvalidInput, "say what becomes of the pieces"),
        (
            {"restock": 1, "bin": "QUARANTINE"},
            InvalidInput,
            "what lies in QUARANTINE is not for sale, so nothing is restocked there",
        ),
        ({"scrap": 1, "bin": "SHELF"}, InvalidInput, "only restocked pieces go to a bin"),
        ({"restock": 1, "bin": "Z-9"}, NotFound, "there is no bin Z-9 in MAIN"),
        (
            {"scrap": -1},
            InvalidInput,
            "the scrapped must be a whole number from 0 to 1000000000, not -1",
        ),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(shipped, decision, error, detail):
    come_back(shipped, "HX-1", 2)
    refused(shipped, lambda: decide(shipped, **decision), error, detail)


def test_a_return_that_is_not_there(shipped):
    refused(shipped, lambda: decide(shipped, scrap=1), NotFound, "there is no return RT-1")
    with pytest.raises(InvalidInput):
        decide(shipped, "PO-1", scrap=1)


def test_an_expired_lot_comes_back_and_is_not_restocked(stocked, clock):
    books.add_bin(stocked, "MAIN", "C-1")
    add_lots(stocked, {"SOON": 3}, clock)
    ready(stocked, "HX-3=2")
    ship(stocked)
    clock.advance(3 * DAY)
    refused(
        stocked,
        lambda: come_back(stocked, "HX-3", 1),
        InvalidInput,
        "HX-3 is kept in lots, so the lot has to be named",
    )
    refused(
        stocked,
        lambda: come_back(stocked, "HX-3", 1, lot="NONE"),
        NotFound,
        "there is no lot NONE of HX-3",
    )
    come_back(stocked, "HX-3", 2, lot="soon", reservation_id="SO-1")
    refused(
        stocked,
        lambda: decide(stocked, restock=1),
        Conflict,
        "lot SOON of HX-3 has expired",
    )
    assert decided(decide(stocked, scrap=2)) == (0, 0, 0, 2, 0)


def test_returns_are_listed_page_by_page(shipped):
    for _ in range(3):
        come_back(shipped, "HX-1", 1)
    decide(shipped, "RT-2", scrap=1)

    def numbers(**more):
        rows, cursor = ask(shipped, lambda s: returns.page(s, **more))
        return [row.number for row in rows], cursor

    assert numbers(limit=2) == (["RT-3", "RT-2"], "RT-2")
    assert numbers(limit=2, after="RT-2") == (["RT-1"], None)
    assert numbers(undecided=True) == (["RT-3", "RT-1"], None)
    assert numbers(reservation_id="SO-1") == ([], None)
