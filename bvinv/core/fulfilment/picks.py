"""Pick lists as they are kept: their lines in walking order, saved, given up, shown.

Whoever changes them has locked their reservation, which covers its picks and packages.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bvinv.core import documents, levels
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.ledger import Level, Place, Posting
from bvinv.core.levels import rank
from bvinv.core.models.pick import AT_WORK, PickLineRow, PickRow, ShortRow
from bvinv.core.models.warehouse import SELLABLE

# Bins without a pick sequence come last. Cancelled picks are over and only kept.
_LINES = Sql("""
    SELECT l.id, l.pick_id, l.level_id, l.quantity, l.picked, l.short, l.returned, l.packed
         , l.shipped, s.product_id, d.sku, d.title, w.code AS warehouse, l.lot
         , b.id AS bin_id, b.code AS bin, b.kind AS bin_kind
         , g.id AS staging_id, g.code AS staging, g.kind AS staging_kind
      FROM pick AS p JOIN pick_line AS l ON l.pick_id = p.id
           JOIN stock_level AS s ON s.id = l.level_id JOIN product AS d ON d.id = s.product_id
           JOIN warehouse AS w ON w.id = p.warehouse_id JOIN bin AS b ON b.id = l.bin_id
           JOIN bin AS g ON g.id = l.staging_id
     WHERE p.reservation_id = :id AND p.status <> 'cancelled'
     ORDER BY w.priority, w.code, b.pick_sequence IS NULL, b.pick_sequence, b.code, d.sku_key, l.id
""")
_PICKS = Sql("""
    SELECT id, warehouse_id, status FROM pick
     WHERE reservation_id = :id AND status <> 'cancelled' ORDER BY id
""")
_HEAD = Sql("SELECT id, status, expires_at FROM reservation WHERE id = :id")
_SAVE = Sql("""
    UPDATE pick_line
       SET quantity = :quantity, picked = :picked, short = :short, returned = :returned
         , packed = :packed, shipped = :shipped
     WHERE id = :id
""")
_DROP = Sql("DELETE FROM pick_line WHERE id = :id")
_ADD = Sql.insert(
    "pick_line",
    "pick_id",
    "level_id",
    "bin_id",
    "lot",
    "staging_id",
    "quantity",
    "picked",
    "short",
    "returned",
    "packed",
    "shipped",
)
_OPEN = Sql.insert(
    "pick",
    "reservation_id",
    "warehouse_id",
    "status",
    "command_id",
    "created_at",
    "updated_at",
    after="RETURNING id",
)
_MARK = Sql("UPDATE pick SET status = :status, updated_at = :now WHERE id = :id")
_BUSY = Sql(f"SELECT reservation_id FROM pick WHERE reservation_id IN :ids AND {AT_WORK}")
_UNPACK_ALL = Sql("""
    UPDATE pick_line SET packed = shipped WHERE packed > shipped
       AND pick_id IN (SELECT id FROM pick WHERE reservation_id = :id)
""")
_CANCEL_PACKAGES = Sql("""
    UPDATE package SET status = 'cancelled' WHERE reservation_id = :id AND status = 'packed'
""")
# A list of which a part has left is closed, not cancelled: the parcel is still its parcel.
_END = Sql(f"""
    UPDATE pick
       SET updated_at = :now, status = CASE WHEN EXISTS (
               SELECT 1 FROM pick_line AS l WHERE l.pick_id = pick.id AND l.shipped > 0)
           THEN 'closed' ELSE 'cancelled' END
     WHERE reservation_id = :id AND {AT_WORK}
""")
_STAGED = Sql(f"""
    SELECT coalesce(sum(l.picked - l.returned - l.shipped), 0) AS pieces
      FROM pick AS p JOIN pick_line AS l ON l.pick_id = p.id
     WHERE p.reservation_id = :id AND {AT_WORK}
