"""`bvinv events`: what it prints, what it refuses, how it follows."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.shell import assert_only_tried, assert_refused
from tests.programs import running


@pytest.fixture
def sold(bvinv):
    bvinv("reserve create SO-1 HX-1=2")
    bvinv("reserve release SO-1")
    return bvinv


def newest(bvinv):
    [(last,)] = bvinv.fetch("SELECT max(id) FROM event")
    return last


def test_the_last_events_are_shown(sold):
    last = newest(sold)
    rows = sold("events tail --limit 2 -f json").json
    assert [(row["id"], row["type"], row["subject"]) for row in rows] == [
        (str(last - 1), "reservation.created", "SO-1"),
        (str(last), "reservation.released", "SO-1"),
    ]
    assert rows[0]["specversion"] == "1.0"
    plain = sold("events tail --limit 2").stdout.splitlines()
    assert plain[0].split() == ["id", "time", "type", "subject", "actor", "data"]
    assert plain[2].split()[2:5] == ["reservation.released", "SO-1", "tester"]
    assert len(sold("events tail -f jsonl").stdout.splitlines()) == last


def test_a_reader_goes_on_after_an_event(sold):
    last = newest(sold)
    ran = sold("events tail --after 0 --limit 3 -f jsonl")
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == ["1", "2", "3"]
    assert ran.stderr == "more: --after 3\n"
    ran = sold(f"events tail --after {last - 1} -f jsonl")
    assert (json.loads(ran.stdout)["id"], ran.stderr) == (str(last), "")
    assert sold(f"events tail --after {last} -f json").json == []


def test_events_are_chosen_by_type_and_product(sold):
    types = [row["type"] for row in sold("events tail --after 0 --type 'stock.*' -f json").json]
    assert {*types} == {"stock.received"}
    rows = sold("events tail --sku hx-1 --type 'reservation.*' --type stock.received -f json").json
    assert [row["type"] for row in rows] == [
        "stock.received",
        "reservation.created",
        "reservation.released",
    ]


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "events tail --type reservation.made",
            2,
            "there is no type of event 'reservation.made'",
            "of reservation there are: created, extended, committed, released, expired, lapsed, "
            "filled, broken, packed, unpacked, shipped, unshipped",
        ),
        (
            "events tail --type x",
            2,
            "there is no type of event 'x'",
            "for example reservation.created, or reservation.* for all of that kind",
        ),
        ("events tail --sku HX-9", 3, "there is no product 'HX-9'", "see: bvinv products list"),
        (
            "events tail --after x",
            2,
            f"the cursor must be a whole number from 0 to {2**62}, not 'x'",
            None,
        ),
        (
            "events tail --limit 1001",
            2,
            "the limit must be a whole number from 1 to 1000, not 1001",
            None,
        ),
    ],
)
def test_what_makes_no_sense_is_refused(bvinv, line, code, detail, hint):
    assert_refused(bvinv, line, code, detail, hint)


def test_a_cursor_of_another_database_is_refused(bvinv):
    said = bvinv("events tail --after 99999").refused(2)
    assert said.startswith("error[invalid-input]: the cursor 99999 is not of this database")


def test_a_follower_sees_what_happens_until_it_is_interrupted(bvinv):
    with running(
        *(sys.executable, "-m", "bvinv", "events", "tail", "-F", "--sku", "HX-2", "-f", "jsonl"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as follower:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["type"] == "product.created"
        bvinv("stock adjust HX-1 -w MAIN --change -1 --reason damaged")
        bvinv("stock adjust HX-2 -w MAIN --change -1 --reason damaged")
        for kind in ("stock.received", "stock.received", "stock.adjusted"):
            row = json.loads(follower.stdout.readline())
            assert (row["type"], row["subject"]) == (kind, "HX-2")
        follower.send_signal(signal.SIGINT)
        _, said = follower.communicate(timeout=20)
    assert (follower.returncode, said) == (130, "interrupted\n")


def test_a_follower_ends_when_nobody_reads(bvinv):
    with running(
        *(sys.executable, "-m", "bvinv", "events", "tail", "--follow", "--after", "0"),
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as follower:
        assert follower.stdout is not None
        assert "warehouse.created" in follower.stdout.readline()
        follower.stdout.close()
        bvinv("stock adjust HX-1 -w MAIN --change -1 --reason damaged")
        assert follower.wait(20) == 141


def test_delivering_with_nobody_to_deliver_to(bvinv):
    assert bvinv("events deliver -f json").json == {
        "delivered": 0,
        "failed": 0,
        "dead": 0,
        "due": 0,
    }
    assert assert_only_tried(bvinv, "events deliver")["due"] == 0
