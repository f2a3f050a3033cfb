"""One pick taken back, as if it had never been scanned: its pieces are on the list again."""

from bvinv.core import levels
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.fulfilment import pick_work, picks
from bvinv.core.ledger import posting
from bvinv.core.models.pick import PickRow

_MOVEMENT = Sql("""
    SELECT m.quantity, m.from_bin, m.lot
         , (SELECT count(*) FROM movement AS r
             WHERE r.level_id = m.level_id AND r.reverses = m.level_seq AND r.reverses > 0)
           AS undone
      FROM movement AS m
     WHERE m.level_id = :level AND m.level_seq = :seq AND m.kind = 'pick' AND m.reverses = 0
       AND m.document = :id
""")


def put_back(session: Session, *, reservation_id: str, level_id: int, level_seq: int) -> PickRow:
    """Reverse one pick of a reservation: the pieces go back to the bin they came from.

    Raises NotFound, and Conflict when that was done already or they are packed or shipped.
    """
    work = pick_work.at_work(session, reservation_id)
    found = session.ask(_MOVEMENT, level=level_id, seq=level_seq, id=work.id)
    if not found:
        raise NotFound(f"that is no pick of reservation {work.id}")
    [movement] = found
    own = [
        line
        for line in work.lines
        if (line.level_id, line.origin.code, line.origin.lot)
        == (level_id, movement.from_bin, movement.lot)
    ]
    loose = sum(line.loose for line in own)
    if movement.undone or loose < movement.quantity:
        raise Conflict(
            "it was put back already"
            if movement.undone
            else f"only {loose} of the {movement.quantity} are in no package",
            hint=f"see: bvinv reserve show {work.id}",
            reservation_id=work.id,
        )
    level = work.level(own[0])
    levels.load_places(session, [level])

    # From here on nothing can fail.
    rest = movement.quantity
    for line in own:
        part = min(line.loose, rest)
        line.picked -= part
        rest -= part
    with posting(session) as current:
        target = own[0].target
        level.picked[target] = level.picked.get(target, 0) - movement.quantity
        current.post(
            level,
            "pick",
            movement.quantity,
            origin=target,
            target=own[0].origin,
            document=work.id,
            reverses=level_seq,
        )
        pick_work.tell(current, "pick.undone", work.id, [(own[0], movement.quantity)])
        picks.save(session, own)
        picks.settle(session, work.id)
    return picks.show(session, work.id)
