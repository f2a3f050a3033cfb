"""Demand against a reading of the ledger day by day, on movements that no shop would make."""

import random
from datetime import date, timedelta

import pytest

from bvinv.core import dates
from tests import books
from tests.demand_books import at, panel, row

DAY = 24 * books.HOUR
FIRST = books.START // DAY - 70  # day of the first movement
LAST = books.START // DAY - 1


def on(day):
    return dates.of(day * DAY)


def movements(draw):
    """Return level, place in the chain, kind, quantity, changes, on hand and time of movements."""
    found = []
    for level in (1, 2, 3):
        when, on_hand = FIRST * DAY + draw.randrange(20) * DAY, 0
        for seq in range(1, 40):
            kind = draw.choice(["receive", "commit", "commit", "adjust", "return", "transfer-out"])
            if not on_hand or draw.random() < 0.2:
                kind = draw.choice(["receive", "return"])
            quantity = draw.randrange(1, 6) if kind in ("receive", "return") else on_hand
            change = {"receive": quantity, "return": 0}.get(kind, -quantity)
            on_hand += change
            found.append((level, seq, kind, quantity, change, on_hand, when))
            when += draw.choice([1, DAY // 3, DAY, 3 * DAY, 9 * DAY])
    return [one for one in found if one[-1] < (LAST + 1) * DAY]


def expected(rows, imported, begins, ends):
    """Return what is recorded and what is to be learned from, bucket by bucket."""
    sales = [when // DAY for *_, kind, _, _, _, when in rows if kind == "commit"]
    imported = {day: pieces for day, pieces in imported.items() if day < min(sales, default=LAST)}
    known = [when // DAY for *_, kind, _, change, _, when in rows if change > 0 or kind == "return"]
    start = min([*known, *sales, *imported])
    recorded, learned = [], []
    for begin, end in zip(begins, ends, strict=True):
        pieces = sum(imported.get(day, 0) for day in range(begin, end))
        for *_, kind, quantity, _, _, when in rows:
            if begin <= when // DAY < end:
                pieces += {"commit": quantity, "return": -quantity}.get(kind, 0)
        empty = 0
        for day in range(max(begin, max(imported, default=0) + 1), end):
            before = [one for one in rows if one[-1] < (day + 1) * DAY]
            empty += bool(before) and before[-1][5] == 0
        recorded.append(max(pieces, 0) if start < end else None)
        learned.append(None if empty >= 4 else recorded[-1])
    return recorded, learned


def level_ids(database):
    rows = books.fetch(database, "SELECT product_id, warehouse_id, id FROM stock_level")
    return {(product, site): level for product, site, level in rows}


@pytest.mark.parametrize("seed", range(3))
def test_demand_is_what_the_ledger_says_day_by_day(stocked, clock, seed):
    draw = random.Random(seed)
    rows = movements(draw)
    days = draw.sample(range(FIRST - 20, FIRST + 40), 25)
    imported = {level: {day: draw.randrange(-2, 6) for day in days[level:]} for level in (1, 2, 3)}
    books.damage(
        stocked,
        "DELETE FROM movement",
        *(
            "INSERT INTO movement (level_id, level_seq, kind, reason, quantity, from_bin, to_bin, "
            "on_hand_change, reserved_change, on_hand, reserved, document, actor, command_id, "
            "occurred_at, recorded_at, reverses, previous_hash, hash, lot, xid) SELECT "
            f"id, {seq}, '{kind}', 'miscount', {quantity}, '', '', {change}, 0, {on_hand}, 0, '', "
            f"'', 1, {when}, {when}, 0, head_hash, head_hash, '', 0 "
            f"FROM stock_level WHERE id = {level}"
            for level, seq, kind, quantity, change, on_hand, when in rows
        ),
        *(
            f"INSERT INTO demand_day SELECT product_id, warehouse_id, {on(day)}, {pieces} "
            f"FROM stock_level WHERE id = {level}"
            for level, found in imported.items()
            for day, pieces in found.items()
        ),
    )
    at(clock, "2026-03-01")
    found = panel(stocked, length=11)
    begins = [(day - date(1970, 1, 1)) // timedelta(days=1) for day in found.begins]
    ids = level_ids(stocked)
    for place, key in enumerate(found.keys):
        level = ids[key]
        recorded, learned = expected(
            [one for one in rows if one[0] == level],
            imported[level],
            begins,
            [begin + 7 for begin in begins],
        )
        assert row(found, found.skus[place], found.warehouses[place], "recorded") == recorded
        assert row(found, found.skus[place], found.warehouses[place]) == learned
