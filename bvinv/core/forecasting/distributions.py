"""Distributions of demand: normal and negative binomial quantiles, chances and shortages."""

from collections.abc import Sequence

import numpy as np

from bvinv.core.forecasting.arrays import Array, BoolArray

# A negative binomial is summed unit by unit as far as this many units; what reaches further is a
# gamma distribution, or, where that is a bad likeness, a lattice of coarser steps.
LARGEST_LATTICE = 400
# No distribution here has a 99.9 % quantile that lies beyond this many steps of its lattice.
LAST_STEP = 5 * LARGEST_LATTICE
STEPS_A_TURN = 16
# Poisson is the limit of the negative binomial; nearer to it the recursion loses its digits.
POISSON = 1.0001


def normal_quantile(level: Array | float) -> Array:
    """Return the standard normal quantile (Acklam 2003; relative error below 1.2e-9)."""
    p = np.asarray(level, dtype=np.float64)
    upper = np.maximum(np.minimum(p, 1 - p), 1e-300)
    r = np.sqrt(-2 * np.log(upper))
    tail = np.polyval(TAIL_ABOVE, r) / np.polyval(TAIL_BELOW, r)
    u = p - 0.5
    middle = u * np.polyval(MIDDLE_ABOVE, u * u) / np.polyval(MIDDLE_BELOW, u * u)
    return np.asarray(np.where(upper < 0.02425, np.where(p < 0.5, tail, -tail), middle))


MIDDLE_ABOVE = (
    -3.969683028665376e01,
    2.209460984245205e02,
    -2.759285104469687e02,
    1.383577518672690e02,
    -3.066479806614716e01,
    2.506628277459239e00,
)
MIDDLE_BELOW = (
    -5.447609879822406e01,
    1.615858368580409e02,
    -1.556989798598866e02,
    6.680131188771972e01,
    -1.328068155288572e01,
    1.0,
)
TAIL_ABOVE = (
    -7.784894002430293e-03,
    -3.223964580411365e-01,
    -2.400758277161838e00,
    -2.549732539343734e00,
    4.374664141464968e00,
    2.938163982698783e00,
)
TAIL_BELOW = (
    7.784695709041462e-03,
    3.224671290700398e-01,
    2.445134137142996e00,
    3.754408661907416e00,
    1.0,
)


def normal_cdf(z: Array) -> Array:
    """Return the standard normal distribution (Abramowitz & Stegun 26.2.17; error below 7.5e-8)."""
    t = 1 / (1 + 0.2316419 * np.abs(z))
    powers = (1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530, 0.0)
    density = np.exp(-np.minimum(z * z, 1400) / 2) / np.sqrt(2 * np.pi)
    upper = density * np.polyval(powers, t)
    return np.asarray(np.where(z > 0, 1 - upper, upper))


def negative_binomial_quantiles(
    mean: Array, variance: Array, levels: Sequence[float] | Array, *, smooth: bool = False
) -> Array:
    """Return the quantiles, one row a mean and one column a level.

    `levels` are the same for every row, or one row of them for each. A variance below the mean
    counts as the mean (Poisson). `smooth` gives the quantile of demand plus a uniform number in
    (-1/2, 1/2], which rounds to the quantile itself (Machado & Silva 2005): averages of such keep
    what rounding too early loses.
    """
    mean, variance = _proper(mean, variance)
    wanted = np.broadcast_to(
        np.asarray(levels, dtype=np.float64), (len(mean), np.shape(levels)[-1])
    )
    quantiles = np.zeros(wanted.shape)
    gamma, step = _likeness(mean, variance)
    if gamma.any():
        smoothly = _gamma_quantiles(mean[gamma], variance[gamma], wanted[gamma])
        quantiles[gamma] = smoothly if smooth else np.ceil(smoothly - 0.5)
    rest = np.flatnonzero(~gamma & (mean > 0))
    if len(rest):
        size = step[rest]
        found = _lattice_quantiles(mean[rest] / size, variance[rest] / size**2, wanted[rest])
        found = found if smooth else np.ceil(found - 0.5 - 1e-9)
        coarse = found * size[:, None]
        quantiles[rest] = coarse if smooth else np.round(coarse)
    return quantiles


