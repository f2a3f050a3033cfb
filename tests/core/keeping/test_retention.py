"""Which backups are kept."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bvinv.core.errors import InvalidInput
from bvinv.core.keeping import retention

INSTANTS = st.sets(st.integers(0, 4_000 * 86_400).map(lambda s: s * 1_000_000), max_size=60)
POLICIES = st.dictionaries(st.sampled_from("dwmy"), st.integers(1, 20), min_size=1)


def at(said: str) -> int:
    moment = datetime.fromisoformat(said).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000


def names(instants):
    return sorted(
        (datetime(1970, 1, 1) + timedelta(microseconds=one)).isoformat()[:16] for one in instants
    )


def test_the_newest_of_each_of_the_last_days_that_have_one_is_kept():
    made = map(at, ["2026-03-01 04:00", "2026-03-02 04:00", "2026-03-02 20:00", "2026-03-09 04:00"])
    kept = retention.kept(made, {"d": 2})
    assert names(kept) == ["2026-03-02T20:00", "2026-03-09T04:00"]


def test_days_and_weeks_and_months_and_years_add_up():
    first = datetime(2024, 1, 1, 4)
    daily = [at((first + timedelta(days=n)).isoformat()) for n in range(800)]
    kept = retention.kept(daily, {"d": 3, "w": 2, "m": 3, "y": 5})
    assert names(kept) == [
        *("2024-12-31T04:00", "2025-12-31T04:00", "2026-01-31T04:00", "2026-02-28T04:00"),
        *("2026-03-08T04:00", "2026-03-09T04:00", "2026-03-10T04:00"),
    ]


def test_a_week_is_that_of_iso_8601():
    sunday, monday = at("2026-01-04 23:59"), at("2026-01-05 00:00")
    assert retention.kept([sunday, monday], {"w": 1}) == {monday}
    assert retention.kept([at("2025-12-29 00:00"), sunday], {"w": 2}) == {sunday}


@settings(max_examples=40)
@given(INSTANTS, POLICIES)
def test_the_newest_is_always_kept_and_nothing_is_invented(instants, policy):
    kept = retention.kept(instants, policy)
    assert kept <= instants
    assert not instants or max(instants) in kept
    assert len(kept) <= sum(policy.values())


@settings(max_examples=40)
@given(INSTANTS, POLICIES)
def test_what_was_kept_is_kept_again(instants, policy):
    kept = retention.kept(instants, policy)
    assert retention.kept(kept, policy) == kept


@settings(max_examples=40)
@given(INSTANTS, POLICIES, st.sampled_from("dwmy"))
def test_a_larger_policy_keeps_no_less(instants, policy, unit):
    larger = dict(policy) | {unit: policy.get(unit, 0) + 1}
    assert retention.kept(instants, policy) <= retention.kept(instants, larger)


@settings(max_examples=40)
@given(INSTANTS, POLICIES)
def test_one_backup_after_the_other_keeps_what_all_at_once_would(instants, policy):
    standing: set[int] = set()
    for instant in sorted(instants):
        standing = retention.kept(standing | {instant}, policy)
    assert standing == retention.kept(instants, policy)


def test_a_policy_is_read():
    assert retention.parse("7d, 4w,12m,3y") == {"d": 7, "w": 4, "m": 12, "y": 3}


@pytest.mark.parametrize(
    "said", ["", "7", "d", "0d", "7d,7d", "7h", "-1d", "7d;4w", "10000d", "७d"]
)
def test_what_is_no_policy_is_refused(said):
    with pytest.raises(InvalidInput, match="does not say which backups to keep"):
        retention.parse(said)
