"""Backups: one file that is proved, and its checksum; older ones go by a rule.

Whatever the engine, a backup is one SQLite file that needs none beside it. It has its name when it
is complete, proved and on the disk; killed before, there is nothing of that name.
"""

import os
import re
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from sqlalchemy.engine import make_url

from bvinv.core.db import Database, Sql
from bvinv.core.errors import Busy, Conflict, InvalidInput, NotFound
from bvinv.core.keeping import checksums, own_files, retention, sqlite_copies
from bvinv.core.keeping.retention import Policy
from bvinv.core.keeping.sqlite_copies import Proof
from bvinv.core.keeping.unfinished import Unfinished, refused, unfinished
from bvinv.core.models.base import Row

_MARGIN = 16 * 2**20  # bytes that a disk should have left
_STAMP = "%Y%m%dT%H%M%SZ"
_OPEN_BESIDE = ("-wal", "-journal")
# What a PostgreSQL database takes on its server; as a file it is about as much.
_SIZE = Sql("""
    SELECT CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) AS bytes FROM pg_class
     WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)
""")
Advance = Callable[[float], None]


class BackupRow(Row):
    """A backup. `verified` says what was proved of it: its pages, and the books unless that was
    not asked for; `head` is the digest of all chains. Times are in seconds."""

    columns: ClassVar[tuple[str, ...]] = (
        *("file", "bytes", "movements", "verified", "head", "sha256", "removed", "seconds"),
    )

    file: str
    bytes: int
    sha256: str
    database: str
    schema_version: str
    head: str
    movements: int
    verified: str
    removed: int
    removed_files: list[str]
    copying_seconds: float
    seconds: float


class _Plan(NamedTuple):
    """Where a backup goes, and which older ones go for it."""

    target: Path
    removes: list[Path]


def take(
    database: Database,
    target: str,
    *,
    keep: Policy | None = None,
    force: bool = False,
    quick: bool = False,
    dry_run: bool = False,
    advance: Advance = lambda share: None,  # noqa: ARG005
) -> BackupRow:
    """Back the database up into a file, or into a folder under a name with the time; all go on.

    With `keep` older backups in the folder are removed afterwards. With `quick` the books are not
    replayed. `advance` is told the share that is done. Raises Conflict where the file exists and
    `force` is not said, NotFound without the folder, InvalidInput, Busy without room, and
    VerificationFailed where the copy does not prove right; nothing is left then.
    """
    began = time.monotonic()
    try:
        plan = _planned(database, target, keep, force)
    except OSError as error:  # a folder that may not be searched, a name that is too long
        raise refused(Path(target), error) from None
    size = _size(database)
    _require_room(plan.target.parent, size)
    if dry_run:
        proof, copied = Proof("", "", 0, "", books=False), 0.0
        return _row(database, plan, proof, size=size, verified="", copied=copied, took=0.0)
    with unfinished(plan.target) as file:
        try:
            _copy(database, file, advance)
            copied = time.monotonic() - began
            proof = sqlite_copies.prove(
                file.path,
                f"the copy of {database}",
                quick=quick,
                advance=lambda share: advance(0.5 + share / 2),
            )
            size = file.path.stat().st_size
            with checksums.exchanged(plan.target, proof.sha256):
                file.become(plan.target, replace=force)
        except OSError as error:
            raise refused(plan.target, error) from None
    for path in plan.removes:
        path.unlink(missing_ok=True)
        checksums.forget(path)
    verified = "pages and books" if proof.books else "pages"
    took = time.monotonic() - began
    return _row(database, plan, proof, size=size, verified=verified, copied=copied, took=took)


