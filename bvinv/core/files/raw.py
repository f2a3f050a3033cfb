"""The bytes of a file, from the beginning as often as they are wanted, without their gzip."""

import gzip
import hashlib
import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NoReturn, cast

from bvinv.core.errors import Busy, InvalidInput
from bvinv.core.files.columns import SAVE_AS

PIECE = 1 << 20
# What a gzip may become, and what is taken from a pipe: a billion rows are no import.
LARGEST = 16 << 30
_GZIP = b"\x1f\x8b"
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet (.xlsx, .ods)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel spreadsheet (.xls)"),
    (_GZIP, "a gzip inside a gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a text document (.rtf)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
)


class RawFile:
    """A file that can be read again, and how far the reading is."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        """Look at the first bytes. Raises InvalidInput for what is no text at all."""
        self.name = name
        self._source = source
        self._size = source.seek(0, io.SEEK_END)
        source.seek(0)
        self.is_gzip = source.read(len(_GZIP)) == _GZIP
        beginning = self.opened().read(64)
        for magic, kind in _MAGIC:
            if beginning.startswith(magic):
                raise InvalidInput(f"{name} seems to be {kind}", hint=SAVE_AS)

    def opened(self) -> BinaryIO:
        """Return the content from its beginning. Only one reader at a time: they share a place."""
        self._source.seek(0)
        return cast(BinaryIO, _Expanded(self._source, self.name)) if self.is_gzip else self._source

    def digest(self) -> str:
        """Return the SHA-256 of the bytes as they are stored."""
        self._source.seek(0)
        digest = hashlib.sha256()
        while piece := self._source.read(PIECE):
            digest.update(piece)
        return digest.hexdigest()

    def progress(self) -> float:
        """Return the share of the stored bytes that has been read, from 0 to 1."""
        return min(self._source.tell() / self._size, 1.0) if self._size else 1.0


@contextmanager
def raw(source: BinaryIO, name: str) -> Iterator[RawFile]:
    """Yield the file; what cannot be read twice, a pipe, is copied to the disk first.

    Raises Busy when that has no room.
    """
    if source.seekable():
        yield RawFile(source, name)
        return
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
    try:
        _fill(copy, source, name)
        yield RawFile(copy, name)
    finally:
        with suppress(OSError):  # what is buffered may not fit on the disk
            copy.close()


def _fill(copy: BinaryIO, source: BinaryIO, name: str) -> None:
    while piece := source.read(PIECE):
        if copy.tell() + len(piece) > LARGEST:
            _refuse_size(name)
        try:
            copy.write(piece)
            copy.flush()
        except OSError as error:
            raise Busy(
                f"there is no room in {tempfile.gettempdir()}: {error.strerror}",
                hint="save it as a file and import that, or set TMPDIR",
            ) from None


class _Expanded(gzip.GzipFile):
    """The content of a gzip, as far as it is whole and of a size that anybody means."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        super().__init__(fileobj=source, mode="rb")
        self._called = name

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes, or fewer at the end. Raises InvalidInput."""
        try:
            piece = super().read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._refuse(error)
        return self._within_bounds(piece)

    def read1(self, size: int = -1) -> bytes:
        """Return what can be had at once. Raises InvalidInput."""
        try:
            piece = super().read1(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._refuse(error)
        return self._within_bounds(piece)

    def _within_bounds(self, piece: bytes) -> bytes:
        if self.tell() > LARGEST:
            _refuse_size(self._called)
        return piece

    def _refuse(self, error: Exception) -> NoReturn:
        if isinstance(error, EOFError):
            raise InvalidInput(
                f"{self._called} ends in the middle of its gzip", hint="is it complete?"
            ) from None
        raise InvalidInput(f"{self._called} is a damaged gzip: {error}") from None


def _refuse_size(name: str) -> NoReturn:
    raise InvalidInput(
        f"{name} has more than {LARGEST >> 30} GiB of content", hint="import it in parts"
    )
