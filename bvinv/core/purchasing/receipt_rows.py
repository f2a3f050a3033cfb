"""Receipts as they are read: what a delivery brought, and what it left open."""

from typing import Any

from bvinv.core import documents, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.models.receipt import MissingRow, ReceiptLineRow, ReceiptRow, ReceiptSummary
from bvinv.core.purchasing import order_rows, suppliers

MISSING = 20  # lines that are named; `purchase order show` has all

_RECEIPTS = """
    SELECT r.id, r.document, r.created_at, r.undone_at, r.order_id, o.status, s.code AS supplier
         , w.code AS warehouse, c.actor
      FROM receipt AS r JOIN warehouse AS w ON w.id = r.warehouse_id
           JOIN command_log AS c ON c.id = r.command_id
           LEFT JOIN supplier AS s ON s.id = r.supplier_id
           LEFT JOIN purchase_order AS o ON o.id = r.order_id
"""
_ONE = Sql(f"{_RECEIPTS} WHERE r.id = :receipt")
# A second look at the ledger finds what was undone; a partial index answers it.
UNDONE = """
    EXISTS (SELECT 1 FROM movement AS u
             WHERE u.level_id = l.level_id AND u.reverses > 0 AND u.reverses = l.level_seq)
"""
_LINES = Sql(f"""
    SELECT l.level_id, l.quantity, p.sku, m.to_bin AS bin, m.lot
         , CASE WHEN {UNDONE} THEN 1 ELSE 0 END AS undone
      FROM receipt_line AS l
           JOIN movement AS m ON m.level_id = l.level_id AND m.level_seq = l.level_seq
           JOIN stock_level AS v ON v.id = l.level_id JOIN product AS p ON p.id = v.product_id
     WHERE l.receipt_id = :receipt ORDER BY p.sku_key, m.to_bin, m.lot
""")
_BEFORE = Sql(f"""
    SELECT l.level_id, sum(l.quantity) AS quantity
      FROM receipt AS r JOIN receipt_line AS l ON l.receipt_id = r.id
     WHERE r.order_id = :order AND r.id < :receipt AND NOT {UNDONE} GROUP BY l.level_id
""")
_PAGE = f"""
    SELECT r.*, (SELECT coalesce(sum(l.quantity), 0) FROM receipt_line AS l
                  WHERE l.receipt_id = r.id AND NOT {UNDONE}) AS pieces
      FROM ({_RECEIPTS} WHERE {{where}} ORDER BY r.id DESC LIMIT :limit) AS r ORDER BY r.id DESC
"""


def show(session: Session, *, receipt: str) -> ReceiptRow:
    """Return a receipt with what it brought, line by line, and what its order still waits for.

    Raises NotFound.
    """
    number = documents.row_id("RC", receipt)
    found = session.ask(_ONE, receipt=number)
    if not found:
        raise documents.unknown("RC", number, "bvinv purchase receipt list")
    [row] = found
    came = session.ask(_LINES, receipt=number)
    ordered: dict[int, Any] = {}
    running: dict[int, int] = {}
    if row.order_id is not None:
        ordered = {line.level_id: line for line in order_rows.lines(session, row.order_id)}
        before = session.ask(_BEFORE, order=row.order_id, receipt=number)
        running = {line.level_id: int(line.quantity) for line in before}
    kept = _together(came)
    levels = {level for level, *_ in kept}
    missing = [
        MissingRow(sku=line.sku, ordered=line.quantity, outstanding=line.outstanding)
        for level, line in ordered.items()
        if line.outstanding and level not in levels
    ]
    return ReceiptRow(
        receipt=documents.number("RC", row.id),
        order=None if row.order_id is None else documents.number("PO", row.order_id),
        status=row.status,
        supplier=row.supplier,
        warehouse=row.warehouse,
        document=row.document or None,
        pieces=sum(kept.values()),
        undone=sum(line.quantity for line in came if line.undone),
        lines=_lines(kept, ordered, running),
        missing_lines=len(missing),
        missing=missing[:MISSING],
        actor=row.actor,
        created_at=row.created_at,
        undone_at=row.undone_at,
    )


def page(
    session: Session,
    *,
    supplier: str | None = None,
    order: str | None = None,
    warehouse: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[ReceiptSummary], str | None]:
    """Return a page of receipts, the newest first, and the cursor of the next page.

    Raises InvalidInput, NotFound.
    """
    page = documents.Page("RC", limit=limit, after=after, id="r.id")
    if supplier is not None:
        page.only("r.supplier_id = :supplier", supplier=suppliers.find(session, supplier).id)
    if order is not None:
        stored = order_rows.stored(session, documents.row_id("PO", order))
        page.only("r.order_id = :order", order=stored.id)
    if warehouse is not None:
        page.only("r.warehouse_id = :site", site=warehouses.site(session, warehouse).id)
    found, more = page.ask(session, _PAGE)
    rows = [_summary(row) for row in found]
    return rows, rows[-1].receipt if more else None


_Kept = dict[tuple[int, str, str, str], int]  # level id, SKU, bin, lot -> pieces


def _together(came: list[Any]) -> _Kept:
    """Return the pieces that stayed; a hundred scans of one product in one bin are one line."""
    kept: _Kept = {}
    for line in came:
        if not line.undone:
            where = (line.level_id, line.sku, line.bin, line.lot)
            kept[where] = kept.get(where, 0) + line.quantity
    return kept


def _lines(kept: _Kept, ordered: dict[int, Any], running: dict[int, int]) -> list[ReceiptLineRow]:
    rows = []
    for (level, sku, bin, lot), quantity in kept.items():
        line = ordered.get(level)
        before = running.get(level, 0)
        running[level] = before + quantity
        rows.append(
            ReceiptLineRow(
                sku=sku,
                ordered=None if line is None else line.quantity,
                before=None if line is None else before,
                quantity=quantity,
                outstanding=None if line is None else max(line.quantity - running[level], 0),
                difference=None if line is None else _difference(line.quantity, running[level]),
                bin=bin,
                lot=lot or None,
            )
        )
    return rows


def _difference(ordered: int, received: int) -> str:
    if received == ordered:
        return "complete"
    return "short" if received < ordered else "over"


def _summary(row: Any) -> ReceiptSummary:
    return ReceiptSummary(
        receipt=documents.number("RC", row.id),
        order=None if row.order_id is None else documents.number("PO", row.order_id),
        supplier=row.supplier,
        warehouse=row.warehouse,
        document=row.document or None,
        pieces=int(row.pieces),
        actor=row.actor,
        created_at=row.created_at,
        undone_at=row.undone_at,
    )
