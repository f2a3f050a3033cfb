"""Why a level is ordered, or is not: everything that one line of the reorder report is made of.

Read from what the last night stored, so that it says what counts now and needs no arrays.
"""

import json
from math import sqrt
from typing import Any, NamedTuple

from bvinv.core import dates, documents, items, money, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.items import Item
from bvinv.core.models.reorder import (
    AimRow,
    CalendarNote,
    DistributionRow,
    HistoryRow,
    OfferRow,
    OverrideNote,
    PartRow,
    SuggestionRow,
    WhyRow,
)
from bvinv.core.replenishment import needs, positions, run_outs, sales, sourcing
from bvinv.core.replenishment.decisions import BLOCKED
from bvinv.core.replenishment.needs import Horizon, Need
from bvinv.core.replenishment.positions import Position
from bvinv.core.replenishment.service import DEFAULTS

SHOWN = 13  # weeks or months of history
_WEEK = 7 * sales.DAY
_CLASSES = "ABC"

_ABOVE = """
    WITH RECURSIVE above (id, parent_id, slug, steps) AS (
        SELECT c.id, c.parent_id, c.slug, 1
          FROM category AS c JOIN product AS p ON p.category_id = c.id WHERE p.id = :product
         UNION ALL
        SELECT c.id, c.parent_id, c.slug, a.steps + 1
          FROM category AS c JOIN above AS a ON c.id = a.parent_id)
"""
_GOAL = Sql(f"""
    {_ABOVE}
    SELECT t.scope, a.slug, t.level, CASE t.scope WHEN 'product' THEN 0 WHEN 'category' THEN a.steps
                                     WHEN 'class' THEN 10000 ELSE 20000 END AS place
      FROM service_target AS t LEFT JOIN above AS a ON t.scope = 'category' AND a.id = t.subject
     WHERE (t.scope = 'product' AND t.subject = :product) OR a.id IS NOT NULL
        OR (t.scope = 'class' AND t.subject = :class) OR t.scope = 'all'
     ORDER BY place LIMIT 1
""")
_CALENDAR = Sql(f"""
    {_ABOVE}
    SELECT name, kind, begins_on, ends_on, percent FROM calendar_entry
     WHERE removed_at IS NULL AND ends_on >= :first AND begins_on <= :last
       AND (product_id IS NULL OR product_id = :product)
       AND (category_id IS NULL OR category_id IN (SELECT id FROM above))
       AND (warehouse_id IS NULL OR warehouse_id = :site)
     ORDER BY begins_on, id
""")
_FORECAST = Sql("""
    SELECT f.*, r.as_of_on, r.period FROM forecast_level AS f JOIN forecast_run AS r
        ON r.id = f.run_id
     WHERE f.product_id = :product AND f.warehouse_id = :site
""")
_OVERRIDE = Sql("""
    SELECT reorder_point, order_up_to, reason, until_on FROM forecast_override
     WHERE product_id = :product AND warehouse_id = :site AND until_on >= :today
""")
_SUGGESTION = Sql("""
    SELECT status, quantity, reason, order_id, transfer_id, updated_at FROM reorder_suggestion
     WHERE product_id = :product AND warehouse_id = :site
     ORDER BY CASE status WHEN 'open' THEN 0 ELSE 1 END, updated_at DESC, id DESC LIMIT 1
""")
_SOLD = Sql(f"""
    SELECT (:until - 1 - at) / :width AS age, CAST(sum(pieces) AS bigint) AS pieces
      FROM (SELECT {sales.SOLD_AT} AS at
                 , CASE WHEN kind = 'commit' AND reverses = 0 THEN quantity ELSE -quantity END
                   AS pieces
              FROM movement AS m
             WHERE level_id = :level AND kind IN ('commit', 'return')
               AND occurred_at >= :since AND occurred_at < :until) AS sold
     WHERE at >= :since GROUP BY 1
""")
_FIRST_SALE = Sql("""
    SELECT min(occurred_at) AS at FROM movement WHERE level_id = :level AND kind = 'commit'
""")
_IMPORTED = Sql("""
    SELECT day_on, quantity FROM demand_day
     WHERE product_id = :product AND warehouse_id = :site AND day_on BETWEEN :first AND :last
""")


class _Line(NamedTuple):
    """What all parts of an explanation are about."""

    item: Item
    need: Need
    forecast: Any | None
    inputs: dict[str, Any]


