"""What must be true of a database whatever happened to it, read by SQL of its own.

Nothing of bvinv is imported: an error there cannot hide one here. The invariants are I1 to I9 of
RELIABILITY.md section 3. A SQLite database is copied first, with what its log holds, so that
looking mends nothing; nobody may have it open meanwhile in the process that looks.

    python -m tests.crash.oracle PATH|URL [ACKS]
"""

import hashlib
import json
import shutil
import struct
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

try:
    import pysqlite3 as sqlite3
except ImportError:
    import sqlite3

Row = dict[str, Any]
TABLES = [
    "product",
    "warehouse",
    "bin",
    "stock_level",
    "bin_level",
    "movement",
    "reservation",
    "reservation_line",
    "transfer",
    "transfer_line",
    "command_log",
    "event",
    "price_change",
    "stock_count",
    "stock_count_line",
]
# Ends of movements that are no bin.
OUTSIDE = {"", "supplier", "customer", "adjustment", "transit"}
SELLABLE = {"storage", "dock", "staging"}


class Books:
    """Every table that matters, row by row, and what the engine says of its own files."""

    def __init__(self, where: str) -> None:
        """Read all of it, in one snapshot."""
        self.is_sqlite = self.one_writes = "://" not in where
        self.damage: list[str] = []
        with _connected(where) as ask:
            if self.is_sqlite:
                said = [row["integrity_check"] for row in ask("PRAGMA integrity_check")]
                self.damage += [f"I7 {one}" for one in said if one != "ok"]
                self.damage += [f"I7 foreign key {row}" for row in ask("PRAGMA foreign_key_check")]
            self.rows = {name: ask(f"SELECT * FROM {name}") for name in TABLES}
        self.products = {row["id"]: row for row in self.rows["product"]}
        self.warehouses = {row["id"]: row for row in self.rows["warehouse"]}
        self.levels = {row["id"]: row for row in self.rows["stock_level"]}
        self.chains: dict[int, list[Row]] = defaultdict(list)
        for row in sorted(self.rows["movement"], key=lambda one: one["level_seq"]):
            self.chains[row["level_id"]].append(row)

    def place(self, level: int) -> str:
        """Return what a level is called: `SKU@WAREHOUSE`."""
        found = self.levels[level]
        sku = self.products[found["product_id"]]["sku"]
        return f"{sku}@{self.warehouses[found['warehouse_id']]['code']}"


@contextmanager
def _connected(where: str) -> Iterator[Any]:
    if "://" in where:
        with psycopg.Connection.connect(where, row_factory=dict_row) as wire:
            wire.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield lambda sql: wire.execute(sql).fetchall()
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        for end in ("", "-wal"):
            if Path(f"{where}{end}").exists():
                shutil.copyfile(f"{where}{end}", f"{copy}{end}")
        with closing(sqlite3.connect(copy)) as wire:
            wire.row_factory = lambda cursor, row: dict(
                zip([one[0] for one in cursor.description], row, strict=True)
            )
            yield lambda sql: wire.execute(sql).fetchall()


def faults(
    where: str, acks: dict[str, Any] | None = None, *, came_from_many: bool = False
) -> list[str]:
    """Return what is wrong, each beginning with its invariant's number; nothing when all is well.

    `acks` are what was acknowledged: the key of each command, and what it answered. What
    `came_from_many` writers at once, a file made of PostgreSQL's, has its time by the level only.
    """
    books = Books(where)
    books.one_writes = books.is_sqlite and not came_from_many
    return [
        *books.damage,
        *_chains(books),
        *_bins(books),
        *_promises(books),
        *_transfers(books),
        *_audit(books),
        *_acknowledged(books, acks or {}),
    ]


def _chains(books: Books) -> Iterator[str]:
    """I1, I3, I6: what the movements of each level add up to, and their hashes."""
    for number, level in books.levels.items():
        where, chain = books.place(number), books.chains[number]
        key = unicodedata.normalize("NFC", where.rpartition("@")[0]).casefold()
        warehouse = books.warehouses[level["warehouse_id"]]["code"]
        head = hashlib.sha256(f"bvinv/1\x1f{key}\x1f{warehouse}".encode()).digest()
        on_hand = reserved = 0
        for place, row in enumerate(chain, start=1):
            if row["level_seq"] != place:
                yield f"I6 {where}: movement {row['level_seq']} stands at {place}"
            if bytes(row["previous_hash"]) != head:
                yield f"I6 {where}: movement {place} does not follow the one before"
            head = _hash(head, row)
            if bytes(row["hash"]) != head:
                yield f"I6 {where}: movement {place} has another hash"
            on_hand += row["on_hand_change"]
            reserved += row["reserved_change"]
            if (on_hand, reserved) != (row["on_hand"], row["reserved"]):
                yield f"I1 {where}: movement {place} says {row['on_hand']}, {row['reserved']}"
            if not 0 <= reserved <= on_hand:
                yield f"I3 {where}: {reserved} of {on_hand} reserved after movement {place}"
        if on_hand != level["on_hand"]:
            yield f"I1 {where}: {level['on_hand']} on hand, {on_hand} by its movements"
        if reserved != level["reserved"]:
            yield f"I2 {where}: {level['reserved']} reserved, {reserved} by its movements"
        if (level["head_seq"], bytes(level["head_hash"])) != (len(chain), head):
            yield f"I6 {where}: its head is not the end of its chain"


