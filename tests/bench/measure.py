"""What every benchmark needs: interleaved timing, child processes, memory, a fresh database."""

import os
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bvinv.core import catalog, command_log, engines, schema, warehouses
from bvinv.core.db import Database
from bvinv.core.purchasing import receiving

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"
MEGABYTE = 2**20
ACTOR = "bench"
WAREHOUSE = "MAIN"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said, and the folder that is removed afterwards."""

    folder: Path
    repeat: int
    full: bool
    set: str | None = None  # of the judge's; all
    origins: int | None = None  # from which its sets are forecast; all


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table, as it is printed; `met` is None where nothing is demanded."""

    work: str
    floor: str
    measured: str
    ratio: str
    at_least: str
    met: bool | None
    notes: str = ""


def progress(said: str) -> None:
    """Say on stderr what is going on; results go to stdout."""
    print(f"… {said}", file=sys.stderr, flush=True)


def seconds(action: Callable[[], object]) -> float:
    """Return how long the action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def interleaved(repeat: int, *timed: Callable[[], float]) -> list[float]:
    """Return the median of what each of these answers, asked in turn.

    Every other round goes backwards: what slows the machine down slows all of them.
    """
    found: list[list[float]] = [[] for _ in timed]
    for turn in range(repeat):
        order = range(len(timed)) if turn % 2 == 0 else reversed(range(len(timed)))
        for place in order:
            found[place].append(timed[place]())
    return [median(one) for one in found]


def rate(pieces: int, took: float) -> str:
    """Return a rate to be read: 41,200/s."""
    return f"{pieces / took:,.0f}/s"


def milliseconds(took: float) -> str:
    """Return a short time to be read."""
    return f"{took * 1e3:,.{0 if took >= 0.1 else 2}f} ms"


def child_environment(**more: str) -> dict[str, str]:
    """Return the environment of a child: no settings of bvinv's, and bytecode is cached.

    `pip install` compiles what it installs; a child that may not write bytecode would compile it
    again at every start.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BVINV_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | more


def run(command: Sequence[str | Path], *, folder: Path, env: Mapping[str, str]) -> str:
    """Run a child to its end and return its stdout. Raises CalledProcessError."""
    done = subprocess.run(
        command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    return done.stdout


def run_module(name: str, *arguments: str | Path) -> str:
    """Run one of these modules in a process of its own and return its stdout."""
    command = [sys.executable, "-m", name, *arguments]
    return run(command, folder=REPOSITORY, env=child_environment())


def program() -> Path:
    """Return the installed `bvinv` beside the Python that runs this."""
    found = shutil.which("bvinv", path=sysconfig.get_path("scripts"))
    if found is None:
        raise SystemExit("bvinv is not installed beside this Python: pip install -e .")
    return Path(found)


def resident() -> int:
    """Return the bytes of memory that this process has now, or had at most where Linux is not."""
    return _status("VmRSS")


def peak() -> int:
    """Return the most bytes of memory that this process ever had.

    `ru_maxrss` begins, on Linux, at what the parent had when it forked; the high-water mark of
    /proc does not.
    """
    return _status("VmHWM")


def _status(field: str) -> int:
    status = Path("/proc/self/status")
    if status.exists():
        [kilobytes] = re.findall(rf"^{field}:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        return int(kilobytes) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def fresh_database(where: Path | str) -> Database:
    """Return an initialised database with one warehouse, in a file or in an empty schema of
    PostgreSQL's; a file of the same name is removed."""
    if isinstance(where, Path):
        for suffix in ("", "-wal", "-shm", ".lock"):
            Path(f"{where}{suffix}").unlink(missing_ok=True)
    database = Database(where)
    schema.upgrade(database)
    act(database, lambda session: warehouses.add(session, name_code=WAREHOUSE, name="Main"))
    return database


@contextmanager
def postgresql_schema() -> Iterator[str]:
    """Yield the URL of a new, empty schema on a PostgreSQL as its owner has set it up, and remove
    it afterwards: of BVINV_TEST_POSTGRES, or of the database test on this machine."""
    server = os.environ.get("BVINV_TEST_POSTGRES", "postgresql://postgres@127.0.0.1/test")
    name = f"bvinv_bench_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
        finally:
            connection.execute("SET client_min_messages = warning")
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def stocked_database(path: Path, *, products: int = 1, pieces: int = 1_000_000) -> Database:
    """Return a fresh database with products SKU-1, SKU-2 … and so many pieces of each."""
    database = fresh_database(path)

    def fill(session: Any) -> list[Any]:
        for number in range(1, products + 1):
            catalog.add(session, fields={"sku": f"SKU-{number}", "title": f"Title {number}"})
            receiving.receive(session, ref=f"SKU-{number}", quantity=pieces, warehouse=WAREHOUSE)
        return []

    act(database, fill)
    return database


def act(database: Database, action: Callable[[Any], Any]) -> None:
    """Run the action as one command, as both doors do."""
    command_log.execute(database, action, command_log.command("bench", actor=ACTOR))


def raw_connection(path: Path) -> Any:
    """Return the bare driver's connection with bvinv's settings."""
    connection = engines.sqlite_driver().connect(path, isolation_level=None)
    for name, value in engines.PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    return connection
