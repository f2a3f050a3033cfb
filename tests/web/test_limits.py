"""How often a caller may ask, exactly, over all processes, whatever becomes of the file."""

import asyncio
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from limits import parse
from limits.strategies import MovingWindowRateLimiter

from bvinv.core.db import Database
from bvinv.core.errors import InvalidInput
from bvinv.web import limits, shared_rings
from bvinv.web.limits import Limiter, Rings
from tests.books import raw
from tests.web.serving import ROOT

HITS = """
import asyncio
import sys
from pathlib import Path
from bvinv.core.db import Database
from bvinv.web.limits import Limiter
async def ask():
    limiter = Limiter(Database(sys.argv[1]), Path(sys.argv[2]), "100/hour;1000000/day")
    limiter.open()
    alone = [await limiter.hit("checkout") for _ in range(50)]
    return alone + await asyncio.gather(*(limiter.hit("checkout") for _ in range(200)))
waits = asyncio.run(ask())
print(waits.count(0.0), all(3000 < wait <= 3600 for wait in waits if wait))
"""
FILE = Database("shop.db")  # which nobody opens


@pytest.fixture
def path(tmp_path):
    """Return where the limits are; whoever opened them lets go of them afterwards."""
    path = tmp_path / "bvinv.db.limits"
    yield path
    Rings.of(path).close()
    Rings._of.pop(path)


