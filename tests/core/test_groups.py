"""Group commit: each command as if it had come alone, all of them durable together."""

import time
from contextlib import closing, contextmanager

import pytest

from bvinv.core import adjustments, command_log, engines, groups, promises
from bvinv.core.db import Database
from bvinv.core.errors import Busy, Conflict, InsufficientStock, NotFound
from bvinv.core.gate import Gate
from bvinv.core.groups import Job
from bvinv.core.quotas import Quota
from bvinv.core.requests import Line, Request
from tests.books import ask, counts, fetch, reserve, show, snapshot

GROUP = command_log.command("serve", actor="serve")


def command(name="test", key=None, request=None, actor="shop", role="admin"):
    return command_log.command(name, actor=actor, key=key, request=request, role=role)


def hold(reservation_id, quantity=1, sku="HX-1", **more):
    return Job(command("reserve create", **more), Request(reservation_id, [Line(sku, quantity)]))


def adjust(change, sku="HX-1", **more):
    dry_run = more.pop("dry_run", False)
    return Job(
        command("stock adjust", **more),
        lambda session: adjustments.adjust(
            session, ref=sku, warehouse="MAIN", change=change, reason="found"
        ),
        dry_run=dry_run,
    )


def done(database, *jobs, quota=None):
    groups.commit(database, jobs, GROUP, quota=quota)
    return [
        type(job.answer).__name__ if isinstance(job.answer, Exception) else job.answer.result
        for job in jobs
    ]


def test_refusals_leave_their_neighbours_alone(stocked):
    jobs = [
        hold("SO-1", 4),
        adjust(-100),
        hold("SO-2", 7),
        adjust(5),
        hold("SO-3", 7),
        hold("SO-4", 1, sku="NOPE"),
    ]

    found = done(stocked, *jobs)

    assert [one if isinstance(one, str) else "done" for one in found] == [
        *("done", "InsufficientStock", "InsufficientStock", "done", "done", "NotFound"),
    ]
    assert counts(stocked, "HX-1", "MAIN") == (15, 11, 4, 0)
    assert isinstance(jobs[2].answer, InsufficientStock)
    assert isinstance(jobs[5].answer, NotFound)
    assert jobs[2].answer.numbers["available"] == 6


def test_each_command_is_logged_with_its_own_actor_and_time(stocked):
    done(stocked, hold("SO-1", actor="ann"), hold("SO-2", actor="bob"), adjust(1, actor="cid"))

    rows = fetch(
        stocked, "SELECT actor, name, recorded_at FROM command_log ORDER BY id DESC LIMIT 3"
    )
    assert [row[:2] for row in rows] == [
        ("cid", "stock adjust"),
        ("bob", "reserve create"),
        ("ann", "reserve create"),
    ]
    assert rows[0][2] > rows[1][2] == rows[2][2]
    assert fetch(stocked, "SELECT id, owner FROM reservation ORDER BY id") == [
        ("SO-1", "ann"),
        ("SO-2", "bob"),
    ]


def test_the_same_reservation_twice_in_a_group_is_one(stocked):
    first, second = done(stocked, hold("SO-1", 3), hold("SO-1", 3))

    assert second == first | {"replayed": True}
    assert counts(stocked, "HX-1", "MAIN")[1] == 3


def test_a_key_answers_the_same_inside_a_group_and_after_it(stocked):
    jobs = [adjust(2, key="k", request={"change": 2}) for _ in range(2)]
    first, second = done(stocked, *jobs)
    third = adjust(9, key="k", request={"change": 9})

    assert second == first
    assert [job.answer.replayed for job in jobs] == [False, True]
    assert done(stocked, third) == ["Conflict"]
    assert counts(stocked, "HX-1", "MAIN")[0] == 12


def test_a_dry_run_in_a_group_keeps_nothing_and_its_neighbours_stay(stocked):
    [tried, kept] = done(stocked, adjust(50, dry_run=True), adjust(1))

    assert (tried["on_hand"], kept["on_hand"]) == (60, 11)
    assert counts(stocked, "HX-1", "MAIN")[0] == 11


def test_a_bug_in_one_command_is_its_own(stocked):
    def broken(session):
        adjustments.adjust(session, ref="HX-1", warehouse="MAIN", change=7, reason="found")
        raise ZeroDivisionError

    found = done(stocked, hold("SO-1"), Job(command(), broken), adjust(1))

    assert found[1] == "ZeroDivisionError"
    assert counts(stocked, "HX-1", "MAIN") == (11, 1, 10, 0)


def test_what_the_database_refuses_is_undone_alone(stocked):
    def impossible(session):
        session.mark("UPDATE stock_level SET on_hand = -1")
        return []

    before = counts(stocked, "HX-1", "MAIN")
    found = done(stocked, Job(command(), impossible), hold("SO-1"))

    assert isinstance(found[0], str)
    assert counts(stocked, "HX-1", "MAIN") == (before[0], 1, before[2] - 1, 0)


