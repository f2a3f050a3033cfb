"""Commands that cron runs: one at a time each, one line of JSON on request."""

import json
from contextlib import closing

import pytest

from bvinv.core import leases
from bvinv.core.db import Database
from bvinv.core.jobs import JOBS
from tests import books

HOUR = 3_600


def lease(bvinv, job):
    """Let somebody else have the lease of a job."""
    with closing(Database(bvinv.path)) as database:
        take = lambda s: leases.take(s, name=job, holder="another", seconds=HOUR) or []  # noqa: E731
        books.act(database, take)


def logged(ran):
    """Return the one line that was written on stderr."""
    assert ran.stderr.endswith("\n")
    [line] = ran.stderr.splitlines()
    assert line.isascii()
    return json.loads(line)


def test_how_it_went_is_one_line(bvinv):
    bvinv("reserve create SO-1 HX-1=4 -w MAIN --ttl 1s")
    plain = bvinv("reserve expire --dry-run")
    ran = bvinv("--actor cron reserve expire --log-json")
    line = logged(ran)

    assert ran.exit_code == 0
    assert ran.stdout.split()[0] == plain.stdout.split()[0] == "expired"
    assert line.pop("started_at").endswith("Z")
    assert 0 <= line.pop("seconds") < 60
    assert line.pop("result").keys() == {"expired", "pieces"}
    assert line == {
        "job": "reserve-expire",
        "command": "reserve expire",
        "exit": 0,
        "database": str(bvinv.path),
        "actor": "cron",
    }
    assert bvinv.fetch("SELECT * FROM job_lease") == []


def test_what_is_said_by_the_way_stands_in_the_line(bvinv):
    ran = bvinv("forecast reorder --log-json -f json")
    line = logged(ran)
    assert ran.json == []
    assert line["result"] == {"rows": 0}
    assert line["notes"] == [
        "nothing is forecast yet, so only typed reorder points count; run: bvinv forecast run"
    ]
    tried = logged(bvinv("reserve expire --log-json --dry-run"))
    assert tried["notes"] == ["dry run: nothing was changed"]
    assert tried["result"] == {"expired": 0, "pieces": 0, "dry_run": True}


def test_a_failure_is_one_line_with_its_code(bvinv):
    ran = bvinv(f"stock verify --against {'0' * 64} --log-json")
    line = logged(ran)
    assert (ran.exit_code, line["exit"], line["code"]) == (8, 8, "verification-failed")
    assert line["detail"]
    assert line["result"]["sound"] is False


@pytest.mark.parametrize(
    ("said", "code", "job"),
    [
        ("reserve expire --batch x", 2, "reserve-expire"),
        ("--db /nowhere/x.db reserve expire", 3, "reserve-expire"),
        ("stock verify --no-such-option", 2, "stock-verify"),
    ],
)
def test_what_fails_before_it_begins_is_one_line_too(bvinv, said, code, job):
    ran = bvinv(f"{said} --log-json")
    line = logged(ran)
    assert (ran.exit_code, line["exit"], line["job"], ran.stdout) == (code, code, job, "")
    assert line["detail"]


def test_a_role_that_may_not_and_settings_without_sense_are_told_in_the_line(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_ROLE", "viewer")
    line = logged(bvinv("forecast run --log-json"))
    assert (line["job"], line["exit"], line["code"]) == ("forecast-run", 6, "not-permitted")
    monkeypatch.setenv("BVINV_ROLE", "boss")
    assert logged(bvinv("forecast run --log-json"))["exit"] == 2


def test_a_bug_is_told_in_the_line(bvinv):
    with closing(Database(bvinv.path)) as database, closing(books.raw(database)) as connection:
        connection.execute("ALTER TABLE reorder_suggestion RENAME TO taken_away")
    ran = bvinv("forecast run --log-json")
    line = logged(ran)
    assert (ran.exit_code, line["exit"], line["code"]) == (1, 1, "internal")
    assert "reorder_suggestion" in line["detail"]
    assert bvinv.fetch("SELECT * FROM job_lease") == []


def test_the_key_is_of_the_request_and_not_of_how_it_is_told(bvinv):
    first = bvinv("reserve expire --key K-1 -f json").json
    ran = bvinv("reserve expire --key K-1 -f json --log-json")
    assert ran.json == first | {"replayed": True}
    assert logged(ran)["notes"] == ["answered from the key: nothing was changed"]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("reserve-expire", "reserve expire"),
        ("webhooks", "events deliver"),
        ("forecast", "forecast run"),
        ("forecast-reorder", "forecast reorder --create-orders"),
        ("forecast-reorder", "forecast reorder --log-json"),
        ("stock-verify", "stock verify --log-json"),
        ("image-check", "products image check --all"),
    ],
)
def test_a_second_one_ends_with_9_and_changes_nothing(bvinv, job, said):
    lease(bvinv, job)
    before = bvinv.dump()
    ran = bvinv(said)
    assert (ran.exit_code, ran.stdout) == (9, "")
    detail = logged(ran)["detail"] if "--log-json" in said else ran.stderr.splitlines()[0]
    assert detail.endswith(f"another has been doing {job}")
    assert bvinv.dump() == before


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("reserve-expire", "reserve expire --dry-run"),
        ("forecast", "forecast run --dry-run"),
        ("webhooks", "events deliver --dry-run"),
        ("forecast-reorder", "forecast reorder"),
        ("stock-verify", "stock verify"),
        ("stock-verify", "stock verify --head"),
    ],
)
def test_whoever_only_looks_does_not_wait_for_the_job(bvinv, job, said):
    lease(bvinv, job)
    before = bvinv.dump()
    assert bvinv(said).exit_code == 0
    assert bvinv.dump() == before


def test_one_product_s_image_can_be_checked_beside_the_job(bvinv):
    lease(bvinv, "image-check")
    bvinv("products update HX-1 --image-url https://img.example.com/1.jpg")
    assert bvinv("products image check HX-1").exit_code == 0


def test_each_job_is_a_command_that_can_be_asked_for_its_line(bvinv):
    assert len({job.name for job in JOBS}) == len(JOBS)
    for job in JOBS:
        ran = bvinv(f"{job.command} --help")
        assert ran.exit_code == 0, job
        assert "--log-json" in ran.stdout, job
