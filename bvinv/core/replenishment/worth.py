"""Money that lies on shelves: what does not sell at all, and what there is too much of."""

from collections import defaultdict
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from bvinv.core import dates, money, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.models.stock_report import OverstockRow, OverstockSummary
from bvinv.core.replenishment import overrides, sales, sourcing
from bvinv.core.replenishment.overrides import Override
from bvinv.core.replenishment.reporting import page, rounded
from bvinv.core.replenishment.sales import DAY

MOST_DAYS = 3650

_ON_HAND = Sql("""
    SELECT l.id, l.product_id, l.warehouse_id, p.sku, p.sku_key, w.code AS warehouse, l.on_hand
         , l.max_stock, l.reorder_point AS typed, f.reorder_point, f.order_up_to
      FROM stock_level AS l JOIN product AS p ON p.id = l.product_id
           JOIN warehouse AS w ON w.id = l.warehouse_id
           LEFT JOIN forecast_level AS f
             ON f.product_id = l.product_id AND f.warehouse_id = l.warehouse_id
     WHERE l.on_hand > 0
""")
_ARRIVED = Sql("""
    SELECT m.level_id FROM movement AS m
     WHERE m.occurred_at >= :since AND m.from_bin IN ('supplier', 'transit') AND m.reverses = 0
       AND NOT EXISTS (SELECT 1 FROM movement AS u
            WHERE u.level_id = m.level_id AND u.reverses = m.level_seq AND u.reverses > 0)
""")
_LAST_SALES = Sql("""
    SELECT m.level_id, max(m.occurred_at) AS at FROM movement AS m
     WHERE m.level_id IN :levels AND m.to_bin = 'customer'
       AND NOT EXISTS (SELECT 1 FROM movement AS u
            WHERE u.level_id = m.level_id AND u.reverses = m.level_seq AND u.reverses > 0)
     GROUP BY m.level_id
""")
_IMPORTED = """
    SELECT l.id, min(d.day_on) AS first_on, max(d.day_on) AS last_on
      FROM demand_day AS d JOIN stock_level AS l
           ON l.product_id = d.product_id AND l.warehouse_id = d.warehouse_id
     WHERE d.quantity > 0 {only} GROUP BY l.id
"""
_IMPORTED_ANYWHERE = Sql(_IMPORTED.format(only=""))
_IMPORTED_OF = Sql(_IMPORTED.format(only="AND l.id IN :levels"))
_RECEIVED = Sql("""
    SELECT l.product_id, x.cost, s.currency
      FROM receipt_line AS t JOIN receipt AS r ON r.id = t.receipt_id AND r.undone_at IS NULL
           JOIN purchase_order_line AS x ON x.order_id = r.order_id AND x.level_id = t.level_id
           JOIN purchase_order AS o ON o.id = r.order_id JOIN supplier AS s ON s.id = o.supplier_id
           JOIN stock_level AS l ON l.id = t.level_id
     WHERE l.product_id IN :products AND x.cost IS NOT NULL ORDER BY r.id
""")

Kind = Literal["dead", "overstock"]


class _Excess(NamedTuple):
    """Pieces too many of a level; `cover` in days."""

    sku: str
    warehouse: str
    key: str
    level: int
    product: int
    kind: Kind
    on_hand: int
    excess: int
    cover: float | None


class _Cost(NamedTuple):
    """What a piece costs, in minor units."""

    amount: int
    currency: str


def overstock(
    session: Session,
    *,
    warehouse: str | None = None,
    days: int = 180,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[OverstockRow], str | None]:
    """Return a page of what there is too much of, by currency and money, and the next cursor.

    Dead is what did not sell for so many days and came in before that. Overstock is what lies
    above the order-up-to level (an override's, else the forecast's, as much higher as a typed
    reorder point is) and `max_stock`, whichever is larger; where there is neither, above what so
    many days sold, or would have, of a level that is younger. Money is by the offer that the
    product is ordered on, else the cost of the last receipt; a price is no cost. Raises NotFound,
    InvalidInput.
    """
    found = _priced(session, _found(session, warehouse, days))
    part, cursor = page([line for line, _ in found], limit=limit, after=after)
    costs = dict(found)
    sold_on = _last_sold_on(session, [line.level for line in part])
    return [_row(line, costs[line], sold_on.get(line.level)) for line in part], cursor


