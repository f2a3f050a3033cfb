"""What holds do on a level: run out, wait for goods, get them, lose them.

Everything here works on locked levels and changes reservation lines and the ledger together.
"""

from typing import Any

from sqlalchemy import bindparam, select, update

from bvinv.core.db import Session
from bvinv.core.ledger import Level, OpenLine, Posting
from bvinv.core.levels import LINE, RESERVATION

_CHANGE = (
    update(LINE)
    .where(
        LINE.c.reservation_id == bindparam("of"),
        LINE.c.level_id == bindparam("level"),
    )
    .values(
        held=LINE.c.held + bindparam("held_by"),
        backordered=LINE.c.backordered + bindparam("backordered_by"),
        committed=LINE.c.committed + bindparam("committed_by"),
        released=LINE.c.released + bindparam("released_by"),
    )
)
_HOLDERS = (
    select(LINE.c.reservation_id, LINE.c.held, LINE.c.expires_at)
    .join_from(LINE, RESERVATION, RESERVATION.c.id == LINE.c.reservation_id)
    .where(LINE.c.level_id == bindparam("level"), LINE.c.held > 0)
    .where(LINE.c.held + LINE.c.backordered > 0, LINE.c.expires_at > bindparam("now"))
    .order_by(RESERVATION.c.command_id.desc(), LINE.c.reservation_id.desc())
)


def change(
    reservation_id: str,
    level_id: int,
    *,
    held: int = 0,
    backordered: int = 0,
    committed: int = 0,
    released: int = 0,
) -> dict[str, Any]:
    """Return the change of one line, in pieces, for `apply`. The four add up to zero."""
    return {
        "of": reservation_id,
        "level": level_id,
        "held_by": held,
        "backordered_by": backordered,
        "committed_by": committed,
        "released_by": released,
    }


def apply(session: Session, changes: list[dict[str, Any]]) -> None:
    """Write these changes of lines."""
    if changes:
        session.connection().execute(_CHANGE, changes)


def lapse(session: Session, posting: Posting, level: Level) -> None:
    """Record what ran out on this level; the sweep closes the reservations themselves later."""
    changes = []
    for line in level.lapsed:
        changes.append(
            change(
                line.reservation_id,
                level.id,
                held=-line.held,
                backordered=-line.backordered,
                released=line.held + line.backordered,
            )
        )
        if line.held:
            posting.post(
                level,
                "expire",
                line.held,
                reserved=-1,
                document=line.reservation_id,
                occurred_at=line.expires_at,
            )
    level.lapsed.clear()
    apply(session, changes)


def fill(session: Session, posting: Posting, level: Level) -> None:
    """Give what is free to the backorders of this level, the oldest first."""
    changes = []
    free = level.free
    still_waiting: list[OpenLine] = []
    if free > 0 and level.waiting and level.lapsed:
        lapse(session, posting, level)
    for line in level.waiting:
        given = min(free, line.backordered)
        if given <= 0:
            still_waiting.append(line)
            continue
        free -= given
        changes.append(change(line.reservation_id, level.id, held=given, backordered=-given))
        posting.post(level, "fill", given, reserved=1, document=line.reservation_id)
        posting.tell(
            "reservation.filled",
            line.reservation_id,
            {"sku": level.sku, "warehouse": level.warehouse, "quantity": given},
        )
        if given < line.backordered:
            still_waiting.append(
                line._replace(held=line.held + given, backordered=line.backordered - given)
            )
    level.waiting[:] = still_waiting
    apply(session, changes)


def holders(session: Session, level: Level) -> list[OpenLine]:
    """Return the live holds on this level, the newest first."""
    found = session.connection().execute(_HOLDERS, {"level": level.id, "now": session.now})
    return [OpenLine(row.reservation_id, level.id, row.held, 0, row.expires_at) for row in found]


def break_newest(session: Session, posting: Posting, level: Level, quantity: int) -> list[OpenLine]:
    """Turn this many held pieces into backorders, the newest holds first; return what was broken.

    The caller has checked that as many are held. The broken lines wait in their old places.
    """
    broken = []
    for line in holders(session, level):
        part = min(line.held, quantity)
        quantity -= part
        broken.append(line._replace(held=part))
        posting.post(level, "break", part, reserved=-1, document=line.reservation_id)
        posting.tell(
            "reservation.broken",
            line.reservation_id,
            {"sku": level.sku, "warehouse": level.warehouse, "quantity": part},
        )
        if not quantity:
            break
    apply(
        session,
        [
            change(line.reservation_id, level.id, held=-line.held, backordered=line.held)
            for line in broken
        ],
    )
    return broken
