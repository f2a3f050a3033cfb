"""Levels of demand by exponential smoothing, and the errors they made.

Every function takes demand as (buckets, series), oldest bucket first, NaN where a bucket was not
seen, and gives units a bucket. What was not seen changes nothing.
"""

from collections.abc import Sequence

import numpy as np

from bvinv.core.forecasting.arrays import Array, filled

# From a mean over fifty buckets to one over two; the best of them is chosen for each series.
ALPHAS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


def exponential_levels(demand: Array, alphas: Sequence[float]) -> Array:
    """Return (alphas, buckets, series): simple exponential smoothing after each bucket.

    A level starts as the mean of what was seen, until that is as slow as alpha.
    """
    rates = np.array(alphas, dtype=np.float64)[:, None]
    level = np.zeros((len(alphas), demand.shape[1]))
    count = np.zeros(demand.shape[1])
    levels = np.empty((len(alphas), *demand.shape))
    for t, (units, seen) in enumerate(zip(filled(demand), ~np.isnan(demand), strict=True)):
        count += seen
        gain = np.maximum(rates, 1 / np.maximum(count, 1)) * seen
        level += gain * (units - level)
        levels[:, t] = level
    return levels


def tsb_levels(demand: Array, *, size: float, chance: float) -> Array:
    """Return (buckets, series): the chance of a sale times its size, each smoothed.

    The chance falls in every bucket without a sale, so the demand of a dead title fades: Teunter,
    Syntetos & Babai, "Intermittent demand: linking forecasting to inventory obsolescence",
    European Journal of Operational Research 214, 2011.
    """
    series = demand.shape[1]
    sizes, chances = np.zeros(series), np.zeros(series)
    count, sales = np.zeros(series), np.zeros(series)
    levels = np.empty(demand.shape)
    for t, (units, seen) in enumerate(zip(filled(demand), ~np.isnan(demand), strict=True)):
        sold = units > 0
        count += seen
        sales += sold
        chances += np.maximum(chance, 1 / np.maximum(count, 1)) * seen * (sold - chances)
        sizes += np.maximum(size, 1 / np.maximum(sales, 1)) * sold * (units - sizes)
        levels[t] = chances * sizes
    return levels


def croston_levels(demand: Array, *, alpha: float) -> Array:
    """Return (buckets, series): size over interval, with Syntetos & Boylan's correction (2005).

    "The accuracy of intermittent demand estimates", International Journal of Forecasting 21. The
    method others are measured by: it does not fade, and loses to what does.
    """
    series = demand.shape[1]
    sizes, intervals, waited = np.zeros(series), np.zeros(series), np.ones(series)
    known = np.zeros(series, dtype=np.bool_)
    levels = np.empty(demand.shape)
    for t, (units, seen) in enumerate(zip(filled(demand), ~np.isnan(demand), strict=True)):
        sold = units > 0
        gain = np.where(known, alpha, 1.0) * sold
        sizes += gain * (units - sizes)
        intervals += gain * (waited - intervals)
        known |= sold
        waited = np.where(sold, 1, waited + seen)
        levels[t] = (1 - alpha / 2) * sizes / np.maximum(intervals, 1)
    return levels


def imapa_level(demand: Array, *, largest: int = 6) -> Array:
    """Return (series,): the mean of smoothing over blocks of 1, 2, ... buckets.

    Petropoulos & Kourentzes, "Forecast combinations for intermittent demand", Journal of the
    Operational Research Society 66, 2015.
    """
    levels = [_block_level(demand, size) for size in range(1, largest + 1)]
    return np.asarray(np.mean(levels, axis=0))


def _block_level(demand: Array, size: int) -> Array:
    """Return the level of blocks of so many buckets, counted back from the last one.

    A block that was seen in part counts as if the rest had sold alike. The smoothing is the one
    that would have told the next blocks best.
    """
    blocks = len(demand) // size
    if blocks < 2:
        return np.asarray(filled(demand).sum(0) / np.maximum((~np.isnan(demand)).sum(0), 1))
    recent = demand[len(demand) - blocks * size :].reshape(blocks, size, -1)
    count = (~np.isnan(recent)).sum(1)
    units = filled(recent).sum(1) * size / np.maximum(count, 1)
    totals = np.where(count > 0, units, np.nan)
    levels = exponential_levels(totals, ALPHAS)
    errors = filled(totals[1:] - levels[:, :-1]) ** 2
    best = np.argmin(errors.sum(1), axis=0)
    return np.asarray(levels[best, -1, np.arange(demand.shape[1])] / size)


def period_sums(demand: Array, periods: int) -> Array:
    """Return (buckets, series): the demand of the `periods` after each bucket; NaN if not seen."""
    sums = np.full(demand.shape, np.nan)
    if periods < len(demand):
        units = np.cumsum(filled(demand), axis=0)
        unseen = np.cumsum(np.isnan(demand), axis=0)
        whole = unseen[periods:] == unseen[:-periods]
        sums[:-periods] = np.where(whole, units[periods:] - units[:-periods], np.nan)
    return sums


def best_level(levels: Array, sums: Array, periods: int, *, warm: int = 4) -> Array:
    """Return (series,): of the levels' paths, the last of the one with least past error.

    Errors are those of sums over `periods`, squared; the first `warm` buckets do not count.
    """
    errors = [(filled(sums[warm:] - periods * path[warm:]) ** 2).sum(0) for path in levels]
    best = np.argmin(errors, axis=0)
    return np.asarray(levels[best, -1, np.arange(levels.shape[2])])


def error_variance(level: Array, sums: Array, periods: int, *, least_gain: float = 0.05) -> Array:
    """Return (series,): the smoothed squared errors that a level made over `periods`.

    It measures what stock must cover, without the assumption that buckets are independent.
    """
    errors = (sums - periods * level) ** 2
    seen = ~np.isnan(errors)
    variance, count = np.zeros(sums.shape[1]), np.zeros(sums.shape[1])
    for error, known in zip(filled(errors), seen, strict=True):
        count += known
        gain = np.maximum(least_gain, 1 / np.maximum(count, 1)) * known
        variance += gain * (error - variance)
    return variance


def bucket_variance(demand: Array) -> Array:
    """Return (series,): the sample variance of the buckets; 0 where fewer than two were seen."""
    count = (~np.isnan(demand)).sum(0)
    units = filled(demand)
    mean = units.sum(0) / np.maximum(count, 1)
    squares = (np.where(np.isnan(demand), 0, units - mean) ** 2).sum(0)
    return np.where(count > 1, squares / np.maximum(count - 1, 1), 0)
