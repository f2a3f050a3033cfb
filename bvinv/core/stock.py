"""Stock levels: what there is, what may be promised, and when to order."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import command_log, items, levels, lots, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import Level, Place
from bvinv.core.levels import Site
from bvinv.core.models.reservation import OPEN
from bvinv.core.models.stock import LevelRow, StockRow
from bvinv.core.models.warehouse import SELLABLE_KINDS, LotRow

# A hold whose time has run out counts as released, whether or not the sweep has been there.
_SHOWN = f"""
    SELECT p.sku, w.code AS warehouse, l.on_hand, l.unsellable, l.in_transit, l.reserved
         - (SELECT coalesce(sum(r.held), 0) FROM reservation_line r
             WHERE r.level_id = l.id AND {OPEN} AND r.expires_at <= :now) AS reserved
         , (SELECT coalesce(sum(r.backordered), 0) FROM reservation_line r
             WHERE r.level_id = l.id AND backordered > 0 AND r.expires_at > :now) AS backordered
         , (SELECT coalesce(sum(o.outstanding), 0) FROM purchase_order_line o
             WHERE o.level_id = l.id AND o.outstanding > 0) AS on_order
         , CASE p.tracks_lots WHEN 1 THEN (
               SELECT coalesce(sum(s.quantity), 0)
                 FROM bin_level s JOIN bin b ON b.id = s.bin_id
                      JOIN lot t ON t.product_id = p.id AND t.code = s.lot
                WHERE s.level_id = l.id AND t.expires_on < :today AND b.kind IN {SELLABLE_KINDS}
           ) ELSE 0 END AS expired
         , (SELECT b.code FROM bin b WHERE b.id = l.fixed_bin_id) AS fixed_bin
         , l.reorder_point, l.max_stock, l.safety_stock, l.version, l.updated_at, p.sku_key
      FROM stock_level l JOIN product p ON p.id = l.product_id
           JOIN warehouse w ON w.id = l.warehouse_id
"""
_OF_PRODUCT = Sql(f"{_SHOWN} WHERE l.product_id = :product ORDER BY w.priority, w.code")
_OF_PRODUCTS = Sql(f"{_SHOWN} WHERE l.product_id IN :products ORDER BY w.priority, w.code")
_OF_LEVELS = Sql(f"{_SHOWN} WHERE l.id IN :levels")
_ONE = Sql(f"{_SHOWN} WHERE l.product_id = :product AND l.warehouse_id = :site")
_PAGE = f"""
    SELECT * FROM ({_SHOWN} WHERE {{where}}) AS shown
     WHERE {{having}} ORDER BY sku_key, warehouse LIMIT :limit
"""
_AS_OF = Sql("""
    SELECT w.code AS warehouse, coalesce(sum(m.on_hand_change), 0) AS on_hand
         , coalesce(sum(m.reserved_change), 0)
         - (SELECT coalesce(sum(r.held), 0) FROM reservation_line r
             WHERE r.level_id = l.id AND held + backordered > 0
               AND r.expires_at <= :now AND r.expires_at <= :at) AS reserved
         , coalesce(max(m.level_seq), 0) AS version, max(m.occurred_at) AS updated_at
      FROM stock_level l JOIN warehouse w ON w.id = l.warehouse_id
           LEFT JOIN movement m ON m.level_id = l.id AND m.occurred_at <= :at
     WHERE l.product_id = :product
     GROUP BY l.id, w.code, w.priority ORDER BY w.priority, w.code
""")

SUMMED = ("on_hand", "reserved", "available", "backordered", "in_transit", "on_order")
MOST_REFS = 1_000
SETTINGS = ("reorder_point", "max_stock", "safety_stock")
_CONFIGURE = Sql("""
    UPDATE stock_level
       SET reorder_point = :reorder_point, max_stock = :max_stock, safety_stock = :safety_stock
         , fixed_bin_id = :fixed_bin_id, version = version + 1, updated_at = :now
     WHERE id = :level
""")
_LOTS = """
    SELECT p.sku, w.code AS warehouse, s.lot, t.expires_on, sum(s.quantity) AS quantity
      FROM bin_level AS s JOIN stock_level AS l ON l.id = s.level_id
           JOIN product AS p ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id
           JOIN lot AS t ON t.product_id = p.id AND t.code = s.lot
     WHERE l.product_id = :product AND s.quantity > 0 {where}
     GROUP BY p.sku, w.priority, w.code, s.lot, t.expires_on
     ORDER BY w.priority, w.code, t.expires_on IS NULL, t.expires_on, s.lot
