"""Importing products: 100,000 rows against the bare driver, a million in flat memory, and how long
others wait meanwhile."""

import csv
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bvinv.core.db import Database, Session, Sql
from bvinv.core.imports import products as imports
from bvinv.core.purchasing import receiving
from tests.bench.measure import (
    ACTOR,
    MEGABYTE,
    REPOSITORY,
    SHARED,
    WAREHOUSE,
    Options,
    Result,
    act,
    child_environment,
    fresh_database,
    interleaved,
    milliseconds,
    peak,
    progress,
    rate,
    raw_connection,
    run_module,
    seconds,
    stocked_database,
)

REAL = SHARED / "goodbooks" / "catalogue_priced.csv"
SAMPLE = REPOSITORY / "data" / "catalogue.csv"
ROWS = 100_000
TRANSACTION = 2000
MEMORY = 300 * MEGABYTE
MEANWHILE = 200_000
LONGEST_WAIT = 0.25  # seconds
_SOME = Sql("SELECT id FROM product LIMIT 2")


def measure(options: Options) -> list[Result]:
    """Import through the core, and the same rows validated by nothing; then in bulk."""
    source = REAL if REAL.exists() else SAMPLE
    file = options.folder / "products.csv"
    _write_catalogue(source, file, ROWS)
    core, floor = options.folder / "core.db", options.folder / "floor.db"
    _import(file, core)
    plain, categories = _stored(core, options.folder)
    least, took = interleaved(
        options.repeat,
        lambda: _import_bare(plain, categories, floor),
        lambda: _import(file, core),
    )
    speed = Result(
        f"import {ROWS:,} products",
        f"bare driver: {rate(ROWS, least)}",
        rate(ROWS, took),
        f"{least / took:.2f} of its rate",
        "≥ 0.3",
        least / took >= 0.3,
        f"{source.name}, repeated",
    )
    return [speed, *_memory(options, source, file), _waiting(options, source)]


def _memory(options: Options, source: Path, file: Path) -> list[Result]:
    """Compare what processes that import 100,000 rows and many more have at most."""
    rows = 1_000_000 if options.full else 300_000
    progress(f"importing {rows:,} products")
    many = options.folder / "many.csv"
    _write_catalogue(source, many, rows)
    (_, small), (took, large) = (
        map(float, run_module("tests.bench.importing", one, options.folder / "memory.db").split())
        for one in (file, many)
    )
    plain, categories = _stored(options.folder / "memory.db", options.folder)
    least = _import_bare(plain, categories, options.folder / "memory.db", rows)
    return [
        Result(
            f"import {rows:,} products",
            f"bare driver: {rate(rows, least)}",
            rate(rows, took),
            f"{least / took:.2f} of its rate",
            "≥ 0.3",
            least / took >= 0.3,
            f"{took:.0f} s, once",
        ),
        Result(
            f"its memory for {rows:,}",
            f"{small / MEGABYTE:.1f} MB for {ROWS:,}",
            f"{large / MEGABYTE:.1f} MB",
            f"{(large - small) / MEGABYTE:+.1f} MB",
            f"< {MEMORY // MEGABYTE} MB",
            large < MEMORY,
            "peak of the process",
        ),
    ]


