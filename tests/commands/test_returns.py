"""`bvinv returns`."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

KEYS = [
    *("return", "sku", "warehouse", "quantity", "reason", "reservation_id", "lot", "bin"),
    *("undecided", "restocked", "damaged", "scrapped", "sent_back", "created_at", "updated_at"),
]
RECEIVE = "returns receive HX-1 --qty 2 --warehouse MAIN --reason unwanted"


@pytest.fixture
def shipped(bvinv):
    bvinv("reserve create SO-1 HX-1=3")
    bvinv("reserve commit SO-1")
    return bvinv


def test_a_return_is_received_and_decided(shipped):
    row = shipped(f"{RECEIVE} --reservation SO-1 --format json").json
    assert list(row) == KEYS
    assert (row["return"], row["bin"], row["undecided"]) == ("RT-1", "QUAR", 2)
    assert shipped.level("HX-1", "MAIN") == (7, 0, 7, 0)

    row = shipped("returns decide RT-1 --restock 1 --to-supplier 1 --format json").json
    assert (row["undecided"], row["restocked"], row["sent_back"]) == (0, 1, 1)
    assert shipped.level("HX-1", "MAIN") == (8, 0, 8, 0)
    assert shipped("returns show RT-1 --format json").json == row


def test_a_barcode_of_a_pack_stands_for_its_pieces(shipped):
    assert (
        shipped(
            "returns receive 5012345678900 --qty 2 --warehouse MAIN --reason unwanted --format json"
        ).json["quantity"]
        == 2
    )


def test_returns_are_listed(shipped):
    shipped(RECEIVE)
    assert shipped("returns list --open").stdout == (
        "return  sku   warehouse  quantity  undecided  reason    reservation_id\n"
        "RT-1    HX-1  MAIN              2          2  unwanted\n"
    )
    assert shipped("returns list --format csv").stdout.split("\r\n")[0].split("\n")[0] == (
        ",".join(KEYS)
    )
    shipped("returns decide RT-1 --damaged 2")
    assert shipped("returns list --open --format json").json == []
    assert shipped("returns list --open --format csv").stdout == ",".join(KEYS) + "\n"


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            f"{RECEIVE.replace('2', '4')} --reservation SO-1",
            4,
            "reservation SO-1 shipped 3 of HX-1; 4 cannot come back",
            "see: bvinv reserve show SO-1",
        ),
        (
            RECEIVE.replace("unwanted", "because"),
            2,
            "there is no reason 'because'",
            "see: bvinv stock reason list, or add it: bvinv stock reason add",
        ),
        (
            RECEIVE.replace("2", "1000000"),
            2,
            "1,000,000 pieces: is that meant?",
            "say so: --yes",
        ),
        (
            "returns decide RT-1 --scrap 1",
            3,
            "there is no return RT-1",
            "see: bvinv returns list",
        ),
        ("returns show PO-1", 2, "'PO-1' is not the number of a return", "for example: RT-12"),
    ],
)
def test_what_makes_no_sense_is_refused(shipped, line, code, detail, hint):
    assert_refused(shipped, line, code, detail, hint)


def test_a_return_can_be_tried_and_repeated(shipped):
    assert assert_only_tried(shipped, RECEIVE)["return"] == "RT-1"
    assert_replays(shipped, RECEIVE, RECEIVE.replace("2", "1"))
    assert len(shipped("returns list --format json").json) == 1
