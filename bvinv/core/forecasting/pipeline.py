"""From a matrix of demand to the distribution of what will be asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from bvinv.core.forecasting.arrays import Array, IntArray
from bvinv.core.forecasting.cold_starts import FirstBuckets
from bvinv.core.forecasting.cross_learning import CommonModel, learn
from bvinv.core.forecasting.ensemble import Distribution, ensemble
from bvinv.core.forecasting.histories import History, proper
from bvinv.core.forecasting.seasons import Sums, yearly_index
from bvinv.core.forecasting.states import PastStates, States

QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)
METHODS = ("none", "category", "ensemble", "combined")
NONE, CATEGORY, ENSEMBLE, COMBINED = range(4)

# Below these the common model costs more than it gains.
LEAST_SERIES = 150
LEAST_WEEKS, LEAST_MONTHS = 26, 12
LEAST_ORIGINS = 8
LEAST_ROWS = 1_000
# How far back the common model learns, and from how many rows.
PAST_WEEKS, PAST_MONTHS = 78, 24
ROWS = 200_000
# So many series at a time: their histories fit the processor's cache, and memory stays small.
CHUNK = 2_048
SEED = 0


@dataclass(frozen=True)
class Forecast:
    """Demand over the periods ahead, one row a series.

    `quantiles` has one column for each of `levels`; they are not rounded (round them to whole
    units to use them), do not cross and are not negative. `method` is a place in `METHODS`.
    """

    mean: Array
    variance: Array
    levels: tuple[float, ...]
    quantiles: Array
    method: IntArray


def forecast(
    demand: Array,
    *,
    periods: int,
    season: int,
    levels: Sequence[float] = QUANTILES,
    group: IntArray | None = None,
) -> Forecast:
    """Forecast the demand of the next `periods` buckets.

    `demand` has a row a series and a column a bucket, oldest first, NaN where demand was not seen
    (before the first receipt, without stock). `season` is the buckets of a year, 52 or 12.
    `group` is a category number for each series (-1: none), from which a series without any
    history is told. Raises ValueError on levels outside of 0 to 1 or periods below 1.
    """
    return forecasts(demand, periods=periods, season=season, levels=levels, group=group)[1]


def forecasts(
    demand: Array,
    *,
    periods: int,
    season: int,
    levels: Sequence[float] = QUANTILES,
    group: IntArray | None = None,
) -> tuple[Forecast, Forecast]:
    """Return the forecast from each series alone, and the one combined with all others'."""
    if periods < 1 or not all(0 < level < 1 for level in levels):
        raise ValueError("periods must be at least 1, and levels between 0 and 1")
    # Buckets before anybody's history say nothing, and would pass for a year without a season.
    seen = np.isfinite(demand).any(axis=0)
    demand = demand[:, int(seen.argmax()) :] if seen.any() else demand[:, :0]
    series, buckets = demand.shape
    alone = _empty(series, levels)
    if not series or not buckets:
        return alone, alone
    index = _index(demand, season)
    sample = _Sample(demand, periods=periods, season=season)
    first = FirstBuckets(series, periods)
    last, rows = [], []
    for chunk, units in _chunks(demand):
        history = History(units, index, periods)
        first.add(chunk, units)
        _put(alone, chunk, ensemble(history, levels))
        alone.method[chunk] = np.where(history.count[-1] > 0, ENSEMBLE, NONE)
        if sample.worth_while:
            past = PastStates(history)
            last.append(past.at(*_ends(units)))
            rows.append(past.at(*sample.within(history)))
    if group is not None:
        cold, told = first.told(group, levels, float(index[np.arange(periods) % season].mean()))
        _put(alone, cold, told)
        alone.method[cold] = CATEGORY
    learned = States.joined(rows) if rows else None
    if learned is None or len(learned.sums) < LEAST_ROWS:
        return alone, alone
    return alone, _combined(alone, learn(learned, periods), States.joined(last))


def _combined(alone: Forecast, model: CommonModel, states: States) -> Forecast:
    """Return the average of both forecasts for every series that ever sold."""
    both = Forecast(
        alone.mean.copy(),
        alone.variance.copy(),
        alone.levels,
        alone.quantiles.copy(),
        np.where(states.sold, COMBINED, alone.method),
    )
    for start in range(0, len(alone.mean), CHUNK * 4):
        rows = slice(start, start + CHUNK * 4)
        common = model.predict(_part(states, rows), alone.levels)
        sold = states.sold[rows]
        deviation = (np.sqrt(alone.variance[rows]) + np.sqrt(common.variance)) / 2
        mean = (alone.mean[rows] + common.mean) / 2
        quantiles = (alone.quantiles[rows] + common.quantiles) / 2
        both.mean[rows] = np.where(sold, mean, alone.mean[rows])
        both.variance[rows] = np.where(sold, deviation**2, alone.variance[rows])
        both.quantiles[rows] = np.where(sold[:, None], quantiles, alone.quantiles[rows])
    return both


class _Sample:
    """The series at past buckets from which the common model learns, drawn evenly from all.

    A sum that was not over at the last bucket is not known, so none later is drawn.
    """

    def __init__(self, demand: Array, *, periods: int, season: int) -> None:
        buckets, weekly = demand.shape[1], season > 12
        past = PAST_WEEKS if weekly else PAST_MONTHS
        end = buckets - periods
        self.origins = np.arange(max(2 * periods, end - past), end)
        self.worth_while = (
            len(self.origins) >= LEAST_ORIGINS
            and buckets >= (LEAST_WEEKS if weekly else LEAST_MONTHS)
            and int((demand > 0).any(axis=1).sum()) >= LEAST_SERIES
        )
        rows = int(np.isfinite(demand[:, self.origins]).sum()) if self.worth_while else 0
        self.share = min(ROWS / max(rows, 1), 1.0)
        self.random = np.random.default_rng(SEED)

    def within(self, history: History) -> tuple[IntArray, IntArray]:
        """Return buckets and series of this chunk: where something was sold and sums are known."""
        wanted = (
            ~np.isnan(history.sums[self.origins])
            & (history.sales[self.origins] > 0)
            & (history.count[self.origins] > history.periods)
        )
        if self.share < 1:
            wanted &= self.random.random(wanted.shape) < self.share
        buckets, series = np.nonzero(wanted)
        return self.origins[buckets], series


def _index(demand: Array, season: int) -> Array:
    """Return the yearly index of all series together."""
    sums = Sums(demand.shape[1])
    for _, units in _chunks(demand):
        sums.add(units)
    return yearly_index(sums, season)


def _chunks(demand: Array) -> Iterator[tuple[slice, Array]]:
    for start in range(0, len(demand), CHUNK):
        chunk = slice(start, start + CHUNK)
        yield chunk, proper(demand[chunk])


def _ends(units: Array) -> tuple[IntArray, IntArray]:
    """Return every series at its last bucket."""
    return np.full(units.shape[1], len(units) - 1), np.arange(units.shape[1])


def _part(states: States, rows: slice) -> States:
    return States(*(getattr(states, field.name)[..., rows] for field in fields(states)))


def _empty(series: int, levels: Sequence[float]) -> Forecast:
    mean, variance = np.zeros((2, series))
    quantiles = np.zeros((series, len(levels)))
    return Forecast(mean, variance, tuple(levels), quantiles, np.full(series, NONE))


def _put(forecast: Forecast, rows: slice | IntArray, told: Distribution) -> None:
    forecast.mean[rows], forecast.variance[rows] = told.mean, told.variance
    forecast.quantiles[rows] = told.quantiles
