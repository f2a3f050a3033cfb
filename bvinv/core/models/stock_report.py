"""What the stock costs and earns: classes, overstock, turnover, and what was out of stock."""

from typing import ClassVar, Literal

from bvinv.core.models.base import Day, Row


class ClassRow(Row):
    """A product in a warehouse, by what it earned in 52 weeks and how it sells.

    `revenue` is a decimal string at the current price, `share` its part (0 to 1) of what the
    warehouse earned in that currency, `sold` in pieces, returns taken off. `xyz` and `quadrant` are
    None where no demand is known.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("sku", "warehouse", "abc", "xyz", "quadrant", "revenue", "currency"),
        "service_level",
    )

    sku: str
    warehouse: str
    abc: Literal["A", "B", "C"]
    xyz: Literal["X", "Y", "Z"] | None
    quadrant: Literal["smooth", "intermittent", "erratic", "lumpy"] | None
    revenue: str | None
    currency: str | None
    share: float
    sold: int
    service_level: float


class ClassSummary(Row):
    """How many products in warehouses are of an ABC class, and how many of them are X, Y and Z;
    `unknown` are those without any demand."""

    abc: Literal["A", "B", "C"]
    x: int
    y: int
    z: int
    unknown: int
    total: int


class OverstockRow(Row):
    """Pieces too many: all of what is `dead`, of `overstock` those above what is needed.

    `days_of_cover` is how long what is on hand lasts as it sold lately, `cost` of a piece and
    `money` of the excess are decimal strings, None where no cost is known.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("sku", "warehouse", "kind", "excess", "last_sold_on", "money", "currency"),
    )

    sku: str
    warehouse: str
    kind: Literal["dead", "overstock"]
    on_hand: int
    excess: int
    last_sold_on: Day
    days_of_cover: float | None
    cost: str | None
    money: str | None
    currency: str | None


class OverstockSummary(Row):
    """What the excess of a kind comes to, currency by currency; None for what has no cost."""

    kind: Literal["dead", "overstock"]
    levels: int
    excess: int
    money: str | None
    currency: str | None


class TurnoverRow(Row):
    """How often the stock of a product was sold in a period, as if that were a year.

    `days` is the part of the period since the level's first movement; `average_on_hand` is that of
    every second of it, `on_hand` what there was at its end, both in pieces. None where there was
    no stock, or nothing was sold.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("sku", "warehouse", "sold", "average_on_hand", "turnover", "on_hand", "days_of_cover"),
    )

    sku: str
    warehouse: str
    days: float
    sold: int
    average_on_hand: float
    turnover: float | None
    on_hand: int
    days_of_cover: float | None


class StockOutRow(Row):
    """When a product was out of stock, and an estimate of what that cost.

    `times` and `days_out` in the period, `last_on` the day on which it last ran out, `out_now`
    whether it still is. `lost_sales` are the days out by what was sold a day while there was
    stock, in pieces; `lost_revenue` is theirs at the current price, a decimal string.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("sku", "warehouse", "times", "days_out", "last_on", "lost_sales", "lost_revenue"),
    )

    sku: str
    warehouse: str
    times: int
    days_out: float
    last_on: Day
    out_now: bool
    lost_sales: float | None
    lost_revenue: str | None
    currency: str | None
