"""What happened to a product's stock, and why it stands where it stands."""

import pytest

from bvinv.core import history
from bvinv.core.errors import InvalidInput, NotFound
from tests.books import (
    HOUR,
    MINUTE,
    START,
    add_bin,
    adjust,
    ask,
    commit,
    put_away,
    receive,
    reserve,
)


def movements(database, ref="HX-1", **filters):
    return ask(database, lambda s: history.history(s, ref=ref, **filters))


def test_movements_are_told_the_newest_first(stocked):
    receive(stocked, "HX-1", 5, "MAIN", document="D-1")
    reserve(stocked, "SO-1", "HX-1=2")

    rows, cursor = movements(stocked)

    assert cursor is None
    assert [(row.level_seq, row.kind, row.quantity, row.document) for row in rows] == [
        (3, "hold", 2, "SO-1"),
        (2, "receive", 5, "D-1"),
        (1, "receive", 10, "RC-1"),
    ]
    shown = rows[1].record()
    assert (shown["from_bin"], shown["to_bin"], shown["reason"]) == ("supplier", "DOCK", None)
    assert (shown["actor"], len(shown["hash"])) == ("tester", 64)


def test_history_is_told_page_by_page(stocked):
    for _ in range(6):
        receive(stocked, "HX-1", 1, "MAIN")
    everything, _ = movements(stocked)

    seen, cursor = [], None
    while True:
        rows, cursor = movements(stocked, limit=3, after=cursor)
        seen += rows
        if cursor is None:
            break
    assert seen == everything
    assert len(seen) == 7


def test_history_is_told_by_warehouse_and_by_when_it_happened(stocked, clock):
    clock.advance(HOUR)
    receive(stocked, "HX-2", 1, "NORTH", occurred_at=START - HOUR)
    receive(stocked, "HX-2", 2, "MAIN")

    def told(**filters):
        return [row.quantity for row in movements(stocked, "HX-2", **filters)[0]]

    assert told() == [2, 1, 6, 4]
    assert told(warehouse="north") == [1, 6]
    assert told(since=START) == [2, 6, 4]
    assert told(until=START - HOUR) == [1]
    assert told(since=START, until=START + MINUTE) == [6, 4]
    with pytest.raises(InvalidInput, match="--until lies before --since"):
        told(since=START, until=START - 1)
    with pytest.raises(NotFound, match="there is no warehouse EAST"):
        told(warehouse="EAST")


@pytest.mark.parametrize("cursor", [0, -1, 2**63])
def test_a_cursor_is_a_movement(stocked, cursor):
    with pytest.raises(InvalidInput, match="the cursor"):
        movements(stocked, after=cursor)


def test_why_tells_causes_holders_who_waits_and_where_it_lies(stocked):
    receive(stocked, "HX-1", 5, "MAIN")
    reserve(stocked, "SO-1", "HX-1=6")
    commit(stocked, "SO-1", "HX-1=2")
    adjust(stocked, "HX-1", "MAIN", -1, reason="damaged")
    adjust(stocked, "HX-1", "MAIN", -1, reason="damaged")
    add_bin(stocked, "MAIN", "Q-1", "quarantine")
    put_away(stocked, "HX-1", 1, "MAIN", "Q-1")
    reserve(stocked, "SO-2", "HX-1=9@MAIN", backorder=True)

    row = ask(stocked, lambda s: history.why(s, ref="hx-1", warehouse="main"))

    assert (row.on_hand, row.reserved, row.available, row.backordered, row.unsellable) == (
        10,
        10,
        -3,
        3,
        1,
    )
    assert [(c.kind, c.reason, c.movements, c.on_hand, c.reserved) for c in row.causes] == [
        ("adjust", "damaged", 2, -2, 0),
        ("commit", None, 1, -2, -2),
        ("hold", None, 2, 0, 12),
        ("move", None, 1, -1, 0),
        ("receive", None, 2, 15, 0),
    ]
    assert sum(cause.on_hand for cause in row.causes) == row.on_hand
    assert sum(cause.reserved for cause in row.causes) == row.reserved
    assert [(h.reservation_id, h.held) for h in row.holders] == [("SO-2", 6), ("SO-1", 4)]
    assert [(w.reservation_id, w.backordered) for w in row.waiting] == [("SO-2", 3)]
    assert [(b.bin, b.kind, b.quantity) for b in row.bins] == [
        ("DOCK", "dock", 4),
        ("Q-1", "quarantine", 1),
        ("SHELF", "storage", 6),
    ]


def test_why_leaves_out_what_ran_out(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=6", expires_at=START + HOUR)
    reserve(stocked, "SO-2", "HX-1=9@MAIN", expires_at=START + HOUR, backorder=True)
    clock.at = START + HOUR

    row = ask(stocked, lambda s: history.why(s, ref="HX-1", warehouse="MAIN"))

    assert (row.reserved, row.available, row.holders, row.waiting) == (0, 10, [], [])


def test_why_there_is_nothing(stocked):
    row = ask(stocked, lambda s: history.why(s, ref="HX-3", warehouse="MAIN"))

    assert (row.on_hand, row.causes, row.holders, row.waiting, row.bins) == (0, [], [], [], [])
