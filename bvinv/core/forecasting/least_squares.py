"""Least squares of few numbers that may not be negative, from sums of products alone."""

import numpy as np

from bvinv.core.forecasting.arrays import Array


def not_negative(products: Array, targets: Array, *, turns: int = 300) -> Array:
    """Return w >= 0 with least w'Pw/2 - t'w, by turns over the coordinates."""
    count = len(products)
    ridge = 1e-9 * max(float(np.trace(products)) / count, 1e-300)
    products = products + ridge * np.eye(count)
    weights = np.full(count, 1 / count)
    for _ in range(turns):
        for k in range(count):
            step = (targets[k] - products[k] @ weights) / products[k, k]
            weights[k] = max(weights[k] + step, 0)
    return weights


def shares(products: Array, targets: Array, *, turns: int = 60) -> Array:
    """Return w >= 0 that adds up to 1 with least w'Pw/2 - t'w, by exact moves between two.

    Adding up to 1 matters: free weights learn to shrink every level when the past was falling.
    """
    count = len(products)
    ridge = 1e-4 * max(float(np.trace(products)) / count, 1e-300)
    products = products + ridge * np.eye(count)
    weights = np.full(count, 1 / count)
    slope = products @ weights - targets
    for _ in range(turns):
        moved = 0.0
        for k in range(count):
            curve = np.diag(products) + products[k, k] - 2 * products[k] + 1e-12
            for j in np.flatnonzero(weights > 0):
                step = min((slope[j] - slope[k]) / curve[j], weights[j])
                if j != k and step > 0:
                    weights[k] += step
                    weights[j] -= step
                    slope += step * (products[:, k] - products[:, j])
                    moved += step
        if moved < 1e-6:
            break
    return weights