"""


def show(
    session: Session, *, ref: str, warehouse: str | None = None, as_of: int | None = None
) -> list[LevelRow]:
    """Return the product's levels, one a warehouse; with `warehouse` exactly that one.

    `as_of` (an instant) answers from the ledger what had happened by then, as far as is known
    today. Raises NotFound for the product or the warehouse.
    """
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    if as_of is not None:
        rows = _as_of(session, item, as_of)
        if site:
            rows = [row for row in rows if row.warehouse == site.code]
    elif site:
        rows = level_rows(session, [(item, site)])
    else:
        rows = _rows(session, _OF_PRODUCT, product=item.id)
    if site and not rows:
        return [_nothing(item, site)]
    return rows


def total(
    session: Session, *, ref: str, warehouse: str | None = None, as_of: int | None = None
) -> StockRow:
    """Return what `show` does, and the sums. Raises NotFound."""
    item = items.one(session, ref)
    if warehouse is None and as_of is None:
        return total_of(item, _rows(session, _OF_PRODUCT, product=item.id))
    return total_of(item, show(session, ref=item.sku, warehouse=warehouse, as_of=as_of))


def total_of(item: Item, levels: list[LevelRow]) -> StockRow:
    """Return a product's levels with what they come to; None where a level does not know."""
    sums = {}
    for name in SUMMED:
        parts = [getattr(level, name) for level in levels]
        sums[name] = None if None in parts else sum(parts)
    return StockRow(sku=item.sku, levels=levels, **sums)


def totals(session: Session, *, refs: Sequence[str]) -> list[StockRow]:
    """Return the levels of several products, in the order in which they are named.

    Raises NotFound with every reference that names nothing, InvalidInput for more than 1,000.
    """
    if not 1 <= len(refs) <= MOST_REFS:
        raise InvalidInput(f"between 1 and {MOST_REFS} products are asked for at once")
    named = items.named(session, refs)
    levels: dict[int, list[LevelRow]] = {item.id: [] for item in named.values()}
    ids = {text.key(item.sku): item.id for item in named.values()}
    for row in _rows(session, _OF_PRODUCTS, products=sorted(levels)):
        levels[ids[text.key(row.sku)]].append(row)
    return [total_of(named[ref], levels[named[ref].id]) for ref in refs]


def level_rows(session: Session, pairs: list[tuple[Item, Site]]) -> list[LevelRow]:
    """Return these levels as they stand in this transaction, where they exist."""
    return [
        row for item, site in pairs for row in _rows(session, _ONE, product=item.id, site=site.id)
    ]


def of_levels(session: Session, locked: Sequence[Level]) -> list[LevelRow]:
    """Return these levels as they stand in this transaction, in the caller's order."""
    rows = _rows(session, _OF_LEVELS, levels=sorted({level.id for level in locked}))
    found = {(row.sku, row.warehouse): row for row in rows}
    return [found[level.sku, level.warehouse] for level in locked]


