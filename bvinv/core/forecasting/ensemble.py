"""Forecasts of each series from itself: four cheap ones, averaged level by level.

Methods of this kind differ by little, and choosing among them for each SKU loses to their average
(measured in the project's backtests; so do Petropoulos & Kourentzes 2015). Averaging quantiles
keeps the shape of the distribution where averaging distributions widens it (Vincent 1912;
Ratcliff 1979).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bvinv.core.forecasting.arrays import Array, BoolArray
from bvinv.core.forecasting.distributions import negative_binomial_quantiles, weighted_quantiles
from bvinv.core.forecasting.histories import History
from bvinv.core.forecasting.smoothing import (
    best_level,
    bucket_variance,
    error_variance,
    imapa_level,
    tsb_levels,
)

# Fewer past sums than this say nothing of a tail; the other three forecasts then stand alone.
LEAST_WINDOWS = 8
# A past sum weighs half after half a year of weeks, or after a year of months.
HALF_LIFE_WEEKS, HALF_LIFE_MONTHS = 26, 12


class Distribution(NamedTuple):
    """Of the demand over the periods ahead, one row a series."""

    mean: Array
    variance: Array
    quantiles: Array


def ensemble(history: History, levels: Sequence[float]) -> Distribution:
    """Return the average of the four forecasts.

    They are made without season; its factor is put on mean and spread before the quantiles are
    taken, so that these count whole units of the demand there will be.
    """
    periods, factor = history.periods, history.ahead[-1]
    spread = periods * bucket_variance(history.calm)
    slow = history.level(0.1)
    means = periods * np.stack(
        [
            tsb_levels(history.calm, size=0.1, chance=0.1)[-1],
            best_level(history.levels, history.calm_sums, periods),
            imapa_level(history.calm),
        ]
    )
    measured = ~np.isnan(history.calm_sums).all(axis=0)
    errors = error_variance(slow, history.calm_sums, periods)
    variances = np.stack([np.where(measured, errors, spread), spread, spread])
    counted = negative_binomial_quantiles(
        (means * factor).ravel(), (variances * factor**2).ravel(), levels, smooth=True
    ).reshape(*means.shape, -1)
    mean, deviation = means.mean(0), np.sqrt(variances).mean(0)
    quantiles = counted.mean(0)
    enough, windows = past_sums(history, levels)
    weight = np.where(enough, 0.25, 0)
    mean = (1 - weight) * mean + weight * periods * slow[-1]
    deviation = (1 - weight) * deviation + weight * np.sqrt(windows.variance)
    quantiles = (1 - weight)[:, None] * quantiles + weight[:, None] * windows.quantiles * factor
    return Distribution(mean * factor, (deviation * factor) ** 2, np.maximum(quantiles, 0))


def past_sums(history: History, levels: Sequence[float]) -> tuple[BoolArray, Distribution]:
    """Return which series have enough past sums, and the distribution of these, without season.

    Overlapping sums over the periods, the recent ones weighing more: Porras & Dekker, "An
    inventory control system for spare parts at a refinery", European Journal of Operational
    Research 184, 2008; Boylan & Babai, "On the performance of overlapping and non-overlapping
    temporal demand aggregation", International Journal of Production Economics 181, 2016.
    """
    sums = history.calm_sums[: max(len(history.calm) - history.periods, 0)].T
    if sums.shape[1] < LEAST_WINDOWS:
        none = np.zeros(len(sums))
        return none > 0, Distribution(none, none, np.zeros((len(sums), len(levels))))
    seen = ~np.isnan(sums)
    half_life = HALF_LIFE_WEEKS if history.season > 12 else HALF_LIFE_MONTHS
    age = np.arange(sums.shape[1])[::-1]
    weights = seen * 0.5 ** (age / half_life)
    values = np.where(seen, sums, 0)
    total = np.maximum(weights.sum(1), 1e-300)
    mean = (weights * values).sum(1) / total
    variance = (weights * (values - mean[:, None]) ** 2).sum(1) / total
    quantiles = weighted_quantiles(values, weights, levels)
    return seen.sum(1) >= LEAST_WINDOWS, Distribution(mean, variance, quantiles)
