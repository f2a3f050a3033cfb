"""The yearly course of demand, learned from all series together."""

import numpy as np

from bvinv.core.forecasting.arrays import Array

# One SKU's fair week must not be everyone's: a bucket counts as at most so many times the mean.
LARGEST_RATIO = 10.0
# A phase of the year counts as if so many further years had shown no season.
CALM_YEARS = 2.0


class Sums:
    """What the index needs of the series, added up so that not all need be at hand at once."""

    def __init__(self, buckets: int) -> None:
        self.count, self.total, self.squares = np.zeros((3, buckets))

    def add(self, demand: Array) -> None:
        """Add series, as (buckets, series). Those that never sold say nothing of the season."""
        seen = ~np.isnan(demand)
        units = np.where(seen, demand, 0)
        mean = units.sum(0) / np.maximum(seen.sum(0), 1)
        ratios = np.minimum(units / np.where(mean > 0, mean, 1), LARGEST_RATIO)
        self.count += (seen & (mean > 0)).sum(1)
        self.total += ratios.sum(1)
        self.squares += (ratios * ratios).sum(1)


def yearly_index(sums: Sums, season: int) -> Array:
    """Return (season,): how demand of each bucket ahead compares with the year's mean.

    The first number is the bucket after the last one seen. All are 1 with less than a year and a
    quarter of history. The ratio of each bucket to a centred year's mean is averaged by phase,
    smoothed over three weeks, and drawn to 1 by as much of its spread as chance explains
    (the positive-part James-Stein rule): a few series have no season, thousands do.
    """
    buckets = len(sums.count)
    if buckets < season + season // 4:
        return np.ones(season)
    count = np.maximum(sums.count, 1)
    mean = np.where(sums.count > 0, sums.total / count, 1.0)
    chance = np.maximum(sums.squares / count - mean * mean, 0) / count
    level = np.maximum(_centred_mean(mean, season), 1e-9)
    phase = (np.arange(buckets) - buckets) % season
    years = np.bincount(phase, minlength=season) + CALM_YEARS
    index = (np.bincount(phase, mean / level, season) + CALM_YEARS) / years
    noise = np.bincount(phase, chance / level**2, season) / years**2
    if season > 12:
        index = (np.roll(index, 1) + 2 * index + np.roll(index, -1)) / 4
        noise = (np.roll(noise, 1) + 4 * noise + np.roll(noise, -1)) / 16
    index = index / index.mean()
    spread = index.var()
    kept = max(1 - noise.mean() / spread, 0.0) if spread > 0 else 0.0
    return np.asarray(1 + kept * (index - 1))


def course(index: Array, buckets: int, ahead: int) -> Array:
    """Return the index of every past bucket and of `ahead` more."""
    return np.asarray(index[np.arange(-buckets, ahead) % len(index)])


def _centred_mean(values: Array, width: int) -> Array:
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.ones(width) / width, "valid")
