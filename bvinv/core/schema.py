"""Creating and upgrading the database: Alembic, one transaction, one process at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from bvinv.core import db, engines
from bvinv.core.db import Database
from bvinv.core.models.base import Row

ADVISORY_LOCK = 0x6276696E


class SchemaRow(Row):
    """What `init` did: `action` is created, upgraded or nothing."""

    database: str
    schema_version: str
    action: str


def upgrade(database: Database, *, dry_run: bool = False) -> SchemaRow:
    """Create the database, or bring it to this program's schema; repeating is harmless.

    Killed half-way, it leaves the old schema or the new, never one between. Raises Conflict for
    a schema from the future and InvalidInput for a file that is not ours.
    """
    if database.path is None or database.gate is None:
        return _upgrade(database, dry_run)
    if dry_run and not database.path.exists():
        return SchemaRow(database=str(database), schema_version=db.SCHEMA, action="created")
    engines.create_file(database.path)
    with database.gate.hold("init"):
        return _upgrade(database, dry_run)


def _upgrade(database: Database, dry_run: bool) -> SchemaRow:
    with database._said_plainly():
        if database.path:
            engines.prepare_file(database.path, dry_run=dry_run)
        engine = database.connect()
        try:
            with engine.begin() as connection:
                if database.path:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                return _migrate(database, connection, dry_run)
        finally:
            engine.dispose()


def _migrate(database: Database, connection: Connection, dry_run: bool) -> SchemaRow:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
    before = db.schema_version(connection)
    if before is not None and before > db.SCHEMA:
        db.refuse_schema(database, before)
    if before == db.SCHEMA:
        action = "nothing"
    else:
        action = "created" if before is None else "upgraded"
        if not dry_run:
            command.upgrade(configuration(connection), db.SCHEMA)
    return SchemaRow(database=str(database), schema_version=db.SCHEMA, action=action)


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for the migrations inside this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
