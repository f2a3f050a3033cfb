"""Transfers: goods go from one warehouse to another. Drafts are changed at the command line."""

from typing import Annotated

from fastapi import Path, Query, Response

from bvinv.core.db import Session
from bvinv.core.models.transfer import TransferRow
from bvinv.core.transfers import transfers
from bvinv.web import door, stock_bodies
from bvinv.web.bodies import instant, pairs
from bvinv.web.door import Changing, Reading, Truth
from bvinv.web.paths import Router
from bvinv.web.queries import After, Limit, MaybeCode, Time

router = Router("transfers")

Id = Annotated[str, Path(min_length=1, max_length=20, examples=["TR-3"])]
Status = Annotated[
    str | None,
    Query(max_length=20, description="draft, shipped, partly-received, closed or cancelled"),
]
Open = Annotated[Truth, Query(alias="open", description="Only what is not closed or cancelled.")]


@router.get("/transfers", **door.reads("transfer list", list[TransferRow]))
async def page(
    call: Reading,
    status: Status = None,
    warehouse: MaybeCode = None,
    only_open: Open = False,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """List transfers, the newest first; the warehouse is either end."""
    rows, cursor = await call.read(
        lambda session: transfers.page(
            session, status=status, warehouse=warehouse, open=only_open, limit=limit, after=after
        )
    )
    return call.page(rows, cursor)


@router.post("/stock/transfer", **door.changes("transfer create", TransferRow, status=201))
@router.post("/transfers", **door.changes("transfer create", TransferRow, status=201))
async def create(call: Changing, body: stock_bodies.Transfer) -> Response:
    """Draft a transfer to another warehouse; a draft holds nothing. With `ship` the goods leave."""

    def action(session: Session) -> TransferRow:
        row = transfers.create(
            session, lines=pairs(body.lines), origin=body.from_, target=body.to, note=body.note
        )
        return transfers.ship(session, transfer=row.transfer) if body.ship else row

    return await call.run(action, body.said(), status=201)


@router.get("/transfers/{transfer}", **door.reads("transfer show", TransferRow))
async def show(call: Reading, transfer: Id, as_of: Time = None) -> Response:
    """Show a transfer: what was shipped, what arrived, what is left."""
    at = instant(as_of)
    return await call.show(lambda session: transfers.show(session, transfer=transfer, as_of=at))


@router.post("/transfers/{transfer}/ship", **door.changes("transfer ship", TransferRow))
async def ship(call: Changing, transfer: Id) -> Response:
    """Let a draft's goods leave, all or nothing."""
    return await call.run(
        lambda session: transfers.ship(session, transfer=transfer), {"transfer": transfer}
    )


@router.post("/transfers/{transfer}/receive", **door.changes("transfer receive", TransferRow))
async def receive(
    call: Changing, transfer: Id, body: stock_bodies.TransferArrival | None = None
) -> Response:
    """Take in what arrives: these lines, or all that is in transit."""
    came = body or stock_bodies.TransferArrival()
    return await call.run(
        lambda session: transfers.receive(
            session, transfer=transfer, lines=pairs(came.lines), bin=came.bin, lot=came.lot
        ),
        came.said() | {"transfer": transfer},
    )


@router.post("/transfers/{transfer}/close", **door.changes("transfer close", TransferRow))
async def close(call: Changing, transfer: Id, body: stock_bodies.TransferEnd) -> Response:
    """End a transfer: the rest is named lost, or goes back."""
    return await call.run(
        lambda session: transfers.close(
            session,
            transfer=transfer,
            lost=pairs(body.lost),
            returned=pairs(body.returned),
            rest=body.rest,
            bin=body.bin,
        ),
        body.said() | {"transfer": transfer},
    )


@router.post("/transfers/{transfer}/cancel", **door.changes("transfer cancel", TransferRow))
async def cancel(call: Changing, transfer: Id) -> Response:
    """Cancel a draft."""
    return await call.run(
        lambda session: transfers.cancel(session, transfer=transfer), {"transfer": transfer}
    )
