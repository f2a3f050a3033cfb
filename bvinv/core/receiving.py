"""Goods come in."""

from bvinv.core import holds, items, levels, stock, text, warehouses
from bvinv.core.db import Session
from bvinv.core.ledger import SUPPLIER, posting
from bvinv.core.models.stock import LevelRow
from bvinv.core.models.warehouse import DOCK


def receive(
    session: Session,
    *,
    ref: str,
    quantity: int,
    warehouse: str,
    bin: str | None = None,
    supplier: str = "",
    document: str = "",
    occurred_at: int | None = None,
) -> LevelRow:
    """Take goods in, at the dock unless a bin is named; backorders get theirs first, the oldest
    before the others. Raises NotFound, InvalidInput."""
    text.quantity(quantity)
    document = text.code(document, what="document", maximum=128) if document else ""
    supplier = text.line(supplier, what="supplier", maximum=200) if supplier else ""
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    target = warehouses.place(session, site, bin if bin is not None else DOCK)
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    with posting(session) as current:
        current.post(
            level,
            "receive",
            quantity,
            origin=SUPPLIER,
            target=target,
            document=document,
            occurred_at=occurred_at,
        )
        holds.fill(session, current, level)
        told = {
            "warehouse": site.code,
            "quantity": quantity,
            "bin": target.code,
            "supplier": supplier,
            "document": document,
        }
        current.tell("stock.received", item.sku, told)
    return stock.one(session, item, site)
