"""A clock that is wrong, at the command line."""

import json
import time

import pytest

DAY = 86_400


@pytest.fixture
def shift(monkeypatch):
    """Return what sets the clock of this machine off by so many seconds."""
    right = time.time_ns

    def set_off(seconds):
        monkeypatch.setattr(time, "time_ns", lambda: right() + seconds * 10**9)

    return set_off


def test_a_clock_that_jumped_ten_years_expires_nothing_and_may_look(bvinv, shift, monkeypatch):
    bvinv("reserve create SO-1 HX-1=4 -w MAIN --ttl 2h")
    before = bvinv.dump()
    shift(3_653 * DAY)

    for line in ("reserve expire", "reserve create SO-2 HX-1=1 -w MAIN", "forecast run"):
        said = bvinv(line).refused(9).splitlines()
        assert said[0].startswith("error[busy]: the clock says 20")
        assert said[0].endswith("nothing was changed")
        assert said[1] == (
            "hint: set this machine's clock; if it is right, say so once: BVINV_CLOCK_JUMP=3654d"
        )
    problem = bvinv("reserve expire --format json").problem
    assert problem["ahead_seconds"] // DAY == 3_653
    assert json.loads(bvinv("reserve expire --log-json").stderr)["code"] == "busy"
    assert bvinv.dump() == before
    assert bvinv("stock list").exit_code == 0
    assert bvinv("reserve show SO-1").exit_code == 0
    assert bvinv("reserve expire --dry-run").exit_code == 9
    assert bvinv.dump() == before

    monkeypatch.setenv("BVINV_CLOCK_JUMP", "3654d")
    assert bvinv("reserve expire -f json").json == {"expired": 1, "pieces": 4}


def test_nobody_is_refused_without_a_bound(bvinv, shift, monkeypatch):
    monkeypatch.setenv("BVINV_CLOCK_JUMP", "0")
    shift(3_653 * DAY)
    assert bvinv("receive HX-1 --qty 1 -w MAIN").exit_code == 0


def test_whoever_writes_by_a_clock_that_is_behind_is_told(bvinv, shift):
    shift(-7_200)
    ran = bvinv("receive HX-1 --qty 1 -w MAIN")
    assert ran.exit_code == 0
    [said] = ran.stderr.splitlines()
    assert said.startswith("this machine's clock is ")
    assert "behind the last change" in said
    line = json.loads(bvinv("reserve expire --log-json").stderr)
    assert line["exit"] == 0
    assert bvinv("stock list").stderr == ""


@pytest.mark.parametrize("said", ["soon", "400", "-1d", "40000d"])
def test_a_bound_without_sense_is_refused(bvinv, monkeypatch, said):
    monkeypatch.setenv("BVINV_CLOCK_JUMP", said)
    before = bvinv.dump()
    ran = bvinv("receive HX-1 --qty 1 -w MAIN")
    assert ran.refused(2).startswith("error[invalid-input]: BVINV_CLOCK_JUMP: ")
    assert bvinv.dump() == before
