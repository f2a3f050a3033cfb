"""Files of rows on their way in: what they are, and their rows by line.

A file is read twice: once to be sure that all of it is text, before anything is changed, and once
for its rows. Both keep nothing but the row at hand.
"""

import codecs
import csv
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, NoReturn, cast

from bvinv.core import text
from bvinv.core.columns import SAVE_AS, plain
from bvinv.core.errors import InvalidInput

_PIECE = 1 << 20
_LONGEST_LINE = 16 << 20
_MOST_COLUMNS = 1000
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet (.xlsx, .ods)"),
    (b"\xd0\xcf\x11\xe0", "an Excel spreadsheet (.xls)"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


class Record(NamedTuple):
    """A row of the file: its first line (from 1) and its cells, or the fault that it has none."""

    line: int
    cells: list[str]
    fault: str
    original: list[str] | str  # as it stands in the file, for the rejects


class Sheet(NamedTuple):
    """A file that can be read: its columns, as they are written, and the hash of its content."""

    columns: tuple[str, ...]
    digest: str
    is_json: bool
    records: Callable[[], Iterator[Record]]


@contextmanager
def reading(source: BinaryIO, *, name: str, nested: Collection[str] = ()) -> Iterator[Sheet]:
    """Yield the sheet in a file of CSV with a header, or of JSON lines; its content says which.

    UTF-8, with or without a byte order mark; lines end in LF, CRLF or CR. JSON objects may stand
    in the `nested` columns only. Raises InvalidInput for what cannot be read at all.
    """
    if source.seekable():
        yield _sheet(source, name, nested)
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield _sheet(cast(BinaryIO, copy), name, nested)


def _sheet(source: BinaryIO, name: str, nested: Collection[str]) -> Sheet:
    digest, is_json = _inspected(source, name)
    if is_json:
        columns = _keys(source)
        return Sheet(columns, digest, True, lambda: _from_json(source, columns, nested))
    header = next(_from_csv(source), None)
    if header is None:
        raise InvalidInput(f"{name} is empty", hint="the first line names the columns")
    if header.fault:
        raise InvalidInput(f"{name} has a header that cannot be read: {header.fault}")

    def records() -> Iterator[Record]:
        found = _from_csv(source)
        next(found)
        yield from found

    return Sheet(tuple(header.cells), digest, False, records)


# --- What the file is ---------------------------------------------------------------------------


def _inspected(source: BinaryIO, name: str) -> tuple[str, bool]:
    """Return the SHA-256 of the content, and whether it is JSON lines.

    Raises InvalidInput when any of it is not text.
    """
    source.seek(0)
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    ends, unended, opening = 0, 0, b""
    while piece := source.read(_PIECE):
        if not opening:
            opening = piece.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        if not ends and not unended:
            _refuse_magic(piece, name)
        digest.update(piece)
        if b"\0" in piece:
            _refuse_binary(piece, name, ends)
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            _refuse_encoding(error, name, ends)
        last = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        unended = unended + len(piece) if last < 0 else len(piece) - last
        if unended > _LONGEST_LINE:
            raise InvalidInput(f"{name} has a line of more than {_LONGEST_LINE >> 20} MiB")
        ends += piece.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} ends in the middle of a character: is it complete?") from None
    if not opening:
        raise InvalidInput(f"{name} is empty", hint="the first line names the columns")
    if opening in b"[<":
        kind = "one JSON array" if opening == b"[" else "XML"
        raise InvalidInput(
            f"{name} seems to be {kind}", hint="CSV and JSON lines (one object a line) can be read"
        )
    return digest.hexdigest(), opening == b"{"


def _refuse_magic(piece: bytes, name: str) -> None:
    for magic, kind in _MAGIC:
        if piece.startswith(magic):
            raise InvalidInput(f"{name} seems to be {kind}", hint=SAVE_AS)


def _refuse_binary(piece: bytes, name: str, ends: int) -> NoReturn:
    if piece.count(b"\0") > len(piece) // 4:
        kind = "UTF-16 text" if piece[:1] == b"\0" or piece[1:2] == b"\0" else "a binary file"
        raise InvalidInput(f"{name} seems to be {kind}", hint=SAVE_AS)
    line = ends + piece[: piece.index(b"\0")].count(b"\n") + 1
    raise InvalidInput(
        f"{name} has a NUL byte in line {line}: it seems to be binary or damaged", hint=SAVE_AS
    )


