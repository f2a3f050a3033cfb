"""The same shop on a SQLite file and on PostgreSQL: what it costs to have outgrown the file.

Both are filled through the imports and served by one worker, in turn. PostgreSQL is as its owner
has set it up, so that what was acknowledged is durable, and in its own processes on both cores.
"""

import shutil
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median

from bvinv.core import reservations
from bvinv.core.db import Database
from bvinv.core.reservations import Line, Request
from tests.bench.measure import (
    Options,
    Result,
    act,
    interleaved,
    milliseconds,
    postgresql_schema,
    seconds,
)
from tests.bench.serving import PRODUCTS, Load, Scene

CONNECTIONS = 64
AT_LEAST = 0.5
ALONE = 100  # reservations a measurement, each in a transaction of its own


def measure(options: Options) -> list[Result]:
    """Reserve and look up over HTTP on both, import into both, and reserve alone."""
    if shutil.which("wrk") is None:
        raise SystemExit("this needs wrk: apt-get install wrk")
    with ExitStack() as stack:
        file, server = (options.folder / name for name in ("file", "server"))
        file.mkdir()
        server.mkdir()
        path, url = file / "shop.db", stack.enter_context(postgresql_schema())
        scenes = Scene(file, path), Scene(server, url)
        results = [_imported(name, *scenes) for name in scenes[0].filled]
        results.append(_alone(options, path, url))
        urls = [stack.enter_context(scene.serves(1)).url for scene in scenes]
        for kind, work, least in (
            ("reserve", "POST /stock/reserve", AT_LEAST),
            ("stock", "GET /stock/{sku}", None),
        ):
            loads: list[list[Load]] = [[], []]
            for turn in range(options.repeat + 1):
                for place in (0, 1) if turn % 2 else (1, 0):
                    loads[place].append(scenes[place].load(urls[place], kind, CONNECTIONS))
            results.append(_served(work, least, loads[0][1:], loads[1][1:]))
    return results


def _imported(name: str, file: Scene, server: Scene) -> Result:
    least, rate = file.filled[name], server.filled[name]
    return Result(
        f"{name} import, PostgreSQL",
        f"SQLite: {least:,.0f} rows/s",
        f"{rate:,.0f} rows/s",
        f"{rate / least:.2f} of its rate",
        "–",
        None,
        f"{PRODUCTS:,} rows",
    )


def _alone(options: Options, path: Path, url: str) -> Result:
    databases = Database(path), Database(url)
    ids = count(1)

    def reserve(database: Database) -> float:
        def some() -> None:
            for _ in range(ALONE):
                number = next(ids)
                request = Request(f"ALONE-{number}", [Line(f"SKU-{number * 7919 % PRODUCTS}", 1)])
                act(database, lambda session: reservations.create(session, request))  # noqa: B023

        return seconds(some)

    least, took = interleaved(options.repeat, *(lambda d=one: reserve(d) for one in databases))
    for one in databases:
        one.close()
    return Result(
        "one reservation, PostgreSQL",
        f"SQLite: {milliseconds(least / ALONE)}",
        milliseconds(took / ALONE),
        f"{took / least:.1f}x its time",
        "–",
        None,
        "through the core, each durable",
    )


def _served(work: str, least: float | None, file: list[Load], server: list[Load]) -> Result:
    floor, rate = (median(one.rate for one in loads) for loads in (file, server))
    failed = sum(one.failed for one in file + server)
    p99 = [median(one.p99 for one in loads) for loads in (file, server)]
    return Result(
        f"{work}, PostgreSQL",
        f"SQLite: {floor:,.0f}/s, p99 {p99[0]:,.1f} ms",
        f"{rate:,.0f}/s, p99 {p99[1]:,.1f} ms",
        f"{rate / floor:.2f} of its rate",
        f"≥ {least}" if least else "–",
        rate >= least * floor and not failed if least else None,
        f"{failed} failed" if failed else f"{CONNECTIONS} connections, one worker",
    )
