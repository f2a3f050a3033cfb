"""The outlook: what demand to expect of products over a horizon, and how sure that is."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from bvinv.core import items, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.forecasting import pipeline
from bvinv.core.items import Item
from bvinv.core.levels import Site
from bvinv.core.models.outlook import OutlookRow
from bvinv.core.replenishment import demand, horizons
from bvinv.core.replenishment.demand import Panel
from bvinv.core.replenishment.horizons import Horizon, Period
from bvinv.core.replenishment.plots import MOST_PICTURES, Picture

Array = npt.NDArray[np.float64]

RECENT = 13  # buckets of history that a row shows
PICTURED = 52  # and a picture
SEASON: dict[Period, int] = {"week": 52, "month": 12}
MEDIAN = 5_000
_STATUS = Sql("SELECT id, status FROM product WHERE id IN :ids")


class Outlook(NamedTuple):
    """The rows of an answer, and a picture of each where pictures were asked for."""

    rows: list[OutlookRow]
    pictures: list[Picture]


class _Expected(NamedTuple):
    """A forecast of every row of the panel, the calendar's lifts in it."""

    mean: Array
    quantiles: Array
    lift: Array
    method: npt.NDArray[np.int64]


class _Span(NamedTuple):
    """The days that are looked ahead to, in buckets, and the chances that are asked for."""

    horizon: Horizon
    begins: date
    buckets: float
    levels: list[int]

    @property
    def chances(self) -> list[float]:
        """The quantiles' levels: those asked for, and the two ends of the central interval."""
        outside = (10_000 - self.levels[-1]) / 2
        return [level / 10_000 for level in (*self.levels, outside, 10_000 - outside)]


def outlook(
    session: Session,
    *,
    refs: Sequence[str] = (),
    horizon: Horizon,
    levels: Sequence[int] = (9_000,),
    warehouse: str | None = None,
    period: Period = "week",
    as_of: int | None = None,
    pictured: bool = False,
) -> Outlook:
    """Return what demand to expect of these products, or all active ones, by SKU and warehouse.

    `levels` are in hundredths of a percent; the median is always told. `as_of` is a day as in
    `dates`, by default yesterday. The forecast is learned from all active products, so what is
    asked for beside a product changes nothing of it. A horizon that ends inside a bucket lies
    between the forecasts for the whole ones. Raises NotFound, and InvalidInput for a day to come.
    """
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    wanted = {item.id: item for item in items.named(session, refs).values()}
    ahead = math.ceil(horizon.most_days / (7 if period == "week" else 28)) + 1
    panel = demand.panel(session, as_of=as_of, period=period, ahead=ahead)
    begins = horizons.following(panel.begins[-1], period)
    asked = sorted({MEDIAN, *levels})
    span = _Span(horizon, begins, horizon.buckets(begins, period), asked)
    places = [
        place
        for place, (product, where) in enumerate(panel.keys)
        if (not refs or product in wanted) and (site is None or where == site.id)
    ]
    told = _forecast(panel, span.buckets, span.chances)
    rows = [_row(panel, place, span, told) for place in places]
    # One more than a file may show, so that the file refuses them.
    drawn = places[: MOST_PICTURES + 1] if pictured else []
    pictures = _pictures(panel, drawn, span, told) if drawn else []
    there = {panel.keys[place][0] for place in places}
    missing = [item for product, item in wanted.items() if product not in there]
    return Outlook(rows + _without(session, missing, site, panel, span), pictures)


def page(
    rows: Sequence[OutlookRow], *, limit: int | None = None, after: str | None = None
) -> tuple[Sequence[OutlookRow], str | None]:
    """Return a page of an outlook, and the cursor of the next; without a limit all that is left.

    Raises InvalidInput for a cursor whose line is not there (any more).
    """
    names = [f"{row.sku}={row.warehouse}" for row in rows]
    if after is not None and after not in names:
        raise InvalidInput(
            f"the outlook does not have {text.quoted(after)} any more", hint="begin anew"
        )
    first = 0 if after is None else names.index(after) + 1
    end = len(rows) if limit is None else first + limit
    return rows[first:end], names[end - 1] if end < len(rows) else None


