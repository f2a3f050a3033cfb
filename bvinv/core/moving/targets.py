"""Where rows are moved to: made if need be, empty, and for one process at a time."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection

from bvinv.core import db, schema
from bvinv.core.db import Database
from bvinv.core.errors import Busy, Conflict
from bvinv.core.moving.postgresql_side import PostgresqlSide
from bvinv.core.moving.sides import Side
from bvinv.core.moving.sqlite_side import SqliteSide
from bvinv.core.moving.tables import Table, moved

# What migrations fill, and what a program that only looked may have left.
_SEEDED = ("reason",)


def side(database: Database, wire: Connection) -> Side:
    """Return an end of a move on an open connection."""
    kind = SqliteSide if database.path else PostgresqlSide
    return kind(wire, database.clock, str(database))


@contextmanager
def opened(target: Database, *, who: str, dry_run: bool = False) -> Iterator[Side]:
    """Yield the target with nobody else writing; it is made, unless `dry_run`, where it is absent.

    Raises Conflict for another schema, Busy when somebody else moves rows to it, and InvalidInput
    for what is no database of bvinv's.
    """
    if not dry_run and _version(target) is None:
        schema.upgrade(target)
    with ExitStack() as until:
        until.enter_context(target._said_plainly())
        if target.gate and not dry_run:
            until.enter_context(target.gate.hold(who))
        engine = target.connect()
        until.callback(engine.dispose)
        found = side(target, until.enter_context(engine.connect()))
        with found.transaction():
            version = found.version()
            alone = found.is_alone()
        if version not in (None, db.SCHEMA, db.COPYING):
            db.refuse_schema(target, version)
        if not alone:
            raise Busy(f"another process moves rows to {target}", hint="let it finish")
        yield found


def exists(target: Database) -> bool:
    """Tell whether there is a database with a schema."""
    return _version(target) is not None


def require_empty(found: Side) -> None:
    """Raise Conflict, saying what is there, unless every table is as `init` makes it."""
    held = [
        f"{rows:,} rows of {table.name}"
        for table in moved()
        if table.name not in _SEEDED and (rows := found.count(table))
    ]
    if held:
        more = f" and {len(held) - 3} tables more" if len(held) > 3 else ""
        raise Conflict(
            f"{found.name} is not empty: it holds {', '.join(held[:3])}{more}",
            hint="name a place where nothing is yet",
        )


def clear_seeds(found: Side, tables: tuple[Table, ...]) -> None:
    """Remove what the migrations filled in: it comes from the source too."""
    for table in tables:
        if table.name in _SEEDED:
            found.clear(table)


def _version(target: Database) -> str | None:
    """Return the schema that is there, None where there is none, or no file."""
    if target.path and not target.path.exists():
        return None
    engine = target.connect()
    try:
        with target._said_plainly(), engine.connect() as wire:
            return db.schema_version(wire)
    finally:
        engine.dispose()
