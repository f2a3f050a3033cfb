"""Overrides: what a person says instead of the forecast, why, and until which day."""

from typing import Any, NamedTuple

from bvinv.core import command_log, dates, items, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.base import MOST
from bvinv.core.models.replenishment import OverrideRow

_SHOWN = """
    SELECT o.product_id, o.warehouse_id, p.sku, w.code AS warehouse, o.reorder_point
         , o.order_up_to, o.reason, o.until_on, o.created_at
      FROM forecast_override AS o JOIN product AS p ON p.id = o.product_id
           JOIN warehouse AS w ON w.id = o.warehouse_id
"""
_ALL = Sql(f"{_SHOWN} ORDER BY p.sku_key, w.code")
_ONE = Sql(f"{_SHOWN} WHERE o.product_id = :product AND o.warehouse_id = :warehouse")
_LIVE = Sql("""
    SELECT product_id, warehouse_id, reorder_point, order_up_to, reason, until_on
      FROM forecast_override WHERE until_on >= :today
""")
_SAID = ("reorder_point", "order_up_to", "reason", "until_on")
_KEPT = (*_SAID, "command_id", "created_at")
_PUT = Sql.insert(
    "forecast_override",
    "product_id",
    "warehouse_id",
    *_KEPT,
    after="ON CONFLICT (product_id, warehouse_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _KEPT),
)
_DROP = Sql("""
    DELETE FROM forecast_override WHERE product_id = :product AND warehouse_id = :warehouse
""")


class Override(NamedTuple):
    """What counts instead of the forecast, in pieces, through the end of a day (UTC)."""

    reorder_point: int
    order_up_to: int | None
    reason: str
    until_on: int


def live(session: Session) -> dict[tuple[int, int], Override]:
    """Return the overrides that count today, by product id and warehouse id."""
    rows = session.ask(_LIVE, today=dates.of(session.now))
    return {(row.product_id, row.warehouse_id): Override._make(row[2:]) for row in rows}


def put(
    session: Session,
    *,
    ref: str,
    warehouse: str,
    reorder_point: int,
    reason: str,
    until_on: int,
    order_up_to: int | None = None,
) -> OverrideRow:
    """Say when to order a product for a warehouse, and up to what, whatever the forecast says.

    Quantities in pieces; `until_on` is a day as in `dates`, and still counts. What was said before
    is replaced. Raises NotFound, and InvalidInput for a day that has passed, no reason, and an
    `order_up_to` below the reorder point.
    """
    text.quantity(reorder_point, what="reorder point", minimum=0, maximum=MOST)
    if order_up_to is not None:
        text.quantity(order_up_to, what="level to order up to", minimum=0, maximum=MOST)
        if order_up_to < reorder_point:
            raise InvalidInput(
                f"order up to {order_up_to} is less than the reorder point, {reorder_point}"
            )
    today = dates.of(session.now)
    if until_on < today:
        raise InvalidInput(
            f"{dates.display(until_on)} has passed: today is {dates.display(today)} (UTC)"
        )
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    said = {
        "reorder_point": reorder_point,
        "order_up_to": order_up_to,
        "reason": text.line(reason, what="reason", maximum=200),
        "until_on": until_on,
    }
    found = session.ask(_ONE, product=item.id, warehouse=site.id)
    if found and all(getattr(found[0], name) == said[name] for name in _SAID):
        return _row(found[0], today)
    command_log.record(session, session.command)
    kept = {"command_id": session.command.id, "created_at": session.now}
    session.send(_PUT, [{"product_id": item.id, "warehouse_id": site.id, **said, **kept}])
    told = {"warehouse": site.code, **said, "until_on": dates.display(until_on)}
    _tell(session, "override-set", item.sku, told)
    return _row(session.ask(_ONE, product=item.id, warehouse=site.id)[0], today)


def remove(session: Session, *, ref: str, warehouse: str) -> OverrideRow:
    """Let the forecast speak again, and return what was said instead. Raises NotFound."""
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    found = session.ask(_ONE, product=item.id, warehouse=site.id)
    if not found:
        raise NotFound(
            f"there is no override of {item.sku} at {site.code}",
            hint="see: bvinv forecast override list",
            sku=item.sku,
            warehouse=site.code,
        )
    session.send(_DROP, [{"product": item.id, "warehouse": site.id}])
    _tell(session, "override-removed", item.sku, {"warehouse": site.code})
    return _row(found[0], dates.of(session.now))


def overrides(session: Session) -> list[OverrideRow]:
    """Return every override by SKU and warehouse, those that have ended too."""
    today = dates.of(session.now)
    return [_row(row, today) for row in session.ask(_ALL)]


def _tell(session: Session, what: str, sku: str, told: dict[str, Any]) -> None:
    command_log.tell(session, [Tale(f"forecast.{what}", sku, told, session.command)])


def _row(found: Any, today: int) -> OverrideRow:
    return OverrideRow(
        sku=found.sku,
        warehouse=found.warehouse,
        reorder_point=found.reorder_point,
        order_up_to=found.order_up_to,
        reason=found.reason,
        until_on=found.until_on,
        live=found.until_on >= today,
        created_at=found.created_at,
    )
