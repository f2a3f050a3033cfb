"""One model of demand learned from all series together, so that a slow title borrows from others.

Rows are series at past buckets whose following demand is known. From them are learned: how to
weigh eight levels, by how much circumstances (long without a sale, falling, young ...) change the
mean and the variance, and how often demand really stayed below each quantile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bvinv.core.forecasting.arrays import Array, IntArray
from bvinv.core.forecasting.distributions import cumulated, negative_binomial_quantiles
from bvinv.core.forecasting.ensemble import Distribution
from bvinv.core.forecasting.least_squares import not_negative, shares
from bvinv.core.forecasting.states import Feature, States

BINS = 10
ROUNDS = 2
# A bin's correction is drawn to none by as many rows that need none.
PSEUDO_ROWS = 30.0
LEAST_ROWS_A_QUADRANT = 300
# One enormous order must not decide for all: sums count up to so many times the mean, squared
# errors up to so many times their usual size.
LARGEST_SUM, LARGEST_ERROR = 12.0, 60.0
LARGEST_MEAN_STEP, LARGEST_VARIANCE_STEP = 4.0, 5.0
SMALLEST = 1e-4
MEAN_FEATURES = (
    Feature.WAITED,
    Feature.WAITED_INTERVALS,
    Feature.QUICKENING,
    Feature.GROWTH,
    Feature.LAST_SUM,
    Feature.LAST_YEAR,
    Feature.AGE,
    Feature.MEAN,
)
VARIANCE_FEATURES = (
    Feature.WAITED,
    Feature.WAITED_INTERVALS,
    Feature.QUICKENING,
    Feature.INTERVAL,
    Feature.VARIATION,
    Feature.SPREAD,
    Feature.AGE,
    Feature.MEAN,
)
# Cells of calibration: bins of the mean, and in each bins of variance over mean.
MEAN_CELLS, RATIO_CELLS, ROWS_A_CELL = 8, 4, 400
# A row stands for so many evenly spaced points between P(D < d) and P(D <= d).
POINTS = 5
FURTHEST_LEVELS = (0.01, 0.9997)


@dataclass(frozen=True)
class Correction:
    """Factors by the bin of one feature."""

    feature: Feature
    edges: Array
    factors: Array


@dataclass(frozen=True)
class Cells:
    """Cells of mean and of variance over mean, and the chances that were realised in each."""

    mean_edges: Array
    ratio_edges: list[Array]
    chances: list[Array]

    def of(self, mean: Array, variance: Array) -> IntArray:
        """Return the cell of each row."""
        first = np.searchsorted(self.mean_edges, mean, side="right")
        cell = first * RATIO_CELLS
        ratio = _ratio(mean, variance)
        for place, edges in enumerate(self.ratio_edges):
            rows = first == place
            cell[rows] += np.searchsorted(edges, ratio[rows], side="right")
        return cell


@dataclass(frozen=True)
class CommonModel:
    """What was learned; `law` gives the variance as a sum of 1, the mean and its square."""

    periods: int
    weights: Array
    mean_corrections: list[Correction]
    law: Array
    variance_corrections: list[Correction]
    cells: Cells

    def predict(self, states: States, levels: Sequence[float]) -> Distribution:
        """Return the demand ahead of states. What never sold has none."""
        start = _level_mean(self.weights, states, self.periods)
        mean = _corrected(start, start, states, self.mean_corrections)
        mean = np.maximum(mean, SMALLEST)
        base = _lawful(self.law, mean)
        variance = _corrected(base, mean, states, self.variance_corrections)
        variance = np.maximum(variance, mean)
        cell = self.cells.of(mean, variance)
        wanted = np.empty((len(mean), len(levels)))
        for place, chances in enumerate(self.cells.chances):
            rows = cell == place
            if rows.any():
                realised = np.quantile(chances, levels) if len(chances) else np.array(levels)
                wanted[rows] = np.clip(realised, *FURTHEST_LEVELS)
        quantiles = negative_binomial_quantiles(mean, variance, wanted, smooth=True)
        sold = states.sold
        return Distribution(
            np.where(sold, mean, 0),
            np.where(sold, variance, 0),
            np.where(sold[:, None], np.maximum(quantiles, 0), 0),
        )


def learn(rows: States, periods: int) -> CommonModel:
    """Fit the model to rows whose following sums are known."""
    weights = _level_weights(rows, periods)
    start = _level_mean(weights, rows, periods)
    scale = np.maximum(rows.mean, 0.02)
    capped = np.minimum(rows.sums, LARGEST_SUM * scale * periods)
    mean_weight = 1 / np.sqrt(scale * (scale + 0.05))
    mean, mean_corrections = _backfit(
        capped, start, _binned(rows, start, MEAN_FEATURES), mean_weight, LARGEST_MEAN_STEP
    )
    weight = 1 / (mean + 0.3 * mean * mean + 0.02)
    errors = np.minimum((rows.sums - mean) ** 2, LARGEST_ERROR / weight)
    terms = _law_terms(mean) * weight
    law = not_negative(terms @ terms.T, terms @ (errors * weight))
    variance, variance_corrections = _backfit(
        errors,
        _lawful(law, mean),
        _binned(rows, mean, VARIANCE_FEATURES),
        weight,
        LARGEST_VARIANCE_STEP,
    )
    cells = _calibrate(rows.sums, mean, np.maximum(variance, mean))
    return CommonModel(periods, weights, mean_corrections, law, variance_corrections, cells)


def _level_weights(rows: States, periods: int) -> Array:
    """Return, per quadrant, how the levels make up the mean; slow rows count as much as fast."""
    scale = np.maximum(rows.mean, 0.02)
    followed = np.minimum(rows.sums / periods, LARGEST_SUM * scale)
    weights = np.empty((4, len(rows.levels)))
    for quadrant in range(4):
        chosen = rows.quadrant == quadrant
        if chosen.sum() <= LEAST_ROWS_A_QUADRANT:
            chosen[:] = True
        root = np.sqrt(scale[chosen])
        levels = rows.levels[:, chosen] / root
        weights[quadrant] = shares(levels @ levels.T, levels @ (followed[chosen] / root))
    return weights


def _level_mean(weights: Array, states: States, periods: int) -> Array:
    """Return the weighted levels, as demand over the periods."""
    by_quadrant = (weights @ states.levels)[states.quadrant, np.arange(states.levels.shape[1])]
    return np.maximum(periods * by_quadrant, SMALLEST)


def _law_terms(mean: Array) -> Array:
    return np.stack([np.full_like(mean, 0.01), mean, mean * mean])


def _lawful(law: Array, mean: Array) -> Array:
    return np.maximum(law @ _law_terms(mean), 1e-6)


def _feature(states: States, mean: Array, feature: Feature) -> Array:
    return np.log(mean) if feature is Feature.MEAN else np.asarray(states.features[feature])


def _edges(values: Array, bins: int) -> Array:
    return np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))


def _binned(
    rows: States, mean: Array, features: Sequence[Feature]
) -> list[tuple[Feature, Array, IntArray]]:
    """Return, per feature, its place, the edges of its bins and each row's bin."""
    binned = []
    for feature in features:
        values = _feature(rows, mean, feature)
        edges = _edges(values, BINS)
        binned.append((feature, edges, np.searchsorted(edges, values, side="right")))
    return binned


