"""Receipts: goods come in for a purchase order, in one delivery or scan by scan, and are undone.

What comes without an order and without a scanner is the work of `receiving`.
"""

from collections.abc import Collection, Sequence
from typing import Any

from bvinv.core import documents, holds, items, levels, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.ledger import SUPPLIER, Level, Place, Posting, posting
from bvinv.core.levels import Site
from bvinv.core.models.receipt import ReceiptRow, ReceivedRow
from bvinv.core.models.warehouse import DOCK
from bvinv.core.purchasing import deliveries, order_progress, receipt_rows, suppliers

_STORED = Sql(
    """
    SELECT r.id, r.warehouse_id, w.code AS warehouse, r.order_id, r.document, r.created_at
         , r.undone_at, r.supplier_id, s.code AS supplier
      FROM receipt AS r JOIN warehouse AS w ON w.id = r.warehouse_id
           LEFT JOIN supplier AS s ON s.id = r.supplier_id
     WHERE r.id = :receipt
    """
)
_LOCK = Sql("SELECT id, undone_at FROM receipt WHERE id IN :ids ORDER BY id", lock="FOR UPDATE")
_LOCK_ORDERS = Sql("SELECT id FROM purchase_order WHERE id IN :ids ORDER BY id", lock="FOR UPDATE")
_OWNERS = Sql("""
    SELECT l.level_id, l.level_seq, l.quantity, l.receipt_id, r.order_id
         , CASE WHEN o.level_id IS NULL THEN 0 ELSE 1 END AS was_ordered
      FROM receipt_line AS l JOIN receipt AS r ON r.id = l.receipt_id
           LEFT JOIN purchase_order_line AS o
             ON o.order_id = r.order_id AND o.level_id = l.level_id
     WHERE l.level_id IN :levels AND l.level_seq IN :steps
""")
_LEFT = Sql(f"""
    SELECT l.level_id, l.level_seq, l.receipt_id FROM receipt_line AS l
     WHERE l.receipt_id IN :receipts AND NOT {receipt_rows.UNDONE}
""")
_UNDONE_AT = Sql("UPDATE receipt SET undone_at = :at WHERE id = :receipt")


def receive_order(
    session: Session,
    *,
    order: str,
    lines: Sequence[tuple[str, int]] = (),
    everything: bool = False,
    document: str = "",
    warehouse: str = "",
    bin: str | None = None,
    lot: str = "",
    expires_on: int | None = None,
    occurred_at: int | None = None,
) -> ReceiptRow:
    """Take in what came for an order: these lines, or `everything` that is outstanding.

    Goods go to the dock unless a bin is named; backorders get theirs first. Up to the tolerance of
    a line more may come than was ordered. Raises NotFound, InvalidInput, and Conflict for what was
    not ordered or is too much, an order that expects nothing, a document that was here before.
    """
    if bool(lines) == everything:
        raise InvalidInput("say what came", hint="SKU=QTY of each product, or --all")
    document = deliveries.document_code(document)
    found = order_progress.lock(session, order)
    order_progress.require_open(found)
    taken = deliveries.taken(session, found.supplier_id, document)
    deliveries.refuse_taken(taken, found.supplier)
    expected = order_progress.expected(session, found, lines)
    site = warehouses.site(session, warehouse or found.warehouse)
    _refuse_other_warehouse(found, site)
    target = warehouses.place(session, site, DOCK if bin is None else bin)
    locked = levels.lock(session, {one.line.product_id for one in expected}, {site.id})
    held = [locked[one.line.product_id, site.id] for one in expected]
    levels.load_places(session, held)
    lot_of = deliveries.arriving(session, held, lot=lot, expires_on=expires_on)
    # From here on nothing can fail.
    receipt_id = deliveries.open_one(
        session,
        warehouse_id=site.id,
        supplier_id=found.supplier_id,
        order_id=found.id,
        doc=document,
    )
    number = documents.number("RC", receipt_id)
    landed = []
    with posting(session) as current:
        for level, one in zip(held, expected, strict=True):
            to = target._replace(lot=lot_of.get(level.id, ""))
            _land(current, level, one.pieces, to, number, occurred_at)
            landed.append(deliveries.line(level, one.pieces))
            holds.fill(session, current, level)
        came = {one.line.level_id: one.pieces for one in expected}
        status = order_progress.count_received(session, found.id, came)
        told = {"receipt": number, "document": document, "warehouse": site.code}
        counted = {"lines": len(came), "pieces": sum(came.values()), "status": status}
        current.tell("purchase-order.received", documents.number("PO", found.id), told | counted)
    deliveries.add_lines(session, receipt_id, landed)
    return receipt_rows.show(session, receipt=number)


