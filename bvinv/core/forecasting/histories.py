"""What a chunk of series had shown by the end of every bucket, prepared once for all methods."""

from functools import cached_property

import numpy as np

from bvinv.core.forecasting.arrays import Array, BoolArray, filled
from bvinv.core.forecasting.seasons import course
from bvinv.core.forecasting.smoothing import ALPHAS, exponential_levels, period_sums

# No title sells more in a bucket; a figure beyond it is an accident, and would swamp the sums.
LARGEST_DEMAND = 1e9


def proper(demand: Array) -> Array:
    """Return demand as (buckets, series): not negative, not absurd, NaN where it was not seen."""
    turned = np.array(demand.T, dtype=np.float64, order="C")
    turned[~np.isfinite(turned)] = np.nan
    return np.clip(turned, 0, LARGEST_DEMAND)


class History:
    """Demand as (buckets, series), as it was and without its season.

    `ahead` is the mean index of the `periods` after each bucket, so that a level without season
    times `ahead` is what to expect of a bucket then.
    """

    def __init__(self, demand: Array, index: Array, periods: int) -> None:
        buckets = len(demand)
        self.periods, self.season = periods, len(index)
        factors = course(index, buckets, periods)
        reached = np.concatenate([[0.0], np.cumsum(factors)])
        self.ahead = (reached[periods + 1 :] - reached[1 : buckets + 1]) / periods
        self.demand = demand
        self.calm = demand / factors[:buckets, None]
        self.seen: BoolArray = ~np.isnan(demand)

    @cached_property
    def count(self) -> Array:
        """How many buckets were seen so far."""
        return np.cumsum(self.seen, axis=0, dtype=np.float64)

    @cached_property
    def sales(self) -> Array:
        """How many of them had a sale."""
        return np.cumsum(filled(self.demand) > 0, axis=0, dtype=np.float64)

    @cached_property
    def sums(self) -> Array:
        """Demand of the `periods` after each bucket."""
        return period_sums(self.demand, self.periods)

    @cached_property
    def calm_sums(self) -> Array:
        """The same without season."""
        return period_sums(self.calm, self.periods)

    @cached_property
    def levels(self) -> Array:
        """Simple exponential smoothing by every alpha."""
        return exponential_levels(self.calm, ALPHAS)

    def level(self, alpha: float) -> Array:
        """Return the smoothing by one alpha."""
        return np.asarray(self.levels[ALPHAS.index(alpha)])
