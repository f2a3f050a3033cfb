"""The two engines: how each is opened, and what its errors mean to a person.

With `db`, the only modules that know SQLite from PostgreSQL. The settings are those of
RELIABILITY.md 2.14, and each is read back.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import TimeoutError as NoneFree

from bvinv.core import postgresql
from bvinv.core.errors import (
    Busy,
    Conflict,
    InvalidInput,
    InventoryError,
    NotPermitted,
    VerificationFailed,
)

APPLICATION_ID = 0x6276696E  # "bvin"
PRAGMAS = {
    "busy_timeout": 10_000,
    "foreign_keys": 1,
    "synchronous": 2,  # FULL: what is acknowledged survives a power cut
    "recursive_triggers": 1,  # REPLACE must not slip past the append-only triggers
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_size_limit": 64 * 2**20,
    # Pages. At 1,000 a server that changes rows here and there writes each page again and again.
    "wal_autocheckpoint": 4000,
    "temp_store": 2,
    "mmap_size": 0,
    "cache_size": -16_384,  # KiB; where many connections are open, they share twice as much
}


class Again(Conflict):
    """PostgreSQL could not serialise this transaction; the same one may now succeed."""


class Held(Busy):
    """Another transaction has locked a row, and goes on for longer than one waits."""


# --- SQLite -------------------------------------------------------------------------------------


def sqlite_driver() -> ModuleType:
    """Return the one SQLite library of this process: the standard one where it is safe."""
    import sqlite3

    if not _is_safe(sqlite3.sqlite_version_info):
        try:
            import pysqlite3
        except ImportError:
            return sqlite3
        if _is_safe(pysqlite3.sqlite_version_info):
            return pysqlite3  # type: ignore[no-any-return]
    return sqlite3


def wal_is_safe() -> bool:
    """Tell whether the library in use is free of the WAL-reset race (RELIABILITY.md 2.1)."""
    return _is_safe(sqlite_driver().sqlite_version_info)


def _is_safe(version: tuple[int, ...]) -> bool:
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def sqlite_engine(path: Path, connections: int) -> Engine:
    engine = create_engine(
        "sqlite://",
        module=sqlite_driver(),
        creator=lambda: _sqlite_connection(path, connections),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_use_lifo=True,  # whose pages are still at hand
    )
    opened = identity(path)
    # Ctrl-C while a connection is closed is told by exit code, not by its pool's traceback.
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

    @event.listens_for(engine, "commit")
    def refuse_another_file(_: Connection) -> None:
        # A file that was removed would take the commit all the same, and be gone with it.
        if identity(path) != opened:
            raise Busy(f"{path} was removed or replaced", hint="nothing was changed; try again")

    return engine


def identity(path: Path) -> tuple[int, int] | None:
    """Return which file lies at a path, None where none does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite_connection(path: Path, connections: int = 4) -> Any:
    connection = sqlite_driver().connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=10,
        isolation_level=None,  # SQLAlchemy says BEGIN, never the driver
        check_same_thread=False,
    )
    many = connections > 4
    shared = {"cache_size": PRAGMAS["cache_size"] * 2 // connections} if many else {}
    for name, value in (PRAGMAS | shared).items():
        connection.execute(f"PRAGMA {name} = {value}")
        [read_back] = connection.execute(f"PRAGMA {name}").fetchone() or [None]
        if read_back != value:
            raise VerificationFailed(
                f"SQLite answers {read_back} for {name}, which has to be {value}",
                hint="report this with the output of: bvinv --version",
            )
    return connection


class Scratch:
    """A scratch database in a file without a name, which is gone when it is closed."""

    def __init__(self) -> None:
        """Open it. Raises Busy when the disk has no room."""
        self._connection = _told_of_no_room(_scratch)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Execute a statement and return its cursor. Raises Busy when the disk has no room."""
        return _told_of_no_room(lambda: self._connection.execute(statement, values))

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement with each of these rows. Raises Busy when the disk has no room."""
        _told_of_no_room(lambda: self._connection.executemany(statement, rows))

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


def _told_of_no_room(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except (OSError, sqlite_driver().OperationalError) as error:
        raise Busy(
            f"the scratch file in {tempfile.gettempdir()} cannot be written: {error}",
            hint="free some room, or set TMPDIR",
        ) from None


def _scratch() -> Any:
    # pysqlite3 is built to keep what was opened without a name in memory (TEMP_STORE=3).
    descriptor, name = tempfile.mkstemp(prefix="bvinv-")
    os.close(descriptor)
    connection = sqlite_driver().connect(name, isolation_level=None)
    with suppress(OSError):  # Windows: what is open keeps its name
        Path(name).unlink()
    for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8192"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def is_ours(connection: Connection) -> bool:
    """Tell whether the file bears bvinv's mark and writes ahead, as `prepare_file` left it."""
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    mark = connection.exec_driver_sql("PRAGMA application_id").scalar()
    return (mode, mark) == ("wal", APPLICATION_ID)


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


def prepare_file(path: Path, *, dry_run: bool = False) -> None:
    """Make the file a WAL database of bvinv's. Raises InvalidInput if it is somebody else's."""
    connection = _sqlite_connection(path)
    try:
        [owner] = connection.execute("PRAGMA application_id").fetchone()
        [tables] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if owner != APPLICATION_ID and tables:
            raise InvalidInput(f"{path} is another program's database")
        if dry_run:
            return
        if owner != APPLICATION_ID:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        [mode] = connection.execute("PRAGMA journal_mode = wal").fetchone()
        if mode != "wal":
            raise InvalidInput(f"{path} cannot use a write-ahead log on this file system")
    finally:
        connection.close()


# --- What the engines say, plainly --------------------------------------------------------------


def plain(error: Exception, name: str) -> InventoryError | None:
    """Return what the driver's error means to a person; None for a bug of ours."""
    if isinstance(error, NoneFree):
        return Busy(f"every connection to {name} is in use", hint="try again")
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return _plain_sqlite(code & 0xFF, name)
    if not hasattr(error, "sqlstate"):
        return None
    state = error.sqlstate
    match state:
        case "40001" | "40P01" | "23505" | "23503":
            return Again(f"PostgreSQL says {state}")
        case "57014":
            return Busy(
                f"{name} took too long for one statement, or somebody cancelled it",
                hint="ask for less, or set BVINV_STATEMENT_TIMEOUT (seconds; 0: no limit)",
            )
        case "55P03":
            return Held("somebody else holds the rows that this needs", hint="try again")
        case "42501" | "25006":
            return NotPermitted(f"{name} is not yours to change")
        case "53100" | "53200" | "53300":
            return Busy(f"the server of {name} has no room left", hint="try again later")
    if postgresql.is_away(error):
        reason = " ".join(str(error).split()) or "no answer"
        return Busy(f"{name} is away: {reason[:300]}", hint="check the URL and the server")
    return None


def _plain_sqlite(code: int, name: str) -> InventoryError | None:
    match code:
        case 5 | 6 | 15:  # BUSY, LOCKED, PROTOCOL
            return Busy(f"another program holds {name}", hint="close it, or try again")
        case 8 | 3:  # READONLY, PERM
            return NotPermitted(f"{name} is not yours to write")
        case 14:  # CANTOPEN
            return NotPermitted(f"{name} cannot be opened")
        case 13:  # FULL
            return Busy(f"the disk of {name} is full", hint="free some room and try again")
        case 10:  # IOERR
            return Busy(f"the disk of {name} reports an error", hint="nothing was changed")
        case 11:  # CORRUPT
            return VerificationFailed(f"{name} is damaged", hint="restore a backup")
        case 26:  # NOTADB
            return InvalidInput(f"{name} is not a database of bvinv")
        case _:
            return None
