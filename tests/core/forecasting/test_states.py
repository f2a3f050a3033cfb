"""Where series stood, computed by hand."""

from math import log

import numpy as np
import pytest

from bvinv.core.forecasting.classes import QUADRANTS
from bvinv.core.forecasting.histories import History
from bvinv.core.forecasting.states import TRACE, Feature, PastStates, States
from tests.core.forecasting.panels import NAN, row


def states_of(demand, *, bucket, periods=2, season=12):
    history = History(demand, np.ones(season), periods)
    return PastStates(history).at(np.array([bucket]), np.array([0]))


def feature(states, name):
    return states.features[name, 0]


def test_a_state_tells_how_long_nothing_sold_and_how_often_it_does():
    state = states_of(row(NAN, 4, 0, 2, 0, 0, NAN, 5, 1), bucket=6)

    assert feature(state, Feature.WAITED) == pytest.approx(log(3))  # two buckets were seen since
    assert feature(state, Feature.INTERVAL) == pytest.approx(log(5 / 2))
    assert feature(state, Feature.WAITED_INTERVALS) == pytest.approx(2 / 2.5)
    assert feature(state, Feature.AGE) == pytest.approx(log(6))
    assert state.mean.tolist() == [6 / 5]
    assert state.sums.tolist() == [6]
    assert QUADRANTS[state.quadrant[0]] == "intermittent"


def test_a_state_compares_the_last_sum_with_the_level():
    state = states_of(row(3, 3, 3, 3, 0, 6), bucket=5)

    level = 3.0
    for share, units in ((1 / 5, 0), (1 / 6, 6)):
        level += share * (units - level)
    assert feature(state, Feature.LAST_SUM) == pytest.approx(log((3 + TRACE) / (level + TRACE)))


def test_a_state_compares_the_same_months_a_year_ago_with_the_level_then():
    state = states_of(row(2, 2, 10, *[2] * 10), bucket=12)

    # After bucket 0, at a level of 2, came 2 and 10.
    assert feature(state, Feature.LAST_YEAR) == pytest.approx(log(12.5 / 4.5))


def test_what_lies_before_the_history_changes_nothing():
    state = states_of(row(2, 2, 2), bucket=2)

    assert feature(state, Feature.LAST_YEAR) == 0
    assert np.isfinite(state.features).all()


def test_a_state_knows_nothing_of_what_came_later():
    demand = row(3, 1, 4, 1, 5, 9, 2, 6)
    changed = demand.copy()
    changed[5:] = 100

    first, second = (states_of(each, bucket=4) for each in (demand, changed))

    assert first.levels.tolist() == second.levels.tolist()
    assert first.features.tolist() == second.features.tolist()


def test_states_are_joined_in_their_order():
    parts = [states_of(row(1, 2, 3), bucket=bucket) for bucket in (1, 2)]

    joined = States.joined(parts)

    assert joined.mean.tolist() == [1.5, 2]
    assert joined.features.shape == (10, 2)
