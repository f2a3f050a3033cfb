"""The checksum beside a backup, as sha256sum(1) writes and checks it."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bvinv.core.errors import VerificationFailed
from bvinv.core.keeping.unfinished import refused, unfinished

_BLOCK = 1 << 20
# With a backslash before it, the name is escaped (coreutils manual, "cksum output modes").
_LINE = re.compile(rb"\\?([0-9a-fA-F]{64}) [ *].+\n?")


def beside(file: Path) -> Path:
    """Return where the checksum of a file lies."""
    return Path(f"{file}.sha256")


def of(file: Path, *, goes_on: Callable[[], bool] = lambda: True) -> str:
    """Return the SHA-256 of a file in hexadecimal. Ends early, with what it has, when told so.

    Never for a database that this process has open (RELIABILITY.md 2.4).
    """
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while goes_on() and (block := source.read(_BLOCK)):
            digest.update(block)
    return digest.hexdigest()


def write(file: Path, digest: str) -> None:
    """Put the checksum beside a file. Raises InvalidInput, and Busy without room for it."""
    name = os.fsencode(file.name)
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != name else b""
    _write(beside(file), mark + digest.encode() + b"  " + escaped + b"\n")


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _write(target: Path, content: bytes) -> None:
    with unfinished(target) as written:
        try:
            os.write(written.descriptor, content)
            written.become(target, replace=True)
        except OSError as error:
            raise refused(target, error) from None


@contextmanager
def exchanged(file: Path, digest: str) -> Iterator[None]:
    """Put the checksum beside a file that the block replaces, or that of before where it fails.

    Meanwhile there is none, rather than that of another file.
    """
    before = _content(beside(file))
    forget(file)
    try:
        yield
    except BaseException:
        if before is not None:
            _write(beside(file), before)
        raise
    write(file, digest)


def forget(file: Path) -> None:
    """Remove the checksum beside a file, if there is one."""
    with suppress(FileNotFoundError):
        beside(file).unlink()


def read(file: Path) -> str | None:
    """Return the checksum that lies beside a file, None where none does.

    Raises VerificationFailed for one that cannot be read.
    """
    target = beside(file)
    try:
        with target.open("rb") as source:
            found = _LINE.match(source.read(10_000))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VerificationFailed(f"{target} cannot be read: {error.strerror}") from None
    if not found:
        raise VerificationFailed(
            f"{target} is no checksum as sha256sum writes it",
            hint="remove it, if the backup was made without one",
        )
    return found[1].decode().lower()
