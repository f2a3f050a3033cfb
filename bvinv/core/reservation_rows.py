"""Reservations as they are read: what ran out holds nothing, swept or not."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bvinv.core import access, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.reservation import STATUSES, LineRow, ReservationRow

_FIND = Sql("""
    SELECT id, status, terms, expires_at, created_at, channel, owner
      FROM reservation WHERE id IN :ids
""")
_LINES = Sql("""
    SELECT l.reservation_id, p.sku, w.code AS warehouse, l.quantity, l.held, l.backordered
         , l.committed, l.released
      FROM reservation_line AS l JOIN stock_level AS s ON s.id = l.level_id
           JOIN product AS p ON p.id = s.product_id JOIN warehouse AS w ON w.id = s.warehouse_id
     WHERE l.reservation_id IN :ids ORDER BY p.sku_key, w.code
""")
_PAGE = """
    SELECT id, status, terms, expires_at, created_at, channel, command_id FROM reservation
     WHERE {where} ORDER BY command_id DESC, id DESC LIMIT :limit
"""
_STATUS = {
    "held": "status = 'held' AND expires_at > :now",
    "expired": "(status = 'expired' OR (status = 'held' AND expires_at <= :now))",
    "committed": "status = 'committed'",
    "released": "status = 'released'",
}


def show(session: Session, *, reservation_id: str, owner: str | None = None) -> ReservationRow:
    """Return a reservation as it is now; `owner` is who asks, unless they may see everybody's.

    Raises NotFound, and NotPermitted when it is another caller's.
    """
    wanted = text.code(reservation_id, what="reservation id", maximum=128)
    found = session.ask(_FIND, ids=[wanted])
    if not found:
        raise unknown(wanted)
    if owner is not None:
        # Whoever sees only what they made is below staff, and may look: a service.
        access.require_own(
            role="service", actor=owner, owner=found[0].owner, what=f"reservation {wanted}"
        )
    [row] = rows(session, found)
    return row


def unknown(reservation_id: str) -> NotFound:
    """Return the error for a reservation that is not there."""
    return NotFound(
        f"there is no reservation {reservation_id}",
        hint="see: bvinv reserve list",
        reservation_id=reservation_id,
    )


def page(
    session: Session,
    *,
    status: str | None = None,
    limit: int = 50,
    after: str | None = None,
    owner: str | None = None,
) -> tuple[list[ReservationRow], str | None]:
    """Return a page of reservations, the newest first, and the cursor of the next page.

    `after` is the id of the last one seen; with `owner` only what this caller made is shown.
    Raises InvalidInput, NotFound, NotPermitted.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=10_000)
    where = ["1 = 1"]
    values: dict[str, Any] = {"limit": limit + 1, "now": session.now}
    if status is not None:
        if status not in STATUSES:
            raise InvalidInput(f"the status is one of {', '.join(STATUSES)}")
        where.append(_STATUS[status])
    if owner is not None:
        where.append("owner = :owner")
        values["owner"] = owner
    if after is not None:
        show(session, reservation_id=after, owner=owner)
        where.append(
            "(command_id, id) < (SELECT command_id, id FROM reservation WHERE id = :after)"
        )
        values["after"] = after
    found = session.ask(Sql(_PAGE.format(where=" AND ".join(where))), **values)
    shown = rows(session, found[:limit])
    return shown, shown[-1].reservation_id if len(found) > limit else None


class Stored(NamedTuple):
    """A reservation that is there: what was asked, by whom, and what it is now."""

    terms: str
    owner: str
    row: ReservationRow


def stored(session: Session, ids: Sequence[str]) -> dict[str, Stored]:
    """Return each of these reservations that exists, by its id."""
    found = session.ask(_FIND, ids=list(ids)) if ids else []
    return {
        row.id: Stored(row.terms, row.owner, shown)
        for row, shown in zip(found, rows(session, found), strict=True)
    }


def rows(session: Session, found: Sequence[Any]) -> list[ReservationRow]:
    """Return what is true at this moment: what ran out holds nothing, swept or not."""
    if not found:
        return []
    lines: dict[str, list[LineRow]] = {row.id: [] for row in found}
    for number, *line in session.ask(_LINES, ids=list(lines)):
        lines[number].append(LineRow(**dict(zip(LineRow.model_fields, line, strict=True))))
    rows = []
    for row in found:
        status, own = row.status, lines[row.id]
        if status == "held" and row.expires_at <= session.now:
            status = "expired"
            own = [
                line.model_copy(
                    update={
                        "held": 0,
                        "backordered": 0,
                        "released": line.released + line.held + line.backordered,
                    }
                )
                for line in own
            ]
        rows.append(
            ReservationRow(
                reservation_id=row.id,
                status=status,
                expires_at=row.expires_at,
                lines=own,
                created_at=row.created_at,
                channel=row.channel or None,
            )
        )
    return rows
