"""Inventory positions: what a level has, what comes, what is owed, and when it is to be ordered."""

from collections.abc import Collection
from typing import Any, NamedTuple

from bvinv.core import dates, text
from bvinv.core.db import Session, Sql
from bvinv.core.models.reservation import OPEN
from bvinv.core.models.warehouse import SELLABLE_KINDS

# One pass over the levels, each part summed up once beside it: a look-up a level and part takes
# three times as long. {of} keeps every part to some levels, where only these are asked for, {lots}
# the lots to those of their products: a shop may have seen very many expire.
# A product may be forecast, or overridden, where it never lay: its level begins with the order.
_EVERY = f"""
    SELECT p.id AS product_id, p.sku, p.sku_key, p.status, w.id AS warehouse_id
         , w.code AS warehouse, l.id AS level_id, l.on_hand
         , l.reserved - coalesce(lapsed.pieces, 0) AS reserved
         , coalesce(waiting.pieces, 0) AS backordered, coalesce(stale.pieces, 0) AS expired
         , l.in_transit, coalesce(ordered.pieces, 0) AS on_order
         , coalesce(drafted.pieces, 0) AS on_draft_orders
         , coalesce(comes.pieces, 0) AS draft_transfers_in
         , coalesce(goes.pieces, 0) AS draft_transfers_out
         , l.on_hand - l.reserved + coalesce(lapsed.pieces, 0) - coalesce(waiting.pieces, 0)
         - coalesce(stale.pieces, 0) AS available
         , l.on_hand - l.reserved + coalesce(lapsed.pieces, 0) - coalesce(waiting.pieces, 0)
         - coalesce(stale.pieces, 0) + l.in_transit + coalesce(ordered.pieces, 0)
         + coalesce(drafted.pieces, 0) + coalesce(comes.pieces, 0) - coalesce(goes.pieces, 0)
           AS position
         , CASE WHEN o.product_id IS NOT NULL THEN o.reorder_point
                WHEN l.reorder_point IS NULL OR f.reorder_point >= l.reorder_point
                THEN f.reorder_point ELSE l.reorder_point END AS reorder_point
         , l.reorder_point AS typed, l.max_stock, l.safety_stock
         , f.run_id, f.supplier_id AS forecast_supplier, f.lead_time_days, f.review_days, f.mean
         , f.deviation, f.reorder_point AS forecast_point, f.order_up_to AS forecast_up_to
         , o.reorder_point AS override_point, o.order_up_to AS override_up_to
      FROM (SELECT id, product_id, warehouse_id, on_hand, reserved, in_transit, reorder_point
                 , max_stock, safety_stock FROM stock_level AS s {{some}}
             UNION ALL
            SELECT NULL, s.product_id, s.warehouse_id, 0, 0, 0, NULL, NULL, NULL
              FROM forecast_level AS s {{some}} {{more}} NOT EXISTS (
                   SELECT 1 FROM stock_level AS t
                    WHERE t.product_id = s.product_id AND t.warehouse_id = s.warehouse_id)
             UNION ALL
            SELECT NULL, s.product_id, s.warehouse_id, 0, 0, 0, NULL, NULL, NULL
              FROM forecast_override AS s {{some}} {{more}} NOT EXISTS (
                   SELECT 1 FROM stock_level AS t
                    WHERE t.product_id = s.product_id AND t.warehouse_id = s.warehouse_id)
               AND NOT EXISTS (
                   SELECT 1 FROM forecast_level AS t
                    WHERE t.product_id = s.product_id AND t.warehouse_id = s.warehouse_id)) AS l
           JOIN product AS p ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id
           LEFT JOIN (SELECT level_id, CAST(sum(held) AS bigint) AS pieces FROM reservation_line
                       WHERE {OPEN} AND expires_at <= :now {{of}} GROUP BY level_id) AS lapsed
             ON lapsed.level_id = l.id
           LEFT JOIN (SELECT level_id, CAST(sum(backordered) AS bigint) AS pieces
                        FROM reservation_line
                       WHERE backordered > 0 AND expires_at > :now {{of}} GROUP BY level_id)
                  AS waiting ON waiting.level_id = l.id
           LEFT JOIN (SELECT level_id, CAST(sum(outstanding) AS bigint) AS pieces
                        FROM purchase_order_line WHERE outstanding > 0 {{of}} GROUP BY level_id)
                  AS ordered ON ordered.level_id = l.id
           LEFT JOIN (SELECT d.level_id, CAST(sum(d.quantity) AS bigint) AS pieces
                        FROM purchase_order AS h CROSS JOIN purchase_order_line AS d
                       WHERE h.status = 'draft' AND d.order_id = h.id {{of}} GROUP BY d.level_id)
                  AS drafted ON drafted.level_id = l.id
           LEFT JOIN (SELECT d.to_level_id, CAST(sum(d.quantity) AS bigint) AS pieces
                        FROM transfer AS h CROSS JOIN transfer_line AS d
                       WHERE h.status = 'draft' AND d.transfer_id = h.id {{to}}
                       GROUP BY d.to_level_id) AS comes ON comes.to_level_id = l.id
           LEFT JOIN (SELECT d.level_id, CAST(sum(d.quantity) AS bigint) AS pieces
                        FROM transfer AS h CROSS JOIN transfer_line AS d
                       WHERE h.status = 'draft' AND d.transfer_id = h.id {{of}}
                       GROUP BY d.level_id) AS goes ON goes.level_id = l.id
           LEFT JOIN (SELECT d.level_id, CAST(sum(d.quantity) AS bigint) AS pieces
                        FROM lot AS t CROSS JOIN stock_level AS v CROSS JOIN bin_level AS d
                             CROSS JOIN bin AS b
                       WHERE t.expires_on < :today {{lots}} AND v.product_id = t.product_id
                         AND d.level_id = v.id AND d.lot = t.code AND b.id = d.bin_id
                         AND b.kind IN {SELLABLE_KINDS} {{of}} GROUP BY d.level_id)
                  AS stale ON stale.level_id = l.id
           LEFT JOIN forecast_level AS f
             ON f.product_id = l.product_id AND f.warehouse_id = l.warehouse_id
           LEFT JOIN forecast_override AS o
             ON o.product_id = l.product_id AND o.warehouse_id = l.warehouse_id
                AND o.until_on >= :today
"""
_BELOW = """
    SELECT * FROM ({every}) AS shown
     WHERE position < coalesce(reorder_point, 0) AND status <> 'discontinued'
"""
_DUE = Sql("""
    SELECT l.level_id, coalesce(o.expected_on, 0) AS day_on
         , CAST(sum(l.outstanding) AS bigint) AS pieces
      FROM purchase_order_line AS l JOIN purchase_order AS o ON o.id = l.order_id
     WHERE l.outstanding > 0 AND l.level_id IN :levels GROUP BY l.level_id, o.expected_on
     ORDER BY l.level_id, day_on
""")
_LAST_RUN = Sql("SELECT as_of_on FROM forecast_run ORDER BY id DESC LIMIT 1")


