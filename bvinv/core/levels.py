"""Levels: the one function that locks them, what their open lines want, and which bin gives.

Locks are taken in one order everywhere: a document, then bins whose capacity counts, then levels
by warehouse and SKU, then what lies in bins and lines, which a level's lock covers, then products.
So no two commands can wait for each other.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from bvinv.core import lots, text
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

# Both tables are told which products: PostgreSQL reads one of them whole otherwise, as long as it
# has not looked at what lies in them (ANALYZE).
_LEVELS = """
    SELECT l.id, l.product_id, p.sku, l.warehouse_id, w.code, l.on_hand, l.unsellable
         , l.reserved, l.in_transit, l.head_seq, l.head_hash, p.tracks_lots
         , CASE p.protects_safety_stock WHEN 1 THEN coalesce(l.safety_stock, 0) ELSE 0 END
           AS protected, l.updated_at
      FROM stock_level AS l JOIN product AS p ON p.id = l.product_id
           JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE l.product_id IN :products AND p.id IN :products {where} ORDER BY w.code, p.sku_key
"""
_LEVELS_ANYWHERE = Sql(_LEVELS.format(where=""), lock="FOR UPDATE OF l")
_LEVELS_AT = Sql(_LEVELS.format(where="AND l.warehouse_id IN :sites"), lock="FOR UPDATE OF l")
_THERE = Sql("""
    SELECT product_id, warehouse_id FROM stock_level
     WHERE product_id IN :products AND warehouse_id IN :sites
""")
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
    SELECT reservation_id, level_id, held, backordered, l.expires_at, 0 AS low_priority, 0 AS asked
      FROM reservation_line AS l
     WHERE {OPEN} AND l.expires_at <= :now AND level_id IN :levels
    UNION ALL
    SELECT reservation_id, level_id, held, backordered, l.expires_at, r.low_priority, r.command_id
      FROM reservation_line AS l JOIN reservation AS r ON r.id = l.reservation_id
     WHERE backordered > 0 AND l.expires_at > :now AND level_id IN :levels
     ORDER BY asked, reservation_id
""")
_PLACES = Sql("""
    SELECT b.id, b.code, b.kind, l.level_id, l.lot, l.quantity
      FROM bin_level AS l JOIN bin AS b ON b.id = l.bin_id WHERE l.level_id IN :levels
""")
# Picked for a promise that still holds, or sent back by a customer and not decided on: nobody else
# may have it.
_PICKED = Sql("""
    SELECT l.level_id, l.staging_id AS bin_id, l.lot
         , sum(l.picked - l.returned - l.shipped) AS quantity
      FROM pick_line AS l JOIN pick AS p ON p.id = l.pick_id
           JOIN reservation AS r ON r.id = p.reservation_id
     WHERE l.level_id IN :levels AND l.picked > l.returned + l.shipped
       AND p.status IN ('open', 'picked') AND r.status = 'held' AND r.expires_at > :now
     GROUP BY l.level_id, l.staging_id, l.lot
     UNION ALL
    SELECT level_id, bin_id, lot, sum(quantity - restocked - damaged - scrapped - sent_back)
      FROM customer_return
     WHERE level_id IN :levels AND quantity > restocked + damaged + scrapped + sent_back
     GROUP BY level_id, bin_id, lot
""")
# Which bin gives first when nobody names one: what is ready to go, then the shelves.
_STAGING = 0
_GIVES = {"staging": _STAGING, "storage": 1, "dock": 2}


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
    levels = [Level(*row[:-1]) for row in found]
    by_id = {level.id: level for level in levels}
    if by_id:
        session.not_before(max(row.updated_at for row in found))
        for *values, _ in session.ask(_OPEN_LINES, levels=sorted(by_id), now=session.now):
            line = OpenLine(*values)
            level = by_id[line.level_id]
            (level.lapsed if line.expires_at <= session.now else level.waiting).append(line)
    if tracked := {level.id: level for level in levels if level.tracks_lots}:
        for row in lots.stale(session, sorted(tracked)):
            tracked[row.level_id].stale.add(row.lot)
            tracked[row.level_id].expired += int(row.quantity)
    for level in levels:
        level.before = level.counts()
    return {(level.product_id, level.warehouse_id): level for level in levels}


