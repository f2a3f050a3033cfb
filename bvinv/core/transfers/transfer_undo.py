"""What an undo means to a transfer: its lines, its status, and what is in transit."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import documents
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.ledger import Level, Posting
from bvinv.core.levels import Key
from bvinv.core.transfers import arrivals, transfer_rows

KINDS = ("send", "arrive", "send-back")
_LIVE = Sql("""
    SELECT m.id, m.kind, m.command_id FROM movement AS m
     WHERE m.level_id IN :levels AND m.document = :document AND m.reverses = 0
       AND m.kind IN ('send', 'arrive', 'send-back') AND NOT EXISTS (
           SELECT 1 FROM movement AS r WHERE r.level_id = m.level_id AND r.reverses = m.level_seq
              AND r.reverses > 0)
     ORDER BY m.id
""")
# What one piece of each kind did to its line.
_COUNTED = {"send": "shipped", "arrive": "received", "send-back": "returned"}
_MERGE = Sql("""
    SELECT level_id, min(to_level_id) AS to_level_id, sum(quantity) AS quantity
      FROM transfer_line WHERE transfer_id = :id GROUP BY level_id HAVING max(lot) <> ''
""")
_DROP = Sql("DELETE FROM transfer_line WHERE transfer_id = :id AND level_id = :level_id")
_PLAIN = Sql("""
    INSERT INTO transfer_line (transfer_id, level_id, lot, to_level_id, quantity, shipped, received
         , lost, returned)
    VALUES (:id, :level_id, '', :to_level_id, :quantity, 0, 0, 0, 0)
""")
_STATUS = Sql("SELECT status FROM transfer WHERE id = :id")


def last_step(session: Session, number: str) -> tuple[str, list[int]]:
    """Return the last step of a transfer, which is locked by this, and the movements it made.

    The step is closed, received or shipped; a closing that only named losses made no movement.
    Raises NotFound, and Conflict when there is nothing to undo.
    """
    found = transfer_rows.locked(session, number)
    own = transfer_rows.lines(session, [found.id])
    touched = {line.level_id for line in own} | {line.to_level_id for line in own}
    named = transfer_rows.number(found.id)
    live = session.ask(_LIVE, levels=sorted(touched), document=named) if own else []
    if back := [row.id for row in live if row.kind == "send-back"]:
        return "closed", back
    if any(line.lost for line in own):
        return "closed", []
    for step, kind in (("received", "arrive"), ("shipped", "send")):
        newest = max((row.command_id for row in live if row.kind == kind), default=None)
        if newest is not None:
            return step, [row.id for row in live if (row.kind, row.command_id) == (kind, newest)]
    is_draft = found.status == "draft"
    raise Conflict(
        f"{named} is {'a draft' if is_draft else found.status}: there is nothing to undo",
        hint=f"bvinv transfer cancel {named}" if is_draft else None,
        transfer=named,
        state=found.status,
    )


def lock_movements(session: Session, movements: Sequence[Any]) -> None:
    """Lock the transfers of these movements. Raises Conflict when what was shipped is not in
    transit any more, with what became of it."""
    ids = {documents.row_id("TR", one.document) for one in movements}
    transfer_rows.lock(session, ids)
    sent = _sent(movements)
    for line in transfer_rows.lines(session, ids) if sent else ():
        pieces = sent.get((line.transfer_id, line.product_id, line.lot), 0)
        if pieces > line.in_transit:
            raise _moved_on(line, pieces)


def levels(session: Session, movements: Sequence[Any]) -> set[Key]:
    """Return the levels where these movements change what is in transit."""
    ids = {documents.row_id("TR", one.document) for one in movements}
    goals = {row.id: row.to_id for row in transfer_rows.lock(session, ids).values()}
    return {(one.product_id, goals[documents.row_id("TR", one.document)]) for one in movements}


def undo(
    session: Session, current: Posting, movements: Sequence[Any], found: dict[Key, Level]
) -> None:
    """Put lines, status and what is in transit right after these movements were reversed."""
    ids = {documents.row_id("TR", one.document) for one in movements}
    headers = transfer_rows.lock(session, ids)
    products = {one.product_id for one in movements}
    lines = {
        (line.transfer_id, line.product_id, line.lot): line
        for line in transfer_rows.lines(session, ids, products)
    }
    changes = []
    for one in movements:
        transfer_id = documents.row_id("TR", one.document)
        line = lines[transfer_id, one.product_id, one.lot]
        goal = found[one.product_id, headers[transfer_id].to_id]
        current.transit(goal, -one.quantity if one.kind == "send" else one.quantity)
        changes.append(arrivals.change(line, **{_COUNTED[one.kind]: -one.quantity}))
    arrivals.apply(session, changes)
    for header in headers.values():
        _settle(session, header)


def losses(session: Session, number: str) -> dict[Key, int]:
    """Return the pieces of each product that a transfer lost, by the level they never reached."""
    found = transfer_rows.locked(session, number)
    lost: dict[Key, int] = {}
    for line in transfer_rows.lines(session, [found.id]):
        if line.lost:
            key = (line.product_id, found.to_id)
            lost[key] = lost.get(key, 0) + line.lost
    return lost


def find_lost(session: Session, current: Posting, number: str, found: dict[Key, Level]) -> None:
    """Let what a transfer lost be in transit again."""
    header = transfer_rows.locked(session, number)
    lost = [line for line in transfer_rows.lines(session, [header.id]) if line.lost]
    for line in lost:
        current.transit(found[line.product_id, header.to_id], line.lost)
    arrivals.apply(session, [arrivals.change(line, lost=-line.lost) for line in lost])
    _settle(session, header)


def status(session: Session, number: str) -> str:
    """Return the status of a transfer."""
    [row] = session.ask(_STATUS, id=documents.row_id("TR", number))
    return str(row.status)


def _settle(session: Session, header: Any) -> None:
    transfer_rows.settle(session, header)
    if status(session, str(header.id)) != "draft":
        return
    # A draft asks for pieces of any lot.
    rows = [
        {
            "id": header.id,
            "level_id": row.level_id,
            "to_level_id": row.to_level_id,
            "quantity": int(row.quantity),
        }
        for row in session.ask(_MERGE, id=header.id)
    ]
    session.send(_DROP, rows)
    session.send(_PLAIN, rows)


def _sent(movements: Sequence[Any]) -> dict[tuple[int, int, str], int]:
    """Return the pieces that would not be shipped any more, by transfer, product and lot."""
    sent: dict[tuple[int, int, str], int] = {}
    for one in movements:
        if one.kind == "send":
            key = (documents.row_id("TR", one.document), one.product_id, one.lot)
            sent[key] = sent.get(key, 0) + one.quantity
    return sent


def _moved_on(line: Any, pieces: int) -> Conflict:
    number = transfer_rows.number(line.transfer_id)
    became = ", ".join(
        f"{getattr(line, name)} {name}"
        for name in ("received", "lost", "returned")
        if getattr(line, name)
    )
    return Conflict(
        f"only {line.in_transit} of {line.sku} are in transit still on {number}, {pieces} would "
        f"come back: {became}",
        hint=f"undo the later steps first: bvinv stock undo {number}",
        transfer=number,
        sku=line.sku,
        wanted=pieces,
        in_transit=line.in_transit,
        received=line.received,
        lost=line.lost,
        returned=line.returned,
    )
