"""Clocks that jump: ahead, nothing is written; back, the ledger goes on."""

from contextlib import closing

import pytest

from bvinv.core import clocks, promises
from bvinv.core.db import Database
from bvinv.core.errors import Busy, InvalidInput
from tests import books, workers
from tests.books import HOUR, MINUTE, SECOND

DAY = 24 * HOUR
YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("said", "microseconds"),
    [
        ("0", 0),
        (" 0 ", 0),
        ("400d", 400 * DAY),
        ("1s", SECOND),
        ("2w", 14 * DAY),
        ("36600d", 36_600 * DAY),
    ],
)
def test_the_bound_is_a_duration_or_none(said, microseconds):
    assert clocks.bound(said) == microseconds


@pytest.mark.parametrize("said", ["", "400", "-1d", "1e9d", "36601d", "0d", "nan", "soon"])
def test_a_bound_without_sense_is_refused(said):
    with pytest.raises(InvalidInput, match="BVINV_CLOCK_JUMP: "):
        clocks.bound(said)


@pytest.mark.parametrize(
    ("behind", "said"), [(-HOUR, ""), (MINUTE - 1, ""), (90 * MINUTE, "1h30m")]
)
def test_a_clock_that_is_behind_is_told_of(behind, said):
    told = clocks.lag(behind)
    assert (
        told.startswith(f"this machine's clock is {said} behind the last change")
        if said
        else told == ""
    )


def test_a_write_by_a_clock_that_jumped_ahead_is_refused_and_changes_nothing(stocked, clock):
    books.reserve(stocked, "SO-1", "HX-1=4", ttl=15 * MINUTE)
    stocked.jump = 400 * DAY
    clock.advance(10 * YEAR)
    before = books.snapshot(stocked)

    for write in (
        lambda: promises.sweep(stocked, books.command_log.command("reserve expire", actor="cron")),
        lambda: books.reserve(stocked, "SO-2", "HX-1=1"),
        lambda: books.receive(stocked, "HX-1", 1, "MAIN"),
    ):
        with pytest.raises(Busy) as refused:
            write()
        assert refused.value.detail == (
            "the clock says 2036-02-27T09:00:00Z, 3649d after the last change "
            "(2026-03-01T09:00:00Z): nothing was changed"
        )
        assert refused.value.hint == (
            "set this machine's clock; if it is right, say so once: BVINV_CLOCK_JUMP=3650d"
        )
    assert books.snapshot(stocked) == before
    # Whoever only looks sees by that clock.
    assert books.counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)

    clock.advance(-10 * YEAR)
    assert books.reserve(stocked, "SO-2", "HX-1=1").status == "held"


def test_a_jump_within_the_bound_and_any_without_one_is_a_clock_that_went_on(stocked, clock):
    stocked.jump = 400 * DAY
    clock.advance(399 * DAY)
    books.receive(stocked, "HX-1", 1, "MAIN")
    stocked.jump = 0
    clock.advance(10 * YEAR)
    books.receive(stocked, "HX-1", 1, "MAIN")
    assert books.counts(stocked, "HX-1", "MAIN")[0] == 12


def test_an_empty_database_takes_any_clock(database, clock):
    database.jump = DAY
    clock.advance(10 * YEAR)
    books.add_warehouses(database, "MAIN")
    assert books.fetch(database, "SELECT count(*) FROM warehouse") == [(1,)]


def test_what_a_late_clock_reserves_lasts_no_longer_than_asked_for(stocked, clock):
    last = books.fetch(stocked, "SELECT max(recorded_at) FROM command_log")[0][0]
    clock.advance(-HOUR)
    books.reserve(stocked, "SO-1", "HX-1=4", ttl=15 * MINUTE)
    assert stocked.behind >= HOUR
    [(until,)] = books.fetch(stocked, "SELECT expires_at FROM reservation")
    assert until == last + 1 + 15 * MINUTE
    clock.at = until
    assert books.counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)


def test_after_a_jump_that_was_put_right_the_ledger_goes_on_by_microseconds(stocked, clock):
    clock.advance(30 * DAY)
    books.receive(stocked, "HX-1", 1, "MAIN")
    ahead = clock.at
    clock.advance(-30 * DAY)
    for _ in range(3):
        books.receive(stocked, "HX-1", 1, "MAIN")
    rows = books.fetch(stocked, "SELECT recorded_at FROM command_log ORDER BY id DESC LIMIT 4")
    assert [at for (at,) in rows] == [ahead + 3, ahead + 2, ahead + 1, ahead]
    assert stocked.behind == 30 * DAY + 2


def receive_by(database: Database, shift: int, times: int) -> int:
    """Receive by a clock that is off by so many microseconds; count the refusals."""
    right, refused = database.clock, 0
    database.clock = lambda: right() + shift
    database.jump = 400 * DAY
    for _ in range(times):
        try:
            books.receive(database, "HX-1", 1, "MAIN")
        except Busy as error:
            assert error.detail.startswith("the clock says")
            refused += 1
    return refused


def test_processes_with_clocks_of_their_own_write_one_ledger(where):
    with closing(Database(where)) as database:
        books.add_warehouses(database, "MAIN")
        books.add_products(database, "HX-1")
    shifts = [-HOUR, 0, 10 * YEAR]
    refused = workers.together(where, receive_by, [(shift, 10) for shift in shifts])

    assert refused == [0, 0, 10]
    with closing(Database(where)) as database:
        at = [at for (at,) in books.fetch(database, "SELECT recorded_at FROM movement ORDER BY id")]
        assert len(at) == 20
        if database.path:
            assert at == sorted(at)
        by_level = books.fetch(
            database, "SELECT recorded_at FROM movement ORDER BY level_id, level_seq"
        )
        assert by_level == sorted(by_level)
        assert max(at) < database.clock() + MINUTE
        books.assert_sound(database)
