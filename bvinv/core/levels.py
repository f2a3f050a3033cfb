"""Levels: the one function that locks them, what their open lines want, and which bin gives.

Locks are taken in one order everywhere: a reservation, then levels by warehouse and SKU, then
bins and lines, which a level's lock covers. So no two commands can wait for each other.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, select, text

from bvinv.core.db import Session, insert_new
from bvinv.core.ledger import BIN_LEVEL, LEVEL, Level, OpenLine, Place, genesis
from bvinv.core.models.base import table
from bvinv.core.models.product import Product
from bvinv.core.models.reservation import OPEN, Reservation, ReservationLine
from bvinv.core.models.warehouse import SELLABLE, Bin, Warehouse

PRODUCT = table(Product)
WAREHOUSE = table(Warehouse)
BIN = table(Bin)
RESERVATION = table(Reservation)
LINE = table(ReservationLine)


class Item(NamedTuple):
    """A product, as far as stock needs to know it."""

    id: int
    sku: str


class Site(NamedTuple):
    """A warehouse, as far as stock needs to know it."""

    id: int
    code: str
    priority: int


Key = tuple[int, int]  # product id, warehouse id

_LEVELS = (
    select(
        LEVEL.c.id,
        LEVEL.c.product_id,
        PRODUCT.c.sku,
        LEVEL.c.warehouse_id,
        WAREHOUSE.c.code,
        LEVEL.c.on_hand,
        LEVEL.c.unsellable,
        LEVEL.c.reserved,
        LEVEL.c.head_seq,
        LEVEL.c.head_hash,
    )
    .join_from(LEVEL, PRODUCT, PRODUCT.c.id == LEVEL.c.product_id)
    .join(WAREHOUSE, WAREHOUSE.c.id == LEVEL.c.warehouse_id)
    .where(LEVEL.c.product_id.in_(bindparam("products", expanding=True)))
    .order_by(WAREHOUSE.c.code, PRODUCT.c.sku_key)
    .with_for_update(of=LEVEL)
)
_LEVELS_AT = _LEVELS.where(LEVEL.c.warehouse_id.in_(bindparam("sites", expanding=True)))

# Two index look-ups a level, whatever the number of its live holds. Oldest backorders first.
_OPEN_LINES = text(f"""
    SELECT reservation_id, level_id, held, backordered, l.expires_at, 0 AS asked
      FROM reservation_line AS l
     WHERE {OPEN} AND l.expires_at <= :now AND level_id IN :levels
    UNION ALL
    SELECT reservation_id, level_id, held, backordered, l.expires_at, r.command_id
      FROM reservation_line AS l JOIN reservation AS r ON r.id = l.reservation_id
     WHERE backordered > 0 AND l.expires_at > :now AND level_id IN :levels
     ORDER BY asked, reservation_id
""").bindparams(bindparam("levels", expanding=True))

_PLACES = (
    select(
        BIN.c.id,
        BIN.c.code,
        BIN.c.kind,
        BIN.c.warehouse_id,
        BIN_LEVEL.c.level_id,
        BIN_LEVEL.c.quantity,
    )
    .join_from(BIN_LEVEL, BIN, BIN.c.id == BIN_LEVEL.c.bin_id)
    .where(BIN_LEVEL.c.level_id.in_(bindparam("levels", expanding=True)))
)
# Which bin gives first when nobody names one: what is ready to go, then the shelves.
_GIVES = {"staging": 0, "storage": 1, "dock": 2}


def rank(kind: str) -> int:
    """Return when a bin of this kind is asked to give, the lowest first."""
    return _GIVES.get(kind, 9)


def lock(
    session: Session,
    products: Collection[int],
    sites: Collection[int] | None = None,
) -> dict[Key, Level]:
    """Return the levels of these products (in these warehouses), locked until the end.

    A pair that has no level yet is left out; `create` makes it. Each level knows its open lines.
    """
    if not products:
        return {}
    connection = session.connection()
    wanted = {"products": sorted(products)}
    if sites is None:
        found = connection.execute(_LEVELS, wanted)
    else:
        found = connection.execute(_LEVELS_AT, {**wanted, "sites": sorted(sites)})
    levels = [Level(*row) for row in found]
    by_id = {level.id: level for level in levels}
    if by_id:
        lines = connection.execute(_OPEN_LINES, {"levels": sorted(by_id), "now": session.now})
        for *values, _ in lines:
            line = OpenLine(*values)
            level = by_id[line.level_id]
            (level.lapsed if line.expires_at <= session.now else level.waiting).append(line)
    for level in levels:
        level.before = level.counts()
    return {(level.product_id, level.warehouse_id): level for level in levels}


def create(session: Session, pairs: Iterable[tuple[Item, Site]]) -> dict[Key, Level]:
    """Return the levels of these pairs, locked; those that are not there yet begin at zero."""
    wanted = {(item.id, site.id): (item, site) for item, site in pairs}
    found = _locked(session, wanted)
    missing = [wanted[key] for key in wanted if key not in found]
    if missing:
        rows = [
            {
                "product_id": item.id,
                "warehouse_id": site.id,
                "on_hand": 0,
                "head_hash": genesis(item.sku, site.code),
                "updated_at": session.now,
            }
            for item, site in missing
        ]
        insert_new(session, LEVEL, rows)
        found = _locked(session, wanted)
    return found


def _locked(session: Session, wanted: Collection[Key]) -> dict[Key, Level]:
    products = {product for product, _ in wanted}
    found = lock(session, products, {site for _, site in wanted})
    return {key: level for key, level in found.items() if key in wanted}


def load_places(session: Session, levels: Iterable[Level]) -> None:
    """Fill in where the pieces of these levels lie."""
    bare = {level.id: level for level in levels if not level.places_loaded}
    if not bare:
        return
    for level in bare.values():
        level.places_loaded = True
    for row in session.connection().execute(_PLACES, {"levels": sorted(bare)}):
        places = bare[row.level_id].places
        places[Place(row.code, row.id, row.kind in SELLABLE, rank(row.kind))] = row.quantity


def take(level: Level, quantity: int) -> list[tuple[Place, int]]:
    """Return which bins give this many sellable pieces: staging, storage, dock, each by code.

    The caller has checked that there are as many on hand.
    """
    taken = []
    for place, lying in sorted(level.places.items(), key=_giving_order):
        if not place.sellable or not lying:
            continue
        part = min(lying, quantity)
        taken.append((place, part))
        quantity -= part
        if not quantity:
            break
    return taken


def _giving_order(entry: tuple[Place, int]) -> tuple[int, str]:
    place, _ = entry
    return place.rank, place.code
