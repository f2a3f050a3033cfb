"""A look at everything that keeps a database safe: every finding, and what mends it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from bvinv.core import db
from bvinv.core.db import Database
from bvinv.core.errors import NotFound
from bvinv.core.keeping import (
    book_checkups,
    file_checkups,
    findings,
    postgresql_checkups,
    replica_checkups,
    sqlite_checkups,
)
from bvinv.core.keeping.findings import CheckRow, Part, fine


def check(
    database: Database,
    *,
    search: Path,
    replica: str = "",
    replica_lag: float = 10.0,
    quick: bool = False,
) -> list[CheckRow]:
    """Return what is found, in the order of looking: the place, the engine, the rows.

    `search` is the folder of the search index, `replica` the URL of a read replica or nothing,
    `replica_lag` the seconds from which nobody reads there. With `quick` the long parts are left
    out: the books and, on SQLite, the indexes. Raises NotFound where there is no database, and
    what a server says that is away; of a database that is broken it tells.
    """
    name = str(database)
    rows: list[CheckRow] = []

    def look(kind: str, part: Part) -> None:
        rows.extend(findings.looked(kind, part, name))

    if database.path:
        if not database.path.exists():
            raise NotFound(f"there is no database at {database.path}", hint="run: bvinv init")
        for kind, part in _place(database.path):
            look(kind, part)
    engine = database.connect()
    try:
        if database.url:
            with database._said_plainly(), engine.connect():
                pass
        own = _sqlite(database, engine, quick) if database.path else _server(database, engine)
        for kind, part in own:
            look(kind, part)
        look("schema", partial(_schema, database, engine))
        if rows[-1].severity == "ok":
            for kind, part in _rows(database, engine, search, quick):
                look(kind, part)
        if replica:
            look("replica", partial(replica_checkups.follows, database, replica, replica_lag))
    finally:
        engine.dispose()
    return rows


def _place(path: Path) -> list[tuple[str, Part]]:
    return [
        ("library", sqlite_checkups.library),
        ("permissions", partial(file_checkups.permissions, path)),
        ("sidecars", partial(file_checkups.beside, path)),
        ("removed", partial(file_checkups.removed_logs, path)),
        ("file-system", partial(file_checkups.file_system, path)),
        ("room", partial(file_checkups.room, path)),
    ]


def _sqlite(database: Database, engine: Engine, quick: bool) -> list[tuple[str, Part]]:
    return [
        ("settings", partial(sqlite_checkups.settings, database, engine)),
        ("pages", partial(sqlite_checkups.pages, database, engine, quick=quick)),
        ("references", partial(sqlite_checkups.references, database, engine)),
        ("guards", partial(sqlite_checkups.guards, database, engine)),
    ]


def _server(database: Database, engine: Engine) -> list[tuple[str, Part]]:
    return [
        ("server", partial(postgresql_checkups.server, database, engine)),
        ("connections", partial(postgresql_checkups.connections, database, engine)),
        ("server-clock", partial(postgresql_checkups.clock, database, engine)),
        ("transactions", partial(postgresql_checkups.transactions, database, engine)),
        ("guards", partial(postgresql_checkups.guards, database, engine)),
        ("indexes", partial(postgresql_checkups.indexes, database, engine)),
        ("sequences", partial(postgresql_checkups.sequences, database, engine)),
    ]


def _rows(database: Database, engine: Engine, search: Path, quick: bool) -> list[tuple[str, Part]]:
    parts: list[tuple[str, Part]] = [
        ("clock", partial(book_checkups.clock, database, engine, database.jump)),
        ("holds", partial(book_checkups.holds, database, engine)),
        ("leases", partial(book_checkups.leases, database, engine)),
        ("search", partial(book_checkups.search, database, engine, search)),
    ]
    if not quick:
        parts.append(("books", partial(book_checkups.books, database, engine)))
    return parts


def _schema(database: Database, engine: Engine) -> Iterator[CheckRow]:
    with database._said_plainly(), engine.connect() as wire:
        version = db.schema_version(wire)
    if version is None:
        raise NotFound(f"{database} is not initialised", hint=f"bvinv --db {database} init")
    if version != db.SCHEMA:
        db.refuse_schema(database, version)
    yield fine("schema", f"{version}, this program's")
