"""Purchase orders: written, placed, changed, cancelled. Goods for them come in `receipts`.

An order's lines change only while the order is locked; they need no lock of their own.
"""

from collections.abc import Sequence
from typing import Any

from bvinv.core import access, command_log, dates, documents, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.models.order import OrderRow
from bvinv.core.purchasing import order_lines, order_progress, order_rows, suppliers

_ADD = Sql.insert(
    "purchase_order",
    "supplier_id",
    "warehouse_id",
    "status",
    "expected_on",
    "note",
    "command_id",
    "created_at",
    "updated_at",
    after="RETURNING id",
)
_CHANGE = Sql("""
    UPDATE purchase_order SET expected_on = :expected_on, note = :note, updated_at = :now
     WHERE id = :order
""")
_PLACE = Sql("""
    UPDATE purchase_order
       SET status = 'placed', expected_on = :expected_on, placed_at = :now, updated_at = :now
     WHERE id = :order
""")
_PLACE_LINES = Sql("""
    UPDATE purchase_order_line
       SET outstanding = quantity, allowance = quantity * :percent / 100 WHERE order_id = :order
""")
_CANCEL_LINES = Sql("""
    UPDATE purchase_order_line SET cancelled = quantity - received, outstanding = 0
     WHERE order_id = :order AND received < quantity
""")


def create(
    session: Session,
    *,
    supplier: str,
    warehouse: str,
    lines: Sequence[tuple[str, int]],
    expected_on: int | None = None,
    note: str = "",
    exact: bool = False,
) -> OrderRow:
    """Write a draft of an order; costs and what can be ordered come from the supplier's terms.

    Quantities below the supplier's minimum or between two packs are refused unless they are
    `exact`ly meant. `expected_on` as in `dates`. Raises NotFound, InvalidInput.
    """
    note = text.line(note, what="note") if note else ""
    seller = suppliers.find(session, supplier)
    site = warehouses.site(session, warehouse)
    if not lines:
        raise InvalidInput("there are no lines", hint="write SKU=QTY, for example HX-1=3")
    pieces = order_lines.wanted(session, seller, lines, exact=exact)
    command_log.record(session, session.command)
    row = {
        "supplier_id": seller.id,
        "warehouse_id": site.id,
        "status": "draft",
        "expected_on": expected_on,
        "note": note,
        "command_id": session.command.id,
    }
    times = {"created_at": session.now, "updated_at": session.now}
    [number] = session.insert(_ADD, [row | times])
    order_lines.add(session, number, seller, site, pieces)
    told = {"supplier": seller.code, "warehouse": site.code, "lines": len(pieces)}
    goods = [[item.sku, quantity] for item, quantity in pieces.items()]
    _tell(session, "created", number, told | {"pieces": sum(pieces.values()), "goods": goods})
    return order_rows.show(session, order=str(number))


def update(
    session: Session,
    *,
    order: str,
    lines: Sequence[tuple[str, int]] = (),
    remove: Sequence[str] = (),
    expected_on: int | None = None,
    note: str | None = None,
    exact: bool = False,
) -> OrderRow:
    """Change an order: of a draft the quantities of these lines, which are added where they are
    new, and the lines to `remove`; of any that is not over yet the day and the note.

    Raises NotFound, InvalidInput, and Conflict when the order is past that.
    """
    found = order_progress.lock(session, order)
    number = documents.number("PO", found.id)
    if found.status in ("received", "cancelled"):
        raise Conflict(f"{number} is {found.status} already", order=number, state=found.status)
    if (lines or remove) and found.status != "draft":
        raise Conflict(
            f"the lines of {number} are fixed since it was placed",
            hint=f"order what is missing anew; what is too much: bvinv purchase order cancel "
            f"{number}",
            order=number,
            state=found.status,
        )
    values = {
        "expected_on": found.expected_on if expected_on is None else expected_on,
        "note": found.note if note is None else text.line(note, what="note") if note else "",
    }
    told: dict[str, Any] = {}
    if lines or remove:
        told = order_lines.change(session, found, lines, remove, exact=exact)
    told |= {name: one for name, one in values.items() if one != getattr(found, name)}
    if "expected_on" in told:
        told["expected_on"] = dates.display(told["expected_on"])
    if not told:
        return order_rows.show(session, order=order)
    session.send(_CHANGE, [{"order": found.id, "now": session.now, **values}])
    _tell(session, "changed", found.id, told)
    return order_rows.show(session, order=order)


def place(session: Session, *, order: str, over_receipt_percent: int | None = None) -> OrderRow:
    """Place a draft: from now on its goods are on their way, and its lines are fixed.

    So many percent more than ordered will be taken in, the supplier's own percentage unless one
    is named. Without a day it is expected after the supplier's lead time. Raises NotFound,
    InvalidInput, NotPermitted, and Conflict when it is no draft.
    """
    access.require(session, "purchase order place")
    found = order_progress.lock(session, order)
    number = documents.number("PO", found.id)
    seller = suppliers.find(session, found.supplier)
    percent = seller.over_receipt_percent
    if over_receipt_percent is not None:
        percent = suppliers.percent(over_receipt_percent)
    if found.status != "draft":
        raise Conflict(
            f"{number} is {found.status} already",
            hint=f"see: bvinv purchase order show {number}",
            order=number,
            state=found.status,
        )
    # From here on nothing can fail.
    day = found.expected_on or order_rows.expected(session, seller.lead_time_days)
    session.send(_PLACE, [{"order": found.id, "expected_on": day, "now": session.now}])
    session.send(_PLACE_LINES, [{"order": found.id, "percent": percent}])
    goods = [[row.sku, row.quantity] for row in order_rows.lines(session, found.id)]
    told = {"expected_on": dates.display(day), "over_receipt_percent": percent, "goods": goods}
    _tell(session, "placed", found.id, told)
    return order_rows.show(session, order=order)


def cancel(session: Session, *, order: str) -> OrderRow:
    """Cancel an order. Of one that came in part the rest is not expected any more: it is received,
    its lines short. Raises NotFound, and Conflict when it is over already."""
    found = order_progress.lock(session, order)
    number = documents.number("PO", found.id)
    if found.status in ("received", "cancelled"):
        raise Conflict(
            f"{number} is {found.status} already",
            hint=f"see: bvinv purchase order show {number}",
            order=number,
            state=found.status,
        )
    # From here on nothing can fail.
    rows = order_rows.lines(session, found.id)
    goods = [[row.sku, max(row.quantity - row.received, 0)] for row in rows]
    session.send(_CANCEL_LINES, [{"order": found.id}])
    status = order_progress.settle(session, found.id)
    told = {"status": status, "pieces": sum(rest for _, rest in goods), "goods": goods}
    _tell(session, "cancelled", found.id, told)
    return order_rows.show(session, order=order)


def _tell(session: Session, what: str, number: int, told: dict[str, Any]) -> None:
    order = documents.number("PO", number)
    command_log.tell(session, [Tale(f"purchase-order.{what}", order, told, session.command)])
