"""Publication dates of any precision, as one integer that sorts: year × 10000 + month × 100 + day.

00 stands for an unknown month or day, so 1999 sorts before 1999-05 and that before 1999-05-01.
Years are astronomical (ISO 8601): 0 is 1 BCE and -750 is 751 BCE. The calendar is the proleptic
Gregorian one throughout.
"""

import re
from datetime import UTC, datetime, timedelta

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

# A year alone may be short, and a spreadsheet may have added ".0"; before a month it has 4 digits.
_DATE = re.compile(
    r"([+-]?[0-9]{1,4})(?:\.0+)?|([+-]?[0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?", re.ASCII
)
_NAMES = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTHS = {name[:3]: number for number, name in enumerate(_NAMES, start=1)}
_DAY = "([0-9]{1,2})(?:st|nd|rd|th)?"
_WORDED = re.compile(rf"(?:{_DAY} +)?([A-Za-z]{{3,9}})\.?(?: +{_DAY})?,? +([0-9]{{4}})", re.ASCII)
_TIMED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(?::00(?:\.0+)?)?Z?", re.ASCII)
_SLASHED = re.compile("([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})")
_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_EITHER = re.compile("([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})")
_HINT = "write YYYY, YYYY-MM or YYYY-MM-DD, for example 1999-05; -0750 is the year 751 BCE"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse(text: str) -> int:
    """Return the sortable integer of a year, a month or a day from -9999 to 9999-12-31.

    The year 0000 alone is 0, so compare with None, not for truth. Raises InvalidInput.
    """
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise InvalidInput(f"{quoted(text)} is not a date", hint=_HINT)
    short, year, month, day = found.groups()
    if short:
        return int(short) * 10000
    if not 1 <= int(month) <= 12:
        raise InvalidInput(f"{quoted(text)} is not a date: there is no month {month}", hint=_HINT)
    if day and not 1 <= int(day) <= _days_in(int(year), int(month)):
        last = _days_in(int(year), int(month))
        detail = f"{quoted(text)} is not a date: {year}-{month} has the days 01 to {last}"
        raise InvalidInput(detail, hint=_HINT)
    return int(year) * 10000 + int(month) * 100 + int(day or 0)


def read(text: str) -> int:
    """Return the date in a file: as `parse` takes it, or in words or signs that leave no doubt.

    March 25, 2008; 25 Mar. 2008; June 1999; 2008/03/25; 25.03.2008; 25/12/2008, as there is no
    month 25; 2008-03-25T00:00:00. Which of 11/12/2008 is the month nobody knows. Raises
    InvalidInput.
    """
    text = text.strip()
    if _DATE.fullmatch(text):
        return parse(text)
    if found := _TIMED.fullmatch(text):
        return parse(found[1])
    if (found := _WORDED.fullmatch(text)) and not (found[1] and found[3]):
        day, month, year = found[1] or found[3] or "", found[2], found[4]
        number = _MONTHS.get(month[:3].lower(), 0)
        if number and _NAMES[number - 1].startswith(month.lower()):
            return _of_parts(text, year, str(number), day)
    if found := _SLASHED.fullmatch(text):
        return _of_parts(text, *found.groups())
    if found := _DOTTED.fullmatch(text):
        return _of_parts(text, *reversed(found.groups()))
    if found := _EITHER.fullmatch(text):
        one, other, year = found.groups()
        if one == other:
            return _of_parts(text, year, one, other)
        if int(one) > 12 or int(other) > 12:
            month, day = sorted((one, other), key=int)
            return _of_parts(text, year, month, day)
        raise InvalidInput(f"{quoted(text)} is not clear: which is the month?", hint=_HINT)
    return parse(text)


def _of_parts(text: str, year: str, month: str, day: str) -> int:
    try:
        return parse(f"{year}-{int(month):02}" + (f"-{int(day):02}" if day else ""))
    except InvalidInput as error:
        _, _, why = error.detail.partition(" is not a date")
        raise InvalidInput(f"{quoted(text)} is not a date{why}", hint=_HINT) from None


def display(value: int) -> str:
    """Return the date as text, as precise as it is known; `parse` gives the value back.

    Raises InvalidInput if the integer is no date.
    """
    year, rest = divmod(value, 10000)  # Floors, which is right for years before 0.
    month, day = divmod(rest, 100)
    known = 1 <= month <= 12 and day <= _days_in(year, month)
    if not -9999 <= year <= 9999 or not (known or rest == 0):
        raise InvalidInput(f"{quoted(value)} is not a date: year × 10000 + month × 100 + day")
    text = f"{'-' if year < 0 else ''}{abs(year):04}"
    if month:
        text += f"-{month:02}"
    return f"{text}-{day:02}" if day else text


def of(instant: int) -> int:
    """Return the day of an instant (microseconds since 1970), in UTC."""
    return int((_EPOCH + timedelta(microseconds=instant)).strftime("%Y%m%d"))


def day(text: str) -> int:
    """Return a whole day, as labels and orders bear it; of a month it is the last day.

    Raises InvalidInput for a year alone and for what is no date.
    """
    found = parse(text)
    year, rest = divmod(found, 10000)
    if not year > 0 or not rest:
        raise InvalidInput(f"{quoted(text)} is not a day", hint="write YYYY-MM-DD")
    return found if found % 100 else found + _days_in(year, rest // 100)


def _days_in(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _DAYS[month - 1] + (month == 2 and leap)
