"""Bins, put-away, lots and channels at the command line."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

A_1 = "warehouse bin add MAIN A-1 --pick-sequence 10 --capacity 12"


def test_a_bin_is_changed_and_shown(bvinv):
    assert bvinv(f"{A_1} --format json").json["capacity"] == 12
    row = bvinv("warehouse bin update main a-1 --capacity 20 --pick-sequence none -f json").json
    assert (row["capacity"], row["pick_sequence"], row["room"]) == (20, None, 20)

    bvinv("stock put-away HX-1 --from SHELF --qty 3 --to A-1 -w MAIN")
    assert bvinv("warehouse bin show MAIN A-1 --format json").json == {
        "warehouse": "MAIN",
        "bin": "A-1",
        "kind": "storage",
        "skus": 1,
        "quantity": 3,
        "pick_sequence": None,
        "capacity": 20,
        "room": 17,
        "contents": [
            {"sku": "HX-1", "lot": None, "expires_on": None, "expired": False, "quantity": 3}
        ],
    }
    assert bvinv("warehouse bin show MAIN A-1 --as-of 2026-01-01 -f json").json["contents"] == []
    rows = bvinv("warehouse bins MAIN --kind storage --as-of 2026-01-01 -f json").json
    assert [(row["bin"], row["quantity"]) for row in rows] == [("A-1", 0), ("SHELF", 0)]


def test_goods_go_where_it_is_proposed(bvinv):
    bvinv(A_1)
    bvinv("receive HX-3 --qty 12 -w MAIN")

    row = bvinv("stock put-away HX-3 -w MAIN --propose --format json").json
    assert row == {
        "sku": "HX-3",
        "warehouse": "MAIN",
        "quantity": 12,
        "bin": "A-1",
        "why": "empty",
        "lying": 0,
        "capacity": 12,
        "room": 12,
    }
    ran = bvinv("stock put-away HX-3 -w MAIN")
    assert ran.stderr == "to A-1: the first empty bin\n"
    assert "to_bin     A-1\n" in ran.stdout
    bvinv("receive HX-3 --qty 1 -w MAIN")
    ran = bvinv("stock put-away HX-3 -w MAIN --to SHELF --from A-1 --qty 2")
    assert ran.stderr == ""
    ran = bvinv("stock put-away HX-3 -w MAIN --to SHELF")
    assert ran.stderr == "A-1 was proposed (some of it lies there); SHELF is recorded\n"
    # A bin that is not for storing is no other choice.
    assert bvinv("stock put-away HX-3 -w MAIN --from SHELF --to QUAR").stderr == ""


def test_a_fixed_bin_is_proposed_first(bvinv):
    bvinv(A_1)
    ran = bvinv("stock set HX-3 -w MAIN --fixed-bin a-1")
    assert "fixed_bin    A-1\n" in ran.stdout
    bvinv("receive HX-3 --qty 2 -w MAIN")

    assert bvinv("stock put-away HX-3 -w MAIN").stderr == "to A-1: its fixed bin\n"
    row = bvinv("stock show HX-3 -w MAIN -f json").json
    assert list(row)[-3:] == ["unsellable", "expired", "fixed_bin"]
    assert row["fixed_bin"] == "A-1"
    assert bvinv("stock set HX-3 -w MAIN --fixed-bin none -f json").json["fixed_bin"] is None


def test_put_away_is_tried_and_repeated(bvinv):
    bvinv(A_1)
    bvinv("receive HX-3 --qty 12 -w MAIN")
    line = "stock put-away HX-3 -w MAIN --qty 5"

    assert assert_only_tried(bvinv, line)["to_bin"] == "A-1"
    assert_replays(bvinv, line, "stock put-away HX-3 -w MAIN --qty 6")


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "warehouse bin update MAIN A-1",
            2,
            "nothing to change",
            "for example: --pick-sequence 10",
        ),
        (
            "warehouse bin show MAIN N-1",
            3,
            "N-1 is a bin of NORTH, not of MAIN",
            "see: bvinv warehouse bins MAIN",
        ),
        (
            "receive HX-1 --qty 1 -w MAIN --bin n-1",
            3,
            "N-1 is a bin of NORTH, not of MAIN",
            "see: bvinv warehouse bins MAIN",
        ),
        (
            "warehouse bins MAIN --kind roof",
            2,
            "a bin is one of storage, dock, staging, quarantine, damaged, not 'roof'",
            None,
        ),
        (
            "stock put-away HX-1 -w MAIN --from SHELF --qty 3 --to A-1",
            4,
            "A-1 at MAIN has room for 2, not for 3",
            "put away fewer, choose another bin, or say --over-capacity",
        ),
        (
            "stock put-away HX-1",
            2,
            "Missing option '--warehouse' / '-w'.",
            "see: bvinv stock put-away --help",
        ),
        (
            "stock put-away -w MAIN",
            2,
            "name the goods, or scan them",
            "a SKU or barcode, or --scan",
        ),
        (
            "stock put-away HX-1 -w MAIN --scan",
            2,
            "the scanner names goods, bins and quantities",
            "leave them out, or --scan",
        ),
        (
            "stock set HX-1 -w MAIN --fixed-bin DOCK",
            2,
            "DOCK is no storage bin of MAIN: goods do not stay there",
            "see: bvinv warehouse bins MAIN --kind storage",
        ),
        (
            "stock adjust HX-1 -w MAIN --change 1 --reason found --lot L-1",
            2,
            "HX-1 has no lots",
            "if it should: bvinv products update HX-1 --lots",
        ),
        (
            "stock adjust HX-2 -w MAIN --change 1 --reason found --lot L-1 --expires-on 2025-01-31",
            2,
            "lot L-1 of HX-2 has expired, on 2025-01-31",
            None,
        ),
        (
            "reserve create SO-1 HX-1=1 --channel MOON",
            3,
            "there is no channel MOON",
            "see: bvinv reserve channel list",
        ),
    ],
)
def test_what_cannot_be_done(bvinv, line, code, detail, hint):
    bvinv("warehouse bin add MAIN A-1 --capacity 2")
    bvinv("warehouse bin add NORTH N-1")
    bvinv("products update HX-2 --lots")
    assert_refused(bvinv, line, code, detail, hint)


def test_lots_are_listed_taken_and_scrapped(bvinv):
    row = bvinv("products update HX-3 --lots --format json").json
    assert (row["tracks_lots"], row["protects_safety_stock"]) == (True, False)
    assert list(row)[-2:] == ["tracks_lots", "protects_safety_stock"]
    adjust = "stock adjust HX-3 -w MAIN --reason found --change"
    bvinv(f"{adjust} 5 --lot late --expires-on 2099-12")
    bvinv(f"{adjust} 4 --lot soon --expires-on 2098-12-24")

    assert bvinv("stock lots HX-3").stdout == (
        "sku   warehouse  lot   expires_on  quantity  expired\n"
        "HX-3  MAIN       SOON  2098-12-24         4  false\n"
        "HX-3  MAIN       LATE  2099-12-31         5  false\n"
    )
    bvinv("stock adjust HX-3 -w MAIN --change -5 --reason lost")
    rows = bvinv("stock lots HX-3 -w MAIN -f json").json
    assert [(row["lot"], row["quantity"]) for row in rows] == [("LATE", 4)]
    lying = bvinv("stock why HX-3 -w MAIN -f json").json["bins"]
    assert [(one["lot"], one["quantity"]) for one in lying] == [("LATE", 4)]
    bvinv("stock adjust HX-3 -w MAIN --change -4 --reason expired --lot LATE")
    assert bvinv("stock lots HX-3 -f json").json == []
    assert bvinv("products update HX-3 --no-lots -f json").json["tracks_lots"] is False


def test_channels_are_added_listed_and_refused_the_safety_stock(bvinv):
    add = 'reserve channel add market --name "A marketplace"'
    assert assert_only_tried(bvinv, f"{add} --low-priority")["low_priority"] is True
    assert_replays(bvinv, f"{add} --low-priority", add)
    assert bvinv("reserve channel list").stdout == (
        "code    name           low_priority\nMARKET  A marketplace  true\n"
    )
    bvinv("products update HX-1 --protect-safety-stock")
    bvinv("stock set HX-1 -w MAIN --safety-stock 4")
    ran = bvinv("reserve create SO-1 HX-1=7 --channel market")
    assert ran.refused(5).startswith(
        "error[insufficient-stock]: only 6 of HX-1 available to channel MARKET at all warehouses"
        " (4 are safety stock), 7 wanted\n"
    )
    row = bvinv("reserve create SO-1 HX-1=6 --channel market -f json").json
    assert row["channel"] == "MARKET"
    assert bvinv("reserve create SO-2 HX-1=4").exit_code == 0


def test_what_lies_in_quarantine_is_on_hand_nowhere_and_promised_to_nobody(bvinv):
    bvinv("stock put-away HX-1 --from SHELF --qty 4 --to QUAR -w MAIN")

    row = bvinv("stock show HX-1 -w MAIN -f json").json
    assert (row["on_hand"], row["available"], row["unsellable"]) == (6, 6, 4)
    assert bvinv("reserve create SO-1 HX-1=7").exit_code == 5
    bvinv("stock put-away HX-1 --from QUAR --to SHELF -w MAIN")
    assert bvinv("reserve create SO-1 HX-1=7").exit_code == 0
