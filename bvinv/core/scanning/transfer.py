"""Scanning a transfer: onto a draft at the sender, or in at the warehouse that receives."""

from typing import Any

from bvinv.core import documents, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.ledger import Place
from bvinv.core.levels import Site
from bvinv.core.models.warehouse import DOCK
from bvinv.core.scanning.desk import Desk, Did, Thing, counted
from bvinv.core.scanning.mode import Mode
from bvinv.core.transfers import transfers

_TRANSFER = Sql("SELECT id, status, from_id, to_id FROM transfer WHERE id = :id")
_LEFT = Sql("""
    SELECT p.sku, p.title, sum(l.quantity) AS quantity
         , sum(l.shipped - l.received - l.lost - l.returned) AS moving
      FROM transfer_line AS l JOIN stock_level AS s ON s.id = l.level_id
           JOIN product AS p ON p.id = s.product_id
     WHERE l.transfer_id = :id GROUP BY p.sku, p.title, p.sku_key ORDER BY p.sku_key
""")
_OPEN = ("draft", "shipped", "partly-received")


class Transfer(Mode):
    """A draft grows by what is scanned; of a shipped one, what is scanned has arrived."""

    def named(self, session: Session, document: str) -> str:
        """Return the transfer's number. Raises NotFound, InvalidInput."""
        return documents.number("TR", _transfer(session, document).id)

    def site(self, session: Session, document: str, warehouse: str) -> Site:
        """Return the warehouse that sends a draft, or that receives. Raises Conflict."""
        found = _transfer(session, document)
        wanted = found.from_id if found.status == "draft" else found.to_id
        [site] = [one for one in warehouses.sites(session).values() if one.id == wanted]
        if warehouse and warehouses.site(session, warehouse) != site:
            verb = "is packed at" if found.status == "draft" else "comes to"
            raise Conflict(f"TR-{found.id} {verb} {site.code}", hint=f"--warehouse {site.code}")
        return site

    def begin(self, session: Session, desk: Desk) -> None:
        """Stand at the dock. Raises Conflict when the transfer is over."""
        status = _transfer(session, desk.document).status
        if status not in _OPEN:
            raise Conflict(f"{desk.document} is {status}", state=status)
        if status != "draft":
            desk.bin = warehouses.place(session, desk.site, DOCK)

    def item(self, session: Session, desk: Desk, thing: Thing, pieces: int) -> Did:
        """Add pieces to the draft, or take them in."""
        found = _transfer(session, desk.document)
        if found.status == "draft":
            if found.from_id != desk.site.id:
                raise Conflict(f"{desk.document} is a draft again", hint="begin a new session")
            row = transfers.add(session, transfer=desk.document, ref=thing.sku, quantity=pieces)
            return Did(
                f"+{pieces} on {desk.document}",
                thing,
                None,
                pieces,
                progress=f"{row.asked} on {desk.document}",
            )
        if found.to_id != desk.site.id:
            raise Conflict(f"{desk.document} has left", hint="begin a new session at its end")
        assert desk.bin is not None
        row = transfers.arrive(
            session,
            transfer=desk.document,
            ref=thing.sku,
            quantity=pieces,
            bin=desk.bin.code,
            lot=desk.lot_of(thing)[0] if desk.lot and thing.tracks_lots else None,
        )
        return Did(
            f"+{pieces} → {desk.bin.code}",
            thing,
            desk.bin,
            pieces,
            row.level_id,
            row.level_seq,
            row.in_transit,
            f"{row.received} of {row.shipped} arrived, {row.in_transit} left",
        )

    def place(self, session: Session, desk: Desk, place: Place) -> Did:
        """Choose the bin for what arrives. Raises InvalidInput for a draft."""
        if _transfer(session, desk.document).status == "draft":
            raise InvalidInput("a draft asks for products; the bins give when it is shipped")
        return super().place(session, desk, place)

    def undo(self, session: Session, desk: Desk, scan: Any) -> str:
        """Take pieces off the draft, or let them be in transit again. Raises Conflict."""
        if scan.level_seq:
            return super().undo(session, desk, scan)
        row = transfers.add(session, transfer=desk.document, ref=scan.sku, quantity=-scan.quantity)
        return f"{row.asked} on {desk.document}"

    def left(self, session: Session, desk: Desk) -> list[str]:
        """Return what is on the draft, or still in transit."""
        found = _transfer(session, desk.document)
        rows = session.ask(_LEFT, id=found.id)
        if found.status == "draft":
            return [f"{int(row.quantity)} of {row.sku} {row.title}" for row in rows]
        return [
            f"{int(row.moving)} left of {int(row.quantity)}  {row.sku} {row.title}"
            for row in rows
            if row.moving
        ] or [f"{desk.document}: nothing is left"]

    def next_step(self, session: Session, desk: Desk) -> str:
        """Return how much is on the draft, or how much is still to come."""
        found = _transfer(session, desk.document)
        rows = session.ask(_LEFT, id=found.id)
        if found.status == "draft":
            pieces = sum(int(row.quantity) for row in rows)
            return f"{desk.document} is a draft of {counted(pieces, 'piece')}; scans are added"
        pieces = sum(int(row.moving) for row in rows)
        return f"{desk.document}: {counted(pieces, 'piece')} in transit"


def _transfer(session: Session, document: str) -> Any:
    if not document:
        raise InvalidInput("say which transfer is scanned", hint="see: bvinv transfer list")
    number = documents.row_id("TR", document)
    rows = session.ask(_TRANSFER, id=number)
    if not rows:
        raise documents.unknown("TR", number, "bvinv transfer list")
    return rows[0]
