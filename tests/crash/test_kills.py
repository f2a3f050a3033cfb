"""A day's commands killed, interrupted and failed at any call (RELIABILITY.md C-02, C-03, C-04,
C-06, C-09): what was acknowledged is there, the books are sound, and the day comes to its end."""

import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.crash import day, oracle, tracing
from tests.crash.conftest import PACE

pytestmark = pytest.mark.crash
on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
PARTS = 12  # that the kills are done in, for processes side by side
# On PostgreSQL each takes ten times as long: the server has to see that a client has gone.
KILLS = {"sqlite": 300, "postgresql": 120}
# The calls by which something gets to the disk, or to the server and back.
CALLS = {
    "sqlite": ["pwrite64", "fsync", "fdatasync", "ftruncate", "unlink"],
    "postgresql": ["sendto", "recvfrom"],
}
Point = tuple[str, int]  # the name of a call, and its number among those of that name
POINTS: dict[str, list[Point]] = {}


@pytest.fixture
def points(mornings, asked, stable, engine_name) -> list[Point]:
    """Return every call of a day that gets to the disk or the server, in their order."""
    if engine_name not in POINTS:
        code, lines = stable.watched(CALLS[engine_name], **asked(mornings.new()))
        assert code == 0
        seen: Counter[str] = Counter()
        POINTS[engine_name] = found = []
        for line in lines:
            name = line.partition("(")[0]
            seen[name] += 1
            found.append((name, seen[name]))
    return POINTS[engine_name]


