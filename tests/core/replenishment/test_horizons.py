"""Horizons and levels as people type them."""

from datetime import date

import pytest

from bvinv.core.errors import InvalidInput
from bvinv.core.replenishment import horizons
from bvinv.core.replenishment.horizons import Horizon


def test_a_horizon_is_so_many_days_weeks_or_months():
    assert horizons.parse("30d") == Horizon(30, "d")
    assert horizons.parse(" 8W ") == Horizon(8, "w")
    assert str(horizons.parse("2m")) == "2m"


@pytest.mark.parametrize("said", ["0w", "732d", "105w", "25m", "8", "w", "-1w", "1.5w", "٣w", ""])
def test_a_horizon_of_nothing_or_beyond_two_years_is_refused(said):
    with pytest.raises(InvalidInput):
        horizons.parse(said)


def test_a_horizon_ends_on_its_last_day():
    begin = date(2026, 3, 1)
    assert Horizon(1, "d").end(begin) == begin
    assert Horizon(8, "w").end(begin) == date(2026, 4, 25)
    assert Horizon(12, "m").end(begin) == date(2027, 2, 28)


def test_days_are_parts_of_weeks_and_of_the_months_they_fall_in():
    begin = date(2026, 2, 1)
    assert Horizon(3, "w").buckets(begin, "week") == 3
    assert Horizon(10, "d").buckets(begin, "week") == 10 / 7
    assert Horizon(2, "m").buckets(begin, "month") == 2
    assert Horizon(28, "d").buckets(begin, "month") == 1
    assert Horizon(14, "d").buckets(begin, "month") == 0.5
    assert Horizon(1, "m").buckets(begin, "week") == 4


def test_a_level_is_a_share_or_a_percentage():
    assert [horizons.level(said) for said in ("0.95", "95%", ".5", "97.5 %".replace(" ", ""))] == [
        *(9_500, 9_500, 5_000, 9_750)
    ]
    assert horizons.level("0.9999") == 9_999


@pytest.mark.parametrize("said", ["0", "1", "95", "0.49", "0.99999", "100%", "nan", "1e-1", "0,9"])
def test_a_level_that_is_none_is_refused(said):
    with pytest.raises(InvalidInput, match="a level is from"):
        horizons.level(said)
