"""Warehouses and their bins: the places that goods can be in."""

from sqlalchemy import func, insert, select

from bvinv.core import command_log, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.ledger import VIRTUAL_ENDS, Place
from bvinv.core.levels import Site, rank
from bvinv.core.models.base import table
from bvinv.core.models.stock import BinLevel, StockLevel
from bvinv.core.models.warehouse import (
    DOCK,
    KINDS,
    SELLABLE,
    SHELF,
    Bin,
    BinRow,
    Warehouse,
    WarehouseRow,
)

WAREHOUSE = table(Warehouse)
BIN = table(Bin)
BIN_LEVEL = table(BinLevel)
LEVEL = table(StockLevel)
_SITES = Sql("SELECT id, code, priority FROM warehouse ORDER BY priority, code")
_SITE = Sql("SELECT id, code, priority FROM warehouse WHERE code = :code")
_BINS_OF = Sql("SELECT id, code, kind FROM bin WHERE warehouse_id = :site")


def code(name: str) -> str:
    """Return a warehouse's code as it is kept: upper case. Raises InvalidInput."""
    return text.code(name, what="warehouse", maximum=32).upper()


def bin_code(name: str) -> str:
    """Return a bin's code as it is kept: upper case. Raises InvalidInput."""
    checked = text.code(name, what="bin", maximum=32).upper()
    if checked in VIRTUAL_ENDS:
        raise InvalidInput(f"{checked} is where goods come from or go to, not a bin")
    return checked


def sites(session: Session) -> dict[str, Site]:
    """Return every warehouse by its code, in the order in which they are asked for stock."""
    return {row.code: Site(*row) for row in session.ask(_SITES)}


def site(session: Session, name: str) -> Site:
    """Return one warehouse. Raises NotFound."""
    wanted = code(name)
    rows = session.ask(_SITE, code=wanted)
    if not rows:
        raise unknown(wanted)
    return Site(*rows[0])


def unknown(wanted: str) -> NotFound:
    """Return the error for a warehouse that is not there."""
    return NotFound(
        f"there is no warehouse {wanted}", hint="see: bvinv warehouse list", warehouse=wanted
    )


def bins(session: Session, warehouse: Site) -> dict[str, Place]:
    """Return every bin of a warehouse by its code."""
    return {
        row.code: Place(row.code, row.id, row.kind in SELLABLE, rank(row.kind))
        for row in session.ask(_BINS_OF, site=warehouse.id)
    }


def place(session: Session, warehouse: Site, name: str) -> Place:
    """Return one bin of a warehouse. Raises NotFound, naming the warehouse."""
    wanted = bin_code(name)
    found = bins(session, warehouse).get(wanted)
    if found is None:
        raise NotFound(
            f"there is no bin {wanted} in {warehouse.code}",
            hint=f"see: bvinv warehouse bins {warehouse.code}",
            warehouse=warehouse.code,
            bin=wanted,
        )
    return found


def add(session: Session, *, name_code: str, name: str, priority: int = 100) -> WarehouseRow:
    """Add a warehouse with its two first bins. Raises Conflict when the code is taken."""
    wanted = code(name_code)
    checked = text.line(name, what="name", maximum=200)
    text.quantity(priority, what="priority", minimum=0, maximum=10_000)
    if wanted in sites(session):
        raise Conflict(f"there is a warehouse {wanted} already", warehouse=wanted)
    connection = session.wire
    number = connection.execute(
        insert(WAREHOUSE).returning(WAREHOUSE.c.id),
        {"code": wanted, "name": checked, "priority": priority, "created_at": session.now},
    ).scalar_one()
    connection.execute(
        insert(BIN),
        [
            {"warehouse_id": number, "code": DOCK, "kind": "dock"},
            {"warehouse_id": number, "code": SHELF, "kind": "storage"},
        ],
    )
    command_log.tell(
        session,
        [Tale("warehouse.created", wanted, {"name": checked}, session.command)],
    )
    return show(session, name=wanted)


def add_bin(session: Session, *, warehouse: str, name: str, kind: str = "storage") -> BinRow:
    """Add a bin. Raises Conflict when the warehouse has one of that name."""
    where = site(session, warehouse)
    wanted = bin_code(name)
    if kind not in KINDS:
        raise InvalidInput(f"a bin is one of {', '.join(KINDS)}, not {text.quoted(kind)}")
    if wanted in bins(session, where):
        raise Conflict(f"there is a bin {wanted} in {where.code} already", bin=wanted)
    session.wire.execute(insert(BIN), {"warehouse_id": where.id, "code": wanted, "kind": kind})
    told = {"bin": wanted, "kind": kind}
    command_log.tell(session, [Tale("warehouse.bin-created", where.code, told, session.command)])
    return BinRow(warehouse=where.code, bin=wanted, kind=kind, skus=0, quantity=0)


_BINS = (
    select(func.count()).where(BIN.c.warehouse_id == WAREHOUSE.c.id).correlate(WAREHOUSE)
).scalar_subquery()
_SHOWN = (
    select(
        WAREHOUSE.c.code,
        WAREHOUSE.c.name,
        WAREHOUSE.c.priority,
        _BINS.label("bins"),
        func.count(LEVEL.c.id).filter(LEVEL.c.on_hand > 0).label("skus"),
        func.coalesce(func.sum(LEVEL.c.on_hand), 0).label("on_hand"),
        WAREHOUSE.c.created_at,
    )
    .join_from(WAREHOUSE, LEVEL, LEVEL.c.warehouse_id == WAREHOUSE.c.id, isouter=True)
    .group_by(
        WAREHOUSE.c.id,
        WAREHOUSE.c.code,
        WAREHOUSE.c.name,
        WAREHOUSE.c.priority,
        WAREHOUSE.c.created_at,
    )
    .order_by(WAREHOUSE.c.priority, WAREHOUSE.c.code)
)


def warehouses(session: Session) -> list[WarehouseRow]:
    """Return every warehouse, in the order in which they are asked for stock."""
    found = session.wire.execute(_SHOWN).mappings()
    return [WarehouseRow.model_validate(dict(row)) for row in found]


def show(session: Session, *, name: str) -> WarehouseRow:
    """Return one warehouse. Raises NotFound."""
    wanted = code(name)
    found = session.wire.execute(_SHOWN.where(WAREHOUSE.c.code == wanted)).mappings()
    row = found.one_or_none()
    if row is None:
        raise unknown(wanted)
    return WarehouseRow.model_validate(dict(row))


def show_bins(session: Session, *, warehouse: str) -> list[BinRow]:
    """Return the bins of a warehouse by code, with what lies in each. Raises NotFound."""
    where = site(session, warehouse)
    found = session.wire.execute(
        select(
            BIN.c.code.label("bin"),
            BIN.c.kind,
            func.count(BIN_LEVEL.c.level_id).filter(BIN_LEVEL.c.quantity > 0).label("skus"),
            func.coalesce(func.sum(BIN_LEVEL.c.quantity), 0).label("quantity"),
        )
        .join_from(BIN, BIN_LEVEL, BIN_LEVEL.c.bin_id == BIN.c.id, isouter=True)
        .where(BIN.c.warehouse_id == where.id)
        .group_by(BIN.c.id, BIN.c.code, BIN.c.kind)
        .order_by(BIN.c.code)
    )
    return [
        BinRow(
            warehouse=where.code, bin=row.bin, kind=row.kind, skus=row.skus, quantity=row.quantity
        )
        for row in found
    ]
