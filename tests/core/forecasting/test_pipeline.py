"""Forecasts as a whole: what they promise for every demand, and that learning together pays."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bvinv.core.forecasting.backtesting import backtest
from bvinv.core.forecasting.pipeline import METHODS, forecast, forecasts
from tests.core.forecasting.panels import NAN, counts

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
JUDGE = Path(__file__).resolve().parents[4] / "shared" / "forecast"


def assert_is_proper(told):
    for numbers in (told.mean, told.variance, told.quantiles):
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()
    assert (np.diff(told.quantiles, axis=1) >= -1e-9).all()


demands = arrays.arrays(
    np.float64,
    st.tuples(st.integers(0, 4), st.integers(1, 40)),
    elements=st.one_of(
        st.integers(0, 5), st.just(NAN), st.floats(-3, 1e300), st.just(float("inf"))
    ),
)


@settings(max_examples=60, deadline=None)
@given(demands, st.sampled_from([1, 3, 60]), st.sampled_from([12, 52]))
def test_whatever_the_demand_a_forecast_is_finite_and_does_not_cross(demand, periods, season):
    told = forecast(demand, periods=periods, season=season, levels=LEVELS)

    assert_is_proper(told)
    assert told.quantiles.shape == (len(demand), len(LEVELS))


@pytest.mark.parametrize("periods", [1, 4, 60])
def test_hard_rows_among_many_spoil_nothing(periods):
    demand = counts(200, 90)
    usual = forecast(demand, periods=periods, season=52, levels=LEVELS)
    demand[0] = NAN
    demand[1] = 0
    demand[2, 20:72] = NAN
    demand[3, 5] = 1e300
    demand[4, :-1] = 0
    demand[5, :-1] = NAN
    demand[6] = -2

    told = forecast(demand, periods=periods, season=52, levels=LEVELS)

    assert_is_proper(told)
    assert told.quantiles[[0, 1, 6]].max() == 0
    assert [METHODS[method] for method in told.method[:2]] == ["none", "ensemble"]
    assert told.mean[7:].sum() == pytest.approx(usual.mean[7:].sum(), rel=0.1)


def test_no_series_and_no_bucket_have_no_forecast():
    assert forecast(np.zeros((0, 9)), periods=2, season=12).quantiles.shape == (0, 5)
    told = forecast(np.zeros((3, 0)), periods=2, season=12)
    assert told.quantiles.tolist() == [[0.0] * 5] * 3
    assert told.method.tolist() == [0, 0, 0]


def test_a_quantile_does_not_depend_on_the_others_that_are_asked():
    demand = counts(160, 60)

    all_levels = forecast(demand, periods=3, season=52, levels=LEVELS)
    one = forecast(demand, periods=3, season=52, levels=(0.95,))

    assert one.quantiles[:, 0].tolist() == all_levels.quantiles[:, 3].tolist()


def test_buckets_before_anybody_s_history_change_nothing():
    demand = counts(200, 60)
    padded = np.hstack([np.full((200, 40), NAN), demand])

    told, same = (forecast(units, periods=3, season=52) for units in (demand, padded))

    assert (told.quantiles == same.quantiles).all()
    assert (told.method == same.method).all()


def test_the_same_demand_gives_the_same_forecast():
    demand = counts(160, 60)

    first, second = (forecast(demand, periods=3, season=52) for _ in range(2))

    assert first.quantiles.tolist() == second.quantiles.tolist()


@pytest.mark.parametrize(("periods", "level"), [(0, 0.9), (1, 0.0), (1, 1.0)])
def test_what_cannot_be_asked_is_refused(periods, level):
    with pytest.raises(ValueError, match="periods must be at least 1"):
        forecast(np.ones((1, 9)), periods=periods, season=12, levels=(level,))


def test_a_steady_demand_is_forecast_as_it_is():
    told = forecast(np.full((1, 60), 7.0), periods=4, season=52, levels=(0.5,))

    assert told.mean.tolist() == pytest.approx([28])
    assert told.quantiles[0, 0] == pytest.approx(28, abs=0.5)


def test_few_series_are_forecast_each_from_itself():
    few = forecast(counts(149, 60) + 1, periods=2, season=52)
    many = forecast(counts(150, 60) + 1, periods=2, season=52)

    assert {METHODS[method] for method in few.method} == {"ensemble"}
    assert {METHODS[method] for method in many.method} == {"combined"}


def test_a_new_series_is_told_from_how_its_category_began():
    demand = np.full((8, 30), NAN)
    demand[:7, 10:] = [[3], [3], [4], [4], [4], [9], [9]]
    group = np.array([1, 1, 1, 1, 1, 2, 2, 1])

    told = forecast(demand, periods=2, season=52, levels=(0.5, 0.95), group=group)

    assert METHODS[told.method[7]] == "category"
    assert told.mean[7] == 8  # the median rate of category 1 is 4
    assert told.quantiles[7, 1] > told.quantiles[7, 0] > 0


def test_a_new_series_without_a_category_has_no_forecast():
    demand = counts(6, 30)
    demand[5] = NAN

    told = forecast(demand, periods=2, season=52, group=np.array([1, 1, 1, 1, 1, -1]))

    assert METHODS[told.method[5]] == "none"
    assert told.quantiles[5].max() == 0


def pinball(quantiles, demand, levels):
    over = demand[:, None] - quantiles
    return np.maximum(np.array(levels) * over, (np.array(levels) - 1) * over).mean()


def test_learning_from_all_series_is_better_than_from_each_alone():
    demand = counts(1500, 50, seed=4)
    levels = (0.5, 0.9, 0.95)
    followed = demand[:, 47:].sum(axis=1)

    alone, combined = forecasts(demand[:, :47], periods=3, season=52, levels=levels)

    assert pinball(combined.quantiles, followed, levels) < 0.985 * pinball(
        alone.quantiles, followed, levels
    )
    assert np.mean(followed <= np.round(combined.quantiles[:, 2])) == pytest.approx(0.95, abs=0.025)


def car_parts():
    """Return the judged set, (parts, months): the sales of 2,674 parts over 51 months."""
    folder = JUDGE / "data"
    if not folder.exists():
        pytest.skip("the judged sets are not here")
    with (folder / "carparts.skus.csv").open() as file:
        first = {line["sku"]: month(line["first"]) for line in csv.DictReader(file)}
    with (folder / "carparts.csv").open() as file:
        sales = [(s["sku"], month(s["date"]), s["quantity"]) for s in csv.DictReader(file)]
    start, end = min(first.values()), max(date for _, date, _ in sales) + 1
    demand = np.zeros((len(first), end - start))
    row = {sku: place for place, sku in enumerate(first)}
    for sku, date, quantity in sales:
        demand[row[sku], date - start] += float(quantity)
    for sku, date in first.items():
        demand[row[sku], : date - start] = NAN
    return demand


def month(date):
    return int(date[:4]) * 12 + int(date[5:7])


@pytest.mark.slow
def test_car_parts_are_forecast_as_well_as_was_measured():
    demand = car_parts()

    tried = backtest(demand, periods=2, season=12, origins=2)

    scores = {score.method: score for score in tried.scores}
    assert scores["combined"].pinball < 0.6
    assert scores["combined"].pinball < 0.65 * scores["croston-sba"].pinball
    assert 0.925 < scores["combined"].coverage[-1] < 0.98
