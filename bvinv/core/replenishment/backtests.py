"""Backtests: how well the methods would have forecast, ordered and cost on this shop's own past."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from bvinv.core import items, text, warehouses
from bvinv.core.db import Session
from bvinv.core.errors import InvalidInput
from bvinv.core.forecasting import backtesting, classes
from bvinv.core.forecasting.backtesting import EVERY
from bvinv.core.models.outlook import BacktestRow
from bvinv.core.replenishment import classing, demand, horizons
from bvinv.core.replenishment.demand import Panel
from bvinv.core.replenishment.horizons import Horizon, Period
from bvinv.core.replenishment.outlook import SEASON

Grouping = Literal["quadrant", "abc"]

ABC = ("A", "B", "C")
MOST_ORIGINS = 52
NAMED = 0


def backtest(
    session: Session,
    *,
    refs: Sequence[str] = (),
    horizon: Horizon,
    origins: int = 12,
    level: int = 9_500,
    by: Grouping = "quadrant",
    warehouse: str | None = None,
    period: Period = "week",
    as_of: int | None = None,
) -> list[BacktestRow]:
    """Return the scores of every method on all series and on each class of them, best first.

    The methods learn from all active products at each of the last `origins`, buckets of the past;
    with `refs` or a warehouse only those are scored. A horizon that ends inside a bucket counts
    as the whole of it. Raises InvalidInput if the history is too short, NotFound.
    """
    text.quantity(origins, what="number of origins", maximum=MOST_ORIGINS)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    wanted = {item.id for item in items.named(session, refs).values()}
    panel = demand.panel(session, as_of=as_of, period=period, ahead=1)
    periods = math.ceil(horizon.buckets(horizons.following(panel.begins[-1], period), period))
    scored = np.array(
        [
            (not refs or product in wanted) and (site is None or where == site.id)
            for product, where in panel.keys
        ],
        dtype=np.bool_,
    )
    names, group = _groups(session, panel, by)
    is_part = bool(refs) or site is not None
    if is_part:
        names, group = {NAMED: "asked for"}, np.where(scored, NAMED, EVERY)
    try:
        found = backtesting.backtest(
            _recent(panel),
            periods=periods,
            season=SEASON[period],
            origins=origins,
            group=group,
            level=level / 10_000,
        )
    except ValueError:
        raise _too_short(horizon) from None
    rows = [
        _row(score, names[score.group], found, horizon, panel)
        for score in found.scores
        if score.group in names
    ]
    if not rows:
        raise _too_short(horizon)
    order = {name: place for place, name in enumerate(names.values())}
    return sorted(rows, key=lambda row: (order[row.group], not row.best, row.pinball))


def _too_short(horizon: Horizon) -> InvalidInput:
    return InvalidInput(
        f"the history is too short, or too even, to try forecasts of {horizon}",
        hint="a shorter --horizon, an earlier --as-of, or more history: bvinv forecast import",
    )


def _recent(panel: Panel) -> npt.NDArray[np.float64]:
    """Return the demand from the first bucket in which anything was seen."""
    seen = np.flatnonzero(~np.isnan(panel.demand).all(axis=0))
    first = seen[0] if len(seen) else panel.demand.shape[1]
    return panel.demand[:, first:].astype(np.float64)


def _groups(
    session: Session, panel: Panel, by: Grouping
) -> tuple[dict[int, str], npt.NDArray[np.int64]]:
    """Return the names of the classes by their numbers, and the class of every row."""
    if by == "abc":
        of = classing.abc(session, as_of=horizons.on(panel.as_of))
        found = np.array([ABC.index(of.get(key, "C")) for key in panel.keys], dtype=np.int64)
        return {EVERY: "all", **dict(enumerate(ABC))}, found
    quadrant = classes.syntetos_boylan(panel.demand.astype(np.float64))
    return {EVERY: "all", **dict(enumerate(classes.QUADRANTS))}, quadrant


def _row(
    score: backtesting.Score,
    group: str,
    found: backtesting.Backtest,
    horizon: Horizon,
    panel: Panel,
) -> BacktestRow:
    cov50, cov90, cov95 = (round(share, 3) for share in score.coverage)
    return BacktestRow(
        group=group,
        series=score.series,
        origins=found.origins,
        horizon=str(horizon),
        period=panel.period,
        as_of=horizons.on(panel.as_of),
        method=score.method,
        best=found.winners[score.group] == score.method,
        rmsse=round(score.rmsse, 3),
        mase=round(score.mase, 3),
        pinball=round(score.pinball, 3),
        bias=round(score.bias, 3) + 0.0,  # a minus zero is none
        cov50=cov50,
        cov90=cov90,
        cov95=cov95,
        level=found.level,
        service=round(score.service, 3),
        stock=round(score.stock, 3),
        cost=round(score.cost, 3),
    )
