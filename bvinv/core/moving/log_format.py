"""The ledger as a file: JSON Lines, one row a line, from a header to a trailer that proves them.

    {"bvinv_log": 1, "schema": "0006", "taken_at": …, "tables": {"product": {"rows": 3, …}, …}}
    ["product", 1, "HX-1", …, 2774160423]
    …
    {"head": "…", "rows": 61, "sha256": "…"}

The last number of a row is the CRC-32 of the rows up to there, without these numbers: it tells
which line was changed. The trailer's SHA-256 is over all lines before it. What follows from the
movements is left out: a replay computes it.
"""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from bvinv.core import db
from bvinv.core.errors import Conflict, InvalidInput, VerificationFailed
from bvinv.core.moving.tables import DIGEST, TRANSACTION, WHOLE, WORDS, Column, Table, moved

FORMAT = 1
# What the movements alone say, by table; all of `bin_level` is of this kind.
DERIVED = {
    "product": ("popularity",),
    "stock_level": ("on_hand", "unsellable", "reserved", "head_seq", "head_hash"),
}
_TYPES = {WHOLE: int, WORDS: str, DIGEST: str}
# What no engine stores: an end within, half of a pair (UTF-16).
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_LONGEST = 64 << 20  # bytes of a line; the longest text of a row has far fewer


class Trailer(NamedTuple):
    """The last line: the digest of all chain heads, how many rows, and the SHA-256 of the file."""

    head: str
    rows: int
    sha256: str


def tables() -> tuple[Table, ...]:
    """Return the tables in the order of the file: levels come last, after their movements."""
    known = {table.name: table for table in moved() if table.name != "bin_level"}
    last = [known.pop("movement"), known.pop("stock_level")]
    return (*known.values(), *last)


def columns(table: Table) -> tuple[Column, ...]:
    """Return the columns of a table that are written."""
    left_out = (*DERIVED.get(table.name, ()), TRANSACTION)
    return tuple(column for column in table.columns if column.name not in left_out)


def encoded(value: Any) -> bytes:
    """Return the line of a header, a row or a trailer, with its end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def sealed(body: bytes, seal: int) -> tuple[bytes, int]:
    """Return a row's line with the CRC-32 of all rows up to it, and that number."""
    seal = zlib.crc32(body, seal)
    return body[:-2] + b",%d]\n" % seal, seal


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number. Raises InvalidInput for what is no text in lines."""
    number = 0
    while line := _read(file, number + 1):
        number += 1
        yield number, line


def _read(file: BinaryIO, number: int) -> bytes:
    try:
        line = file.readline(_LONGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(number, f"it cannot be read: {error}") from None
    if len(line) == _LONGEST:
        raise damaged(number, "it has no end")
    return line


def header(number: int, line: bytes) -> dict[str, int]:
    """Return how many rows each table has. Raises InvalidInput for what is no log, and Conflict for
    one of another release."""
    said = parsed(line)
    if not isinstance(said, dict) or "bvinv_log" not in said:
        raise InvalidInput(
            "this is no ledger as a file", hint="bvinv db log export FILE writes one"
        )
    version, schema = said["bvinv_log"], said.get("schema")
    if version != FORMAT or schema != db.SCHEMA:
        raise Conflict(
            f"the file has format {version} and schema {schema}, this program {FORMAT} and "
            f"{db.SCHEMA}",
            hint="replay it with the release that wrote it, and copy what that makes",
        )
    found: Any = said.get("tables")
    expected = {table.name: [one.name for one in columns(table)] for table in tables()}
    try:
        if {name: entry["columns"] for name, entry in found.items()} == expected:
            counts = {name: int(entry["rows"]) for name, entry in found.items()}
            if min(counts.values()) >= 0:
                return counts
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        pass
    raise damaged(number, "it does not name the tables of its schema")


def trailer(number: int, line: bytes) -> Trailer:
    """Return what the last line says. Raises VerificationFailed where that is no trailer."""
    said = parsed(line)
    try:
        return Trailer(str(said["head"]), int(said["rows"]), str(said["sha256"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise damaged(number, "the file ends here, and not with a trailer: it was cut") from None


def checked(number: int, line: bytes, seal: int) -> int:
    """Return the CRC-32 of the rows up to this one. Raises VerificationFailed unless the line is
    what was written."""
    body, _, said = line.rpartition(b",")
    found = zlib.crc32(body + b"]\n", seal)
    if said != b"%d]\n" % found:
        raise damaged(number, "it is not what was written")
    return found


def values(table: Table, number: int, line: bytes) -> list[Any]:
    """Return what the line of a row says, by `columns`. Raises VerificationFailed where it is no
    row of this table."""
    said = parsed(line)
    kept = columns(table)
    if not isinstance(said, list) or len(said) != len(kept) + 2 or said[0] != table.name:
        raise damaged(number, f"it is no row of {table.name}")
    found = said[1:-1]
    for place, (column, value) in enumerate(zip(kept, found, strict=True)):
        if value is None and column.optional:
            continue
        if type(value) is not _TYPES[column.kind]:
            raise damaged(number, f"its {column.name} cannot be {json.dumps(value)[:50]}")
        if column.kind == DIGEST:
            found[place] = _digest(number, column, value)
        elif column.kind == WORDS and _NO_TEXT.search(str(value)):
            raise damaged(number, f"its {column.name} holds a sign that no text has")
    return found


def _digest(number: int, column: Column, value: Any) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise damaged(number, f"its {column.name} is no digest") from None


def damaged(number: int, what: str) -> VerificationFailed:
    """Return the error about a line of a file that is no log any more."""
    return VerificationFailed(
        f"line {number}: {what}", hint="take another copy of the file", line=number
    )


def parsed(line: bytes) -> Any:
    """Return what a line says, None where it is no JSON or not whole."""
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
