"""The database: one snapshot to read, one transaction to write, on SQLite or PostgreSQL.

The only module that knows the two engines apart. The settings are those of RELIABILITY.md 2.14.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TypeVar

import sqlmodel
from sqlalchemy import Connection, Engine, QueuePool, Table, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from bvinv.core import instants
from bvinv.core.errors import (
    Busy,
    Conflict,
    InvalidInput,
    InventoryError,
    NotFound,
    NotPermitted,
    VerificationFailed,
)
from bvinv.core.gate import Gate
from bvinv.core.models.log import Command

SCHEMA = "0001"
APPLICATION_ID = 0x6276696E  # "bvin"
PRAGMAS = {
    "busy_timeout": 10_000,
    "foreign_keys": 1,
    "synchronous": 2,  # FULL: what is acknowledged survives a power cut
    "recursive_triggers": 1,  # REPLACE must not slip past the append-only triggers
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_size_limit": 64 * 2**20,
    "wal_autocheckpoint": 1000,
    "temp_store": 2,
    "mmap_size": 0,
    "cache_size": -16_384,  # KiB
}
ATTEMPTS = 8  # of a transaction that PostgreSQL asks to repeat
T = TypeVar("T")


class Session(sqlmodel.Session):
    """A transaction that knows who asks (`command`) and what time it is (`now`)."""

    command: Command
    clock: Callable[[], int]
    step: int
    touched: dict[int, Any]  # level id -> counts before, and the level; kept by the ledger

    @cached_property
    def now(self) -> int:
        """The instant of this transaction: it never steps back behind what is recorded."""
        last = self.connection().execute(_LAST_RECORDED).scalar()
        return max(self.clock(), (last or 0) + self.step)


_LAST_RECORDED = text("SELECT recorded_at FROM command_log ORDER BY id DESC LIMIT 1")


class Database:
    """One database by path or URL. Cheap to make; connects at its first use."""

    def __init__(
        self,
        where: str | Path,
        *,
        patience: float = 30.0,
        clock: Callable[[], int] = instants.now,
    ) -> None:
        """Name a SQLite file, or a `postgresql://` URL; wait `patience` seconds for locks.

        Raises InvalidInput for a URL of another kind.
        """
        self.clock = clock
        self.patience = patience
        self.path = sqlite_path(where)
        self.url = None if self.path else _postgresql_url(str(where))
        self.gate = Gate(Path(f"{self.path}.lock"), patience=patience) if self.path else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session on one snapshot; nothing that it does is kept."""
        engine = self.engine
        if self.url:
            engine = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with self._said_plainly(), Session(engine, autoflush=False) as session:
            session.clock, session.step = self.clock, 0
            yield session

    @contextmanager
    def write(self, command: Command, *, dry_run: bool = False) -> Iterator[Session]:
        """Yield a session that commits when the block ends and rolls back on any error.

        On SQLite the write lock is taken first, so that what a caller checked is still true when
        it writes. With `dry_run` everything runs and nothing is kept.
        """
        engine = self.engine.execution_options(write=True)
        with (
            self._said_plainly(),
            self._turn(command.name),
            Session(engine, autoflush=False, expire_on_commit=False) as session,
        ):
            session.clock, session.step, session.command = self.clock, 1, command
            session.touched = {}
            with session.begin() as transaction:
                yield session
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
            except _Again as error:
                if attempt == ATTEMPTS - 1:
                    raise Busy(f"others kept changing the same rows ({error.detail})") from error
        raise AssertionError("unreachable")

    @cached_property
    def engine(self) -> Engine:
        """The engine, opened and checked: it exists, is ours, and has this program's schema."""
        engine = self.connect()
        with self._said_plainly(), engine.connect() as connection:
            version = schema_version(connection)
        if version is None:
            raise NotFound(f"{self} is not initialised", hint="run: bvinv init")
        if version != SCHEMA:
            engine.dispose()
            refuse_schema(self, version)
        return engine

    def connect(self) -> Engine:
        """Return an engine on whatever is there, unchecked. For `init`; others use `engine`."""
        if self.path is None:
            return _postgresql_engine(str(self.url), self.patience)
        if not self.path.exists():
            raise NotFound(f"there is no database at {self.path}", hint="run: bvinv init")
        return _sqlite_engine(self.path)

    def close(self) -> None:
        """Close every connection; a last checkpoint, too, happens inside the gate."""
        if "engine" in self.__dict__:
            if self.gate and not wal_is_safe():
                with self.gate.hold("close"):
                    self.engine.dispose()
            else:
                self.engine.dispose()
            del self.engine
        if self.gate:
            self.gate.close()

    def __str__(self) -> str:
        return str(self.path) if self.path else make_url(str(self.url)).render_as_string()

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
        except DBAPIError as error:
            said = _plain(error, self)
            if said is None:
                raise
            raise said from error
        except PermissionError as error:
            raise NotPermitted(f"{error.filename} is not yours to write") from error


class _Again(Conflict):
    """PostgreSQL could not serialise this transaction; the same one may now succeed."""


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
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder, not a database", hint=f"try {path}/bvinv.db")
    if path.is_symlink():
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


