"""Quantiles, chances and shortages, against sums that are made term by term."""

from math import exp, lgamma, log
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bvinv.core.forecasting.distributions import (
    cumulated,
    expected_shortage,
    negative_binomial_quantiles,
    normal_cdf,
    normal_quantile,
    weighted_quantiles,
)

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)


def chance(k: int, mean: float, variance: float) -> float:
    """Return P(D = k) of a negative binomial from its closed form."""
    r = mean * mean / (variance - mean)
    terms = lgamma(k + r) - lgamma(r) - lgamma(k + 1)
    return exp(terms + r * log(mean / variance) + k * log(1 - mean / variance))


def exact_quantile(level: float, mean: float, variance: float) -> int:
    """Return the smallest k with P(D <= k) >= level, by adding up."""
    k, reached = 0, chance(0, mean, variance)
    while reached < level:
        k += 1
        reached += chance(k, mean, variance)
    return k


def test_normal_quantiles_are_those_of_the_standard_library():
    levels = np.array([1e-6, 0.01, 0.02, 0.3, 0.5, 0.77, 0.95, 0.98, 0.999, 1 - 1e-6])

    exact = [NormalDist().inv_cdf(level) for level in levels]

    assert np.allclose(normal_quantile(levels), exact, rtol=2e-9, atol=1e-9)


def test_the_normal_distribution_is_that_of_the_standard_library():
    z = np.array([-50.0, -6.0, -1.5, 0.0, 0.4, 3.0, 50.0])

    assert np.allclose(normal_cdf(z), [NormalDist().cdf(x) for x in z], atol=1e-7)


MOMENTS = [(0.05, 0.06), (0.3, 1.2), (1.0, 1.5), (3.0, 20.0), (12.0, 13.0), (60.0, 400.0)]


@pytest.mark.parametrize(("mean", "variance"), MOMENTS)
def test_quantiles_are_exact(mean, variance):
    found = negative_binomial_quantiles(np.array([mean]), np.array([variance]), LEVELS)

    assert found[0].tolist() == [exact_quantile(level, mean, variance) for level in LEVELS]


@pytest.mark.parametrize(("mean", "variance"), MOMENTS)
def test_chances_and_shortages_are_exact(mean, variance):
    args = np.full(40, mean), np.full(40, variance)
    units = np.arange(40.0)
    pmf = [chance(k, mean, variance) for k in range(3000)]

    below, through = cumulated(units, *args)

    assert np.allclose(through, np.cumsum(pmf)[:40], atol=1e-10)
    assert np.allclose(below, np.cumsum([0, *pmf])[:40], atol=1e-10)
    exact = [sum((k - s) * p for k, p in enumerate(pmf) if k > s) for s in range(40)]
    assert np.allclose(expected_shortage(*args, units), exact, atol=1e-8)


def test_a_variance_below_the_mean_is_poisson():
    _, found = cumulated(np.array([0.0, 2.0]), np.full(2, 2.0), np.zeros(2))

    assert np.allclose(found, [exp(-2), 5 * exp(-2)], atol=1e-4)


@pytest.mark.parametrize(("mean", "variance"), [(500.0, 9_000.0), (300.0, 200_000.0)])
def test_far_quantiles_are_near_the_exact_ones(mean, variance):
    found = negative_binomial_quantiles(np.array([mean]), np.array([variance]), LEVELS)
    exact = [exact_quantile(level, mean, variance) for level in LEVELS]

    assert np.allclose(found[0], exact, rtol=0.03, atol=0.02 * mean)


@pytest.mark.parametrize(("mean", "variance"), [(500.0, 9_000.0), (300.0, 200_000.0)])
def test_far_chances_and_shortages_are_near_the_exact_ones(mean, variance):
    stock = np.array([50.0, 200.0, 600.0, 1500.0])
    args = np.full(4, mean), np.full(4, variance)
    pmf = np.array([chance(k, mean, variance) for k in range(9000)])
    units = np.arange(9000)

    exact = [(np.maximum(units - s, 0) * pmf).sum() for s in stock]

    assert np.allclose(expected_shortage(*args, stock), exact, rtol=0.02, atol=0.01 * mean)
    assert np.allclose(
        cumulated(stock, *args)[1], [pmf[: int(s) + 1].sum() for s in stock], atol=0.02
    )


def test_no_demand_is_zero_for_sure():
    none = np.zeros(2)

    assert negative_binomial_quantiles(none, none, (0.5, 0.999)).tolist() == [[0, 0], [0, 0]]
    assert cumulated(np.array([0.0, 3.0]), none, none)[1].tolist() == [1, 1]
    assert expected_shortage(none, none, none).tolist() == [0, 0]


def test_levels_may_differ_by_row():
    mean, variance = np.full(2, 3.0), np.full(2, 20.0)

    found = negative_binomial_quantiles(mean, variance, np.array([[0.5], [0.95]]))

    assert found[:, 0].tolist() == [exact_quantile(0.5, 3, 20), exact_quantile(0.95, 3, 20)]


def test_a_stock_in_parts_of_a_unit_is_short_in_proportion():
    mean, variance = np.full(3, 3.0), np.full(3, 20.0)

    low, between, high = expected_shortage(mean, variance, np.array([2.0, 2.25, 3.0]))

    assert between == pytest.approx(0.75 * low + 0.25 * high, abs=1e-12)


means = st.floats(1e-6, 1e6)
dispersions = st.floats(0.5, 1e4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(means, dispersions), min_size=1, max_size=5))
def test_smooth_quantiles_round_to_whole_ones_and_never_cross(moments):
    mean = np.array([mean for mean, _ in moments])
    variance = mean * np.array([dispersion for _, dispersion in moments])

    smooth = negative_binomial_quantiles(mean, variance, LEVELS, smooth=True)
    whole = negative_binomial_quantiles(mean, variance, LEVELS)

    assert np.isfinite(smooth).all()
    assert (np.diff(smooth, axis=1) >= -1e-9).all()
    assert (np.diff(whole, axis=1) >= 0).all()
    near = np.where(mean + 6 * np.sqrt(variance) < 400, 0.501, np.inf)
    assert (np.abs(smooth - whole) <= near[:, None]).all()


def test_weighted_quantiles_take_the_value_at_which_the_weight_is_reached():
    values = np.array([[5.0, 1.0, 3.0, 9.0]])
    weights = np.array([[1.0, 1.0, 2.0, 0.0]])

    assert weighted_quantiles(values, weights, (0.25, 0.5, 0.75, 0.99)).tolist() == [[1, 3, 3, 5]]
