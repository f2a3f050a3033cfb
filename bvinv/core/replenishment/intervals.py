"""Demand over each row's protection interval: the days until what is ordered now, and what can be
ordered at the next review, are used up."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bvinv.core.forecasting.arrays import Array, IntArray
from bvinv.core.forecasting.distributions import negative_binomial_quantiles
from bvinv.core.forecasting.pipeline import NONE, forecast
from bvinv.core.replenishment.demand import Panel

DAYS = {"week": 7.0, "month": 365.25 / 12}  # of a bucket
SEASONS = {"week": 52, "month": 12}  # buckets of a year
# So near to whole buckets an interval counts as such: a month has 28 to 31 days.
_NEAR = 0.1
# A common model learns from as many rows as this, also for a handful that share an interval.
_ENOUGH = 2_000


class Expected(NamedTuple):
    """Demand over the interval of each row, in pieces, the calendar's lifts applied.

    `quantiles` has a column for each level that was asked for; they do not cross. `lift` is the
    calendar's factor, `periods` the whole buckets that cover the interval, `method` a place in
    `pipeline.METHODS`.
    """

    mean: Array
    variance: Array
    quantiles: Array
    lift: Array
    periods: IntArray
    method: IntArray


def expected(
    panel: Panel, days: Array, *, levels: Sequence[float], lead_variance: Array
) -> Expected:
    """Return the distribution of demand over `days` of each row, which may be fractions.

    Between whole buckets, mean, variance and quantiles are interpolated. Shorter than one bucket,
    its demand is taken as spread evenly. A lead time that varies (`lead_variance`, in days
    squared) adds mu² Var(L) to the variance, mu being the demand of a day (Silver, Pyke & Thomas,
    "Inventory and Production Management in Supply Chains", 4th edition, 6.10), and moves each
    quantile as it moves that of a negative binomial. `levels` are in ascending order.
    """
    buckets = days / DAYS[panel.period]
    nearest = np.round(buckets)
    buckets = np.where((np.abs(buckets - nearest) < _NEAR) & (nearest >= 1), nearest, buckets)
    below = np.maximum(np.floor(buckets), 1).astype(np.int64)
    above = np.maximum(np.ceil(buckets), 1).astype(np.int64)
    found = _empty(len(days), len(levels), above)
    for periods in np.unique(np.concatenate([below, above])):
        share = np.where(below == periods, 1 - np.maximum(buckets - below, 0), 0.0)
        share = np.where((above == periods) & (above > below), buckets - below, share)
        _add(found, panel, int(periods), share, levels)
    _shrink(found, np.minimum(buckets, 1), levels)
    _widen(found, np.sqrt(lead_variance) / np.maximum(days, 1), levels)
    np.maximum.accumulate(found.quantiles, axis=1, out=found.quantiles)
    return found


def _empty(rows: int, levels: int, periods: IntArray) -> Expected:
    return Expected(
        mean=np.zeros(rows),
        variance=np.zeros(rows),
        quantiles=np.zeros((rows, levels)),
        lift=np.zeros(rows),
        periods=periods,
        method=np.full(rows, NONE),
    )


def _add(
    found: Expected, panel: Panel, periods: int, share: Array, levels: Sequence[float]
) -> None:
    """Add the forecast of so many buckets to the rows that have a share in it."""
    rows = np.flatnonzero(share > 0)
    if not len(rows):
        return
    taken = _with_others(rows, len(share))
    told = forecast(
        np.asarray(panel.demand[taken]),
        periods=periods,
        season=SEASONS[panel.period],
        levels=levels,
        group=panel.category[taken],
    )
    part = share[rows]
    here = slice(0, len(rows))
    lift = _lift(panel, rows, periods)
    found.mean[rows] += part * lift * told.mean[here]
    found.variance[rows] += part * lift**2 * told.variance[here]
    found.quantiles[rows] += (part * lift)[:, None] * told.quantiles[here]
    found.lift[rows] += part * lift
    found.method[rows] = told.method[here]


def _with_others(rows: IntArray, count: int) -> IntArray | slice:
    """Return the rows, and behind them others from all over the panel where they are few."""
    if len(rows) == count:
        return slice(None)
    wanted = min(_ENOUGH, count) - len(rows)
    if wanted <= 0:
        return rows
    others = np.setdiff1d(np.arange(count), rows)
    return np.concatenate([rows, others[np.linspace(0, len(others) - 1, wanted).astype(np.int64)]])


def _lift(panel: Panel, rows: IntArray, periods: int) -> Array:
    """Return the mean factor of the coming buckets; what lies beyond the calendar counts as 1."""
    seen = panel.lift[rows, :periods].astype(np.float64)
    return np.asarray((seen.sum(axis=1) + periods - seen.shape[1]) / periods)


def _shrink(found: Expected, part: Array, levels: Sequence[float]) -> None:
    """Take a part of a bucket's demand where the interval is shorter than one."""
    rows = np.flatnonzero(part < 1)
    if not len(rows):
        return
    found.mean[rows] *= part[rows]
    found.variance[rows] *= part[rows]
    found.quantiles[rows] = _quantiles(found.mean[rows], found.variance[rows], levels)


def _widen(found: Expected, doubt: Array, levels: Sequence[float]) -> None:
    """Add what an uncertain lead time adds; `doubt` is its deviation as a part of the interval."""
    rows = np.flatnonzero((doubt > 0) & (found.mean > 0))
    if not len(rows):
        return
    mean = found.mean[rows]
    added = (mean * doubt[rows]) ** 2
    # Calmer than Poisson no distribution here is: what is added must not vanish below that.
    variance = np.maximum(found.variance[rows], mean)
    found.variance[rows] += added
    moved = _quantiles(mean, variance + added, levels) - _quantiles(mean, variance, levels)
    found.quantiles[rows] = np.maximum(found.quantiles[rows] + moved, 0)


def _quantiles(mean: Array, variance: Array, levels: Sequence[float]) -> Array:
    return np.maximum(negative_binomial_quantiles(mean, variance, levels, smooth=True), 0)
