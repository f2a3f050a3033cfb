"""The database: one snapshot to read, one transaction to write, on SQLite or PostgreSQL."""

import json
import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url

from bvinv.core import engines, instants
from bvinv.core.errors import (
    Busy,
    Conflict,
    InvalidInput,
    InventoryError,
    NotFound,
)
from bvinv.core.gate import Gate
from bvinv.core.models.log import Command

SCHEMA = "0005"
ATTEMPTS = 8  # of a transaction that PostgreSQL asks to repeat
T = TypeVar("T")


class Sql:
    """A statement in the words that both engines know, sent by the driver itself.

    SQLAlchemy's own execution costs 50 to 90 µs a statement, ten times what SQLite needs for the
    answer; the statements of the hot paths go this way. Values are `:name`; `IN :name` takes a
    list; `lock` is added where rows can be locked (PostgreSQL; SQLite has locked everything).
    `SINCE(m, :position)` holds for the rows of `movement AS m`, or of `event`, that
    `Session.position` has not passed.
    """

    def __init__(self, statement: str, *, lock: str = "") -> None:
        """Keep the statement; nothing is sent yet."""
        names = re.findall(r":(\w+)", statement)
        numbered = re.sub(r"\bSINCE\((\w+), ", r"(\1.id >= ", statement)
        dated = re.sub(r"\bSINCE\((\w+), ", r"(\1.xid >= ", statement)
        # By place on SQLite, which takes half the time of binding by name.
        pick = itemgetter(*names) if names else lambda row: ()  # noqa: ARG005
        self.values: Callable[[dict[str, Any]], Any] = (
            pick if len(names) != 1 else lambda row: (row[names[0]],)
        )
        lists = re.sub(r"\bIN :(\w+)", r"IN (SELECT value FROM json_each(:\1))", numbered)
        self.on_sqlite = re.sub(r":\w+", "?", lists)
        pyformat = re.sub(r"\bIN :(\w+)", r"= ANY(:\1)", dated)
        self.on_postgresql = re.sub(r":(\w+)", r"%(\1)s", pyformat)
        self.locked = f"{self.on_postgresql} {lock}" if lock else self.on_postgresql
        self.row: Callable[[Iterable[Any]], Any] | None = None

    @classmethod
    def insert(cls, into: str, *columns: str, after: str = "") -> "Sql":
        """Return the statement that inserts rows with these columns."""
        values = ", ".join(f":{column}" for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        return cls(f"INSERT INTO {into} ({names}) VALUES ({values}) {after}")


def _row_maker(description: Sequence[Sequence[Any]]) -> Callable[[Iterable[Any]], Any]:
    names = [entry[0] for entry in description]
    return namedtuple("Row", names)._make  # type: ignore[no-any-return,attr-defined]


_POSITIONS = {
    "event": Sql("SELECT coalesce(max(id), 0) + 1 AS at FROM event"),
    "movement": Sql("SELECT coalesce(max(id), 0) + 1 AS at FROM movement"),
}
_HORIZON = Sql("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS at")
_GIVEN = Sql("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS id FROM event_id_seq")
_WRITERS = Sql("""
    SELECT virtualtransaction AS name FROM pg_locks
     WHERE locktype = 'relation' AND relation = CAST('event' AS regclass)
       AND mode = 'RowExclusiveLock' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
LAST_RECORDED = Sql("SELECT recorded_at FROM command_log ORDER BY id DESC LIMIT 1")


class Session:
    """A transaction that knows who asks (`command`) and what time it is (`now`).

    `wire` is SQLAlchemy's connection, for statements that are put together piece by piece. There
    is no ORM below: nothing here needs it, and loading it doubles the time that a look-up takes.
    """

    command: Command

    def __init__(
        self, wire: Connection, clock: Callable[[], int], command: Command | None = None
    ) -> None:
        """Wrap a connection in a transaction; only a writer has a command."""
        self.wire = wire
        self.clock = clock
        # A writer's instants go up by one at least, and what it reads is locked.
        self.step = 0 if command is None else 1
        if command is not None:
            self.command = command
        # Level id -> counts before, and the level; kept by the ledger.
        self.touched: dict[int, Any] = {}

    @cached_property
    def now(self) -> int:
        """The instant of this transaction: it never steps back behind what is recorded."""
        last = self.ask(LAST_RECORDED)
        return max(self.clock(), last[0].recorded_at + self.step if last else 0)

    def position(self, table: Literal["event", "movement"]) -> int:
        """Return where a reader of the table goes on who has read all that this snapshot shows.

        What commits later never lies before it; what committed just now may lie behind it once
        more, on PostgreSQL, where ids are not in the order of commits. Source: PostgreSQL's
        documentation, 9.27.8, "Transaction ID and Snapshot Information Functions".
        """
        [row] = self.ask(_POSITIONS[table] if self._is_sqlite else _HORIZON)
        return int(row.at)

    def horizon(self) -> tuple[int, frozenset[str]] | None:
        """Return the last id that an event was given, and then who has events not committed yet.

        None where ids are in the order of commits. Whoever writes events holds the table's lock
        from before the first id until the end (PostgreSQL's documentation, 13.3.1, pg_locks).
        """
        if self._is_sqlite:
            return None
        [given] = self.ask(_GIVEN)
        return int(given.id), frozenset(row.name for row in self.ask(_WRITERS))

    def ask(self, sql: Sql, **values: Any) -> list[Any]:
        """Return the rows of a query, their columns as attributes."""
        cursor = self._send(sql, values)
        if sql.row is None:
            sql.row = _row_maker(cursor.description)
        return [sql.row(row) for row in cursor.fetchall()]

    def stream(self, sql: Sql, **values: Any) -> Iterator[Sequence[Any]]:
        """Yield the rows of a long answer as plain tuples, in flat memory."""
        if self._is_sqlite:
            cursor = self._send(sql, values)
        else:
            cursor = self._driver.cursor(name="stream")
            cursor.itersize = 5000
            cursor.execute(sql.on_postgresql, values)
        try:
            yield from cursor
        finally:
            cursor.close()

    def send(self, sql: Sql, rows: Sequence[dict[str, Any]]) -> int:
        """Run the statement once for each of these values; return how many rows it changed."""
        if not rows:
            return 0
        cursor = self._driver.cursor()
        if self._is_sqlite:
            cursor.executemany(sql.on_sqlite, [sql.values(row) for row in rows])
        else:
            cursor.executemany(sql.on_postgresql, rows)
        return int(cursor.rowcount)

    def insert(self, sql: Sql, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Insert rows with a statement that ends in RETURNING; return what it returns."""
        if self._is_sqlite:
            return [self._send(sql, row).fetchone()[0] for row in rows]
        cursor = self._driver.cursor()
        cursor.executemany(sql.on_postgresql, rows, returning=True)
        found = [cursor.fetchone()[0]]
        while cursor.nextset():
            found.append(cursor.fetchone()[0])
        return found

    def fork(self, command: Command) -> "Session":
        """Return a session of another command in the same transaction."""
        return Session(self.wire, self.clock, command)

    def mark(self, statement: str) -> None:
        """Set a savepoint, go back to it or forget it."""
        self._driver.execute(statement)

    @property
    def is_ordered(self) -> bool:
        """Tell whether positions are counted up one by one, as SQLite's only writer does."""
        return self._is_sqlite

    def _send(self, sql: Sql, values: dict[str, Any]) -> Any:
        if self._is_sqlite:
            for name, value in values.items():
                if isinstance(value, list):
                    values[name] = json.dumps(value)
            return self._driver.execute(sql.on_sqlite, sql.values(values))
        return self._driver.execute(sql.locked if self.step else sql.on_postgresql, values)

    @cached_property
    def _driver(self) -> Any:
        return self.wire.connection.driver_connection

    @cached_property
    def _is_sqlite(self) -> bool:
        return self.wire.dialect.name == "sqlite"


class Database:
    """One database by path or URL. Cheap to make; connects at its first use."""

    def __init__(
        self,
        where: str | Path,
        *,
        patience: float = 30.0,
        clock: Callable[[], int] = instants.now,
        connections: int = 4,
    ) -> None:
        """Name a SQLite file, or a `postgresql://` URL; wait `patience` seconds for locks.

        At most `connections` are open at a time.

        Raises InvalidInput for a URL of another kind.
        """
        self.clock = clock
        self.patience = patience
        self.connections = connections
        self.path = sqlite_path(where)
        self.url = None if self.path else engines.postgresql_url(str(where))
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
            yield Session(wire, self.clock, command)
            if dry_run:
                transaction.rollback()

    def run(self, action: Callable[[Session], T], command: Command, *, dry_run: bool = False) -> T:
        """Run the action in a write transaction, again if PostgreSQL asks for that.

        Two commands that lock crosswise, or insert the same thing at once, cost one of them a
        second attempt; it then sees what the other did.
        """
        for attempt in range(ATTEMPTS):
            command.id = None
            try:
                with self.write(command, dry_run=dry_run) as session:
                    return action(session)
            except engines.Again as error:
                if attempt == ATTEMPTS - 1:
                    raise Busy(f"others kept changing the same rows ({error.detail})") from error
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
            return engines.postgresql_engine(str(self.url), self.patience, self.connections)
        if not self.path.exists():
            raise NotFound(f"there is no database at {self.path}", hint="run: bvinv init")
        return engines.sqlite_engine(self.path, self.connections)

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
        return (
            str(self.path)
            if self.path
            else make_url(str(self.url)).set(drivername="postgresql").render_as_string()
        )

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
    if version > SCHEMA:
        raise Conflict(
            f"{database} has schema {version}, newer than this program's {SCHEMA}",
            hint="upgrade bvinv: pip install --upgrade bvinv",
        )
    raise Conflict(
        f"{database} has schema {version}, older than this program's {SCHEMA}",
        hint="run: bvinv init",
    )
