"""Warehouses and their bins: the places that goods can be in; `bins` says what lies in them."""

from bvinv.core import command_log, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.ledger import VIRTUAL_ENDS, Place
from bvinv.core.levels import Site, rank
from bvinv.core.models.warehouse import (
    DOCK,
    KINDS,
    SELLABLE,
    SHELF,
    BinRow,
    WarehouseRow,
)

_SITES = Sql("SELECT id, code, priority FROM warehouse ORDER BY priority, code")
_SITE = Sql("SELECT id, code, priority FROM warehouse WHERE code = :code")
_BINS_OF = Sql("SELECT id, code, kind FROM bin WHERE warehouse_id = :site")
_BIN = Sql("SELECT id, code, kind FROM bin WHERE warehouse_id = :site AND code = :code")
_SITES_OF_BIN = Sql("""
    SELECT w.code FROM bin AS b JOIN warehouse AS w ON w.id = b.warehouse_id
     WHERE b.code = :code ORDER BY w.priority, w.code
""")
_FIRST_OF_KIND = Sql("""
    SELECT id, code, kind FROM bin WHERE warehouse_id = :site AND kind = :kind
     ORDER BY pick_sequence IS NULL, pick_sequence, code LIMIT 1
""")

BORN = {DOCK: "dock", SHELF: "storage"}  # the bins that every warehouse begins with


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
    # Not all of its bins, of which there may be 10,000: each scan asks this.
    for row in session.ask(_BIN, site=warehouse.id, code=wanted):
        return Place(row.code, row.id, row.kind in SELLABLE, rank(row.kind))
    raise no_bin(session, warehouse, wanted)


def no_bin(session: Session, warehouse: Site, wanted: str) -> NotFound:
    """Return the error for a bin that is not there; it says where there is one of that name."""
    others = [row.code for row in session.ask(_SITES_OF_BIN, code=wanted)]
    said = f"there is no bin {wanted} in {warehouse.code}"
    if others:
        said = f"{wanted} is a bin of {' and '.join(others[:3])}, not of {warehouse.code}"
    return NotFound(
        said,
        hint=f"see: bvinv warehouse bins {warehouse.code}",
        warehouse=warehouse.code,
        bin=wanted,
    )


def bin_of_kind(session: Session, warehouse: Site, kind: str) -> Place:
    """Return the warehouse's first bin of a kind; one is made, named like it, if there is none.

    Raises Conflict when the name is taken by a bin of another kind.
    """
    rows = session.ask(_FIRST_OF_KIND, site=warehouse.id, kind=kind)
    if not rows:
        add_bin(session, warehouse=warehouse.code, name=kind.upper(), kind=kind)
        rows = session.ask(_FIRST_OF_KIND, site=warehouse.id, kind=kind)
    [row] = rows
    return Place(row.code, row.id, row.kind in SELLABLE, rank(row.kind))


def add(session: Session, *, name_code: str, name: str, priority: int = 100) -> WarehouseRow:
    """Add a warehouse with its two first bins. Raises Conflict when the code is taken."""
    wanted = code(name_code)
    checked = text.line(name, what="name", maximum=200)
    text.quantity(priority, what="priority", minimum=0, maximum=10_000)
    if wanted in sites(session):
        raise Conflict(f"there is a warehouse {wanted} already", warehouse=wanted)
    row = {
        "code": wanted,
        "name": checked,
        "priority": priority,
        "created_at": session.now,
    }
    [number] = session.insert(_ADD, [row])
    session.send(
        _ADD_BIN,
        [
            {"warehouse_id": number, "code": one, "kind": kind} | dict.fromkeys(_BIN_SETTINGS)
            for one, kind in BORN.items()
        ],
    )
    command_log.tell(
        session,
        [Tale("warehouse.created", wanted, {"name": checked}, session.command)],
    )
    return show(session, name=wanted)


def bin_kind(kind: str) -> str:
    """Return a kind of bin that there is. Raises InvalidInput."""
    if kind not in KINDS:
        raise InvalidInput(f"a bin is one of {', '.join(KINDS)}, not {text.quoted(kind)}")
    return kind


def add_bin(
    session: Session,
    *,
    warehouse: str,
    name: str,
    kind: str = "storage",
    pick_sequence: int | None = None,
    capacity: int | None = None,
) -> BinRow:
    """Add a bin; pickers walk by `pick_sequence`, and `capacity` pieces fit, any if None.

    Raises Conflict when the warehouse has one of that name, NotFound, InvalidInput.
    """
    where = site(session, warehouse)
    wanted = bin_code(name)
    bin_kind(kind)
    settings = {"pick_sequence": pick_sequence, "capacity": capacity}
    for what, value in settings.items():
        if value is not None:
            text.quantity(value, what=what.replace("_", " "), minimum=0)
    if wanted in bins(session, where):
        raise Conflict(f"there is a bin {wanted} in {where.code} already", bin=wanted)
    row = {"warehouse_id": where.id, "code": wanted, "kind": kind}
    session.send(_ADD_BIN, [row | settings])
    told: dict[str, str | int] = {"bin": wanted, "kind": kind}
    told |= {what: value for what, value in settings.items() if value is not None}
    command_log.tell(session, [Tale("warehouse.bin-created", where.code, told, session.command)])
    return BinRow(warehouse=where.code, bin=wanted, kind=kind, skus=0, quantity=0, **settings)


_SHOWN = """
    SELECT w.code, w.name, w.priority, w.created_at
         , (SELECT count(*) FROM bin AS b WHERE b.warehouse_id = w.id) AS bins
         , count(l.id) AS skus, coalesce(sum(l.on_hand), 0) AS on_hand
      FROM warehouse AS w LEFT JOIN stock_level AS l ON l.warehouse_id = w.id AND l.on_hand > 0
     {where} GROUP BY w.id, w.code, w.name, w.priority, w.created_at ORDER BY w.priority, w.code
"""
_ALL = Sql(_SHOWN.format(where=""))
_ONE = Sql(_SHOWN.format(where="WHERE w.code = :code"))
_ADD = Sql.insert("warehouse", "code", "name", "priority", "created_at", after="RETURNING id")
_BIN_SETTINGS = ("pick_sequence", "capacity")
_ADD_BIN = Sql.insert("bin", "warehouse_id", "code", "kind", *_BIN_SETTINGS)


def warehouses(session: Session) -> list[WarehouseRow]:
    """Return every warehouse, in the order in which they are asked for stock."""
    return [WarehouseRow(**row._asdict()) for row in session.ask(_ALL)]


def show(session: Session, *, name: str) -> WarehouseRow:
    """Return one warehouse. Raises NotFound."""
    wanted = code(name)
    rows = session.ask(_ONE, code=wanted)
    if not rows:
        raise unknown(wanted)
    return WarehouseRow(**rows[0]._asdict())
