"""The yearly index, on seasons that are known."""

import numpy as np

from bvinv.core.forecasting.histories import History
from bvinv.core.forecasting.seasons import Sums, course, yearly_index
from tests.core.forecasting.panels import counts


def index_of(demand, season):
    sums = Sums(demand.shape[1])
    sums.add(demand.T)
    return yearly_index(sums, season)


def test_the_season_of_many_series_is_found():
    index = index_of(counts(800, 156, yearly=0.5), 52)

    true = 1 + 0.5 * np.sin(2 * np.pi * (156 + np.arange(52)) / 52)
    assert np.corrcoef(index, true)[0, 1] > 0.98
    assert abs(index.mean() - 1) < 1e-9
    assert 0.25 < index.max() - 1 < 0.55


def test_chance_is_not_taken_for_a_season():
    few = index_of(counts(2, 104), 52)
    many = index_of(counts(800, 104), 52)

    assert np.abs(few - 1).max() < 0.35
    assert np.abs(many - 1).max() < 0.1


def test_less_than_a_year_and_a_quarter_has_no_season():
    assert index_of(counts(500, 64, yearly=0.5), 52).tolist() == [1.0] * 52


def test_series_that_never_sold_do_not_flatten_the_season():
    demand = counts(400, 104, yearly=0.5)
    with_dead = np.concatenate([demand, np.zeros((4000, 104))])

    assert np.allclose(index_of(with_dead, 52), index_of(demand, 52))


def test_the_index_is_counted_from_the_bucket_after_the_last():
    index = np.arange(12.0)

    assert course(index, 3, 2).tolist() == [9, 10, 11, 0, 1]
    assert course(index, 0, 14).tolist() == [*range(12), 0, 1]


def test_the_factor_ahead_is_the_mean_index_of_the_periods():
    index = np.array([2.0, 1.0, 0.0, 1.0])

    history = History(np.ones((3, 1)), np.where(index > 0, index, 0.5), 2)

    # Buckets have 1, 0.5, 1; then come 2, 1.
    assert history.ahead.tolist() == [0.75, 1.5, 1.5]
    assert history.calm[:, 0].tolist() == [1, 2, 1]
