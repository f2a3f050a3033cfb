"""Synthetic demand for the tests of forecasting, always the same."""

import numpy as np

from bvinv.core.forecasting.arrays import Array

NAN = float("nan")


def row(*units: float) -> Array:
    """Return one series as (buckets, 1), the shape that smoothing works on."""
    return np.array(units, dtype=np.float64)[:, None]


def counts(series: int, buckets: int, *, seed: int = 0, yearly: float = 0.0) -> Array:
    """Return (series, buckets): counts with rates from very slow to fast, overdispersed."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.7, 3.0, series)[:, None]
    course = 1 + yearly * np.sin(2 * np.pi * np.arange(buckets) / 52)
    return random.negative_binomial(1.5, 1.5 / (1.5 + rate * course)).astype(np.float64)
