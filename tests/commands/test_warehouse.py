"""`bvinv warehouse`: what it prints, what it refuses."""

import json

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays


def test_a_warehouse_is_born_with_two_bins(bvinv):
    ran = bvinv('warehouse add shop --name "The shop" --priority 3')

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "code      SHOP\nname      The shop\npriority  3\nbins      2\nskus      0\non_hand   0\n"
    )
    assert bvinv("warehouse bins SHOP").stdout == (
        "warehouse  bin    kind     skus  quantity  capacity  pick_sequence\n"
        "SHOP       DOCK   dock        0         0\n"
        "SHOP       SHELF  storage     0         0\n"
    )


def test_warehouses_are_listed_in_the_order_in_which_they_are_asked(bvinv):
    bvinv("warehouse add FIRST --name First --priority 0")

    assert bvinv("warehouse list").stdout == (
        "code   name   priority  bins  skus  on_hand\n"
        "FIRST  First         0     2     0        0\n"
        "MAIN   Main          1     3     2       14\n"
        "NORTH  North         2     2     1        6\n"
    )


def test_one_warehouse_has_these_keys(bvinv):
    shown = bvinv("warehouse show main --format json").json

    assert list(shown) == ["code", "name", "priority", "bins", "skus", "on_hand", "created_at"]
    assert shown["created_at"].endswith("Z")


def test_a_bin_is_added(bvinv):
    ran = bvinv("warehouse bin add MAIN b-01 --format json")

    assert ran.json == {
        "warehouse": "MAIN",
        "bin": "B-01",
        "kind": "storage",
        "skus": 0,
        "quantity": 0,
        "pick_sequence": None,
        "capacity": None,
    }
    rows = bvinv("warehouse bins MAIN --format json").json
    assert [(row["bin"], row["kind"], row["quantity"]) for row in rows] == [
        ("B-01", "storage", 0),
        ("DOCK", "dock", 0),
        ("QUAR", "quarantine", 0),
        ("SHELF", "storage", 14),
    ]


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("add MAIN --name x", 4, "there is a warehouse MAIN already", None),
        ("add main --name x", 4, "there is a warehouse MAIN already", None),
        ("add A --name ''", 2, "the name is empty", None),
        (
            "add 'A=B' --name x",
            2,
            "the warehouse may not contain '=' or ',': 'A=B'",
            "order lines are written SKU=QTY, with commas between them",
        ),
        (
            "add A --name x --priority -1",
            2,
            "the priority must be a whole number from 0 to 10000, not '-1'",
            None,
        ),
        ("show MOON", 3, "there is no warehouse MOON", "see: bvinv warehouse list"),
        ("bins MOON", 3, "there is no warehouse MOON", "see: bvinv warehouse list"),
        ("bin add MOON B-01", 3, "there is no warehouse MOON", "see: bvinv warehouse list"),
        ("bin add MAIN DOCK", 4, "there is a bin DOCK in MAIN already", None),
        (
            "bin add MAIN SUPPLIER",
            2,
            "SUPPLIER is where goods come from or go to, not a bin",
            None,
        ),
        (
            "bin add MAIN B-01 --kind attic",
            2,
            "a bin is one of storage, dock, staging, quarantine, damaged, not 'attic'",
            None,
        ),
    ],
)
def test_refusals_change_nothing(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"warehouse {line}", code, detail, hint)


@pytest.mark.parametrize(
    "line", ["warehouse add SHOP --name Shop", "warehouse bin add MAIN B-01 --kind damaged"]
)
def test_a_dry_run_only_tells(bvinv, line):
    assert assert_only_tried(bvinv, line)["changes"] == []


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("warehouse add SHOP --name Shop", "warehouse add SHOP --name Other"),
        ("warehouse bin add MAIN B-01", "warehouse bin add MAIN B-02"),
    ],
)
def test_a_key_makes_repeating_harmless(bvinv, line, other):
    assert_replays(bvinv, line, other)


def test_a_list_of_nothing_still_has_its_columns(bvinv, tmp_path):
    bvinv(f"--db {tmp_path}/empty.db init")
    where = f"--db {tmp_path}/empty.db"

    assert bvinv(f"{where} warehouse list -f csv").stdout == (
        "code,name,priority,bins,skus,on_hand,created_at\n"
    )
    assert json.loads(bvinv(f"{where} warehouse list -f json").stdout) == []
    assert bvinv(f"{where} warehouse list") == (0, "", "")