class Position(NamedTuple):
    """What a level has and gets, in pieces, and what says when to order. `level_id` is None where
    nothing ever lay.

    `available` is on hand less reserved, backordered and expired. `position` is that and what is
    in transit, on order, and drafted. `reorder_point` is the one that counts: of an override, else
    the larger of the forecast's and the typed one. `mean` and `deviation` are of the
    demand over lead time and review, in thousandths.
    """

    product_id: int
    sku: str
    sku_key: str
    status: str
    warehouse_id: int
    warehouse: str
    level_id: int | None
    on_hand: int
    reserved: int
    backordered: int
    expired: int
    in_transit: int
    on_order: int
    on_draft_orders: int
    draft_transfers_in: int
    draft_transfers_out: int
    available: int
    position: int
    reorder_point: int | None
    typed: int | None
    max_stock: int | None
    safety_stock: int | None
    run_id: int | None
    forecast_supplier: int | None
    lead_time_days: int | None
    review_days: int | None
    mean: int | None
    deviation: int | None
    forecast_point: int | None
    forecast_up_to: int | None
    override_point: int | None
    override_up_to: int | None

    def order_up_to(self, minimum: int) -> int:
        """Return up to what is ordered; `minimum` is how many pieces are ordered at least.

        Where a typed reorder point or an override lies above the forecast's, what is ordered at a
        time stays the same. Without a forecast it is the maximum, else one minimum more.
        """
        if self.reorder_point is None:
            return 0
        spread = minimum
        if self.forecast_up_to is not None and self.forecast_point is not None:
            if self.override_point is None and self.reorder_point == self.forecast_point:
                return self.forecast_up_to
            spread = max(self.forecast_up_to - self.forecast_point, minimum)
        elif self.override_point is None and self.max_stock is not None:
            return self.max_stock
        if self.override_up_to is not None:
            return self.override_up_to
        return self.reorder_point + spread