def name_of(database: Database, instant: int) -> str:
    """Return what a backup of this instant (microseconds) is called in a folder."""
    at = datetime.fromtimestamp(instant // 1_000_000, UTC)
    return f"{_stem(database)}-{at.strftime(_STAMP)}.db"


def dated(folder: Path, stem: str) -> dict[int, Path]:
    """Return the backups of a stem in a folder by their instants; other files are none."""
    pattern = re.compile(rf"{re.escape(stem)}-([0-9]{{8}}T[0-9]{{6}}Z)\.db")
    found = {}
    for path in folder.iterdir():
        if (named := pattern.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            try:
                at = datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC)
            except ValueError:  # a day that there is not
                continue
            found[int(at.timestamp()) * 1_000_000] = path
    return found


def _stem(database: Database) -> str:
    if database.path:
        return database.path.stem
    return re.sub(r"[^\w-]+", "_", make_url(str(database.url)).database or "postgresql")


def _planned(database: Database, target: str, keep: Policy | None, force: bool) -> _Plan:
    if not target or "\0" in target or target == "-":
        raise InvalidInput("a backup goes to a file or a folder", hint="name one")
    path = Path(target).expanduser().absolute()
    if not (path.is_dir() or target.endswith("/")):
        if keep is not None:
            raise InvalidInput(
                "which older backups to keep is asked of a folder", hint=f"name one: {target}/"
            )
        path = path.resolve()
        _require_folder(path.parent)
        _require_free(database, path, force)
        return _Plan(path, [])
    _require_folder(path)
    instant = database.clock() // 1_000_000 * 1_000_000
    made = path / name_of(database, instant)
    _require_free(database, made, force)
    removes = []
    if keep is not None:
        there = dated(path, _stem(database)) | {instant: made}
        # What was made now stays, even where a clock ran ahead of this one once.
        kept = retention.kept(there, keep) | {instant}
        removes = [there[one] for one in sorted(there) if one not in kept]
    return _Plan(made, removes)


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}", hint=f"make it: mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidInput(f"{folder} cannot be written: it is not yours")


def _require_free(database: Database, target: Path, force: bool) -> None:
    """Raise unless a backup may take this name."""
    own_files.refuse(database, target)
    if target.exists() and not target.is_file():
        raise InvalidInput(f"{target} is not a file")
    if any(Path(f"{target}{end}").exists() for end in _OPEN_BESIDE):
        raise Conflict(
            f"{target} has a log beside it, which SQLite would take for a part of the backup",
            hint="choose another name",
        )
    if force and sqlite_copies.has_log(target):
        raise Conflict(f"{target} is a database, and no backup of one", hint="choose another name")
    if target.exists() and not force:
        raise Conflict(f"{target} exists", hint="choose another name, or replace it: --force")


def _size(database: Database) -> int:
    if database.path:
        return sqlite_copies.size(database)
    with database.read() as session:
        return int(session.ask(_SIZE)[0].bytes)


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _MARGIN:
        raise Busy(
            f"{folder} has room for {free:,} bytes, and the backup needs {size + _MARGIN:,}",
            hint="free some room, or choose another folder",
            free=free,
            needed=size + _MARGIN,
        )


def _copy(database: Database, file: Unfinished, advance: Advance) -> None:
    if database.path:
        sqlite_copies.write(database, file.path, file.descriptor, lambda share: advance(share / 2))
        return
    from bvinv.core.moving import copying

    class Half(copying.Watch):
        def took(self, rows: int, share: float) -> None:  # noqa: ARG002
            advance(share / 2)

    copy = Database(file.path)
    try:
        copying.copy(database, copy, watch=Half(), books=False)  # proved afterwards
    finally:
        copy.close()
    sqlite_copies.settle(file.path)


def _row(database: Database, plan: _Plan, proof: Proof, **more: Any) -> BackupRow:
    return BackupRow(
        file=str(plan.target),
        bytes=more["size"],
        sha256=proof.sha256,
        database=str(database),
        schema_version=proof.schema_version,
        head=proof.head,
        movements=proof.movements,
        verified=more["verified"],
        removed=len(plan.removes),
        removed_files=[str(path) for path in plan.removes],
        copying_seconds=round(more["copied"], 2),
        seconds=round(more["took"], 2),
    )
