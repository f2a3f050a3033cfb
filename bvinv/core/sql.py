"""Statements in the words that both engines know."""

import json
import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any


class Sql:
    """A statement in the words that both engines know, sent by the driver itself.

    SQLAlchemy's own execution costs 50 to 90 µs a statement, ten times what SQLite needs for the
    answer; the statements of the hot paths go this way. Values are `:name`; `IN :name` takes a
    list; `lock` is added where rows can be locked (PostgreSQL; SQLite has locked everything).
    `SINCE(m, :position)` holds for the rows of `movement AS m`, or of `event`, that
    `Session.position` has not passed.

    PostgreSQL takes many rows in one go, which costs it half of what as many statements do: the
    rows of an INSERT by COPY, or as JSON where it says what comes `after`; those of an UPDATE as
    JSON if it says what `each` of them is, as in `"id bigint, note text"`. Such an UPDATE names its
    own columns as `table.column`, and no two rows of values may mean the same row.
    """

    def __init__(self, statement: str, *, lock: str = "", each: str = "") -> None:
        """Keep the statement; nothing is sent yet."""
        names = re.findall(r":(\w+)", statement)
        numbered = re.sub(r"\bSINCE\((\w+), ", r"(\1.id >= ", statement)
        dated = re.sub(r"\bSINCE\((\w+), ", r"(\1.xid >= ", statement)
        # By place on SQLite, which takes half the time of binding by name.
        pick = itemgetter(*names) if names else lambda row: ()  # noqa: ARG005
        self.values: Callable[[dict[str, Any]], Any] = (
            pick if len(names) != 1 else lambda row: (row[names[0]],)
        )
        lists = re.sub(r"\bIN :(\w+)", r"IN (SELECT value FROM json_each(:\1))", numbered)
        self.on_sqlite = re.sub(r":\w+", "?", lists)
        pyformat = re.sub(r"\bIN :(\w+)", r"= ANY(:\1)", dated)
        self.on_postgresql = re.sub(r":(\w+)", r"%(\1)s", pyformat)
        self.locked = f"{self.on_postgresql} {lock}" if lock else self.on_postgresql
        self.row: Callable[[Iterable[Any]], Any] | None = None
        self.copied = ""  # takes rows as COPY's text
        self.joined = ""  # takes rows as JSON
        if each:
            head, where = re.sub(r":(\w+)", r"given.\1", statement).rsplit(" WHERE ", 1)
            given = f"json_to_recordset(%(rows)s) AS given({each})"
            self.joined = f"{head} FROM {given} WHERE {where}"

    @classmethod
    def insert(cls, into: str, *columns: str, after: str = "") -> "Sql":
        """Return the statement that inserts rows with these columns."""
        values = ", ".join(f":{column}" for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        made = cls(f"INSERT INTO {into} ({names}) VALUES ({values}) {after}")
        if not after:
            made.copied = f"COPY {into} ({names}) FROM STDIN"
        # With ON CONFLICT DO UPDATE one row of values after the other may mean the same row.
        if after == "RETURNING id" or after.endswith("DO NOTHING"):
            given = f"json_populate_recordset(CAST(NULL AS {into}), %(rows)s) WITH ORDINALITY"
            made.joined = (
                f"INSERT INTO {into} ({names}) SELECT {names} FROM {given} "
                f"ORDER BY ordinality {after}"
            )
        return made


def _as_text(value: Any) -> str:
    """Return what PostgreSQL reads bytes from, among JSON."""
    return f"\\x{value.hex()}"


# Made once: json.dumps makes one a call.
as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_as_text).encode


def row_maker(description: Sequence[Sequence[Any]]) -> Callable[[Iterable[Any]], Any]:
    names = [entry[0] for entry in description]
    return namedtuple("Row", names)._make  # type: ignore[no-any-return,attr-defined]