@pytest.fixture
def clock(monkeypatch):
    """Return the time as the limits see it, to be moved."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(limits.time, "time", lambda: now[0])
    return now


def hit(limiter: Limiter, caller: str) -> float:
    return asyncio.run(limiter.hit(caller))


def allowed(limiter: Limiter, caller: str, tries: int) -> int:
    return sum(hit(limiter, caller) == 0.0 for _ in range(tries))


def test_four_processes_let_in_what_the_limit_says_all_together(where, path):
    def run(_: int) -> list[str]:
        ran = subprocess.run(
            [sys.executable, "-c", HITS, where, str(path)],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return ran.stdout.split()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(4)))
    assert sum(int(count) for count, _ in answers) == 100
    assert [soon for _, soon in answers] == ["True"] * 4
    found = Database(where)
    with closing(Limiter(found, path, "100/hour")) as limiter:
        assert hit(limiter, "checkout") > 3000  # they survive a restart
    if found.path:
        assert path.stat().st_mode & 0o777 == 0o600
    else:
        assert not path.exists()


def test_the_window_moves_and_says_how_long_to_wait(path, clock):
    limiter = Limiter(FILE, path, "3/minute")
    assert hit(limiter, "a") == 0.0
    clock[0] += 10
    assert allowed(limiter, "a", 3) == 2
    assert hit(limiter, "a") == 50.0
    assert hit(limiter, "b") == 0.0
    clock[0] += 50.5
    assert allowed(limiter, "a", 3) == 1
    assert hit(limiter, "a") == 9.5
    clock[0] += 3600
    assert allowed(limiter, "a", 10) == 3


def test_every_rule_counts_and_a_refused_request_counts_for_none(path, clock):
    limiter = Limiter(FILE, path, "5/minute;2/second")
    assert allowed(limiter, "a", 10) == 2
    clock[0] += 1
    assert allowed(limiter, "a", 10) == 2
    clock[0] += 1
    assert allowed(limiter, "a", 10) == 1
    assert hit(limiter, "a") == 58.0


def test_limits_of_two_kinds_in_one_file_do_not_meet(path, clock):
    callers = Limiter(FILE, path, "1/minute")
    logins = Limiter(FILE, path, "1/minute", "BVINV_LOGIN_LIMIT")
    assert (hit(callers, "127.0.0.1"), hit(logins, "127.0.0.1")) == (0.0, 0.0)
    assert (hit(callers, "127.0.0.1"), hit(logins, "127.0.0.1")) == (60.0, 60.0)


def test_a_clock_that_was_set_back_locks_nobody_out(path, clock):
    limiter = Limiter(FILE, path, "1/minute")
    assert hit(limiter, "a") == 0.0
    clock[0] -= 86_400
    assert hit(limiter, "a") == 0.0
    assert hit(limiter, "a") == 60.0


def test_what_has_run_out_is_dropped(path, clock):
    limiter = Limiter(FILE, path, "5/minute")
    for number in range(100):
        hit(limiter, f"caller {number}")
    clock[0] += 600
    hit(limiter, "last")
    held = Rings.of(path)._connection
    assert held.execute("SELECT count(*) FROM ring").fetchone() == (1,)
    assert held.execute("SELECT count(*) FROM hit").fetchone() == (1,)


def test_a_damaged_file_is_made_again(path, clock):
    path.write_bytes(b"this is no database at all" * 1_000)
    limiter = Limiter(FILE, path, "1/minute")
    assert allowed(limiter, "a", 5) == 1


def test_a_file_that_another_process_made_again_is_used_by_this_one_too(path, clock):
    limiter = Limiter(FILE, path, "1/minute")
    assert allowed(limiter, "a", 5) == 1
    path.unlink()
    clock[0] += 1
    assert allowed(limiter, "a", 5) == 1
    assert path.exists()


def test_where_no_file_can_be_everybody_is_let_in(tmp_path):
    (tmp_path / "taken").write_text("a file, and no folder")
    limiter = Limiter(FILE, tmp_path / "taken" / "bvinv.db.limits", "1/minute")
    assert allowed(limiter, "a", 5) == 5


def test_whoever_holds_the_file_for_long_stops_nobody(path):
    limiter = Limiter(FILE, path, "1/minute")
    assert hit(limiter, "a") == 0.0
    other = Rings(path)
    assert other.check()
    other._connection.execute("BEGIN IMMEDIATE")
    assert hit(limiter, "a") == 0.0
    other._connection.execute("COMMIT")
    assert hit(limiter, "a") > 0.0
    other.close()


@pytest.mark.parametrize("rules", ["", "  "])
def test_no_rules_are_no_limit_and_no_file(tmp_path, rules):
    path = tmp_path / "x.limits"
    assert allowed(Limiter(FILE, path, rules), "a", 100) == 100
    assert not path.exists()


@pytest.mark.parametrize(
    "rules",
    ["often", "0/minute", "-1/minute", "1/min", "1/minute;", "5/minute;x", "9" * 30 + "/day",
     "1/2 years", "1e3/minute"],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused_by_the_name_of_its_setting(path, rules):
    with pytest.raises(InvalidInput) as refused:
        Limiter(FILE, path, rules, "BVINV_LOGIN_LIMIT")
    assert refused.value.detail == f"BVINV_LOGIN_LIMIT is {rules!r}, which is no limit"
    assert refused.value.hint == "write for example 600/minute;20/second, or nothing for no limit"


def test_it_is_a_storage_for_the_moving_window_of_the_library(path, clock):
    rings, rule = Rings.of(path), parse("2/minute")
    strategy = MovingWindowRateLimiter(rings)
    assert [strategy.hit(rule, "a") for _ in range(3)] == [True, True, False]
    assert tuple(strategy.get_window_stats(rule, "a")) == (clock[0] + 60, 0)
    strategy.clear(rule, "a")
    assert strategy.get_window_stats(rule, "a").remaining == 2
    assert strategy.hit(rule, "b")
    assert rings.reset() == 2
    assert rings.check()
    for unused in (
        lambda: rings.incr("a", 1),
        lambda: rings.get("a"),
        lambda: rings.get_expiry("a"),
    ):
        with pytest.raises(NotImplementedError):
            unused()


def test_a_limiter_that_was_closed_opens_again(path):
    limiter = Limiter(FILE, path, "1/hour")
    assert hit(limiter, "a") == 0.0
    limiter.close()
    assert hit(limiter, "a") > 3_500


# --- Those of PostgreSQL --------------------------------------------------------------------------

on_postgresql = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


@pytest.fixture
def shared(where, path):
    """Return what makes limiters of one database, each as in a server of its own; all closed."""
    made = []

    def make(rules, variable="BVINV_RATE_LIMIT"):
        made.append(Limiter(Database(where), path, rules, variable))
        return made[-1]

    yield make
    for limiter in made:
        limiter.close()


def pass_by(where: str, seconds: float) -> None:
    """Let time go by for what was counted until now."""
    with closing(raw(Database(where))) as wire:
        wire.execute("UPDATE rate_hit SET at = at - %s", (seconds,))
        wire.execute("UPDATE rate_ring SET until = until - %s", (seconds,))


def left(where: str) -> tuple[int, int]:
    """Return how many rings there are, and how many requests are remembered."""
    with closing(raw(Database(where))) as wire:
        [rings] = wire.execute("SELECT count(*) FROM rate_ring").fetchone()
        [hits] = wire.execute("SELECT count(*) FROM rate_hit").fetchone()
        return rings, hits


@on_postgresql
def test_servers_of_one_database_count_together(shared, where):
    one, other = shared("5/minute;2/second"), shared("5/minute;2/second")
    logins = shared("1/minute", "BVINV_LOGIN_LIMIT")

    assert allowed(one, "a", 3) + allowed(other, "a", 3) == 2
    pass_by(where, 1)
    assert (allowed(one, "a", 1), allowed(other, "a", 5)) == (1, 1)
    pass_by(where, 1)
    assert (allowed(one, "a", 3), allowed(other, "a", 3)) == (1, 0)
    assert 55 < hit(other, "a") < 58  # the first of the five is two seconds old
    assert hit(other, "b") == 0.0
    assert (hit(logins, "a"), hit(logins, "b")) == (0.0, 0.0)
    assert hit(logins, "a") > 59
    pass_by(where, 58.5)
    assert allowed(one, "a", 10) == 2


@on_postgresql
def test_requests_that_come_at_once_are_asked_about_together(shared, where):
    limiter = shared("7/hour;1000000/day")

    async def ask():
        return await asyncio.gather(*(limiter.hit(f"caller {n % 40:02}") for n in range(400)))

    waits = asyncio.run(ask())

    assert waits.count(0.0) == 7 * 40
    assert all(3_590 < wait <= 3_600 for wait in waits if wait)
    assert left(where) == (80, 2 * 7 * 40)


@on_postgresql
def test_a_limit_that_was_changed_counts_anew(shared):
    assert allowed(shared("5/minute"), "a", 9) == 5
    assert allowed(shared("3/minute"), "a", 9) == 3


@on_postgresql
def test_a_server_whose_clock_was_set_back_locks_nobody_out(shared, where):
    limiter = shared("1/minute")
    assert allowed(limiter, "a", 3) == 1
    pass_by(where, -86_400)
    assert allowed(limiter, "a", 3) == 1


@on_postgresql
def test_what_has_run_out_is_dropped_a_part_at_a_time(shared, where, monkeypatch):
    limiter = shared("50/minute")
    assert allowed(limiter, "a", 50) == 50
    hit(limiter, "b")
    pass_by(where, 600)
    monkeypatch.setattr(shared_rings, "_BATCH", 30)
    monkeypatch.setattr(shared_rings, "_SWEPT_AFTER", 0.0)

    hit(limiter, "c")
    assert left(where)[1] in (22, 21)
    hit(limiter, "c")
    assert left(where) == (1, 2)


@on_postgresql
def test_whoever_holds_a_row_for_long_stops_nobody(shared, where, monkeypatch):
    monkeypatch.setattr(shared_rings, "PATIENCE", 0.1)
    monkeypatch.setattr(shared_rings, "_REST", 0.2)
    limiter = shared("1/minute")
    assert allowed(limiter, "a", 2) == 1

    async def ask(other):
        other.execute("BEGIN; SELECT FROM rate_ring FOR UPDATE")
        began = time.monotonic()
        assert [await limiter.hit("a") for _ in range(5)] == [0.0] * 5
        assert time.monotonic() - began < 0.5
        other.execute("COMMIT")
        await asyncio.sleep(0.5)
        return await limiter.hit("a")

    with closing(raw(Database(where))) as other:
        assert asyncio.run(ask(other)) > 50


@on_postgresql
def test_a_connection_that_was_cut_is_made_again_and_no_request_slips_in(shared, where):
    limiter = shared("2/minute")
    assert hit(limiter, "a") == 0.0
    with closing(raw(Database(where))) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (limiter._shared._wire.info.backend_pid,))
    assert allowed(limiter, "a", 3) == 1


def test_where_no_database_answers_everybody_is_let_in(path):
    nowhere = Database("postgresql://postgres@127.0.0.1:1/nothing")
    with closing(Limiter(nowhere, path, "1/minute")) as limiter:
        assert allowed(limiter, "a", 5) == 5
