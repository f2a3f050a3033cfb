"""`bvinv transfer`: what it prints, what it refuses."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

LINE = {
    "sku": "HX-1",
    "lot": None,
    "quantity": 4,
    "shipped": 4,
    "received": 1,
    "lost": 0,
    "returned": 0,
    "in_transit": 3,
}


def test_a_transfer_is_drafted_shipped_received_and_closed(bvinv):
    ran = bvinv("transfer create HX-1=3 hx-1=1 --from main --to north --note weekly")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["transfer", "TR-1"],
        ["status", "draft"],
        ["from_warehouse", "MAIN"],
        ["to_warehouse", "NORTH"],
        [],
        ["lines:"],
        ["sku", "quantity", "shipped", "received", "lost", "returned", "in_transit"],
        ["HX-1", "4", "0", "0", "0", "0", "0"],
    ]
    assert bvinv("transfer ship 1 -f json").json["status"] == "shipped"
    row = bvinv("transfer receive TR-1 HX-1=1 -f json").json
    assert list(row) == [
        "transfer",
        "status",
        "from_warehouse",
        "to_warehouse",
        "lines",
        "note",
        "created_at",
        "shipped_at",
        "closed_at",
        "updated_at",
    ]
    assert (row["status"], row["lines"], row["note"]) == ("partly-received", [LINE], "weekly")
    assert bvinv("stock show HX-1 -w NORTH -f json").json["in_transit"] == 3
    row = bvinv("transfer close tr-1 --lost HX-1=1 --rest returned -f json").json
    assert (row["status"], row["lines"]) == (
        "closed",
        [LINE | {"lost": 1, "returned": 2, "in_transit": 0}],
    )
    assert bvinv("transfer show TR-1 -f json").json == row
    assert bvinv("stock verify").exit_code == 0


def test_a_list_fits_the_screen(bvinv):
    bvinv("transfer create HX-1=3 HX-2=2 --from MAIN --to NORTH --ship")
    bvinv("transfer create HX-1=1 --from MAIN --to NORTH")
    bvinv("transfer cancel TR-2")

    ran = bvinv("transfer list --warehouse NORTH --open")
    assert [line.split()[:7] for line in ran.stdout.splitlines()] == [
        ["transfer", "status", "from", "to", "lines", "pieces", "in_transit"],
        ["TR-1", "shipped", "MAIN", "NORTH", "2", "5", "5"],
    ]
    assert [row["transfer"] for row in bvinv("transfer list -f json").json] == ["TR-2", "TR-1"]
    ran = bvinv("transfer list --limit 1")
    assert ran.stderr == "more: --after TR-2\n"
    assert bvinv("transfer list --status closed -f json").json == []


def test_a_draft_is_changed(bvinv):
    bvinv("transfer create HX-1=3 HX-2=2 --from MAIN --to NORTH")
    row = bvinv("transfer update TR-1 HX-1=1 --remove HX-2 --note less -f json").json
    assert ([(one["sku"], one["quantity"]) for one in row["lines"]], row["note"]) == (
        [("HX-1", 1)],
        "less",
    )
    assert_refused(
        bvinv, "transfer update TR-1", 2, "nothing to change", "for example: HX-1=3, or --note TEXT"
    )


@pytest.mark.parametrize(
    ("line", "exit_code", "detail", "hint"),
    [
        (
            "create HX-1=1 --from MAIN --to MAIN",
            2,
            "a transfer goes from one warehouse to another, not from MAIN to itself",
            "to move goods inside a warehouse: bvinv stock put-away",
        ),
        (
            "create HX-1=11 --from MAIN --to NORTH --ship",
            5,
            "only 10 of HX-1 can leave MAIN, 11 wanted",
            "see: bvinv stock why HX-1 --warehouse MAIN",
        ),
        (
            "create HX-1=1000000 --from MAIN --to NORTH",
            2,
            "1,000,000 pieces: is that meant?",
            "say so: --yes",
        ),
        (
            "create HX-1=1 --from MAIN --to MOON",
            3,
            "there is no warehouse MOON",
            "see: bvinv warehouse list",
        ),
        ("ship TR-9", 3, "there is no transfer TR-9", "see: bvinv transfer list"),
        ("ship PO-9", 2, "'PO-9' is not the number of a transfer", "for example: TR-12"),
        (
            "create HX-1=1 --from MAIN --to NORTH --scan --ship",
            2,
            "scans are kept one by one in a draft",
            "afterwards: bvinv transfer ship ID",
        ),
        (
            "list --status gone",
            2,
            "the status is one of draft, shipped, partly-received, closed, cancelled",
            None,
        ),
    ],
)
def test_what_makes_no_sense_is_refused(bvinv, line, exit_code, detail, hint):
    assert_refused(bvinv, f"transfer {line}", exit_code, detail, hint)


def test_a_million_is_taken_when_it_is_meant(bvinv):
    ran = bvinv("transfer create HX-1=1000000 --from MAIN --to NORTH --yes -f json")
    assert ran.json["lines"][0]["quantity"] == 1_000_000


def test_scans_fill_a_draft_and_take_it_in(bvinv):
    ran = bvinv("transfer create --scan --from MAIN --to NORTH", stdin="HX-1\nHX-1\n*DONE\n")
    assert (ran.exit_code, ran.stdout.splitlines()[:2]) == (
        0,
        ["transfer        TR-1", "status          draft"],
    )
    assert bvinv("transfer update TR-1 --scan", stdin="HX-2\n*DONE\n").exit_code == 0
    row = bvinv("transfer ship TR-1 -f json").json
    assert [(one["sku"], one["shipped"]) for one in row["lines"]] == [("HX-1", 2), ("HX-2", 1)]
    assert bvinv("transfer receive TR-1 --scan", stdin="HX-1\nHX-2\n*UNDO\n").exit_code == 0
    row = bvinv("transfer show TR-1 -f json").json
    assert [(one["received"], one["in_transit"]) for one in row["lines"]] == [(1, 1), (0, 1)]
    assert bvinv("transfer update TR-1 --scan", stdin="HX-2\n").exit_code == 4


def test_a_dry_run_only_tells(bvinv):
    answer = assert_only_tried(bvinv, "transfer create HX-1=4 --from MAIN --to NORTH --ship")
    assert (answer["status"], answer["lines"][0]["in_transit"]) == ("shipped", 4)
    assert [(one["warehouse"], one["on_hand"]) for one in answer["changes"]] == [
        ("MAIN", 6),
        ("NORTH", 0),
    ]


def test_a_key_makes_repeating_harmless(bvinv):
    line = "transfer create HX-1={} --from MAIN --to NORTH --ship"
    assert_replays(bvinv, line.format(3), line.format(4))
    assert bvinv.level("HX-1", "MAIN") == (7, 0, 7, 0)


def test_as_of_shows_the_past(bvinv):
    bvinv("transfer create HX-1=4 --from MAIN --to NORTH --ship")
    shipped = bvinv("transfer show 1 -f json").json
    bvinv("transfer receive 1 HX-1=1")

    past = bvinv(f"transfer show 1 --as-of {shipped['updated_at']} -f json").json

    assert past == shipped
