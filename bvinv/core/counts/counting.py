"""Counting: sessions in which people say what lies in a bin, blind, while goods may move.

A line keeps what was counted, what the record said at that moment, and the place in the ledger
(`level_seq`) at which that was. What differs by more than the tolerance is counted a second time.
`count_posting` turns the differences into movements.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bvinv.core import command_log, documents, items, levels, lots, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.counts import count_ledger, count_rows, count_scopes
from bvinv.core.counts.count_posting import post
from bvinv.core.counts.count_rows import page, show
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import Level, Place
from bvinv.core.levels import Site
from bvinv.core.models.base import MOST
from bvinv.core.models.count import COUNTED, POSTED, RECOUNT, CountedRow, CountRow

__all__ = ["add", "cancel", "open", "page", "post", "show", "take_back"]

_OPEN = Sql.insert(
    "stock_count",
    "warehouse_id",
    "status",
    "scope",
    "blind",
    "tolerance",
    "note",
    "command_id",
    "created_at",
    "updated_at",
    after="RETURNING id",
)
_CLOSE = Sql("""
    UPDATE stock_count SET status = 'cancelled', closed_at = :now, updated_at = :now
     WHERE id = :count
""")
_KEY = "count_id = :count AND bin_id = :bin AND level_id = :level AND lot = :lot"
_LINE = Sql(f"""
    SELECT counted, expected, level_seq, attempts, first_counted, state, actor, counted_at
      FROM stock_count_line WHERE {_KEY}
""")
_NEW_LINE = Sql("""
    INSERT INTO stock_count_line (count_id, bin_id, level_id, lot, counted, expected, level_seq
         , attempts, first_counted, state, actor, counted_at, posted_seq)
    VALUES (:count, :bin, :level, :lot, :counted, :expected, :level_seq
         , :attempts, :first_counted, :state, :actor, :counted_at, 0)
""")
_CHANGE_LINE = Sql(f"""
    UPDATE stock_count_line
       SET counted = :counted, expected = :expected, level_seq = :level_seq, attempts = :attempts
         , first_counted = :first_counted, state = :state, actor = :actor
         , counted_at = :counted_at WHERE {_KEY}
