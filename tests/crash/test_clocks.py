"""Clocks that are wrong (RELIABILITY.md D-03, D-04): no time ever runs back, nothing ends before
its time, and a clock that jumped ahead writes nothing until somebody has looked."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import day, oracle, tracing
from tests.crash.tracing import Stable

pytestmark = pytest.mark.crash
YEAR = 365 * 86_400

# Shifts what every program reads of the day's time by CLOCK_SHIFT seconds, as faketime does.
SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) {
    const char *said = getenv("CLOCK_SHIFT");
    return said ? atol(said) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*really)(clockid_t, struct timespec *);
    if (!really) really = dlsym(RTLD_NEXT, "clock_gettime");
    int code = really(clock, at);
    if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += shift();
    return code;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture(scope="session")
def shifting(tmp_path_factory) -> str:
    """Return a library that shifts the clock of whoever loads it first."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc to build a clock that is wrong")
    folder = tmp_path_factory.mktemp("shift")
    (folder / "shift.c").write_text(SHIFT)
    made = folder / "shift.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", made, folder / "shift.c", "-ldl"], check=True
    )
    return str(made)


@pytest.fixture
def early(shifting) -> Iterator[Stable]:
    """Yield where days are forked from whose clock is an hour behind."""
    with tracing.stable(shifting, CLOCK_SHIFT="-3600") as found:
        yield found


@pytest.fixture
def late(shifting) -> Iterator[Stable]:
    """Yield where days are forked from whose clock is ten years ahead."""
    with tracing.stable(shifting, CLOCK_SHIFT=str(10 * YEAR)) as found:
        yield found


def asked_with(tmp_path: Path, where: str, words: str) -> dict[str, object]:
    return {
        "where": where,
        "log": str(tmp_path / "said"),
        "folder": str(tmp_path),
        "words": [*words.split(), "--format", "json"],
    }


def said(tmp_path: Path):
    return json.loads((tmp_path / "said").read_text())


def test_a_clock_that_is_behind_never_turns_time_back(
    mornings, asked, stable, early, evening, tmp_path, engine_name
):
    """A day by a clock an hour behind, between two commands by one that is right."""
    where = mornings.new()
    for words in ("receive HX-1 --qty 1 --warehouse MAIN", "reserve create R-1 HX-1=1 --ttl 1h"):
        assert stable.run(**asked_with(tmp_path, where, words)) == 0
    right = json.loads(said(tmp_path)["stdout"])["expires_at"]
    assert early.run(**asked(where)) == 0
    assert len(day.answers(mornings.log)) == len(day.STEPS)
    assert oracle.faults(where, day.acks(mornings.log)) == []
    late_hold = day.answers(mornings.log)["order"]
    # A hold that a clock behind makes counts from what is recorded, not from that clock.
    assert right <= late_hold["expires_at"]
    words = "reserve create R-2 HX-1=1 --ttl 1h"
    assert stable.run(**asked_with(tmp_path, where, words)) == 0
    books = oracle.Books(where)
    times = [row["recorded_at"] for row in sorted(books.rows["command_log"], key=by_id)]
    assert times == sorted(times)
    for row in books.rows["reservation"]:
        # TTL and five seconds: 3 h is the longest that anything asked for.
        assert row["expires_at"] - row["updated_at"] <= (3 * 3600 + 5) * 1_000_000


def by_id(row):
    return row["id"]


def test_a_clock_ten_years_ahead_expires_nothing_and_writes_nothing(
    mornings, stable, late, tmp_path, engine_name
):
    where = mornings.new()
    for number in range(20):
        words = f"reserve create R-{number} HX-2=1 --ttl 1h --backorder"
        assert stable.run(**asked_with(tmp_path, where, words)) == 0
    before = oracle.state(where)
    for words in (
        "reserve expire",
        "receive HX-1 --qty 1 --warehouse MAIN",
        "reserve create R-X HX-1=1",
        "stock adjust HX-1 --warehouse MAIN --change 1 --reason found",
    ):
        code = late.run(**asked_with(tmp_path, where, words))
        told = said(tmp_path)
        assert (code, told["stdout"]) == (9, ""), told
        assert "the clock says" in json.loads(told["stderr"])["detail"], told
    assert oracle.state(where) == before
    words = "receive HX-1 --qty 1 --warehouse MAIN"
    assert stable.run(**asked_with(tmp_path, where, words)) == 0
    assert oracle.faults(where) == []


def test_a_clock_that_is_ahead_and_believed_is_waited_for_by_the_others(
    mornings, stable, shifting, tmp_path, engine_name
):
    """Somebody said that ten years had gone by: time stands still for the others, and goes on."""
    where = mornings.new()
    words = "receive HX-1 --qty 1 --warehouse MAIN"
    with tracing.stable(shifting, CLOCK_SHIFT=str(10 * YEAR), BVINV_CLOCK_JUMP="0") as believed:
        assert believed.run(**asked_with(tmp_path, where, words)) == 0
    for number in range(3):
        again = f"{words} --key again/{number}"
        assert stable.run(**asked_with(tmp_path, where, again)) == 0
    assert oracle.faults(where) == []
    times = [
        row["recorded_at"] for row in sorted(oracle.Books(where).rows["command_log"], key=by_id)
    ]
    assert times == sorted(times)
