"""The database: one snapshot to read, one transaction to write, on SQLite or PostgreSQL."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NoReturn, TypeVar

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from bvinv.core import engines, instants, postgresql, urls
from bvinv.core.errors import (
    Busy,
    Conflict,
    InvalidInput,
    InventoryError,
    NotFound,
)
from bvinv.core.gate import Gate
from bvinv.core.models.log import Command
from bvinv.core.session import LAST_RECORDED, Session
from bvinv.core.sql import Sql

__all__ = ["LAST_RECORDED", "SCHEMA", "Database", "Session", "Sql", "schema_version"]
SCHEMA = "0006"
COPYING = "copying"  # instead of a schema: rows are on their way here, and nothing is proven
ATTEMPTS = 8  # of a transaction that PostgreSQL asks to repeat
_SHORTEST, _LONGEST = 0.002, 0.05  # seconds to wait before the next of them, at most
T = TypeVar("T")


class Database:
    """One database by path or URL. Cheap to make; connects at its first use."""

    def __init__(
        self,
        where: str | Path,
        *,
        patience: float = 30.0,
        clock: Callable[[], int] = instants.now,
        connections: int = 4,
        jump: int = 0,
        statement_timeout: float = 0,
    ) -> None:
        """Name a SQLite file, or a `postgresql://` URL; wait `patience` seconds for locks.

        At most `connections` are open at a time. Writers are refused whose clock is further ahead
        than `jump`, see `clocks.check`. On PostgreSQL a statement may take `statement_timeout`
        seconds; with 0 as long as it takes.

        Raises InvalidInput for a URL of another kind.
        """
        self.clock = clock
        self.patience = patience
        self.connections = connections
        self.jump = jump
        self.statement_timeout = statement_timeout
        self.behind = 0  # microseconds that the clock was behind, at the last write
        # What each transaction does at its end, see `leases.held`.
        self.before_commit: Callable[[Session], None] | None = None
        self.path = sqlite_path(where)
        self.url = None if self.path else postgresql.url_of(str(where))
        self.gate = Gate(Path(f"{self.path}.lock"), patience=patience) if self.path else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session on one snapshot; nothing that it does is kept."""
        engine = self.engine
        if self.url:
            engine = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with self._said_plainly(), engine.connect() as wire:
            if self.path:
                wire.exec_driver_sql("BEGIN")
            yield Session(wire, self.clock)

    @contextmanager
    def look(self) -> Iterator[Session]:
        """Yield a session without a transaction, for questions of one statement each that need not
        agree: on PostgreSQL that saves the round trips of its beginning and its end."""
        engine = self.engine
        if self.url:
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        with self._said_plainly(), engine.connect() as wire:
            yield Session(wire, self.clock)

    @contextmanager
    def write(self, command: Command, *, dry_run: bool = False) -> Iterator[Session]:
        """Yield a session that commits when the block ends and rolls back on any error.

        On SQLite the write lock is taken first, so that what a caller checked is still true when
        it writes. With `dry_run` everything runs and nothing is kept.
        """
        engine = self.engine  # checked before the lock file is made
        with (
            self._said_plainly(),
            self._turn(command.name),
            engine.connect() as wire,
            wire.begin() as transaction,
        ):
            if self.path:
                wire.exec_driver_sql("BEGIN IMMEDIATE")
            session = Session(wire, self.clock, command, jump=self.jump)
            yield session
            self.behind = session.behind
            if dry_run:
                transaction.rollback()
                return
            if self.before_commit:
                self.before_commit(session)
            _commit(transaction)

    def run(self, action: Callable[[Session], T], command: Command, *, dry_run: bool = False) -> T:
        """Run the action in a write transaction, again if PostgreSQL asks for that.

        Two commands that lock crosswise, or insert the same thing at once, cost one of them a
        second attempt; it then sees what the other did. Before it, each waits for a while of its
        own, so that they do not meet again. Raises Busy after `ATTEMPTS`, or when `patience` is
        over. Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
        """
        end = time.monotonic() + self.patience
        for attempt in range(1, ATTEMPTS + 1):
            command.id = None
            try:
                with self.write(command, dry_run=dry_run) as session:
                    return action(session)
            except engines.Again as error:
                if attempt == ATTEMPTS or time.monotonic() >= end:
                    raise Busy(
                        f"others kept changing the same rows ({error.detail})", hint="try again"
                    ) from error
                time.sleep(random.uniform(0, min(_LONGEST, _SHORTEST * 2**attempt)))  # noqa: S311
        raise AssertionError("unreachable")

    @cached_property
    def engine(self) -> Engine:
        """The engine, opened and checked: it exists, is ours, and has this program's schema."""
        engine = self.connect()
        try:
            with self._said_plainly(), engine.connect() as connection:
                version = schema_version(connection)
                sound = self.url or engines.is_ours(connection)
            if version is None:
                raise NotFound(f"{self} is not initialised", hint="run: bvinv init")
            if version != SCHEMA:
                refuse_schema(self, version)
            if not sound:
                raise InvalidInput(f"{self} is not set up as bvinv does it", hint="run: bvinv init")
        except BaseException:
            engine.dispose()
            raise
        return engine

    def connect(self) -> Engine:
        """Return an engine on whatever is there, unchecked. For `init`; others use `engine`."""
        if self.path is None:
            return postgresql.engine(
                str(self.url), self.patience, self.connections, self.statement_timeout
            )
        if not self.path.exists():
            raise NotFound(f"there is no database at {self.path}", hint="run: bvinv init")
        return engines.sqlite_engine(self.path, self.connections)

    def twin(self) -> "Database":
        """Return the same database once more, with a connection of its own, for another thread."""
        where = self.path or str(self.url)
        return Database(
            where,
            patience=self.patience,
            clock=self.clock,
            connections=1,
            jump=self.jump,
            statement_timeout=self.statement_timeout,
        )

    def close(self) -> None:
        """Close every connection; a last checkpoint, too, happens inside the gate."""
        if "engine" in self.__dict__:
            if self.gate and not engines.wal_is_safe():
                with self.gate.hold("close"):
                    self.engine.dispose()
            else:
                self.engine.dispose()
            del self.engine
        if self.gate:
            self.gate.close()

    def __str__(self) -> str:
        return str(self.path) if self.path else urls.shown(str(self.url))

    @contextmanager
    def _turn(self, who: str) -> Iterator[None]:
        if self.gate is None:
            yield
        else:
            with self.gate.hold(who):
                yield

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        try:
            yield
        except InventoryError:
            raise
        except Exception as error:
            said = engines.plain(getattr(error, "orig", None) or error, str(self))
            if said is None:
                raise
            raise said from error


