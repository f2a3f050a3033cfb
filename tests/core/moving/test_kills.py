"""Killed at any moment, a copy goes on and a replay leaves nothing."""

import io
import random

import pytest

from bvinv.core.db import Database
from bvinv.core.errors import Conflict
from bvinv.core.moving import copying, log_export, log_replay
from bvinv.core.moving.watch import Watch
from tests import workers
from tests.books import ask, verify
from tests.moving_books import content, made

pytestmark = [
    pytest.mark.crash,
    pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True),
]
STEPS = 110  # that a copy of these books takes, about


class Telling(Watch):
    """Tells each step to whoever is going to kill this process."""

    def __init__(self, tell):
        self.tell = tell

    def took(self, rows, share):  # noqa: ARG002
        self.tell(rows)


def copy_from(database, tell, source):
    copying.copy(Database(source), database, watch=Telling(tell), chunk=2)
    tell("done")


def replay_from(database, tell, said):
    log_replay.replay(database, lambda: io.BytesIO(said), watch=Telling(tell))
    tell("done")


def killed(where, work, argument, steps):
    """Kill a process that does the work after it told so many steps; tell whether it was done."""
    process, told = workers.start(where, work, argument)
    found = None
    try:
        for _ in range(steps):
            found = told.recv()
    except EOFError:
        pass
    process.kill()
    process.join()
    told.close()
    return found == "done"


def test_a_copy_that_is_killed_at_any_moment_goes_on(full, target):
    fresh = made(target)
    target.close()
    where = str(target.path or target.url)
    chance = random.Random(20260301)

    for _ in range(8):
        if killed(where, copy_from, str(full.path), chance.randint(1, STEPS)):
            break
        with pytest.raises(Conflict, match="is being copied into"):
            ask(target, lambda session: session.now)
    if verify_refused(target):
        assert copying.copy(full, target, chunk=2).resumed

    assert content(target) == content(full)
    assert made(target) == fresh
    assert verify(target).findings == []


def verify_refused(target):
    try:
        ask(target, lambda session: session.now)
    except Conflict:
        return True
    return False


def test_a_replay_that_is_killed_at_any_moment_leaves_nothing(full, target):
    file = io.BytesIO()
    log_export.export(full, file.write, file="ledger")
    empty, fresh = content(target), made(target)
    target.close()
    where = str(target.path or target.url)

    for steps in (1, 4, 8, 12):
        assert not killed(where, replay_from, file.getvalue(), steps)
        assert content(target) == empty
        target.close()
    log_replay.replay(target, lambda: io.BytesIO(file.getvalue()))

    assert content(target) == content(full)
    assert made(target) == fresh
