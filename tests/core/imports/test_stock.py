"""Importing stock: every row once, whatever stops the run and however often it is repeated."""

import hashlib
import json
import threading

import pytest

from bvinv.core import command_log
from bvinv.core.command_log import Tale
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.imports import runs
from tests import books
from tests.importers import Killed, counts, errors
from tests.importers import load_stock as load
from tests.lots_books import lots, track_lots, update

HEADER = "sku,warehouse,quantity,bin,reason\n"


@pytest.fixture
def empty(database):
    """Return a database with three products and two warehouses, nothing in them."""
    books.add_warehouses(database, "MAIN", "NORTH")
    books.add_products(database, "HX-1", "HX-2", "HX-3")
    return database


def test_opening_balances_lie_on_the_shelf_or_in_the_named_bin(empty):
    row = load(empty, "SKU,Warehouse,Quantity,Bin\nhx-1,main,7,\nHX-1,MAIN,2,dock\nHX-2,NORTH,0,\n")
    assert counts(row) == (3, 1, 1, 1, 0)
    assert books.bins(empty, "MAIN") == {"DOCK": 2, "SHELF": 7}
    assert books.counts(empty, "HX-1", "MAIN") == (9, 0, 9, 0)
    assert books.fetch(
        empty, "SELECT kind, reason, quantity, from_bin, to_bin, actor FROM movement ORDER BY id"
    ) == [
        ("adjust", "opening", 7, "adjustment", "SHELF", "tester"),
        ("adjust", "opening", 2, "adjustment", "DOCK", "tester"),
    ]
    assert books.fetch(empty, "SELECT count(*) FROM stock_level") == [(1,)]


def test_a_row_with_a_reason_is_a_change(stocked):
    content = HEADER + "HX-1,MAIN,-3,,Damaged\nHX-1,MAIN,+1,DOCK,found\nHX-2,NORTH,-6,SHELF,lost\n"
    assert counts(load(stocked, content)) == (3, 0, 3, 0, 0)
    assert books.counts(stocked, "HX-1", "MAIN") == (8, 0, 8, 0)
    assert books.counts(stocked, "HX-2", "NORTH") == (0, 0, 0, 0)
    assert books.events(stocked)[-4:-1] == [
        ("stock.adjusted", "HX-1"),
        ("stock.adjusted", "HX-1"),
        ("stock.adjusted", "HX-2"),
    ]


def test_a_row_that_cannot_be_posted_is_rejected_and_leaves_no_trace(stocked):
    books.reserve(stocked, "R-1", "HX-1=8@MAIN")
    before = books.snapshot(stocked)
    content = HEADER + (
        ",MAIN,1,,\n"
        "NO,MAIN,1,,\n"
        "HX-1,EAST,1,,\n"
        "HX-1,MAIN,1,B-9,\n"
        "HX-1,MAIN,1.5,,\n"
        "HX-1,MAIN,-1,,\n"
        "HX-1,MAIN,0,,found\n"
        "HX-1,MAIN,-3,,lost\n"
        "HX-1,MAIN,-1,DOCK,lost\n"
        "HX-3,NORTH,-1,,lost\n"
        "HX-1,MAIN,1000000001,,\n"
        "HX-1,MAIN\n"
    )
    row = load(stocked, content)
    assert counts(row) == (12, 0, 0, 0, 12)
    assert [error[:3] for error in errors(row)] == [
        (2, "invalid-input", "sku"),
        (3, "not-found", "sku"),
        (4, "not-found", "warehouse"),
        (5, "not-found", "bin"),
        (6, "invalid-input", "quantity"),
        (7, "invalid-input", "quantity"),
        (8, "invalid-input", "quantity"),
        (9, "insufficient-stock", "quantity"),
        (10, "insufficient-stock", "quantity"),
        (11, "insufficient-stock", "quantity"),
        (12, "invalid-input", "quantity"),
        (13, "invalid-input", ""),
    ]
    assert errors(row)[7][3] == "only 2 of HX-1 can leave MAIN, 3 wanted; held by R-1 (8)"
    assert books.snapshot(stocked) == before


