"""From a backup to a database that nobody had: proved first, put in place whole, over nothing."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from bvinv.core import db, engines
from bvinv.core.db import Database
from bvinv.core.errors import Busy, Conflict, InvalidInput, NotFound, VerificationFailed
from bvinv.core.keeping import checksums, sqlite_copies
from bvinv.core.keeping.sqlite_copies import Proof
from bvinv.core.keeping.unfinished import Unfinished, refused, unfinished
from bvinv.core.models.base import Row

try:
    import fcntl
except ImportError:  # Windows: a file that is open keeps its name there
    fcntl = None  # type: ignore[assignment]

_BLOCK = 1 << 20
_MARGIN = 16 * 2**20  # bytes that a disk should have left
_STALE = ("-wal", "-shm", "-journal")
# Where every connection to a write-ahead log holds a lock (SQLite's os_unix.c, UNIX_SHM_DMS).
_IN_USE = 128
Tell = Callable[[str], None]
Advance = Callable[[float], None]


class RestoreRow(Row):
    """What was restored. `checksum` is `matches`, or `none` where none lay beside the backup;
    `set_aside` names what an earlier database had left at that place."""

    columns: ClassVar[tuple[str, ...]] = (
        *("database", "file", "schema_version", "movements", "verified", "checksum", "head"),
        *("set_aside", "seconds"),
    )

    database: str
    file: str
    bytes: int
    schema_version: str
    movements: int
    head: str
    verified: str
    checksum: str
    set_aside: list[str]
    seconds: float


def restore(
    database: Database,
    file: str,
    *,
    quick: bool = False,
    dry_run: bool = False,
    tell: Tell = lambda said: None,  # noqa: ARG005
    advance: Advance = lambda share: None,  # noqa: ARG005
) -> RestoreRow:
    """Make a database at a place where none is from a backup; `tell` is told what to know of it.

    A PostgreSQL database has to be empty. With `quick` the books are not replayed. Raises NotFound,
    Conflict for a place that is taken, a file that is in use, and a schema from the future,
    VerificationFailed for a backup that is damaged, Busy without room; nothing has changed then.
    """
    began = time.monotonic()
    source = _source(file)
    expected = checksums.read(source)
    set_aside: list[Path] = []
    with _staged(database, source, expected) as staged:
        if expected is None:
            tell(f"there is no {checksums.beside(source)}: the backup is proved without it")
        advance(0.2)
        proof = sqlite_copies.prove(
            staged.path,
            str(source),
            quick=quick,
            advance=lambda share: advance(0.2 + share * 0.5),
        )
        size = staged.path.stat().st_size
        _require_known_schema(database, source, proof, tell)
        if database.path is None:
            _send(staged.path, database, quick, dry_run, lambda share: advance(0.7 + share * 0.3))
        elif not dry_run:
            set_aside = put(staged, database)
    for path in set_aside:
        tell(f"{path.name} is of an earlier database: it was set aside, not used")
    return RestoreRow(
        database=str(database),
        file=str(source),
        bytes=size,
        schema_version=proof.schema_version,
        movements=proof.movements,
        head=proof.head,
        verified="pages and books" if proof.books else "pages",
        checksum="none" if expected is None else "matches",
        set_aside=[str(path) for path in set_aside],
        seconds=round(time.monotonic() - began, 2),
    )


def _source(file: str) -> Path:
    """Return the backup that is meant, after seeing that nobody writes to it."""
    if not file or "\0" in file:
        raise InvalidInput("a backup is a file", hint="name it")
    source = Path(file).expanduser().absolute()
    if source.is_dir():
        raise InvalidInput(f"{source} is a folder", hint="name one of the backups in it")
    if not source.is_file():
        raise NotFound(f"there is no backup {source}")
    _require_whole(source)
    return source


def _require_whole(source: Path) -> None:
    for end in ("-wal", "-journal"):
        if Path(f"{source}{end}").exists():
            raise Conflict(
                f"{source} is a database in use, or was not closed: {source.name}{end} is a part "
                "of it",
                hint=f"back it up first: bvinv --db {source} db backup FILE",
            )


@contextmanager
def _staged(database: Database, source: Path, expected: str | None) -> Iterator[Unfinished]:
    """Yield a copy of the backup that nobody else knows: where the database will be, or, for
    PostgreSQL, among the temporary files."""
    if database.path:
        _require_absent(database.path)
        if not database.path.parent.is_dir():
            folder = database.path.parent
            raise NotFound(f"there is no folder {folder}", hint=f"make it: mkdir -p {folder}")
        with unfinished(database.path) as staged:
            _fetch(source, staged, database.path.parent, expected)
            yield staged
        return
    with (
        tempfile.TemporaryDirectory(prefix="bvinv-") as scratch,
        unfinished(Path(scratch, "backup.db")) as staged,
    ):
        _fetch(source, staged, Path(scratch), expected)
        yield staged


def _require_absent(path: Path) -> None:
    if path.exists():
        raise Conflict(
            f"there is a database at {path} already, and nothing is restored over one",
            hint="restore to another place: bvinv --db NEW db restore FILE",
        )


def _fetch(source: Path, staged: Unfinished, folder: Path, expected: str | None) -> None:
    before = source.stat()
    if (free := shutil.disk_usage(folder).free) < before.st_size + _MARGIN:
        raise Busy(
            f"{folder} has room for {free:,} bytes, and the database needs "
            f"{before.st_size + _MARGIN:,}",
            hint="free some room, or set TMPDIR for a copy to PostgreSQL",
        )
    digest = hashlib.sha256()
    try:
        with source.open("rb") as read:
            while block := read.read(_BLOCK):
                digest.update(block)
                while block:
                    block = block[os.write(staged.descriptor, block) :]
    except OSError as error:
        if error.errno in (5, 13):  # EIO, EACCES: of what is read
            raise VerificationFailed(f"{source} cannot be read: {error.strerror}") from None
        raise refused(folder, error) from None
    after = source.stat()
    if (before.st_ino, before.st_size, before.st_mtime_ns) != (
        *(after.st_ino, after.st_size, after.st_mtime_ns),
    ):
        raise Conflict(f"{source} is being written to", hint="back it up: bvinv db backup FILE")
    _require_whole(source)
    if expected not in (None, digest.hexdigest()):
        raise VerificationFailed(
            f"{source} is not what was backed up: its checksum differs from "
            f"{checksums.beside(source).name}",
            hint="take another backup",
        )


def _require_known_schema(database: Database, source: Path, proof: Proof, tell: Tell) -> None:
    """Raise for a schema that can't be restored; tell of one that has to be upgraded."""
    version = proof.schema_version
    if version == db.SCHEMA:
        return
    if not version.isdecimal() or version > db.SCHEMA or database.path is None:
        db.refuse_schema(Database(source), version)
    tell(
        f"its schema {version} is older than this program's {db.SCHEMA}: it is restored as it is; "
        f"then run: bvinv --db {database} init"
    )


