"""`db copy` from SQLite to PostgreSQL, against the driver's bare COPY of the same rows."""

import json
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bvinv.core import schema
from bvinv.core.db import Database
from bvinv.core.moving import copying
from bvinv.core.moving.tables import moved
from tests.bench import large
from tests.bench.measure import (
    MEGABYTE,
    Options,
    Result,
    interleaved,
    progress,
    rate,
    raw_connection,
    resident,
    run_module,
    seconds,
)

POSTGRESQL = os.environ.get("BVINV_TEST_POSTGRES", "postgresql://postgres@127.0.0.1/test")
PART, FULL = (100_000, 500_000), (1_000_000, 5_000_000)  # products, movements
AT_LEAST = 25_000  # rows a second
FLAT = 30 * MEGABYTE
TOGETHER = 4000


class Heard(copying.Watch):
    """Notes what memory the process has after a tenth of the work, and at its end."""

    def __init__(self) -> None:
        self.first = self.last = 0

    def took(self, rows: int, share: float) -> None:
        del rows
        if share >= 0.1:
            self.last = resident()
            self.first = self.first or self.last


def measure(options: Options) -> list[Result]:
    """Copy a large database, in a process of its own, and its rows by the driver alone, in turn."""
    work = "db copy, SQLite to PostgreSQL"
    try:
        psycopg.connect(POSTGRESQL, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        return [Result(work, "–", "–", "–", f"{AT_LEAST:,}/s", None, str(error).splitlines()[0])]
    products, movements = FULL if options.full else PART
    source = options.folder / "large.db"
    large.build(source, products=products, movements=movements)
    found: dict[str, Any] = {}

    def copied() -> float:
        progress("db copy")
        with emptied() as url:
            found.update(json.loads(run_module("tests.bench.copying", source, url)))
        return float(found["seconds"])

    def bare() -> float:
        progress("bare COPY")
        with emptied() as url:
            schema.upgrade(Database(url))
            return seconds(lambda: _bare(source, url))

    took, floor = interleaved(1 if options.full else options.repeat, copied, bare)
    rows = int(found["rows"])
    growth = int(found["last"]) - int(found["first"])
    return [
        Result(
            f"{work}, {products:,} products and {movements:,} movements",
            rate(rows, floor),
            rate(rows, took),
            f"{floor / took:.2f} of its rate",
            f"{AT_LEAST:,}/s",
            bool(found["verified"]) and rows / took >= AT_LEAST,
            f"{rows:,} rows in {took:.0f} s, verified; products and movements alone "
            f"{rate(products + movements, took)}; the floor compares nothing",
        ),
        Result(
            "its memory from 10 % to 100 %",
            f"{int(found['first']) / MEGABYTE:.0f} MB",
            f"{int(found['last']) / MEGABYTE:.0f} MB",
            "–",
            f"< +{FLAT // MEGABYTE} MB",
            growth < FLAT,
        ),
    ]


@contextmanager
def emptied() -> Iterator[str]:
    """Yield the URL of a new PostgreSQL schema, which is dropped afterwards."""
    name = f"bvinv_bench_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as wire:
        wire.execute(f"CREATE SCHEMA {name}")
    try:
        sign = "&" if "?" in POSTGRESQL else "?"
        yield f"{POSTGRESQL}{sign}options=-csearch_path%3D{name}"
    finally:
        with psycopg.connect(POSTGRESQL, autocommit=True) as wire:
            wire.execute("SET client_min_messages = warning")
            wire.execute(f"DROP SCHEMA {name} CASCADE")


def _bare(source: Path, url: str) -> None:
    """Send every row by the driver's COPY, into the tables as they are, and commit."""
    with closing(raw_connection(source)) as file, psycopg.connect(url) as wire:
        wire.execute("ALTER TABLE reason DISABLE TRIGGER USER; DELETE FROM reason")
        for table in moved():
            rows = file.execute(f"SELECT {table.names} FROM {table.name} ORDER BY {table.order}")
            with wire.cursor().copy(f"COPY {table.name} ({table.names}) FROM STDIN") as copy:
                while batch := rows.fetchmany(TOGETHER):
                    for row in batch:
                        copy.write_row(row)


def main(source: Path, url: str) -> None:
    """Copy, and print what it took as JSON. The child of `measure`."""
    heard = Heard()
    with closing(Database(source)) as origin, closing(Database(url)) as goal:
        row = copying.copy(origin, goal, watch=heard)
    print(json.dumps(row.record() | {"first": heard.first, "last": heard.last}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
