"""Files that bear a name of their own until they are complete; what dead runs left is removed.

Whoever writes one holds its lock, which the kernel lets go of when the process dies.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bvinv.core.errors import Busy, Conflict, InvalidInput, InventoryError
from bvinv.core.text import quoted

try:
    import fcntl
except ImportError:  # Windows: nothing is known to be dead, and nothing is removed
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"\..{1,120}\.[0-9a-f]{16}\.unfinished", re.DOTALL)
_BESIDE = ("-journal", "-wal", "-shm", ".lock")
_LOWEST_PRIVATE = 0o600
# Of what a file system says that has no links: rename instead.
_WITHOUT_LINKS = (OSError, NotImplementedError)


class Unfinished:
    """A file on its way: where it is now, and a descriptor that keeps it locked."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def become(self, target: Path, *, replace: bool = False) -> None:
        """Be on the disk for good, and take the name; with `replace` from whoever has it.

        Raises Conflict where the name is taken, and nothing is replaced then.
        """
        os.fsync(self.descriptor)
        if replace:
            self.path.replace(target)
        else:
            self._take_free(target)
        sync_folder(target.parent)

    def _take_free(self, target: Path) -> None:
        try:
            os.link(self.path, target, follow_symlinks=False)
        except FileExistsError:
            raise Conflict(f"{target} exists", hint="choose another name") from None
        except _WITHOUT_LINKS:
            if target.exists():
                raise Conflict(f"{target} exists", hint="choose another name") from None
            self.path.replace(target)
            return
        self.path.unlink(missing_ok=True)  # somebody who sweeps may have been there


@contextmanager
def unfinished(target: Path) -> Iterator[Unfinished]:
    """Yield a new file beside the target, empty and its owner's alone, gone when the block ends
    unless it has become the target.

    What runs that were killed left in that folder is removed first. Raises InvalidInput where the
    folder cannot be written.
    """
    sweep(target.parent)
    file = _created(target)
    try:
        yield file
    finally:
        _remove(file.path)
        os.close(file.descriptor)


def leftovers(folder: Path) -> list[Path]:
    """Return what runs that were killed left in a folder; of runs that go on, nothing."""
    try:
        found = [Path(one) for one in os.scandir(folder) if _NAME.fullmatch(one.name)]
    except OSError:
        return []
    return sorted(path for path in found if _is_dead(path))


def sweep(folder: Path) -> int:
    """Remove what runs that were killed left in a folder; return how many files that were."""
    dead = leftovers(folder)
    for path in dead:
        _remove(path)
    return len(dead)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; where that is unknown, they may be."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def refused(path: Path, error: OSError) -> InventoryError:
    """Return what an error of the file system means to a person."""
    name = quoted(str(path)) if not str(path).isprintable() else str(path)
    if error.errno in _NO_ROOM:
        return Busy(f"there is no room for {name}: {error.strerror}", hint="free some room")
    return InvalidInput(f"{name} cannot be written: {error.strerror}")


_NO_ROOM = {27, 28, 122}  # EFBIG, ENOSPC, EDQUOT


def _created(target: Path) -> Unfinished:
    stem = target.name.encode()[:100].decode(errors="ignore")
    while True:
        path = target.with_name(f".{stem}.{secrets.token_hex(8)}.unfinished")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(path, flags, _LOWEST_PRIVATE)
        except OSError as error:
            raise refused(target, error) from None
        if fcntl is None:
            return Unfinished(path, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Somebody who swept may have been between the two lines above.
        if os.fstat(descriptor).st_nlink:
            return Unfinished(path, descriptor)
        os.close(descriptor)


def _is_dead(path: Path) -> bool:
    if fcntl is None:
        return False
    try:
        # It has become its target, and only this name of it is left. It is not opened: whoever
        # closes a database lets go of SQLite's locks (RELIABILITY.md 2.4).
        if path.lstat().st_nlink > 1:
            return True
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a file and what SQLite puts beside it; the file last, by which both are found."""
    for end in (*_BESIDE, ""):
        with suppress(OSError):
            Path(f"{path}{end}").unlink()
