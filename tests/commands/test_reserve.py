"""`bvinv reserve`: what it prints, what it refuses."""

import json
import re

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

KEYS = ["reservation_id", "status", "expires_at", "lines", "created_at", "replayed", "channel"]
LINE_KEYS = ["sku", "warehouse", "quantity", "held", "backordered", "committed", "released"]


def counts(reservation):
    return [tuple(line.values())[1:] for line in reservation["lines"]]


def test_a_reservation_holds_what_it_says(bvinv):
    ran = bvinv("reserve create SO-1 HX-1=7 HX-2=5 --format json")

    assert ran.stderr == ""
    assert list(ran.json) == KEYS
    assert [list(line) for line in ran.json["lines"]] == [LINE_KEYS] * 3
    assert (ran.json["reservation_id"], ran.json["status"]) == ("SO-1", "held")
    assert counts(ran.json) == [
        ("MAIN", 7, 7, 0, 0, 0),
        ("MAIN", 4, 4, 0, 0, 0),
        ("NORTH", 1, 1, 0, 0, 0),
    ]
    assert ran.json["replayed"] is False
    assert bvinv.level("HX-1", "MAIN") == (10, 7, 3, 0)


def test_people_see_a_reservation_and_its_lines(bvinv):
    shown = re.sub(r"\d{4}-\S+Z", "WHEN", bvinv("reserve create SO-1 HX-1=7").stdout)

    assert shown == (
        "reservation_id  SO-1\n"
        "status          held\n"
        "expires_at      WHEN\n"
        "\n"
        "lines:\n"
        "sku   warehouse  quantity  held  backordered  committed  released\n"
        "HX-1  MAIN              7     7            0          0         0\n"
    )


def test_asking_again_answers_the_same_and_holds_nothing_twice(bvinv):
    first = bvinv("reserve create SO-1 HX-1=7 --format json").json
    before = bvinv.dump()

    again = bvinv("reserve create SO-1 0141439513=7 --format json")

    assert again.json == first | {"replayed": True}
    assert again.stderr == "answered as before: nothing was changed\n"
    assert bvinv.dump() == before


@pytest.mark.parametrize("terms", ["HX-1=8", "HX-2=7", "HX-1=7 -w MAIN", "HX-1=7 --ttl 1h"])
def test_an_id_with_other_terms_is_refused(bvinv, terms):
    bvinv("reserve create SO-1 HX-1=7")
    assert_refused(
        bvinv,
        f"reserve create SO-1 {terms}",
        4,
        "reservation SO-1 exists with other terms",
        "see: bvinv reserve show SO-1",
    )


def test_too_little_stock_names_what_there_is_and_who_holds_it(bvinv):
    bvinv("reserve create SO-1 HX-1=8 -w MAIN")
    assert_refused(
        bvinv,
        "reserve create SO-2 HX-1=3 -w MAIN",
        5,
        "only 2 of HX-1 available at MAIN, 3 wanted; held by SO-1 (8)",
        "reserve less, or let the rest wait for goods: --backorder",
    )
    problem = bvinv("reserve create SO-2 HX-1=3 -w MAIN --format json").problem
    assert {key: problem[key] for key in list(problem)[6:]} == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "wanted": 3,
        "available": 2,
        "holders": [{"reservation_id": "SO-1", "held": 8}],
    }


def test_every_short_line_is_told_at_once(bvinv):
    before = bvinv.dump()

    ran = bvinv("reserve create SO-1 HX-1=11 HX-2=1 HX-3=1")

    assert ran.refused(5) == (
        "error[insufficient-stock]: 2 lines are short: HX-1, HX-3\n"
        "  only 10 of HX-1 available at all warehouses, 11 wanted\n"
        "  only 0 of HX-3 available at all warehouses, 1 wanted\n"
        "hint: reserve less, or let the rest wait for goods: --backorder\n"
    )
    assert bvinv.dump() == before


