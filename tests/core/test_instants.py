"""Instants are integer microseconds of UTC, wherever the machine stands."""

import os
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core import instants
from bvinv.core.errors import InvalidInput

SECOND = 10**6
DAY = 86400 * SECOND
LAST = 253402300799999999
# POSIX rules, so that no time zone database is needed.
NEW_YORK = "EST5EDT,M3.2.0,M11.1.0"
KOLKATA = "IST-5:30"
FARTHEST_EAST, FARTHEST_WEST = "<+14>-14", "<-12>12"
NUUK = "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"
HAVANA = "CST5CDT,M3.2.0/0,M11.1.0/1"


@pytest.fixture
def standing_in(monkeypatch):
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change the time zone of a process")

    def move(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def test_now_is_the_time_of_the_system_clock():
    before, us, after = time.time_ns() // 1000, instants.now(), time.time_ns() // 1000
    assert before <= us <= after


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-21T01:30:00Z", "2026-11-21T01:30:00Z"),
        ("2026-11-21t01:30:00z", "2026-11-21T01:30:00Z"),
        (" 2026-11-21 01:30Z ", "2026-11-21T01:30:00Z"),
        ("2026-11-20T20:30:00-05:00", "2026-11-21T01:30:00Z"),
        ("2026-11-21T07:00:00+0530", "2026-11-21T01:30:00Z"),
        ("2026-11-21T02:30:00+01", "2026-11-21T01:30:00Z"),
        ("2026-11-21T01:30:00-00:00", "2026-11-21T01:30:00Z"),
        ("2026-11-21T01:30:00.5Z", "2026-11-21T01:30:00.500000Z"),
        ("2026-11-21T01:30:00,123456Z", "2026-11-21T01:30:00.123456Z"),
        ("2026-11-21T01:30:00.123456999Z", "2026-11-21T01:30:00.123456Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_a_time_with_an_offset_is_the_same_instant_everywhere(standing_in, text, shown):
    for zone in (FARTHEST_EAST, FARTHEST_WEST):
        standing_in(zone)
        assert instants.display(instants.parse(text)) == shown


def test_an_instant_counts_microseconds_since_the_epoch():
    assert instants.parse("1970-01-01T00:00:01.000002Z") == 1_000_002
    assert instants.parse("9999-12-31T23:59:59.999999Z") == LAST


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        (NEW_YORK, "2026-11-21T04:59:59.999999Z"),
        (KOLKATA, "2026-11-20T18:29:59.999999Z"),
        (FARTHEST_EAST, "2026-11-20T09:59:59.999999Z"),
        (FARTHEST_WEST, "2026-11-21T11:59:59.999999Z"),
        ("UTC0", "2026-11-20T23:59:59.999999Z"),
    ],
)
def test_a_bare_date_is_the_last_microsecond_of_that_day_here(standing_in, zone, shown):
    standing_in(zone)
    day = instants.parse("2026-11-20")
    assert instants.display(day) == shown
    assert instants.parse("2026-11-20T23:30:00") < day < instants.parse("2026-11-21T00:00:00")
    assert day + 1 == instants.parse("2026-11-21T00:00")


@pytest.mark.parametrize(
    ("zone", "date", "shown"),
    [
        # The clock goes from 24:00 back to 23:00, so the last hour of the day comes twice.
        (NUUK, "2026-10-24", "2026-10-25T01:59:59.999999Z"),
        # The clock goes from 23:00 to 24:00, so the day has no last hour.
        (NUUK, "2026-03-28", "2026-03-29T00:59:59.999999Z"),
        # The next day begins at 01:00, or twice at 00:00.
        (HAVANA, "2026-03-07", "2026-03-08T04:59:59.999999Z"),
        (HAVANA, "2026-10-31", "2026-11-01T03:59:59.999999Z"),
        (NEW_YORK, "2026-03-08", "2026-03-09T03:59:59.999999Z"),
        (NEW_YORK, "2026-11-01", "2026-11-02T04:59:59.999999Z"),
    ],
)
def test_a_day_ends_rightly_when_the_clocks_change(standing_in, zone, date, shown):
    standing_in(zone)
    assert instants.display(instants.parse(date)) == shown


