"""Forecasts of demand, to be looked at. To make and to set them is for the command line."""

from typing import Annotated

from fastapi import Query, Response

from bvinv.core.models.outlook import ForecastRow
from bvinv.core.replenishment import forecasts, horizons
from bvinv.core.replenishment.horizons import Period
from bvinv.web import door
from bvinv.web.door import Reading
from bvinv.web.paths import Router
from bvinv.web.queries import MaybeCode, Ref

router = Router("replenishment")

Ahead = Annotated[
    str | None,
    Query(pattern="^[0-9]{1,4}[dwm]$", examples=["8w"], description="How far: 30d, 8w or 2m."),
]
Levels = Annotated[
    list[str],
    Query(max_length=20, examples=[["0.9"]], description="Quantiles: 0.9, or 90%."),
]
Bucket = Annotated[Period | None, Query(description="What demand is counted by; week.")]


@router.get("/forecasts/{sku}", **door.reads("forecast demand", ForecastRow))
async def show(
    call: Reading,
    sku: Ref,
    horizon: Ahead = None,
    level: Levels = [],  # noqa: B006 (FastAPI copies it)
    warehouse: MaybeCode = None,
    period: Bucket = None,
) -> Response:
    """Show what the last night stored of a product and, with a horizon, a fresh outlook.

    The outlook is learned from all products anew: with many thousands it takes seconds.
    """
    ahead = horizons.parse(horizon) if horizon is not None else None
    levels = [horizons.level(said) for said in level]
    row, until = await call.read(
        lambda session: (
            forecasts.show(
                session, ref=sku, warehouse=warehouse, horizon=ahead, levels=levels, period=period
            ),
            forecasts.end_of_day(session),
        )
    )
    return call.answer(row.record(), until=until)