def below(
    session: Session, *, site: int | None = None, levels: Collection[int] | None = None
) -> list[Position]:
    """Return the positions that are below what they should be at, or below nothing where nothing
    is said; of one warehouse, or of these levels. Discontinued products are not ordered."""
    return _ask(session, _BELOW, site=site, levels=levels)


def of_products(session: Session, products: Collection[int]) -> list[Position]:
    """Return the positions of these products in every warehouse where they lie or are forecast."""
    return _ask(session, "{every}", products=products) if products else []


def nothing(product_id: int, sku: str, warehouse_id: int, warehouse: str) -> Position:
    """Return the position of a product where it never lay."""
    where = (warehouse_id, warehouse, None)
    zeros, unknown = [0] * 11, [None] * 14
    return Position._make([product_id, sku, text.key(sku), "active", *where, *zeros, *unknown])


def due(session: Session, levels: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    """Return what is on order for these levels: days as in `dates`, the first one first, 0 where
    none was said, and pieces."""
    found: dict[int, list[tuple[int, int]]] = {}
    for row in session.ask(_DUE, levels=sorted(levels)) if levels else ():
        found.setdefault(row.level_id, []).append((row.day_on, row.pieces))
    return found


def forecast_on(session: Session) -> int | None:
    """Return the day, as in `dates`, that the last night looked at; None where none ended well."""
    found = session.ask(_LAST_RUN)
    return int(found[0].as_of_on) if found else None


def _ask(
    session: Session,
    statement: str,
    *,
    site: int | None = None,
    products: Collection[int] | None = None,
    levels: Collection[int] | None = None,
) -> list[Position]:
    where: list[str] = []
    values: dict[str, Any] = {"now": session.now, "today": dates.of(session.now)}
    of = lots = ""
    if site is not None:
        where.append("s.warehouse_id = :site")
        values["site"] = site
    if products is not None:
        where.append("s.product_id IN :products")
        values["products"] = sorted(products)
        of = "AND level_id IN (SELECT id FROM stock_level WHERE product_id IN :products)"
        lots = "AND t.product_id IN :products"
    if levels is not None:
        where.append(
            "(s.product_id, s.warehouse_id) IN (SELECT product_id, warehouse_id FROM stock_level"
            " WHERE id IN :levels)"
        )
        values["levels"] = sorted(levels)
        of = "AND level_id IN :levels"
        lots = "AND t.product_id IN (SELECT product_id FROM stock_level WHERE id IN :levels)"
    to = of.replace("level_id", "to_level_id", 1)
    some = f"WHERE {' AND '.join(where)}" if where else ""
    more = "AND" if where else "WHERE"
    every = _EVERY.format(some=some, more=more, of=of, to=to, lots=lots)
    found = session.ask(Sql(statement.format(every=every)), **values)
    return [Position._make(row) for row in found]