def _send(staged: Path, database: Database, quick: bool, dry_run: bool, advance: Advance) -> None:
    from bvinv.core.moving import copying

    class Rest(copying.Watch):
        def took(self, rows: int, share: float) -> None:  # noqa: ARG002
            advance(share)

    engines.prepare_file(staged)
    copy = Database(staged)
    try:
        copying.copy(copy, database, watch=Rest(), dry_run=dry_run, books=not quick)
    finally:
        copy.close()


def put(staged: Unfinished, database: Database) -> list[Path]:
    """Give a whole database its place; return what lay beside that, by its new names.

    Raises Conflict where a database is, and Busy while a program has one open that was there.
    """
    path = database.path
    assert path is not None and database.gate is not None
    engines.prepare_file(staged.path)
    with database.gate.hold("db restore"):
        _require_absent(path)
        _require_left(path)
        aside = []
        for end in _STALE:
            stale = Path(f"{path}{end}")
            if os.path.lexists(stale):
                aside.append(stale.rename(f"{stale}.stale-{time.time_ns() // 1000}"))
        try:
            staged.become(path)
        except BaseException as error:
            for one in aside:
                with suppress(OSError):
                    one.rename(str(one).rpartition(".stale-")[0])
            if isinstance(error, OSError):
                raise refused(path, error) from None
            raise
    return aside


def _require_left(path: Path) -> None:
    """Raise Busy while a program has a database open that was removed from here."""
    if fcntl is None:
        return
    try:
        descriptor = os.open(f"{path}-shm", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _IN_USE)
    except OSError:
        raise Busy(
            f"a program still has the database open that was at {path}",
            hint="stop it first: bvinv serve, for example",
        ) from None
    finally:
        os.close(descriptor)