def spread(points: list[Point], many: int) -> list[Point]:
    """Return so many of the points, evenly from the first to nearly the last."""
    assert len(points) > many
    return [points[place * len(points) // many] for place in range(many)]


@pytest.fixture
def finish(mornings, asked, stable, evening, engine_name):
    """Yield a function that sees whether a day which was cut off is sound, and can be finished by
    whoever comes next, at once."""
    waits = [0.0]

    def check(where: str, what: object) -> None:
        before = len(day.read(mornings.log))
        assert oracle.faults(where, day.acks(mornings.log)) == [], what
        assert stable.run(**asked(where)) == 0
        rest = day.read(mornings.log)[before:]
        assert [one for one in rest if "failed" in one] == [], what
        if rest:
            waited = rest[1]["at"] - rest[0]["at"]
            waits.append(waited)
            assert waited < 1 + 10 * PACE[engine_name][1], (
                f"{what}: the next command took {waited:.2f} s"
            )
        assert len(day.answers(mornings.log)) == len(day.STEPS)
        assert oracle.faults(where, day.acks(mornings.log)) == [], what
        assert oracle.state(where) == evening, what

    yield check
    usual = PACE[engine_name][1]
    print(f"the next command: {max(waits):.2f} s at most; undisturbed {usual:.2f} s at most")


# --- C-03 ---------------------------------------------------------------------------------------


@tracing.needs_strace
@pytest.mark.parametrize("part", range(PARTS))
def test_a_day_survives_its_death_at_any_call(
    mornings, asked, stable, points, finish, engine_name, part
):
    killed, kills = 0, KILLS[engine_name]
    for name, number in spread(points, kills)[part::PARTS]:
        where = mornings.new()
        inject = f"{name}:signal=SIGKILL:when={number}"
        code, _ = stable.watched([name], inject, **asked(where))
        assert code in (-signal.SIGKILL, 0), (name, number)
        killed += code != 0
        finish(where, f"killed at {name} {number}")
    # How often somebody looks for news of the network is not the same each time.
    assert killed >= kills // PARTS - 2


# --- C-02 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(2))
def test_a_day_survives_its_death_at_any_moment(
    mornings, asked, stable, evening, finish, engine_name, part
):
    chance = random.Random(f"{engine_name} {part}")
    acknowledged = 0
    for turn in range(25):
        where = mornings.new()
        number = stable.begin(**asked(where))
        os.kill(number, signal.SIGCONT)
        time.sleep(chance.uniform(0, PACE[engine_name][0]))
        with suppress(ProcessLookupError):  # the day may be over
            os.kill(number, signal.SIGKILL)
        assert stable.end() in (-signal.SIGKILL, 0)
        acknowledged += len(day.answers(mornings.log))
        finish(where, f"turn {turn}")
    assert acknowledged > 25


# --- C-04 ---------------------------------------------------------------------------------------


@tracing.needs_strace
@on_sqlite
def test_every_acknowledgement_follows_a_sync_of_its_own(mornings, asked, stable):
    """A kill never tells FULL from NORMAL: the calls themselves do."""
    acknowledged = 0
    for _ in range(5):
        code, lines = stable.watched(["write", "fsync", "fdatasync"], **asked(mornings.new()))
        assert code == 0
        synced = False
        for line in lines:
            if re.match(r"f(data)?sync\(.*= 0$", line):
                synced = True
            elif "done" in line:
                assert synced, f"acknowledged before it was on the disk: {line}"
                acknowledged, synced = acknowledged + 1, False
    assert acknowledged == 5 * len(day.STEPS) > 100


# --- C-06 ---------------------------------------------------------------------------------------

FAULTS = {
    "sqlite": [
        ("fsync", "EIO", 20),
        ("pwrite64", "EIO", 20),
        ("pwrite64", "ENOSPC", 20),
        ("ftruncate", "EIO", 10),
        ("unlink", "EIO", 10),
    ],
    # Not sendto: after an EPIPE libpq waits for the server's last words, which come only where the
    # network really was cut; that is done in test_servers.
    "postgresql": [("recvfrom", "ECONNRESET", 20), ("recvfrom", "ETIMEDOUT", 20)],
}


@tracing.needs_strace
@pytest.mark.parametrize("lasts", [False, True])
def test_a_day_survives_a_disk_or_a_network_that_fails(
    mornings, asked, stable, points, finish, engine_name, lasts
):
    """Each command is tried three times; a failure that `lasts` ends with the process."""
    told: Counter[int] = Counter()
    for name, error, many in FAULTS[engine_name]:
        calls = [point for point in points if point[0] == name]
        for _, number in spread(calls, many // 2):
            where = mornings.new()
            inject = f"{name}:error={error}:when={number}{'+' if lasts else ''}"
            code, _ = stable.watched([name], inject, **asked(where), tries=3)
            assert code == 0, (name, error, number)
            for failure in day.failures(mornings.log):
                assert_said_plainly(failure)
                told[failure["code"]] += 1
            if not lasts:
                assert len(day.answers(mornings.log)) == len(day.STEPS), (name, error, number)
            finish(where, f"{name} {number} fails with {error}")
    print(engine_name, lasts, told)
    assert told[9] > 10


def assert_said_plainly(failure) -> None:
    """See that a failure is told as one, in a line, to whoever can do something about it."""
    assert failure["stdout"] == ""
    problem = json.loads(failure["stderr"])
    assert failure["code"] == 9, failure
    assert problem["code"] == "busy", failure
    assert problem["detail"], failure
    assert "\n" not in problem["detail"], failure


# --- C-09 ---------------------------------------------------------------------------------------


def test_a_hundred_interruptions_leave_all_or_nothing(mornings, asked, stable, finish, engine_name):
    chance = random.Random(engine_name)
    told: Counter[int] = Counter()
    while told[130] < 100:
        where = mornings.new()
        number = stable.begin(**asked(where), tries=1_000)
        os.kill(number, signal.SIGCONT)
        for pause in pauses(chance):
            time.sleep(pause)
            try:
                os.kill(number, signal.SIGINT)
            except ProcessLookupError:
                break
        assert stable.end() == 0
        for failure in day.failures(mornings.log):
            told[failure["code"]] += 1
            # An answer may have been on its way when Ctrl-C came.
            assert failure["code"] == 130, failure
            assert "Traceback" not in failure["stderr"], failure
        finish(where, "interrupted")
    assert set(told) == {130}


def pauses(chance: random.Random) -> Iterator[float]:
    while True:
        yield chance.uniform(0, 0.04)