def test_what_is_short_may_wait(bvinv):
    row = bvinv("reserve create SO-1 HX-1=12 --backorder --format json").json

    assert counts(row) == [("MAIN", 12, 10, 2, 0, 0)]
    assert bvinv.level("HX-1", "MAIN") == (10, 10, -2, 2)


@pytest.mark.parametrize(
    ("strategy", "given"),
    [
        ("priority", [("MAIN", 4), ("NORTH", 1)]),
        ("most-stock", [("NORTH", 5)]),
        ("fewest-splits", [("NORTH", 5)]),
    ],
)
def test_the_strategy_says_who_gives(bvinv, strategy, given):
    row = bvinv(f"reserve create SO-1 HX-2=5 --strategy {strategy} --format json").json
    assert [(line["warehouse"], line["held"]) for line in row["lines"]] == given


SKU_QTY = "write SKU=QTY, for example HX-1=3"
PIECES = "the quantity must be a whole number from 1 to 1000000000, not"


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("SO-1 HX-1", 2, "line 1, 'HX-1': there is no '='", SKU_QTY),
        ("SO-1 HX-1=1 =2", 2, "line 2, '=2': the SKU is empty", SKU_QTY),
        ("SO-1 HX-1=0", 2, f"line 1, 'HX-1=0': {PIECES} '0'", SKU_QTY),
        ("SO-1 HX-1=-1", 2, f"line 1, 'HX-1=-1': {PIECES} '-1'", SKU_QTY),
        ("SO-1 HX-1=1.5", 2, f"line 1, 'HX-1=1.5': {PIECES} '1.5'", SKU_QTY),
        ("SO-1 HX-1=1_0", 2, f"line 1, 'HX-1=1_0': {PIECES} '1_0'", SKU_QTY),
        ("SO-1 HX-1=9999999999", 2, f"line 1, 'HX-1=9999999999': {PIECES} '9999999999'", SKU_QTY),
        ("SO-1 HX-9=1", 3, "there is no product 'HX-9'", "see: bvinv products list"),
        (
            "SO-1 HX-9=1 HX-1=1 HX-8=1",
            3,
            "there is no product 'HX-9', 'HX-8'",
            "see: bvinv products list",
        ),
        ("SO-1 HX-1=1 -w MOON", 3, "there is no warehouse MOON", "see: bvinv warehouse list"),
        ("'' HX-1=1", 2, "the reservation id is empty", None),
        (
            "SO-1 HX-1=1 --strategy luck",
            2,
            "the strategy is one of priority, most-stock, fewest-splits",
            None,
        ),
        (
            "SO-1 HX-1=1 --strategy priority -w MAIN",
            2,
            "name the warehouse or a strategy, not both",
            None,
        ),
        (
            "SO-1 HX-1=1 --ttl 15",
            2,
            "'15' is not a duration: the unit is missing",
            "write for example 90s, 15m, 2h, 1h30m, 7d or 2w",
        ),
        ("SO-1 HX-1=1 --ttl 0s", 2, "a duration is from 1s to 366d, not '0s'", None),
        ("SO-1", 2, "Missing argument 'SKU=QTY…'.", "see: bvinv reserve create --help"),
    ],
)
def test_what_makes_no_reservation(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"reserve create {line}", code, detail, hint)


def test_a_commit_lets_goods_leave(bvinv):
    bvinv("reserve create SO-1 HX-1=7")

    part = bvinv("reserve commit SO-1 HX-1=2 --format json").json
    assert (part["status"], counts(part)) == ("held", [("MAIN", 7, 5, 0, 2, 0)])
    assert bvinv.level("HX-1", "MAIN") == (8, 5, 3, 0)

    rest = bvinv("reserve commit SO-1 --format json").json
    assert (rest["status"], counts(rest)) == ("committed", [("MAIN", 7, 0, 0, 7, 0)])
    assert bvinv.level("HX-1", "MAIN") == (3, 0, 3, 0)


