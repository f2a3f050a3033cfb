"""Warehouses and their bins: the places that goods can be in."""

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
_FIRST_OF_KIND = Sql("""
    SELECT id, code, kind FROM bin WHERE warehouse_id = :site AND kind = :kind
     ORDER BY pick_sequence IS NULL, pick_sequence, code LIMIT 1
""")


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
    born = ((DOCK, "dock"), (SHELF, "storage"))
    session.send(
        _ADD_BIN,
        [{"warehouse_id": number, "code": one, "kind": kind} for one, kind in born],
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
    session.send(_ADD_BIN, [{"warehouse_id": where.id, "code": wanted, "kind": kind}])
    told = {"bin": wanted, "kind": kind}
    command_log.tell(session, [Tale("warehouse.bin-created", where.code, told, session.command)])
    return BinRow(warehouse=where.code, bin=wanted, kind=kind, skus=0, quantity=0)


_SHOWN = """
    SELECT w.code, w.name, w.priority, w.created_at
         , (SELECT count(*) FROM bin AS b WHERE b.warehouse_id = w.id) AS bins
         , count(l.id) AS skus, coalesce(sum(l.on_hand), 0) AS on_hand
      FROM warehouse AS w LEFT JOIN stock_level AS l ON l.warehouse_id = w.id AND l.on_hand > 0
     {where} GROUP BY w.id, w.code, w.name, w.priority, w.created_at ORDER BY w.priority, w.code
"""
_ALL = Sql(_SHOWN.format(where=""))
_ONE = Sql(_SHOWN.format(where="WHERE w.code = :code"))
_BINS_SHOWN = Sql("""
    SELECT b.code AS bin, b.kind, count(l.level_id) AS skus
         , coalesce(sum(l.quantity), 0) AS quantity
      FROM bin AS b LEFT JOIN bin_level AS l ON l.bin_id = b.id AND l.quantity > 0
     WHERE b.warehouse_id = :site GROUP BY b.id, b.code, b.kind ORDER BY b.code
""")
_ADD = Sql.insert("warehouse", "code", "name", "priority", "created_at", after="RETURNING id")
_ADD_BIN = Sql.insert("bin", "warehouse_id", "code", "kind")


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


def show_bins(session: Session, *, warehouse: str) -> list[BinRow]:
    """Return the bins of a warehouse by code, with what lies in each. Raises NotFound."""
    where = site(session, warehouse)
    found = session.ask(_BINS_SHOWN, site=where.id)
    return [BinRow(warehouse=where.code, **row._asdict()) for row in found]