def _forecast(panel: Panel, buckets: float, chances: Sequence[float]) -> _Expected:
    """Return the forecast over so many buckets, between those for the whole numbers around."""
    series = len(panel.keys)
    told = _Expected(
        np.zeros(series),
        np.zeros((series, len(chances))),
        np.zeros(series),
        np.zeros(series, dtype=np.int64),
    )
    whole = math.floor(buckets)
    for periods, share in ((whole, 1 - (buckets - whole)), (whole + 1, buckets - whole)):
        if not share:
            continue
        lift = panel.lift[:, : max(periods, 1)].mean(axis=1)
        told.lift[:] += share * lift
        if periods:
            found = pipeline.forecast(
                cast(Array, panel.demand),  # chunk by chunk they become float64 there
                periods=periods,
                season=SEASON[panel.period],
                levels=chances,
                group=panel.category,
            )
            told.mean[:] += share * lift * found.mean
            told.quantiles[:] += (share * lift)[:, None] * found.quantiles
            told.method[:] = found.method
    return told


def _row(panel: Panel, place: int, span: _Span, told: _Expected) -> OutlookRow:
    *asked, low, high = (int(units) for units in np.rint(told.quantiles[place]))
    method = pipeline.METHODS[told.method[place]]
    return _assembled(
        span,
        panel,
        sku=panel.skus[place],
        warehouse=panel.warehouses[place],
        mean=round(float(told.mean[place]), 3),
        low=low,
        high=high,
        method=method,
        lift=round(float(told.lift[place]), 3),
        reason=_nothing(panel) if method == "none" else None,
        history=[_pieces(units) for units in panel.recorded[place, -RECENT:]],
        quantiles=asked,
    )


def _nothing(panel: Panel) -> str:
    return f"nothing was sold or stocked there until {panel.as_of}"


def _assembled(span: _Span, panel: Panel, *, quantiles: Sequence[int], **more: Any) -> OutlookRow:
    names = [f"q{level / 100:g}" for level in span.levels]
    return OutlookRow(
        period=panel.period,
        as_of=horizons.on(panel.as_of),
        begins_on=horizons.on(span.begins),
        ends_on=horizons.on(span.horizon.end(span.begins)),
        horizon=str(span.horizon),
        interval=span.levels[-1] / 10_000,
        **more,
        **dict(zip(names, quantiles, strict=True)),
    )


def _without(
    session: Session, missing: Sequence[Item], site: Site | None, panel: Panel, span: _Span
) -> list[OutlookRow]:
    """Return the rows of products that the panel does not have, and why."""
    status = {row.id: row.status for row in session.ask(_STATUS, ids=[item.id for item in missing])}
    return [
        _assembled(
            span,
            panel,
            sku=item.sku,
            warehouse=site.code if site else "",
            mean=0.0,
            low=0,
            high=0,
            method="none",
            lift=1.0,
            reason=_nothing(panel)
            if status[item.id] == "active"
            else f"it is {status[item.id]}: only active products are forecast",
            history=[None] * RECENT,
            quantiles=[0] * len(span.levels),
        )
        for item in missing
    ]


def _pictures(panel: Panel, places: Sequence[int], span: _Span, told: _Expected) -> list[Picture]:
    """Return a picture of each row: its history, and single buckets to come.

    These are distributed like the next one, at the mean rate of the whole horizon.
    """
    next_one = _forecast(panel, 1, [0.5, *span.chances[-2:]])
    ahead = math.ceil(span.buckets)
    days = [span.begins]
    while len(days) < ahead:
        days.append(horizons.following(days[-1], panel.period))
    pictures = []
    for place in places:
        history = [_pieces(units) for units in panel.recorded[place, -PICTURED:]]
        unseen = next((at for at, units in enumerate(history) if units is not None), PICTURED - 1)
        rate = told.mean[place] / span.buckets / max(told.lift[place], 1e-9)
        unlifted = next_one.quantiles[place] / max(next_one.lift[place], 1e-9)
        usual = next_one.mean[place] / max(next_one.lift[place], 1e-9)
        factors = panel.lift[place, :ahead] * (rate / usual if usual > 0 else 0)
        median, low, high = ([float(units) for units in factors * one] for one in unlifted)
        pictures.append(
            Picture(
                title=f"{panel.skus[place]} at {panel.warehouses[place]}, pieces a {panel.period}",
                unit=panel.period,
                begins=[*panel.begins[unseen - PICTURED :], *days],
                history=history[unseen:],
                median=median,
                low=low,
                high=high,
                level=span.levels[-1] / 10_000,
            )
        )
    return pictures


def _pieces(units: float) -> int | None:
    return None if math.isnan(units) else int(units)