def _backfit(
    target: Array,
    expected: Array,
    binned: Sequence[tuple[Feature, Array, IntArray]],
    weight: Array,
    largest: float,
) -> tuple[Array, list[Correction]]:
    """Return what is expected after correction, and factors that make up for each bin in turn."""
    factors = [np.ones(len(edges) + 1) for _, edges, _ in binned]
    weighted = weight * target
    for _ in range(ROUNDS):
        for place, (_, edges, bins) in enumerate(binned):
            size = len(edges) + 1
            seen = np.bincount(bins, weighted, size)
            foreseen = np.bincount(bins, weight * expected, size)
            pseudo = PSEUDO_ROWS * foreseen.sum() / len(weight)
            step = np.clip((seen + pseudo) / (foreseen + pseudo), 1 / largest, largest)
            expected = expected * step[bins]
            factors[place] *= step
    named = zip(binned, factors, strict=True)
    return expected, [Correction(feature, edges, found) for (feature, edges, _), found in named]


def _corrected(
    values: Array, mean: Array, states: States, corrections: Sequence[Correction]
) -> Array:
    for correction in corrections:
        bins = np.searchsorted(
            correction.edges, _feature(states, mean, correction.feature), side="right"
        )
        values = values * correction.factors[bins]
    return values


def _ratio(mean: Array, variance: Array) -> Array:
    return variance / np.maximum(mean, SMALLEST)


def _calibrate(sums: Array, mean: Array, variance: Array) -> Cells:
    """Return the chances that the distributions gave to what happened, by cell.

    If these are not evenly spread, the quantile wanted is looked up among them (Czado, Gneiting &
    Held, "Predictive model assessment for count data", Biometrics 65, 2009, for counts: points
    spread over the step of the distribution, instead of one drawn at random).
    """
    first_bins = int(np.clip(len(sums) // (ROWS_A_CELL * RATIO_CELLS), 1, MEAN_CELLS))
    mean_edges = _edges(mean, first_bins) if first_bins > 1 else np.empty(0)
    first = np.searchsorted(mean_edges, mean, side="right")
    ratio = _ratio(mean, variance)
    ratio_edges = []
    for place in range(len(mean_edges) + 1):
        inside = ratio[first == place]
        many = len(inside) >= ROWS_A_CELL * RATIO_CELLS
        ratio_edges.append(_edges(inside, RATIO_CELLS) if many else np.empty(0))
    cells = Cells(mean_edges, ratio_edges, [])
    below, through = cumulated(sums, mean, variance)
    parts = (np.arange(POINTS) + 0.5) / POINTS
    points = below[:, None] + (through - below)[:, None] * parts
    cell = cells.of(mean, variance)
    count = (len(mean_edges) + 1) * RATIO_CELLS
    cells.chances.extend(points[cell == place].ravel() for place in range(count))
    return cells
