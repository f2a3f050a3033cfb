"""Publication dates of any precision, as one integer that sorts: year × 10000 + month × 100 + day.

00 stands for an unknown month or day, so 1999 sorts before 1999-05 and that before 1999-05-01.
Years are astronomical (ISO 8601): 0 is 1 BCE and -750 is 751 BCE. The calendar is the proleptic
Gregorian one throughout.
"""

import re

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

# A year alone may be short, and a spreadsheet may have added ".0"; before a month it has 4 digits.
_DATE = re.compile(
    r"([+-]?[0-9]{1,4})(?:\.0+)?|([+-]?[0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?", re.ASCII
)
_HINT = "write YYYY, YYYY-MM or YYYY-MM-DD, for example 1999-05; -0750 is the year 751 BCE"
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


def _days_in(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _DAYS[month - 1] + (month == 2 and leap)
