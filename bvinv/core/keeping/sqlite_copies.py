"""A SQLite database as one file: made while everybody goes on, and proved.

A copy is in rollback-journal mode, so that it is complete without a file beside it. It is looked
at as a file that nobody changes (`immutable`): without locks, and without files beside it.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import NullPool, create_engine

from bvinv.core import db, engines, instants, verification
from bvinv.core.db import Database, Session
from bvinv.core.errors import Busy, InvalidInput, InventoryError, VerificationFailed
from bvinv.core.keeping import checksums

T = TypeVar("T")
Advance = Callable[[float], None]

_MOST_FAULTS = 20
_TURN = 0.1  # seconds between two looks at how far it is
# Seconds between two waits for the disk while a copy is written. All of it at once at the end
# would hold up the writers' own waits for as long.
_SYNC = 0.1
_NICENESS = 5
_PROVED = 5e7  # bytes a second, about
_IO_ERROR = 10
_NEED_DISK = (13, 14)  # SQLITE_FULL, CANTOPEN: of a copy that is written, it is the target's
_HEADER = b"SQLite format 3\0"
_to_disk = getattr(os, "fdatasync", os.fsync)  # macOS has the one alone


class Proof(NamedTuple):
    """What a copy was found to be. Without `books` only the file itself was looked at."""

    schema_version: str
    head: str
    movements: int
    sha256: str
    books: bool


def size(database: Database) -> int:
    """Return how many bytes a copy of this database will have, about."""
    with database.read() as session:
        wire = session.wire
        pages, free, each = (
            int(wire.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * each


def write(database: Database, target: Path, descriptor: int, advance: Advance) -> None:
    """Copy the database into an empty file by one snapshot; nobody waits for that.

    `descriptor` is that file's, to send it to the disk in small steps. Raises VerificationFailed
    for a database that is damaged, and Busy without room for the copy.
    """
    expected = max(1, size(database))
    with database._said_plainly(), database.engine.connect() as wire:
        driver: Any = wire.connection.driver_connection
        written = threading.Event()

        def copy() -> None:
            try:
                driver.execute("VACUUM INTO ?", (str(target),))
            except engines.sqlite_driver().Error as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code == _IO_ERROR:
                    raise Busy(
                        f"the disk of {database} or of {target.parent} reports an error",
                        hint="see whether there is room; nothing was changed",
                    ) from None
                raise (
                    engines.plain(error, str(target if code in _NEED_DISK else database)) or error
                ) from None
            finally:
                written.set()

        def sync() -> None:
            while not written.wait(_SYNC):
                _to_disk(descriptor)

        def look() -> None:
            advance(min(1.0, os.fstat(descriptor).st_size / expected))

        together([copy, sync], stop=driver.interrupt, look=look)


def prove(copy: Path, name: str, *, quick: bool, advance: Advance) -> Proof:
    """Prove a copy that nobody writes to: every page, every reference, the books, its checksum.

    With `quick`, or where its schema is not this program's, all but the books. Raises
    VerificationFailed, calling the copy `name`; InvalidInput for another program's database.
    """
    look = _Look(copy, name)
    version = look.version()
    is_current = version == db.SCHEMA
    parts: list[Callable[[], Any]] = [look.pages, lambda: checksums.of(copy, goes_on=look.goes)]
    if is_current:
        parts.append(look.stored if quick else look.books)
    began = time.monotonic()
    about = max(1.0, copy.stat().st_size / _PROVED)

    def tell() -> None:
        advance(min(0.99, (time.monotonic() - began) / about))

    faults, sha256, *rest = together(parts, stop=look.stop, look=tell)
    if faults:
        raise damaged(name, faults)
    if is_current and not quick:
        _require_sound(name, rest[0])
        return Proof(version, rest[0].head, rest[0].movements, sha256, books=True)
    head, movements = rest[0] if rest else ("", 0)
    return Proof(version, head, movements, sha256, books=False)


def _require_sound(name: str, found: verification.VerificationRow) -> None:
    try:
        verification.require_sound(found)
    except VerificationFailed as error:
        error.hint = "see stock verify; to take it as it is, add --quick"
        error.detail = f"{name}: {error.detail}"
        raise


def has_header(file: Path) -> bool:
    """Tell whether a file begins as SQLite's do."""
    with file.open("rb") as source:
        return source.read(len(_HEADER)) == _HEADER