def _hash(previous: bytes, row: Row) -> bytes:
    numbers = [
        "level_seq",
        "quantity",
        "on_hand_change",
        "reserved_change",
        "on_hand",
        "reserved",
        "occurred_at",
        "recorded_at",
        "reverses",
    ]
    words = [row[name] for name in ["kind", "reason", "from_bin", "to_bin", "document", "actor"]]
    if row["lot"]:
        words.append(row["lot"])
    packed = struct.pack(">9q", *(row[name] for name in numbers))
    return hashlib.sha256(previous + packed + "\x1f".join(words).encode()).digest()


def _bins(books: Books) -> Iterator[str]:
    """I1 once more: what lies in the bins is what was put there, and adds up to the level."""
    bins = {(row["warehouse_id"], row["code"]): row for row in books.rows["bin"]}
    kinds = {row["id"]: row["kind"] for row in books.rows["bin"]}
    moved: Counter[tuple[int, int, str]] = Counter()
    for row in books.rows["movement"]:
        warehouse = books.levels[row["level_id"]]["warehouse_id"]
        for end, sign in ((row["from_bin"], -1), (row["to_bin"], 1)):
            if end not in OUTSIDE:
                key = (row["level_id"], bins[warehouse, end]["id"], row["lot"])
                moved[key] += sign * row["quantity"]
    lying = Counter(
        {
            (row["level_id"], row["bin_id"], row["lot"]): row["quantity"]
            for row in books.rows["bin_level"]
        }
    )
    for key in {*moved, *lying}:
        if moved[key] != lying[key] or lying[key] < 0:
            yield f"I1 bin {key} has {lying[key]}, {moved[key]} by its movements"
    for number, level in books.levels.items():
        sellable = sum(
            pieces
            for key, pieces in lying.items()
            if key[0] == number and kinds[key[1]] in SELLABLE
        )
        others = sum(pieces for key, pieces in lying.items() if key[0] == number) - sellable
        if (sellable, others) != (level["on_hand"], level["unsellable"]):
            yield f"I1 {books.place(number)}: its bins have {sellable} and {others}"


def _promises(books: Books) -> Iterator[str]:
    """I2, I4: what is held is reserved, and a reservation ends at most once."""
    status = {row["id"]: row["status"] for row in books.rows["reservation"]}
    held: Counter[int] = Counter()
    for row in books.rows["reservation_line"]:
        parts = [row[name] for name in ("held", "backordered", "committed", "released")]
        if sum(parts) != row["quantity"] or min(parts) < 0:
            yield f"I2 {row['reservation_id']}: {parts} of {row['quantity']}"
        if status[row["reservation_id"]] != "held" and parts[0] + parts[1]:
            yield f"I4 {row['reservation_id']} is {status[row['reservation_id']]} and holds {parts}"
        held[row["level_id"]] += row["held"]
    for number, level in books.levels.items():
        if held[number] != level["reserved"]:
            yield f"I2 {books.place(number)}: {level['reserved']} reserved, {held[number]} by lines"
    ends: dict[str, list[str]] = defaultdict(list)
    for row in books.rows["event"]:
        noun, _, verb = row["type"].partition(".")
        if noun == "reservation" and verb in ("released", "expired"):
            ends[row["subject"]].append(verb)
    for name, found in status.items():
        if len(ends[name]) > 1:
            yield f"I4 {name} ended {len(ends[name])} times: {ends[name]}"
        if found == "held" and ends[name]:
            yield f"I4 {name} is held, and was {ends[name][0]}"
        if found in ("released", "expired") and not ends[name]:
            yield f"I4 {name} is {found}, and nothing says so"


