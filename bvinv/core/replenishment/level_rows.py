"""The rows that a night stores: from the distribution of demand to when and how much to order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from bvinv.core import money
from bvinv.core.forecasting import classes
from bvinv.core.forecasting.arrays import Array, IntArray
from bvinv.core.forecasting.distributions import expected_shortage
from bvinv.core.forecasting.pipeline import METHODS, NONE, QUANTILES
from bvinv.core.replenishment import decisions, intervals
from bvinv.core.replenishment.demand import Panel
from bvinv.core.replenishment.intervals import Expected
from bvinv.core.replenishment.service import Goal, Goals
from bvinv.core.replenishment.sourcing import LeadTime, Offer
from bvinv.core.replenishment.wishes import Terms

Pair = tuple[int, int]  # product id, warehouse id

VERSION = metadata.version("bvinv")
SHOWN = 13  # buckets of history that a row keeps
COLUMNS = (
    "product_id",
    "warehouse_id",
    "supplier_id",
    "lead_time_days",
    "review_days",
    "periods",
    "service_level",
    "service_kind",
    "mean",
    "deviation",
    "level",
    "reorder_point",
    "safety_stock",
    "order_up_to",
    "method",
    "abc",
    "xyz",
    "quadrant",
    "inputs",
)
NOBODY = "nobody sells it: the lead time is assumed"
_YEAR = 365
_CHUNK = 8_192  # series whose history is looked at in one go

# Made once: json.dumps makes one a call.
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Before(NamedTuple):
    """What an earlier night stored: the level in thousandths of a piece, the day that it was of (as
    in `dates`), and what it was a level for."""

    level: int
    as_of_on: int
    lead_time_days: int
    review_days: int
    goal: Goal


@dataclass(frozen=True)
class Known:
    """What one snapshot of the database says, by product and warehouse where there is no other
    word."""

    panel: Panel
    offers: Mapping[int, Offer]
    lead_times: Mapping[int, LeadTime]
    goals: Goals
    abc: Mapping[Pair, str]
    max_stock: Mapping[Pair, int]
    before: Mapping[Pair, Before]


class _Aim(NamedTuple):
    """What the stock of each row has to suffice for."""

    offers: list[Offer | None]
    lead_times: list[LeadTime]
    goals: list[Goal]
    days: Array


def rows(known: Known, terms: Terms) -> list[tuple[Any, ...]]:
    """Return what is to be stored, a tuple of `COLUMNS` for each series that has a history."""
    panel = known.panel
    aim = _aim(known, terms)
    levels = sorted({*QUANTILES, *(goal.level / 10_000 for goal in set(aim.goals))})
    told = intervals.expected(
        panel,
        aim.days,
        levels=levels,
        lead_variance=np.array([one.variance for one in aim.lead_times]),
    )
    quantities = _order_quantities(aim, terms, told)
    wanted = _wanted(aim, told, levels, quantities)
    before = [_comparable(known, aim, terms, place) for place in range(len(panel.keys))]
    smoothed = _smoothed(wanted, before, panel)
    return _assembled(known, terms, _Night(aim, told, levels, quantities, wanted, before, smoothed))


class _Night(NamedTuple):
    """All that was worked out, row by row."""

    aim: _Aim
    told: Expected
    levels: Sequence[float]
    quantities: list[int]
    wanted: Array
    before: list[Before | None]
    smoothed: IntArray


def _aim(known: Known, terms: Terms) -> _Aim:
    typed = LeadTime(float(terms.lead_time_days), 0.0, 0)
    offers = [known.offers.get(product) for product, _ in known.panel.keys]
    lead_times = [known.lead_times[offer.supplier_id] if offer else typed for offer in offers]
    goals = [
        known.goals.of(pair[0], category, known.abc.get(pair, "C"))
        for pair, category in zip(known.panel.keys, known.panel.category.tolist(), strict=True)
    ]
    days = np.array([one.mean for one in lead_times]) + terms.review_days
    return _Aim(offers, lead_times, goals, days)


def _order_quantities(aim: _Aim, terms: Terms, told: Expected) -> list[int]:
    """Return how many pieces are ordered at a time: the economic quantity where costs are known,
    else what is expected to be asked for until the next review."""
    daily = told.mean / aim.days
    review = np.floor(daily * terms.review_days + 0.5).astype(np.int64).tolist()
    if terms.order_cost is None or terms.holding_rate is None:
        return [int(pieces) for pieces in review]
    yearly = np.rint(daily * _YEAR * 1000).astype(np.int64).tolist()
    currencies = {offer.currency for offer in aim.offers if offer}
    order_costs = {one: money.minor_units(terms.order_cost, one) for one in currencies}
    rate = terms.holding_rate
    return [
        decisions.economic_quantity(year, order_costs[offer.currency], rate, offer.cost)
        if offer and offer.cost
        else pieces
        for offer, year, pieces in zip(aim.offers, yearly, review, strict=True)
    ]


def _wanted(aim: _Aim, told: Expected, levels: Sequence[float], quantities: Sequence[int]) -> Array:
    """Return the level that each goal asks for, not smoothed and not rounded."""
    places = {level: place for place, level in enumerate(levels)}
    column = np.array([places[goal.level / 10_000] for goal in aim.goals], dtype=np.int64)
    wanted = told.quantiles[np.arange(len(column)), column]
    fill = [place for place, goal in enumerate(aim.goals) if goal.kind == "fill"]
    if fill:
        lots = np.array([_lot(quantities[place], aim.offers[place]) for place in fill])
        missing = np.array([1 - aim.goals[place].level / 10_000 for place in fill]) * lots
        wanted[fill] = _least_stock(told.mean[fill], told.variance[fill], missing)
    return wanted


def _lot(quantity: int, offer: Offer | None) -> int:
    return max(quantity, 1, *((offer.pack_size, offer.minimum_quantity) if offer else ()))


def _least_stock(mean: Array, variance: Array, missing: Array) -> Array:
    """Return the smallest whole stock with an expected shortage of at most `missing` pieces (the
    fill rate; Silver, Pyke & Thomas, 4th edition, 7.7)."""
    low, high = np.zeros(len(mean)), np.ceil(mean) + 1
    while (short := expected_shortage(mean, variance, high) > missing).any():
        high = np.where(short, 2 * high, high)
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        short = expected_shortage(mean, variance, middle) > missing
        low, high = np.where(short, middle + 1, low), np.where(short, high, middle)
        low = np.minimum(low, high)
    return high


def _comparable(known: Known, aim: _Aim, terms: Terms, place: int) -> Before | None:
    """Return what an earlier night said, unless it was for another lead time, review or goal."""
    found = known.before.get(known.panel.keys[place])
    if found is None:
        return None
    asked = _whole(aim.lead_times[place].mean), terms.review_days, aim.goals[place]
    return found if asked == (found.lead_time_days, found.review_days, found.goal) else None


def _smoothed(wanted: Array, before: Sequence[Before | None], panel: Panel) -> IntArray:
    """Return the levels in thousandths of a piece: half new and half old a bucket (FORECAST.md 5).

    Levels that jump from night to night cost stock, as what was bought cannot be given back.
    """
    target = np.rint(wanted * 1000)
    days = {one.as_of_on: _days(one.as_of_on, panel.as_of) for one in before if one}
    passed = np.array([days[one.as_of_on] if one else np.inf for one in before])
    level = np.array([one.level if one else 0 for one in before], dtype=np.float64)
    weight = 1 - 0.5 ** (passed / intervals.DAYS[panel.period])
    return np.rint(level + weight * (target - level)).astype(np.int64)


def _days(since_on: int, until: date) -> int:
    since = date(since_on // 10_000, since_on // 100 % 100, since_on % 100)
    return max((until - since).days, 0)


def _assembled(known: Known, terms: Terms, night: _Night) -> list[tuple[Any, ...]]:
    panel, aim, told = known.panel, night.aim, night.told
    mean = np.rint(told.mean * 1000).astype(np.int64).tolist()
    deviation = np.rint(np.sqrt(told.variance) * 1000).astype(np.int64).tolist()
    xyz = [classes.XYZ[place] for place in classes.xyz(told.mean, told.variance).tolist()]
    quadrant = _quadrants(panel)
    periods, method = told.periods.tolist(), told.method.tolist()
    smoothed = night.smoothed.tolist()
    inputs = _Inputs(known, night)
    found = []
    for place, pair in enumerate(panel.keys):
        if method[place] == NONE:
            continue
        offer, lead_time, goal = aim.offers[place], aim.lead_times[place], aim.goals[place]
        told_levels = decisions.levels(
            smoothed[place],
            mean=mean[place],
            order_quantity=night.quantities[place],
            max_stock=known.max_stock.get(pair),
        )
        found.append(
            (
                *pair,
                offer.supplier_id if offer else None,
                _whole(lead_time.mean),
                terms.review_days,
                periods[place],
                *goal,
                mean[place],
                deviation[place],
                smoothed[place],
                *told_levels[:3],
                METHODS[method[place]],
                known.abc.get(pair, "C"),
                xyz[place],
                quadrant[place],
                inputs.of(place, told_levels.note),
            )
        )
    return found


def _quadrants(panel: Panel) -> list[str]:
    found: list[str] = []
    for start in range(0, len(panel.keys), _CHUNK):
        chunk = np.asarray(panel.demand[start : start + _CHUNK], dtype=np.float64)
        found += [classes.QUADRANTS[place] for place in classes.syntetos_boylan(chunk).tolist()]
    return found


class _Inputs:
    """What the arithmetic was fed with, as JSON; `forecast why` shows it."""

    def __init__(self, known: Known, night: _Night) -> None:
        panel, told = known.panel, night.told
        self._night = night
        self._shared = {
            "version": VERSION,
            "as_of": panel.as_of.isoformat(),
            "period": panel.period,
        }
        self._recorded = panel.recorded[:, -SHOWN:]
        columns = [night.levels.index(level) for level in QUANTILES]
        self._quantiles = np.round(told.quantiles[:, columns], 3)
        self._names = [str(level) for level in QUANTILES]
        self._unsmoothed = np.round(night.wanted, 3).tolist()
        self._lift = np.round(told.lift, 3).tolist()

    def of(self, place: int, note: str) -> str:
        """Return what was known of a row. `before` is the level that was smoothed with the
        unsmoothed one, in thousandths of a piece."""
        night = self._night
        offer, lead, before = (
            night.aim.offers[place],
            night.aim.lead_times[place],
            night.before[place],
        )
        return _written(
            {
                **self._shared,
                "recorded": [
                    None if isnan(units) else int(units) for units in self._recorded[place].tolist()
                ],
                "quantiles": dict(zip(self._names, self._quantiles[place].tolist(), strict=True)),
                "unsmoothed": self._unsmoothed[place],
                "before": {"level": before.level, "as_of_on": before.as_of_on} if before else None,
                "lift": self._lift[place],
                "lead_time": {
                    "days": round(lead.mean, 3),
                    "variance": round(lead.variance, 3),
                    "receipts": lead.receipts,
                },
                "order_quantity": night.quantities[place],
                "terms": _terms(offer) if offer else None,
                "note": "; ".join(filter(None, (note, None if offer else NOBODY))),
            }
        )


def _terms(offer: Offer) -> dict[str, Any]:
    return {
        "supplier": offer.supplier,
        "currency": offer.currency,
        "cost": offer.cost,
        "pack_size": offer.pack_size,
        "minimum_quantity": offer.minimum_quantity,
    }


def _whole(days: float) -> int:
    return int(days + 0.5)
