"""Goods come in blind: without an order, one product at a time."""

from typing import Any

from bvinv.core import documents, holds, items, levels, stock, text, warehouses
from bvinv.core.db import Session
from bvinv.core.errors import Conflict
from bvinv.core.items import Item
from bvinv.core.ledger import SUPPLIER, Level, posting
from bvinv.core.levels import Site
from bvinv.core.models.stock import LevelRow
from bvinv.core.models.warehouse import DOCK
from bvinv.core.purchasing import deliveries, order_rows, suppliers
from bvinv.core.purchasing.suppliers import Seller


def receive(
    session: Session,
    *,
    ref: str,
    quantity: int,
    warehouse: str,
    bin: str | None = None,
    supplier: str = "",
    document: str = "",
    lot: str = "",
    expires_on: int | None = None,
    occurred_at: int | None = None,
) -> LevelRow:
    """Take goods in, at the dock unless a bin is named; backorders get theirs first, the oldest
    before the others.

    Another product of the same supplier's document belongs to the same receipt; the same product
    again is refused. Raises NotFound, InvalidInput, Conflict.
    """
    document = deliveries.document_code(document)
    item = items.one(session, ref)
    pieces = item.pieces(text.quantity(quantity))
    site = warehouses.site(session, warehouse)
    seller = suppliers.find(session, supplier) if supplier else None
    target = warehouses.place(session, site, bin if bin is not None else DOCK)
    taken = deliveries.taken(session, seller and seller.id, document)
    [level] = levels.create(session, [(item, site)]).values()
    if seller and taken:
        _refuse_elsewhere(session, taken, seller, site, item)
        _refuse_again(session, taken, seller, level)
    levels.load_places(session, [level])
    lot_of = deliveries.arriving(session, [level], lot=lot, expires_on=expires_on)
    # From here on nothing can fail.
    receipt_id = taken.id if taken else _open(session, site, seller, document)
    number = documents.number("RC", receipt_id)
    with posting(session) as current:
        to = target._replace(lot=lot_of.get(level.id, ""))
        current.post(
            level,
            "receive",
            pieces,
            origin=SUPPLIER,
            target=to,
            document=document or number,
            occurred_at=occurred_at,
        )
        landed = deliveries.line(level, pieces)
        holds.fill(session, current, level)
        told = {
            "warehouse": site.code,
            "quantity": pieces,
            "bin": target.code,
            "supplier": seller.code if seller else "",
            "document": document,
            "receipt": number,
        }
        current.tell("stock.received", item.sku, told | ({"lot": to.lot} if to.lot else {}))
    deliveries.add_lines(session, receipt_id, [landed])
    return stock.one(session, item, site)


def _open(session: Session, site: Site, seller: Seller | None, document: str) -> int:
    return deliveries.open_one(
        session,
        warehouse_id=site.id,
        supplier_id=seller and seller.id,
        order_id=None,
        doc=document,
    )


def _refuse_elsewhere(session: Session, taken: Any, seller: Seller, site: Site, item: Item) -> None:
    """Raise Conflict when the document came to another warehouse, or for an order that asks for
    the product."""
    number = documents.number("RC", taken.id)
    if taken.warehouse_id != site.id:
        raise Conflict(
            f"{taken.document} of {seller.code} was received at {taken.warehouse}, as {number}",
            hint=f"see: bvinv purchase receipt show {number}",
            receipt=number,
            warehouse=taken.warehouse,
        )
    if taken.order_id is None:
        return
    if order_rows.lines_of(session, taken.order_id, item.id):
        order = documents.number("PO", taken.order_id)
        raise Conflict(
            f"{taken.document} of {seller.code} was received for {order}, as {number}, and "
            f"{item.sku} is on that order",
            hint=f"bvinv receive --order {order} {item.sku}=QTY, without the document",
            receipt=number,
            order=order,
        )


def _refuse_again(session: Session, taken: Any, seller: Seller, level: Level) -> None:
    before = deliveries.pieces_of(session, taken.id, level)
    if before:
        number = documents.number("RC", taken.id)
        raise Conflict(
            f"{before} of {level.sku} were received already with {taken.document} of "
            f"{seller.code}, as {number}",
            hint=f"see: bvinv purchase receipt show {number}; a mistake: bvinv stock undo {number}",
            receipt=number,
            quantity=before,
        )