""")
_REMOVE_LINE = Sql(f"DELETE FROM stock_count_line WHERE {_KEY}")


class _Line(NamedTuple):
    """A line as it is stored."""

    counted: int
    expected: int
    level_seq: int
    attempts: int
    first_counted: int | None
    state: str
    actor: str
    counted_at: int


class _Spot(NamedTuple):
    """The bin and lot of a level that somebody counts, and what was counted there before."""

    count: Any
    item: Item
    level: Level
    place: Place
    before: _Line | None

    @property
    def key(self) -> dict[str, Any]:
        return {
            "count": self.count.id,
            "bin": self.place.bin_id,
            "level": self.level.id,
            "lot": self.place.lot,
        }

    @property
    def lying(self) -> int:
        """Pieces that lie there on record."""
        return self.level.places.get(self.place, 0)


def open(
    session: Session,
    *,
    warehouse: str,
    bins: str | None = None,
    class_: str | None = None,
    refs: Sequence[str] = (),
    tolerance: int = 0,
    blind: bool = True,
    note: str = "",
) -> CountRow:
    """Open a count of a warehouse, or of a part of it: bins (`A-01`, or `A-01..A-20`, by code and
    both included), a class by pieces sold, or some products.

    A difference of more than `tolerance` pieces is counted a second time. Several counts may be
    open at once, also of the same bins. Raises InvalidInput, NotFound.
    """
    text.quantity(tolerance, what="tolerance", minimum=0)
    note = text.line(note, what="note") if note else ""
    site = warehouses.site(session, warehouse)
    scope = count_scopes.asked(session, site, bins=bins, class_=class_, refs=refs)
    # From here on nothing can fail.
    command_log.record(session, session.command)
    row = {
        "warehouse_id": site.id,
        "status": "open",
        "scope": scope.written(),
        "blind": int(blind),
        "tolerance": tolerance,
        "note": note,
        "command_id": session.command.id,
        "created_at": session.now,
        "updated_at": session.now,
    }
    [count_id] = session.insert(_OPEN, [row])
    number = documents.number("CT", count_id)
    told = {"warehouse": site.code, "scope": scope.said(), "tolerance": tolerance, "note": note}
    command_log.tell(session, [Tale("count.opened", number, told, session.command)])
    return show(session, count=number)


def add(
    session: Session,
    *,
    count: str,
    ref: str,
    bin: str,
    quantity: int,
    lot: str = "",
    more: bool = False,
) -> CountedRow:
    """Note that this many pieces lie in a bin; 0 says that somebody looked and there are none.

    The same bin and product again replaces what was counted, so that two people do not add up.
    A difference above the tolerance waits for a second count, which settles it when it repeats
    the first one (corrected for what moved between them) or agrees with the record.

    With `more` the pieces are added to what the same person has counted so far, as scans come one
    by one. The first scan after walking up to a bin comes without it, and begins anew. If goods
    of that bin moved between the first scan and the last, the line waits for another count: of
    the pieces that moved nobody knows whether they had been scanned.

    Raises NotFound, InvalidInput (not in this count's scope), Conflict (closed, or posted).
    """
    text.quantity(quantity, minimum=1 if more else 0)
    spot = _spot(session, count, ref, bin, lot)
    pieces = text.quantity(quantity * spot.item.pack, minimum=0, maximum=MOST)
    before = spot.before
    if before is None:
        line = _judged(session, spot, _fresh(session, spot, pieces, attempts=1, first=None))
        session.send(_NEW_LINE, [spot.key | line._asdict()])
        return _told(session, spot, line)
    since = count_ledger.of_line(session, spot.count.id, _ledger_key(spot))
    if more and before.actor == session.command.actor:
        total = text.quantity(before.counted + pieces, maximum=MOST)
        line = before._replace(counted=total, counted_at=session.now)
        line = _judged(session, spot, line, since)
    else:
        # What must lie there now if the count before was right.
        first = before.counted - before.expected - since.corrected + spot.lying
        line = _fresh(session, spot, pieces, attempts=before.attempts + 1, first=first)
        line = _judged(session, spot, line)
    session.send(_CHANGE_LINE, [spot.key | line._asdict()])
    return _told(session, spot, line)


def take_back(
    session: Session, *, count: str, ref: str, bin: str, quantity: int, lot: str = ""
) -> CountedRow:
    """Take scanned pieces off what was counted again; where nothing is left of a first count, the
    place is uncounted again, which is not zero.

    Raises NotFound, InvalidInput, Conflict (fewer were counted).
    """
    text.quantity(quantity)
    spot = _spot(session, count, ref, bin, lot)
    pieces = spot.item.pieces(quantity)
    before = spot.before
    if before is None or before.counted < pieces:
        counted = before.counted if before else 0
        raise Conflict(
            f"only {counted} of {spot.item.sku} were counted in {spot.place.code}, not {pieces}",
            counted=counted,
        )
    if before.counted == pieces and before.attempts == 1:
        session.send(_REMOVE_LINE, [spot.key])
        line = before._replace(counted=0, state="uncounted", counted_at=session.now)
        return _told(session, spot, line)
    since = count_ledger.of_line(session, spot.count.id, _ledger_key(spot))
    line = before._replace(counted=before.counted - pieces, counted_at=session.now)
    line = _judged(session, spot, line, since)
    if not line.counted:
        line = line._replace(state=RECOUNT)
    session.send(_CHANGE_LINE, [spot.key | line._asdict()])
    return _told(session, spot, line)


def cancel(session: Session, *, count: str) -> CountRow:
    """Close a count without posting what is left of it; lines that were posted stay so.

    Raises NotFound, Conflict (closed already).
    """
    found = count_rows.alone(session, documents.row_id("CT", count))
    # From here on nothing can fail.
    session.send(_CLOSE, [{"count": found.id, "now": session.now}])
    number = documents.number("CT", found.id)
    told = {"warehouse": found.warehouse}
    command_log.tell(session, [Tale("count.cancelled", number, told, session.command)])
    return show(session, count=number)


def _spot(session: Session, count: str, ref: str, bin: str, lot: str) -> _Spot:
    """Return where somebody counts, locked. Raises whatever forbids it."""
    found = count_rows.shared(session, documents.row_id("CT", count))
    number = documents.number("CT", found.id)
    site = Site(found.warehouse_id, found.warehouse, found.priority)
    item = items.one(session, ref)
    place = warehouses.place(session, site, bin)
    scope = count_scopes.stored(found.scope)
    count_scopes.refuse_outside(session, scope, count=number, site=site, item=item, bin=place.code)
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    spot = _Spot(found, item, level, place._replace(lot=_lot(session, level, place, lot)), None)
    rows = session.ask(_LINE, **spot.key)
    if rows and rows[0].state == POSTED:
        raise Conflict(
            f"{item.sku} in {place.code} was posted with {number} already",
            hint=f"open another: bvinv stock count open --warehouse {site.code}",
            count=number,
        )
    return spot._replace(before=_Line(*rows[0])) if rows else spot


def _lot(session: Session, level: Level, place: Place, lot: str) -> str:
    """Return the lot that is counted. Raises InvalidInput where it has to be named."""
    if lot:
        return lots.known(session, product_id=level.product_id, sku=level.sku, lot=lot)
    lying = sorted(one.lot for one, n in level.places.items() if n and one.bin_id == place.bin_id)
    if not level.tracks_lots or "" in lying:
        return ""
    raise InvalidInput(
        f"{level.sku} is kept in lots, so the lot has to be named",
        hint=f"--lot {lying[0]}"
        if len(lying) == 1
        else f"--lot, one of: {', '.join(lying)}"
        if lying
        else "--lot, as it is printed on the goods",
        sku=level.sku,
    )


def _ledger_key(spot: _Spot) -> count_ledger.Key:
    assert spot.place.bin_id is not None
    return spot.place.bin_id, spot.level.id, spot.place.lot


def _fresh(
    session: Session, spot: _Spot, pieces: int, *, attempts: int, first: int | None
) -> _Line:
    return _Line(
        counted=pieces,
        expected=spot.lying,
        level_seq=spot.level.head_seq,
        attempts=attempts,
        first_counted=first,
        state=COUNTED,
        actor=session.command.actor,
        counted_at=session.now,
    )


def _judged(
    session: Session, spot: _Spot, line: _Line, since: count_ledger.Since = count_ledger.NOTHING
) -> _Line:
    """Return the line with its state: whether this count settles it."""
    difference = line.counted - line.expected - since.corrected
    settled = abs(difference) <= spot.count.tolerance or line.counted == line.first_counted
    state = COUNTED if settled and not since.moved else RECOUNT
    return line._replace(state=state, actor=session.command.actor)


def _told(session: Session, spot: _Spot, line: _Line) -> CountedRow:
    """Tell what was counted, and return the row."""
    number = documents.number("CT", spot.count.id)
    told = {
        "sku": spot.item.sku,
        "bin": spot.place.code,
        "lot": spot.place.lot,
        "counted": line.counted,
        "attempts": line.attempts,
        "state": line.state,
    }
    command_log.tell(session, [Tale("count.counted", number, told, session.command)])
    blind = bool(spot.count.blind)
    return CountedRow(
        count=number,
        warehouse=spot.count.warehouse,
        sku=spot.item.sku,
        bin=spot.place.code,
        lot=spot.place.lot or None,
        counted=line.counted,
        expected=None if blind else line.expected,
        difference=None if blind else line.counted - line.expected,
        attempts=line.attempts,
        state=line.state,
        level_id=spot.level.id,
        level_seq=line.level_seq,
    )
