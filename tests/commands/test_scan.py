"""`bvinv scan` and `--scan`: what they print, what they refuse."""

import json

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

RECEIVE = "receive --scan --warehouse MAIN"


@pytest.fixture
def scanned(bvinv):
    """Return a shell in which somebody scanned HX-1, twice a code that nobody knows, a misread."""
    bvinv(RECEIVE, stdin="HX-1\n9780596520106\n*QTY 2\n9780596520106\n9780141439519\n")
    return bvinv


def test_each_scan_is_an_object_and_the_last_one_the_sum(bvinv):
    ran = bvinv(f"{RECEIVE} --format json", stdin="hx-1\nnothing\n")

    first, second, total = map(json.loads, ran.stdout.splitlines())
    assert first == {
        "session": "SC-1",
        "seq": 1,
        "code": "hx-1",
        "outcome": "accepted",
        "sku": "HX-1",
        "title": "Hex",
        "quantity": 1,
        "bin": "DOCK",
        "left": None,
        "detail": "+1 → DOCK",
        "progress": "1 in this session",
    }
    assert (second["outcome"], second["quantity"], second["sku"]) == ("unknown", 1, None)
    assert list(total)[:6] == ["session", "mode", "warehouse", "document", "actor", "status"]
    assert (total["accepted"], total["pieces"], total["unknown"]) == (1, 1, 1)
    assert ran.exit_code == 7
    problem = json.loads(ran.stderr[ran.stderr.index("{") :])
    assert (problem["code"], problem["session"], problem["accepted"]) == ("partial", "SC-1", 1)


def test_what_is_asked_is_answered_on_lines_of_its_own(bvinv):
    ran = bvinv(RECEIVE, stdin="*WHERE HX-1\n*LEFT\n")

    assert (ran.exit_code, ran.stdout) == (
        0,
        "HX-1 Hex: 10 in SHELF; put into SHELF (lies there)\n"
        "nothing is asked for: scan what there is\n",
    )


def test_sessions_are_listed(scanned):
    assert scanned("scan list").stdout == (
        "session  mode     warehouse  document  actor   status  accepted  pieces  unknown  "
        "refused\n"
        "SC-1     receive  MAIN                 tester  done           1       1        2  "
        "      1\n"
    )
    assert scanned("scan list --open").stdout == ""
    assert scanned("scan list --by nina --format json").json == []
    [row] = scanned("scan list --mode receive --format json").json
    assert (row["session"], row["receipt"][:3], row["undone"]) == ("SC-1", "RC-", 0)


def test_a_session_is_shown_line_by_line(scanned):
    shown = scanned("scan show SC-1 --format json").json
    assert [(one["seq"], one["outcome"]) for one in shown["scans"]] == [
        (1, "accepted"),
        (2, "unknown"),
        (3, "accepted"),
        (4, "unknown"),
        (5, "refused"),
    ]
    ran = scanned("scan show sc-1 --limit 2 --after 1")
    assert ran.stderr == "more: --after 3\n"
    assert ran.stdout.partition("scans:\n")[2] == (
        "seq  code           outcome   quantity  detail\n"
        "  2  9780596520106  unknown          1  +1 on the list of unknown codes\n"
        "  3  *QTY 2         accepted         0  the next item counts 2 times\n"
    )


def test_unknown_codes_are_listed_and_resolved(scanned):
    [row] = scanned("scan unknown --format json").json
    assert (row["code"], row["quantity"], row["scans"]) == ("9780596520106", 3, 2)

    ran = scanned("scan resolve 9780596520106 --to HX-2 --pack 2")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith(
        "code      9780596520106\n"
        "state     resolved\n"
        "sku       HX-2\n"
        "pack      2\n"
        "scans     2\n"
        "pieces    6\n"
        'receipts  ["RC-'
    )
    assert scanned.level("HX-2", "MAIN") == (10, 0, 10, 0)
    assert scanned("scan unknown").stdout == ""
    assert scanned("products show 9780596520106 --format json").json["sku"] == "HX-2"
    assert [
        row["state"] for row in scanned("scan unknown --state resolved --format json").json
    ] == ["resolved"]


def test_an_unknown_code_can_be_dismissed(scanned):
    assert scanned("scan dismiss 9780596520106 --format json").json["state"] == "dismissed"
    assert_refused(
        scanned,
        "scan dismiss 9780596520106",
        3,
        "'9780596520106' is not on the list of unknown codes",
        "see: bvinv scan unknown",
    )


def test_a_session_that_was_left_open_is_closed(bvinv):
    from bvinv.core.db import Database
    from tests.scan_books import begin

    database = Database(bvinv.path)
    begin(database)
    database.close()
    assert assert_only_tried(bvinv, "scan close SC-1")["status"] == "done"
    assert bvinv("scan close SC-1 --format json").json["status"] == "done"
    assert_refused(bvinv, "scan close SC-1", 4, "SC-1 is done already", None)
    assert_refused(
        bvinv, "scan close SC-7", 3, "there is no scan session SC-7", "see: bvinv scan list"
    )


def test_resolving_can_be_tried_and_repeated(scanned):
    line = "scan resolve 9780596520106 --to HX-2"
    assert assert_only_tried(scanned, line)["pieces"] == 3
    assert_replays(scanned, line, "scan resolve 9780596520106 --to HX-1")


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("scan show SC-9", 3, "there is no scan session SC-9", "see: bvinv scan list"),
        ("scan show PO-1", 2, "'PO-1' is not the number of a scan session", "for example: SC-12"),
        (
            "scan list --mode sing",
            2,
            "the mode is one of receive, put-away, pick, count, transfer",
            None,
        ),
        ("scan unknown --state lost", 2, "the state is one of open, resolved, dismissed", None),
        (
            "scan unknown --warehouse MOON",
            3,
            "there is no warehouse MOON",
            "see: bvinv warehouse list",
        ),
        (
            "receive --scan --warehouse MOON",
            3,
            "there is no warehouse MOON",
            "see: bvinv warehouse list",
        ),
        (
            "receive --scan --order PO-7",
            3,
            "there is no purchase order PO-7",
            "see: bvinv purchase order list",
        ),
    ],
)
def test_what_is_not_there_is_named(bvinv, line, code, detail, hint):
    assert_refused(bvinv, line, code, detail, hint)
