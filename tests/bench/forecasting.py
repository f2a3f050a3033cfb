"""A night over a large ledger, against the prototype that it grew from; and one morning's list.

The ledger is put in by plain SQL, beside bvinv: demand as `judge.py bench` makes it, gamma rates
and negative binomial weeks with a season, nothing ever out of stock.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.judging import FORECAST
from tests.bench.measure import (
    MEGABYTE,
    REPOSITORY,
    Options,
    Result,
    child_environment,
    fresh_database,
    interleaved,
    program,
    progress,
    raw_connection,
    run,
    run_module,
    seconds,
)

WEEKS = 104
SIZES = {10_000: (5.0, 450), 100_000: (25.0, 600)}  # series: seconds and megabytes at most
LEVELS = 100_000
DAY = 86_400_000_000
_BELOW = """
    SELECT p.sku, w.code, l.on_hand - l.reserved + l.in_transit AS position, f.reorder_point
      FROM forecast_level AS f
           JOIN stock_level AS l ON l.product_id = f.product_id AND l.warehouse_id = f.warehouse_id
           JOIN product AS p ON p.id = f.product_id JOIN warehouse AS w ON w.id = f.warehouse_id
     WHERE l.on_hand - l.reserved + l.in_transit < f.reorder_point ORDER BY p.sku_key