def _transfers(books: Books) -> Iterator[str]:
    """I5: what left is what came, what came back, what was lost and what is on its way."""
    moved: Counter[tuple[str, int]] = Counter()
    for row in books.rows["movement"]:
        if row["document"].startswith("TR-"):
            product = books.levels[row["level_id"]]["product_id"]
            sign = (row["to_bin"] not in OUTSIDE) - (row["from_bin"] not in OUTSIDE)
            moved[row["document"], product] += sign * row["quantity"]
    coming: Counter[int] = Counter()
    for row in books.rows["transfer_line"]:
        left = row["shipped"] - row["received"] - row["lost"] - row["returned"]
        key = (f"TR-{row['transfer_id']}", books.levels[row["level_id"]]["product_id"])
        moved[key] += left + row["lost"]
        coming[row["to_level_id"]] += left
    yield from (f"I5 {name} product {product}: {n}" for (name, product), n in moved.items() if n)
    for number, level in books.levels.items():
        if coming[number] != level["in_transit"]:
            yield f"I5 {books.place(number)}: {level['in_transit']} in transit, {coming[number]}"


def _audit(books: Books) -> Iterator[str]:
    """I9: every movement and every event has its command, every movement's command its event; and
    the time of a level never runs back, nor that of all where one writes at a time."""
    commands = {row["id"]: row for row in books.rows["command_log"]}
    told = {row["command_id"] for row in books.rows["event"]}
    for table in ("movement", "event"):
        for row in books.rows[table]:
            if row["command_id"] not in commands:
                yield f"I9 {table} {row['id']} has no command"
            if row["command_id"] not in told:
                yield f"I9 {table} {row['id']} has no event"
    lines = list(books.chains.values())
    if books.one_writes:
        lines.append([commands[number] for number in sorted(commands)])
    for line in lines:
        for first, second in pairwise(row["recorded_at"] for row in line):
            if second < first:
                yield f"I9 time runs back from {first} to {second}"


def _acknowledged(books: Books, acks: dict[str, Any]) -> Iterator[str]:
    """I8, I9: each acknowledged command is there once, with what it answered, and told of."""
    by_key = {row["key"]: row for row in books.rows["command_log"] if row["key"]}
    told = {row["command_id"] for row in books.rows["event"]}
    names = {row["name"] for row in books.rows["command_log"] if row["id"] in told}
    for key, answer in acks.items():
        if key not in by_key:
            yield f"I8 {key} was acknowledged and is not there"
        elif not _is_kept(json.loads(by_key[key]["result"] or "null"), answer):
            yield f"I8 {key} was acknowledged as {answer}, and is {by_key[key]['result']}"
        elif by_key[key]["id"] not in told and by_key[key]["name"] not in names:
            yield f"I9 {key} was acknowledged, and nothing tells of it"


def _is_kept(stored: Any, answer: Any) -> bool:
    """Tell whether an answer is what was stored, but for the mark of one that was repeated."""

    def bare(said: Any) -> Any:
        if isinstance(said, list):
            return [bare(one) for one in said]
        return {**said, "replayed": 0} if isinstance(said, dict) else said

    return bool(bare(stored) == bare(answer))


def state(where: str) -> dict[str, list[Any]]:
    """Return what there is, without ids, hashes and instants: two databases to which the same was
    done have the same."""
    books = Books(where)
    codes = {row["id"]: row["code"] for row in books.rows["bin"]}
    lines: dict[str, list[Any]] = defaultdict(list)
    for row in books.rows["reservation_line"]:
        parts = [row[name] for name in ("held", "backordered", "committed", "released")]
        lines[row["reservation_id"]].append([books.place(row["level_id"]), *parts])
    found: dict[str, list[Any]] = {
        "levels": [
            [books.place(n), *(row[c] for c in ("on_hand", "unsellable", "reserved", "in_transit"))]
            for n, row in books.levels.items()
        ],
        "bins": [
            [books.place(row["level_id"]), codes[row["bin_id"]], row["lot"], row["quantity"]]
            for row in books.rows["bin_level"]
            if row["quantity"]
        ],
        "movements": [
            [books.place(number), row["level_seq"], *(row[name] for name in _MOVED)]
            for number, chain in books.chains.items()
            for row in chain
        ],
        "reservations": [
            [row["id"], row["status"], sorted(lines[row["id"]])]
            for row in books.rows["reservation"]
        ],
        "products": [
            [row[name] for name in _SOLD] for row in books.rows["product"]
        ],
        "prices": [
            [row[name] for name in ("state", "old_price", "new_price", "requested_by")]
            for row in books.rows["price_change"]
        ],
        "transfers": [
            [books.place(row["level_id"]), *(row[c] for c in ("shipped", "received", "lost"))]
            for row in books.rows["transfer_line"]
        ],
        "counts": [[row["status"]] for row in books.rows["stock_count"]],
        "events": [[row["type"]] for row in books.rows["event"]],
    }  # fmt: skip
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


_MOVED = [
    "kind",
    "reason",
    "quantity",
    "from_bin",
    "to_bin",
    "on_hand_change",
    "reserved_change",
    "actor",
]
_SOLD = ["sku", "title", "author", "price", "currency", "status", "popularity"]

if __name__ == "__main__":
    given = json.loads(Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else None
    wrong = faults(sys.argv[1], given)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)
