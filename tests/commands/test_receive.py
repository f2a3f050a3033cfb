"""`bvinv receive`: what it prints, what it refuses."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

PIECES = "the quantity must be a whole number from 1 to 1000000000, not"


def test_goods_go_to_the_dock(bvinv):
    bvinv("purchase supplier add HARBOUR --name H --currency GBP --lead-time-days 3")
    ran = bvinv("receive HX-1 --qty 3 --warehouse main --document DN-1 --supplier Harbour")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "sku          HX-1\n"
        "warehouse    MAIN\n"
        "on_hand      13\n"
        "reserved     0\n"
        "available    13\n"
        "backordered  0\n"
    )
    moved = bvinv("stock history HX-1 --limit 1 --format json").json[0]
    assert (moved["kind"], moved["from_bin"], moved["to_bin"], moved["document"]) == (
        "receive",
        "supplier",
        "DOCK",
        "DN-1",
    )
    assert bvinv.fetch("SELECT data FROM event ORDER BY id DESC LIMIT 1") == [
        (
            '{"warehouse":"MAIN","quantity":3,"bin":"DOCK","supplier":"HARBOUR",'
            '"document":"DN-1","receipt":"RC-4"}',
        )
    ]


@pytest.mark.parametrize(
    "ref", ["HX-1", "hx-1", "9780141439518", "978-0-14-143951-8", "0141439513", "5012345678900"]
)
def test_a_product_is_named_by_any_of_its_names(bvinv, ref):
    assert bvinv(f"receive {ref} --qty 1 -w MAIN --format json").json["sku"] == "HX-1"


def test_a_bin_can_be_named(bvinv):
    bvinv("receive HX-1 --qty 2 -w MAIN --bin quar")

    assert bvinv.level("HX-1", "MAIN") == (10, 0, 10, 0)
    assert bvinv("stock show HX-1 -w MAIN --format json").json["unsellable"] == 2


def test_the_oldest_backorder_gets_its_goods_first(bvinv):
    bvinv("reserve create SO-1 HX-3=2 --backorder")
    bvinv("reserve create SO-2 HX-3=2 --backorder")

    level = bvinv("receive HX-3 --qty 3 -w MAIN --format json").json

    assert (level["on_hand"], level["reserved"], level["backordered"]) == (3, 3, 1)
    assert bvinv("reserve show SO-1 --format json").json["lines"][0]["held"] == 2


@pytest.mark.parametrize("pieces", ["0", "-1", "1.5", "1_000", "1e3", "x", "1000000001", "٣", "''"])
def test_only_whole_numbers_of_pieces_are_taken(bvinv, pieces):
    said = pieces.strip("'")
    assert_refused(bvinv, f"receive HX-1 --qty {pieces} -w MAIN", 2, f"{PIECES} {said!r}", None)


@pytest.mark.parametrize(
    ("line", "detail", "hint"),
    [
        ("HX-9 --qty 1 -w MAIN", "there is no product 'HX-9'", "see: bvinv products list"),
        ("HX-1 --qty 1 -w MOON", "there is no warehouse MOON", "see: bvinv warehouse list"),
        (
            "HX-1 --qty 1 -w MAIN --bin A-99",
            "there is no bin A-99 in MAIN",
            "see: bvinv warehouse bins MAIN",
        ),
    ],
)
def test_what_is_not_there_is_named(bvinv, line, detail, hint):
    assert_refused(bvinv, f"receive {line}", 3, detail, hint)


def test_goods_need_a_warehouse_and_a_number(bvinv):
    hint = "see: bvinv receive --help"
    assert_refused(bvinv, "receive HX-1 --qty 1", 2, "Missing option '--warehouse' / '-w'.", hint)
    assert_refused(bvinv, "receive HX-1 -w MAIN", 2, "Missing option '--qty'.", hint)


def test_a_dry_run_only_tells(bvinv):
    answer = assert_only_tried(bvinv, "receive HX-1 --qty 3 -w MAIN")

    assert (answer["on_hand"], answer["changes"]) == (
        13,
        [
            {
                "sku": "HX-1",
                "warehouse": "MAIN",
                "on_hand_before": 10,
                "on_hand": 13,
                "reserved_before": 0,
                "reserved": 0,
            }
        ],
    )
    told = bvinv("receive HX-1 --qty 3 -w MAIN --dry-run")
    assert told.stdout.splitlines()[2:4] == ["on_hand      13", "reserved     0"]
    assert told.stderr == (
        "would change HX-1 at MAIN: on hand 10 → 13, reserved 0 → 0\ndry run: nothing was changed\n"
    )


def test_a_key_makes_repeating_harmless(bvinv):
    assert_replays(bvinv, "receive HX-1 --qty 3 -w MAIN", "receive HX-1 --qty 4 -w MAIN")
    assert bvinv.level("HX-1", "MAIN") == (13, 0, 13, 0)


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("''", "the key is empty"),
        ("x" * 256, "the key has 256 characters; at most 255 are allowed"),
        ("'a\x07'", r"the key has a control character: '\x07' at character 2"),
    ],
)
def test_a_key_has_to_be_one(bvinv, key, detail):
    assert_refused(bvinv, f"receive HX-1 --qty 1 -w MAIN --key {key}", 2, detail, None)
