"""Levels: the one function that locks them, what their open lines want, and which bin gives.

Locks are taken in one order everywhere: a reservation, then levels by warehouse and SKU, then
bins and lines, which a level's lock covers. So no two commands can wait for each other.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from bvinv.core.db import Session, Sql
from bvinv.core.items import Item
from bvinv.core.ledger import Level, OpenLine, Place, genesis
from bvinv.core.models.reservation import OPEN
from bvinv.core.models.warehouse import SELLABLE


class Site(NamedTuple):
    """A warehouse, as far as stock needs to know it."""

    id: int
    code: str
    priority: int


Key = tuple[int, int]  # product id, warehouse id

_LEVELS = """
    SELECT l.id, l.product_id, p.sku, l.warehouse_id, w.code, l.on_hand, l.unsellable
         , l.reserved, l.head_seq, l.head_hash
      FROM stock_level AS l JOIN product AS p ON p.id = l.product_id
           JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE l.product_id IN :products {where} ORDER BY w.code, p.sku_key
"""
_LEVELS_ANYWHERE = Sql(_LEVELS.format(where=""), lock="FOR UPDATE OF l")
_LEVELS_AT = Sql(_LEVELS.format(where="AND l.warehouse_id IN :sites"), lock="FOR UPDATE OF l")
_CREATE = Sql.insert(
    "stock_level",
    "product_id",
    "warehouse_id",
    "on_hand",
    "unsellable",
    "reserved",
    "in_transit",
    "version",
    "head_seq",
    "head_hash",
    "updated_at",
    after="ON CONFLICT DO NOTHING",
)

# Two index look-ups a level, whatever the number of its live holds. Oldest backorders first.
_OPEN_LINES = Sql(f"""
    SELECT reservation_id, level_id, held, backordered, l.expires_at, 0 AS asked
      FROM reservation_line AS l
     WHERE {OPEN} AND l.expires_at <= :now AND level_id IN :levels
    UNION ALL
    SELECT reservation_id, level_id, held, backordered, l.expires_at, r.command_id
      FROM reservation_line AS l JOIN reservation AS r ON r.id = l.reservation_id
     WHERE backordered > 0 AND l.expires_at > :now AND level_id IN :levels
     ORDER BY asked, reservation_id
""")
_PLACES = Sql("""
    SELECT b.id, b.code, b.kind, l.level_id, l.quantity
      FROM bin_level AS l JOIN bin AS b ON b.id = l.bin_id WHERE l.level_id IN :levels
""")
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
    wanted = sorted(products)
    if sites is None:
        found = session.ask(_LEVELS_ANYWHERE, products=wanted)
    else:
        found = session.ask(_LEVELS_AT, products=wanted, sites=sorted(sites))
    levels = [Level(*row) for row in found]
    by_id = {level.id: level for level in levels}
    if by_id:
        for *values, _ in session.ask(_OPEN_LINES, levels=sorted(by_id), now=session.now):
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
        zeros = dict.fromkeys(
            ("on_hand", "unsellable", "reserved", "in_transit", "version", "head_seq"), 0
        )
        session.send(
            _CREATE,
            [
                zeros
                | {
                    "product_id": item.id,
                    "warehouse_id": site.id,
                    "head_hash": genesis(item.sku, site.code),
                    "updated_at": session.now,
                }
                for item, site in missing
            ],
        )
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
    for row in session.ask(_PLACES, levels=sorted(bare)):
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
