"""Where the days of the crash tier begin: the same morning again and again, on both engines."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bvinv.core import instants, schema
from bvinv.core.db import Database
from tests import books, clusters, connections
from tests.crash import day, oracle, tracing
from tests.crash.tracing import Stable

# How long an undisturbed day takes, and its slowest command: machines are busy.
PACE: dict[str, tuple[float, float]] = {}
EVENINGS: dict[str, dict[str, list[Any]]] = {}


def prepare(database: Database) -> None:
    """Put in what every day begins with: goods in two warehouses, two holds that have run out."""
    clock = books.Clock(instants.now() - books.HOUR)
    database.clock = clock
    books.add_warehouses(database, "MAIN", "NORTH")
    books.add_products(database, "HX-1", "HX-2", "HX-3", "HX-4")
    for ref, quantity, warehouse in (
        ("HX-1", 10, "MAIN"),
        ("HX-2", 4, "MAIN"),
        ("HX-2", 6, "NORTH"),
        ("HX-4", 5, "MAIN"),
    ):
        books.receive(database, ref, quantity, warehouse, bin="SHELF")
    books.reserve(database, "OLD-1", "HX-1=1 HX-2=1", ttl=books.MINUTE)
    books.reserve(database, "OLD-2", "HX-4=2", ttl=books.MINUTE)


class Mornings:
    """Databases as they are when the day begins. Nobody in this process has one open."""

    def __init__(self, folder: Path, template: Path, server: clusters.Cluster | None) -> None:
        """Copy a file, or on a server the database that is called as the file is."""
        self.folder = folder
        self._template = template
        self._server = server
        self._numbers = count()
        self._last = ""
        day.bring(folder)

    @property
    def log(self) -> Path:
        """Where the day writes what it does."""
        return self.folder / "log"

    def new(self) -> str:
        """Return the path or URL of a fresh one; the one before is gone, and so is its log."""
        self.log.unlink(missing_ok=True)
        if self._server is None:
            for old in self.folder.glob("day.db*"):
                old.unlink()
            shutil.copyfile(self._template, path := self.folder / "day.db")
            path.chmod(0o600)
            return str(path)
        name = f"day_{self.folder.name.lower()}_{next(self._numbers)}"[-60:]
        if self._last:
            self._server.ask(f'DROP DATABASE "{self._last}" WITH (FORCE)')
        self._server.ask(
            f'CREATE DATABASE "{name}" TEMPLATE "{self._template.stem}" STRATEGY FILE_COPY'
        )
        self._last = name
        return self._server.address(database=name)


@pytest.fixture(scope="session")
def morning_file(tmp_path_factory) -> Path:
    """Return a SQLite database to copy; nothing has it open."""
    path = tmp_path_factory.mktemp("morning") / "morning.db"
    with closing(Database(path)) as found:
        schema.upgrade(found)
        prepare(found)
    assert not path.with_name("morning.db-wal").exists()
    return path


@pytest.fixture(scope="session")
def quick_server() -> Iterator[clusters.Cluster]:
    """Yield a server for tests that kill its clients: it never waits for its disk."""
    with clusters.cluster(fsync="off", full_page_writes="off") as server:
        server.ask("CREATE DATABASE morning")
        url = server.address(database="morning")
        with closing(Database(url)) as found:
            schema.upgrade(found)
            prepare(found)
        connections.forget("morning")
        with psycopg.Connection.connect(url, autocommit=True) as wire:
            wire.execute("VACUUM ANALYZE")
        yield server


@pytest.fixture
def mornings(request, engine_name, tmp_path) -> Mornings:
    """Return where fresh databases come from."""
    server = None if engine_name == "sqlite" else request.getfixturevalue("quick_server")
    return Mornings(tmp_path, request.getfixturevalue("morning_file"), server)


@pytest.fixture
def asked(mornings) -> Callable[[str], dict[str, str]]:
    """Return what a day in this database is asked with."""
    return lambda where: {
        "where": where,
        "log": str(mornings.log),
        "folder": str(mornings.folder),
    }


@pytest.fixture
def evening(mornings, asked, stable, engine_name) -> dict[str, list[Any]]:
    """Return what there is when a day has ended that nobody disturbed."""
    if engine_name not in EVENINGS:
        where = mornings.new()
        assert stable.run(**asked(where)) == 0
        assert len(day.answers(mornings.log)) == len(day.STEPS)
        assert oracle.faults(where, day.acks(mornings.log)) == []
        EVENINGS[engine_name] = oracle.state(where)
        PACE[engine_name] = day.pace(mornings.log)
    return EVENINGS[engine_name]


@pytest.fixture(scope="session")
def stable() -> Iterator[Stable]:
    """Yield the process that days are forked from."""
    with tracing.stable() as found:
        yield found
