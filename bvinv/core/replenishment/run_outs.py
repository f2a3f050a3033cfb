"""When the goods run out: the first day on which demand has probably taken all there is.

Without numpy, for the few levels that a report shows. Demand over d days is negative binomial, its
mean and variance d times those of a day (FORECAST.md 5).
"""

from collections.abc import Sequence
from math import exp, inf, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

EXPECTED, EARLIEST = 0.5, 0.1  # the chance that all is gone by then
LONGEST = 730  # days; what lasts longer lasts
_COUNTED = 400  # pieces up to which chances are added up one by one
_NORMAL = NormalDist()


class Demand(NamedTuple):
    """Mean and variance of a day's demand, in pieces."""

    mean: float
    variance: float


def daily(mean: int, deviation: int, days: int) -> Demand:
    """Return the demand of a day, of statistics over so many days in thousandths of a piece."""
    days = max(days, 1)
    return Demand(mean / 1000 / days, (deviation / 1000) ** 2 / days)


def runs_out(
    pieces: int, due: Sequence[tuple[int, int]], demand: Demand | None, chance: float
) -> int | None:
    """Return in how many days more than these `pieces` will have been asked for with this chance:
    0 is today, None is not within two years.

    `due` are days from now and pieces that come then. Without any demand only what is owed
    already runs out.
    """
    if pieces < 0:
        return 0
    if demand is None or demand.mean <= 0:
        return None
    steps = sorted((max(day, 0), more) for day, more in due)
    begin = 0
    while begin <= LONGEST:
        pieces += sum(more for day, more in steps if day <= begin)
        steps = [(day, more) for day, more in steps if day > begin]
        end = min(steps[0][0] - 1 if steps else LONGEST, LONGEST)
        if _gone(pieces, demand, end, chance):
            return _first(pieces, demand, begin, end, chance)
        begin = end + 1
    return None


def _first(pieces: int, demand: Demand, low: int, high: int, chance: float) -> int:
    """Return the first day from `low` to `high` on which they are gone; on `high` they are."""
    # Near it lies where a normal distribution would put it: a + z b = pieces, in roots of days.
    slope = _NORMAL.inv_cdf(1 - chance) * sqrt(demand.variance)
    root = (sqrt(slope * slope + 4 * demand.mean * (pieces + 0.5)) - slope) / (2 * demand.mean)
    near = min(max(int(root * root), low), high)
    step = 1
    if _gone(pieces, demand, near, chance):
        high = near
        while high > low and _gone(pieces, demand, max(high - step, low), chance):
            high, step = max(high - step, low), 2 * step
        low = max(high - step, low)
    else:
        low = near
        while not _gone(pieces, demand, min(low + step, high), chance):
            low, step = min(low + step, high), 2 * step
        high = min(low + step, high)
    while low < high:
        middle = (low + high) // 2
        if _gone(pieces, demand, middle, chance):
            high = middle
        else:
            low = middle + 1
    return low


def _gone(pieces: int, demand: Demand, days: float, chance: float) -> bool:
    return days > 0 and 1 - _at_most(pieces, demand, days) >= chance


def _at_most(pieces: int, demand: Demand, days: float) -> float:
    """Return the chance that so many days' demand is no more than these pieces."""
    if pieces < 0:
        return 0.0
    mean = demand.mean * days
    variance = max(demand.variance * days, mean * 1.0001)
    size = mean * mean / (variance - mean)
    term = exp(size * log(mean / variance))
    if pieces > _COUNTED or term == 0.0:  # too many terms, or too small ones to begin with
        return _gamma_at_most(pieces + 0.5, mean, variance)
    odds = 1 - mean / variance
    total = term
    for one in range(pieces):
        term *= (one + size) / (one + 1) * odds
        total += term
    return min(total, 1.0)


def _gamma_at_most(pieces: float, mean: float, variance: float) -> float:
    """Return the chance of a gamma distribution of this mean and variance (Wilson & Hilferty,
    "The distribution of chi-square", 1931)."""
    shape = mean * mean / variance
    spread = 1 / (9 * shape)
    if spread == inf:
        return 1.0
    return _NORMAL.cdf(((pieces / mean) ** (1 / 3) - (1 - spread)) / sqrt(spread))
