"""Stock: what there is, and what changes it. Counts and scans are for the command line."""

from typing import Annotated

from fastapi import Query, Response

from bvinv.core import adjustments, batches, history, put_away, stock
from bvinv.core.db import Session
from bvinv.core.history import WhyRow
from bvinv.core.models.batch import BatchRow
from bvinv.core.models.receipt import ReceiptRow
from bvinv.core.models.stock import LevelRow, MovementRow, PutAwayRow, StockRow
from bvinv.core.models.warehouse import LotRow
from bvinv.core.purchasing import receipts, receiving
from bvinv.web import answers, bodies, door, stock_bodies
from bvinv.web.bodies import instant, pairs
from bvinv.web.door import Changing, Reading, Truth
from bvinv.web.paths import Router
from bvinv.web.queries import After, Limit, MaybeCode, Ref, Time

router = Router("stock")

Cursor = Annotated[int | None, Query(ge=1, le=2**62, description="Go on after this page.")]


@router.get("/stock", **door.reads("stock list", list[LevelRow]))
async def levels(
    call: Reading,
    warehouse: MaybeCode = None,
    low: Truth = False,
    below_reorder_point: Truth = False,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """List levels by SKU and warehouse: all, those with no more than the safety stock, or those
    that should be ordered."""
    rows, cursor = await call.read(
        lambda session: stock.page(
            session,
            warehouse=warehouse,
            low=low,
            below_reorder_point=below_reorder_point,
            limit=limit,
            after=after,
        )
    )
    return call.page(rows, cursor)


@router.get("/stock/{sku}", **door.reads("stock show", StockRow))
async def show(
    call: Reading, sku: Ref, warehouse: MaybeCode = None, as_of: Time = None
) -> Response:
    """Show a product's levels by warehouse, and what they come to, now or at an instant."""
    return await show_availability(call, sku, warehouse, as_of)


@router.get("/books/{ref}/availability", **door.reads("stock show", StockRow))
@router.get("/products/{ref}/availability", **door.reads("stock show", StockRow))
async def show_availability(
    call: Reading, ref: Ref, warehouse: MaybeCode = None, as_of: Time = None
) -> Response:
    """Show a product's levels by warehouse, and what they come to, now or at an instant."""
    at = instant(as_of)
    return await call.show(
        lambda session: stock.total(session, ref=ref, warehouse=warehouse, as_of=at)
    )


@router.post("/stock/availability", **door.asks("stock show", list[StockRow]))
async def availability(call: Reading, body: stock_bodies.Skus) -> Response:
    """Show the levels of many products, in the order in which they are named."""
    return await call.show(
        lambda session: list(stock.totals(session, refs=body.skus)), kept=answers.NO_STORE
    )


@router.get("/stock/{sku}/history", **door.reads("stock history", list[MovementRow]))
async def movements(
    call: Reading,
    sku: Ref,
    warehouse: MaybeCode = None,
    since: Time = None,
    until: Time = None,
    limit: Limit = 50,
    after: Cursor = None,
) -> Response:
    """List a product's movements, the newest first."""
    first, last = instant(since), instant(until)
    rows, cursor = await call.read(
        lambda session: history.history(
            session,
            ref=sku,
            warehouse=warehouse,
            since=first,
            until=last,
            limit=limit,
            after=after,
        )
    )
    return call.page(rows, cursor)


@router.get("/stock/{sku}/why", **door.reads("stock why", WhyRow))
async def why(
    call: Reading, sku: Ref, warehouse: Annotated[str, Query(min_length=1, max_length=100)]
) -> Response:
    """Explain a level: causes, holders, who waits, where it lies."""
    return await call.show(lambda session: history.why(session, ref=sku, warehouse=warehouse))


@router.get("/stock/{sku}/lots", **door.reads("stock lots", list[LotRow]))
async def lots(call: Reading, sku: Ref, warehouse: MaybeCode = None) -> Response:
    """List a product's lots, the first to expire first."""
    return await call.show(
        lambda session: list(stock.lots_of(session, ref=sku, warehouse=warehouse))
    )


@router.post("/stock/adjust", **door.changes("stock adjust", LevelRow))
async def adjust(call: Changing, body: stock_bodies.Adjust) -> Response:
    """Correct what is on hand, with a reason."""
    asked = body.asked()

    def action(session: Session) -> LevelRow:
        [row] = adjustments.adjust_many(session, [asked])
        return row

    return await call.run(action, body.said())


@router.post("/stock/receive", **door.changes("receive", LevelRow | ReceiptRow))
async def receive(call: Changing, body: stock_bodies.Received) -> Response:
    """Take goods in: for an order, or blind, one product at a time."""
    expires_on = bodies.day(body.expires_on)

    def action(session: Session) -> LevelRow | ReceiptRow:
        if isinstance(body, stock_bodies.ReceiveBlind):
            return receiving.receive(
                session,
                ref=body.sku,
                quantity=body.quantity,
                supplier=body.supplier or "",
                warehouse=body.warehouse,
                document=body.document or "",
                bin=body.bin,
                lot=body.lot or "",
                expires_on=expires_on,
            )
        return receipts.receive_order(
            session,
            order=body.order,
            lines=pairs(body.lines),
            everything=body.all,
            warehouse=body.warehouse or "",
            document=body.document or "",
            bin=body.bin,
            lot=body.lot or "",
            expires_on=expires_on,
        )

    return await call.run(action, body.said())


@router.post("/stock/put-away", **door.changes("stock put-away", PutAwayRow))
async def put_goods_away(call: Changing, body: stock_bodies.PutAway) -> Response:
    """Move pieces from the dock, or another bin, to a bin."""
    asked = body.asked()
    return await call.run(
        lambda session: put_away.put_away(
            session,
            ref=asked.ref,
            quantity=asked.quantity,
            warehouse=asked.warehouse,
            origin=asked.origin,
            target=asked.target,
            lot=asked.lot,
            over_capacity=asked.over_capacity,
        ),
        body.said(),
    )


@router.post("/stock/batch", **door.changes("stock batch", BatchRow))
async def batch(call: Changing, body: stock_bodies.Batch) -> Response:
    """Make many changes in one transaction, in their order: all of them, or none.

    Each needs the role that it needs alone. What is refused says which change it was, counted from
    0; of adjustments that follow each other the levels are those after the last of them.
    """
    # What was said counts for nothing but its key, and takes as long as 20 of the changes.
    said = body.said() if b"idempotency-key" in call.asked.headers else None
    asked = body.asked()
    return await call.run(lambda session: batches.run(session, asked), said)
