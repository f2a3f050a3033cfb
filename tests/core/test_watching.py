"""Whether the database has moved, and reading without a transaction."""

import time

import pytest

from bvinv.core import stock, watching
from bvinv.core.watching import Watch
from tests.books import MINUTE, START, act, receive, reserve


def settled(watch: Watch) -> int:
    """Return the version once it stands still: PostgreSQL's news takes a moment."""
    end = time.monotonic() + 10
    before = watch.version()
    while time.monotonic() < end:
        time.sleep(0.05)
        if (now := watch.version()) == before:
            return now
        before = now
    raise AssertionError("the version never stood still")


@pytest.fixture
def watch(stocked):
    found = Watch(stocked)
    yield found
    found.close()


def test_the_version_moves_with_every_commit_and_only_with_one(stocked, watch):
    before = settled(watch)
    assert settled(watch) == before

    receive(stocked, "HX-1", 1, "MAIN")

    assert settled(watch) != before


def test_a_dry_run_moves_nothing(stocked, watch):
    from bvinv.core import command_log

    before = settled(watch)

    command_log.execute(
        stocked,
        lambda session: stock.configure(
            session, ref="HX-1", warehouse="MAIN", settings={"reorder_point": 1}
        ),
        command_log.command("test", actor="tester"),
        dry_run=True,
    )

    assert settled(watch) == before


def test_a_glance_sees_what_was_just_committed(stocked, watch):
    receive(stocked, "HX-1", 5, "MAIN")

    assert stock.total(watch.glance, ref="HX-1").on_hand == 15
    receive(stocked, "HX-1", 5, "MAIN")
    assert stock.total(watch.glance, ref="HX-1").on_hand == 20


def test_a_glance_does_not_go_back_behind_what_is_recorded(stocked, watch, clock):
    clock.advance(10 * MINUTE)
    reserve(stocked, "SO-1", "HX-1=1")
    clock.advance(-5 * MINUTE)
    watch.version()

    if watch.is_instant:
        assert watch.glance.now == START + 10 * MINUTE
    assert act(stocked, lambda _: []) == []


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_who_has_no_word_from_the_server_takes_every_moment_for_a_new_state(watch, monkeypatch):
    before = settled(watch)
    assert watch.version() == before

    monkeypatch.setattr(watching, "_TRUSTED", -1.0)
    time.sleep(1)  # the next question comes twice a second

    assert watch.version() != watch.version()


def test_where_notifications_get_lost_nothing_that_is_kept_counts(database, monkeypatch, caplog):
    """As behind a pool that gives each transaction another connection."""
    if database.path:
        pytest.skip("SQLite tells nobody")
    monkeypatch.setattr(watching, "_LISTEN", "UNLISTEN bvinv")
    monkeypatch.setattr(watching, "_ECHO", 0.05)
    deaf = Watch(database)
    try:
        end = time.monotonic() + 10
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.02)
        assert len({deaf.version() for _ in range(3)}) == 3
        assert deaf.catalogue_at == float("inf")
        time.sleep(0.6)  # and it says so once
        [told] = caplog.messages
        assert "does not pass on its notifications" in told
    finally:
        deaf.close()
