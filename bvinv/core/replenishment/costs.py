"""What service costs: the level of each ABC class at which holding stock and losing sales together
would have been cheapest.

With lost sales the level that the newsvendor's ratio of the costs names is too high by far
(FORECAST.md 4.4), so the last half year is replayed over a grid of levels.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bvinv.core import money
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.forecasting.arrays import Array, IntArray
from bvinv.core.forecasting.histories import proper
from bvinv.core.forecasting.pipeline import forecast
from bvinv.core.forecasting.replays import replay
from bvinv.core.models.replenishment import ChoiceRow
from bvinv.core.replenishment import intervals
from bvinv.core.replenishment.demand import Panel
from bvinv.core.replenishment.service import CLASSES
from bvinv.core.replenishment.sourcing import LeadTime, Offer

GRID = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
PAST = {"week": 26, "month": 6}  # buckets that are replayed
_REFIT = 4  # buckets from one forecast of the replay to the next
_SAMPLE = 2_000  # series of each protection interval

_PRICES = Sql("SELECT id, price, currency FROM product WHERE price > 0")


class _Piece(NamedTuple):
    """What a piece costs, and what is lost with its sale, in minor units."""

    cost: int
    margin: int


def cheapest(
    session: Session,
    panel: Panel,
    *,
    abc: Mapping[tuple[int, int], str],
    offers: Mapping[int, Offer],
    lead_times: Mapping[int, LeadTime],
    review_days: int,
    holding_rate: int,
) -> list[ChoiceRow]:
    """Return the cheapest service level of each ABC class.

    Only products count that have a cost and a price in one currency, the one that most of them
    have. `holding_rate` is the part of its cost that a piece costs a year, in hundredths of a
    percent. Raises InvalidInput where no product has both, or none a history that is long enough.
    """
    pieces, currency = _pieces(session, offers)
    places = [place for place, (product, _) in enumerate(panel.keys) if product in pieces]
    if not places:
        raise InvalidInput(
            "no product has a cost and a price in one currency, so no level is the cheapest",
            hint="set costs: bvinv purchase supplier terms SUPPLIER REF --cost 5.66",
        )
    known = [pieces[panel.keys[place][0]] for place in places]
    cost = np.array([piece.cost for piece in known], dtype=np.float64)
    margin = np.array([piece.margin for piece in known], dtype=np.float64)
    held = cost * holding_rate / 10_000 / intervals.SEASONS[panel.period]
    days = [lead_times[offers[panel.keys[place][0]].supplier_id].mean for place in places]
    buckets = (np.array(days) + review_days) / intervals.DAYS[panel.period]
    periods = np.maximum(np.rint(buckets), 1).astype(np.int64)
    rows = np.array(places)
    classes = np.array([CLASSES.index(abc.get(panel.keys[place], "C")) for place in places])
    totals, series = np.zeros((len(CLASSES), len(GRID))), np.zeros(len(CLASSES), dtype=np.int64)
    for chosen, stock, missed in _replayed(panel, rows, periods):
        spent = (stock * held[chosen] + missed * margin[chosen]) * PAST[panel.period]
        for place in range(len(CLASSES)):
            of_class = classes[chosen] == place
            totals[place] += spent[:, of_class].sum(axis=1)
            series[place] += of_class.sum()
    if not series.any():
        raise InvalidInput("the history is too short to be replayed: no level is the cheapest yet")
    return [
        _choice(name, totals[at], int(series[at]), currency)
        for at, name in enumerate(CLASSES)
        if series[at]
    ]


def by_class(chosen: Sequence[ChoiceRow]) -> dict[str, int]:
    """Return the chosen levels by class, in hundredths of a percent."""
    return {row.abc: round(row.service_level * 10_000) for row in chosen}


def _pieces(session: Session, offers: Mapping[int, Offer]) -> tuple[dict[int, _Piece], str]:
    found: dict[str, dict[int, _Piece]] = {}
    for row in session.ask(_PRICES):
        offer = offers.get(row.id)
        if offer and offer.cost and offer.currency == row.currency:
            piece = _Piece(offer.cost, max(row.price - offer.cost, 0))
            found.setdefault(row.currency, {})[row.id] = piece
    most = Counter({name: len(pieces) for name, pieces in sorted(found.items())}).most_common(1)
    return (found[most[0][0]], most[0][0]) if most else ({}, "")


def _replayed(
    panel: Panel, rows: IntArray, periods: IntArray
) -> Iterator[tuple[IntArray, Array, Array]]:
    """Yield, for each protection interval, places in `rows`, and their mean stock and lost pieces
    a bucket at each level of the grid."""
    for count in np.unique(periods):
        chosen = np.flatnonzero(periods == count)
        if len(chosen) > _SAMPLE:
            chosen = chosen[np.linspace(0, len(chosen) - 1, _SAMPLE).astype(np.int64)]
        demand = panel.demand[rows[chosen]].astype(np.float64)
        levels, origins = _levels(demand, int(count), panel)
        if not len(origins):
            continue
        turned = proper(demand)
        results = [replay(turned, origins, levels[:, :, at], int(count)) for at in range(len(GRID))]
        yield (
            chosen,
            np.stack([result.stock for result in results]),
            np.stack([result.missed for result in results]),
        )


def _levels(demand: Array, periods: int, panel: Panel) -> tuple[Array, IntArray]:
    """Return what would have been ordered up to at each origin, series and level of the grid."""
    buckets = demand.shape[1]
    first = max(buckets - periods - PAST[panel.period], 2 * periods + 1)
    origins = np.arange(first, buckets - periods)
    fitted = [
        forecast(
            demand[:, : origin + 1],
            periods=periods,
            season=intervals.SEASONS[panel.period],
            levels=GRID,
        ).quantiles
        for origin in origins[::_REFIT]
    ]
    levels = np.repeat(np.array(fitted), _REFIT, axis=0)[: len(origins)]
    return np.round(levels), origins


def _choice(name: str, totals: Array, series: int, currency: str) -> ChoiceRow:
    at = int(np.argmin(totals))
    return ChoiceRow.model_validate(
        {
            "abc": name,
            "service_level": GRID[at],
            "cost": money.display(round(float(totals[at])), currency),
            "currency": currency,
            "series": series,
        }
    )