def open_receipt(
    session: Session,
    *,
    warehouse: str,
    supplier: str = "",
    order: str = "",
    document: str = "",
) -> int:
    """Open a receipt that scans are added to; return its id. One of the same document that nothing
    was added to is taken up again.

    Raises NotFound, InvalidInput, and Conflict for an order that expects nothing or comes to
    another warehouse, and for a document that was here before.
    """
    document = deliveries.document_code(document)
    site = warehouses.site(session, warehouse)
    order_id = found = None
    if order:
        found = order_progress.lock(session, order)
        order_progress.require_open(found)
        _refuse_other_warehouse(found, site)
        order_id = found.id
    supplier_id, who = _seller(session, supplier, found)
    taken = deliveries.taken(session, supplier_id, document)
    is_same = taken and (taken.order_id, taken.warehouse_id) == (order_id, site.id)
    if taken and is_same and deliveries.is_empty(session, taken.id):
        return int(taken.id)
    deliveries.refuse_taken(taken, who)
    return deliveries.open_one(
        session, warehouse_id=site.id, supplier_id=supplier_id, order_id=order_id, doc=document
    )


def refuse_received(
    session: Session, *, supplier: str = "", order: str = "", document: str = ""
) -> None:
    """Raise Conflict when a supplier's document was received already, so that nobody unpacks it
    first; NotFound, and Conflict when the order is another supplier's."""
    found = order_progress.lock(session, order) if order else None
    supplier_id, who = _seller(session, supplier, found)
    taken = deliveries.taken(session, supplier_id, deliveries.document_code(document))
    if taken and not deliveries.is_empty(session, taken.id):
        deliveries.refuse_taken(taken, who)


def add(
    session: Session,
    *,
    receipt_id: int,
    ref: str,
    quantity: int,
    bin: str | None = None,
    lot: str = "",
    expires_on: int | None = None,
) -> ReceivedRow:
    """Take in one scan for an open receipt: to the dock, unless a bin is named.

    Within its tolerance a line takes more also after the order is complete; what comes is only
    known when it is scanned. Raises NotFound, InvalidInput, and Conflict for what was not ordered
    or is too much.
    """
    receipt, found = _lock_receipt(session, receipt_id)
    item = items.one(session, ref)
    pieces = item.pieces(text.quantity(quantity))
    site = warehouses.site(session, receipt.warehouse)
    target = warehouses.place(session, site, DOCK if bin is None else bin)
    line = None
    if found is not None:
        line = order_progress.scanned(session, found, item, pieces)
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    lot_of = deliveries.arriving(session, [level], lot=lot, expires_on=expires_on)
    if receipt.undone_at is not None:
        taken = deliveries.taken(session, receipt.supplier_id, receipt.document)
        deliveries.refuse_taken(taken, receipt.supplier)
        session.send(_UNDONE_AT, [{"receipt": receipt.id, "at": None}])
    # From here on nothing can fail.
    number = documents.number("RC", receipt.id)
    subject, kind = item.sku, "stock.received"
    with posting(session) as current:
        document = number if found is not None else receipt.document or number
        to = target._replace(lot=lot_of.get(level.id, ""))
        _land(current, level, pieces, to, document, None)
        landed = deliveries.line(level, pieces)
        holds.fill(session, current, level)
        if found is not None:
            order_progress.count_received(session, found.id, {level.id: pieces})
            subject, kind = documents.number("PO", found.id), "purchase-order.received"
        told = {"receipt": number, "warehouse": site.code, "sku": item.sku, "quantity": pieces}
        current.tell(kind, subject, told | {"bin": target.code})
    deliveries.add_lines(session, receipt.id, [landed])
    return _received(level, pieces, to, receipt, line, landed["level_seq"])


def lock_movements(session: Session, movements: Collection[Any]) -> None:
    """Lock the orders and receipts that brought these movements, before any level is locked.

    What came can always be taken back: an order that it had completed is open again, one whose
    rest was cancelled stays over.
    """
    owners = _owners(session, movements)
    orders = {owner.order_id for owner in owners if owner.order_id is not None}
    if orders:
        session.ask(_LOCK_ORDERS, ids=sorted(orders))
    if owners:
        session.ask(_LOCK, ids=sorted({owner.receipt_id for owner in owners}))


