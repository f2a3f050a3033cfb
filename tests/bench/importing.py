"""Importing products: 100,000 rows against the bare driver, and a million in the same memory."""

import csv
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bvinv.core import imports
from tests.bench.measure import (
    ACTOR,
    MEGABYTE,
    REPOSITORY,
    SHARED,
    Options,
    Result,
    fresh_database,
    interleaved,
    peak,
    progress,
    rate,
    raw_connection,
    run_module,
    seconds,
)

REAL = SHARED / "goodbooks" / "catalogue_priced.csv"
SAMPLE = REPOSITORY / "data" / "catalogue.csv"
ROWS = 100_000
TRANSACTION = 2000
FLAT = 20 * MEGABYTE


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
    return [speed, _memory(options, source, file)]


def _memory(options: Options, source: Path, file: Path) -> Result:
    """Compare what processes that import 100,000 rows and many more have at most."""
    rows = 1_000_000 if options.full else 300_000
    progress(f"importing {rows:,} products")
    many = options.folder / "many.csv"
    _write_catalogue(source, many, rows)
    small, large = (
        int(run_module("tests.bench.importing", one, options.folder / "memory.db"))
        for one in (file, many)
    )
    return Result(
        f"its memory for {rows:,}",
        f"{small / MEGABYTE:.1f} MB for {ROWS:,}",
        f"{large / MEGABYTE:.1f} MB",
        f"{(large - small) / MEGABYTE:+.1f} MB",
        f"< +{FLAT // MEGABYTE} MB",
        large - small < FLAT,
        "peak of the process",
    )


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


def _import(file: Path, path: Path) -> float:
    """Import the file into a fresh database; return the seconds, without making the database."""
    database = fresh_database(path)

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


def _import_bare(file: Path, categories: Sequence[Any], path: Path) -> float:
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
            rows = csv.reader(source)
            columns = next(rows)
            values = ", ".join("NULLIF(?, '')" if name in optional else "?" for name in columns)
            insert = f"INSERT INTO product ({', '.join(columns)}) VALUES ({values})"
            while chunk := list(islice(rows, TRANSACTION)):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(insert, chunk)
                connection.execute("COMMIT")

    took = seconds(read)
    [stored] = connection.execute("SELECT count(*) FROM product").fetchone()
    connection.close()
    assert stored == ROWS
    return took


def main(file: Path, path: Path) -> None:
    """Import the file, and print the most memory that took. The child of `measure`."""
    _import(file, path)
    print(peak())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
