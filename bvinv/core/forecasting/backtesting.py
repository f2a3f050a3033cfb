"""Methods side by side on the past: what each would have forecast, ordered and cost.

Every method sees only what was known at an origin, a past bucket, and is judged by the demand of
the periods after it. Errors are scaled by each series' own mean step from bucket to bucket, so
that fast and slow titles count alike (Hyndman & Koehler 2006; the M5 competition, 2022).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bvinv.core.forecasting.arrays import Array, BoolArray, IntArray, filled
from bvinv.core.forecasting.distributions import normal_quantile
from bvinv.core.forecasting.histories import proper
from bvinv.core.forecasting.pipeline import forecasts
from bvinv.core.forecasting.replays import Replay, replay
from bvinv.core.forecasting.smoothing import bucket_variance, croston_levels, period_sums

COMPARED = ("naive", "seasonal-naive", "croston-sba", "ensemble", "combined")
LEVELS = (0.5, 0.9, 0.95)
EVERY = -1  # the group of all series together


@dataclass(frozen=True)
class Score:
    """How a method did on a group of series.

    `rmsse`, `mase` and `pinball` are scaled errors (less is better; pinball is the mean over
    `LEVELS`). `bias` is forecast less demand, over demand. `coverage` has, per level, the share
    of periods whose demand the quantile covered. `service`, `stock` and `cost` come from the
    replay of an order-up-to policy at `level`: the share of buckets without a lost sale, the mean
    stock at their ends and what stock and lost sales cost, both scaled like the errors.
    """

    method: str
    group: int
    series: int
    rmsse: float
    mase: float
    pinball: float
    bias: float
    coverage: tuple[float, ...]
    service: float
    stock: float
    cost: float


@dataclass(frozen=True)
class Backtest:
    """The scores of every method on every group, and the method of least pinball of each."""

    origins: int
    level: float
    scores: list[Score]
    winners: dict[int, str]


def backtest(
    demand: Array,
    *,
    periods: int,
    season: int,
    origins: int = 12,
    group: IntArray | None = None,
    level: float = 0.95,
) -> Backtest:
    """Compare the methods over the last origins, for all series and for each group of them.

    `demand` is as for `forecast`. An origin needs twice the periods and two buckets before it;
    raises ValueError if the demand is too short for any.
    """
    buckets = demand.shape[1]
    first = max(buckets - periods - origins, 2 * periods + 1)
    past = np.arange(first, buckets - periods)
    if not len(past):
        raise ValueError(f"{buckets} buckets are too few to try periods of {periods}")
    known = proper(demand)
    trial = _Trial(known, past, periods, level)
    told = {method: _Told(trial) for method in COMPARED}
    for place, t in enumerate(past):
        for method, mean, quantiles in _asked(demand, known, int(t), periods, season, level):
            told[method].put(place, mean, quantiles)
    groups = {EVERY: np.ones(len(demand), dtype=np.bool_)}
    if group is not None:
        groups |= {int(name): group == name for name in np.unique(group) if name != EVERY}
    results = {method: said.errors() for method, said in told.items()}
    scores = [
        errors.score(method, name, members & trial.judged)
        for name, members in groups.items()
        if (members & trial.judged).any()
        for method, errors in results.items()
    ]
    winners: dict[int, str] = {}
    for score in sorted(scores, key=lambda score: score.pinball, reverse=True):
        winners[score.group] = score.method
    return Backtest(len(past), level, scores, winners)


class _Trial:
    """The series at the origins: what followed, who is judged, and by which scale."""

    def __init__(self, known: Array, past: IntArray, periods: int, level: float) -> None:
        self.known, self.past, self.periods, self.level = known, past, periods, level
        seen = ~np.isnan(known)
        start = np.where(seen.any(0), np.argmax(seen, axis=0), len(known))
        sold = np.cumsum(filled(known), axis=0)[past] > 0
        old = start <= past[:, None] - 2 * periods - 1
        self.sums = np.where(old & sold, period_sums(known, periods)[past], np.nan)
        before = known[: past[0] + 1]
        steps = np.abs(before[1:] - before[:-1])
        count = np.maximum((~np.isnan(steps)).sum(0), 1)
        self.step = filled(steps).sum(0) / count
        self.square_step = np.sqrt((filled(steps) ** 2).sum(0) / count)
        self.judged: BoolArray = (self.step > 0) & ~np.isnan(self.sums).all(0)
        self.followed = np.stack([known[past + ahead] for ahead in range(1, periods + 1)])


class _Told:
    """What one method said at every origin."""

    def __init__(self, trial: _Trial) -> None:
        shape = trial.sums.shape
        self.trial = trial
        self.mean = np.zeros(shape)
        self.quantiles = np.zeros((len(LEVELS) + 1, *shape))

    def put(self, place: int, mean: Array, quantiles: Array) -> None:
        self.mean[place], self.quantiles[:, place] = mean, quantiles.T

    def errors(self) -> "_Errors":
        """Return the errors of every series."""
        trial = self.trial
        judged = ~np.isnan(trial.sums)
        gaps = np.where(judged, trial.followed - self.mean / trial.periods, np.nan)
        count = np.maximum((~np.isnan(gaps)).sum((0, 1)), 1)
        times = np.maximum(judged.sum(0), 1)
        step = np.where(trial.step > 0, trial.step, 1)
        square_step = np.where(trial.square_step > 0, trial.square_step, 1)
        pinball = np.zeros(len(step))
        covered = []
        for level, quantile in zip(LEVELS, self.quantiles[:-1], strict=True):
            over = filled(trial.sums - quantile)
            pinball += np.maximum(level * over, (level - 1) * over).sum(0) / times / len(LEVELS)
            covered.append((judged & (trial.sums <= quantile)).sum(0))
        return _Errors(
            squared=np.sqrt((filled(gaps) ** 2).sum((0, 1)) / count) / square_step,
            absolute=np.abs(filled(gaps)).sum((0, 1)) / count / step,
            pinball=pinball / step,
            over=filled(self.mean - trial.sums).sum(0),
            demand=filled(trial.sums).sum(0),
            covered=np.stack(covered),
            times=judged.sum(0),
            replay=replay(trial.known, trial.past, self.quantiles[-1], trial.periods),
            step=step,
            level=trial.level,
        )


@dataclass(frozen=True)
class _Errors:
    """Errors of one method, a number for every series."""

    squared: Array
    absolute: Array
    pinball: Array
    over: Array
    demand: Array
    covered: IntArray
    times: IntArray
    replay: Replay
    step: Array
    level: float

    def score(self, method: str, group: int, rows: BoolArray) -> Score:
        """Return the means over the rows."""
        times = self.times[rows].sum()
        replayed, step = self.replay, self.step[rows]
        held = float(np.mean(replayed.stock[rows] / step))
        missed = float(np.mean(replayed.missed[rows] / step))
        return Score(
            method=method,
            group=group,
            series=int(rows.sum()),
            rmsse=float(self.squared[rows].mean()),
            mase=float(self.absolute[rows].mean()),
            pinball=float(self.pinball[rows].mean()),
            bias=float(self.over[rows].sum() / max(self.demand[rows].sum(), 1e-9)),
            coverage=tuple(float(share) for share in self.covered[:, rows].sum(1) / times),
            service=float(1 - replayed.short[rows].mean()),
            stock=held,
            cost=held + self.level / (1 - self.level) * missed,
        )


def _asked(
    demand: Array, known: Array, t: int, periods: int, season: int, level: float
) -> Iterator[tuple[str, Array, Array]]:
    """Yield what each method says after bucket t: mean, and quantiles in whole units."""
    levels = (*LEVELS, level)
    past = known[: t + 1]
    deviation = np.sqrt(periods * bucket_variance(past))
    spread = deviation[:, None] * normal_quantile(np.array(levels))
    simple: Sequence[tuple[str, Callable[[], Array]]] = (
        ("naive", lambda: periods * _last_seen(past)),
        ("seasonal-naive", lambda: _last_year(past, periods, season)),
        ("croston-sba", lambda: periods * croston_levels(past, alpha=0.1)[-1]),
    )
    for method, of in simple:
        mean = of()
        yield method, mean, np.ceil(np.maximum(mean[:, None] + spread, 0) - 1e-9)
    both = forecasts(demand[:, : t + 1], periods=periods, season=season, levels=levels)
    for method, told in zip(("ensemble", "combined"), both, strict=True):
        yield method, told.mean, np.round(told.quantiles)


def _last_seen(past: Array) -> Array:
    """Return the last demand that was seen; 0 where none was."""
    seen = ~np.isnan(past)
    last = len(past) - 1 - np.argmax(seen[::-1], axis=0)
    return filled(past[last, np.arange(past.shape[1])])


def _last_year(past: Array, periods: int, season: int) -> Array:
    """Return the demand of the same buckets a year ago; the year's mean for those not seen."""
    recent = past[-season:]
    mean = filled(recent).sum(0) / np.maximum((~np.isnan(recent)).sum(0), 1)
    total = np.zeros(past.shape[1])
    for ahead in range(periods):
        then = len(past) - season + ahead % season
        units = past[then] if then >= 0 else np.full(len(mean), np.nan)
        total += np.where(np.isnan(units), mean, units)
    return total
