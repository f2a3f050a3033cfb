"""What replenishment is told to aim at, what people say instead, and what a night did."""

from typing import ClassVar, Literal

from bvinv.core.models.base import Day, Instant, Row

Kind = Literal["cycle", "fill"]
Period = Literal["week", "month"]


class TargetRow(Row):
    """A service level, and what it is for: `subject` is a SKU, a category's slug or an ABC class,
    and nothing where the scope is everything."""

    scope: Literal["product", "category", "class", "all"]
    subject: str | None
    service_level: float
    kind: Kind
    updated_at: Instant


class OverrideRow(Row):
    """What a person says instead of the forecast, in pieces; `live` until that day has ended, in
    UTC."""

    columns: ClassVar[tuple[str, ...]] = (
        "sku",
        "warehouse",
        "reorder_point",
        "order_up_to",
        "until_on",
        "live",
        "reason",
    )

    sku: str
    warehouse: str
    reorder_point: int
    order_up_to: int | None
    reason: str
    until_on: Day
    live: bool
    created_at: Instant


class ChoiceRow(Row):
    """The service level that was cheapest for an ABC class, in a replay of its last 26 weeks:
    `cost` is what holding its stock and losing its sales came to, a decimal string."""

    abc: Literal["A", "B", "C"]
    service_level: float
    cost: str
    currency: str
    series: int


class RunRow(Row):
    """What a night did. `series` are the products in warehouses that it looked at, `levels` those
    that it stored a level of, `suggestions` the open ones afterwards; `chosen` are the service
    levels that were the cheapest, where that was asked."""

    columns: ClassVar[tuple[str, ...]] = (
        "as_of",
        "period",
        "series",
        "levels",
        "suggestions",
        "seconds",
        "version",
        "chosen",
    )

    as_of: Day
    period: Period
    series: int
    levels: int
    suggestions: int
    seconds: float
    version: str
    chosen: list[ChoiceRow]