def test_what_comes_in_goes_to_the_oldest_backorder_first(stocked):
    books.reserve(stocked, "R-1", "HX-3=2@MAIN", backorder=True)
    load(stocked, HEADER + "HX-3,MAIN,5,,\n")
    assert books.counts(stocked, "HX-3", "MAIN") == (5, 2, 3, 0)


def test_what_the_first_release_has_posted_is_not_posted_again(empty):
    content = HEADER + "HX-1,MAIN,7,,\nHX-9,MAIN,1,,\nHX-2,MAIN,5,,\n"
    digest = hashlib.sha256(content.encode()).hexdigest()
    told = {"from_line": 2, "to_line": 3, "rejected": [3]}

    def tell(session):
        command_log.tell(session, [Tale("stock.imported", digest, told, session.command)])
        return []

    books.act(empty, tell)

    assert counts(load(empty, content)) == (3, 1, 0, 1, 1)
    assert books.fetch(empty, "SELECT on_hand FROM stock_level") == [(5,)]


def test_the_same_content_again_changes_nothing(stocked):
    content = HEADER + "HX-1,MAIN,5,,\nHX-1,MAIN,-2,,lost\n"
    load(stocked, content)
    before = books.snapshot(stocked)
    assert counts(load(stocked, content)) == (2, 0, 0, 2, 0)
    assert books.snapshot(stocked) == before


def test_rejected_rows_are_tried_again_and_only_they(stocked, monkeypatch):
    monkeypatch.setattr(runs, "CHUNK", 2)
    content = HEADER + "HX-1,MAIN,5,,\nHX-1,EAST,5,,\nHX-1,WEST,1,,\nHX-2,MAIN,1,,\n"
    assert counts(load(stocked, content)) == (4, 0, 2, 0, 2)
    before = books.snapshot(stocked)
    assert counts(load(stocked, content)) == (4, 0, 0, 2, 2)
    assert books.snapshot(stocked) == before
    books.add_warehouses(stocked, "EAST", "WEST")
    assert counts(load(stocked, content)) == (4, 2, 0, 2, 0)
    assert counts(load(stocked, content)) == (4, 0, 0, 4, 0)
    assert books.counts(stocked, "HX-1", "MAIN") == (15, 0, 15, 0)
    assert books.counts(stocked, "HX-1", "EAST") == (5, 0, 5, 0)


def many(count: int) -> str:
    rows = (f"HX-{1 + n % 3},{('MAIN', 'NORTH')[n % 2]},{n % 5}" for n in range(count))
    return "sku,warehouse,quantity\n" + "\n".join(rows) + "\n"


def heads(database):
    return books.fetch(
        database,
        "SELECT p.sku, w.code, on_hand, head_seq FROM stock_level l "
        "JOIN product p ON p.id = product_id JOIN warehouse w ON w.id = warehouse_id "
        "ORDER BY p.sku, w.code",
    )


def expected(count: int) -> dict[tuple[str, str], int]:
    totals: dict[tuple[str, str], int] = {}
    for n in range(count):
        place = (f"HX-{1 + n % 3}", ("MAIN", "NORTH")[n % 2])
        totals[place] = totals.get(place, 0) + n % 5
    return totals


def test_a_run_that_was_killed_goes_on_where_it_stopped(empty):
    with pytest.raises(KeyboardInterrupt):
        load(empty, many(9_000), watch=Killed(6_000))
    row = load(empty, many(9_000))
    assert (row.rows, row.updated, row.skipped) == (9_000, 2_400, 6_600)
    assert {(sku, code): on_hand for sku, code, on_hand, _ in heads(empty)} == expected(9_000)
    assert books.fetch(empty, "SELECT count(*) FROM movement") == [(7_200,)]
    progress = books.fetch(
        empty, "SELECT data FROM event WHERE type = 'stock.imported' ORDER BY id"
    )
    assert json.loads(progress[-1][0]) == {"from_row": 8_001, "to_row": 9_000, "rejected": []}


