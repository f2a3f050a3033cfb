"""Leases: one holder at a time, and a crash gives the job back in time."""

import pytest

from bvinv.core import leases
from bvinv.core.errors import Busy
from tests import books, workers


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

    with pytest.raises(Busy, match="one is doing webhooks already until 2026-03-01T09:00:30Z"):
        take(database, "two")
    with pytest.raises(Busy, match="one is doing webhooks"):
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
    with pytest.raises(Busy, match="nobody is doing webhooks"):
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
    won = workers.together(where, grab, [(number,) for number in range(4)])
    assert sorted(won) == [False, False, False, True]


def test_two_holders_have_two_names():
    assert leases.me() != leases.me()
