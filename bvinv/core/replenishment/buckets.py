"""Buckets: the weeks and months that demand is counted in, of whole days in UTC."""

from datetime import date, timedelta
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Period = Literal["week", "month"]
Whole = npt.NDArray[np.int64]

DAY = 86_400_000_000  # microseconds
_EPOCH = date(1970, 1, 1)


class Buckets(NamedTuple):
    """The first days of buckets, counted since 1970, and the end of the last one; `length` of the
    buckets are over, the others are to come."""

    edges: Whole
    length: int

    @property
    def begin(self) -> int:
        """The first day."""
        return int(self.edges[0])

    @property
    def end(self) -> int:
        """The first day that is to come."""
        return int(self.edges[self.length])

    @property
    def begins(self) -> list[date]:
        """The first days of the buckets that are over."""
        return [_EPOCH + timedelta(days=int(day)) for day in self.edges[: self.length]]

    def of_days(self) -> Whole:
        """Return the bucket of each day that is over, the first bucket's first day being 0."""
        return np.repeat(np.arange(self.length), np.diff(self.edges[: self.length + 1]))

    def days_on(self) -> Whole:
        """Return these days as in `dates`."""
        first = _EPOCH + timedelta(days=self.begin)
        days = (first + timedelta(days=day) for day in range(self.end - self.begin))
        return np.array([day.year * 10_000 + day.month * 100 + day.day for day in days])


def weeks(last: date, length: int, ahead: int) -> Buckets:
    """Return buckets of seven days; `last` is the last day of those that are over."""
    end = (last - _EPOCH).days + 1
    return Buckets(end + 7 * np.arange(-length, ahead + 1), length)


def months(last: date, length: int, ahead: int) -> Buckets:
    """Return the months that are over at the end of the day `last`, and those to come."""
    following = last + timedelta(days=1)
    end = following.year * 12 + following.month - 1  # the month that has only begun
    firsts = (date(each // 12, each % 12 + 1, 1) for each in range(end - length, end + ahead + 1))
    return Buckets(np.array([(first - _EPOCH).days for first in firsts]), length)


def number(on: int) -> int:
    """Return the number since 1970 of a day as in `dates`."""
    return (day(on) - _EPOCH).days


def day(on: int) -> date:
    """Return the day that is written like this in `dates`."""
    return date(on // 10_000, on // 100 % 100, on % 100)
