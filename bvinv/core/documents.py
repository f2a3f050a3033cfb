"""Numbers of documents: PO-12, RC-7. Each is its table's id behind two letters."""

import re

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


def unknown(kind: str, row_id: int, see: str) -> NotFound:
    """Return the error for a document that is not there; `see` is the command that lists them."""
    return NotFound(f"there is no {KINDS[kind]} {number(kind, row_id)}", hint=f"see: {see}")
