"""Numbers of documents: PO-12, RC-7. Each is its table's id behind two letters."""

import re
from collections.abc import Collection
from typing import Any

from bvinv.core import text as texts
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.text import quoted

KINDS = {
    "PO": "purchase order",
    "RC": "receipt",
    "TR": "transfer",
    "PK": "pick list",
    "RT": "return",
    "CT": "count",
    "SC": "scan session",
}
_NUMBER = re.compile("([A-Za-z]{2})-([0-9]{1,15})", re.ASCII)


def number(kind: str, row_id: int) -> str:
    """Return the number that people call a document by."""
    return f"{kind}-{row_id}"


def kind_of(text: str) -> str | None:
    """Return the kind of document that a text is the number of, None where it is none."""
    found = _NUMBER.fullmatch(text.strip())
    return found[1].upper() if found and found[1].upper() in KINDS else None


def row_id(kind: str, text: str) -> int:
    """Return the id behind a document's number; the letters may be left out.

    Raises InvalidInput.
    """
    found = _NUMBER.fullmatch(f"{kind}-{text.strip()}") or _NUMBER.fullmatch(text.strip())
    if not found or found[1].upper() != kind:
        raise InvalidInput(
            f"{quoted(text)} is not the number of a {KINDS[kind]}", hint=f"for example: {kind}-12"
        )
    return int(found[2])


class Page:
    """The question for a page of documents, the newest first; `id` is the column behind them."""

    def __init__(self, kind: str, *, limit: int, after: str | None, id: str = "id") -> None:
        """Begin behind the document `after`, the last one seen. Raises InvalidInput."""
        self._limit = texts.quantity(limit, what="limit", minimum=1, maximum=10_000)
        self._where = ["1 = 1"]
        self._values: dict[str, Any] = {"limit": limit + 1}
        if after is not None:
            self.only(f"{id} < :after", after=row_id(kind, after))

    def only(self, condition: str, **values: Any) -> None:
        """Leave out what does not meet the condition."""
        self._where.append(condition)
        self._values |= values

    def one_of(self, column: str, value: str | None, known: Collection[str]) -> None:
        """Leave out what has another value, unless it is None. Raises InvalidInput."""
        if value is None:
            return
        if value not in known:
            raise InvalidInput(f"the {column.rpartition('.')[2]} is one of {', '.join(known)}")
        self.only(f"{column} = :wanted", wanted=value)

    def ask(self, session: Session, statement: str) -> tuple[list[Any], bool]:
        """Return the rows that the statement, with `{where}` and `:limit`, finds, and whether there
        are more."""
        found = session.ask(Sql(statement.format(where=" AND ".join(self._where))), **self._values)
        return found[: self._limit], len(found) > self._limit


def unknown(kind: str, row_id: int, see: str) -> NotFound:
    """Return the error for a document that is not there; `see` is the command that lists them."""
    return NotFound(f"there is no {KINDS[kind]} {number(kind, row_id)}", hint=f"see: {see}")
