"""`db backup` of a large database while two processes reserve: what they wait, what it takes."""

import json
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

from bvinv.core import command_log, reservations
from bvinv.core.db import Database, Session
from bvinv.core.purchasing import receiving
from bvinv.core.reservations import Line, Request
from tests.bench import large
from tests.bench.measure import (
    ACTOR,
    REPOSITORY,
    WAREHOUSE,
    Options,
    Result,
    act,
    child_environment,
    milliseconds,
    program,
    progress,
    run,
)

PRODUCTS, MOVEMENTS = 800_000, 4_400_000  # 1 GB
WRITERS = 2
BEFORE = 8  # seconds of the writers alone, which are the floor
AFTER = 2  # seconds in which the log that grew meanwhile is put away
WANTED = 200  # products that the writers reserve, each a piece at a time
AT_MOST = 0.3  # seconds, the 99th of a hundred writers' waits
SOON = 10  # seconds for 1 GB


def measure(options: Options) -> list[Result]:
    """Back a database of 1 GB up, with its books and without, under two writers."""
    path = options.folder / "large.db"
    progress(f"making {PRODUCTS:,} products with {MOVEMENTS:,} movements")
    large.build(path, products=PRODUCTS, movements=MOVEMENTS)
    return measured(path)


def measured(path: Path) -> list[Result]:
    """Back this database up; it is written to meanwhile."""
    _stock(path)
    results = []
    for said, more in (("db backup", []), ("db backup --quick", ["--quick"])):
        target = path.with_name("backup.db")
        floor, waits, row = _under_load(path, target, more)
        target.unlink()
        p99 = _percentile(waits, 99)
        size = row["bytes"] / 1e9
        results += [
            Result(
                f"writers' p99 during {said}",
                f"{milliseconds(_percentile(floor, 99))} before",
                milliseconds(p99),
                f"{p99 / _percentile(floor, 99):.1f}x",
                "≤ 300 ms",
                p99 <= AT_MOST,
                f"{len(waits):,} reserves meanwhile, p50 {milliseconds(_percentile(waits, 50))}, "
                f"longest {milliseconds(max(waits))} ({milliseconds(max(floor))} before)",
            ),
            Result(
                f"{said} of {size:.2f} GB under load",
                "–",
                f"{row['seconds']:.1f} s",
                "–",
                f"≤ {SOON} s for 1 GB" if more else "–",
                row["seconds"] <= SOON * max(1, size) if more else None,
                f"copied in {row['copying_seconds']:.1f} s, proved: {row['verified']}; "
                f"{row['movements']:,} movements; log grew to {row['log'] / 1e6:,.0f} MB",
            ),
        ]
    return results


def _under_load(
    path: Path, target: Path, more: list[str]
) -> tuple[list[float], list[float], dict[str, Any]]:
    """Return what writers waited before and during a backup, and what that said."""
    command = [sys.executable, "-m", "tests.bench.keeping", path]
    writers = [
        subprocess.Popen(
            [*command, str(number)],
            cwd=REPOSITORY,
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline() == "ready\n"
    began = time.monotonic()
    time.sleep(BEFORE)
    starts = time.monotonic()
    said = run(
        [program(), "--db", path, "db", "backup", target, *more, "--format", "json"],
        folder=path.parent,
        env=child_environment(),
    )
    log = Path(f"{path}-wal").stat().st_size
    time.sleep(AFTER)
    ended = time.monotonic()
    took: list[tuple[float, float]] = []
    for writer in writers:
        took += [tuple(one) for one in json.loads(writer.communicate("stop")[0])]
    floor = [wait for at, wait in took if began <= at < starts - 0.5]
    waits = [wait for at, wait in took if starts <= at + wait and at < ended]
    return floor, waits, json.loads(said) | {"log": log}


def _stock(path: Path) -> None:
    """Receive more of what the writers want than they will reserve."""
    database = Database(path)

    def fill(session: Session) -> list[Any]:
        for number in range(1, WANTED * WRITERS + 1):
            receiving.receive(session, ref=f"SKU-{number}", quantity=10**6, warehouse=WAREHOUSE)
        return []

    act(database, fill)
    database.close()


def _percentile(waits: list[float], share: int) -> float:
    return sorted(waits)[len(waits) * share // 100]


def main(path: Path, number: int) -> None:
    """Reserve until told to stop; print when each began and how long it took, as JSON."""
    import threading

    stopped = threading.Event()
    database = Database(path)
    took = []
    for turn in count():
        request = Request(
            f"B{time.time_ns()}-{number}", [Line(f"SKU-{turn % WANTED * 2 + number + 1}", 1)]
        )
        began = time.monotonic()
        command = command_log.command("bench", actor=ACTOR)
        database.run(
            lambda session, request=request: reservations.create(session, request), command
        )
        took.append((began, time.monotonic() - began))
        if turn == 0:
            print("ready", flush=True)
            threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
        if stopped.is_set():
            break
    database.close()
    print(json.dumps(took))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
