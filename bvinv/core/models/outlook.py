"""Demand to come, as both doors show it."""

from typing import Any, ClassVar

from pydantic import ConfigDict

from bvinv.core.models.base import Day, Instant, Row
from bvinv.core.models.stock import Empty
from bvinv.core.replenishment import plots


class OutlookRow(Row):
    """Demand to be expected of a product in a warehouse, in pieces, from `begins_on` to `ends_on`.

    The quantiles stand beside it, named after their levels in percent: demand is at most `q90`
    with a chance of 0.9. It is from `low` to `high` with the chance `interval`. `lift` is the
    calendar's factor, which all of these have in them. `warehouse` is None for a product that is
    in none; `reason` says why there is no forecast.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, int]

    sku: str
    warehouse: Empty
    period: str
    as_of: Day
    begins_on: Day
    ends_on: Day
    horizon: str
    mean: float
    interval: float
    low: int
    high: int
    method: str
    lift: float
    reason: str | None
    history: list[int | None]

    def summary(self) -> dict[str, Any]:
        """Return the line about it in a list that people read."""
        line: dict[str, Any] = {
            "sku": self.sku,
            "warehouse": self.warehouse,
            "horizon": self.horizon,
            "mean": self.mean,
            **self.__pydantic_extra__,
            "recent": plots.sparkline(self.history),
        }
        return line if self.reason is None else line | {"reason": self.reason}


class BacktestRow(Row):
    """How a method would have done on a group of series over the last origins.

    `rmsse`, `mase` and `pinball` are errors in units of the series' own steps, less is better, and
    `best` marks the method of least pinball in its group. `bias` is forecast less demand, over
    demand. `cov50` to `cov95` are the shares of cases in which demand stayed within the quantile.
    `service`, `stock` and `cost` are those of ordering up to its quantile at `level`: periods
    without a lost sale, mean stock, and what stock and lost sales cost, in the same units.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("method", "rmsse", "mase", "pinball", "bias", "cov95"),
        *("service", "stock", "cost"),
    )

    group: str
    series: int
    origins: int
    horizon: str
    period: str
    as_of: Day
    method: str
    best: bool
    rmsse: float
    mase: float
    pinball: float
    bias: float
    cov50: float
    cov90: float
    cov95: float
    level: float
    service: float
    stock: float
    cost: float


class NightRow(Row):
    """What the last night stored of a product in a warehouse.

    `mean` and `deviation` are those of the demand over lead time and review (`periods` weeks or
    months, the last one counted whole), `level` its smoothed quantile, all in pieces.
    """

    warehouse: str
    as_of: Day
    recorded_at: Instant
    period: str
    supplier: str | None
    lead_time_days: int
    review_days: int
    periods: int
    service_level: float
    service_kind: str
    mean: float
    deviation: float
    level: float
    reorder_point: int
    safety_stock: int
    order_up_to: int
    method: str
    abc: str
    xyz: str
    quadrant: str


class ForecastRow(Row):
    """What is known of a product's demand: what the last night stored, and an outlook made now."""

    sku: str
    nightly: list[NightRow]
    outlook: list[OutlookRow]
