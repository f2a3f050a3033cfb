"""Files on their way out: they are there when they are complete, or not at all."""

import gzip
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from bvinv import output
from bvinv.core import text
from bvinv.core.errors import Busy, InvalidInput


@contextmanager
def written(file: Path | None, *, private: bool = False) -> Iterator[TextIO]:
    """Yield a new file that takes its name when it is complete, or goes to stdout then.

    Who writes may hold a transaction, which must not wait for a slow reader of stdout. A name that
    ends in .gz is compressed. A pipe or a device is written to, never replaced. A `private` one is
    its owner's alone, and on the disk before it has its name. Raises InvalidInput, and Busy
    without room for it.
    """
    if file in (None, Path("-")):
        with _spooled(_to_stdout) as target:
            yield target
        return
    try:
        is_special = file.exists() and not file.is_file() and not file.is_dir()
        with _spooled(partial(_into, file)) if is_special else _replaced(file, private) as target:
            yield target
    except OSError as error:
        raise InvalidInput(
            f"{text.quoted(str(file))} cannot be written: {error.strerror}"
        ) from None


def keep(file: Path, content: bytes) -> None:
    """Write a file whole, or not at all. Raises InvalidInput, also for what is no file."""
    if file.exists() and not file.is_file():
        raise InvalidInput(f"{text.quoted(str(file))} is not a file")
    with written(file) as target:
        cast(io.TextIOWrapper, target).buffer.write(content)


@contextmanager
def _replaced(file: Path, private: bool) -> Iterator[TextIO]:
    """Yield a file beside this one, which takes its place; of a link it is what it leads to."""
    file = Path(os.path.realpath(file))
    unfinished = file.parent / f".{file.name}.{os.getpid()}"
    try:
        if private:
            unfinished.touch(0o600)
        with unfinished.open("wb") as kept, _text(kept, file.suffix.lower() == ".gz") as target:
            yield target
        if private:
            _sync(unfinished)
        unfinished.replace(file)
        if private:
            _sync(file.parent)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or what a folder names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _spooled(deliver: Callable[[TextIO], None]) -> Iterator[TextIO]:
    """Yield a scratch file, which is delivered when it is complete."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as target:
        try:
            yield target
            target.seek(0)
        except OSError as error:
            raise Busy(
                f"there is no room in {tempfile.gettempdir()}: {error.strerror}",
                hint="name a file, or set TMPDIR",
            ) from None
        deliver(target)


def _to_stdout(complete: TextIO) -> None:
    output.write_for_programs()
    shutil.copyfileobj(complete, sys.stdout)


def _into(special: Path, complete: TextIO) -> None:
    with special.open("w", encoding="utf-8", newline="") as target:
        shutil.copyfileobj(complete, target)


def _text(kept: BinaryIO, is_compressed: bool) -> TextIO:
    """Return a text file over a binary one; the same text makes the same bytes."""
    if is_compressed:
        packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=kept, mtime=0)
        kept = cast(BinaryIO, packed)
    return io.TextIOWrapper(kept, encoding="utf-8", newline="")
