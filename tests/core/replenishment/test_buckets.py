"""Weeks that are counted back, months that are whole."""

from datetime import date

from bvinv.core.replenishment import buckets


def firsts(found):
    """Return the first days of all buckets, and the day after the last one."""
    return [str(date.fromordinal(date(1970, 1, 1).toordinal() + int(day))) for day in found.edges]


def test_weeks_end_with_the_last_day():
    found = buckets.weeks(date(2026, 3, 1), 2, 1)
    assert firsts(found) == ["2026-02-16", "2026-02-23", "2026-03-02", "2026-03-09"]
    assert found.begins == [date(2026, 2, 16), date(2026, 2, 23)]
    assert (found.begin, found.end) == (buckets.number(20260216), buckets.number(20260302))


def test_a_month_is_over_on_its_last_day():
    over = buckets.months(date(2024, 2, 29), 2, 1)
    assert firsts(over) == ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]
    before = buckets.months(date(2024, 2, 28), 2, 1)
    assert firsts(before) == ["2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01"]


def test_days_know_their_buckets():
    found = buckets.months(date(2026, 2, 28), 2, 0)
    assert found.of_days().tolist() == [0] * 31 + [1] * 28
    assert found.days_on()[[0, 30, 31, 58]].tolist() == [20260101, 20260131, 20260201, 20260228]


def test_weeks_may_lie_before_1970():
    assert firsts(buckets.weeks(date(1970, 1, 3), 1, 0)) == ["1969-12-28", "1970-01-04"]
