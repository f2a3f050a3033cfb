"""What the reports on stock share: their period, their numbers, their pages."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from bvinv.core import instants, text
from bvinv.core.db import Session
from bvinv.core.errors import InvalidInput
from bvinv.core.replenishment.sales import DAY

YEAR = 365 * DAY


class _Line(Protocol):
    @property
    def sku(self) -> str: ...

    @property
    def warehouse(self) -> str: ...


T = TypeVar("T", bound=_Line)


def page(lines: Sequence[T], *, limit: int, after: str | None) -> tuple[Sequence[T], str | None]:
    """Return the lines that follow the cursor, and the cursor of the next page.

    Raises InvalidInput for a limit out of range, and a cursor whose line is not in the report (any
    more).
    """
    text.quantity(limit, what="limit", minimum=1, maximum=100_000)
    begin = 0
    if after is not None:
        places = (place for place, line in enumerate(lines, start=1) if _name(line) == after)
        begin = next(places, 0)
        if not begin:
            raise InvalidInput(
                f"the report does not have {text.quoted(after)} any more", hint="begin anew"
            )
    part = lines[begin : begin + limit]
    return part, _name(part[-1]) if begin + limit < len(lines) else None


def _name(line: _Line) -> str:
    return f"{line.sku}={line.warehouse}"


def period(session: Session, since: int | None, until: int | None) -> tuple[int, int]:
    """Return the instants that a report is about: 365 days until now unless others are asked for.

    Raises InvalidInput for a period that lies in the future, or ends before it begins.
    """
    until = session.now if until is None else min(until, session.now)
    if since is None:
        since = until - YEAR
    if since >= session.now:
        raise InvalidInput(
            f"{instants.display(since)} is still to come", hint="name a time that has been"
        )
    if since >= until:
        raise InvalidInput("--until lies before --since")
    return since, until


def quotient(value: int, by: int) -> int:
    """Return a quotient of whole numbers as the nearest one, halves away from zero."""
    whole = (2 * abs(value) + by) // (2 * by)
    return -whole if value < 0 else whole


def rounded(value: int, by: int, digits: int) -> float:
    """Return a quotient of whole numbers with so many decimals."""
    scale: int = 10**digits
    return quotient(value * scale, by) / scale
