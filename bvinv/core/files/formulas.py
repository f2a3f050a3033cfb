"""Cells that a spreadsheet would run as a formula, and the apostrophe that stops it.

OWASP, "CSV Injection", and ASVS 5.0, 1.2.10: what begins with one of these characters is a formula
to some program, also in its full-width form (U+FF0B and so on), and a NUL or a blank before it is
skipped by some.
"""

import re

_BLANKS = " \u00a0"
_BEGINNINGS = "-=+@\t\n\r\0\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(f"'*[{_BLANKS}]*[{_BEGINNINGS}]")
# Most cells begin otherwise, and need no second look.
_FIRST = frozenset(f"'{_BLANKS}{_BEGINNINGS}")


def escape(cell: str) -> str:
    """Return the cell with an apostrophe before it, if it could be taken for a formula.

    One that begins with apostrophes and goes on like a formula gets one more, so that `unescape`
    gives every text back as it was.
    """
    return f"'{cell}" if cell[:1] in _FIRST and _FORMULA.match(cell) else cell


def unescape(cell: str) -> str:
    """Return the cell without the apostrophe that `escape` put there."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
