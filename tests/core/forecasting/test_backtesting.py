"""Methods side by side on the past, and the replay of what they would have ordered."""

import numpy as np
import pytest

from bvinv.core.forecasting.backtesting import COMPARED, EVERY, backtest
from bvinv.core.forecasting.replays import replay
from tests.core.forecasting.panels import NAN, counts


def test_every_method_is_scored_on_all_series_and_on_every_group():
    demand = counts(200, 45)
    group = np.arange(200) % 2

    tried = backtest(demand, periods=2, season=52, origins=3, group=group)

    assert tried.origins == 3
    assert [score.method for score in tried.scores if score.group == EVERY] == list(COMPARED)
    assert {score.group for score in tried.scores} == {EVERY, 0, 1}
    assert tried.winners.keys() == {EVERY, 0, 1}
    for group_name, winner in tried.winners.items():
        losses = {s.method: s.pinball for s in tried.scores if s.group == group_name}
        assert winner == min(losses, key=losses.__getitem__)


def test_the_forecasts_beat_the_simple_methods_where_demand_is_chance():
    tried = backtest(counts(300, 45), periods=2, season=52, origins=4)

    losses = {score.method: score.pinball for score in tried.scores}
    best_simple = min(losses[method] for method in ("naive", "seasonal-naive", "croston-sba"))
    assert max(losses["ensemble"], losses["combined"]) < 0.9 * best_simple
    assert losses["croston-sba"] < losses["naive"]


def test_errors_are_scaled_by_the_step_from_bucket_to_bucket():
    # Steps are 2 before the origin. The last demand was 3, then come 3 and 1: errors 0 and 2.
    demand = np.array([[1.0, 3.0] * 5 + [3.0, 1.0]])

    [naive] = [
        score
        for score in backtest(demand, periods=2, season=52, origins=1).scores
        if score.method == "naive"
    ]

    assert naive.mase == pytest.approx((0 + 2) / 2 / 2)
    assert naive.rmsse == pytest.approx(np.sqrt((0 + 4) / 2) / 2)
    assert naive.bias == pytest.approx((6 - 4) / 4)


def test_nothing_after_an_origin_is_known_there():
    demand = counts(200, 45)
    changed = demand.copy()
    changed[:, 44] += 50  # only the last origin's periods reach it

    told = [
        [s for s in backtest(each, periods=2, season=52, origins=2).scores if s.group == EVERY]
        for each in (demand[:, :44], changed[:, :44], changed)
    ]

    assert told[0] == told[1]
    assert told[2][4].pinball > told[0][4].pinball


def test_series_that_were_not_seen_are_not_judged():
    demand = np.tile([[1.0, 3.0]], (20, 20))
    demand[3] = NAN
    demand[4, 30:] = NAN
    demand[5] = 0
    demand[6, :35] = NAN

    [first, *_] = backtest(demand, periods=2, season=12, origins=3).scores

    assert first.series == 16


def test_too_short_a_past_is_refused():
    with pytest.raises(ValueError, match="6 buckets are too few to try periods of 3"):
        backtest(counts(5, 6), periods=3, season=12)


def test_a_replay_orders_up_to_the_level_and_loses_what_is_not_there():
    demand = np.array([[0.0], [2.0], [5.0], [1.0], [4.0]])
    levels = np.array([[3.0], [3.0], [3.0]])

    # Periods of 2: an order comes a bucket later. Stock 3, demand 2 leaves 1; order 2.
    # Nothing has come when 5 are wanted: 4 lost, 0 left; order 1. Then 2 come, 1 is wanted.
    # Then 1 comes to the 1 left, 4 are wanted: 2 lost.
    lived = replay(demand, np.array([0, 1, 2]), levels, 2)

    assert lived.short.tolist() == pytest.approx([2 / 3])
    assert lived.missed.tolist() == pytest.approx([(4 + 0 + 2) / 3])
    assert lived.stock.tolist() == pytest.approx([(0 + 1 + 0) / 3])
