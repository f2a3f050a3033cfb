"""Where series stood at past buckets: the rows from which the common model learns and predicts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Self

import numpy as np

from bvinv.core.forecasting.arrays import Array, BoolArray, IntArray, filled
from bvinv.core.forecasting.classes import AVERAGE_INTERVAL, SQUARED_VARIATION
from bvinv.core.forecasting.histories import History
from bvinv.core.forecasting.smoothing import exponential_levels, tsb_levels

# Units a bucket that are added to both sides of a ratio of levels, so that none is infinite.
TRACE = 0.02
LEVEL_ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.4)


class Feature(IntEnum):
    """Circumstances that change what to expect; the place of each in `States.features`."""

    WAITED = 0  # log of the buckets since the last sale
    WAITED_INTERVALS = 1  # the same in mean intervals between sales
    QUICKENING = 2  # log of the quick level to the slow one
    GROWTH = 3  # log of the slow level to the mean
    LAST_SUM = 4  # log of the last sum to the level
    LAST_YEAR = 5  # log of the sum a year ago to the level then
    AGE = 6  # log of the buckets seen
    INTERVAL = 7  # log of the mean interval between sales
    VARIATION = 8  # log of the squared variation of sizes
    SPREAD = 9  # log of the spread to what the mean lets expect
    MEAN = -1  # log of the forecast's own mean, which is not among the features


@dataclass(frozen=True)
class States:
    """Series at buckets, one column each.

    `levels` are eight estimates of the demand of a bucket ahead, `mean` the mean of all that was
    seen (both in units a bucket), `features` has a row for each `Feature`, `quadrant` is a place in
    `classes.QUADRANTS`, `sums` the demand of the `periods` that followed, NaN if not known.
    """

    levels: Array
    features: Array
    mean: Array
    quadrant: IntArray
    sold: BoolArray
    sums: Array

    @classmethod
    def joined(cls, parts: "Sequence[Self]") -> Self:
        """Return the columns of all parts, in their order."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts], axis=-1)
                for field in fields(cls)
            )
        )


class PastStates:
    """The states of a history's series at every bucket, to be taken where they are wanted."""

    def __init__(self, history: History) -> None:
        self.history = history
        seen, units = history.seen, filled(history.calm)
        self.interval = history.count / np.maximum(history.sales, 1)
        total = np.cumsum(units, axis=0)
        self.mean = total / np.maximum(history.count, 1)
        size = total / np.maximum(history.sales, 1)
        squares = np.cumsum(units * units, axis=0) / np.maximum(history.sales, 1)
        self.variation = np.maximum(squares - size * size, 0) / np.maximum(size * size, 1e-9)
        self.waited = np.empty(seen.shape)
        waited = np.zeros(seen.shape[1])
        for t, (sold, here) in enumerate(zip(units > 0, seen, strict=True)):
            waited = np.where(sold, 0, waited + here)
            self.waited[t] = waited
        before = np.concatenate([self.mean[:1], self.mean[:-1]])
        self.spread = exponential_levels((history.calm - before) ** 2, (0.05,))[0]
        self.quick_chance = tsb_levels(history.calm, size=0.1, chance=0.2)
        self.slow_chance = tsb_levels(history.calm, size=0.1, chance=0.05)

    def at(self, buckets: IntArray, series: IntArray) -> States:
        """Return the states of these series, each after its bucket."""
        history, where = self.history, (buckets, series)
        smoothed = [history.level(alpha)[where] for alpha in LEVEL_ALPHAS]
        mean = self.mean[where]
        chances = [self.slow_chance[where], self.quick_chance[where]]
        interval, variation = self.interval[where], self.variation[where]
        quick, slow, usual = smoothed[4], smoothed[1], smoothed[2]
        waited = self.waited[where]
        spread = self.spread[where] + 0.05 * mean + 1e-3
        features = {
            Feature.WAITED: np.log(waited + 1),
            Feature.WAITED_INTERVALS: waited / np.maximum(interval, 1),
            Feature.QUICKENING: _log_ratio(quick, slow),
            Feature.GROWTH: _log_ratio(slow, mean),
            Feature.LAST_SUM: _log_ratio(self._last_sum(buckets, series), usual),
            Feature.LAST_YEAR: self._year_ago(buckets, series),
            Feature.AGE: np.log(history.count[where] + 1),
            Feature.INTERVAL: np.log(np.maximum(interval, 1)),
            Feature.VARIATION: np.log(variation + TRACE),
            Feature.SPREAD: np.log(spread / (mean + 0.1 * mean**2 + 1e-3)),
        }
        quadrant = (interval >= AVERAGE_INTERVAL) + 2 * (variation >= SQUARED_VARIATION)
        return States(
            levels=np.stack([*smoothed, mean, *chances]) * history.ahead[buckets],
            features=np.stack([features[place] for place in sorted(features)]),
            mean=mean,
            quadrant=quadrant.astype(np.int64),
            sold=history.sales[where] > 0,
            sums=history.sums[where],
        )

    def _last_sum(self, buckets: IntArray, series: IntArray) -> Array:
        """Return the demand of a bucket in the last `periods`, without season; 0 if not seen."""
        start = buckets - self.history.periods
        sums = filled(self.history.calm_sums[np.maximum(start, 0), series])
        return np.where(start >= 0, sums / self.history.periods, 0)

    def _year_ago(self, buckets: IntArray, series: IntArray) -> Array:
        """Return how the same periods of an earlier year compared with the level before them."""
        history = self.history
        years = -(-history.periods // history.season)
        then = buckets - years * history.season
        before = np.maximum(then, 0)
        sums = history.sums[before, series]
        expected = history.level(0.1)[before, series] * history.ahead[before] * history.periods
        ratio = np.log((filled(sums) + 0.5) / (expected + 0.5))
        return np.where((then >= 0) & ~np.isnan(sums), ratio, 0)


def _log_ratio(above: Array, below: Array) -> Array:
    return np.asarray(np.log((above + TRACE) / (below + TRACE)))
