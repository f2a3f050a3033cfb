"""What we asked suppliers to bring."""

from typing import Annotated, ClassVar

from pydantic import PlainSerializer

from bvinv.core import dates
from bvinv.core.models.base import Instant, Row

STATUSES = ("draft", "placed", "partly-received", "received", "cancelled")
OPEN = ("placed", "partly-received")  # goods are on their way

Day = Annotated[int, PlainSerializer(dates.display, return_type=str, when_used="json")]


class OrderLineRow(Row):
    """A line of an order, in pieces. `state` is open, complete, over, short or cancelled;
    `tolerance` may come beyond what was ordered, `cost` is that of a piece."""

    sku: str
    ordered: int
    received: int
    outstanding: int
    tolerance: int
    state: str
    cost: str | None


class OrderRow(Row):
    """A purchase order as both doors show it; `total` is that of what was ordered, in `currency`.

    `warnings` are what one should know before the order is placed, or why it came out smaller.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "order",
        "status",
        "supplier",
        "warehouse",
        "expected_on",
        "total",
        "currency",
        "note",
        "warnings",
        "lines",
    )

    order: str
    status: str
    supplier: str
    warehouse: str
    expected_on: Day | None
    currency: str
    total: str | None
    lines: list[OrderLineRow]
    note: str
    warnings: list[str]
    created_at: Instant
    placed_at: Instant | None
    closed_at: Instant | None
    updated_at: Instant


class OrderSummary(Row):
    """A purchase order in a list, its lines counted; `ordered` to `outstanding` in pieces."""

    columns: ClassVar[tuple[str, ...]] = (
        "order",
        "status",
        "supplier",
        "warehouse",
        "expected_on",
        "lines",
        "ordered",
        "outstanding",
    )

    order: str
    status: str
    supplier: str
    warehouse: str
    expected_on: Day | None
    currency: str
    total: str | None
    lines: int
    ordered: int
    received: int
    outstanding: int
    created_at: Instant