def _waiting(options: Options, source: Path) -> Result:
    """Write in a loop while another process imports: how long does each small write wait?"""
    file = options.folder / "meanwhile.csv"
    _write_catalogue(source, file, MEANWHILE)
    path = options.folder / "waiting.db"
    alone = _waits(stocked_database(path), lambda number: number < 200)
    command = [sys.executable, "-m", "tests.bench.importing", file, path, "again"]
    child = subprocess.Popen(
        command, cwd=REPOSITORY, env=child_environment(), stdout=subprocess.DEVNULL
    )
    database = Database(path)
    while _products(database) < 2 and child.poll() is None:
        time.sleep(0.01)
    waits = _waits(database, lambda _: child.poll() is None)
    assert child.wait() == 0
    worst, usual = waits[int(len(waits) * 0.99)], waits[len(waits) // 2]
    return Result(
        f"a write while {MEANWHILE:,} are imported",
        f"alone: p99 {milliseconds(alone[int(len(alone) * 0.99)])}",
        f"p99 {milliseconds(worst)}",
        "–",
        f"≤ {milliseconds(LONGEST_WAIT)}",
        worst <= LONGEST_WAIT,
        f"{len(waits):,} writes, p50 {milliseconds(usual)}, most {milliseconds(waits[-1])}",
    )


def _waits(database: Database, goes_on: Callable[[int], bool]) -> list[float]:
    """Take one piece in, again and again, as somebody with a scanner; return the times, sorted."""
    waits = []
    while goes_on(len(waits)):

        def take_in(session: Session) -> Any:
            return receiving.receive(session, ref="SKU-1", quantity=1, warehouse=WAREHOUSE)

        waits.append(seconds(lambda: act(database, take_in)))
        time.sleep(0.005)
    database.close()
    return sorted(waits)


def _products(database: Database) -> int:
    with database.read() as session:
        return len(session.ask(_SOME))


def _write_catalogue(source: Path, target: Path, rows: int) -> None:
    """Write the source's products again and again under new SKUs, until there are so many.

    What has to be unique, ISBN and barcode, is blank from the second time on.
    """
    with source.open(encoding="utf-8", newline="") as file:
        columns, *products = list(csv.reader(file, strict=True))
    sku = columns.index("sku")
    unique = [columns.index(name) for name in ("isbn", "barcode") if name in columns]

    def repeated() -> Iterator[list[str]]:
        yield from products
        for turn in range(2, rows // len(products) + 2):
            for product in products:
                again = list(product)
                again[sku] = f"{product[sku]}-{turn}"
                for place in unique:
                    again[place] = ""
                yield again

    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(islice(repeated(), rows))


def _import(file: Path, path: Path, *, again: bool = False) -> float:
    """Import the file into a fresh database; return the seconds, without making the database."""
    database = Database(path) if again else fresh_database(path)

    def read() -> None:
        with file.open("rb") as source:
            row = imports.import_products(database, source, actor=ACTOR, name=file.name)
        assert row.rejected == 0, row.errors

    took = seconds(read)
    database.close()
    return took


def _stored(path: Path, folder: Path) -> tuple[Path, list[Any]]:
    """Return what the core stored: the products as a CSV file, and the categories."""
    connection = raw_connection(path)
    found = connection.execute("SELECT * FROM product ORDER BY id")
    names = [entry[0] for entry in found.description]
    file = folder / "stored.csv"
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(names[1:])
        writer.writerows(row[1:] for row in found)
    categories = connection.execute("SELECT id, slug, name FROM category").fetchall()
    connection.close()
    return file, categories


def _import_bare(file: Path, categories: Sequence[Any], path: Path, rows: int = ROWS) -> float:
    """Do the least that an import can do: read, insert, commit every 2,000 rows."""
    fresh_database(path).close()
    connection = raw_connection(path)
    connection.executemany("INSERT INTO category (id, slug, name) VALUES (?, ?, ?)", categories)
    optional = {
        name
        for _, name, _, required, *_ in connection.execute("PRAGMA table_info(product)")
        if not required
    }

    def read() -> None:
        with file.open(encoding="utf-8", newline="") as source:
            lines = csv.reader(source)
            columns = next(lines)
            values = ", ".join("NULLIF(?, '')" if name in optional else "?" for name in columns)
            insert = f"INSERT INTO product ({', '.join(columns)}) VALUES ({values})"
            while chunk := list(islice(lines, TRANSACTION)):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(insert, chunk)
                connection.execute("COMMIT")

    took = seconds(read)
    [stored] = connection.execute("SELECT count(*) FROM product").fetchone()
    connection.close()
    assert stored == rows
    return took


def main(file: Path, path: Path, again: str = "") -> None:
    """Import the file, and print how long and how much memory that took. A child of `measure`.

    With `again` it goes into the database that is there.
    """
    print(_import(file, path, again=bool(again)), peak())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