"""


def measure(options: Options) -> list[Result]:
    """Time a night over 10,000 series, or 100,000 with --full, too."""
    sizes = SIZES if options.full else [10_000]
    return [result for series in sizes for result in _night(options, series)]


def measure_reorder(options: Options) -> list[Result]:
    """Time the list of what to order, of 100,000 levels of which 1 in 20 is below its point."""
    path = options.folder / "levels.db"
    progress(f"filling {LEVELS:,} levels")
    run_module("tests.bench.forecasting", path, str(LEVELS), "0")
    connection = raw_connection(path)
    command = [program(), "--db", path, "forecast", "reorder"]
    env = child_environment()

    def listed() -> float:
        return seconds(lambda: run(command, folder=options.folder, env=env))

    def asked() -> float:
        return seconds(lambda: connection.execute(_BELOW).fetchall())

    interleaved(1, asked, listed)
    least, took = interleaved(options.repeat, asked, listed)
    connection.close()
    return [
        Result(
            f"forecast reorder, {LEVELS:,} levels",
            f"its SQL alone: {least:.2f} s",
            f"{took:.2f} s",
            f"{took / least:.1f}x its time",
            "≤ 2 s",
            took <= 2,
            "a process of its own",
        )
    ]


def _night(options: Options, series: int) -> Iterator[Result]:
    path = options.folder / f"ledger-{series}.db"
    progress(f"filling {series:,} series of {WEEKS} weeks")
    movements = int(run_module("tests.bench.forecasting", path, str(series), str(WEEKS)))
    as_of = _yesterday().strftime("%Y-%m-%d")
    command = [program(), "--db", path, "forecast", "run", "--as-of", as_of, "--format", "json"]
    is_there = (FORECAST / "bt").exists()
    figures, floors = [], []
    repeat = min(options.repeat, 3)
    for _ in range(repeat):
        figures.append(_watched(command))
        if is_there:
            floors.append(_prototype(path))
    took, worked, _ = min(figures)
    most = max(memory for *_, memory in figures)
    at_most, room = SIZES[series]
    yield Result(
        f"forecast run, {series:,} x {WEEKS} weeks",
        "–",
        f"{took:.1f} s",
        "–",
        f"≤ {at_most:.0f} s",
        took <= at_most,
        f"from {movements:,} movements to stored levels; best of {repeat}; {worked:.1f} s of CPU",
    )
    yield Result(
        f"its memory for {series:,}",
        "–",
        f"{most / MEGABYTE:.0f} MB",
        "–",
        f"≤ {room} MB",
        most <= room * MEGABYTE,
        "peak of the process",
    )
    if not is_there:
        progress(f"there is no {FORECAST / 'bt'}: not compared with the prototype")
        return
    floor = min(floors)
    yield Result(
        f"the same, {series:,}, against",
        f"prototype: {floor:.1f} s",
        f"{took:.1f} s",
        f"{took / floor:.2f}x its time",
        "≤ 2x",
        took <= 2 * floor,
        "the prototype starts nothing and stores nothing",
    )


def _watched(command: Sequence[str | Path]) -> tuple[float, float, int]:
    """Run a process; return its seconds, those of the processors, and the most memory in bytes."""
    start = time.perf_counter()
    child = subprocess.Popen(command, env=child_environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return took, usage.ru_utime + usage.ru_stime, memory


def _prototype(path: Path) -> float:
    env = child_environment(PYTHONPATH=str(FORECAST), PYTHONDONTWRITEBYTECODE="1")
    words = [path, str(WEEKS), str(_begin(WEEKS))]
    module = REPOSITORY / "tests" / "bench" / "prototype.py"
    return float(run([sys.executable, module, *words], folder=REPOSITORY, env=env).split()[0])


def _yesterday() -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1)


def _begin(weeks: int) -> int:
    """Return the instant at which the first week begins."""
    return int(_yesterday().timestamp()) * 1_000_000 + DAY - weeks * 7 * DAY


def fill(path: Path, series: int, weeks: int) -> int:
    """Make a database of so many products in one warehouse; return how many movements it has.

    Without weeks it has levels of a night instead of a ledger. What guards the ledger against
    bvinv's own mistakes is taken away before: it would take most of the time.
    """
    fresh_database(path).close()
    connection = raw_connection(path)
    connection.execute("PRAGMA synchronous = OFF")
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'movement'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("BEGIN")
    _fill_products(connection, series, _begin(weeks or WEEKS), 10**6 if weeks else 0)
    if weeks:
        _put(connection, "movement", _movements(series, weeks))
    else:
        _fill_levels(connection, series)
    connection.execute("COMMIT")
    [[count]] = connection.execute("SELECT count(*) FROM movement")
    connection.close()
    return int(count)


def _put(connection: Any, table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    names = ", ".join(first)
    places = ", ".join("?" for _ in first)
    statement = f"INSERT INTO {table} ({names}) VALUES ({places})"
    connection.execute(statement, [*first.values()])
    connection.executemany(statement, ([*row.values()] for row in rows))


def _fill_products(connection: Any, series: int, begin: int, on_hand: int) -> None:
    """Put products in, sold by one supplier, with their levels; else every 20th has nothing."""
    at = {"created_at": begin, "updated_at": begin}
    supplier = {"id": 1, "code": "QUAY", "name": "Quay", "currency": "GBP", "lead_time_days": 14}
    supplier |= {"over_receipt_percent": 0, "email": "", **at}
    _put(connection, "supplier", iter([supplier]))
    product = {"author": "", "description": "", "price": 999, "currency": "GBP", "options": "{}"}
    product |= {"status": "active", "popularity": 0, "attributes": "{}", "version": 1, **at}
    ids = range(1, series + 1)
    _put(
        connection,
        "product",
        (
            {
                "id": id,
                "sku": f"B{id:06}",
                "sku_key": f"b{id:06}",
                "title": f"Title {id}",
                **product,
            }
            for id in ids
        ),
    )
    level = {"warehouse_id": 1, "unsellable": 0, "reserved": 0, "in_transit": 0, "version": 1}
    level |= {"head_seq": 1, "head_hash": b"", "updated_at": begin}
    _put(
        connection,
        "stock_level",
        (
            {"id": id, "product_id": id, "on_hand": on_hand or (0 if id % 20 == 0 else 50), **level}
            for id in ids
        ),
    )
    term = {"supplier_id": 1, "supplier_sku": "", "cost": 500, "pack_size": 1}
    term["minimum_quantity"] = 1
    _put(connection, "supplier_term", ({"product_id": id, **term} for id in ids))


def _movements(series: int, weeks: int) -> Iterator[dict[str, Any]]:
    """Yield the ledger: goods on the first day, then a sale in each week that has demand."""
    chance = np.random.default_rng(0)
    begin = _begin(weeks)
    row = {"reason": "", "from_bin": "", "to_bin": "", "reserved_change": 0, "on_hand": 10**6}
    row |= {"reserved": 0, "document": "", "actor": "bench", "command_id": 1, "recorded_at": begin}
    row |= {"reverses": 0, "previous_hash": b"", "hash": b""}
    season = 1 + 0.3 * np.sin(np.arange(weeks) / 52 * 2 * np.pi)
    for level, rate in enumerate(chance.gamma(0.5, 2.0, series), start=1):
        came = {"level_id": level, "level_seq": 1, "kind": "receive", "quantity": 10**6}
        yield came | {"on_hand_change": 10**6, "occurred_at": begin} | row
        demand = chance.negative_binomial(1.0, 1 / (1 + rate * season))
        [sold] = np.nonzero(demand)
        days = sold * 7 + chance.integers(0, 7, len(sold))
        pairs = zip(demand[sold].tolist(), days.tolist(), strict=True)
        for number, (quantity, day) in enumerate(pairs, start=2):
            left = {"level_id": level, "level_seq": number, "kind": "commit", "quantity": quantity}
            at = begin + day * DAY + DAY // 2
            yield left | {"on_hand_change": -quantity, "occurred_at": at} | row


def _fill_levels(connection: Any, series: int) -> None:
    """Put in what a night would have stored: order up to 30 when there are fewer than 20."""
    today = int(_yesterday().strftime("%Y%m%d"))
    night = {"id": 1, "as_of_on": today, "period": "week", "version": "1", "settings": "{}"}
    night |= {"levels": series, "command_id": 1, "recorded_at": _begin(WEEKS)}
    _put(connection, "forecast_run", iter([night]))
    level = {"warehouse_id": 1, "run_id": 1, "supplier_id": 1, "lead_time_days": 14}
    level |= {"review_days": 7, "periods": 3, "service_level": 9500, "service_kind": "cycle"}
    level |= {"mean": 12_000, "deviation": 4_000, "level": 20_000, "reorder_point": 20}
    level |= {"safety_stock": 8, "order_up_to": 30, "method": "combined", "abc": "A", "xyz": "X"}
    level |= {"quadrant": "smooth", "inputs": json.dumps({})}
    ids = range(1, series + 1)
    _put(connection, "forecast_level", ({"product_id": id, **level} for id in ids))


if __name__ == "__main__":
    print(fill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
