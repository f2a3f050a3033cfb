"""The tables of replenishment: what was sold before bvinv, what is known to come, what the nights
made of it, and what is suggested to be ordered.

Statistics are kept in thousandths of a piece, service levels in hundredths of a percent.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey
from sqlmodel import Field, SQLModel

from bvinv.core.models.base import MOST
from bvinv.core.models.columns import Whole, Words, key, reference, whole, words


def _product() -> Column[int]:
    return Column(Whole, ForeignKey("product.id"), primary_key=True)


def _warehouse() -> Column[int]:
    return Column(Whole, ForeignKey("warehouse.id"), primary_key=True)


class DemandDay(SQLModel, table=True):
    """What was sold on a day before the ledger knew of sales, returns taken off. `day_on` as in
    `dates`."""

    __tablename__ = "demand_day"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN -{MOST} AND {MOST}", name="demand_in_range"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    product_id: int = Field(sa_column=_product())
    warehouse_id: int = Field(sa_column=_warehouse())
    day_on: int = Field(sa_column=Column(Whole, primary_key=True))
    quantity: int = Field(sa_column=whole())


class CalendarEntry(SQLModel, table=True):
    """Days that are not like others, for all products, one category or one product, everywhere or
    in one warehouse. Demand is `percent` of the usual, or says nothing at all (`mask`)."""

    __tablename__ = "calendar_entry"
    __table_args__ = (
        CheckConstraint("kind IN ('lift', 'mask')", name="calendar_kind_is_known"),
        CheckConstraint("(kind = 'lift') = (percent IS NOT NULL)", name="lift_has_its_percent"),
        CheckConstraint("percent BETWEEN 1 AND 10000", name="percent_in_range"),
        CheckConstraint("begins_on <= ends_on", name="calendar_entry_ends_after_it_begins"),
        CheckConstraint("product_id IS NULL OR category_id IS NULL", name="one_scope_at_most"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    name: str = Field(sa_column=words())
    kind: str = Field(sa_column=words())
    begins_on: int = Field(sa_column=whole())
    ends_on: int = Field(sa_column=whole())
    percent: int | None = Field(default=None, sa_column=whole(optional=True))
    product_id: int | None = Field(default=None, sa_column=reference("product", optional=True))
    category_id: int | None = Field(default=None, sa_column=reference("category", optional=True))
    warehouse_id: int | None = Field(default=None, sa_column=reference("warehouse", optional=True))
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    removed_at: int | None = Field(default=None, sa_column=whole(optional=True))


class ServiceTarget(SQLModel, table=True):
    """The service level of a product, a category, an ABC class or everything. `subject` is the
    product's or category's id, 1 to 3 for the classes A to C, 0 for everything."""

    __tablename__ = "service_target"
    __table_args__ = (
        CheckConstraint(
            "scope IN ('all', 'class', 'category', 'product')", name="service_scope_is_known"
        ),
        CheckConstraint("kind IN ('cycle', 'fill')", name="service_kind_is_known"),
        CheckConstraint("level BETWEEN 5000 AND 9999", name="service_level_in_range"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    scope: str = Field(sa_column=Column(Words, primary_key=True))
    subject: int = Field(sa_column=Column(Whole, primary_key=True))
    level: int = Field(sa_column=whole())
    kind: str = Field(sa_column=words())
    updated_at: int = Field(sa_column=whole())


class ForecastOverride(SQLModel, table=True):
    """What a person says instead of the forecast, why, and until which day (inclusive)."""

    __tablename__ = "forecast_override"
    __table_args__ = (
        CheckConstraint(f"reorder_point BETWEEN 0 AND {MOST}", name="override_in_range"),
        CheckConstraint(f"order_up_to BETWEEN reorder_point AND {MOST}", name="override_orders_up"),
        CheckConstraint("reason <> ''", name="override_has_a_reason"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    product_id: int = Field(sa_column=_product())
    warehouse_id: int = Field(sa_column=_warehouse())
    reorder_point: int = Field(sa_column=whole())
    order_up_to: int | None = Field(default=None, sa_column=whole(optional=True))
    reason: str = Field(sa_column=words())
    until_on: int = Field(sa_column=whole())
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())


class ForecastRun(SQLModel, table=True):
    """A night that ended well: what it looked at (`settings`, JSON) and how much it stored."""

    __tablename__ = "forecast_run"
    __table_args__ = (
        CheckConstraint("period IN ('week', 'month')", name="forecast_period_is_known"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    as_of_on: int = Field(sa_column=whole())
    period: str = Field(sa_column=words())
    version: str = Field(sa_column=words())
    settings: str = Field(sa_column=words())
    levels: int = Field(sa_column=whole())
    command_id: int = Field(sa_column=reference("command_log"))
    recorded_at: int = Field(sa_column=whole())


class ForecastLevel(SQLModel, table=True):
    """What the last night says of a product in a warehouse.

    `mean` and `deviation` are those of the demand over lead time and review, `level` the smoothed
    quantile, all three in thousandths of a piece; the rest in pieces. `inputs` is JSON: what the
    arithmetic was fed with.
    """

    __tablename__ = "forecast_level"
    __table_args__ = (
        CheckConstraint("mean >= 0", name="forecast_mean_is_not_negative"),
        CheckConstraint("deviation >= 0", name="forecast_deviation_is_not_negative"),
        CheckConstraint("level >= 0", name="forecast_quantile_is_not_negative"),
        CheckConstraint(f"reorder_point BETWEEN 0 AND {MOST}", name="forecast_point_in_range"),
        CheckConstraint(f"safety_stock BETWEEN 0 AND {MOST}", name="forecast_safety_in_range"),
        CheckConstraint(f"order_up_to BETWEEN reorder_point AND {MOST}", name="forecast_orders_up"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    product_id: int = Field(sa_column=_product())
    warehouse_id: int = Field(sa_column=_warehouse())
    run_id: int = Field(sa_column=reference("forecast_run"))
    supplier_id: int | None = Field(default=None, sa_column=reference("supplier", optional=True))
    lead_time_days: int = Field(sa_column=whole())
    review_days: int = Field(sa_column=whole())
    periods: int = Field(sa_column=whole())
    service_level: int = Field(sa_column=whole())
    service_kind: str = Field(sa_column=words())
    mean: int = Field(sa_column=whole())
    deviation: int = Field(sa_column=whole())
    level: int = Field(sa_column=whole())
    reorder_point: int = Field(sa_column=whole())
    safety_stock: int = Field(sa_column=whole())
    order_up_to: int = Field(sa_column=whole())
    method: str = Field(sa_column=words())
    abc: str = Field(sa_column=words())
    xyz: str = Field(sa_column=words())
    quadrant: str = Field(sa_column=words())
    inputs: str = Field(sa_column=words())


class ReorderSuggestion(SQLModel, table=True):
    """What should be ordered for a warehouse, with the numbers that said so; one open one each.

    `ordered` names the order or the transfer that was drafted, `closed` was not needed any more.
    """

    __tablename__ = "reorder_suggestion"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'ordered', 'closed')", name="suggestion_status"),
        CheckConstraint(f"quantity BETWEEN 0 AND {MOST}", name="suggestion_in_range"),
        CheckConstraint(
            "(status = 'ordered') = (order_id IS NOT NULL OR transfer_id IS NOT NULL)",
            name="ordered_suggestion_has_its_document",
        ),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    product_id: int = Field(sa_column=reference("product"))
    warehouse_id: int = Field(sa_column=reference("warehouse"))
    status: str = Field(sa_column=words())
    quantity: int = Field(sa_column=whole())
    available: int = Field(sa_column=whole())
    inventory_position: int = Field(sa_column=whole())
    reorder_point: int = Field(sa_column=whole())
    order_up_to: int = Field(sa_column=whole())
    supplier_id: int | None = Field(default=None, sa_column=reference("supplier", optional=True))
    reason: str = Field(sa_column=words())
    inputs: str = Field(sa_column=words())
    order_id: int | None = Field(default=None, sa_column=reference("purchase_order", optional=True))
    transfer_id: int | None = Field(default=None, sa_column=reference("transfer", optional=True))
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())