def cumulated(units: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Return the chances of a demand below so many units, and of at most so many."""
    mean, variance = _proper(mean, variance)
    whole = np.floor(np.broadcast_to(units, mean.shape) + 1e-9)
    below, through = np.zeros(mean.shape), np.ones(mean.shape)
    gamma, step = _likeness(mean, variance)
    if gamma.any():
        args = mean[gamma], variance[gamma]
        through[gamma] = _gamma_cdf(whole[gamma] + 0.5, *args)
        below[gamma] = np.where(whole[gamma] > 0, _gamma_cdf(whole[gamma] - 0.5, *args), 0)
    rest = np.flatnonzero(~gamma & (mean > 0))
    if len(rest):
        size = step[rest]
        args = mean[rest] / size, variance[rest] / size**2
        # A coarse step stands for the units around it, a part of which is below the units asked.
        place = np.where(size > 1, (whole[rest] + 0.5) / size + 0.5, whole[rest])
        before, after, _ = _lattice_sums(np.floor(place), *args)
        part = np.where(size > 1, place - np.floor(place), 1)
        through[rest] = before + part * (after - before)
        below[rest] = np.maximum(through[rest] - (after - before) / size, 0)
    none = (mean <= 0) & (whole > 0)
    below[none] = 1
    refused = whole < 0
    below[refused], through[refused] = 0, 0
    return below, through


def expected_shortage(mean: Array, variance: Array, stock: Array) -> Array:
    """Return the expected units of demand beyond the stock: E[(D - s)+]."""
    mean, variance = _proper(mean, variance)
    stock = np.maximum(np.broadcast_to(np.asarray(stock, dtype=np.float64), mean.shape), 0)
    shortage = np.zeros(mean.shape)
    gamma, step = _likeness(mean, variance)
    if gamma.any():
        shortage[gamma] = _gamma_shortage(mean[gamma], variance[gamma], stock[gamma])
    rest = np.flatnonzero(~gamma & (mean > 0))
    if len(rest):
        size = step[rest]
        m, held = mean[rest] / size, stock[rest] / size
        whole = np.floor(held)
        _, through, short = _lattice_sums(whole, m, variance[rest] / size**2)
        shortage[rest] = (short - (held - whole) * (1 - through)) * size
    return np.clip(shortage, 0, mean)


def weighted_quantiles(values: Array, weights: Array, levels: Sequence[float]) -> Array:
    """Return, per row, the smallest value at which the cumulated weight reaches each level."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, 1)
    reached = np.cumsum(np.take_along_axis(weights, order, 1), 1)
    total = reached[:, -1:]
    chosen = [np.argmax(reached >= level * total - 1e-12, 1) for level in levels]
    return np.take_along_axis(ordered, np.stack(chosen, 1), 1)


def _proper(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Return mean and variance as a negative binomial can have them."""
    mean = np.atleast_1d(np.asarray(mean, dtype=np.float64))
    mean = np.where(mean > 1e-9, mean, 0)
    variance = np.maximum(np.broadcast_to(variance, mean.shape), mean * POISSON)
    # A shape below 0.02 puts all demand on one event in fifty; its sums would not end.
    far = mean + 6 * np.sqrt(variance) > LARGEST_LATTICE
    return mean, np.where(
        far, np.minimum(variance, mean * np.maximum(mean / 0.02, POISSON)), variance
    )


def _likeness(mean: Array, variance: Array) -> tuple[BoolArray, Array]:
    """Return which rows a gamma distribution stands for, and the step of the others' lattice."""
    far = mean + 6 * np.sqrt(variance) > LARGEST_LATTICE
    gamma = far & (mean * mean >= variance)
    reach = mean + 8 * np.sqrt(variance)
    step = np.where(far, np.maximum(reach / LARGEST_LATTICE, 1), 1)
    return gamma, step


def _gamma_quantiles(mean: Array, variance: Array, levels: Array) -> Array:
    """Return gamma quantiles by Wilson & Hilferty's cube root (1931)."""
    shape = (mean * mean / variance)[:, None]
    root = 1 - 1 / (9 * shape) + normal_quantile(levels) / (3 * np.sqrt(shape))
    return np.asarray(mean[:, None] * np.maximum(root, 0) ** 3)


def _gamma_cdf(units: Array, mean: Array, variance: Array, *, more: float = 0.0) -> Array:
    """Return the chance of at most so many units; `more` is added to the shape."""
    shape = mean * mean / variance
    scale = variance / mean
    root = np.cbrt(np.maximum(units, 0) / ((shape + more) * scale))
    return normal_cdf((root - 1 + 1 / (9 * (shape + more))) * 3 * np.sqrt(shape + more))


def _gamma_shortage(mean: Array, variance: Array, stock: Array) -> Array:
    beyond = 1 - _gamma_cdf(stock, mean, variance)
    return mean * (1 - _gamma_cdf(stock, mean, variance, more=1.0)) - stock * beyond


class _Lattice:
    """The recursion p(k+1) = p(k) (k + r)/(k + 1) (1 - mean/variance), for many rows at a time."""

    def __init__(self, mean: Array, variance: Array) -> None:
        variance = np.maximum(variance, mean * POISSON)
        self.shape = mean * mean / (variance - mean)
        self.ratio = 1 - mean / variance
        self.chance = np.exp(self.shape * np.log(mean / variance))
        self.below = np.zeros(len(mean))
        self.k = 0

    def step(self) -> None:
        self.below += self.chance
        self.chance *= (self.k + self.shape) / (self.k + 1) * self.ratio
        self.k += 1

    def keep(self, rows: BoolArray | slice) -> None:
        self.shape, self.ratio = self.shape[rows], self.ratio[rows]
        self.chance, self.below = self.chance[rows], self.below[rows]


def _lattice_quantiles(mean: Array, variance: Array, levels: Array) -> Array:
    """Return the smooth quantiles: the steps passed, and the part of the step that reaches it."""
    lattice = _Lattice(mean, variance)
    quantiles = np.zeros(levels.shape)
    rows, passed, left = np.arange(len(mean)), np.zeros(levels.shape), levels - 1e-12
    highest = levels.max(axis=1)
    while len(rows) and lattice.k < LAST_STEP:
        for _ in range(STEPS_A_TURN):
            part = (left - lattice.below[:, None]) / np.maximum(lattice.chance, 1e-300)[:, None]
            passed += np.clip(part, 0, 1)
            lattice.step()
        going = lattice.below < highest[rows]
        if not going.all():
            quantiles[rows[~going]] = passed[~going]
            rows, passed, left = rows[going], passed[going], left[going]
            lattice.keep(going)
    quantiles[rows] = passed
    return quantiles - 0.5


def _lattice_sums(units: Array, mean: Array, variance: Array) -> Array:
    """Return P(D < k), P(D <= k) and E[(D - k)+] of whole units k, one row each."""
    order = np.argsort(units, kind="stable")
    ahead = np.minimum(units[order], LAST_STEP)
    lattice, short = _Lattice(mean[order], variance[order]), mean[order]
    sums = np.zeros((3, len(mean)))
    first = 0
    while first < len(ahead):
        end = int(np.searchsorted(ahead, lattice.k, side="right"))
        if done := end - first:
            here = order[first:end]
            sums[0, here] = lattice.below[:done]
            sums[1, here] = np.minimum(lattice.below + lattice.chance, 1)[:done]
            sums[2, here] = short[:done]
            lattice.keep(slice(done, None))
            short, first = short[done:], end
        lattice.step()
        short = short - (1 - lattice.below)
    return sums
