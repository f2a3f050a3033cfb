"""How far ahead one looks: days, weeks or months as people type them, counted in buckets."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

Period = Literal["week", "month"]

WEEK = timedelta(days=7)
_LEVEL = re.compile(r"([0-9]{1,3}(\.[0-9]{1,9})?|\.[0-9]{1,9})%?", re.ASCII)
_HORIZON = re.compile(r"([0-9]{1,4})([dwm])", re.ASCII)
# Two years, in each unit: beyond that no forecast says anything.
_FURTHEST = {"d": 731, "w": 104, "m": 24}
_HINT = "days, weeks or months, for example 30d, 8w or 2m"


class Horizon(NamedTuple):
    """So many days (`d`), weeks (`w`) or calendar months (`m`), from the bucket to come."""

    number: int
    unit: str

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"

    @property
    def most_days(self) -> int:
        """How many days it has at most."""
        return self.number * {"d": 1, "w": 7, "m": 31}[self.unit]

    def end(self, begin: date) -> date:
        """Return the last day of a horizon that begins on this day."""
        if self.unit == "m":
            return months_after(begin, self.number) - timedelta(days=1)
        return begin + timedelta(days=self.number * (7 if self.unit == "w" else 1) - 1)

    def buckets(self, begin: date, period: Period) -> float:
        """Return how many weeks, or months, of forecast it covers; a part of one is a fraction."""
        last = self.end(begin)
        if period == "week":
            return ((last - begin).days + 1) / 7
        whole, start = 0, begin
        while (following := months_after(begin, whole + 1)) <= last + timedelta(days=1):
            whole, start = whole + 1, following
        return whole + ((last - start).days + 1) / (following - start).days


def parse(text: str) -> Horizon:
    """Return what `8w`, `30d` or `2m` mean. Raises InvalidInput, also beyond two years."""
    found = _HORIZON.fullmatch(text.strip().lower())
    if not found:
        raise InvalidInput(f"{quoted(text)} is not a horizon", hint=_HINT)
    horizon = Horizon(int(found[1]), found[2])
    if not 1 <= horizon.number <= _FURTHEST[horizon.unit]:
        raise InvalidInput(f"a horizon is at least a day and at most two years, not {text.strip()}")
    return horizon


def level(text: str) -> int:
    """Return a level in hundredths of a percent: 0.95 and 95% are 9500. Raises InvalidInput."""
    said = text.strip()
    number = Decimal(-1)
    if _LEVEL.fullmatch(said):
        number = Decimal(said.removesuffix("%")) * (100 if said.endswith("%") else 10_000)
    if not 5_000 <= number <= 9_999 or number % 1:
        raise InvalidInput(
            f"a level is from 0.5 to 0.9999 in steps of 0.0001, not {quoted(text)}",
            hint="for example 0.95, or 95%",
        )
    return int(number)


def usual(period: Period) -> Horizon:
    """Return how far one looks where nothing is said: four weeks, or a month."""
    return Horizon(4, "w") if period == "week" else Horizon(1, "m")


def months_after(first: date, months: int) -> date:
    """Return the first day of the month that is so many months after a month's first day."""
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def following(begin: date, period: Period) -> date:
    """Return when the bucket after the one that begins then begins."""
    return begin + WEEK if period == "week" else months_after(begin, 1)


def on(day: date) -> int:
    """Return a day as in `dates`."""
    return day.year * 10_000 + day.month * 100 + day.day