""")


@dataclass(slots=True)
class Line:
    """A line of a pick list, as `pick_line` has it; `id` 0 for one that is not written yet."""

    id: int
    pick_id: int
    level_id: int
    quantity: int
    picked: int
    short: int
    returned: int
    packed: int
    shipped: int
    product_id: int
    sku: str
    title: str
    warehouse: str
    origin: Place  # the bin and the lot that give
    target: Place  # the staging bin, with the lot
    stored: tuple[int, ...] = ()  # what of it is written

    def counts(self) -> tuple[int, ...]:
        """Return what changes of a line."""
        return (
            *(self.quantity, self.picked, self.short),
            *(self.returned, self.packed, self.shipped),
        )

    @property
    def left(self) -> int:
        """Pieces that are still to be fetched."""
        return self.quantity - self.picked - self.short

    @property
    def staged(self) -> int:
        """Pieces that stand in staging."""
        return self.picked - self.returned - self.shipped

    @property
    def loose(self) -> int:
        """Pieces that stand in staging and in no package."""
        return self.picked - self.returned - self.packed


_OWN = [one.name for one in fields(Line)][:-3]


def _place(code: str, bin_id: int, kind: str, lot: str) -> Place:
    return Place(code, bin_id, kind in SELLABLE, rank(kind), lot)


def lines(session: Session, reservation_id: str) -> list[Line]:
    """Return the lines of a reservation's pick lists in walking order, cancelled lists left out."""
    found = []
    for row in session.ask(_LINES, id=reservation_id):
        line = Line(
            **dict(zip(_OWN, row, strict=False)),
            origin=_place(row.bin, row.bin_id, row.bin_kind, row.lot),
            target=_place(row.staging, row.staging_id, row.staging_kind, row.lot),
        )
        line.stored = line.counts()
        found.append(line)
    return found


def lists(session: Session, reservation_id: str) -> list[Any]:
    """Return a reservation's pick lists but the cancelled: `id`, `warehouse_id`, `status`."""
    return session.ask(_PICKS, id=reservation_id)


def open_lists(session: Session, reservation_id: str, sites: Collection[int]) -> dict[int, int]:
    """Return the number of the open list of each of these warehouses; a list that was done with is
    opened once more, where there is none one is begun."""
    found = {row.warehouse_id: row.id for row in lists(session, reservation_id)}
    session.send(
        _MARK,
        [
            {"id": found[site], "status": "open", "now": session.now}
            for site in sites
            if site in found
        ],
    )
    for site in sites:
        if site not in found:
            row = {
                "reservation_id": reservation_id,
                "warehouse_id": site,
                "status": "open",
                "command_id": session.command.id,
                "created_at": session.now,
                "updated_at": session.now,
            }
            [found[site]] = session.insert(_OPEN, [row])
    return {site: found[site] for site in sites}


def save(session: Session, changed: Iterable[Line]) -> None:
    """Write what changed of these lines: new ones are added, those that want nothing any more are
    removed."""
    unique = [
        line
        for line in {id(line): line for line in changed}.values()
        if line.counts() != line.stored
    ]
    rows = [_values(line) for line in unique if line.quantity]
    session.send(_SAVE, [row for row in rows if row["id"]])
    session.send(_ADD, [row for row in rows if not row["id"]])
    session.send(_DROP, [{"id": line.id} for line in unique if not line.quantity and line.id])
    for line in unique:
        line.stored = line.counts()


def _values(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "pick_id": line.pick_id,
        "level_id": line.level_id,
        "bin_id": line.origin.bin_id,
        "lot": line.origin.lot,
        "staging_id": line.target.bin_id,
        "quantity": line.quantity,
        "picked": line.picked,
        "short": line.short,
        "returned": line.returned,
        "packed": line.packed,
        "shipped": line.shipped,
    }