def why(session: Session, *, ref: str, warehouse: str | None = None) -> list[WhyRow]:
    """Return how it is decided what to order of a product, a row a warehouse where it lies or is
    forecast; with `warehouse` exactly that one. Raises NotFound."""
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    stands = positions.of_products(session, [item.id])
    if site is not None:
        stands = [at for at in stands if at.warehouse_id == site.id]
        stands = stands or [positions.nothing(item.id, item.sku, site.id, site.code)]
    offer = sourcing.offers(session, [item.id]).get(item.id)
    horizon = Horizon(session, stands)
    return [
        _row(session, item, needs.decided(at, offer), horizon)
        for at in sorted(stands, key=lambda at: at.warehouse)
    ]


def _row(session: Session, item: Item, need: Need, horizon: Horizon) -> WhyRow:
    at = need.at
    found = session.ask(_FORECAST, product=at.product_id, site=at.warehouse_id)
    forecast = found[0] if found else None
    line = _Line(item, need, forecast, json.loads(forecast.inputs) if forecast else {})
    history = _history(session, line)
    return WhyRow(
        sku=at.sku,
        warehouse=at.warehouse,
        history=history,
        distribution=_distribution(session, line),
        position=_parts(at),
        available=at.available,
        inventory_position=at.position,
        levels=_aim(need),
        offer=_offer(need),
        suggested_quantity=need.decision.quantity,
        arithmetic=_arithmetic(need),
        runs_out_on=horizon.runs_out_on(at),
        runs_out_earliest_on=horizon.runs_out_on(at, run_outs.EARLIEST),
        override=_override(session, at),
        calendar=_calendar(session, line, history),
        suggestion=_suggestion(session, at),
    )


