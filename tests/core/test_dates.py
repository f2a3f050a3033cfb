"""Publication dates sort whatever their precision, and come back as they were written."""

import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core import dates
from bvinv.core.errors import InvalidInput

HINT = "write YYYY, YYYY-MM or YYYY-MM-DD, for example 1999-05; -0750 is the year 751 BCE"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2008", 20080000),
        ("2008-09", 20080900),
        ("2008-09-14", 20080914),
        (" 2008 ", 20080000),
        ("2008.0", 20080000),
        ("-720.0", -7200000),
        ("+2008", 20080000),
        ("800", 8000000),
        ("8", 80000),
        ("0800-03", 8000300),
        ("-0750", -7500000),
        ("-750", -7500000),
        ("-0750-05-12", -7499488),
        ("0000", 0),
        ("-0000", 0),
        ("0000-02-29", 229),
        ("-0004-02-29", -39771),
        ("2000-02-29", 20000229),
        ("9999-12-31", 99991231),
        ("-9999", -99990000),
    ],
)
def test_a_date_of_any_precision_becomes_one_integer(text, value):
    assert dates.parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "next year",
        "11/31/2000",
        "20080914",
        "12008",
        "2008.5",
        "2008-9",
        "99-05",
        "2008-",
        "2008-09-14T00:00:00",
        "2008-09-1",
        "−750",
        "٢٠٠٨",
        "2008-W05",
        "2008 09",
        "1e3",
        "9" * 5000,
    ],
)
def test_what_is_not_a_date_is_refused_with_a_hint(text):
    with pytest.raises(InvalidInput, match="is not a date") as refused:
        dates.parse(text)
    assert refused.value.hint == HINT
    assert len(refused.value.detail) < 100


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2000-02-30", "2000-02 has the days 01 to 29"),
        ("1900-02-29", "1900-02 has the days 01 to 28"),
        ("-0100-02-29", "-0100-02 has the days 01 to 28"),
        ("2000-11-31", "2000-11 has the days 01 to 30"),
        ("2000-01-00", "2000-01 has the days 01 to 31"),
        ("2000-13", "there is no month 13"),
        ("2000-00-01", "there is no month 00"),
    ],
)
def test_an_impossible_date_is_refused_with_the_reason(text, why):
    with pytest.raises(InvalidInput) as refused:
        dates.parse(text)
    assert refused.value.detail == f"'{text}' is not a date: {why}"
    assert refused.value.hint == HINT


@pytest.mark.parametrize("text", ["-0750", "0800", "0000", "1999-05", "-0001-12-31", "0004-02-29"])
def test_canonical_text_comes_back_as_it_was(text):
    assert dates.display(dates.parse(text)) == text


@pytest.mark.parametrize("value", [1, 20001301, 20000230, 20000001, 10**8, -(10**8), 19000229])
def test_an_integer_that_is_no_date_is_not_displayed(value):
    with pytest.raises(InvalidInput, match="is not a date"):
        dates.display(value)


def test_less_precise_dates_sort_before_more_precise_ones():
    texts = ["-0751", "-0750", "-0750-01", "-0750-01-01", "-0750-02", "-0749", "0000", "0000-01"]
    values = [dates.parse(text) for text in texts]
    assert values == sorted(set(values))


@given(st.integers(-9999, 9999), st.integers(0, 13), st.integers(0, 32))
def test_exactly_the_days_of_the_gregorian_calendar_are_dates(year, month, day):
    text = f"{'-' if year < 0 else ''}{abs(year):04}-{month:02}-{day:02}"
    # Every 400 years the calendar repeats.
    exists = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(2000 + year % 400, month)[1]
    if exists:
        assert dates.display(dates.parse(text)) == text
    else:
        with pytest.raises(InvalidInput):
            dates.parse(text)


@given(st.integers(-(10**8), 10**8))
def test_displaying_and_parsing_are_inverse_wherever_both_are_defined(value):
    try:
        text = dates.display(value)
    except InvalidInput:
        return
    assert dates.parse(text) == value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2008", "2008"),
        (" -0750 ", "-0750"),
        ("March 25, 2008", "2008-03-25"),
        ("25 Mar. 2008", "2008-03-25"),
        ("1st september 1999", "1999-09-01"),
        ("Sept 3 2001", "2001-09-03"),
        ("June 1999", "1999-06"),
        ("2008/3/5", "2008-03-05"),
        ("25.03.2008", "2008-03-25"),
        ("5.3.2008", "2008-03-05"),
        ("25/12/2008", "2008-12-25"),
        ("12-25-2008", "2008-12-25"),
        ("11/11/2008", "2008-11-11"),
        ("2008-03-25T00:00:00", "2008-03-25"),
        ("2008-03-25 00:00", "2008-03-25"),
    ],
)
def test_files_may_write_dates_in_words_and_signs(written, read):
    assert dates.display(dates.read(written)) == read


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("11/12/2008", "'11/12/2008' is not clear: which is the month?"),
        ("11/31/2000", "'11/31/2000' is not a date: 2000-11 has the days 01 to 30"),
        ("25/25/2000", "'25/25/2000' is not a date: there is no month 25"),
        ("February 30, 2001", "'February 30, 2001' is not a date: 2001-02 has the days 01 to 28"),
        ("4 May 5, 2001", "'4 May 5, 2001' is not a date"),
        ("Marchy 2003", "'Marchy 2003' is not a date"),
        ("Undated", "'Undated' is not a date"),
        ("1st edition (August 1999)", "'1st edition (August 1999)' is not a date"),
        ("", "'' is not a date"),
    ],
)
def test_what_leaves_doubt_about_a_date_is_refused(written, said):
    with pytest.raises(InvalidInput) as caught:
        dates.read(written)
    assert caught.value.detail == said


@pytest.mark.parametrize(
    ("text", "found"), [("2027-05-31", 20270531), ("2027-05", 20270531), ("2028-02", 20280229)]
)
def test_a_day_is_a_day_and_a_month_its_last(text, found):
    assert dates.day(text) == found


@pytest.mark.parametrize("text", ["2027", "", "soon", "-0044-03-15", "2027-02-30", "31.05.2027"])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(InvalidInput):
        dates.day(text)


@pytest.mark.parametrize(
    ("instant", "day"),
    [(0, 19700101), (1_772_355_600_000_000, 20260301), (1_772_409_599_999_999, 20260301)],
)
def test_the_day_of_an_instant_is_that_of_utc(instant, day):
    assert dates.of(instant) == day
