"""Warehouses and their bins."""

from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import Field

from bvinv.core import bins as places
from bvinv.core import warehouses
from bvinv.core.models.warehouse import BinDetails, BinRow, WarehouseRow
from bvinv.web import bodies, door
from bvinv.web.bodies import Body, Pieces, instant
from bvinv.web.door import Changing, Reading
from bvinv.web.paths import Router
from bvinv.web.queries import Code, Time

router = Router("warehouses")

Kind = Annotated[
    str | None,
    Query(max_length=20, description="storage, dock, staging, quarantine or damaged"),
]


class Warehouse(Body):
    """A new warehouse; the lowest priority is asked for stock first."""

    code: bodies.Code
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Main warehouse"])]
    priority: Annotated[int, Field(ge=0, le=10_000)] = 100


class Bin(Body):
    """A new bin; pickers walk by the pick sequence, goods are put away up to the capacity."""

    code: bodies.Code
    kind: Literal["storage", "dock", "staging", "quarantine", "damaged"] = "storage"
    pick_sequence: Pieces | None = None
    capacity: Pieces | None = None


@router.get("/warehouses", **door.reads("warehouse list", list[WarehouseRow]))
async def every(call: Reading) -> Response:
    """List warehouses, in the order in which they are asked for stock."""
    return await call.show(lambda session: list(warehouses.warehouses(session)))


@router.post("/warehouses", **door.changes("warehouse add", WarehouseRow, status=201))
async def add(call: Changing, body: Warehouse) -> Response:
    """Add a warehouse; it is born with the bins DOCK and SHELF."""
    return await call.run(
        lambda session: warehouses.add(
            session, name_code=body.code, name=body.name, priority=body.priority
        ),
        body.said(),
        status=201,
    )


@router.get("/warehouses/{code}", **door.reads("warehouse show", WarehouseRow))
async def show(call: Reading, code: Code) -> Response:
    """Show one warehouse."""
    return await call.show(lambda session: warehouses.show(session, name=code))


@router.get("/warehouses/{code}/bins", **door.reads("warehouse bins", list[BinRow]))
async def bins(call: Reading, code: Code, kind: Kind = None, as_of: Time = None) -> Response:
    """List the bins of a warehouse, with what lies in each, now or at an instant."""
    at = instant(as_of)
    return await call.show(
        lambda session: list(places.bins(session, warehouse=code, kind=kind, as_of=at))
    )


@router.post("/warehouses/{code}/bins", **door.changes("warehouse bin add", BinRow, status=201))
async def add_bin(call: Changing, code: Code, body: Bin) -> Response:
    """Add a bin. What lies in quarantine or damaged bins is never promised."""
    return await call.run(
        lambda session: warehouses.add_bin(
            session,
            warehouse=code,
            name=body.code,
            kind=body.kind,
            pick_sequence=body.pick_sequence,
            capacity=body.capacity,
        ),
        body.said() | {"warehouse": code},
        status=201,
    )


@router.get("/warehouses/{code}/bins/{bin}", **door.reads("warehouse bin show", BinDetails))
async def show_bin(call: Reading, code: Code, bin: Code, as_of: Time = None) -> Response:
    """Show a bin: what lies in it, by SKU and lot, and what fits."""
    at = instant(as_of)
    return await call.show(lambda session: places.show(session, warehouse=code, bin=bin, as_of=at))
