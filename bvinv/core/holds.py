"""What holds do on a level: run out, wait for goods, get them, lose them.

Everything here works on locked levels and changes reservation lines and the ledger together.
"""

from typing import Any

from bvinv.core.db import Session, Sql
from bvinv.core.errors import InsufficientStock
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

# What was picked already stands in staging under its order's name: it is not broken any more.
_BREAKABLE = Sql(f"""
    SELECT reservation_id, level_id, held - picked AS held, backordered, expires_at, low_priority
      FROM (SELECT l.reservation_id, l.level_id, l.held, l.backordered, l.expires_at
                 , r.low_priority, r.command_id
                 , (SELECT coalesce(sum(i.picked - i.returned - i.shipped), 0)
                      FROM pick_line AS i JOIN pick AS p ON p.id = i.pick_id
                     WHERE i.level_id = l.level_id AND i.picked > i.returned + i.shipped
                       AND p.reservation_id = l.reservation_id
                       AND p.status IN ('open', 'picked')) AS picked
              FROM reservation_line AS l JOIN reservation AS r ON r.id = l.reservation_id
             WHERE l.level_id = :level AND l.held > 0 AND {OPEN} AND l.expires_at > :now) AS s
     WHERE held > picked ORDER BY command_id DESC, reservation_id DESC LIMIT :limit
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

    What was picked is not broken. The broken lines wait in their old places. Raises
    InsufficientStock, with nothing posted, when only picked pieces are left.
    """
    broken = []
    left = quantity
    for row in session.ask(_BREAKABLE, level=level.id, now=session.now, limit=quantity):
        line = OpenLine(*row)
        part = min(int(line.held), left)
        left -= part
        broken.append(line._replace(held=part))
        if not left:
            break
    if left:
        raise InsufficientStock(
            f"{left} of {level.sku} at {level.warehouse} were picked already and cannot be broken",
            hint="bring them back first: bvinv reserve pick ID --cancel",
            sku=level.sku,
            warehouse=level.warehouse,
            wanted=quantity,
            available=quantity - left,
        )

    # From here on nothing can fail.
    for line in broken:
        break_one(session, posting, level, line.reservation_id, line.held)
    return broken


def break_one(
    session: Session, posting: Posting, level: Level, reservation_id: str, quantity: int
) -> None:
    """Turn this many held pieces of one reservation into a backorder. The caller has checked that
    it holds as many that were not picked."""
    posting.post(level, "break", quantity, reserved=-1, document=reservation_id)
    posting.tell(
        "reservation.broken",
        reservation_id,
        {"sku": level.sku, "warehouse": level.warehouse, "quantity": quantity},
    )
    apply(session, [change(reservation_id, level.id, held=-quantity, backordered=quantity)])
    posting.fall_short(level)
