"""Databases for the tests: every test that names `database` runs on SQLite and on PostgreSQL."""

import faulthandler
import functools
import importlib
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.testing
from hypothesis import settings
from sqlalchemy import Engine, event

from bvinv.core import db, schema
from bvinv.core.db import Database
from tests import books, connections

warehouse = importlib.import_module("bvinv.core.migrations.versions.0003_warehouse")

REASONS = {code: [*more, 1] for code, *more in warehouse.REASONS}
STDERR = pytest.StashKey[int]()
ENGINES = ("sqlite", "postgresql")
POSTGRESQL = os.environ.get("BVINV_TEST_POSTGRES", "postgresql://postgres@127.0.0.1/test")
# For what has little to do with the engine and takes its time: pipes, terminals, headers. CI runs
# it on both.
mostly_on_sqlite = pytest.mark.parametrize(
    "engine_name", ["sqlite", pytest.param("postgresql", marks=pytest.mark.engines)], indirect=True
)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# Hundreds of processes are started; each would else compile all of bvinv for itself.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Programs with the real clock write to books whose clock stands in March 2026.
os.environ["BVINV_CLOCK_JUMP"] = "0"

# A shell ignores Ctrl-C for what runs in the background, and what that starts ignores it as well.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

connections.use()
# Every command line builds the tree of commands that it needs, which takes three quarters of its
# time; in one process they can share it.
typer.main.get_command = typer.testing._get_command = functools.cache(typer.main.get_command)

