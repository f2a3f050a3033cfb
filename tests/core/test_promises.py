"""What becomes of a reservation: extended, committed, released, expired, each once."""

import threading

import pytest

from bvinv.core import command_log, holds, items, levels, promises
from bvinv.core.db import Database
from bvinv.core.errors import Conflict, InvalidInput, InventoryError, NotFound
from bvinv.core.ledger import posting
from tests import books
from tests.books import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    act,
    bins,
    commit,
    counts,
    events,
    expire,
    extend,
    kinds,
    parts,
    receive,
    release,
    reserve,
    show,
    snapshot,
)


def refused(database, said, action, error=Conflict):
    """Assert that it is refused with these words, and that nothing changed."""
    before = snapshot(database)
    with pytest.raises(error) as found:
        action()
    assert found.value.detail == said
    assert snapshot(database) == before
    return found.value


# --- commit -------------------------------------------------------------------------------------


def test_goods_that_leave_are_neither_on_hand_nor_reserved(stocked):
    reserve(stocked, "SO-1", "HX-1=7")

    row = commit(stocked, "SO-1")

    assert (row.status, parts(row)) == ("committed", [("HX-1", "MAIN", 0, 0, 7, 0)])
    assert counts(stocked, "HX-1", "MAIN") == (3, 0, 3, 0)
    assert kinds(stocked, "HX-1")[-1] == ("commit", 7, 3, 0)
    assert bins(stocked, "MAIN") == {"SHELF": 7}
    assert events(stocked)[-1] == ("reservation.committed", "SO-1")


def test_a_part_may_leave_first(stocked):
    reserve(stocked, "SO-1", "HX-1=7 HX-2=1")

    row = commit(stocked, "SO-1", "HX-1=3")
    assert (row.status, parts(row)) == (
        "held",
        [("HX-1", "MAIN", 4, 0, 3, 0), ("HX-2", "MAIN", 1, 0, 0, 0)],
    )
    row = commit(stocked, "SO-1", "HX-1=4 HX-2=1")
    assert row.status == "committed"
    assert counts(stocked, "HX-1", "MAIN") == (3, 0, 3, 0)


def test_a_second_partial_commit_takes_from_the_second_warehouse(stocked):
    reserve(stocked, "SO-1", "HX-2=9")

    assert parts(commit(stocked, "SO-1", "HX-2=5")) == [
        ("HX-2", "MAIN", 0, 0, 4, 0),
        ("HX-2", "NORTH", 4, 0, 1, 0),
    ]
    row = commit(stocked, "SO-1", "HX-2=4")
    assert (row.status, parts(row)) == (
        "committed",
        [("HX-2", "MAIN", 0, 0, 4, 0), ("HX-2", "NORTH", 0, 0, 5, 0)],
    )
    left = [m for m in kinds(stocked, "HX-2") if m[0] == "commit"]
    assert left == [("commit", 4, 0, 0), ("commit", 1, 5, 4), ("commit", 4, 1, 0)]


def test_close_releases_what_is_left(stocked):
    reserve(stocked, "SO-1", "HX-1=7")
    reserve(stocked, "SO-2", "HX-1=5@MAIN", backorder=True)

    row = commit(stocked, "SO-1", "HX-1=2", close=True)

    assert (row.status, parts(row)) == ("committed", [("HX-1", "MAIN", 0, 0, 2, 5)])
    assert counts(stocked, "HX-1", "MAIN") == (8, 5, 3, 0)
    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 5, 0, 0, 0)]


def test_a_commit_leaves_a_backorder_open_unless_it_is_closed(stocked):
    reserve(stocked, "SO-1", "HX-1=12", backorder=True)

    row = commit(stocked, "SO-1")
    assert (row.status, parts(row)) == ("held", [("HX-1", "MAIN", 0, 2, 10, 0)])
    refused(
        stocked,
        "reservation SO-1 holds nothing yet; it waits for goods",
        lambda: commit(stocked, "SO-1"),
    )
    receive(stocked, "HX-1", 1, "MAIN")
    row = commit(stocked, "SO-1", close=True)
    assert (row.status, parts(row)) == ("committed", [("HX-1", "MAIN", 0, 0, 11, 1)])
    assert counts(stocked, "HX-1", "MAIN") == (0, 0, 0, 0)


def test_more_than_is_held_does_not_leave(stocked):
    reserve(stocked, "SO-1", "HX-1=3 HX-2=1")

    error = refused(
        stocked,
        "reservation SO-1 holds 3 of HX-1, 4 wanted",
        lambda: commit(stocked, "SO-1", "HX-1=2 hx-1=2"),
    )
    assert (error.numbers["held"], error.numbers["wanted"]) == (3, 4)
    refused(
        stocked,
        "reservation SO-1 holds 0 of HX-3, 1 wanted",
        lambda: commit(stocked, "SO-1", "HX-3=1"),
    )
    refused(
        stocked,
        "there is no product 'HX-9'",
        lambda: commit(stocked, "SO-1", "HX-9=1"),
        NotFound,
    )
    with pytest.raises(InvalidInput, match="the quantity"):
        commit(stocked, "SO-1", "HX-1=0")


