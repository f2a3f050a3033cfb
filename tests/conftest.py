"""Databases for the tests: every test that names `database` runs on SQLite and on PostgreSQL."""

import importlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

from bvinv.core import db, schema
from bvinv.core.db import Database
from tests import books

warehouse = importlib.import_module("bvinv.core.migrations.versions.0003_warehouse")

REASONS = {code: [*more, 1] for code, *more in warehouse.REASONS}
ENGINES = ("sqlite", "postgresql")
POSTGRESQL = os.environ.get("BVINV_TEST_POSTGRES", "postgresql://postgres@127.0.0.1/test")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

settings.register_profile("bvinv", deadline=None, derandomize=True, database=None)
settings.load_profile("bvinv")


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
            connection.execute(statement)

    send(f"CREATE SCHEMA {name}")
    try:
        options = f"-csearch_path%3D{name}%20-csynchronous_commit%3Doff"
        yield f"{POSTGRESQL}{'&' if '?' in POSTGRESQL else '?'}options={options}"
    finally:
        send(f"DROP SCHEMA {name} CASCADE")


class Schemas:
    """Initialised schemas of this test process. To migrate one takes 0.3 s, to make another from
    what the migrations sent a third of it, to empty one 10 ms: a schema serves test after test,
    unless a test went behind bvinv's back."""

    def __init__(self) -> None:
        self.spare: list[str] = []
        self.opened: dict[str, ExitStack] = {}
        self.script: list[str] = []

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
            self.opened.pop(url).close()
            return
        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica; SET lock_timeout = '10s'")
            tables = [table for table in books.TABLES if table != "reason"]
            sizes = ", ".join(f"pg_relation_size('{table}')" for table in books.TABLES)
            [size] = connection.execute(f"SELECT greatest({sizes})").fetchone() or [0]
            if size > 1 << 20:
                # What was deleted would still be read by the next test, for as long as anybody's
                # transaction on the server keeps it from being vacuumed.
                connection.execute(f"TRUNCATE {', '.join(tables)}")
            connection.execute("; ".join(f"DELETE FROM {table}" for table in tables))
            reasons = connection.execute("SELECT code, name, corrects, active FROM reason")
            if {row[0]: [*row[1:]] for row in reasons} != REASONS:
                self.fill_reasons(connection)
            connection.execute(
                "SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence "
                "JOIN pg_class ON pg_class.oid = seqrelid "
                "WHERE relnamespace = current_schema()::regnamespace"
            )
        self.spare.append(url)


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


@pytest.fixture
def where(request, engine_name, tmp_path) -> Iterator[str]:
    """Yield the path or URL of an empty, initialised database."""
    if engine_name == "sqlite":
        path = tmp_path / "bvinv.db"
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
def database(where, clock) -> Iterator[Database]:
    """Yield an empty database; when the test is over, its books have to be sound."""
    found = Database(where, clock=clock)
    try:
        yield found
        if "damaged" not in found.__dict__:
            assert books.verify(found).findings == []
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
    if database.path and "engine" not in database.__dict__:
        shutil.copyfile(request.getfixturevalue("stocked_template"), database.path)
    else:
        stock(database)
    return database