def insert_new(session: Session, into: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows that are not there yet; leave the others as they are."""
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    session.connection().execute(insert(into).on_conflict_do_nothing(), rows)


# --- SQLite -------------------------------------------------------------------------------------


def sqlite_driver() -> ModuleType:
    """Return the one SQLite library of this process: the standard one where it is safe."""
    import sqlite3

    if not _wal_is_safe(sqlite3.sqlite_version_info):
        try:
            import pysqlite3
        except ImportError:
            return sqlite3
        if _wal_is_safe(pysqlite3.sqlite_version_info):
            return pysqlite3  # type: ignore[no-any-return]
    return sqlite3


def wal_is_safe() -> bool:
    """Tell whether the library in use is free of the WAL-reset race (RELIABILITY.md 2.1)."""
    return _wal_is_safe(sqlite_driver().sqlite_version_info)


def _wal_is_safe(version: tuple[int, ...]) -> bool:
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def _sqlite_engine(path: Path) -> Engine:
    engine = create_engine(
        "sqlite://",
        module=sqlite_driver(),
        creator=lambda: _sqlite_connection(path),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=0,
    )
    event.listen(engine, "begin", _begin)
    return engine


def _sqlite_connection(path: Path) -> Any:
    connection = sqlite_driver().connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=10,
        isolation_level=None,  # SQLAlchemy says BEGIN, never the driver
        check_same_thread=False,
    )
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
        [read_back] = connection.execute(f"PRAGMA {name}").fetchone() or [None]
        if read_back != value:
            raise VerificationFailed(
                f"SQLite answers {read_back} for {name}, which has to be {value}",
                hint="report this with the output of: bvinv --version",
            )
    return connection


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def create_file(path: Path) -> None:
    """Create an empty database that its owner alone may read, unless it is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise InvalidInput(f"{path} cannot be a database") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be created: {error.strerror}") from None


def prepare_file(path: Path) -> None:
    """Make the file a WAL database of bvinv's. Raises InvalidInput if it is somebody else's."""
    connection = _sqlite_connection(path)
    try:
        [owner] = connection.execute("PRAGMA application_id").fetchone()
        [tables] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if owner != APPLICATION_ID:
            if tables:
                raise InvalidInput(f"{path} is another program's database")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        [mode] = connection.execute("PRAGMA journal_mode = wal").fetchone()
        if mode != "wal":
            raise InvalidInput(f"{path} cannot use a write-ahead log on this file system")
    finally:
        connection.close()


# --- PostgreSQL ---------------------------------------------------------------------------------


def _postgresql_url(where: str) -> str:
    scheme, _, rest = where.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise InvalidInput(
            f"no database is known by the scheme {scheme[:40]!r}",
            hint="give a path, sqlite:///PATH or postgresql://USER@HOST/NAME",
        )
    url = f"postgresql+psycopg://{rest}"
    try:
        make_url(url)
    except ArgumentError:
        raise InvalidInput("the PostgreSQL URL cannot be read") from None
    return url


def _postgresql_engine(url: str, patience: float) -> Engine:
    engine = create_engine(
        url,
        pool_size=4,
        max_overflow=0,
        pool_pre_ping=False,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": 10, "application_name": "bvinv"},
    )

    @event.listens_for(engine, "connect")
    def set_timeouts(connection: Any, record: object) -> None:  # noqa: ARG001
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {int(patience * 1000)}")
            cursor.execute("SET idle_in_transaction_session_timeout = '5min'")
        connection.commit()

    return engine


# --- What the engines say, plainly --------------------------------------------------------------


def _plain(error: DBAPIError, database: Database) -> InventoryError | None:
    """Return what the driver's error means to a person; None for a bug of ours."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _plain_sqlite(code & 0xFF, database)
    state = getattr(error.orig, "sqlstate", None)
    match state:
        case "40001" | "40P01" | "23505":
            return _Again(f"PostgreSQL says {state}")
        case "55P03":
            return Busy("somebody else holds the rows that this needs", hint="try again")
        case "42501" | "25006":
            return NotPermitted(f"{database} is not yours to change")
        case "53100" | "53200" | "53300":
            return Busy(f"the server of {database} has no room left", hint="try again later")
    if state is None or state[:2] in ("08", "57", "28", "3D"):
        if database.url is None:
            return None
        reason = str(error.orig).strip().splitlines()[-1:] or ["no answer"]
        return Busy(f"{database} is away: {reason[0][:200]}", hint="check the URL and the server")
    return None


def _plain_sqlite(code: int, database: Database) -> InventoryError | None:
    match code:
        case 5 | 6 | 15:  # BUSY, LOCKED, PROTOCOL
            return Busy(f"another program holds {database}", hint="close it, or try again")
        case 8 | 3:  # READONLY, PERM
            return NotPermitted(f"{database} is not yours to write")
        case 14:  # CANTOPEN
            return NotPermitted(f"{database} cannot be opened")
        case 13:  # FULL
            return Busy(f"the disk of {database} is full", hint="free some room and try again")
        case 10:  # IOERR
            return Busy(f"the disk of {database} reports an error", hint="nothing was changed")
        case 11:  # CORRUPT
            return VerificationFailed(f"{database} is damaged", hint="restore a backup")
        case 26:  # NOTADB
            return InvalidInput(f"{database} is not a database of bvinv")
        case _:
            return None