def test_two_processes_with_the_same_file_post_it_once(empty):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(load(empty, many(5_000)))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(row.created + row.updated for row in results) == 4_000
    assert {(sku, code): on_hand for sku, code, on_hand, _ in heads(empty)} == expected(5_000)


def test_a_dry_run_sees_its_own_rows_and_keeps_nothing(empty, monkeypatch):
    monkeypatch.setattr(runs, "CHUNK", 1)
    content = HEADER + "HX-1,MAIN,5,,\nHX-1,MAIN,-5,,lost\nHX-1,MAIN,-1,,lost\n"
    before = books.snapshot(empty)
    dry = load(empty, content, dry_run=True)
    assert books.snapshot(empty) == before
    real = load(empty, content)
    assert counts(dry) == counts(real) == (3, 1, 1, 0, 1)


def test_a_key_answers_the_stored_result(empty):
    first = load(empty, HEADER + "HX-1,MAIN,5,,\n", key="K")
    again = load(empty, HEADER + "HX-1,MAIN,5,,\n", key="K")
    assert again == first.model_copy(update={"replayed": True})
    with pytest.raises(Conflict):
        load(empty, HEADER + "HX-1,MAIN,6,,\n", key="K")


@pytest.mark.parametrize("content", ["", "sku,quantity\nHX-1,1\n", HEADER[:-1] + ",x\n"])
def test_a_file_that_cannot_be_read_changes_nothing(empty, content):
    before = books.snapshot(empty)
    with pytest.raises(InvalidInput):
        load(empty, content)
    assert books.snapshot(empty) == before


def test_goods_that_a_lapsed_hold_gives_up_go_to_who_waits_for_them(empty, clock):
    load(empty, f"{HEADER}HX-1,MAIN,5,,\n")
    books.reserve(empty, "SO-1", "HX-1=5@MAIN", ttl=60_000_000)
    books.reserve(empty, "SO-2", "HX-1=3@MAIN", backorder=True, ttl=3_600_000_000)
    clock.advance(61_000_000)

    load(empty, f"{HEADER}HX-1,MAIN,-1,,damaged\n")

    assert books.counts(empty, "HX-1", "MAIN") == (4, 3, 1, 0)


def test_a_second_file_does_not_open_a_bin_again(empty):
    load(empty, f"{HEADER}HX-1,MAIN,5,,\n")

    row = load(empty, f"{HEADER}HX-1,MAIN,5,,\nHX-1,MAIN,2,DOCK,\nHX-2,MAIN,1,,\n")

    assert counts(row) == (3, 1, 1, 0, 1)
    assert errors(row) == [
        (2, "conflict", "quantity", "HX-1 was opened at MAIN by another file"),
    ]
    assert books.bins(empty, "MAIN") == {"DOCK": 2, "SHELF": 6}


def test_a_dry_run_says_what_would_change_level_by_level(empty):
    row = load(empty, f"{HEADER}HX-1,MAIN,5,,\n", dry_run=True)

    assert [(one.sku, one.on_hand_before, one.on_hand) for one in row.changes] == [("HX-1", 0, 5)]
    assert books.snapshot(empty)["movement"] == []


def test_cases_and_lots_come_in_by_file(empty):
    update(empty, "HX-1", barcode="CASE-12=12")
    track_lots(empty, "HX-2")
    row = load(
        empty,
        "sku,warehouse,quantity,lot,expires_on\n"
        "CASE-12,MAIN,2,,\n"
        "HX-2,MAIN,5,l-1,2026-03\n"
        "HX-2,MAIN,5,,\n"
        "HX-2,MAIN,5,L-2,\n"
        "HX-2,MAIN,5,L-2,2026\n"
        "HX-1,MAIN,5,L-1,\n",
    )

    assert (row.created, row.rejected) == (2, 4)
    assert books.level(empty, "HX-1", "MAIN").on_hand == 24
    assert lots(empty, "HX-2") == [("MAIN", "L-1", 5, False)]
