"""Purchase orders, what came for them, and suppliers. Drafts and terms are changed at the command
line."""

from typing import Annotated

from fastapi import Path, Query, Response
from pydantic import Field

from bvinv.core.db import Session
from bvinv.core.errors import InvalidInput
from bvinv.core.models.order import OrderRow, OrderSummary
from bvinv.core.models.receipt import ReceiptRow, ReceiptSummary
from bvinv.core.models.supplier import SupplierDetails, SupplierRow
from bvinv.core.purchasing import order_rows, orders, receipt_rows, receipts, suppliers
from bvinv.web import bodies, door, stock_bodies
from bvinv.web.bodies import Body, Code, Lines, Note, instant, pairs
from bvinv.web.door import Changing, Reading, Truth
from bvinv.web.paths import Router
from bvinv.web.queries import After, Limit, MaybeCode, Time

router = Router("purchasing")

Id = Annotated[str, Path(min_length=1, max_length=20, examples=["PO-12"])]
ReceiptId = Annotated[str, Path(min_length=1, max_length=20, examples=["RC-7"])]
SupplierCode = Annotated[str, Path(min_length=1, max_length=100, examples=["HARBOUR"])]
Status = Annotated[
    str | None,
    Query(max_length=20, description="draft, placed, partly-received, received or cancelled"),
]
Open = Annotated[Truth, Query(alias="open", description="Only those with goods on their way.")]
Percent = Annotated[
    int, Field(ge=0, le=1000, description="How much more than ordered may come, in percent.")
]


class Order(Body):
    """A new order: a draft, unless `place` is said. Costs come from the supplier's terms."""

    supplier: Code
    warehouse: Code
    lines: Lines
    expected_on: bodies.Day | None = None
    note: Note = ""
    exact: bool = False
    place: bool = False
    over_receipt: Percent | None = None


class Placing(Body):
    """How an order is placed."""

    over_receipt: Percent | None = None


@router.get("/purchase-orders", **door.reads("purchase order list", list[OrderSummary]))
async def page(
    call: Reading,
    status: Status = None,
    supplier: MaybeCode = None,
    warehouse: MaybeCode = None,
    only_open: Open = False,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """List orders, the newest first."""
    rows, cursor = await call.read(
        lambda session: order_rows.page(
            session,
            status=status,
            supplier=supplier,
            warehouse=warehouse,
            only_open=only_open,
            limit=limit,
            after=after,
        )
    )
    return call.page(rows, cursor)


@router.post("/purchase-orders", **door.changes("purchase order create", OrderRow, status=201))
async def create(call: Changing, body: Order) -> Response:
    """Write an order to a supplier; to `place` it needs the role that placing needs."""
    if body.over_receipt is not None and not body.place:
        raise InvalidInput("the tolerance is fixed when an order is placed", hint="say place, too")
    expected_on = bodies.day(body.expected_on)

    def action(session: Session) -> OrderRow:
        row = orders.create(
            session,
            supplier=body.supplier,
            warehouse=body.warehouse,
            lines=pairs(body.lines),
            expected_on=expected_on,
            note=body.note,
            exact=body.exact,
        )
        if not body.place:
            return row
        return orders.place(session, order=row.order, over_receipt_percent=body.over_receipt)

    return await call.run(action, body.said(), status=201)


@router.get("/purchase-orders/{order}", **door.reads("purchase order show", OrderRow))
async def show(call: Reading, order: Id, as_of: Time = None) -> Response:
    """Show an order: what was ordered, what came, what is outstanding."""
    at = instant(as_of)
    return await call.show(lambda session: order_rows.show(session, order=order, as_of=at))


@router.post("/purchase-orders/{order}/place", **door.changes("purchase order place", OrderRow))
async def place(call: Changing, order: Id, body: Placing | None = None) -> Response:
    """Place a draft: its goods are on order, and its lines fixed."""
    more = body.over_receipt if body else None
    return await call.run(
        lambda session: orders.place(session, order=order, over_receipt_percent=more),
        {"order": order, "over_receipt": more},
    )


@router.post("/purchase-orders/{order}/cancel", **door.changes("purchase order cancel", OrderRow))
async def cancel(call: Changing, order: Id) -> Response:
    """Cancel an order, or what is outstanding of it."""
    return await call.run(lambda session: orders.cancel(session, order=order), {"order": order})


@router.post("/purchase-orders/{order}/receive", **door.changes("receive", ReceiptRow))
async def receive(call: Changing, order: Id, body: stock_bodies.Delivery) -> Response:
    """Take in what came for an order: these lines, or `all` that is outstanding."""
    expires_on = bodies.day(body.expires_on)
    return await call.run(
        lambda session: receipts.receive_order(
            session,
            order=order,
            lines=pairs(body.lines),
            everything=body.all,
            warehouse=body.warehouse or "",
            document=body.document or "",
            bin=body.bin,
            lot=body.lot or "",
            expires_on=expires_on,
        ),
        body.said() | {"order": order},
    )


@router.get("/receipts", **door.reads("purchase receipt list", list[ReceiptSummary]))
async def receipts_page(
    call: Reading,
    supplier: MaybeCode = None,
    order: Annotated[str | None, Query(max_length=20)] = None,
    warehouse: MaybeCode = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """List receipts, the newest first."""
    rows, cursor = await call.read(
        lambda session: receipt_rows.page(
            session, supplier=supplier, order=order, warehouse=warehouse, limit=limit, after=after
        )
    )
    return call.page(rows, cursor)


@router.get("/receipts/{receipt}", **door.reads("purchase receipt show", ReceiptRow))
async def show_receipt(call: Reading, receipt: ReceiptId) -> Response:
    """Show what a delivery brought, and what its order still waits for."""
    return await call.show(lambda session: receipt_rows.show(session, receipt=receipt))


@router.get("/suppliers", **door.reads("purchase supplier list", list[SupplierRow]))
async def suppliers_page(call: Reading, limit: Limit = 100, after: After = None) -> Response:
    """List suppliers by code."""
    rows, cursor = await call.read(
        lambda session: suppliers.page(session, limit=limit, after=after)
    )
    return call.page(rows, cursor)


@router.get("/suppliers/{supplier}", **door.reads("purchase supplier show", SupplierDetails))
async def show_supplier(call: Reading, supplier: SupplierCode) -> Response:
    """Show a supplier and all of their terms."""
    return await call.show(lambda session: suppliers.show(session, supplier=supplier))
