"""Large databases with true hash chains, made in minutes: `stock verify` finds them sound."""

import sys
from array import array
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from bvinv.core.ledger import NUMBERS, genesis
from bvinv.core.models.warehouse import SHELF
from tests.bench.measure import ACTOR, WAREHOUSE, fresh_database, progress, raw_connection

NOW = 1_772_355_600_000_000  # 2026-03-01T09:00:00Z
TOGETHER = 50  # movements of one command, as those of a delivery or of an order
CHUNK = 250_000  # rows that progress is told after
RECEIVED, SOLD = 8, 2  # pieces of the first movement of five, and of each of the other four

_EVENTS = """
    INSERT INTO event (id, type, subject, actor, command_id, data, recorded_at)
    SELECT id, 'bench.loaded', 'DOCUMENT-' || id, actor, id, '{}', recorded_at FROM command_log
     WHERE id >= ?
"""
_COMMANDS = """
    INSERT INTO command_log (id, name, actor, key, request_hash, recorded_at)
    VALUES (?, 'bench', ?, NULL, '', ?)
"""
_PRODUCTS = """
    INSERT INTO product (id, sku, sku_key, title, author, description, status, popularity
         , attributes, options, version, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, '', 'active', ?, '{}', '{}', 1, ?, ?)
"""
_LEVELS = """
    INSERT INTO stock_level (id, product_id, warehouse_id, on_hand, unsellable, reserved
         , in_transit, version, head_seq, head_hash, updated_at)
    VALUES (?, ?, ?, ?, 0, 0, 0, ?, ?, ?, ?)
"""
_BINS = "INSERT INTO bin_level (level_id, bin_id, lot, quantity) VALUES (?, ?, '', ?)"
_MOVEMENTS = """
    INSERT INTO movement (id, level_id, level_seq, kind, reason, quantity, from_bin, to_bin
         , on_hand_change, reserved_change, on_hand, reserved, document, actor, command_id
         , occurred_at, recorded_at, reverses, previous_hash, hash)
    VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, 0, ?, 0, ?, ?, ?, ?, ?, 0, ?, ?)
"""


class _Levels:
    """What the movements made so far say of each level; the place is its id less one."""

    def __init__(self, count: int) -> None:
        self.hashes = [genesis(f"SKU-{n}", WAREHOUSE) for n in range(1, count + 1)]
        self.lengths = array("q", bytes(8 * count))
        self.on_hand = array("q", bytes(8 * count))
        self.sold = array("q", bytes(8 * count))


def build(path: Path, *, products: int, movements: int) -> None:
    """Make a SQLite database with products SKU-1, SKU-2 …, each with a level at MAIN, and so many
    movements, dealt out level by level; one of the same name is removed.

    The tables are written as such, for the ledger would take an hour. A database that is lost in a
    power cut is no loss.
    """
    fresh_database(path).close()
    with closing(raw_connection(path)) as connection:
        for setting in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -524288"):
            connection.execute(f"PRAGMA {setting}")
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%INSERT ON%'"
        ).fetchall()
        connection.execute("BEGIN")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        _fill(connection, products, movements)
        for _, statement in triggers:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill(connection: Any, products: int, movements: int) -> None:
    [(warehouse, shelf)] = connection.execute(
        "SELECT warehouse_id, id FROM bin WHERE code = ?", [SHELF]
    ).fetchall()
    [[first]] = connection.execute("SELECT max(id) + 1 FROM command_log").fetchall()
    levels = _Levels(products)
    count = -(-movements // TOGETHER)
    connection.executemany(
        _COMMANDS, ((first + n, ACTOR, NOW + n * TOGETHER) for n in range(count))
    )
    connection.execute(_EVENTS, [first])
    connection.executemany(_MOVEMENTS, _movements(levels, movements, first))
    numbered = range(1, products + 1)
    connection.executemany(
        _PRODUCTS,
        (
            (n, f"SKU-{n}", f"sku-{n}", f"Title {n}", f"Author {n % 999}", sold, NOW, NOW)
            for n, sold in zip(numbered, levels.sold, strict=True)
        ),
    )
    connection.executemany(
        _LEVELS,
        (
            (n, n, warehouse, on_hand, length, length, digest, NOW)
            for n, on_hand, length, digest in zip(
                numbered, levels.on_hand, levels.lengths, levels.hashes, strict=True
            )
        ),
    )
    connection.executemany(
        _BINS,
        ((n, shelf, levels.on_hand[n - 1]) for n in numbered if levels.lengths[n - 1]),
    )


def _movements(levels: _Levels, movements: int, first: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows: each level in turn gets its first movement, then each its second …"""
    pack, hashes = NUMBERS.pack, levels.hashes
    on_hand, lengths, sold = levels.on_hand, levels.lengths, levels.sold
    count = len(hashes)
    for n in range(movements):
        place = n % count
        seq = n // count + 1
        command, at = first + n // TOGETHER, NOW + n
        document = f"DOCUMENT-{command}"
        if seq % 5 == 1:
            kind, quantity, origin, target = "receive", RECEIVED, "supplier", SHELF
            change = quantity
        else:
            kind, quantity, origin, target = "commit", SOLD, SHELF, "customer"
            change = -quantity
            sold[place] += quantity
        left = on_hand[place] = on_hand[place] + change
        lengths[place] = seq
        previous = hashes[place]
        numbers = pack(seq, quantity, change, 0, left, 0, at, at, 0)
        words = f"{kind}\x1f\x1f{origin}\x1f{target}\x1f{document}\x1f{ACTOR}"
        hashes[place] = digest = sha256(previous + numbers + words.encode()).digest()
        ends = (kind, quantity, origin, target, change, left, document, ACTOR, command, at, at)
        yield (n + 1, place + 1, seq, *ends, previous, digest)
        if not (n + 1) % CHUNK:
            progress(f"movement: {n + 1:,} of {movements:,}")


def main(path: Path, products: int, movements: int) -> None:
    """Make one to look at: `python -m tests.bench.large FILE PRODUCTS MOVEMENTS`."""
    build(path, products=products, movements=movements)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
