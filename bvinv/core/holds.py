"""What holds do on a level: run out, wait for goods, get them, lose them.

Everything here works on locked levels and changes reservation lines and the ledger together.
"""

from typing import Any

from bvinv.core.db import Session, Sql
from bvinv.core.ledger import Level, OpenLine, Posting
from bvinv.core.models.reservation import OPEN

_CHANGE = Sql("""
    UPDATE reservation_line
       SET held = held + :held, backordered = backordered + :backordered
         , committed = committed + :committed, released = released + :released
     WHERE reservation_id = :reservation_id AND level_id = :level_id
""")
_HOLDERS = Sql(f"""
    SELECT l.reservation_id, l.level_id, l.held, l.backordered, l.expires_at, r.low_priority
      FROM reservation_line AS l JOIN reservation AS r ON r.id = l.reservation_id
     WHERE l.level_id = :level AND l.held > 0 AND {OPEN} AND l.expires_at > :now
     ORDER BY r.command_id DESC, l.reservation_id DESC LIMIT :limit
""")


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
        "reservation_id": reservation_id,
        "level_id": level_id,
        "held": held,
        "backordered": backordered,
        "committed": committed,
        "released": released,
    }


def apply(session: Session, changes: list[dict[str, Any]]) -> None:
    """Write these changes of lines."""
    session.send(_CHANGE, changes)


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
            posting.tell(
                "reservation.lapsed",
                line.reservation_id,
                {"sku": level.sku, "warehouse": level.warehouse, "quantity": line.held},
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
        given = min(free - (level.protected if line.low_priority else 0), line.backordered)
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


def holders(session: Session, level: Level, limit: int = 50) -> list[OpenLine]:
    """Return the live holds on this level, the newest first."""
    found = session.ask(_HOLDERS, level=level.id, now=session.now, limit=limit)
    return [OpenLine(*row) for row in found]


def break_newest(session: Session, posting: Posting, level: Level, quantity: int) -> list[OpenLine]:
    """Turn this many held pieces into backorders, the newest holds first; return what was broken.

    The caller has checked that as many are held. The broken lines wait in their old places.
    """
    broken = []
    for line in holders(session, level, limit=quantity):
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
