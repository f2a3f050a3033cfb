"""Leases: one holder at a time, and a crash gives the job back in time."""

import os
import sys
import time
from contextlib import closing

import pytest

from bvinv.core import command_log, holders, leases
from bvinv.core.db import Database
from bvinv.core.errors import Busy
from tests import books, workers

JOB = "stock-verify"


def take(database, holder, seconds=30):
    books.act(
        database,
        lambda s: leases.take(s, name="webhooks", holder=holder, seconds=seconds) or [],
    )


def renew(database, holder):
    books.act(database, lambda s: leases.renew(s, name="webhooks", holder=holder, seconds=30) or [])


def held(database):
    return books.fetch(database, "SELECT name, holder, expires_at FROM job_lease")


def is_free(database):
    return books.ask(database, lambda session: leases.is_free(session, name="webhooks"))


def test_a_lease_has_one_holder(database):
    assert is_free(database)
    take(database, "one")
    assert held(database) == [("webhooks", "one", books.START + 30 * books.SECOND)]
    assert not is_free(database)

    with pytest.raises(Busy, match=r"^one has been doing webhooks$"):
        take(database, "two")
    with pytest.raises(Busy, match="one has been doing webhooks"):
        renew(database, "two")
    assert held(database) == [("webhooks", "one", books.START + 30 * books.SECOND)]


def test_a_lease_is_prolonged_and_given_back(database, clock):
    take(database, "one")
    clock.advance(20 * books.SECOND)
    renew(database, "one")
    assert held(database)[0][2] == books.START + 50 * books.SECOND
    take(database, "one", 60)
    assert held(database)[0][2] == books.START + 80 * books.SECOND
    back = lambda session, who: leases.give_back(session, name="webhooks", holder=who)  # noqa: E731
    with database.write(books.command_log.command("test", actor="tester")) as session:
        assert (back(session, "two"), back(session, "one"), back(session, "one")) == (
            False,
            True,
            False,
        )
    assert held(database) == []
    with pytest.raises(Busy, match="the lease of webhooks was given back meanwhile"):
        renew(database, "one")


def test_what_a_crashed_holder_had_runs_out(database, clock):
    take(database, "crashed")
    clock.advance(30 * books.SECOND)
    assert is_free(database)
    renew(database, "crashed")  # nobody has taken it yet
    clock.advance(30 * books.SECOND)
    take(database, "next")
    assert held(database)[0][1] == "next"
    with pytest.raises(Busy):
        renew(database, "crashed")


def grab(database, number):
    """Take the lease once; tell whether that worked."""
    try:
        take(database, f"process {number}")
    except Busy:
        return False
    return True


def test_of_processes_at_the_same_moment_one_gets_it(where):
    won = workers.together(where, grab, [(number,) for number in range(3)])
    assert sorted(won) == [False, False, True]


def holding(database, seconds=30):
    asked = command_log.command("job", actor="cron")
    return leases.held(database, asked, name=JOB, seconds=seconds)


def holder_of(database):
    [(name,)] = books.fetch(database, "SELECT holder FROM job_lease")
    return holders.parsed(name)


def steal(database, holder="thief"):
    books.act(database, lambda s: leases.take(s, name=JOB, holder=holder, seconds=30) or [])


def test_a_lease_is_held_for_a_block_and_given_back(database):
    with holding(database):
        found = holder_of(database)
        assert (found.process, found.since) == (os.getpid(), books.START)
        said = f"^process {os.getpid()} on .* has been doing {JOB} since 2026-03-01T09:00:00Z$"
        with pytest.raises(Busy, match=said) as refused, holding(database):
            pass
        assert refused.value.hint == (
            "let it finish; should it have crashed, others can go on after 2026-03-01T09:00:30Z"
        )
        assert refused.value.numbers["job"] == JOB
    assert held(database) == []


def test_what_fails_inside_gives_the_lease_back_too(database):
    with pytest.raises(ZeroDivisionError), holding(database):
        _ = 1 // 0
    assert held(database) == []
    books.add_warehouses(database, "MAIN")  # nobody prolongs anything any more


def test_whoever_lost_the_lease_in_the_middle_writes_nothing(stocked, clock):
    with pytest.raises(Busy, match=f"thief has been doing {JOB}"), holding(stocked):
        books.receive(stocked, "HX-1", 1, "MAIN")
        clock.advance(31 * books.SECOND)
        # Somebody else's database: what is written on this one is under the lease.
        with closing(stocked.twin()) as another:
            steal(another)
        before = books.snapshot(stocked)
        books.receive(stocked, "HX-1", 1, "MAIN")
    assert books.snapshot(stocked) == before
    assert [name for _, name, _ in held(stocked)] == ["thief"]


def test_a_clock_that_steps_keeps_the_lease_with_its_holder(stocked, clock):
    with holding(stocked):
        for step in (-books.HOUR, 2 * books.HOUR, -30 * books.MINUTE):
            clock.advance(step)
            books.receive(stocked, "HX-1", 1, "MAIN")
            with pytest.raises(Busy), closing(stocked.twin()) as another, holding(another):
                pass
            [(at,)] = books.fetch(stocked, "SELECT max(recorded_at) FROM command_log")
            assert at <= held(stocked)[0][2] - 30 * books.SECOND <= max(at, clock.at) + 1
    assert held(stocked) == []


def test_it_is_prolonged_while_a_long_job_computes_and_while_it_writes(where):
    with closing(Database(where)) as database, closing(Database(where)) as another:
        with holding(database, seconds=1):
            time.sleep(1.1)
            with pytest.raises(Busy):
                steal(another)
            books.act(database, lambda _: time.sleep(1.1) or [])
            with pytest.raises(Busy):
                steal(another)
        assert held(another) == []


def do_once(database, number):
    """Hold the lease for a moment; tell whether that worked."""
    try:
        with holding(database):
            time.sleep(0.5)
    except Busy as error:
        assert "on" in error.detail
        return False
    return True


def test_of_processes_at_the_same_moment_one_does_the_job(where):
    done = workers.together(where, do_once, [(number,) for number in range(2)])
    assert sorted(done) == [False, True]


def hold_for_ever(database, tell):
    with holding(database, seconds=3_600):
        tell("held")
        time.sleep(600)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc")
def test_what_a_killed_process_had_is_free_at_once_on_its_machine(where):
    process, told = workers.start(where, hold_for_ever)
    assert told.recv() == "held"
    with closing(Database(where)) as database:
        with pytest.raises(Busy, match=f"process {process.pid} on"), holding(database):
            pass
        assert not books.ask(database, lambda session: leases.is_free(session, name=JOB))
        process.kill()
        process.join()
        told.close()
        assert books.ask(database, lambda session: leases.is_free(session, name=JOB))
        with holding(database):
            assert holder_of(database).process == os.getpid()
        assert held(database) == []
