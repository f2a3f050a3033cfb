"""Prices: asked for, and decided by somebody else."""

from typing import Annotated, Literal

from fastapi import Path, Query, Response
from pydantic import Field

from bvinv.core import price_decisions, prices
from bvinv.core.models.price import PriceChangeRow, PriceRow
from bvinv.routes.product_bodies import NewPrice
from bvinv.routes.twice import TwiceRouter
from bvinv.web import door
from bvinv.web.bodies import Body
from bvinv.web.door import Changing, Digits, Reading
from bvinv.web.queries import Limit, Ref

router = TwiceRouter()
_LAST = 2**62
Id = Annotated[int, Path(alias="id", ge=1, le=_LAST), Digits]


class Rejection(Body):
    """Why a price is turned down."""

    reason: Annotated[str, Field(min_length=1, max_length=500, examples=["not before the fair"])]


@router.twice("POST", "/{ref}/price", **door.changes("products price", PriceRow))
async def change(call: Changing, ref: Ref, body: NewPrice) -> Response:
    """Change a price, or ask for that.

    The price of a draft, and a first price, counts at once. Any other waits until somebody else
    approves it; a newer request takes its place, and asking for the price that counts withdraws it.
    """
    return await call.run(
        lambda session: prices.change(
            session, ref=ref, price=body.price or "", currency=body.currency or None
        ),
        body.said() | {"ref": ref},
    )


@router.get(
    "/price-requests",
    tags=["prices"],
    **door.reads("products price-requests", list[PriceChangeRow]),
)
async def list_(
    call: Reading,
    state: Annotated[
        Literal["requested", "approved", "rejected", "superseded", "all"],
        Query(description="requested: those that wait."),
    ] = "requested",
    limit: Limit = 50,
    after: Annotated[int, Query(ge=0, le=_LAST), Digits] = 0,
) -> Response:
    """List the prices that wait for a decision, the oldest first."""
    rows, cursor = await call.read(
        lambda session: prices.requests(session, state=state, limit=limit, after=after)
    )
    return call.page(rows, cursor)


@router.post(
    "/price-requests/{id}/approve",
    tags=["prices"],
    **door.changes("products approve", PriceChangeRow),
)
async def approve(call: Changing, number: Id) -> Response:
    """Let a requested price count from now on. Nobody approves their own."""
    return await call.run(
        lambda session: price_decisions.approve(session, ids=[number])[0], {"id": number}
    )


@router.post(
    "/price-requests/{id}/reject",
    tags=["prices"],
    **door.changes("products reject", PriceChangeRow),
)
async def reject(call: Changing, number: Id, body: Rejection) -> Response:
    """Turn a requested price down."""
    return await call.run(
        lambda session: price_decisions.reject(session, ids=[number], reason=body.reason)[0],
        body.said() | {"id": number},
    )
