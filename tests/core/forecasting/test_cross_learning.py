"""The common model: it is right on average, and its chances come true."""

from dataclasses import replace

import numpy as np
import pytest

from bvinv.core.forecasting.cross_learning import learn
from bvinv.core.forecasting.histories import History
from bvinv.core.forecasting.states import PastStates
from tests.core.forecasting.panels import counts

LEVELS = (0.5, 0.8, 0.95)


@pytest.fixture(scope="module")
def learned():
    """Return a model of buckets 6 to 25 of 800 series, and their states at bucket 27."""
    past = PastStates(History(counts(800, 30).T, np.ones(52), 2))
    buckets, series = np.meshgrid(np.arange(6, 26), np.arange(800), indexing="ij")
    rows = past.at(buckets.ravel(), series.ravel())
    return learn(rows, 2), past.at(np.full(800, 27), np.arange(800))


def test_levels_are_weighed_by_shares(learned):
    model, _ = learned

    assert model.weights.sum(axis=1).tolist() == pytest.approx([1] * 4)
    assert (model.weights >= 0).all()


def test_the_mean_is_right_in_total(learned):
    model, states = learned

    told = model.predict(states, LEVELS)

    # So many units as came have a standard deviation of 4 %.
    assert told.mean.sum() == pytest.approx(states.sums.sum(), rel=0.12)


def test_demand_stays_below_a_quantile_as_often_as_it_says(learned):
    model, states = learned

    told = model.predict(states, LEVELS)

    # Demand comes in whole units, so what is covered may be more, and less without the last unit.
    quantiles = np.round(told.quantiles.T)
    for level, quantile in zip(LEVELS, quantiles, strict=True):
        assert (
            np.mean(states.sums < quantile) - 0.03 < level < np.mean(states.sums <= quantile) + 0.03
        )


def test_what_never_sold_has_no_demand(learned):
    model, states = learned

    told = model.predict(replace(states, sold=np.zeros(800, dtype=np.bool_)), LEVELS)

    assert told.mean.max() == told.variance.max() == told.quantiles.max() == 0
