"""`stock verify` over a year of a real retailer's ledger: half a million movements."""

import csv
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from bvinv.core import catalog, command_log, items, levels, text, verification, warehouses
from bvinv.core.db import Database, Session
from bvinv.core.ledger import ADJUSTMENT, CUSTOMER, SUPPLIER, Level, Place, Posting, posting
from bvinv.core.models.log import Command
from bvinv.core.models.warehouse import SHELF
from tests.bench.measure import (
    ACTOR,
    MEGABYTE,
    SHARED,
    WAREHOUSE,
    Options,
    Result,
    act,
    fresh_database,
    interleaved,
    peak,
    progress,
    rate,
    resident,
    run_module,
    seconds,
)

LEDGER = SHARED / "online-retail" / "ledger.csv.gz"
BATCH = 5000  # movements a transaction
FEW = 50_000
AT_LEAST = 200_000  # movements a second
FLAT = 30 * MEGABYTE


class Line(NamedTuple):
    """One line of the retailer's ledger; `sku` is case-folded, `at` in microseconds."""

    sku: str
    at: int
    kind: str
    quantity: int
    reason: str


def measure(options: Options) -> list[Result]:
    """Load the ledger twice, a part and the whole, and verify both in fresh processes."""
    if not LEDGER.exists():
        return [Result("stock verify", "–", "–", "–", "200,000/s", None, f"there is no {LEDGER}")]
    lines = list(_lines(LEDGER))
    few, whole = options.folder / "few.db", options.folder / "whole.db"
    load(few, lines[:FEW])
    progress(f"loading {len(lines):,} real movements")
    count = 0

    def load_whole() -> None:
        nonlocal count
        count = load(whole, lines)

    loading = seconds(load_whole)
    small = _verified(few, 1)
    large = _verified(whole, options.repeat)
    growth = large["peak"] - large["before"]
    little = small["peak"] - small["before"]
    speed = large["movements"] / large["seconds"]
    return [
        Result(
            f"stock verify, {large['movements']:,} movements",
            "–",
            f"{speed:,.0f}/s",
            "–",
            f"{AT_LEAST:,}/s",
            large["sound"] and large["movements"] == count and speed >= AT_LEAST,
            f"{'sound' if large['sound'] else 'NOT SOUND'}; {large['levels']:,} levels; "
            f"loaded at {rate(count, loading)}",
        ),
        Result(
            "its memory while verifying",
            f"+{little / MEGABYTE:.1f} MB at {small['movements']:,}",
            f"+{growth / MEGABYTE:.1f} MB",
            "–",
            f"< {FLAT // MEGABYTE} MB",
            growth < FLAT,
            f"over {large['before'] / MEGABYTE:.0f} MB before",
        ),
    ]


def load(path: Path, lines: Sequence[Line]) -> int:
    """Write the lines through the ledger; return how many movements that made.

    Every SKU opens with as many pieces as keep it from ever falling below zero. Each minute of
    the retailer is one command with one event, as an order is.
    """
    database = fresh_database(path)
    skus = sorted({line.sku for line in lines})

    def add(session: Session) -> list[Any]:
        for sku in skus:
            catalog.add(session, fields={"sku": sku, "title": sku})
        return []

    act(database, add)
    opening = [
        Line(sku, lines[0].at, "opening", pieces, "") for sku, pieces in _opening(lines).items()
    ]
    batch: list[list[Line]] = []
    for _, order in groupby([*opening, *lines], key=lambda line: (line.kind == "opening", line.at)):
        batch.append(list(order))
        if sum(map(len, batch)) >= BATCH:
            _write(database, batch)
            batch = []
    _write(database, batch)
    database.close()
    return len(opening) + len(lines)


def _lines(path: Path) -> Iterator[Line]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for sku, timestamp, kind, quantity, reason in list(csv.reader(file, strict=True))[1:]:
            at = datetime.fromisoformat(timestamp).replace(tzinfo=UTC)
            yield Line(
                text.key(sku), int(at.timestamp()) * 1_000_000, kind, int(quantity), reason.strip()
            )


def _opening(lines: Sequence[Line]) -> dict[str, int]:
    """Return the pieces without which a SKU would fall below zero, where that is any."""
    standing: dict[str, int] = {}
    lowest: dict[str, int] = {}
    for line in lines:
        standing[line.sku] = standing.get(line.sku, 0) + line.quantity
        lowest[line.sku] = min(lowest.get(line.sku, 0), standing[line.sku])
    return {sku: -pieces for sku, pieces in lowest.items() if pieces < 0}


def _write(database: Database, orders: Sequence[Sequence[Line]]) -> None:
    with database.write(command_log.command("bench", actor=ACTOR)) as session:
        site = warehouses.site(session, WAREHOUSE)
        shelf = warehouses.place(session, site, SHELF)
        named = items.named(session, {line.sku for order in orders for line in order})
        found = levels.create(session, [(item, site) for item in named.values()])
        by_sku = {level.sku: level for level in found.values()}
        levels.load_places(session, by_sku.values())
        with posting(session) as current:
            for order in orders:
                command = command_log.command("bench", actor=ACTOR)
                for line in order:
                    _post(current, by_sku[line.sku], shelf, line, command)
                current.tell("bench.loaded", str(order[0].at), {"lines": len(order)}, command)


def _post(current: Posting, level: Level, shelf: Place, line: Line, command: Command) -> None:
    kind, reason = line.kind, ""
    origin, target = shelf, CUSTOMER
    match line.kind:
        case "opening":
            kind, origin, target = "receive", SUPPLIER, shelf
        case "sale":
            kind = "commit"
        case "return":
            origin, target = CUSTOMER, shelf
        case "adjustment":
            kind, reason = "adjust", "other"  # theirs are words as they came, ours are a table
            ends = (ADJUSTMENT, shelf)
            origin, target = ends if line.quantity > 0 else reversed(ends)
    current.post(
        level,
        kind,
        abs(line.quantity),
        origin=origin,
        target=target,
        reason=reason,
        document=f"ORDER-{line.at // 60_000_000}",
        occurred_at=line.at,
        command=command,
    )


def _verified(path: Path, repeat: int) -> dict[str, Any]:
    progress(f"verifying {path.name}")
    found: dict[str, Any] = {}

    def once() -> float:
        found.update(json.loads(run_module("tests.bench.verifying", path)))
        return float(found["seconds"])

    [found["seconds"]] = interleaved(repeat, once)
    return found


def main(path: Path) -> None:
    """Verify the database, and print what it took as JSON. The child of `measure`."""
    with Database(path).read() as session:
        verification.head(session)
        before = resident()
        found: list[verification.VerificationRow] = []
        took = seconds(lambda: found.append(verification.verify(session)))
    [row] = found
    said = {"seconds": took, "before": before, "peak": peak()}
    print(json.dumps(said | row.record()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
