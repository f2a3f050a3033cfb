"""Levels and errors, computed by hand."""

import numpy as np
import pytest

from bvinv.core.forecasting.smoothing import (
    best_level,
    bucket_variance,
    croston_levels,
    error_variance,
    exponential_levels,
    imapa_level,
    period_sums,
    tsb_levels,
)
from tests.core.forecasting.panels import NAN, row


def test_a_level_starts_as_the_mean_and_then_moves_by_alpha():
    levels = exponential_levels(row(4, 8, 6, 0), (0.4,))

    assert levels[0, :, 0].tolist() == pytest.approx([4, 6, 6, 3.6])


def test_a_bucket_that_was_not_seen_changes_no_level():
    with_gap = exponential_levels(row(4, NAN, 8), (0.1, 0.5))

    assert with_gap[0, :, 0].tolist() == [4, 4, 6]
    assert with_gap[1, :, 0].tolist() == [4, 4, 6]


def test_tsb_fades_when_nothing_sells():
    # Chances 1, 1/2, 1/3, 1/4 while the mean rules; then times 0.7. The size stays 6.
    levels = tsb_levels(row(6, 0, 0, 0), size=0.1, chance=0.3)

    assert levels[:, 0].tolist() == pytest.approx([6, 3, 2, 1.4])


def test_croston_does_not_fade():
    # Sizes 3 then 3 + 0.1 (5 - 3); intervals 1 then 1 + 0.1 (3 - 1); bias corrected by 0.95.
    levels = croston_levels(row(3, 0, 0, 5, 0, 0), alpha=0.1)

    assert levels[:3, 0].tolist() == pytest.approx([2.85] * 3)
    assert levels[3:, 0].tolist() == pytest.approx([0.95 * 3.2 / 1.2] * 3)


def test_imapa_of_a_steady_demand_is_that_demand():
    assert imapa_level(np.full((24, 2), 5.0)).tolist() == pytest.approx([5, 5])


def test_imapa_averages_the_levels_of_blocks():
    # Single buckets: 0 then 4 gives 2 by any alpha. Blocks of two: one only, so its mean, 2.
    assert imapa_level(row(0, 4), largest=2).tolist() == [2]
    # Single buckets of 2, 4, 2, 4: means to 3 (alpha up to 1/4 alike); blocks of two: 6 and 6.
    assert imapa_level(row(2, 4, 2, 4), largest=2).tolist() == pytest.approx([3], abs=0.3)


def test_sums_are_of_the_buckets_that_follow():
    sums = period_sums(row(1, 2, 3, NAN, 5, 6), 2)[:, 0]

    assert sums[0] == 5
    assert np.isnan(sums[1:3]).all()
    assert sums[3] == 11
    assert np.isnan(sums[4:]).all()


def test_no_sum_is_known_when_the_periods_are_longer_than_the_history():
    assert np.isnan(period_sums(row(1, 2), 5)).all()


def test_the_level_with_the_least_past_error_is_chosen():
    demand = np.full((20, 1), 3.0)
    paths = np.stack([np.full((20, 1), 9.0), np.full((20, 1), 3.5)])

    assert best_level(paths, period_sums(demand, 2), 2).tolist() == [3.5]


def test_the_error_variance_smooths_squared_errors_over_the_periods():
    # Level 1, sums of two buckets 4, 2, 6: errors 2, 0, 4; their mean while gain is 1/n.
    level = np.ones((5, 1))
    sums = row(4, 2, 6, NAN, NAN)

    assert error_variance(level, sums, 2).tolist() == pytest.approx([(4 + 0 + 16) / 3])


def test_the_bucket_variance_is_the_sample_variance_of_what_was_seen():
    demand = np.array([[1.0, NAN], [NAN, 4.0], [3.0, NAN]])

    assert bucket_variance(demand).tolist() == [2, 0]
