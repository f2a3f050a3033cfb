"""How a night is to go: what people type, checked."""

import re
from dataclasses import dataclass
from decimal import Decimal

from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.replenishment import Period

MOST_DAYS = 3_650
_DAYS = re.compile(r"([0-9]{1,4})([dwm])", re.ASCII)
_UNITS = {"d": Decimal(1), "w": Decimal(7), "m": Decimal("30.4375")}
_PERCENT = re.compile(r"[0-9]{1,4}(\.[0-9]{1,2})?%", re.ASCII)


@dataclass(frozen=True)
class Terms:
    """What everything is ordered by. Days are whole ones; `order_cost` is an amount of money in
    whatever currency the supplier has, `holding_rate` the part of its cost that a piece costs a
    year, in hundredths of a percent; None where costs are not known."""

    review_days: int = 7
    lead_time_days: int = 7  # of what no supplier sells
    order_cost: str | None = None
    holding_rate: int | None = None


@dataclass(frozen=True)
class Wish:
    """How a night is to go. `level` is for what has no target of its own, in hundredths of a
    percent; `as_of` a day as in `dates`, else yesterday; `optimises` looks for the cheapest level
    of each ABC class, for which costs have to be known."""

    terms: Terms = Terms()
    period: Period = "week"
    level: int | None = None
    optimises: bool = False
    as_of: int | None = None
    warehouse: str | None = None


def review(said: str) -> int:
    """Return the days of 7d, 2w or 1m, at least one. Raises InvalidInput."""
    return _days(said, least=1)


def lead_time(said: str) -> int:
    """Return the days of 7d, 2w or 1m, 0d too. Raises InvalidInput."""
    return _days(said, least=0)


def holding_rate(said: str) -> int:
    """Return a percentage, 25% or 12.5%, in hundredths of a percent. Raises InvalidInput."""
    rate = said.strip()
    number = int(Decimal(rate[:-1]) * 100) if _PERCENT.fullmatch(rate) else 0
    if not 1 <= number <= 100_000:
        raise InvalidInput(
            f"the holding rate is from 0.01% to 1000%, not {text.quoted(said)}",
            hint="for example 25%",
        )
    return number


def refuse_half_costs(wish: Wish) -> None:
    """Raise InvalidInput where a part of the costs is missing."""
    if (wish.terms.order_cost is None) != (wish.terms.holding_rate is None):
        raise InvalidInput(
            "what an order costs and what holding costs are only of use together",
            hint="for example: --order-cost 15.00 --holding-rate 25%",
        )
    if wish.optimises and wish.terms.holding_rate is None:
        raise InvalidInput(
            "the cheapest service level needs the costs",
            hint="for example: --optimise-cost --order-cost 15.00 --holding-rate 25%",
        )


def _days(said: str, *, least: int) -> int:
    """Months are a twelfth of a year each, rounded to days."""
    found = _DAYS.fullmatch(said.strip().lower())
    days = round(int(found[1]) * _UNITS[found[2]]) if found else -1
    if not least <= days <= MOST_DAYS:
        raise InvalidInput(
            f"{text.quoted(said)} is not a time between {least} and {MOST_DAYS} days",
            hint="days, weeks or months, for example 7d, 2w or 1m",
        )
    return days
