"""What is known of the demand of one product: the last night's levels, and a fresh outlook."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import items, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.models.outlook import ForecastRow, NightRow
from bvinv.core.replenishment.horizons import Horizon, Period

DAY = 86_400_000_000  # microseconds
_NIGHT = Sql("""
    SELECT w.code AS warehouse, r.as_of_on AS as_of, r.recorded_at, r.period, s.code AS supplier
         , f.lead_time_days, f.review_days, f.periods, f.service_level, f.service_kind
         , f.mean, f.deviation, f.level, f.reorder_point, f.safety_stock, f.order_up_to
         , f.method, f.abc, f.xyz, f.quadrant
      FROM forecast_level AS f JOIN forecast_run AS r ON r.id = f.run_id
           JOIN warehouse AS w ON w.id = f.warehouse_id
           LEFT JOIN supplier AS s ON s.id = f.supplier_id
     WHERE f.product_id = :product
     ORDER BY w.code
""")


def show(
    session: Session,
    *,
    ref: str,
    warehouse: str | None = None,
    horizon: Horizon | None = None,
    levels: Sequence[int] = (),
    period: Period | None = None,
) -> ForecastRow:
    """Return what the last night stored of a product, and with a horizon a fresh outlook as well.

    What was stored is found at once; an outlook is learned from all products anew, which takes
    seconds with many thousands of them. `levels` are in hundredths of a percent. Raises NotFound,
    and InvalidInput for levels or a period without a horizon.
    """
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    if horizon is None and (levels or period):
        raise InvalidInput("levels and periods are of an outlook", hint="say how far: horizon=8w")
    nights = [
        _night(row)
        for row in session.ask(_NIGHT, product=item.id)
        if site is None or row.warehouse == site.code
    ]
    if horizon is None:
        return ForecastRow(sku=item.sku, nightly=nights, outlook=[])
    from bvinv.core.replenishment import outlook

    found = outlook.outlook(
        session,
        refs=[item.sku],
        horizon=horizon,
        levels=levels or (9_000,),
        warehouse=warehouse,
        period=period or "week",
    )
    return ForecastRow(sku=item.sku, nightly=nights, outlook=found.rows)


def end_of_day(session: Session) -> int:
    """Return the instant until which `show` answers the same, if nothing is written."""
    return (session.now // DAY + 1) * DAY


def _night(row: Any) -> NightRow:
    shares = {name: getattr(row, name) / 1_000 for name in ("mean", "deviation", "level")}
    return NightRow(**row._asdict() | shares | {"service_level": row.service_level / 10_000})