def settle(session: Session, reservation_id: str) -> None:
    """Give each list the status that its lines, as they are written, have."""
    found = lists(session, reservation_id)
    own = lines(session, reservation_id)
    marks = []
    for row in found:
        status = status_of([line for line in own if line.pick_id == row.id])
        if status != row.status:
            marks.append({"id": row.id, "status": status, "now": session.now})
    session.send(_MARK, marks)


def status_of(own: Sequence[Line]) -> str:
    """Return what the lines of a list say about it."""
    if any(line.left for line in own):
        return "open"
    if any(line.staged for line in own):
        return "picked"
    return "closed" if any(line.shipped or line.short for line in own) else "cancelled"


def end(session: Session, ids: Iterable[str]) -> None:
    """Record that these reservations are over: their lists end, their packages are no parcels any
    more, and what stands in staging for them is everybody's. Shipped packages stay."""
    busy = sorted({row.reservation_id for row in session.ask(_BUSY, ids=sorted(ids))})
    over = [{"id": number, "now": session.now} for number in busy]
    for statement in (_UNPACK_ALL, _CANCEL_PACKAGES, _END):
        session.send(statement, over)


def staged(session: Session, reservation_id: str) -> int:
    """Return the pieces that stand in staging for a reservation that is not over."""
    [row] = session.ask(_STAGED, id=reservation_id)
    return int(row.pieces)


def bring_back(
    session: Session, current: Posting, own: dict[int, Level], reservation_id: str
) -> list[tuple[Line, int]]:
    """Post what stands in staging for a reservation back to its bins; return the pieces by line.

    Its packages are unpacked, its lists end. The levels, by id, have their places loaded.
    """
    moved = []
    found = lines(session, reservation_id)
    for line in found:
        back = line.staged
        moved.append((line, back))
        if back:
            level = own[line.level_id]
            level.picked[line.target] = level.picked.get(line.target, 0) - back
            current.post(
                level,
                "unpick",
                back,
                origin=line.target,
                target=line.origin,
                document=reservation_id,
            )
        line.returned += back
        line.packed = line.shipped
        # Nothing is left to do on a list that ended; it may be opened again for other pieces.
        line.quantity = line.picked + line.short
    save(session, found)
    end(session, [reservation_id])
    return moved


def bring_all_back(
    session: Session, current: Posting, own: dict[int, Level], ids: Iterable[str]
) -> None:
    """Post what stands in staging for these reservations back to its bins."""
    for number in ids:
        if staged(session, number):
            levels.load_places(session, own.values())
            bring_back(session, current, own, number)


def refuse_staged(session: Session, reservation_id: str) -> None:
    """Raise Conflict if something stands in staging for a reservation: that is shipped."""
    if pieces := staged(session, reservation_id):
        raise Conflict(
            f"reservation {reservation_id} has {pieces} picked in staging",
            hint=f"ship them: bvinv reserve ship {reservation_id}, or bring them back: "
            f"bvinv reserve pick {reservation_id} --cancel",
            reservation_id=reservation_id,
            picked=pieces,
        )


def show(session: Session, reservation_id: str, shorts: Sequence[ShortRow] = ()) -> PickRow:
    """Return the pick lists of a reservation that is there, those that ended left out."""
    [head] = session.ask(_HEAD, id=reservation_id)
    own = lines(session, reservation_id)
    states = {row.status for row in lists(session, reservation_id)}
    status = next((one for one in ("open", "picked", "closed") if one in states), "cancelled")
    return PickRow(
        reservation_id=reservation_id,
        status=status,
        expires_at=head.expires_at,
        lines=[
            PickLineRow(
                pick=documents.number("PK", line.pick_id),
                warehouse=line.warehouse,
                bin=line.origin.code,
                sku=line.sku,
                title=line.title,
                lot=line.origin.lot,
                quantity=line.quantity - line.returned,
                picked=line.picked - line.returned,
                short=line.short,
                packed=line.packed,
                shipped=line.shipped,
            )
            for line in own
            if line.quantity > line.returned
        ],
        shorts=list(shorts),
    )