def _refuse_encoding(error: UnicodeDecodeError, name: str, ends: int) -> NoReturn:
    line = ends + error.object[: error.start].count(b"\n") + 1
    byte = error.object[error.start]
    raise InvalidInput(
        f"{name} is not UTF-8 in line {line} (byte 0x{byte:02X}): it seems to be Windows-1252, "
        "Latin-1, or no text at all",
        hint="save it as UTF-8, or: iconv -f WINDOWS-1252 -t UTF-8",
    ) from None


@contextmanager
def _text(source: BinaryIO) -> Iterator[io.TextIOWrapper]:
    """Yield the lines from the beginning, their ends as they are; the source stays open."""
    source.seek(0)
    wrapped = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    try:
        yield wrapped
    finally:
        wrapped.detach()


# --- CSV ----------------------------------------------------------------------------------------


class _Lines:
    """Hands lines to the CSV reader, and takes back those that it swallowed by mistake."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: list[str] = []  # the next one last
        self.number = 0
        self.taken: list[str] = []  # by the record that is being read

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self.number += 1
        self.taken.append(line)
        return line

    def give_back_all_but_one(self) -> str:
        """Return the first line that the record took; the others are read again."""
        line, *others = self.taken
        self._again.extend(reversed(others))
        self.number -= len(others)
        self.taken.clear()
        return line


def _from_csv(source: BinaryIO) -> Iterator[Record]:
    """Yield the header, then the rows; one that does not fit the header has a fault.

    Where a quote is missing, the first line of the record is refused and the reader goes on with
    the second, so that no row vanishes into another's cell.
    """
    with _text(source) as wrapped:
        lines = _Lines(wrapped)
        reader = csv.reader(lines, strict=True)
        width = 0
        while True:
            try:
                for cells in reader:
                    line = lines.number - len(lines.taken) + 1
                    if len(cells) == width:
                        yield Record(line, cells, "", cells)
                    elif any(cells[1:]) or (cells and cells[0].strip()):
                        fault = _ragged(cells, width, line, lines.number) if width else ""
                        width = width or len(cells)
                        yield Record(line, cells, fault, cells)
                    lines.taken.clear()
                return
            except csv.Error as error:
                fault = _csv_fault(str(error), len(lines.taken))
                line = lines.number - len(lines.taken) + 1
                broken = lines.give_back_all_but_one().rstrip("\r\n")
                yield Record(line, [], fault, [broken])


def _ragged(cells: list[str], width: int, first: int, last: int) -> str:
    where = f" in lines {first} to {last}" if last > first else ""
    return f"the row has {len(cells)} cells{where}, and the header has {width}"


def _csv_fault(said: str, lines: int) -> str:
    if "unexpected end" in said or ("field limit" in said and lines > 1):
        return "a quote opens in this line and is not closed"
    if "field limit" in said:
        return f"a cell has more than {csv.field_size_limit()} characters"
    where = f", up to {lines - 1} lines below" if lines > 1 else ""
    return f'a quote (") is missing, or not doubled inside a quoted cell{where}'


# --- JSON lines ---------------------------------------------------------------------------------


class _Literal(str):
    """A number as it is written: 12.90 stays 12.90, and 9.78E+12 is seen for what it is."""

    __slots__ = ()


def _keys(source: BinaryIO) -> tuple[str, ...]:
    """Return every key of the file, in the order of first use."""
    keys: dict[str, None] = {}
    with _text(source) as lines:
        for line in lines:
            keys.update(dict.fromkeys(_object(line) or ()))
            if len(keys) > _MOST_COLUMNS:
                raise InvalidInput(f"the objects have more than {_MOST_COLUMNS} different keys")
    return tuple(keys)


def _from_json(
    source: BinaryIO, columns: tuple[str, ...], nested: Collection[str]
) -> Iterator[Record]:
    with _text(source) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            found = _object(line)
            if found is None:
                fault = "the line is not one JSON object with each key once"
                yield Record(number, [], fault, line)
                continue
            fault = next(
                (
                    f"{column} holds {text.quoted(value)}, which is not text or a number"
                    for column, value in found.items()
                    if isinstance(value, (bool, list))
                    or (isinstance(value, dict) and plain(column) not in nested)
                ),
                "",
            )
            cells = [] if fault else [_cell(found, column, line) for column in columns]
            yield Record(number, cells, fault, line)


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(
            line,
            parse_float=_Literal,
            parse_int=_Literal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _cell(found: dict[str, Any], column: str, line: str) -> str:
    value = found.get(column)
    if value is None:
        return ""
    if isinstance(value, dict):  # Its numbers are numbers again.
        return json.dumps(json.loads(line)[column], ensure_ascii=False)
    return str(value)