def _commit(transaction: RootTransaction) -> None:
    """Commit. Raises Busy where the server's answer is lost: whether it was done is not known."""
    try:
        transaction.commit()
    except DBAPIError as error:
        if error.orig is not None and postgresql.is_away(error.orig):
            raise Busy(
                "the connection was lost before the answer: it is not known whether this was "
                "recorded",
                hint="repeat it with the same key or id; what was recorded is not done twice",
            ) from error
        raise


def sqlite_path(where: str | Path) -> Path | None:
    """Return the file that is meant, or None for a PostgreSQL URL."""
    if isinstance(where, str):
        scheme, separator, rest = where.partition("://")
        if separator and scheme == "sqlite":
            where = rest.removeprefix("/")
        elif separator:
            return None
    if not str(where) or "\0" in str(where):
        raise InvalidInput("the database needs a path or a URL")
    path = Path(where).expanduser().absolute()
    try:
        is_folder, is_link = path.is_dir(), path.is_symlink()
    except OSError as error:  # a name that is too long, a folder that may not be searched
        raise InvalidInput(f"{path} cannot be a database: {error.strerror}") from None
    if is_folder:
        raise InvalidInput(f"{path} is a folder, not a database", hint=f"try {path}/bvinv.db")
    if is_link:
        raise InvalidInput(
            f"{path} is a link; locks would follow its name and not the file",
            hint=f"name the file itself: {path.resolve()}",
        )
    return path


def schema_version(connection: Connection) -> str | None:
    """Return the schema's version, None where there is none yet."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'"
        )
    else:
        found = connection.exec_driver_sql("SELECT to_regclass('alembic_version')")
    if not found.scalar():
        return None
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if version is None else str(version)


def refuse_schema(database: Database, version: str) -> NoReturn:
    """Raise for a schema that this program does not speak."""
    if version == COPYING:
        raise Conflict(
            f"{database} is being copied into and not complete",
            hint="run the same db copy again; only then is it a database",
        )
    if version > SCHEMA:
        raise Conflict(
            f"{database} has schema {version}, newer than this program's {SCHEMA}",
            hint="upgrade bvinv: pip install --upgrade bvinv",
        )
    raise Conflict(
        f"{database} has schema {version}, older than this program's {SCHEMA}",
        hint="run: bvinv init",
    )
