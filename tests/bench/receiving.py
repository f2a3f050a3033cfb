"""Receiving: a purchase order of many lines in one go, with its inserts alone as the floor."""

from pathlib import Path
from typing import Any

from bvinv.core.db import Database, Session
from bvinv.core.purchasing import orders, receipts, suppliers
from tests.bench.measure import (
    WAREHOUSE,
    Options,
    Result,
    act,
    interleaved,
    milliseconds,
    raw_connection,
    seconds,
    stocked_database,
)

LINES = 5000
MOST_SECONDS = 2.0
SUPPLIER = "BENCH"

# What a line costs at the least: a movement, its level, its bin, its order line, its receipt line.
_APPEND = """
    INSERT INTO movement (level_id, level_seq, kind, reason, quantity, from_bin, to_bin,
           on_hand_change, reserved_change, on_hand, reserved, document, actor, command_id,
           occurred_at, recorded_at, reverses, previous_hash, hash, lot)
    SELECT ?, ?, kind, reason, quantity, from_bin, to_bin, on_hand_change, reserved_change,
           on_hand + quantity, reserved, document, actor, command_id, occurred_at, recorded_at,
           reverses, previous_hash, hash, lot
      FROM movement WHERE level_id = ? AND level_seq = ?
"""
_STATEMENTS = (
    "UPDATE stock_level SET on_hand = on_hand + 1, head_seq = head_seq + 1 WHERE id = ?",
    "UPDATE bin_level SET quantity = quantity + 1 WHERE level_id = ?",
    "UPDATE purchase_order_line SET received = received + 1, outstanding = outstanding - 1 "
    "WHERE order_id = 1 AND level_id = ?",
)
_RECEIPT_LINE = (
    "INSERT INTO receipt_line (level_id, level_seq, receipt_id, quantity) VALUES (?, ?, 1, 1)"
)


def measure(options: Options) -> list[Result]:
    """Receive an order of 5,000 lines in one command, each time a fresh one."""
    database = stocked_database(options.folder / "core.db", products=LINES, pieces=10)
    floor = _Floor(options.folder / "floor.db")
    act(database, _add_supplier)
    waiting = [_order(database, 1) for _ in range(options.repeat + 1)]

    def core_once() -> float:
        order = waiting.pop()
        return seconds(lambda: act(database, lambda s: _receive(s, order)))

    interleaved(1, floor.turn, core_once)
    least, took = interleaved(options.repeat, floor.turn, core_once)
    database.close()
    floor.close()
    return [
        Result(
            f"receive an order of {LINES:,} lines",
            f"its {5 * LINES:,} row changes alone: {milliseconds(least)}",
            milliseconds(took),
            f"{took / least:.1f}x its time",
            f"≤ {MOST_SECONDS:g} s",
            took <= MOST_SECONDS,
            f"{took / LINES * 1e6:,.0f} µs a line",
        )
    ]


def _add_supplier(session: Session) -> Any:
    fields = {"name": "Bench", "currency": "GBP", "lead_time_days": "3"}
    return suppliers.add(session, name_code=SUPPLIER, fields=fields)


def _order(database: Database, pieces: int) -> str:
    """Place an order of so many pieces of every product; return its number."""
    placed: list[str] = []

    def action(session: Session) -> Any:
        row = orders.create(
            session,
            supplier=SUPPLIER,
            warehouse=WAREHOUSE,
            lines=[(f"SKU-{number}", pieces) for number in range(1, LINES + 1)],
        )
        placed[:] = [row.order]
        return orders.place(session, order=row.order)

    act(database, action)
    return placed[0]


def _receive(session: Session, order: str) -> Any:
    row = receipts.receive_order(session, order=order, everything=True)
    assert (len(row.lines), row.status) == (LINES, "received")
    return row


class _Floor:
    """The row changes of one such receipt, sent to the bare driver with what was prepared."""

    def __init__(self, path: Path) -> None:
        database = stocked_database(path, products=LINES, pieces=10)
        act(database, _add_supplier)
        _order(database, 1_000_000)
        database.close()
        self._connection = raw_connection(path)
        self._done = 1

    def turn(self) -> float:
        """Change the rows once; return the seconds that took."""
        step = self._done
        self._done += 1
        levels = range(1, LINES + 1)
        moved = [(level, step + 1, level, step) for level in levels]
        landed = [(level, step + 1) for level in levels]
        return seconds(lambda: self._send(moved, landed, [(level,) for level in levels]))

    def close(self) -> None:
        self._connection.close()

    def _send(self, moved: list[Any], landed: list[Any], levels: list[Any]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        cursor = connection.cursor()
        cursor.executemany(_APPEND, moved)
        for statement in _STATEMENTS:
            cursor.executemany(statement, levels)
        cursor.executemany(_RECEIPT_LINE, landed)
        connection.execute("COMMIT")
