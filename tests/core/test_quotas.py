"""How many reservations one caller may have open."""

import pytest

from bvinv.core import command_log, reservations
from bvinv.core.db import Session
from bvinv.core.errors import Conflict
from bvinv.core.quotas import Quota
from bvinv.core.requests import Line, Request
from tests.books import MINUTE, ask, fetch, receive, release, snapshot


def take(database, quota, reservation_id, *, actor="shop", role="service", quantity=1):
    command = command_log.command("reserve create", actor=actor, role=role)
    request = Request(reservation_id, [Line("HX-1", quantity)])

    def once(session: Session) -> reservations.ReservationRow:
        return reservations.create(session, request, quota=quota)

    return command_log.execute(database, once, command).result


@pytest.fixture
def quota():
    return Quota(3)


def test_a_caller_has_so_many_open_and_no_more(stocked, quota):
    for number in range(3):
        take(stocked, quota, f"SO-{number}")
    before = snapshot(stocked)

    with pytest.raises(Conflict, match="shop has 3 reservations open, which is the most") as found:
        take(stocked, quota, "SO-3")

    assert snapshot(stocked) == before
    assert found.value.numbers == {"quota": 3}
    assert take(stocked, quota, "SO-1")["replayed"] is True


def test_what_is_released_or_runs_out_makes_room(stocked, quota, clock):
    for number in range(3):
        take(stocked, quota, f"SO-{number}")
    release(stocked, "SO-0")
    take(stocked, quota, "SO-3")
    with pytest.raises(Conflict):
        take(stocked, quota, "SO-4")

    clock.advance(16 * MINUTE)

    assert take(stocked, quota, "SO-4")["status"] == "held"


def test_others_and_staff_are_not_counted(stocked, quota):
    for number in range(3):
        take(stocked, quota, f"SO-{number}")

    take(stocked, quota, "OTHER", actor="till")
    for number in range(4):
        take(stocked, quota, f"ST-{number}", actor="shop", role="staff")


def test_no_quota_is_no_limit(stocked):
    for number in range(5):
        take(stocked, Quota(0), f"SO-{number}")


def test_what_another_process_took_counts_too(stocked, quota):
    take(stocked, quota, "SO-0")
    other = Quota(3)
    take(stocked, other, "SO-1")
    take(stocked, other, "SO-2")

    with pytest.raises(Conflict):
        take(stocked, quota, "SO-3")


def test_in_one_group_each_counts_the_ones_before_it(stocked, quota):
    receive(stocked, "HX-1", 10, "MAIN")

    def group(session: Session) -> list[object]:
        requests = [
            Request(
                f"SO-{number}",
                [Line("HX-1", 1)],
                command=command_log.command("reserve create", actor="shop", role="service"),
            )
            for number in range(5)
        ]
        return [
            type(one).__name__ for one in reservations.create_many(session, requests, quota=quota)
        ]

    found = stocked.run(group, command_log.command("serve", actor="serve"))

    assert found == ["ReservationRow"] * 3 + ["Conflict"] * 2
    assert fetch(stocked, "SELECT count(*) FROM reservation WHERE owner = 'shop'") == [(3,)]
    assert ask(stocked, lambda session: session.position("event")) > 0