def undo(session: Session, current: Posting, movements: Collection[Any]) -> None:
    """Put orders and receipts right after these movements of theirs were reversed.

    A receipt of which nothing is left gets its `undone_at`, so that its document may come again.
    """
    owners = _owners(session, movements)
    back: dict[int, dict[int, int]] = {}
    for owner in owners:
        if owner.was_ordered:
            pieces = back.setdefault(owner.order_id, {})
            pieces[owner.level_id] = pieces.get(owner.level_id, 0) + owner.quantity
    for number, pieces in back.items():
        status = order_progress.count_taken_back(session, number, pieces)
        told = {"pieces": sum(pieces.values()), "status": status}
        current.tell("purchase-order.taken-back", documents.number("PO", number), told)
    if not owners:
        return
    gone = {(owner.level_id, owner.level_seq) for owner in owners}
    receipts = sorted({owner.receipt_id for owner in owners})
    left = {
        row.receipt_id
        for row in session.ask(_LEFT, receipts=receipts)
        if (row.level_id, row.level_seq) not in gone
    }
    session.send(
        _UNDONE_AT,
        [{"receipt": number, "at": session.now} for number in receipts if number not in left],
    )


def _refuse_other_warehouse(found: Any, site: Site) -> None:
    """Raise Conflict unless this stored order comes to the warehouse."""
    if found.warehouse != site.code:
        raise Conflict(
            f"{documents.number('PO', found.id)} comes to {found.warehouse}, not to {site.code}",
            hint=f"receive it at {found.warehouse}",
            warehouse=found.warehouse,
        )


def _seller(session: Session, supplier: str, order: Any | None) -> tuple[int | None, str]:
    """Return the id and the code of who brings goods: the one who is named, or whose order it is.

    Raises NotFound, and Conflict when these are two.
    """
    if not supplier:
        return (order.supplier_id, order.supplier) if order else (None, "")
    seller = suppliers.find(session, supplier)
    if order and seller.id != order.supplier_id:
        number = documents.number("PO", order.id)
        raise Conflict(f"{number} is {order.supplier}'s, not {seller.code}'s")
    return seller.id, seller.code


def _lock_receipt(session: Session, receipt_id: int) -> tuple[Any, Any]:
    """Return a receipt and its order, if it has one, both locked. Raises NotFound."""
    rows = session.ask(_STORED, receipt=receipt_id)
    if not rows:
        raise documents.unknown("RC", receipt_id, "bvinv purchase receipt list")
    found = None
    if rows[0].order_id is not None:
        found = order_progress.lock(session, str(rows[0].order_id))
    [locked] = session.ask(_LOCK, ids=[receipt_id])
    # Nothing else of a receipt ever changes.
    return rows[0]._replace(undone_at=locked.undone_at), found


def _received(
    level: Level, pieces: int, place: Place, receipt: Any, line: Any | None, step: int
) -> ReceivedRow:
    received = None if line is None else line.received + pieces
    return ReceivedRow(
        receipt=documents.number("RC", receipt.id),
        order=None if receipt.order_id is None else documents.number("PO", receipt.order_id),
        sku=level.sku,
        warehouse=level.warehouse,
        quantity=pieces,
        bin=place.code,
        lot=place.lot or None,
        ordered=None if line is None else line.quantity,
        received=received,
        outstanding=None if line is None else max(line.quantity - (received or 0), 0),
        on_hand=level.on_hand,
        level_id=level.id,
        level_seq=step,
    )


def _land(
    current: Posting,
    level: Level,
    pieces: int,
    target: Place,
    document: str,
    occurred_at: int | None,
) -> None:
    current.post(
        level,
        "receive",
        pieces,
        origin=SUPPLIER,
        target=target,
        document=document,
        occurred_at=occurred_at,
    )


def _owners(session: Session, movements: Collection[Any]) -> list[Any]:
    """Return the receipt line behind each of these movements that has one."""
    wanted = {(movement.level_id, movement.level_seq) for movement in movements}
    if not wanted:
        return []
    found = session.ask(
        _OWNERS,
        levels=sorted({level for level, _ in wanted}),
        steps=sorted({step for _, step in wanted}),
    )
    return [owner for owner in found if (owner.level_id, owner.level_seq) in wanted]
