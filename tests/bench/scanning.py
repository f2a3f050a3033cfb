"""Scanning: one scan in a large database, a real log through the program, many at once."""

import csv
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bvinv.core.db import Database
from bvinv.core.imports import products
from bvinv.core.imports.runs import Layout, Terms
from bvinv.core.scanning import lines, sessions
from bvinv.core.scanning.desk import Desk
from tests import workers
from tests.bench.measure import (
    ACTOR,
    SHARED,
    WAREHOUSE,
    Options,
    Result,
    child_environment,
    fresh_database,
    milliseconds,
    program,
    progress,
    rate,
    raw_connection,
    seconds,
)
from tests.bench.scaling import Size, fill
from tests.scan_books import command

STOCKED = Size(100_000, 1_000_000)
SCANS = 2000
PEOPLE, THINKING, TURNS = 16, 0.020, 100  # processes, seconds, scans each
MOST = 0.020  # seconds of a scan, p99
MOST_WAITED, LONGEST = 0.300, 1.0


def measure(options: Options) -> list[Result]:
    """Scan products from all over a large database, each a line in and its answer out."""
    path = _stocked(options)
    database = Database(path)
    chance = random.Random(1)
    codes = [f"SKU-{chance.randrange(1, STOCKED.levels)}" for _ in range(SCANS)]
    desk = begin(database, "warm")
    for code in codes[:50]:
        desk, _ = lines.answer(database, desk, code, command)
    took, bare = [], []
    floor = _Floor(path)
    for code in codes:
        started = time.perf_counter()
        desk, row = lines.answer(database, desk, code, command)
        took.append(time.perf_counter() - started)
        bare.append(seconds(floor.turn))
        assert row.outcome == "accepted", row.detail
    floor.close()
    database.close()
    p99 = _part(took, 0.99)
    return [
        Result(
            f"a scan, {STOCKED}",
            f"a bare durable commit: {milliseconds(median(bare))}, "
            f"p99 {milliseconds(_part(bare, 0.99))}",
            f"{milliseconds(median(took))}, p99 {milliseconds(p99)}",
            f"{median(took) / median(bare):.1f}x its time",
            f"p99 ≤ {milliseconds(MOST)}",
            p99 <= MOST,
            f"{STOCKED.movements:,} movements",
        )
    ]


def measure_log(options: Options) -> list[Result]:
    """Pipe a library's scans through `bvinv receive --scan`, over the books of that library."""
    if not (SHARED / "scans").exists():
        return []
    with (SHARED / "scans" / "scan_log.csv").open() as file:
        scanned = [row["barcode"] for row in csv.DictReader(file)]
    said = "".join(f"{code}\n" for code in scanned)
    took = []
    for turn in range(options.repeat):
        path = options.folder / f"log-{turn}.db"
        _library(path)
        took.append(seconds(lambda path=path: _pipe(path, said)))
    floor = _Floor(path)
    bare = seconds(lambda: [floor.turn() for _ in scanned])
    floor.close()
    fastest = len(scanned) / median(took)
    return [
        Result(
            f"{len(scanned):,} scans, piped",
            f"bare durable commits: {rate(len(scanned), bare)}",
            rate(len(scanned), median(took)),
            f"{bare / median(took):.2f} of its rate",
            "≥ 300/s",
            fastest >= 300,
            "with the program's start",
        )
    ]


def measure_people(options: Options) -> list[Result]:
    """Let sixteen processes scan at once, each with 20 ms to think between its scans."""
    path = _stocked(options)
    found = workers.together(str(path), person, [(number,) for number in range(PEOPLE)])
    waits = [wait for one in found for wait in one]
    alone = person(Database(path), PEOPLE)
    p99, longest = _part(waits, 0.99), max(waits)
    return [
        Result(
            f"{PEOPLE} people scanning, 20 ms to think",
            f"one alone: p99 {milliseconds(_part(alone, 0.99))}",
            f"p99 {milliseconds(p99)}, longest {milliseconds(longest)}",
            f"{p99 / _part(alone, 0.99):.1f}x its wait",
            f"p99 ≤ {milliseconds(MOST_WAITED)}, longest ≤ {LONGEST:g} s",
            p99 <= MOST_WAITED and longest <= LONGEST,
            f"{len(waits):,} scans, no error",
        )
    ]


def begin(database: Database, actor: str) -> Desk:
    """Open a session of somebody's."""
    return database.run(
        lambda session: sessions.begin(session, mode="receive", warehouse=WAREHOUSE),
        command(actor),
    )


def person(database: Database, number: int) -> list[float]:
    """Scan and think in turn; return the seconds that each scan waited for its answer."""
    chance = random.Random(number)
    desk = begin(database, f"person-{number}")
    waits = []
    for _ in range(TURNS):
        time.sleep(THINKING)
        code = f"SKU-{chance.randrange(1, STOCKED.levels)}"
        started = time.perf_counter()
        desk, row = lines.answer(database, desk, code, command)
        waits.append(time.perf_counter() - started)
        assert row.outcome == "accepted", row.detail
    database.close()
    return waits


class _Floor:
    """The least that a durable write costs: one row, committed."""

    def __init__(self, path: Path) -> None:
        self._connection = raw_connection(path.with_name(f"floor-{path.name}"))
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("CREATE TABLE scanned (code TEXT)")

    def turn(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO scanned VALUES ('9780141439518')")
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def _stocked(options: Options) -> Path:
    path = options.folder / "stocked.db"
    fill(path, STOCKED)
    return path


def _library(path: Path) -> None:
    """Make a database of the library's books."""
    database = fresh_database(path)
    mapping = {"publish_date": "publication_date", "openlibrary_medcover_url": "image_url"}
    with (SHARED / "scans" / "books.csv").open("rb") as source:
        products.import_products(
            database,
            source,
            actor=ACTOR,
            name="books.csv",
            on_existing="update",
            layout=Layout(mapping=mapping, ignore_unknown=True),
            terms=Terms(),
        )
    database.close()
    progress(f"{path.name} is made")


def _pipe(path: Path, said: str) -> None:
    command: list[Any] = [program(), "--db", path, "receive", "--scan", "--warehouse", WAREHOUSE]
    done = subprocess.run(
        command,
        input=said.encode(),
        env=child_environment(BVINV_ACTOR=ACTOR),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 7  # some are unknown to the library itself


def _part(values: Sequence[float], part: float) -> float:
    return sorted(values)[int(part * (len(values) - 1))]