def _history(session: Session, line: _Line) -> HistoryRow:
    """Return what the last night saw, or, where it saw nothing, the last whole weeks."""
    if line.forecast is not None and "recorded" in line.inputs:
        return HistoryRow(
            period=line.forecast.period,
            ends_on=line.forecast.as_of_on,
            quantities=line.inputs["recorded"][-SHOWN:],
        )
    yesterday = dates.of(session.now - sales.DAY)
    at, until = line.need.at, sales.end_of(yesterday)
    since = until - SHOWN * _WEEK
    quantities = [0] * SHOWN
    level = {"level": at.level_id or 0}
    for row in session.ask(_SOLD, **level, since=since, until=until, width=_WEEK):
        quantities[SHOWN - 1 - row.age] += row.pieces
    [first] = session.ask(_FIRST_SALE, **level)
    days = {"first": dates.of(since), "last": yesterday}
    if first.at is not None:
        days["last"] = min(yesterday, dates.of(first.at - sales.DAY))
    pair = {"product": at.product_id, "site": at.warehouse_id}
    for row in session.ask(_IMPORTED, **pair, **days):
        quantities[SHOWN - 1 - (until - sales.end_of(row.day_on)) // _WEEK] += row.quantity
    return HistoryRow(
        period="week", ends_on=yesterday, quantities=[max(pieces, 0) for pieces in quantities]
    )


def _distribution(session: Session, line: _Line) -> DistributionRow | None:
    found = line.forecast
    if found is None:
        return None
    return DistributionRow(
        as_of_on=found.as_of_on,
        period=found.period,
        periods=found.periods,
        lead_time_days=found.lead_time_days,
        lead_time_from=_lead_time_from(found, line.inputs.get("lead_time", {})),
        review_days=found.review_days,
        mean=found.mean / 1000,
        deviation=found.deviation / 1000,
        level=found.level / 1000,
        safety_stock=found.safety_stock,
        quantiles=line.inputs.get("quantiles", {}),
        service_level=f"{found.service_level / 10_000:g}",
        service_kind=found.service_kind,
        service_from=_service_from(session, found),
        method=found.method,
        abc=found.abc,
        xyz=found.xyz,
        quadrant=found.quadrant,
    )


def _lead_time_from(found: Any, known: dict[str, Any]) -> str:
    """Return who says how long goods take: the supplier's own past deliveries, whoever typed it, or
    the night, for what nobody sells."""
    if not known.get("receipts"):
        return "as typed" if found.supplier_id is not None else "as nobody sells it"
    spread = sqrt(known["variance"])
    return f"{known['days']:.3g} ± {spread:.2g} days in {known['receipts']} receipts"


def _service_from(session: Session, found: Any) -> str:
    """Return whose the service level is, as the end of a sentence."""
    place = _CLASSES.find(found.abc) + 1
    goal = session.ask(_GOAL, **{"product": found.product_id, "class": place})
    if not goal:
        usual = {**DEFAULTS}.get(found.abc) == found.service_level
        return f"by default, for class {found.abc}" if usual else "in the last run"
    [goal] = goal
    said = {
        "product": "set for the product",
        "category": f"set for category {goal.slug}",
        "class": f"set for class {found.abc}",
        "all": "set for everything",
    }[goal.scope]
    if goal.level != found.service_level:
        return f"{said} as {goal.level / 10_000:g} since; counts from the next run"
    return said


def _parts(at: Position) -> list[PartRow]:
    """Return the position as a sum, without what is nothing."""
    parts = [
        ("on hand", at.on_hand),
        ("reserved", -at.reserved),
        ("promised and not there", -at.backordered),
        ("expired", -at.expired),
        ("in transit", at.in_transit),
        ("on order", at.on_order),
        ("on draft orders", at.on_draft_orders),
        ("on draft transfers to here", at.draft_transfers_in),
        ("on draft transfers from here", -at.draft_transfers_out),
    ]
    shown = [
        PartRow(part=part, pieces=pieces) for part, pieces in parts if pieces or part == "on hand"
    ]
    return [*shown, PartRow(part="inventory position", pieces=at.position)]


def _aim(need: Need) -> AimRow:
    at = need.at
    source = "nobody"
    if at.override_point is not None:
        source = "override"
    elif at.reorder_point is not None:
        source = "forecast" if at.reorder_point == at.forecast_point else "typed"
    return AimRow(
        reorder_point=need.reorder_point,
        order_up_to=need.order_up_to,
        source=source,
        forecast=at.forecast_point,
        typed=at.typed,
        override=at.override_point,
        safety_stock=at.safety_stock,
        max_stock=at.max_stock,
    )


def _arithmetic(need: Need) -> str:
    """Return how the quantity comes about, as one may check it by hand."""
    at, quantity, note = need.at, need.decision.quantity, need.decision.note
    if at.status == "discontinued":
        return "it is discontinued: nothing is ordered"
    if at.position >= need.reorder_point:
        return f"{at.position} is not below {need.reorder_point}: nothing is ordered"
    aim = max(need.order_up_to, need.reorder_point)
    said = f"{at.position} < {need.reorder_point}: order up to {aim}: {aim - at.position}"
    if note == BLOCKED:
        return f"{said}, {note} of {at.max_stock}: nothing is ordered"
    return f"{said}, {note.replace('; ', ', ')}: {quantity}" if note else said


def _offer(need: Need) -> OfferRow | None:
    offer = need.offer
    if offer is None:
        return None
    return OfferRow(
        supplier=offer.supplier,
        lead_time_days=offer.lead_time_days,
        cost=None if offer.cost is None else money.display(offer.cost, offer.currency),
        currency=offer.currency,
        pack_size=offer.pack_size,
        minimum_quantity=offer.minimum_quantity,
    )


def _override(session: Session, at: Position) -> OverrideNote | None:
    today = dates.of(session.now)
    found = session.ask(_OVERRIDE, product=at.product_id, site=at.warehouse_id, today=today)
    return OverrideNote(**found[0]._asdict()) if found else None


def _calendar(session: Session, line: _Line, history: HistoryRow) -> list[CalendarNote]:
    """Return the entries that touch the history shown, or the days that the order is for."""
    at, days = line.need.at, 0
    if line.forecast is not None:
        days = line.forecast.lead_time_days + line.forecast.review_days
    width = 31 * sales.DAY if history.period == "month" else _WEEK
    begin = sales.end_of(history.ends_on or 0) - len(history.quantities) * width
    found = session.ask(
        _CALENDAR,
        product=at.product_id,
        site=at.warehouse_id,
        first=dates.of(begin),
        last=dates.of(session.now + days * sales.DAY),
    )
    return [CalendarNote(**row._asdict()) for row in found]


def _suggestion(session: Session, at: Position) -> SuggestionRow | None:
    found = session.ask(_SUGGESTION, product=at.product_id, site=at.warehouse_id)
    if not found:
        return None
    [row] = found
    return SuggestionRow(
        status=row.status,
        quantity=row.quantity,
        reason=row.reason,
        order=documents.number("PO", row.order_id) if row.order_id else None,
        transfer=documents.number("TR", row.transfer_id) if row.transfer_id else None,
        updated_at=row.updated_at,
    )
