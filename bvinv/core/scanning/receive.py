"""Scanning what comes in: each item is received at once, blind or for a purchase order."""

from typing import Any

from bvinv.core import documents, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.levels import Site
from bvinv.core.models.warehouse import DOCK
from bvinv.core.purchasing import receipts
from bvinv.core.scanning.desk import Desk, Did, Thing, counted
from bvinv.core.scanning.mode import Mode

_ORDER = Sql("""
    SELECT o.id, o.status, w.id AS site, w.code, w.priority
      FROM purchase_order AS o JOIN warehouse AS w ON w.id = o.warehouse_id WHERE o.id = :id
""")
_LEFT = Sql("""
    SELECT p.sku, p.title, l.quantity, l.received, l.outstanding
      FROM purchase_order_line AS l JOIN stock_level AS s ON s.id = l.level_id
           JOIN product AS p ON p.id = s.product_id
     WHERE l.order_id = :id AND l.outstanding > 0 ORDER BY p.sku_key
""")

_SO_FAR = Sql("""
    SELECT coalesce(sum(quantity), 0) AS pieces FROM scan
     WHERE session_id = :id AND product_id = :product AND outcome = 'accepted'
""")


class Receive(Mode):
    """Goods come in at the dock, or the bin that was scanned last."""

    takes_unknown = True

    def named(self, session: Session, document: str) -> str:
        """Return the order's number. Raises NotFound, InvalidInput."""
        return documents.number("PO", _order(session, document).id) if document else ""

    def site(self, session: Session, document: str, warehouse: str) -> Site:
        """Return the order's warehouse. Raises Conflict when another one is named."""
        if not document:
            return super().site(session, document, warehouse)
        order = _order(session, document)
        site = Site(order.site, order.code, order.priority)
        if warehouse and warehouses.site(session, warehouse) != site:
            raise Conflict(
                f"PO-{order.id} comes to {site.code}, not to {warehouses.code(warehouse)}",
                hint=f"--warehouse {site.code}",
            )
        return site

    def begin(self, session: Session, desk: Desk) -> None:
        """Stand at the dock. Raises Conflict when the order expects nothing."""
        desk.bin = warehouses.place(session, desk.site, DOCK)
        if desk.document:
            order = _order(session, desk.document)
            if order.status not in ("placed", "partly-received"):
                raise Conflict(f"{desk.document} is {order.status}", state=order.status)
        if desk.supplier or desk.delivery:
            receipts.refuse_received(
                session, supplier=desk.supplier, order=desk.document, document=desk.delivery
            )

    def item(self, session: Session, desk: Desk, thing: Thing, pieces: int) -> Did:
        """Receive so many pieces; the first ones open the receipt."""
        assert desk.bin is not None
        lot, expires_on = desk.lot_of(thing)
        if desk.receipt_id is None:
            desk.receipt_id = receipts.open_receipt(
                session,
                warehouse=desk.site.code,
                supplier=desk.supplier,
                order=desk.document,
                document=desk.delivery,
            )
        row = receipts.add(
            session,
            receipt_id=desk.receipt_id,
            ref=thing.sku,
            quantity=pieces,
            bin=desk.bin.code,
            lot=lot,
            expires_on=expires_on,
        )
        left = row.outstanding if desk.document else None
        progress = (
            f"{row.received} of {row.ordered} received, {row.outstanding} left"
            if desk.document
            else f"{pieces + self._so_far(session, desk, thing)} in this session"
        )
        return Did(
            f"+{pieces} → {desk.bin.code}",
            thing,
            desk.bin,
            pieces,
            row.level_id,
            row.level_seq,
            left,
            progress,
        )

    def _so_far(self, session: Session, desk: Desk, thing: Thing) -> int:
        return int(session.ask(_SO_FAR, id=desk.id, product=thing.id)[0].pieces)

    def left(self, session: Session, desk: Desk) -> list[str]:
        """Return the lines of the order that are not all here."""
        if not desk.document:
            return []
        rows = session.ask(_LEFT, id=documents.row_id("PO", desk.document))
        return [
            f"{row.outstanding} left of {row.quantity}  {row.sku} {row.title}" for row in rows
        ] or [f"{desk.document}: nothing is left"]

    def next_step(self, session: Session, desk: Desk) -> str:
        """Return how much the order still expects."""
        if not desk.document:
            return ""
        rows = session.ask(_LEFT, id=documents.row_id("PO", desk.document))
        pieces = sum(row.outstanding for row in rows)
        return f"{desk.document}: {counted(pieces, 'piece')} to come"


def _order(session: Session, document: str) -> Any:
    number = documents.row_id("PO", document)
    rows = session.ask(_ORDER, id=number)
    if not rows:
        raise documents.unknown("PO", number, "bvinv purchase order list")
    return rows[0]
