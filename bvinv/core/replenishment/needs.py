"""Needs: the levels that are below their reorder point, and what would be ordered for them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from bvinv.core import dates
from bvinv.core.db import Session
from bvinv.core.replenishment import decisions, positions, run_outs, sales, sourcing
from bvinv.core.replenishment.decisions import Decision
from bvinv.core.replenishment.positions import Position
from bvinv.core.replenishment.run_outs import Demand
from bvinv.core.replenishment.sourcing import Offer

NOBODY = "nobody sells it: set terms"
MOST = 10**9  # pieces that a line of an order, or of a transfer, takes


class Need(NamedTuple):
    """What a level needs: where it stands, whom it is ordered from, and how much, in pieces."""

    at: Position
    offer: Offer | None
    decision: Decision

    @property
    def key(self) -> tuple[int, int]:
        """The product's and the warehouse's id."""
        return self.at.product_id, self.at.warehouse_id

    @property
    def reorder_point(self) -> int:
        """The position below which it is ordered, in pieces."""
        return self.at.reorder_point or 0

    @property
    def order_up_to(self) -> int:
        """The position up to which it is ordered, in pieces, before packs and minimums."""
        return self.at.order_up_to(self.offer.minimum_quantity if self.offer else 1)

    @property
    def cause(self) -> str:
        """Why anything is needed, in a sentence."""
        if self.at.available < 0:
            return f"available is negative: {-self.at.available} are promised that are not there"
        return f"position {self.at.position} is below the reorder point {self.reorder_point}"

    @property
    def reason(self) -> str:
        """Why this much is ordered, in a sentence."""
        notes = [self.decision.note] if self.decision.note else []
        return "; ".join([self.cause, *notes, *([] if self.offer else [NOBODY])])

    def inputs(self) -> dict[str, Any]:
        """Return the numbers that said so, to be kept with a suggestion."""
        at = self.at
        said: dict[str, Any] = {
            name: getattr(at, name)
            for name in (
                *("on_hand", "reserved", "backordered", "expired", "in_transit", "on_order"),
                *("on_draft_orders", "draft_transfers_in", "draft_transfers_out", "typed"),
                *("max_stock", "run_id", "mean", "deviation", "forecast_point", "override_point"),
            )
        }
        if self.offer:
            said["pack_size"] = self.offer.pack_size
            said["minimum_quantity"] = self.offer.minimum_quantity
        return {name: value for name, value in said.items() if value is not None}


def of(
    session: Session, *, site: int | None = None, levels: Collection[int] | None = None
) -> list[Need]:
    """Return what is needed: in one warehouse, at these levels, or everywhere."""
    below = positions.below(session, site=site, levels=levels)
    offers = sourcing.offers(session, {at.product_id for at in below})
    return [decided(at, offers.get(at.product_id)) for at in below]


def decided(at: Position, offer: Offer | None) -> Need:
    """Return what is ordered for a level on these terms; nothing where its position suffices, or
    the product is discontinued."""
    if at.status == "discontinued":
        return Need(at, offer, Decision(0, ""))
    minimum = offer.minimum_quantity if offer else 1
    decision = decisions.order_quantity(
        at.position,
        reorder_point=at.reorder_point or 0,
        order_up_to=at.order_up_to(minimum),
        pack_size=offer.pack_size if offer else 1,
        minimum_quantity=minimum,
        max_stock=at.max_stock,
    )
    if decision.quantity > MOST:
        pack = offer.pack_size if offer else 1
        decision = Decision(MOST // pack * pack, "as many as an order takes")
    return Need(at, offer, decision)


class Horizon:
    """The days on which levels run out, as far as anybody can know; asked for level by level."""

    def __init__(self, session: Session, stands: Iterable[Position]) -> None:
        """Look up once what is on its way to these levels."""
        stands = list(stands)
        levels = [at.level_id for at in stands if at.level_id is not None and at.on_order]
        self._due: Mapping[int, list[tuple[int, int]]] = positions.due(session, levels)
        self._now = session.now
        self._dates: dict[int, int] = {}  # by days from now; most levels share them

    def demand(self, at: Position) -> Demand | None:
        """Return a day's demand at a level, None where it was not forecast."""
        if None in (at.mean, at.deviation, at.lead_time_days, at.review_days):
            return None
        days = (at.lead_time_days or 0) + (at.review_days or 0)
        return run_outs.daily(at.mean or 0, at.deviation or 0, days)

    def runs_out_on(self, at: Position, chance: float = run_outs.EXPECTED) -> int | None:
        """Return the day, as in `dates`, by which all is gone with this chance: what is available
        and on its way by then. Drafts do not come; what is late may come today."""
        due: list[tuple[int, int]] = []
        if at.available >= 0:  # else somebody waits already
            ordered = self._due.get(at.level_id or 0, [])
            due += [(self._days(day), pieces) for day, pieces in ordered]
            due += [(0, at.in_transit)] if at.in_transit else []
        days = run_outs.runs_out(at.available, due, self.demand(at), chance)
        if days is None:
            return None
        if days not in self._dates:
            self._dates[days] = dates.of(self._now + days * sales.DAY)
        return self._dates[days]

    def _days(self, day_on: int) -> int:
        """Return in how many days a day comes that is not over, 0 for one that is or is not
        known."""
        today = dates.of(self._now)
        return (sales.end_of(day_on) - sales.end_of(today)) // sales.DAY if day_on > today else 0
