"""How far an index has come, kept in a small file beside it, and whose turn it is to write.

A folder holds `state.json`, a lock, and one folder for each build. The state names the build
that counts: a new one is complete before anybody sees it, and the old one goes afterwards.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bvinv.core.db import Database, Session, Sql
from bvinv.core.search.documents import FORMAT

try:
    import fcntl
except ImportError:  # Windows: tantivy's own lock keeps two writers apart
    fcntl = None  # type: ignore[assignment]

_PAUSE = 0.05  # seconds
_CHECK = ',"check":"'
_NEWEST = Sql("""
    SELECT id, recorded_at, subject, type FROM event ORDER BY id DESC LIMIT 1
""")
_EVENT = Sql("SELECT id, recorded_at, subject, type FROM event WHERE id = :id")


@dataclass(frozen=True, slots=True)
class State:
    """What an index has seen of its database.

    `newest` is the last event of it, which proves that a database still is the same. `written`
    counts the documents since the build, `files` the size and time of each file.
    """

    build: str
    event: int
    movement: int
    now: int
    newest: list[Any] | None
    shelves: dict[str, str]
    products: int
    written: int
    files: dict[str, list[int]]
    format: int = FORMAT


def folder(database: Database, *, chosen: str, cache: str) -> Path:
    """Return where the index of a database lives: in the folder that was chosen, else beside the
    file, else, for PostgreSQL, in the user's cache. The name has no password in it."""
    if database.path and not chosen:
        return Path(f"{database.path}.search")
    name = database.path.stem if database.path else "postgresql"
    digest = hashlib.sha256(str(database).encode()).hexdigest()[:16]
    return Path(chosen or cache).expanduser().absolute() / f"{name}-{digest}.search"


def load(place: Path) -> State | None:
    """Return the state, None where there is none, or not as this program wrote it."""
    try:
        said = (place / "state.json").read_text(encoding="utf-8")
    except (FileNotFoundError, ValueError):
        return None
    body, _, check = said.rpartition(_CHECK)
    if check != _check(body):
        return None
    found = json.loads(f"{body}}}")
    return State(**found) if found["format"] == FORMAT else None


def save(place: Path, state: State) -> None:
    """Write the state. It takes effect as a whole or not at all."""
    unfinished = place / "state.json.new"
    said = json.dumps(asdict(state), ensure_ascii=False, separators=(",", ":")).removesuffix("}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(f"{said}{_CHECK}{_check(said)}", encoding="utf-8")
    unfinished.replace(place / "state.json")


def _check(said: str) -> str:
    """Return the end of the file, which proves that nobody else has written to it."""
    return f'{hashlib.sha256(said.encode()).hexdigest()}"}}'


def signature(place: Path) -> tuple[int, int, int] | None:
    """Return what changes whenever the state is written; None where there is none."""
    try:
        found = (place / "state.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def files(build: Path) -> dict[str, list[int]]:
    """Return size and time of the files of a build that never change, and make all private."""
    found = {}
    for entry in os.scandir(build):
        with suppress(FileNotFoundError):  # merged away meanwhile
            about = entry.stat()
            if about.st_mode & 0o077:
                Path(entry.path).chmod(0o600)
            if not entry.name.startswith((".", "meta")):
                found[entry.name] = [about.st_size, about.st_mtime_ns]
    return found


def is_intact(build: Path, state: State) -> bool:
    """Tell whether nobody but the index has written to its files since the state was saved."""
    try:
        present = {entry.name: entry.stat() for entry in os.scandir(build)}
    except OSError:
        return False
    return all(
        [present[name].st_size, present[name].st_mtime_ns] == about
        for name, about in state.files.items()
        if name in present
    )


def newest(session: Session) -> list[Any] | None:
    """Return the last event of this snapshot."""
    found = session.ask(_NEWEST)
    return list(found[0]) if found else None


def is_of(session: Session, state: State) -> bool:
    """Tell whether this snapshot shows all that the index has seen, and it is the same."""
    if session.position("event") < state.event or session.position("movement") < state.movement:
        return False
    if state.newest is None:
        return True
    found = session.ask(_EVENT, id=state.newest[0])
    return bool(found) and list(found[0]) == state.newest


def is_ahead(session: Session, state: State) -> bool:
    """Tell whether an index that shows more than the snapshot is of this database all the same.

    Another process may have caught up after the snapshot was taken; the database as it is at this
    moment knows.
    """
    with session.wire.engine.connect() as wire:
        return is_of(Session(wire, session.clock), state)


@contextmanager
def turn(place: Path, patience: float) -> Iterator[bool]:
    """Yield whether this is the one that may write, after `patience` seconds at most."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(place / "lock", flags, 0o600)
    try:
        yield _locked(descriptor, patience)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, patience: float) -> bool:
    if fcntl is None:
        return True
    waited = 0.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if waited >= patience:
                return False
        time.sleep(_PAUSE)
        waited += _PAUSE


def sweep(place: Path, keep: str) -> None:
    """Remove all builds but one: those before it, and what killed builders left."""
    for entry in os.scandir(place):
        is_build = entry.name.startswith("build-") and entry.is_dir(follow_symlinks=False)
        if is_build and entry.name != keep:
            shutil.rmtree(entry.path, ignore_errors=True)