settings.register_profile("bvinv", deadline=None, derandomize=True, database=None)
settings.load_profile("bvinv")


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` means: the tests wait, for servers, disks and other
    processes, for as long as they compute."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the way to stderr from before a test's own is caught."""
    config.stash[STDERR] = os.dup(2)
    threading.Thread(target=_see_the_end, args=(config.stash[STDERR],), daemon=True).start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests the time that they say they need."""
    for item in items:
        if item.get_closest_marker("slow") or item.get_closest_marker("crash"):
            item.add_marker(pytest.mark.timeout(1_800))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """End the process of a test that does not end when its time is up, and tell where it stands:
    pytest-timeout interrupts once, and what is torn down then may wait for ever too."""
    is_long = item.get_closest_marker("slow") or item.get_closest_marker("crash")
    limit = 3_600 if is_long else 300
    last_resort = _end_process_in(limit, item.nodeid, item.config.stash[STDERR])
    try:
        return (yield)
    finally:
        last_resort.cancel()


def _end_process_in(seconds: float, name: str, stderr: int) -> threading.Timer:
    timer = threading.Timer(seconds, _end_process, [name, stderr])
    timer.daemon = True
    timer.start()
    return timer


def _see_the_end(stderr: int) -> None:
    """End a process that waits for a thread which a test left behind."""
    threading.main_thread().join()
    time.sleep(20)
    _end_process("what a test left behind", stderr)


def _end_process(name: str, stderr: int) -> None:
    os.write(stderr, f"{name} does not end\n".encode())
    faulthandler.dump_traceback(stderr)
    os._exit(70)


def shared_data(name: str) -> Path:
    """Return a file of ../shared/data; skips the test where that was not delivered."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"there is no {path}")
    return path


@pytest.fixture(scope="session")
def postgresql_answers() -> str:
    """Return why there is no PostgreSQL, nothing where one answers."""
    try:
        psycopg.connect(POSTGRESQL, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        return f"no PostgreSQL at {POSTGRESQL}: {str(error).splitlines()[0]}"
    return ""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory) -> Path:
    """Return an empty database to copy; nothing has it open."""
    path = tmp_path_factory.mktemp("template") / "bvinv.db"
    schema.upgrade(Database(path))
    assert not path.with_name("bvinv.db-wal").exists()
    return path


@contextmanager
def postgresql_schema() -> Iterator[str]:
    """Yield the URL of a new, empty schema. No test pulls the server's plug, so nobody waits for
    its disk."""
    name = f"bvinv_test_{uuid.uuid4().hex}"

    def send(statement: str) -> None:
        with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
            connection.execute("SET synchronous_commit = off; SET client_min_messages = warning")
            connection.execute("SET lock_timeout = '30s'")
            connection.execute(statement)

    send(f"CREATE SCHEMA {name}")
    try:
        options = f"-csearch_path%3D{name}%20-csynchronous_commit%3Doff"
        yield f"{POSTGRESQL}{'&' if '?' in POSTGRESQL else '?'}options={options}"
    finally:
        connections.forget(name)
        send(f"DROP SCHEMA {name} CASCADE")


class Schemas:
    """Initialised schemas of this test process. To migrate one takes 0.3 s, to make another from
    what the migrations sent a third of it, to empty one 10 ms: a schema serves test after test,
    unless a test went behind bvinv's back."""

    def __init__(self) -> None:
        self.spare: list[str] = []
        self.opened: dict[str, ExitStack] = {}
        self.script: list[str] = []
        self.stocked: dict[str, bytes] = {}

    def take(self) -> str:
        if self.spare:
            return self.spare.pop()
        stack = ExitStack()
        url = stack.enter_context(postgresql_schema())
        self.opened[url] = stack
        if self.script:
            with psycopg.connect(url) as connection:
                connection.execute("; ".join(self.script))
                self.fill_reasons(connection)
        else:
            listener = (Engine, "before_cursor_execute", self.note)
            event.listen(*listener)
            schema.upgrade(Database(url))
            event.remove(*listener)
            self.script.append(f"INSERT INTO alembic_version VALUES ('{db.SCHEMA}')")
        return url

    def note(self, _wire: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Keep what the migrations send, to make the next schema in one go."""
        if statement.lstrip().startswith(("CREATE", "ALTER")):
            self.script.append(statement)

    def fill_reasons(self, connection: psycopg.Connection) -> None:
        connection.execute("DELETE FROM reason")
        connection.cursor().executemany(
            "INSERT INTO reason VALUES (%s, %s, %s, %s)",
            [(code, *more) for code, more in REASONS.items()],
        )

    def give_back(self, url: str) -> None:
        if url in books.SPOILT:
            books.TAKEN.pop(url, None)
            self.opened.pop(url).close()
            return
        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica; SET lock_timeout = '10s'")
            tables = [table for table in books.TABLES if table != "reason"]
            tables += ["rate_ring", "rate_hit"]
            asked = "SELECT " + ", ".join(
                f"pg_relation_size('{table}'), exists(SELECT FROM {table})" for table in tables
            )
            [row] = connection.execute(asked)
            sizes = dict(zip(tables, zip(row[::2], row[1::2], strict=True), strict=True))
            # What was deleted would still be read by the next test, for as long as anybody's
            # transaction on the server keeps it from being vacuumed.
            if any(size > 1 << 20 for size, _ in sizes.values()):
                connection.execute(f"TRUNCATE {', '.join(tables)}")
            elif full := [table for table, (_, holds) in sizes.items() if holds]:
                connection.execute("; ".join(f"DELETE FROM {table}" for table in full))
            reasons = connection.execute("SELECT code, name, corrects, active FROM reason")
            if {row[0]: [*row[1:]] for row in reasons} != REASONS:
                self.fill_reasons(connection)
            connection.execute("; ".join(books.TAKEN.pop(url, [])))
            # First whose they are: those of another test's schema may be gone in this moment.
            connection.execute(
                "WITH ours AS MATERIALIZED (SELECT oid FROM pg_class WHERE relkind = 'S' "
                "AND relnamespace = current_schema()::regnamespace) "
                "SELECT setval(oid::regclass, 1, false) FROM ours "
                "WHERE pg_sequence_last_value(oid) IS NOT NULL"
            )
        self.spare.append(url)

    def stock(self, database: Database) -> None:
        """Put in what `stock` does, by what it left behind when it was done first."""
        url = str(database.url).replace("+psycopg", "")
        sequences = (
            "SELECT seqrelid::regclass::text FROM pg_sequence JOIN pg_class "
            "ON pg_class.oid = seqrelid WHERE relnamespace = current_schema()::regnamespace"
        )
        with psycopg.connect(url) as connection:
            if self.stocked:
                connection.execute("SET session_replication_role = replica")
                for table, content in self.stocked.items():
                    if table:
                        with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                            copy.write(content)
                connection.execute(self.stocked[""].decode())
                return
            stock(database)
            for table in books.TABLES:
                with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                    content = b"".join(map(bytes, copy))
                if content and table != "reason":
                    self.stocked[table] = content
            said = []
            for (name,) in connection.execute(sequences).fetchall():
                [row] = connection.execute(f"SELECT last_value, is_called FROM {name}")
                said.append(f"setval('{name.split('.')[-1]}', {row[0]}, {row[1]})")
            self.stocked[""] = f"SELECT {', '.join(said)}".encode()


@pytest.fixture(scope="session")
def postgresql_schemas() -> Iterator[Schemas]:
    schemas = Schemas()
    yield schemas
    for stack in schemas.opened.values():
        stack.close()


@pytest.fixture
def clock() -> books.Clock:
    """Return the clock of the test's databases: it stands at 2026-03-01T09:00:00Z."""
    return books.Clock()


@pytest.fixture(params=ENGINES)
def engine_name(request) -> str:
    return str(request.param)


@pytest.fixture
def nowhere(request, engine_name, tmp_path) -> Iterator[str]:
    """Yield the path or URL of a database that `init` has not been to."""
    if engine_name == "sqlite":
        yield str(tmp_path / "bvinv.db")
        return
    if reason := request.getfixturevalue("postgresql_answers"):
        pytest.skip(reason)
    with postgresql_schema() as url:
        yield url


@contextmanager
def initialised(request: pytest.FixtureRequest, engine_name: str, folder: Path) -> Iterator[str]:
    """Yield the path or URL of an empty, initialised database."""
    if engine_name == "sqlite":
        path = folder / "bvinv.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        path.chmod(0o600)
        yield str(path)
        return
    if reason := request.getfixturevalue("postgresql_answers"):
        pytest.skip(reason)
    schemas = request.getfixturevalue("postgresql_schemas")
    url = schemas.take()
    yield url
    schemas.give_back(url)


@pytest.fixture
def where(request, engine_name, tmp_path) -> Iterator[str]:
    """Yield the path or URL of an empty, initialised database."""
    with initialised(request, engine_name, tmp_path) as place:
        yield place


@pytest.fixture(scope="module", params=ENGINES)
def lasting(request, tmp_path_factory) -> Iterator[Database]:
    """Yield an empty database for all the tests of a file that fill it once and only read; when
    they are over, its books have to be sound."""
    with initialised(request, request.param, tmp_path_factory.mktemp("lasting")) as place:
        yield from sound(Database(place, clock=books.Clock()))


@pytest.fixture
def database(where, clock) -> Iterator[Database]:
    """Yield an empty database; when the test is over, its books have to be sound."""
    yield from sound(Database(where, clock=clock))


def sound(found: Database) -> Iterator[Database]:
    """Yield a database and close it afterwards; then its books have to be sound."""
    try:
        yield found
        if "damaged" not in found.__dict__:
            books.assert_sound(found)
    finally:
        with suppress(Exception):
            found.close()


def stock(database: Database) -> None:
    """Put in 10 of HX-1 at MAIN, 4 of HX-2 at MAIN and 6 at NORTH, no HX-3."""
    books.add_warehouses(database, "MAIN", "NORTH")
    books.add_products(database, "HX-1", "HX-2", "HX-3")
    for ref, quantity, warehouse in (
        ("HX-1", 10, "MAIN"),
        ("HX-2", 4, "MAIN"),
        ("HX-2", 6, "NORTH"),
    ):
        books.receive(database, ref, quantity, warehouse, bin="SHELF")


@pytest.fixture(scope="session")
def stocked_template(sqlite_template, tmp_path_factory) -> Path:
    """Return a stocked database to copy; nothing has it open."""
    path = tmp_path_factory.mktemp("stocked") / "bvinv.db"
    shutil.copyfile(sqlite_template, path)
    found = Database(path, clock=books.Clock())
    stock(found)
    found.close()
    return path


@pytest.fixture
def stocked(request, database) -> Database:
    """Return a database with 10 of HX-1 at MAIN, 4 of HX-2 at MAIN and 6 at NORTH, no HX-3."""
    if "engine" in database.__dict__:
        stock(database)
    elif database.path:
        shutil.copyfile(request.getfixturevalue("stocked_template"), database.path)
    else:
        request.getfixturevalue("postgresql_schemas").stock(database)
    return database
