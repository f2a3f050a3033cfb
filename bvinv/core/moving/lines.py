"""Rows as lines: one form for both engines, to be moved, compared and hashed.

It is the text format of PostgreSQL's COPY (documentation, SQL COPY, "Text Format"): PostgreSQL
reads and writes it by itself, and SQLite's `printf` makes a line faster than Python a tuple.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from bvinv.core.moving.tables import DIGEST, TRANSACTION, WHOLE, WORDS, Column, Table

NONE = "\\N"
_ESCAPES = {
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
}
_ESCAPED = str.maketrans(_ESCAPES)
_MEANT = {said[1]: sign for sign, said in _ESCAPES.items()}
_SAID = re.compile(r"\\(.)")
# What has to be escaped, as a class of SQLite's GLOB: the signs 8 to 13, and the backslash.
_SPECIAL = "*[\x08-\x0d\\]*"

Key = tuple[int | str, ...]


class Batch(NamedTuple):
    """Lines in the order of their keys, each with its end, and the last of them without."""

    block: bytes
    rows: int
    last: bytes


def line(table: Table, values: Sequence[Any]) -> str:
    """Return the line of a row, without its end. Digests are bytes."""
    return "\t".join(
        [_field(column, value) for column, value in zip(table.columns, values, strict=True)]
    )


def values(table: Table, said: str) -> list[Any]:
    """Return the values of a line: numbers, words, bytes, or None."""
    fields: list[Any] = said.split("\t")
    for place, column in enumerate(table.columns):
        fields[place] = _value(column.kind, fields[place])
    return fields


def key(table: Table, said: bytes) -> Key:
    """Return the primary key of a line."""
    fields = said.decode().split("\t")
    return tuple(_value(table.columns[place].kind, fields[place]) for place in table.key_places)


def _field(column: Column, value: Any) -> str:
    if column.name == TRANSACTION:
        return "0"
    if value is None:
        return NONE
    if column.kind == DIGEST:
        return f"\\\\x{value.hex()}"
    return str(value).translate(_ESCAPED) if column.kind == WORDS else str(value)


def _value(kind: str, field: str) -> Any:
    if kind == WHOLE:
        return None if field == NONE else int(field)
    if "\\" not in field:
        return field
    if field == NONE:
        return None
    if kind == DIGEST:
        return bytes.fromhex(field[3:])
    return _SAID.sub(lambda found: _MEANT[found[1]], field)


def on_sqlite(table: Table) -> str:
    """Return SQL for the line of a row as bytes; NULL where a text holds a NUL."""
    words = [column for column in table.columns if column.kind == WORDS]
    plain = _printed(table, escaped=False)
    if not words:
        return f"CAST({plain} AS BLOB)"
    together = " || ".join(
        f"coalesce({_name(one)}, '')" if one.optional else _name(one) for one in words
    )
    return f"""CAST(CASE WHEN instr({together}, char(0)) THEN NULL
        WHEN {together} GLOB '{_SPECIAL}' THEN {_printed(table, escaped=True)}
        ELSE {plain} END AS BLOB)"""


def on_postgresql(table: Table) -> str:
    """Return the columns that COPY makes the line of."""
    return ", ".join(
        "0" if column.name == TRANSACTION else _name(column) for column in table.columns
    )


def _printed(table: Table, *, escaped: bool) -> str:
    pattern, given = [], []
    for column in table.columns:
        name = _name(column)
        if column.name == TRANSACTION:
            pattern.append("0")
            continue
        if column.kind == WORDS and escaped:
            for sign, said in _ESCAPES.items():
                name = f"replace({name}, char({ord(sign)}), '{said}')"
        elif column.kind == DIGEST:
            name = f"lower(hex({name}))"
            if column.optional:
                name = f"CASE WHEN {_name(column)} NOTNULL THEN '\\\\x' || {name} END"
        if column.optional:
            name = f"coalesce({name}, '{NONE}')"
        mark = "%d" if column.kind == WHOLE and not column.optional else "%s"
        pattern.append("\\\\x%s" if column.kind == DIGEST and not column.optional else mark)
        given.append(name)
    return f"printf('{chr(9).join(pattern)}', {', '.join(given)})"


def _name(column: Column) -> str:
    return f'"{column.name}"'