def test_nothing_is_kept_of_a_group_whose_commit_fails(stocked, monkeypatch):
    before = snapshot(stocked)
    monkeypatch.setattr(groups, "_alone", lambda *_, **__: Conflict("the disk is full"))

    def lost(session):
        session.wire.rollback()
        raise Conflict("the connection is gone")

    found = done(stocked, hold("SO-1"), Job(command(), lost))

    assert found == ["Conflict", "Conflict"]
    assert snapshot(stocked) == before


def test_releases_and_reservations_share_a_group_in_their_order(stocked):
    reserve(stocked, "SO-1", "HX-1=10")
    release = Job(command("reserve release"), lambda s: promises.release(s, reservation_id="SO-1"))

    found = done(stocked, hold("SO-2", 2), release, hold("SO-3", 2))

    assert found[0] == "InsufficientStock"
    assert found[2]["lines"][0]["held"] == 2
    assert show(stocked, "SO-1").status == "released"
    assert ask(stocked, lambda session: session.now) > 0


@pytest.mark.parametrize("size", [1, 3])
def test_an_empty_answer_is_no_answer_less(stocked, size):
    jobs = [Job(command(), lambda _: []) for _ in range(size)]

    assert done(stocked, *jobs) == [[]] * size


def test_what_comes_too_late_is_refused_and_its_neighbours_are_not(stocked):
    late = [hold("SO-2"), adjust(5)]
    for job in late:
        job.until = 0.0

    found = done(stocked, hold("SO-1"), *late, adjust(1))

    assert found[1:3] == ["Busy", "Busy"]
    assert (found[0]["status"], found[3]["on_hand"]) == ("held", 11)
    assert counts(stocked, "HX-1", "MAIN") == (11, 1, 10, 0)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_who_waits_for_the_gate_together_is_put_off_together(stocked):
    before = snapshot(stocked)
    jobs = [hold("SO-1"), adjust(5), hold("SO-2")]
    for job in jobs:
        job.until = 0.0
    with Gate(stocked.gate.path, patience=5).hold("another"):
        assert done(stocked, *jobs) == ["Busy"] * 3

    assert jobs[0].answer is jobs[1].answer is jobs[2].answer
    assert snapshot(stocked) == before


class Forgetful(Database):
    """A database whose word that it has committed never arrives."""

    @contextmanager
    def write(self, command, *, dry_run=False):
        with super().write(command, dry_run=dry_run) as session:
            yield session
        raise Busy("no answer")


def test_what_may_be_committed_is_not_done_again(stocked):
    forgetful = Forgetful(stocked.url or stocked.path, clock=stocked.clock)

    found = done(forgetful, adjust(1), hold("SO-1"), adjust(2))

    forgetful.close()
    assert found == ["Busy"] * 3
    assert counts(stocked, "HX-1", "MAIN") == (13, 1, 12, 0)


def test_a_group_that_was_undone_leaves_no_room_in_a_quota(stocked):
    quota = Quota(1)
    tries = []

    def only_once(session):
        if len(tries) == 3:
            raise Conflict("not again")
        tries.append(adjust(1).act(session))
        return []

    def lost(session):
        session.wire.rollback()
        raise Conflict("the connection is gone")

    jobs = [Job(command(), only_once) for _ in range(3)]
    first, second = hold("SO-1", role="service"), hold("SO-2", role="service")
    found = done(stocked, *jobs, first, Job(command(), lost), quota=quota)

    assert found[:3] == ["Conflict"] * 3
    assert found[3]["status"] == "held"
    assert done(stocked, second, quota=quota) == ["Conflict"]


def test_who_holds_what_is_wanted_is_for_staff(stocked):
    reserve(stocked, "SO-1", "HX-1=10")
    shop, staff = hold("SO-2", role="service"), hold("SO-3", role="staff")

    done(stocked, shop, staff)

    assert shop.answer.numbers["holders"] == []
    assert "SO-1" not in shop.answer.detail
    assert staff.answer.numbers["holders"] == [{"reservation_id": "SO-1", "held": 10}]


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_who_needs_a_row_that_is_held_is_told_so_and_the_others_hardly_wait(stocked):
    locked = "SELECT FROM stock_level AS l JOIN product AS p ON p.id = l.product_id "
    where = str(stocked.url)
    with closing(Database(where, clock=stocked.clock, patience=0.2)) as found:
        jobs = [hold("SO-1"), adjust(5), hold("SO-2", sku="HX-2"), adjust(1, sku="HX-2")]
        with stocked.engine.connect() as outsider:
            outsider.exec_driver_sql(f"{locked} WHERE p.sku = 'HX-1' FOR UPDATE OF l")
            began = time.monotonic()
            done(found, *jobs)
            took = time.monotonic() - began

        held = [isinstance(job.answer, engines.Held) for job in jobs]
        assert held == [True, True, False, False]
        assert took < 1.5
        assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)
        assert counts(stocked, "HX-2", "MAIN") == (5, 1, 4, 0)
        assert [one if isinstance(one, str) else "done" for one in done(found, *jobs[:2])] == [
            *("done", "done"),
        ]