def test_every_local_time_of_a_day_is_before_its_end(standing_in):
    for zone in (NUUK, HAVANA, NEW_YORK):
        standing_in(zone)
        for half_hour in range(0, 365 * 48):
            us = instants.parse("2026-01-01T12:00Z") + half_hour * 1800 * SECOND
            local = datetime.fromtimestamp(us // SECOND)
            end = instants.parse(f"{local:%Y-%m-%d}")
            assert us <= end
            assert end < instants.parse(f"{local + timedelta(days=1):%Y-%m-%d}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-07-01T12:00:00", "2026-07-01T16:00:00Z"),
        ("2026-12-01T12:00", "2026-12-01T17:00:00Z"),
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00Z"),
        ("2026-03-08T02:30:00", "2026-03-08T07:30:00Z"),
    ],
)
def test_a_time_without_an_offset_is_local(standing_in, text, shown):
    standing_in(NEW_YORK)
    assert instants.display(instants.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "yesterday",
        "2026",
        "2026-11",
        "20261121",
        "20261121T013000Z",
        "2026-W47-6",
        "2026-11-31",
        "2026-13-01",
        "2026-11-21T24:00:00Z",
        "2026-11-21T01:60:00Z",
        "2026-11-20Z",
        "2026-11-21T01:30:60Z",
        "2026-11-21T01Z",
        "2026-11-21x01:30Z",
        "2026-11-21T01:30:00.Z",
        "2026-11-21T01:30:00+24:00",
        "2026-11-21T01:30:00+01:60",
        "2026-11-21T01:30:00 Europe/Rome",
        "2026-02-29",
        "0000-01-01",
        "1700000000",
        "٢٠٢٦-11-21",
        "2026-11-21T01:30:00Z\x00",
        "9" * 5000,
    ],
)
def test_what_is_not_a_time_is_refused_with_a_hint(text):
    with pytest.raises(InvalidInput, match="is not a time") as refused:
        instants.parse(text)
    assert refused.value.hint == (
        "write 2026-11-21T01:30:00Z, or 2026-11-20 for the end of that day"
    )


@pytest.mark.parametrize(
    "text",
    [
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "0001-01-01T00:00:00+23:59",
        "0001-01-01",
        "0001-01-01T00:00",
    ],
)
def test_a_time_out_of_the_years_1970_to_9999_is_refused(standing_in, text):
    for zone in (FARTHEST_EAST, FARTHEST_WEST):
        standing_in(zone)
        with pytest.raises(InvalidInput, match=r"is not in the years 1970 to 9999 \(UTC\)"):
            instants.parse(text)


def test_the_last_day_there_is_ends_in_range_only_east_of_utc(standing_in):
    standing_in("UTC0")
    assert instants.parse("9999-12-31") == LAST
    standing_in(FARTHEST_WEST)
    with pytest.raises(InvalidInput, match="is not in the years"):
        instants.parse("9999-12-31")


@pytest.mark.parametrize("us", [-1, LAST + 1, 10**30])
def test_an_instant_out_of_range_is_not_displayed(us):
    with pytest.raises(InvalidInput, match="are not in the years 1970 to 9999"):
        instants.display(us)


@given(st.integers(0, LAST), st.integers(-1439, 1439))
def test_what_is_displayed_is_read_back_exactly_with_any_offset(us, minutes):
    assert instants.parse(instants.display(us)) == us
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    if 1970 < moment.year < 9999:
        zone = timezone(timedelta(minutes=minutes))
        assert instants.parse(moment.astimezone(zone).isoformat()) == us


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        (" 7d ", 604800),
        ("2w", 1209600),
        ("1w1d1h1m1s", 694861),
        ("0h5m", 300),
        ("366d", 31622400),
        ("31622400s", 31622400),
    ],
)
def test_a_duration_is_read_in_microseconds(text, seconds):
    assert instants.duration(text) == seconds * SECOND


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "-1",
        "-1h",
        "1e12",
        "inf",
        "1.5h",
        "1h 30m",
        "30m1h",
        "1M",
        "1y",
        "1h1h",
        "h",
        "1_0s",
        "٣s",
        "1000000000s",
        "9" * 5000 + "s",
        "1h\x00",
    ],
)
def test_what_is_not_a_duration_is_refused_with_a_hint(text):
    with pytest.raises(InvalidInput, match="is not a duration") as refused:
        instants.duration(text)
    assert refused.value.hint == "write for example 90s, 15m, 2h, 1h30m, 7d or 2w"


@pytest.mark.parametrize("text", ["0", "90"])
def test_a_duration_without_a_unit_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        instants.duration(text)
    assert refused.value.detail == f"'{text}' is not a duration: the unit is missing"


@pytest.mark.parametrize("text", ["0s", "0w", "366d1s", "31622401s", "53w", "999999999w"])
def test_a_duration_under_a_second_or_over_366_days_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        instants.duration(text)
    assert refused.value.detail == f"a duration is from 1s to 366d, not '{text}'"


def test_the_environment_is_as_it_was(standing_in):
    standing_in(KOLKATA)
    assert os.environ["TZ"] == KOLKATA


def test_a_bare_date_begins_where_the_one_before_it_ended():
    assert instants.parse_beginning("2026-11-20") == instants.parse("2026-11-19") + 1
    assert instants.parse_beginning("2026-11-20T08:00Z") == instants.parse("2026-11-20T08:00Z")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0s"),
        (0.999999, "0s"),
        (61, "1m1s"),
        (3600 + 5, "1h"),
        (86400 * 7 + 3600, "1w"),
        (400 * 86400, "57w1d"),
        (86400 * 3 + 3600 * 4 + 60, "3d4h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds, said):
    assert instants.display_duration(int(seconds * 1_000_000)) == said