def test_closing_releases_what_is_left(bvinv):
    bvinv("reserve create SO-1 HX-1=7")

    row = bvinv("reserve commit SO-1 HX-1=2 --close --format json").json

    assert (row["status"], counts(row)) == ("committed", [("MAIN", 7, 0, 0, 2, 5)])
    assert bvinv.level("HX-1", "MAIN") == (8, 0, 8, 0)


def test_a_release_gives_everything_back(bvinv):
    bvinv("reserve create SO-1 HX-1=7")

    row = bvinv("reserve release SO-1 --format json").json

    assert (row["status"], counts(row)) == ("released", [("MAIN", 7, 0, 0, 0, 7)])
    assert bvinv.level("HX-1", "MAIN") == (10, 0, 10, 0)


def test_an_extension_moves_the_end(bvinv):
    first = bvinv("reserve create SO-1 HX-1=7 --format json").json
    later = bvinv("reserve extend SO-1 --ttl 2h --format json").json

    assert later["expires_at"] > first["expires_at"]
    picked = {"picked": 0, "packed": 0, "packages": []}
    assert bvinv("reserve show SO-1 --format json").json == later | picked
    refused = bvinv("reserve extend SO-1 --ttl 1h").refused(4)
    assert refused == (f"error[conflict]: SO-1 lasts longer already, until {later['expires_at']}\n")


@pytest.mark.parametrize("what", ["commit", "release", "extend", "show"])
def test_an_unknown_reservation_is_named(bvinv, what):
    assert_refused(
        bvinv,
        f"reserve {what} SO-9",
        3,
        "there is no reservation SO-9",
        "see: bvinv reserve list",
    )


@pytest.mark.parametrize("what", ["commit", "release", "extend"])
def test_what_is_over_is_over(bvinv, what):
    bvinv("reserve create SO-1 HX-1=7")
    bvinv("reserve release SO-1")
    assert_refused(
        bvinv,
        f"reserve {what} SO-1",
        4,
        "reservation SO-1 is released already",
        "see: bvinv reserve show SO-1",
    )


def test_more_than_is_held_does_not_leave(bvinv):
    bvinv("reserve create SO-1 HX-1=7")
    assert_refused(
        bvinv,
        "reserve commit SO-1 HX-1=8",
        4,
        "reservation SO-1 holds 7 of HX-1, 8 wanted",
        "see: bvinv reserve show SO-1",
    )


def run_out(bvinv, monkeypatch, number="SO-1"):
    """Make a reservation whose time is over by now."""
    bvinv(f"reserve create {number} HX-1=7 --ttl 1s")
    from bvinv.core import instants

    late = instants.now() + 60_000_000
    monkeypatch.setattr("bvinv.core.instants.now", lambda: late)
    # The parameter of Database was bound when its module was imported.
    monkeypatch.setitem(_clock_of_database(), "clock", lambda: late)


def _clock_of_database():
    from bvinv.core.db import Database

    return Database.__init__.__kwdefaults__


def test_what_ran_out_counts_no_more_even_before_it_is_swept(bvinv, monkeypatch):
    run_out(bvinv, monkeypatch)

    shown = bvinv("reserve show SO-1 --format json").json
    assert (shown["status"], counts(shown)) == ("expired", [("MAIN", 7, 0, 0, 0, 7)])
    assert bvinv("stock show HX-1 -w MAIN --format json").json["available"] == 10
    refused = bvinv("reserve commit SO-1").refused(4)
    assert refused == (
        f"error[conflict]: reservation SO-1 expired at {shown['expires_at']}\n"
        "hint: make a new reservation\n"
    )


def test_a_sweep_records_what_ran_out_once(bvinv, monkeypatch):
    run_out(bvinv, monkeypatch)

    assert bvinv("reserve expire --format json").json == {"expired": 1, "pieces": 7}
    before = bvinv.dump()
    assert bvinv("reserve expire").stdout == "expired  0\npieces   0\n"
    assert bvinv.dump() == before


