"""Demand over protection intervals: fractions of buckets, lifts, lead times that vary."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bvinv.core.forecasting.pipeline import METHODS, QUANTILES
from bvinv.core.replenishment import intervals
from bvinv.core.replenishment.demand import Panel

LAST = date(2026, 2, 28)


def panel(demand, *, lift=1.0, period="week"):
    """Return a panel of this demand, a row a product."""
    units = np.array(demand, dtype=np.float32)
    count, buckets = units.shape
    return Panel(
        keys=[(product, 1) for product in range(count)],
        skus=[f"P-{product}" for product in range(count)],
        warehouses=["MAIN"] * count,
        demand=units,
        recorded=units,
        lift=np.full((count, 60), lift, dtype=np.float32),
        period=period,
        begins=[LAST - timedelta(days=7 * back) for back in reversed(range(buckets))],
        as_of=LAST,
        category=np.full(count, -1, dtype=np.int64),
    )


def expected(found, days, variance=0.0):
    count = len(found.keys)
    return intervals.expected(
        found,
        np.broadcast_to(np.array(days, dtype=float), count),
        levels=QUANTILES,
        lead_variance=np.full(count, variance),
    )


STEADY = panel([[2, 4, 6, 4] * 10])


def test_whole_buckets_are_those_of_the_pipeline():
    one, two = expected(STEADY, 7), expected(STEADY, 14)

    assert one.mean[0] == pytest.approx(4, rel=0.1)
    assert two.mean[0] == pytest.approx(2 * one.mean[0])
    assert (one.periods[0], two.periods[0], two.lift[0]) == (1, 2, 1)


def test_between_whole_buckets_everything_is_interpolated():
    one, part, two = (expected(STEADY, days) for days in (7, 10, 14))

    assert part.periods[0] == 2
    for name in ("mean", "variance", "quantiles"):
        ends = getattr(one, name)[0], getattr(two, name)[0]
        assert getattr(part, name)[0] == pytest.approx(ends[0] + (ends[1] - ends[0]) * 3 / 7)


def test_less_than_a_bucket_is_a_part_of_it():
    day, week = expected(STEADY, 1), expected(STEADY, 7)

    assert day.mean[0] == pytest.approx(week.mean[0] / 7)
    assert day.variance[0] == pytest.approx(week.variance[0] / 7)
    assert week.quantiles[0, 3] / 7 < day.quantiles[0, 3] < week.quantiles[0, 3]


def test_a_month_has_28_to_31_days():
    monthly = panel([[16, 18, 17, 15] * 10], period="month")
    assert [expected(monthly, days).periods[0] for days in (30, 31, 61, 62, 75)] == [1, 1, 2, 2, 3]


def test_lifts_multiply_what_is_to_come():
    lifted = expected(panel([[2, 4, 6, 4] * 10], lift=1.5), 14)
    usual = expected(STEADY, 14)

    assert lifted.lift[0] == 1.5
    assert lifted.mean == pytest.approx(usual.mean * 1.5)
    assert lifted.variance == pytest.approx(usual.variance * 2.25)
    assert lifted.quantiles == pytest.approx(usual.quantiles * 1.5)


def test_a_lead_time_that_varies_adds_to_the_variance():
    certain, varying = expected(STEADY, 14), expected(STEADY, 14, variance=9.0)

    assert varying.mean == certain.mean
    added = varying.variance[0] - certain.variance[0]
    assert added == pytest.approx((certain.mean[0] / 14) ** 2 * 9)
    assert varying.quantiles[0, 3] > certain.quantiles[0, 3] + 0.5


def test_rows_of_two_intervals_do_not_disturb_each_other():
    both = expected(panel([[2, 4, 6, 4] * 10, [9, 9, 9, 9] * 10]), [14, 28])

    assert both.mean[0] == pytest.approx(expected(STEADY, 14).mean[0])
    assert both.mean[1] == pytest.approx(36, rel=0.01)
    assert list(both.periods) == [2, 4]


def test_a_few_rows_learn_from_all_the_others():
    units = np.random.default_rng(0).poisson(3, (300, 60))
    days = np.where(np.arange(300) < 3, 28, 14)

    told = expected(panel(units), days)
    assert {METHODS[place] for place in told.method} == {"combined"}
    assert list(told.periods[:4]) == [4, 4, 4, 2]
    assert told.mean[:3] == pytest.approx(12, rel=0.15)


weeks = st.lists(
    st.one_of(st.integers(0, 40), st.just(float("nan")), st.just(10**6)), min_size=12, max_size=12
)


@settings(max_examples=40)
@given(
    st.lists(weeks, min_size=1, max_size=3),
    st.integers(1, 120),
    st.floats(0, 400),
    st.floats(0.01, 5),
)
def test_quantiles_never_cross_and_nothing_is_negative_or_unknown(rows, days, variance, lift):
    told = expected(panel(rows, lift=lift), days, variance)

    for numbers in (told.mean, told.variance, told.quantiles):
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()
    assert (np.diff(told.quantiles, axis=1) >= 0).all()