def overstock_summary(
    session: Session, *, warehouse: str | None = None, days: int = 180
) -> list[OverstockSummary]:
    """Return what the excess comes to, by kind and currency. Raises NotFound, InvalidInput."""
    sums: dict[tuple[Kind, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for line, cost in _priced(session, _found(session, warehouse, days)):
        entry = sums[line.kind, cost.currency if cost else ""]
        for place, more in enumerate((1, line.excess, cost.amount * line.excess if cost else 0)):
            entry[place] += more
    return [
        OverstockSummary(
            kind=kind,
            levels=levels,
            excess=excess,
            money=money.display(amount, currency) if currency else None,
            currency=currency or None,
        )
        for (kind, currency), (levels, excess, amount) in sorted(
            sums.items(), key=lambda one: (one[0][0], not one[0][1], one[0][1])
        )
    ]


def _found(session: Session, warehouse: str | None, days: int) -> list[_Excess]:
    """Return every level that has too much, without its money."""
    text.quantity(days, what="number of days", maximum=MOST_DAYS)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    now, span = session.now, days * DAY
    sold = sales.pieces(session, since=now - span, until=now + 1)
    arrived = {level for (level,) in session.stream(_ARRIVED, since=now - span)}
    begins = sales.beginnings(session)
    for row in session.ask(_IMPORTED_ANYWHERE):
        begins[row.id] = min(begins.get(row.id, now), sales.end_of(row.first_on) - DAY)
    said = overrides.live(session)
    found = []
    for row in session.ask(_ON_HAND):
        if site and row.warehouse_id != site.id:
            continue
        pair = (row.product_id, row.warehouse_id)
        pieces, began = max(sold.get(pair, 0), 0), begins[row.id]
        age = min(span, max(now - began, DAY))
        kind: Kind = "overstock"
        excess = row.on_hand
        if not pieces and began < now - span and row.id not in arrived:
            kind = "dead"
        else:
            aim = _order_up_to(row, said.get(pair))
            excess -= _enough(row.on_hand, aim, row.max_stock, -(-pieces * span // age))
        if excess > 0:
            found.append(
                _Excess(
                    *(row.sku, row.warehouse, row.sku_key, row.id, row.product_id, kind),
                    on_hand=row.on_hand,
                    excess=excess,
                    cover=rounded(row.on_hand * age, DAY * pieces, 1) if pieces else None,
                )
            )
    return found


def _order_up_to(row: Any, override: Override | None) -> int | None:
    """Return up to what a level is ordered, None where neither a person nor a forecast says it."""
    spread = 0 if row.order_up_to is None else row.order_up_to - row.reorder_point
    if override is not None:
        said = override.order_up_to
        return override.reorder_point + spread if said is None else said
    if row.order_up_to is None:
        return None
    return int(max(row.order_up_to, (row.typed or 0) + spread))


def _enough(on_hand: int, order_up_to: int | None, max_stock: int | None, demand: int) -> int:
    """Return how many pieces are not too many; without a level and without sales all are right."""
    levels = [level for level in (order_up_to, max_stock) if level is not None]
    return max(levels) if levels else demand or on_hand


def _last_sold_on(session: Session, levels: list[int]) -> dict[int, int]:
    """Return the day on which these levels last sold something that was not undone."""
    found = {row.id: row.last_on for row in session.ask(_IMPORTED_OF, levels=levels)}
    for row in session.ask(_LAST_SALES, levels=levels):
        found[row.level_id] = dates.of(row.at)
    return found


def _priced(session: Session, found: list[_Excess]) -> list[tuple[_Excess, _Cost | None]]:
    """Return the levels with the cost of a piece, currency by currency, the most money first."""
    products = sorted({line.product for line in found})
    costs = {product: _Cost(*more) for product, *more in session.ask(_RECEIVED, products=products)}
    for product, offer in sourcing.offers(session, products).items():
        if offer.cost is not None:
            costs[product] = _Cost(offer.cost, offer.currency)
    keyed = []
    for line in found:
        cost = costs.get(line.product)
        currency, amount = (cost.currency, cost.amount) if cost else ("", 0)
        order = (not currency, currency, -amount * line.excess, -line.excess, line.key)
        keyed.append(((*order, line.warehouse), (line, cost)))
    return [pair for _, pair in sorted(keyed, key=itemgetter(0))]


def _row(line: _Excess, cost: _Cost | None, sold_on: int | None) -> OverstockRow:
    return OverstockRow(
        sku=line.sku,
        warehouse=line.warehouse,
        kind=line.kind,
        on_hand=line.on_hand,
        excess=line.excess,
        last_sold_on=sold_on,
        days_of_cover=line.cover,
        cost=None if cost is None else money.display(cost.amount, cost.currency),
        money=None if cost is None else money.display(cost.amount * line.excess, cost.currency),
        currency=None if cost is None else cost.currency,
    )