def test_goods_leave_from_several_bins_and_each_is_written(stocked):
    receive(stocked, "HX-1", 2, "MAIN")
    reserve(stocked, "SO-1", "HX-1=12")

    commit(stocked, "SO-1")

    assert kinds(stocked, "HX-1")[-2:] == [("commit", 10, 2, 2), ("commit", 2, 0, 0)]


# --- release ------------------------------------------------------------------------------------


def test_what_is_released_is_available_again(stocked):
    reserve(stocked, "SO-1", "HX-1=7 HX-2=9")

    row = release(stocked, "SO-1")

    assert row.status == "released"
    assert parts(row) == [
        ("HX-1", "MAIN", 0, 0, 0, 7),
        ("HX-2", "MAIN", 0, 0, 0, 4),
        ("HX-2", "NORTH", 0, 0, 0, 5),
    ]
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)
    assert events(stocked)[-1] == ("reservation.released", "SO-1")


def test_what_is_released_goes_to_those_who_wait(stocked):
    reserve(stocked, "SO-1", "HX-1=10")
    reserve(stocked, "SO-2", "HX-1=4@MAIN", backorder=True)

    release(stocked, "SO-1")

    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 4, 0, 0, 0)]


def test_releasing_twice_is_refused(stocked):
    reserve(stocked, "SO-1", "HX-1=7")
    release(stocked, "SO-1")

    error = refused(
        stocked, "reservation SO-1 is released already", lambda: release(stocked, "SO-1")
    )
    assert error.numbers == {"reservation_id": "SO-1", "state": "released"}


def test_what_is_left_after_a_partial_commit_can_be_released(stocked):
    reserve(stocked, "SO-1", "HX-1=7")
    commit(stocked, "SO-1", "HX-1=3")

    row = release(stocked, "SO-1")

    assert (row.status, parts(row)) == ("released", [("HX-1", "MAIN", 0, 0, 3, 4)])
    assert counts(stocked, "HX-1", "MAIN") == (7, 0, 7, 0)


@pytest.mark.parametrize("end", [commit, release, lambda d, n: extend(d, n, HOUR)])
def test_what_is_over_is_over(stocked, end):
    reserve(stocked, "SO-1", "HX-1=1")
    commit(stocked, "SO-1")

    refused(stocked, "reservation SO-1 is committed already", lambda: end(stocked, "SO-1"))
    refused(stocked, "there is no reservation SO-9", lambda: end(stocked, "SO-9"), NotFound)


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("end", [commit, release, lambda d, n: extend(d, n, HOUR)])
def test_what_ran_out_is_refused_whether_or_not_it_was_swept(stocked, clock, end, swept):
    reserve(stocked, "SO-1", "HX-1=7", expires_at=START + HOUR)
    clock.at = START + HOUR
    if swept:
        assert expire(stocked) == (1, 7)

    said = (
        "reservation SO-1 is expired already"
        if swept
        else "reservation SO-1 expired at 2026-03-01T10:00:00Z"
    )
    error = refused(stocked, said, lambda: end(stocked, "SO-1"))
    assert error.numbers["state"] == "expired"
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)


def test_the_last_microsecond_still_counts(stocked, clock):
    for number in (1, 2, 3):
        reserve(stocked, f"SO-{number}", "HX-1=2", expires_at=START + HOUR)
    clock.at = START + HOUR - 3

    assert expire(stocked) == (0, 0)
    assert commit(stocked, "SO-1").status == "committed"
    assert release(stocked, "SO-2").status == "released"
    clock.at = START + HOUR
    refused(
        stocked,
        "reservation SO-3 expired at 2026-03-01T10:00:00Z",
        lambda: commit(stocked, "SO-3"),
    )
    assert expire(stocked) == (1, 2)


def test_a_reservation_is_extended_from_now(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=7", expires_at=START + HOUR)
    clock.at = START + HOUR - MINUTE

    row = extend(stocked, "SO-1", 2 * HOUR)

    assert row.expires_at == clock.at + 2 * HOUR
    clock.at = row.expires_at - 1
    assert counts(stocked, "HX-1", "MAIN") == (10, 7, 3, 0)
    assert expire(stocked) == (0, 0)
    clock.at = row.expires_at
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)
    assert events(stocked)[-1] == ("reservation.extended", "SO-1")


def test_extending_never_shortens(stocked):
    reserve(stocked, "SO-1", "HX-1=7", expires_at=START + HOUR)

    refused(
        stocked,
        "SO-1 lasts longer already, until 2026-03-01T10:00:00Z",
        lambda: extend(stocked, "SO-1", MINUTE),
    )


@pytest.mark.parametrize("ttl", [0, -1, SECOND - 1, 10**18])
def test_an_extension_is_from_a_second_to_a_year(stocked, ttl):
    reserve(stocked, "SO-1", "HX-1=7")
    before = snapshot(stocked)

    with pytest.raises(InvalidInput, match="the ttl"):
        extend(stocked, "SO-1", ttl)

    assert snapshot(stocked) == before


