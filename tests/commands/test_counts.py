"""`bvinv stock count`: what it prints, what it refuses."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

OPEN = "stock count open -w MAIN"
ADD = "stock count add CT-1 HX-1 --bin SHELF"
COUNT = [
    "count",
    "warehouse",
    "status",
    "scope",
    "blind",
    "tolerance",
    "note",
    "counted",
    "recount",
    "posted",
    "found",
    "lost",
    "uncounted",
    "lines",
    "left",
    "created_at",
    "closed_at",
]
LINE = [
    "sku",
    "bin",
    "lot",
    "counted",
    "expected",
    "difference",
    "attempts",
    "state",
    "actor",
    "counted_at",
    "movement",
]


def test_a_count_from_beginning_to_end(bvinv):
    opened = bvinv(f"{OPEN} --tolerance 1 --note 'year end'")
    assert (opened.exit_code, opened.stderr) == (0, "")
    assert opened.stdout == (
        "count      CT-1\n"
        "warehouse  MAIN\n"
        "status     open\n"
        "scope      everything\n"
        "tolerance  1\n"
        "note       year end\n"
        "counted    0\n"
        "recount    0\n"
        "posted     0\n"
        "found      0\n"
        "lost       0\n"
        "uncounted  2\n"
    )
    first = bvinv(f"{ADD} --qty 8")
    assert first.stdout == (
        "count     CT-1\nsku       HX-1\nbin       SHELF\ncounted   8\nattempts  1\n"
        "state     recount\n"
    )
    assert first.stderr == (
        "it differs from the record, or from the count before: count it again\n"
    )
    assert bvinv("stock count post CT-1").refused(4) == (
        "error[conflict]: 1 line of CT-1 is to be counted again\n"
        "  HX-1 in SHELF: 8 counted, which differs\n"
        "hint: count again: bvinv stock count add CT-1 …; or post with --skip or --accept\n"
    )
    bvinv("reserve create SO-1 HX-1=1 -w MAIN")
    bvinv("reserve commit SO-1")
    second = bvinv(f"{ADD} --qty 7")
    assert (second.stderr, "counted" in second.stdout) == ("", True)

    shown = bvinv("stock count show CT-1")
    assert shown.stdout.endswith(
        "uncounted  1\n"
        "\n"
        "lines:\n"
        "bin    sku   counted  attempts  state\n"
        "SHELF  HX-1        7         2  counted\n"
        "\n"
        "left:\n"
        "bin    sku\n"
        "SHELF  HX-2\n"
    )
    posted = bvinv("stock count post CT-1")
    assert posted.stderr == "not counted, and left as they are: 1\n"
    assert posted.stdout.endswith("posted     1\nfound      0\nlost       2\nuncounted  1\n")
    assert bvinv.level("HX-1", "MAIN") == (7, 0, 7, 0)
    assert bvinv("stock count show CT-1").stdout.endswith(
        "bin    sku   counted  expected  difference  attempts  state\n"
        "SHELF  HX-1        7         9          -2         2  posted\n"
    )
    [last] = bvinv("stock history HX-1 --limit 1 -f json").json
    assert (last["kind"], last["reason"], last["document"], last["on_hand_change"]) == (
        "count",
        "lost",
        "CT-1",
        -2,
    )


def test_a_count_has_these_keys(bvinv):
    opened = bvinv(f"{OPEN} -f json").json
    counted = bvinv(f"{ADD} --qty 10 -f json").json
    shown = bvinv("stock count show ct-1 -f json").json
    posted = bvinv("stock count post 1 -f json").json

    assert list(opened) == list(shown) == list(posted) == COUNT
    assert list(counted) == [*LINES_OF_ONE]
    assert list(shown["lines"][0]) == LINE
    assert shown["left"] == [{"bin": "SHELF", "sku": "HX-2", "lot": None}]
    assert (shown["lines"][0]["expected"], posted["lines"][0]["expected"]) == (None, 10)
    assert list(bvinv("stock count list -f json").json[0]) == [
        name for name in COUNT if name not in ("found", "lost", "uncounted", "lines", "left")
    ]


LINES_OF_ONE = (
    "count",
    "warehouse",
    "sku",
    "bin",
    "lot",
    "counted",
    "expected",
    "difference",
    "attempts",
    "state",
    "level_id",
    "level_seq",
)


def test_a_count_that_is_not_blind_says_what_is_expected(bvinv):
    bvinv(f"{OPEN} HX-1 --not-blind")
    row = bvinv(f"{ADD} --qty 8 -f json").json
    assert (row["expected"], row["difference"]) == (10, -2)


def test_counts_are_listed(bvinv):
    for line in ("--bin SHELF", "--bins A..Z", "HX-1 HX-2", "--class C"):
        bvinv(f"{OPEN} {line}")
    bvinv("stock count cancel CT-2")

    rows = bvinv("stock count list -f json").json
    assert [(row["count"], row["status"], row["scope"]) for row in rows] == [
        ("CT-4", "open", "class C"),
        ("CT-3", "open", "HX-1, HX-2"),
        ("CT-2", "cancelled", "bins A..Z"),
        ("CT-1", "open", "bin SHELF"),
    ]
    page = bvinv("stock count list --status open --limit 2 -f json")
    assert (len(page.json), page.stderr) == (2, "more: --after CT-3\n")
    assert bvinv("stock count list -w NORTH -f json").json == []


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            f"{OPEN} --bin SHELF --bins A..B",
            2,
            "say --bin or --bins, not both",
            None,
        ),
        (
            f"{OPEN} HX-1 --class A",
            2,
            "a count is about bins, a class, or products",
            "open two counts: they may go on at once",
        ),
        (
            f"{OPEN} --tolerance -1",
            2,
            "the tolerance must be a whole number from 0 to 1000000000, not '-1'",
            None,
        ),
        (
            "stock count open",
            2,
            "Missing option '--warehouse' / '-w'.",
            "see: bvinv stock count open --help",
        ),
        (
            "stock count add CT-1 HX-1 --bin QUAR --qty 1",
            2,
            "bin QUAR is not in CT-1, which counts bin SHELF",
            "for a count of its own: bvinv stock count open --warehouse MAIN --bin QUAR",
        ),
        (
            "stock count add CT-1 HX-1 --bin SHELF",
            2,
            "say what lies where, and how much",
            "bvinv stock count add CT-1 HX-1 --bin A-01 --qty 12; or: --scan",
        ),
        (
            "stock count add CT-1 HX-1 --scan",
            2,
            "the scanner names goods, bins and quantities",
            "leave them out, or --scan",
        ),
        (
            "stock count add CT-1 --resume",
            2,
            "only a scanner goes on",
            "say --scan too",
        ),
        (
            f"{ADD} --qty -1",
            2,
            "the quantity must be a whole number from 0 to 1000000000, not '-1'",
            None,
        ),
        (f"{ADD} --qty 100000", 2, "100,000 pieces: is that meant?", "say so: --yes"),
        (
            "stock count show CT-9",
            3,
            "there is no count CT-9",
            "see: bvinv stock count list",
        ),
        (
            "stock count show PO-1",
            2,
            "'PO-1' is not the number of a count",
            "for example: CT-12",
        ),
        (
            "stock count post CT-1",
            4,
            "nothing was counted in CT-1",
            "count first: bvinv stock count add CT-1 REF --bin B --qty N",
        ),
        ("stock count post CT-1 --break oldest", 2, "--break knows one way: newest", None),
        (
            "stock count list --status new",
            2,
            "the status is one of open, posted, cancelled",
            None,
        ),
    ],
)
def test_what_is_no_count(bvinv, line, code, detail, hint):
    bvinv(f"{OPEN} --bin SHELF")
    assert_refused(bvinv, line, code, detail, hint)


def test_many_pieces_are_meant_when_said_so(bvinv):
    bvinv(OPEN)
    assert bvinv(f"{ADD} --qty 100000 --yes -f json").json["counted"] == 100_000


def test_counting_can_be_tried(bvinv):
    assert assert_only_tried(bvinv, OPEN)["count"] == "CT-1"
    bvinv(OPEN)
    assert assert_only_tried(bvinv, f"{ADD} --qty 7")["counted"] == 7
    bvinv(f"{ADD} --qty 7")
    assert assert_only_tried(bvinv, "stock count post CT-1 --accept")["changes"] == [
        {
            "sku": "HX-1",
            "warehouse": "MAIN",
            "on_hand_before": 10,
            "on_hand": 7,
            "reserved_before": 0,
            "reserved": 0,
        }
    ]
    assert assert_only_tried(bvinv, "stock count cancel CT-1")["status"] == "cancelled"


def test_a_key_makes_counting_repeatable(bvinv):
    assert_replays(bvinv, OPEN, f"{OPEN} HX-1")
    first = bvinv(f"{ADD} --qty 7 --key K-2 -f json").json
    again = bvinv(f"{ADD} --qty 7 --key K-2 -f json").json
    assert (first["attempts"], again["attempts"], again["replayed"]) == (1, 1, True)
    bvinv("stock count post CT-1 --accept --key K-3")
    assert bvinv("stock count post CT-1 --accept --key K-3 -f json").json["replayed"] is True
    assert bvinv.level("HX-1", "MAIN") == (7, 0, 7, 0)
