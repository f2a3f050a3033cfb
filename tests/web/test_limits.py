"""How often a caller may ask, exactly, over all processes, whatever becomes of the file."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse
from limits.strategies import MovingWindowRateLimiter

from bvinv.core.errors import InvalidInput
from bvinv.web import limits
from bvinv.web.limits import Limiter, Rings
from tests.web.serving import ROOT

HITS = """
import sys
from pathlib import Path
from bvinv.web.limits import Limiter
limiter = Limiter.of(Path(sys.argv[1]), "100/hour;1000000/day")
waits = [limiter.hit("checkout") for _ in range(250)]
print(waits.count(0.0), all(3000 < wait <= 3600 for wait in waits if wait))
"""


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


def allowed(limiter: Limiter, caller: str, tries: int) -> int:
    return sum(limiter.hit(caller) == 0.0 for _ in range(tries))


def test_four_processes_let_in_what_the_limit_says_all_together(path):
    def run(_: int) -> list[str]:
        ran = subprocess.run(
            [sys.executable, "-c", HITS, str(path)],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return ran.stdout.split()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(4)))
    assert sum(int(count) for count, _ in answers) == 100
    assert [soon for _, soon in answers] == ["True"] * 4
    assert Limiter.of(path, "100/hour").hit("checkout") > 3000  # they survive a restart
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_window_moves_and_says_how_long_to_wait(path, clock):
    limiter = Limiter.of(path, "3/minute")
    assert limiter.hit("a") == 0.0
    clock[0] += 10
    assert allowed(limiter, "a", 3) == 2
    assert limiter.hit("a") == 50.0
    assert limiter.hit("b") == 0.0
    clock[0] += 50.5
    assert allowed(limiter, "a", 3) == 1
    assert limiter.hit("a") == 9.5
    clock[0] += 3600
    assert allowed(limiter, "a", 10) == 3


def test_every_rule_counts_and_a_refused_request_counts_for_none(path, clock):
    limiter = Limiter.of(path, "5/minute;2/second")
    assert allowed(limiter, "a", 10) == 2
    clock[0] += 1
    assert allowed(limiter, "a", 10) == 2
    clock[0] += 1
    assert allowed(limiter, "a", 10) == 1
    assert limiter.hit("a") == 58.0


def test_limits_of_two_kinds_in_one_file_do_not_meet(path, clock):
    callers = Limiter.of(path, "1/minute")
    logins = Limiter.of(path, "1/minute", "BVINV_LOGIN_LIMIT")
    assert (callers.hit("127.0.0.1"), logins.hit("127.0.0.1")) == (0.0, 0.0)
    assert (callers.hit("127.0.0.1"), logins.hit("127.0.0.1")) == (60.0, 60.0)


def test_a_clock_that_was_set_back_locks_nobody_out(path, clock):
    limiter = Limiter.of(path, "1/minute")
    assert limiter.hit("a") == 0.0
    clock[0] -= 86_400
    assert limiter.hit("a") == 0.0
    assert limiter.hit("a") == 60.0


def test_what_has_run_out_is_dropped(path, clock):
    limiter = Limiter.of(path, "5/minute")
    for number in range(100):
        limiter.hit(f"caller {number}")
    clock[0] += 600
    limiter.hit("last")
    held = Rings.of(path)._connection
    assert held.execute("SELECT count(*) FROM ring").fetchone() == (1,)
    assert held.execute("SELECT count(*) FROM hit").fetchone() == (1,)


def test_a_damaged_file_is_made_again(path, clock):
    path.write_bytes(b"this is no database at all" * 1_000)
    limiter = Limiter.of(path, "1/minute")
    assert allowed(limiter, "a", 5) == 1


def test_a_file_that_another_process_made_again_is_used_by_this_one_too(path, clock):
    limiter = Limiter.of(path, "1/minute")
    assert allowed(limiter, "a", 5) == 1
    path.unlink()
    clock[0] += 1
    assert allowed(limiter, "a", 5) == 1
    assert path.exists()


def test_where_no_file_can_be_everybody_is_let_in(tmp_path):
    (tmp_path / "taken").write_text("a file, and no folder")
    limiter = Limiter.of(tmp_path / "taken" / "bvinv.db.limits", "1/minute")
    assert allowed(limiter, "a", 5) == 5


def test_whoever_holds_the_file_for_long_stops_nobody(path):
    limiter = Limiter.of(path, "1/minute")
    assert limiter.hit("a") == 0.0
    other = Rings(path)
    assert other.check()
    other._connection.execute("BEGIN IMMEDIATE")
    assert limiter.hit("a") == 0.0
    other._connection.execute("COMMIT")
    assert limiter.hit("a") > 0.0
    other.close()


@pytest.mark.parametrize("rules", ["", "  "])
def test_no_rules_are_no_limit_and_no_file(tmp_path, rules):
    path = tmp_path / "x.limits"
    assert allowed(Limiter.of(path, rules), "a", 100) == 100
    assert not path.exists()


@pytest.mark.parametrize(
    "rules",
    ["often", "0/minute", "-1/minute", "1/min", "1/minute;", "5/minute;x", "9" * 30 + "/day",
     "1/2 years", "1e3/minute"],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused_by_the_name_of_its_setting(path, rules):
    with pytest.raises(InvalidInput) as refused:
        Limiter.of(path, rules, "BVINV_LOGIN_LIMIT")
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
    limiter = Limiter.of(path, "1/hour")
    assert limiter.hit("a") == 0.0
    limiter.close()
    assert limiter.hit("a") > 3_500