def test_a_retry_after_an_extension_is_still_the_same_request(stocked):
    reserve(stocked, "SO-1", "HX-1=7")
    extend(stocked, "SO-1", HOUR)

    assert reserve(stocked, "SO-1", "HX-1=7").replayed


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_an_extension_that_comes_too_late_by_a_lock_is_refused(stocked, where, clock):
    """A receipt finds the hold run out and gives it away, while an extension with a clock a
    moment behind, or a moment earlier, waits for the same lines."""
    reserve(stocked, "SO-1", "HX-1=10", expires_at=START + HOUR)
    reserve(stocked, "SO-2", "HX-1=10", backorder=True, expires_at=START + 3 * HOUR)
    late = Database(where, clock=lambda: START + HOUR - SECOND)
    clock.at = START + HOUR
    ends = []

    def extend_late():
        try:
            ends.append(extend(late, "SO-1", 2 * HOUR).status)
        except InventoryError as error:
            ends.append(error.code)

    thread = threading.Thread(target=extend_late)

    def action(session):
        [level] = levels.lock(session, {items.one(session, "HX-1").id}).values()
        thread.start()
        thread.join(0.3)
        with posting(session) as current:
            holds.fill(session, current, level)
        return []

    act(stocked, action)
    thread.join()
    late.close()

    held = [sum(line.held for line in show(stocked, n).lines) for n in ("SO-1", "SO-2")]
    assert (ends, held) in ((["conflict"], [0, 10]), (["held"], [10, 0]))


# --- sweep --------------------------------------------------------------------------------------


def test_a_sweep_records_what_ran_out_and_no_more(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=3 HX-2=1", expires_at=START + MINUTE)
    reserve(stocked, "SO-2", "HX-1=2", expires_at=START + HOUR)
    clock.at = START + MINUTE

    assert expire(stocked) == (1, 4)
    assert parts(show(stocked, "SO-1")) == [
        ("HX-1", "MAIN", 0, 0, 0, 3),
        ("HX-2", "MAIN", 0, 0, 0, 1),
    ]
    assert kinds(stocked, "HX-1")[-1] == ("expire", 3, 10, 2)
    assert books.fetch(
        stocked, "SELECT DISTINCT occurred_at FROM movement WHERE kind = 'expire'"
    ) == [(START + MINUTE,)]
    assert events(stocked)[-1] == ("reservation.expired", "SO-1")


def test_a_second_sweep_is_harmless(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=3", ttl=MINUTE)
    clock.advance(HOUR)
    assert expire(stocked) == (1, 3)
    before = snapshot(stocked)

    assert expire(stocked) == (0, 0)

    assert snapshot(stocked) == before


def test_a_sweep_goes_in_batches_the_oldest_first(stocked, clock):
    for number in range(5):
        reserve(stocked, f"SO-{number}", "HX-1=1", expires_at=START + HOUR - number * MINUTE)
    clock.advance(HOUR)

    assert expire(stocked, 2) == (2, 2)
    assert [
        number
        for (number,) in books.fetch(
            stocked, "SELECT id FROM reservation WHERE status = 'expired' ORDER BY id"
        )
    ] == ["SO-3", "SO-4"]
    assert [expire(stocked, 2), expire(stocked, 2), expire(stocked, 2)] == [(2, 2), (1, 1), (0, 0)]
    with pytest.raises(InvalidInput, match="the batch"):
        expire(stocked, 0)


def test_a_sweep_gives_what_it_frees_to_those_who_wait(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10", ttl=MINUTE)
    reserve(stocked, "SO-2", "HX-1=6@MAIN", backorder=True, ttl=2 * HOUR)
    clock.advance(HOUR)

    assert expire(stocked) == (1, 10)

    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 6, 0, 0, 0)]
    assert counts(stocked, "HX-1", "MAIN") == (10, 6, 4, 0)


def test_a_clock_that_steps_back_revives_nothing(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=3", expires_at=START + MINUTE)
    clock.at = START + MINUTE
    expire(stocked)
    clock.at = START

    refused(stocked, "reservation SO-1 is expired already", lambda: commit(stocked, "SO-1"))
    assert act(stocked, promises.expire).expired == 0


def test_what_ran_out_elsewhere_can_be_committed_by_who_waited_for_it(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10@MAIN", ttl=60_000_000)
    reserve(stocked, "SO-2", "HX-1=4@MAIN", backorder=True, ttl=3_600_000_000)
    clock.advance(61_000_000)

    row = commit(stocked, "SO-2")

    assert (row.status, parts(row)) == ("committed", [("HX-1", "MAIN", 0, 0, 4, 0)])


def test_trying_the_sweep_counts_everything_that_is_due(stocked, clock):
    for number in range(3):
        reserve(stocked, f"SO-{number}", "HX-1=1@MAIN", ttl=60_000_000)
    clock.advance(61_000_000)
    before = books.snapshot(stocked)

    asked = command_log.command("reserve expire", actor="cron")
    answer = promises.sweep(stocked, asked, batch=1, dry_run=True)

    assert answer.result == {"expired": 3, "pieces": 3}
    assert books.snapshot(stocked) == before