def create(session: Session, pairs: Iterable[tuple[Item, Site]]) -> dict[Key, Level]:
    """Return the levels of these pairs, locked; those that are not there yet begin at zero."""
    wanted = {(item.id, site.id): (item, site) for item, site in pairs}
    found = _locked(session, wanted)
    if missing := [wanted[key] for key in wanted if key not in found]:
        _begin(session, missing)
        found = _locked(session, wanted)
    return found


def make(session: Session, pairs: Iterable[tuple[Item, Site]]) -> None:
    """See to it that these levels are there; none is locked, so that whoever calls can lock them
    with others in one go."""
    wanted = {(item.id, site.id): (item, site) for item, site in pairs}
    products, sites = ({key[end] for key in wanted} for end in (0, 1))
    there = session.ask(_THERE, products=sorted(products), sites=sorted(sites))
    known = {(row.product_id, row.warehouse_id) for row in there}
    _begin(session, [wanted[key] for key in wanted if key not in known])


def _begin(session: Session, missing: Iterable[tuple[Item, Site]]) -> None:
    zeros = dict.fromkeys(
        ("on_hand", "unsellable", "reserved", "in_transit", "version", "head_seq"), 0
    )
    # In the order of locks, so that two who begin the same levels do not wait for each other.
    ordered = sorted(missing, key=lambda pair: (pair[1].code, text.key(pair[0].sku)))
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
            for item, site in ordered
        ],
    )


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
        place = Place(row.code, row.id, row.kind in SELLABLE, rank(row.kind), row.lot)
        bare[row.level_id].places[place] = row.quantity
    if tracked := [level.id for level in bare.values() if level.tracks_lots]:
        for row in lots.expiries(session, sorted(tracked)):
            bare[row.level_id].expiries[row.lot] = row.expires_on
    staged = [
        level.id
        for level in bare.values()
        if any(
            lying and (place.rank == _STAGING or not place.sellable)
            for place, lying in level.places.items()
        )
    ]
    if staged:
        for row in session.ask(_PICKED, levels=sorted(staged), now=session.now):
            level = bare[row.level_id]
            [place] = [p for p in level.places if (p.bin_id, p.lot) == (row.bin_id, row.lot)]
            level.picked[place] = int(row.quantity)


def lying(level: Level, place: Place, lot: str | None = None) -> int:
    """Return the pieces in a bin, of whatever lot unless one is named."""
    return sum(
        pieces
        for one, pieces in level.places.items()
        if one.bin_id == place.bin_id and lot in (None, one.lot)
    )


def take(
    level: Level, quantity: int, bin_id: int | None = None, lot: str | None = None
) -> list[tuple[Place, int]]:
    """Return which bins give this many pieces: the lot that expires first, then staging, storage
    and dock, each by code. What was picked for a parcel stays, what has expired stays unless its
    lot is named. A named bin gives alone, also one that is not sellable. Fewer are returned where
    there are fewer.
    """
    taken = []
    for place, lying in sorted(level.places.items(), key=lambda one: _giving_order(level, one[0])):
        if place.bin_id != bin_id if bin_id is not None else not place.sellable:
            continue
        if place.lot != lot if lot is not None else place.lot in level.stale and place.sellable:
            continue
        part = min(lying - level.picked.get(place, 0), quantity)
        if part <= 0:
            continue
        taken.append((place, part))
        quantity -= part
        if not quantity:
            break
    return taken


def _giving_order(level: Level, place: Place) -> tuple[float, int, str, str]:
    expires_on = level.expiries.get(place.lot)
    last = float("inf") if expires_on is None else expires_on
    return last, place.rank, place.code, place.lot