def test_a_sweep_can_be_tried(bvinv, monkeypatch):
    run_out(bvinv, monkeypatch)

    answer = assert_only_tried(bvinv, "reserve expire")

    assert (answer["expired"], answer["pieces"]) == (1, 7)
    assert [(one["reserved_before"], one["reserved"]) for one in answer["changes"]] == [(7, 0)]


def test_a_sweep_replays_its_key(bvinv, monkeypatch):
    run_out(bvinv, monkeypatch)
    assert_replays(bvinv, "reserve expire", "reserve expire --batch 7")


@pytest.mark.parametrize("batch", ["0", "-1", "x", "10001"])
def test_a_batch_is_a_number(bvinv, batch):
    ran = bvinv(f"reserve expire --batch {batch}")
    assert (ran.exit_code, ran.stdout) == (2, "")


def test_reservations_are_listed_the_newest_first(bvinv):
    for number in ("SO-1", "SO-2", "SO-3"):
        bvinv(f"reserve create {number} HX-1=1 HX-2=1")
    bvinv("reserve release SO-2")

    ran = bvinv("reserve list --limit 2")
    rows = [re.split(r"  +", line) for line in ran.stdout.splitlines()]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("reservation_id", "status", "lines"),
        ("SO-3", "held", "HX-1=1 MAIN, HX-2=1 MAIN"),
        ("SO-2", "released", "HX-1=1 MAIN, HX-2=1 MAIN"),
    ]
    assert ran.stderr == "more: --after SO-2\n"
    rest = bvinv("reserve list --after SO-2 --format json")
    assert ([row["reservation_id"] for row in rest.json], rest.stderr) == (["SO-1"], "")
    held = bvinv("reserve list --status held --format json").json
    assert [row["reservation_id"] for row in held] == ["SO-3", "SO-1"]


def test_a_list_is_refused_what_it_does_not_know(bvinv):
    detail = "the status is one of held, committed, released, expired"
    assert_refused(bvinv, "reserve list --status x", 2, detail, None)
    detail = "there is no reservation SO-9"
    assert_refused(bvinv, "reserve list --after SO-9", 3, detail, "see: bvinv reserve list")


@pytest.mark.parametrize("fmt", ["csv", "json"])
def test_a_list_of_nothing_is_no_error(bvinv, fmt):
    ran = bvinv(f"reserve list --format {fmt}")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == {"csv": ",".join(KEYS) + "\n", "json": "[]\n"}[fmt]


@pytest.mark.parametrize(
    ("line", "reserved"),
    [
        ("create SO-2 HX-1=2", (2, 4)),
        ("commit SO-1", (2, 0)),
        ("release SO-1", (2, 0)),
    ],
)
def test_a_dry_run_only_tells(bvinv, line, reserved):
    bvinv("reserve create SO-1 HX-1=2")
    answer = assert_only_tried(bvinv, f"reserve {line}")
    [change] = answer["changes"]
    assert (change["reserved_before"], change["reserved"]) == reserved


def test_an_extension_can_be_tried(bvinv):
    bvinv("reserve create SO-1 HX-1=2")
    assert assert_only_tried(bvinv, "reserve extend SO-1 --ttl 2h")["changes"] == []


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("create SO-2 HX-1=2", "create SO-3 HX-1=2"),
        ("extend SO-1 --ttl 2h", "extend SO-1 --ttl 3h"),
        ("commit SO-1", "commit SO-1 HX-1=1"),
        ("release SO-1", "commit SO-1"),
    ],
)
def test_a_key_makes_repeating_harmless(bvinv, line, other):
    bvinv("reserve create SO-1 HX-1=2")
    assert_replays(bvinv, f"reserve {line}", f"reserve {other}")


def test_json_lines_are_one_reservation_a_line(bvinv):
    for number in ("SO-1", "SO-2"):
        bvinv(f"reserve create {number} HX-1=1")
    lines = bvinv("reserve list -f jsonl").stdout.splitlines()
    assert [json.loads(line)["reservation_id"] for line in lines] == ["SO-2", "SO-1"]
