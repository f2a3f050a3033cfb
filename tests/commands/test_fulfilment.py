"""`bvinv reserve pick`, `pack`, `ship`."""

import json

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

LINE = [
    *("pick", "warehouse", "bin", "sku", "title", "lot"),
    *("quantity", "picked", "short", "packed", "shipped"),
]


@pytest.fixture
def order(bvinv):
    bvinv("reserve create SO-1 HX-1=4 HX-2=2 --warehouse MAIN")
    return bvinv


@pytest.fixture
def picked(order):
    order("reserve pick SO-1")
    order("reserve pick SO-1 --all")
    return order


def test_an_order_is_picked_packed_and_shipped(order):
    row = order("reserve pick SO-1 --format json").json
    assert list(row) == ["reservation_id", "status", "expires_at", "lines", "shorts"]
    assert [list(line) for line in row["lines"]] == [LINE] * 2
    assert [line["pick"] for line in row["lines"]] == ["PK-1"] * 2

    assert order("reserve pick SO-1 HX-1=4 --format json").json["status"] == "open"
    assert order("reserve pick SO-1 --all --format json").json["status"] == "picked"
    row = order("reserve pack SO-1 --package P-1 HX-1=4 --format json").json
    assert (row["package"], row["pieces"]) == ("P-1", 4)
    assert order("reserve pack SO-1 --package P-1 --format json").json["pieces"] == 6
    row = order("reserve ship SO-1 --tracking 1Z9 --format json").json
    assert (row["status"], row["packages"][0]["tracking"]) == ("committed", "1Z9")
    assert order.level("HX-1", "MAIN") == (6, 0, 6, 0)

    row = order("reserve ship SO-1 --cancel --format json").json
    assert (row["status"], row["held"], row["committed"]) == ("held", 6, 0)
    assert order.level("HX-1", "MAIN") == (10, 4, 6, 0)
    assert order("reserve pick SO-1 --cancel --format json").json["status"] == "cancelled"


def test_people_read_a_walk(order):
    said = order("reserve pick SO-1").stdout
    assert said.split("lines:\n")[1] == (
        "warehouse  bin    to_pick  picked  short  sku   title\n"
        "MAIN       SHELF        4       0      0  HX-1  Hex\n"
        "MAIN       SHELF        2       0      0  HX-2  Book HX-2\n"
    )


def test_people_read_the_packages_of_an_order(picked):
    picked("reserve pack SO-1 --package P-1 HX-1=4")
    assert picked("reserve show SO-1").stdout.split("packages:\n")[1] == (
        "package  warehouse  status  pieces  contents\nP-1      MAIN       packed       4  HX-1=4\n"
    )
    shown = picked("reserve show SO-1 --format json").json
    assert (shown["picked"], shown["packed"]) == (6, 4)


def test_a_short_says_what_became_of_it(order):
    order("reserve pick SO-1")
    row = order("reserve pick SO-1 --short HX-2=1 --bin SHELF --format json").json
    assert row["shorts"] == [
        {
            "warehouse": "MAIN",
            "bin": "SHELF",
            "sku": "HX-2",
            "short": 1,
            "elsewhere": 0,
            "backordered": 0,
            "unsettled": 1,
            "adjusted": 1,
            "count": "CT-1",
        }
    ]
    assert order("reserve pick SO-1 --short HX-1 --format json").json["shorts"][0]["short"] == 4


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("reserve pick SO-9", 3, "there is no reservation SO-9", "see: bvinv reserve list"),
        (
            "reserve pick SO-1 --all",
            4,
            "nobody picks reservation SO-1 yet",
            "make the list: bvinv reserve pick SO-1",
        ),
        (
            "reserve pick SO-1 HX-1=1 --all",
            2,
            "one at a time: SKU=QTY, --all, --short, --cancel or --scan",
            None,
        ),
        (
            "reserve pick SO-1 --all --bin SHELF",
            2,
            "--bin says where SKU=QTY or --short was",
            "HX-1=2 --bin A-01",
        ),
        ("reserve pick SO-1 --resume", 2, "--resume and --warehouse belong to --scan", None),
        (
            "reserve ship SO-1",
            4,
            "nothing of reservation SO-1 is picked",
            "pick it: bvinv reserve pick SO-1, or without picking: bvinv reserve commit SO-1",
        ),
        (
            "reserve ship SO-1 --cancel --tracking 1",
            2,
            "a package that is taken back has no tracking number",
            None,
        ),
        (
            "reserve pack SO-1 --package P-1 --cancel HX-1=1",
            2,
            "--cancel takes everything out of the package",
            None,
        ),
    ],
)
def test_what_makes_no_sense_is_refused(order, line, code, detail, hint):
    assert_refused(order, line, code, detail, hint)


def test_packing_and_shipping_what_is_not_there_is_refused(picked):
    picked("reserve pick SO-1")
    assert_refused(
        picked,
        "reserve pack SO-1 --package P-1 HX-1=5",
        4,
        "4 of HX-1 are picked and not packed for SO-1, 5 wanted",
        "see: bvinv reserve pick SO-1",
    )
    assert_refused(
        picked,
        "reserve ship SO-1",
        4,
        "reservation SO-1 has 6 picked in staging and none packed",
        "pack them: bvinv reserve pack SO-1 --package LABEL",
    )
    assert_refused(
        picked,
        "reserve commit SO-1",
        4,
        "reservation SO-1 has 6 picked in staging",
        "ship them: bvinv reserve ship SO-1, or bring them back: bvinv reserve pick SO-1 --cancel",
    )


@pytest.mark.parametrize(
    "line", ["reserve pick SO-1", "reserve pack SO-1 --package P-1", "reserve ship SO-1"]
)
def test_each_step_can_be_tried_first(order, line):
    steps = ("pick SO-1", "pick SO-1 --all", "pack SO-1 --package P-1", "ship SO-1")
    for step in steps:
        if f"reserve {step}" == line:
            break
        order(f"reserve {step}")
    assert assert_only_tried(order, line)["reservation_id"] == "SO-1"


def test_a_key_makes_a_pick_harmless_to_repeat(order):
    order("reserve pick SO-1")
    assert_replays(order, "reserve pick SO-1 HX-1=1", "reserve pick SO-1 HX-1=2")
    assert json.loads(order("reserve show SO-1 --format json").stdout)["picked"] == 1
