"""Whom each product is ordered from, on which terms, and how long that supplier takes."""

from collections.abc import Collection
from typing import Any, NamedTuple

from bvinv.core.db import Session, Sql

LEAST_RECEIPTS = 5  # of a supplier, before they say more than the typed lead time
_DAY = 86_400_000_000  # microseconds

_OFFERS = """
    WITH placed (product_id, supplier_id, at) AS (
        SELECT l.product_id, o.supplier_id, max(o.placed_at)
          FROM purchase_order AS o JOIN purchase_order_line AS x ON x.order_id = o.id
               JOIN stock_level AS l ON l.id = x.level_id
         WHERE o.placed_at IS NOT NULL AND x.quantity > x.cancelled {and_products}
         GROUP BY l.product_id, o.supplier_id)
    SELECT t.product_id, s.id AS supplier_id, s.code AS supplier, s.currency, s.lead_time_days
         , t.cost, t.pack_size, t.minimum_quantity, coalesce(placed.at, 0) AS placed_at
         , CASE WHEN s.currency = p.currency THEN 0 ELSE 1 END AS is_foreign
      FROM supplier_term AS t JOIN supplier AS s ON s.id = t.supplier_id
           JOIN product AS p ON p.id = t.product_id
           LEFT JOIN placed
             ON placed.product_id = t.product_id AND placed.supplier_id = t.supplier_id
     {where_products}
"""
_ALL = Sql(_OFFERS.format(and_products="", where_products=""))
_SOME = Sql(
    _OFFERS.format(
        and_products="AND l.product_id IN :products",
        where_products="WHERE t.product_id IN :products",
    )
)
# Days are whole ones, in UTC. A receipt without lines was opened by a scanner and left.
_LEAD_TIMES = Sql(f"""
    SELECT s.id, s.lead_time_days, count(d.days) AS receipts
         , coalesce(sum(d.days), 0) AS days, coalesce(sum(d.days * d.days), 0) AS squares
      FROM supplier AS s LEFT JOIN (
               SELECT o.supplier_id, r.created_at / {_DAY} - o.placed_at / {_DAY} AS days
                 FROM receipt AS r JOIN purchase_order AS o ON o.id = r.order_id
                WHERE r.undone_at IS NULL AND o.placed_at IS NOT NULL
                  AND EXISTS (SELECT 1 FROM receipt_line AS l WHERE l.receipt_id = r.id)
           ) AS d ON d.supplier_id = s.id
     GROUP BY s.id, s.lead_time_days
""")


class Offer(NamedTuple):
    """What a supplier asks for a product: the cost of a piece in minor units of their currency,
    quantities in pieces, the lead time as it was typed."""

    supplier_id: int
    supplier: str
    currency: str
    lead_time_days: int
    cost: int | None
    pack_size: int
    minimum_quantity: int


class LeadTime(NamedTuple):
    """Days from an order to its goods; `receipts` is how many said so, 0 for a typed lead time."""

    mean: float
    variance: float
    receipts: int


def offers(session: Session, products: Collection[int] | None = None) -> dict[int, Offer]:
    """Return the offer that each product is ordered on, by product id; all of them for None.

    Of several suppliers with terms it is the one who took the last order that was placed for the
    product and not cancelled; else the cheapest, the product's own currency first, as amounts of
    two currencies are not compared; else the first by code.
    """
    if products is None:
        rows = session.ask(_ALL)
    else:
        rows = session.ask(_SOME, products=sorted(products)) if products else []
    best: dict[int, Any] = {}
    for row in rows:
        rival = best.get(row.product_id)
        if rival is None or _rank(row) < _rank(rival):
            best[row.product_id] = row
    return {product: Offer._make(row[1:8]) for product, row in best.items()}


def lead_times(session: Session) -> dict[int, LeadTime]:
    """Return how long each supplier takes, by supplier id.

    Mean and variance (with n - 1) of the days between the placing of an order and each receipt
    for it that was not undone; with fewer than five of these what was typed, as if certain.
    """
    return {row.id: _lead_time(row) for row in session.ask(_LEAD_TIMES)}


def _lead_time(row: Any) -> LeadTime:
    count, days, squares = int(row.receipts), int(row.days), int(row.squares)
    if count < LEAST_RECEIPTS:
        return LeadTime(float(row.lead_time_days), 0.0, 0)
    # Whole numbers up to the last division: equal days have a variance of exactly 0.
    spread = count * squares - days * days
    return LeadTime(days / count, spread / (count * (count - 1)), count)


def _rank(row: Any) -> tuple[Any, ...]:
    return (
        -row.placed_at,
        row.cost is None,
        row.is_foreign,
        row.currency,
        row.cost or 0,
        row.supplier,
    )
