"""Reservations: made, looked at, prolonged, committed, released.

Who is below staff sees and touches only those that they made.
"""

from typing import Annotated

from fastapi import Path, Query, Response

from bvinv.core import promises, reservation_rows
from bvinv.core.fulfilment import packages
from bvinv.core.models.pick import ReservationDetails
from bvinv.core.models.reservation import ReservationRow
from bvinv.web import bodies, door
from bvinv.web.bodies import Reservation, ReservationOfOne
from bvinv.web.door import Changing, Reading
from bvinv.web.paths import Router
from bvinv.web.queries import Limit, Ref

router = Router("reservations")

Id = Annotated[str, Path(min_length=1, max_length=128, examples=["SO-1001"])]
Status = Annotated[
    str | None, Query(max_length=20, description="held, committed, released or expired")
]
After = Annotated[
    str | None, Query(min_length=1, max_length=128, description="Go on after this page.")
]


@router.post("/stock/reserve", **door.changes("reserve create", ReservationRow, status=201))
async def reserve(call: Changing, body: Reservation) -> Response:
    """Set stock aside, all of it or nothing. The same request again answers the same."""
    return await call.run(body.request(), body.said(), status=201)


@router.post("/books/{ref}/reserve", **door.changes("reserve create", ReservationRow, status=201))
@router.post(
    "/products/{ref}/reserve", **door.changes("reserve create", ReservationRow, status=201)
)
async def reserve_one(call: Changing, ref: Ref, body: ReservationOfOne) -> Response:
    """Set pieces of one product aside, all of them or none."""
    return await call.run(body.request(ref), body.said() | {"ref": ref}, status=201)


@router.post("/stock/release", **door.changes("reserve release", ReservationRow))
async def release(call: Changing, body: bodies.Release) -> Response:
    """Give back everything that a reservation still holds."""
    return await call.run(
        lambda session: promises.release(session, reservation_id=body.reservation_id), body.said()
    )


@router.post("/stock/commit", **door.changes("reserve commit", ReservationRow))
async def commit(call: Changing, body: bodies.Commitment) -> Response:
    """Let held goods leave: all, or these lines. On hand and reserved fall together."""
    return await call.run(
        lambda session: promises.commit(
            session,
            reservation_id=body.reservation_id,
            lines=body.pairs(),
            close=body.close,
        ),
        body.said(),
    )


@router.post("/stock/extend", **door.changes("reserve extend", ReservationRow))
async def extend(call: Changing, body: bodies.Extension) -> Response:
    """Let a live reservation last longer: `ttl_seconds` from now, or until `expires_at`."""
    until = bodies.instant(body.expires_at)
    return await call.run(
        lambda session: promises.extend(
            session,
            reservation_id=body.reservation_id,
            ttl=bodies.microseconds(body.ttl_seconds),
            expires_at=until,
        ),
        body.said(),
    )


@router.get("/reservations", **door.reads("reserve list", list[ReservationRow]))
async def reservations(
    call: Reading, status: Status = None, limit: Limit = 50, after: After = None
) -> Response:
    """List reservations, the newest first."""
    rows, cursor = await call.read(
        lambda session: reservation_rows.page(
            session, status=status, limit=limit, after=after, owner=call.owner
        )
    )
    return call.page(rows, cursor)


@router.get("/reservations/{reservation_id}", **door.reads("reserve show", ReservationDetails))
async def show(call: Reading, reservation_id: Id) -> Response:
    """Show a reservation as it is at this moment."""
    return await call.show(
        lambda session: packages.reservation(
            session, reservation_id=reservation_id, owner=call.owner
        )
    )
