"""What to order, and why."""

from typing import Any, ClassVar

from bvinv.core.models.base import Day, Instant, Row


class ReorderRow(Row):
    """What one level needs, in pieces; `cost` of a piece as a decimal string in `currency`.

    It comes from `supplier` or, moved, from the warehouse `transfer_from`; `order` or `transfer`
    is the draft that was written for it. `runs_out_on` is the day by which all is probably gone,
    `runs_out_earliest_on` the one before which it hardly will be.
    """

    ordered: ClassVar[tuple[str, ...]] = (
        *("sku", "warehouse", "suggested_quantity", "supplier", "transfer_from"),
        *("order", "transfer"),
    )

    sku: str
    warehouse: str
    available: int
    inventory_position: int
    reorder_point: int
    order_up_to: int
    suggested_quantity: int
    supplier: str | None
    lead_time_days: int | None
    reason: str
    runs_out_on: Day = None
    runs_out_earliest_on: Day = None
    pack_size: int = 1
    minimum_quantity: int = 1
    cost: str | None = None
    currency: str | None = None
    transfer_from: str | None = None
    order: str | None = None
    transfer: str | None = None

    def summary(self) -> dict[str, Any]:
        """Return the line about it in a list that people read on 80 columns."""
        notes = self.reason.partition("; ")[2]
        if self.transfer_from:
            notes = "transfer"
        if self.available < 0:
            notes = "; ".join([f"{-self.available} are owed", *([notes] if notes else [])])
        return {
            "sku": self.sku,
            "warehouse": self.warehouse,
            "position": f"{self.inventory_position} < {self.reorder_point}",
            "quantity": self.suggested_quantity,
            "from": self.supplier or self.transfer_from,
            "gone_by": self.record()["runs_out_on"],
            "about": notes.replace("rounded up to ", "").replace("raised to the ", ""),
        }


class PartRow(Row):
    """One line of an inventory position."""

    part: str
    pieces: int


class HistoryRow(Row):
    """What was sold, returns taken off, in the whole weeks or months up to a day, the oldest
    first; in pieces, None before the history begins."""

    period: str
    ends_on: Day
    quantities: list[int | None]


class DistributionRow(Row):
    """The demand forecast over lead time and review: `quantiles` by their chance, `level` the one
    that the reorder point is made of, smoothed from night to night; in pieces."""

    as_of_on: Day
    period: str
    periods: int
    lead_time_days: int
    lead_time_from: str
    review_days: int
    mean: float
    deviation: float
    level: float
    safety_stock: int
    quantiles: dict[str, float]
    service_level: str
    service_kind: str
    service_from: str | None
    method: str
    abc: str
    xyz: str
    quadrant: str


class AimRow(Row):
    """When a level is ordered and up to what, in pieces, and who says so: forecast, override,
    typed, or nobody."""

    reorder_point: int
    order_up_to: int
    source: str
    forecast: int | None
    typed: int | None
    override: int | None
    safety_stock: int | None
    max_stock: int | None


class OfferRow(Row):
    """Whom it is ordered from; `cost` of a piece as a decimal string, quantities in pieces."""

    supplier: str
    lead_time_days: int
    cost: str | None
    currency: str
    pack_size: int
    minimum_quantity: int


class OverrideNote(Row):
    """What a person said instead of the forecast, in pieces."""

    reorder_point: int
    order_up_to: int | None
    reason: str
    until_on: Day


class CalendarNote(Row):
    """Days that are not like others; `percent` of the usual, None where they are left out."""

    name: str
    kind: str
    begins_on: Day
    ends_on: Day
    percent: int | None


class SuggestionRow(Row):
    """What was suggested last, in pieces, and the draft that came of it."""

    status: str
    quantity: int
    reason: str
    order: str | None
    transfer: str | None
    updated_at: Instant


class WhyRow(Row):
    """Everything that one line of the reorder report is made of."""

    sku: str
    warehouse: str
    history: HistoryRow
    distribution: DistributionRow | None
    position: list[PartRow]
    available: int
    inventory_position: int
    levels: AimRow
    offer: OfferRow | None
    suggested_quantity: int
    arithmetic: str
    runs_out_on: Day
    runs_out_earliest_on: Day
    override: OverrideNote | None
    calendar: list[CalendarNote]
    suggestion: SuggestionRow | None
