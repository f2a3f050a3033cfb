"""Forecasts for series without a history, from how others of their category began."""

from collections.abc import Sequence

import numpy as np

from bvinv.core.forecasting.arrays import Array, IntArray, filled
from bvinv.core.forecasting.distributions import negative_binomial_quantiles
from bvinv.core.forecasting.ensemble import Distribution
from bvinv.core.forecasting.least_squares import not_negative
from bvinv.core.forecasting.smoothing import bucket_variance

BEGINNING = 8  # buckets that count as the start of a series
# A category is judged by those whose start was seen, if there are so many.
LEAST_STARTS = 5
LARGEST_ERROR = 60.0


class FirstBuckets:
    """How every series began: added chunk by chunk, asked at the end."""

    def __init__(self, series: int, periods: int) -> None:
        self.periods = periods
        self.rate = np.full(series, np.nan)
        self.variance = np.zeros(series)
        self.start_seen = np.zeros(series, dtype=np.bool_)

    def add(self, chunk: slice, demand: Array) -> None:
        """Add series, as (buckets, series)."""
        seen = ~np.isnan(demand)
        first = np.where(seen & (np.cumsum(seen, axis=0) <= BEGINNING), demand, np.nan)
        count = (~np.isnan(first)).sum(0)
        rate = filled(first).sum(0) / np.maximum(count, 1)
        self.rate[chunk] = np.where(count > 0, rate, np.nan)
        self.variance[chunk] = bucket_variance(first)
        self.start_seen[chunk] = ~seen[0]

    def told(
        self, group: IntArray, levels: Sequence[float], factor: float
    ) -> tuple[IntArray, Distribution]:
        """Return the series to be told from their category, and their distributions.

        The mean is the category's median rate at the start, times the season's `factor`. The
        variance follows one law for all, a multiple of the mean and one of its square, fitted to
        the spread of each series and between those of a category.
        """
        median = self._medians(group)
        known = ~np.isnan(self.rate) & ~np.isnan(median)
        cold = np.flatnonzero(np.isnan(self.rate) & ~np.isnan(median))
        mean = self.periods * np.where(np.isnan(median), 0, median)
        between = np.where(known, self.periods * self.rate - mean, 0) ** 2
        law = self._law(mean[known], (self.periods * self.variance + between)[known])
        ahead = mean[cold] * factor
        variance = np.maximum(law[0] * ahead + law[1] * ahead**2, ahead)
        quantiles = negative_binomial_quantiles(ahead, variance, levels, smooth=True)
        return cold, Distribution(ahead, variance, np.maximum(quantiles, 0))

    def _medians(self, group: IntArray) -> Array:
        """Return, per series, the median rate of its category; NaN where there is none."""
        medians = np.full(len(self.rate), np.nan)
        known = ~np.isnan(self.rate) & (group >= 0)
        order = np.argsort(group, kind="stable")
        names, starts = np.unique(group[order], return_index=True)
        for name, members in zip(names, np.split(order, starts[1:]), strict=True):
            if name >= 0:
                seen = members[known[members]]
                fresh = seen[self.start_seen[seen]]
                chosen = fresh if len(fresh) >= LEAST_STARTS else seen
                if len(chosen):
                    medians[members] = np.median(self.rate[chosen])
        return medians

    @staticmethod
    def _law(mean: Array, variance: Array) -> Array:
        usual = mean + 0.3 * mean**2 + 0.02
        terms = np.stack([mean, mean**2]) / usual
        capped = np.minimum(variance / usual, LARGEST_ERROR)
        return not_negative(terms @ terms.T, terms @ capped)