def has_log(file: Path) -> bool:
    """Tell whether this is a database with a write-ahead log, which a backup never has.

    Source: SQLite's file format, 1.3, offset 18. Not for a database that this process has open.
    """
    try:
        with file.open("rb") as source:
            head = source.read(20)
    except OSError:
        return False
    return head.startswith(_HEADER) and head[18] == 2


def damaged(name: str, faults: Sequence[str] = ()) -> VerificationFailed:
    """Return the error for a copy of which not everything is there."""
    return VerificationFailed(
        f"{name} is damaged",
        hint="take another backup",
        errors=[{"detail": fault} for fault in faults] or None,
    )


def settle(file: Path) -> None:
    """Let a database that nobody has open be one file, without a write-ahead log."""
    connection = engines._sqlite_connection(file)
    with closing(connection):
        connection.execute("PRAGMA journal_mode = delete")


class _Look:
    """A look at one copy, by several threads; each has a connection of its own."""

    def __init__(self, copy: Path, name: str) -> None:
        self.copy = copy
        self.name = name
        self._open: list[Any] = []
        self._stopped = threading.Event()
        self._engine = create_engine(
            "sqlite://", module=engines.sqlite_driver(), creator=self._connect, poolclass=NullPool
        )

    def version(self) -> str:
        """Return the schema's version, after seeing that it is a database of bvinv."""
        if not has_header(self.copy):
            raise damaged(self.name, ["it does not begin as a SQLite database does"])
        with self._session() as session:
            mark = session.wire.exec_driver_sql("PRAGMA application_id").scalar()
            version = db.schema_version(session.wire)
        if mark != engines.APPLICATION_ID or version is None:
            raise InvalidInput(f"{self.name} is not a database of bvinv")
        return version

    def pages(self) -> list[str]:
        """Return what is wrong with the file and with the references between its rows."""
        with self._session() as session:
            wire = session.wire
            said = wire.exec_driver_sql(f"PRAGMA integrity_check({_MOST_FAULTS})").scalars()
            faults = [str(one) for one in said if one != "ok"]
            orphans = wire.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_MOST_FAULTS)
            return faults + [f"row {row[1]} of {row[0]} has no {row[2]}" for row in orphans]

    def books(self) -> verification.VerificationRow:
        with self._session() as session:
            return verification.verify(session)

    def stored(self) -> tuple[str, int]:
        """Return the digest of all chains as they are stored, and how many movements there are."""
        with self._session() as session:
            count = session.wire.exec_driver_sql("SELECT count(*) FROM movement").scalar()
            return verification.head(session), int(count or 0)

    def goes(self) -> bool:
        """Tell whether nobody has stopped it."""
        return not self._stopped.is_set()

    def stop(self) -> None:
        """Let whoever looks end with an error, soon."""
        self._stopped.set()
        for connection in list(self._open):
            with suppress(engines.sqlite_driver().ProgrammingError):  # closed by now
                connection.interrupt()

    def _connect(self) -> Any:
        connection = engines.sqlite_driver().connect(
            f"{self.copy.as_uri()}?mode=ro&immutable=1",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA trusted_schema = 0")
        connection.execute("PRAGMA cell_size_check = 1")
        connection.execute("PRAGMA mmap_size = 1073741824")
        self._open.append(connection)
        return connection

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with self._engine.connect() as wire:
                yield Session(wire, instants.now)
        except InventoryError:
            raise
        except Exception as error:
            said = engines.plain(getattr(error, "orig", None) or error, self.name)
            if said is None and not isinstance(error, ValueError | LookupError):
                raise
            raise damaged(self.name, [str(getattr(error, "orig", error))]) from error


def together(
    parts: Sequence[Callable[[], Any]], *, stop: Callable[[], None], look: Callable[[], None]
) -> list[Any]:
    """Run all of these at once, each in a thread that lets others go first; return the answers.

    `look` is called meanwhile. The first error, or Ctrl-C, stops the others by `stop`, and is
    raised when all have ended.
    """

    def run(part: Callable[[], T]) -> T:
        if sys.platform == "linux":  # where niceness is a thread's own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        return part()

    with ThreadPoolExecutor(len(parts), "bvinv-keeping") as threads:
        futures: list[Future[Any]] = [threads.submit(run, part) for part in parts]
        left = set(futures)
        try:
            while left:
                done, left = wait(left, _TURN, return_when="FIRST_EXCEPTION")
                look()
                for future in done:
                    future.result()
        except BaseException:
            stop()
            raise
    return [future.result() for future in futures]