def page(
    session: Session,
    *,
    warehouse: str | None = None,
    low: bool = False,
    below_reorder_point: bool = False,
    limit: int = 100,
    after: str | None = None,
) -> tuple[list[LevelRow], str | None]:
    """Return a page of levels by SKU and warehouse, and the cursor of the next.

    `low`: no more available than the safety stock. `below_reorder_point`: the inventory position
    (available + in transit + on order) is under the reorder point. Raises InvalidInput, NotFound.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=100_000)
    where, having = ["1 = 1"], ["1 = 1"]
    values: dict[str, Any] = {"limit": limit + 1}
    if warehouse is not None:
        where.append("l.warehouse_id = :site")
        values["site"] = warehouses.site(session, warehouse).id
    if after is not None:
        sku, separator, code = after.partition("=")
        if not separator:
            raise InvalidInput("the cursor is not one that this list gave out")
        where.append("(p.sku_key, w.code) > (:sku, :code)")
        values |= {"sku": text.key(text.code(sku, what="cursor"))}
        values |= {"code": text.code(code, what="cursor")}
    position = "on_hand - reserved - backordered - expired"
    if low:
        having.append(f"{position} <= coalesce(safety_stock, 0)")
    if below_reorder_point:
        having.append(f"{position} + in_transit + on_order < reorder_point")
    statement = Sql(_PAGE.format(where=" AND ".join(where), having=" AND ".join(having)))
    rows = _rows(session, statement, **values)
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], f"{last.sku}={last.warehouse}"


def configure(
    session: Session,
    *,
    ref: str,
    warehouse: str,
    settings: dict[str, int | None],
    fixed_bin: str | None = None,
) -> LevelRow:
    """Set `reorder_point`, `max_stock` and `safety_stock`, in pieces; None takes one away.

    `fixed_bin` is where new pieces are put away first; an empty text takes it away. Raises
    NotFound, and InvalidInput when the reorder point would lie above the maximum, or the bin is
    none to store goods in.
    """
    if not settings and fixed_bin is None:
        raise InvalidInput("nothing to set", hint="for example: --reorder-point 10")
    for name, value in settings.items():
        if value is not None:
            text.quantity(value, what=name.replace("_", " "), minimum=0)
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    place = _storage(session, site, fixed_bin) if fixed_bin else None
    [level] = levels.create(session, [(item, site)]).values()
    before = one(session, item, site)
    after = before.model_copy(update=settings)
    if fixed_bin is not None:
        after = after.model_copy(update={"fixed_bin": place.code if place else None})
    if None not in (after.reorder_point, after.max_stock) and (
        (after.reorder_point or 0) > (after.max_stock or 0)
    ):
        raise InvalidInput(
            f"a reorder point of {after.reorder_point} lies above the maximum {after.max_stock}"
        )
    if before == after:
        return before
    values = {name: getattr(after, name) for name in SETTINGS}
    if fixed_bin is None and before.fixed_bin:
        place = warehouses.place(session, site, before.fixed_bin)
    values["fixed_bin_id"] = place.bin_id if place else None
    session.send(_CONFIGURE, [{"level": level.id, **values, "now": session.now}])
    told: dict[str, Any] = {"warehouse": site.code, **settings}
    if fixed_bin is not None:
        told["fixed_bin"] = after.fixed_bin
    command_log.tell(session, [Tale("stock.configured", item.sku, told, session.command)])
    return one(session, item, site)


def lots_of(session: Session, *, ref: str, warehouse: str | None = None) -> list[LotRow]:
    """Return the lots that pieces of a product lie of, by warehouse, the one that expires first
    before the others. Raises NotFound."""
    item = items.one(session, ref)
    values, where = {"product": item.id}, ""
    if warehouse is not None:
        values["site"] = warehouses.site(session, warehouse).id
        where = "AND l.warehouse_id = :site"
    today = lots.today(session)
    return [
        LotRow(
            **row._asdict() | {"quantity": int(row.quantity)},
            expired=row.expires_on is not None and row.expires_on < today,
        )
        for row in session.ask(Sql(_LOTS.format(where=where)), **values)
    ]


def one(session: Session, item: Item, site: Site) -> LevelRow:
    """Return a level that is there, as it stands in this transaction."""
    [row] = level_rows(session, [(item, site)])
    return row


def _rows(session: Session, statement: Any, **values: Any) -> list[LevelRow]:
    found = session.ask(statement, now=session.now, today=lots.today(session), **values)
    return [_row(row) for row in found]


def _row(row: Any) -> LevelRow:
    return LevelRow(
        sku=row.sku,
        warehouse=row.warehouse,
        on_hand=row.on_hand,
        reserved=row.reserved,
        available=row.on_hand - row.reserved - row.backordered - row.expired,
        backordered=row.backordered,
        in_transit=row.in_transit,
        on_order=row.on_order,
        reorder_point=row.reorder_point,
        max_stock=row.max_stock,
        safety_stock=row.safety_stock,
        version=row.version,
        updated_at=row.updated_at,
        unsellable=row.unsellable,
        expired=row.expired,
        fixed_bin=row.fixed_bin,
    )


def _storage(session: Session, site: Site, name: str) -> Place:
    """Return a bin that goods are kept in. Raises NotFound, InvalidInput."""
    place = warehouses.place(session, site, name)
    if place.rank != levels.rank("storage"):
        raise InvalidInput(
            f"{place.code} is no storage bin of {site.code}: goods do not stay there",
            hint=f"see: bvinv warehouse bins {site.code} --kind storage",
            bin=place.code,
        )
    return place


def _nothing(item: Item, site: Site) -> LevelRow:
    return LevelRow(
        sku=item.sku,
        warehouse=site.code,
        on_hand=0,
        reserved=0,
        available=0,
        backordered=0,
        in_transit=0,
        on_order=0,
        reorder_point=None,
        max_stock=None,
        safety_stock=None,
        version=0,
        updated_at=None,
    )


def _as_of(session: Session, item: Item, at: int) -> list[LevelRow]:
    return [
        LevelRow(
            sku=item.sku,
            warehouse=row.warehouse,
            on_hand=row.on_hand,
            reserved=row.reserved,
            available=row.on_hand - row.reserved,
            backordered=None,
            in_transit=None,
            on_order=None,
            reorder_point=None,
            max_stock=None,
            safety_stock=None,
            version=row.version,
            updated_at=row.updated_at,
            unsellable=None,
            expired=None,
        )
        for row in session.ask(_AS_OF, product=item.id, at=at, now=session.now)
    ]
