"""Scanning what is put away: items into the hand, then the bin; or a bin first, then its items."""

from typing import Any, ClassVar

from bvinv.core import put_away as putting
from bvinv.core import warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput
from bvinv.core.ledger import Place
from bvinv.core.models.warehouse import DOCK
from bvinv.core.scanning.codes import Word
from bvinv.core.scanning.desk import Desk, Did, Thing, counted, posted
from bvinv.core.scanning.mode import Mode, reverse

_LIES = Sql("""
    SELECT coalesce(sum(b.quantity), 0) AS pieces FROM bin_level AS b
      JOIN stock_level AS l ON l.id = b.level_id
     WHERE l.product_id = :product AND l.warehouse_id = :site AND b.bin_id = :bin
""")
_LEFT = Sql("""
    SELECT p.sku, p.title, sum(b.quantity) AS pieces FROM bin_level AS b
      JOIN stock_level AS l ON l.id = b.level_id JOIN product AS p ON p.id = l.product_id
     WHERE b.bin_id = :bin AND b.quantity > 0 GROUP BY p.sku, p.title, p.sku_key ORDER BY p.sku_key
""")
# What was taken into the hand before a scan: with it, the bin that got it was scanned.
_BEFORE = Sql("""
    SELECT level_seq FROM scan
     WHERE session_id = :id AND seq < :seq AND outcome = 'accepted' AND product_id IS NOT NULL
     ORDER BY seq DESC LIMIT 1
""")


class PutAway(Mode):
    """Pieces go from the dock, or the bin that the session is for, to the bins that are scanned."""

    words: ClassVar[dict[str, str]] = {
        "FROM": "*FROM BIN       take from this bin instead of the dock"
    }

    def named(self, session: Session, document: str) -> str:  # noqa: ARG002
        """Return the code of the bin that goods are taken from."""
        return warehouses.bin_code(document or DOCK)

    def begin(self, session: Session, desk: Desk) -> None:
        """See that there is such a bin. Raises NotFound."""
        warehouses.place(session, desk.site, desk.document)

    def item(self, session: Session, desk: Desk, thing: Thing, pieces: int) -> Did:
        """Take pieces into the hand, or put them into the bin that was chosen first."""
        if desk.bin is not None:
            return self._put(session, desk, thing, pieces, desk.bin)
        if desk.thing is not None and desk.thing.id != thing.id:
            raise Conflict(
                f"{desk.pieces} of {desk.thing.sku} are in hand",
                hint="scan the bin that they go to, or *UNDO",
            )
        lying = self._lying(session, desk, thing)
        wanted = desk.pieces + pieces
        if lying < wanted:
            raise InsufficientStock(
                f"only {lying} of {thing.sku} lie in {desk.document}",
                hint="*WHERE says where they are",
                sku=thing.sku,
                wanted=wanted,
                available=lying,
            )
        desk.thing, desk.pieces = thing, wanted
        return Did(
            f"{wanted} in hand",
            thing,
            None,
            pieces,
            left=lying - wanted,
            progress=f"{proposed(session, desk, thing, wanted)}, {lying - wanted} more in "
            f"{desk.document}",
        )

    def place(self, session: Session, desk: Desk, place: Place) -> Did:
        """Put what is in hand into the bin; with nothing in hand, choose it for what follows."""
        if desk.thing is not None:
            did = self._put(session, desk, desk.thing, desk.pieces, place)
            desk.thing, desk.pieces = None, 0
            return did
        if desk.bin == place or place.code == desk.document:
            desk.bin = None
            return Did("items go into the hand again", bin=place)
        desk.bin = place
        return Did(f"items go straight to {place.code}; scan it again to end that", bin=place)

    def word(self, session: Session, desk: Desk, word: Word) -> Did:
        """Take from another bin. Raises Conflict while something is in hand."""
        if len(word.rest) != 1:
            raise InvalidInput("name one bin", hint="*FROM RECV-2")
        if desk.thing is not None:
            raise Conflict(f"{desk.pieces} of {desk.thing.sku} are in hand", hint="scan their bin")
        origin = warehouses.place(session, desk.site, word.rest[0])
        desk.document, desk.bin = origin.code, None
        return Did(f"taking from {origin.code}", bin=origin)

    def undo(self, session: Session, desk: Desk, scan: Any) -> str:
        """Take pieces out of the hand, or back out of their bin."""
        thing = Thing(scan.product_id, scan.sku, scan.title, 1, scan.tracks_lots)
        if not scan.level_seq:
            desk.pieces -= min(scan.quantity, desk.pieces)
            desk.thing = desk.thing if desk.pieces else None
            return f"{desk.pieces} in hand" if desk.pieces else "nothing in hand"
        before = session.ask(_BEFORE, id=desk.id, seq=scan.seq)
        said = reverse(session, desk, scan)
        if before and not before[0].level_seq:
            desk.thing, desk.pieces = thing, scan.quantity
            return f"{said}, {desk.pieces} in hand again"
        return said

    def left(self, session: Session, desk: Desk) -> list[str]:
        """Return what lies where goods are taken from."""
        origin = warehouses.place(session, desk.site, desk.document)
        rows = session.ask(_LEFT, bin=origin.bin_id)
        return [f"{int(row.pieces)} in {origin.code}  {row.sku} {row.title}" for row in rows] or [
            f"{origin.code} is empty"
        ]

    def next_step(self, session: Session, desk: Desk) -> str:
        """Return how much lies where goods are taken from."""
        origin = warehouses.place(session, desk.site, desk.document)
        rows = session.ask(_LEFT, bin=origin.bin_id)
        pieces = sum(int(row.pieces) for row in rows)
        said = f"{origin.code}: {counted(pieces, 'piece')} to put away"
        if desk.thing is not None:
            said += f"; {desk.pieces} of {desk.thing.sku} are in hand"
        return said

    def _put(self, session: Session, desk: Desk, thing: Thing, pieces: int, goal: Place) -> Did:
        row = putting.put_away(
            session,
            ref=thing.sku,
            quantity=pieces,
            warehouse=desk.site.code,
            origin=desk.document,
            target=goal.code,
            lot=desk.lot_of(thing)[0] if desk.lot and thing.tracks_lots else None,
        )
        level_id, seq = posted(session, desk, thing, "move")
        left = self._lying(session, desk, thing)
        other = f", proposed was {row.proposed}" if row.proposed not in (None, goal.code) else ""
        return Did(
            f"{pieces} {desk.document} → {goal.code}",
            thing,
            goal,
            pieces,
            level_id,
            seq,
            left,
            f"{left} more in {desk.document}{other}",
        )

    def _lying(self, session: Session, desk: Desk, thing: Thing) -> int:
        origin = warehouses.place(session, desk.site, desk.document)
        [row] = session.ask(_LIES, product=thing.id, site=desk.site.id, bin=origin.bin_id)
        return int(row.pieces)


def proposed(session: Session, desk: Desk, thing: Thing, pieces: int) -> str:
    """Return where pieces should be put, as the screen says it."""
    row = putting.propose(
        session,
        ref=thing.sku,
        warehouse=desk.site.code,
        quantity=pieces,
        origin=desk.document if desk.mode == "put-away" else DOCK,
    )
    why = {"fixed": "its bin", "lies-there": "lies there", "empty": "empty"}.get(row.why, "")
    return f"put into {row.bin} ({why})" if row.bin else "no bin has room for it"
