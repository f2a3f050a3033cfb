"""Replenishment: demand from before bvinv, the calendar, service targets, overrides, what the
nights made of it all, and what is suggested to be ordered."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add the tables; they are empty until somebody forecasts."""
    _create_demand_day()
    _create_calendar_entry()
    _create_service_target()
    _create_forecast_override()
    _create_forecast_run()
    _create_forecast_level()
    _create_reorder_suggestion()


def _create_demand_day() -> None:
    op.create_table(
        "demand_day",
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("day_on", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.CheckConstraint(
            "quantity BETWEEN -1000000000000 AND 1000000000000", name="demand_in_range"
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"]),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("product_id", "warehouse_id", "day_on"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _create_calendar_entry() -> None:
    op.create_table(
        "calendar_entry",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("begins_on", WHOLE, nullable=False),
        sa.Column("ends_on", WHOLE, nullable=False),
        sa.Column("percent", WHOLE, nullable=True),
        sa.Column("product_id", WHOLE, nullable=True),
        sa.Column("category_id", WHOLE, nullable=True),
        sa.Column("warehouse_id", WHOLE, nullable=True),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("removed_at", WHOLE, nullable=True),
        sa.CheckConstraint("(kind = 'lift') = (percent IS NOT NULL)", name="lift_has_its_percent"),
        sa.CheckConstraint("kind IN ('lift', 'mask')", name="calendar_kind_is_known"),
        sa.CheckConstraint("begins_on <= ends_on", name="calendar_entry_ends_after_it_begins"),
        sa.CheckConstraint("percent BETWEEN 1 AND 10000", name="percent_in_range"),
        sa.CheckConstraint("product_id IS NULL OR category_id IS NULL", name="one_scope_at_most"),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"]),
        sa.ForeignKeyConstraint(["command_id"], ["command_log.id"]),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"]),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        "calendar_entry_counts",
        "calendar_entry",
        ["ends_on"],
        unique=False,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )


def _create_service_target() -> None:
    op.create_table(
        "service_target",
        sa.Column("scope", WORDS, nullable=False),
        sa.Column("subject", WHOLE, nullable=False),
        sa.Column("level", WHOLE, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint("kind IN ('cycle', 'fill')", name="service_kind_is_known"),
        sa.CheckConstraint(
            "scope IN ('all', 'class', 'category', 'product')", name="service_scope_is_known"
        ),
        sa.CheckConstraint("level BETWEEN 5000 AND 9999", name="service_level_in_range"),
        sa.PrimaryKeyConstraint("scope", "subject"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _create_forecast_override() -> None:
    op.create_table(
        "forecast_override",
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("reorder_point", WHOLE, nullable=False),
        sa.Column("order_up_to", WHOLE, nullable=True),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("until_on", WHOLE, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.CheckConstraint("reason <> ''", name="override_has_a_reason"),
        sa.CheckConstraint(
            "order_up_to BETWEEN reorder_point AND 1000000000000", name="override_orders_up"
        ),
        sa.CheckConstraint("reorder_point BETWEEN 0 AND 1000000000000", name="override_in_range"),
        sa.ForeignKeyConstraint(["command_id"], ["command_log.id"]),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"]),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("product_id", "warehouse_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _create_forecast_run() -> None:
    op.create_table(
        "forecast_run",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("as_of_on", WHOLE, nullable=False),
        sa.Column("period", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("settings", WORDS, nullable=False),
        sa.Column("levels", WHOLE, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("recorded_at", WHOLE, nullable=False),
        sa.CheckConstraint("period IN ('week', 'month')", name="forecast_period_is_known"),
        sa.ForeignKeyConstraint(["command_id"], ["command_log.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )


def _create_forecast_level() -> None:
    op.create_table(
        "forecast_level",
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("run_id", WHOLE, nullable=False),
        sa.Column("supplier_id", WHOLE, nullable=True),
        sa.Column("lead_time_days", WHOLE, nullable=False),
        sa.Column("review_days", WHOLE, nullable=False),
        sa.Column("periods", WHOLE, nullable=False),
        sa.Column("service_level", WHOLE, nullable=False),
        sa.Column("service_kind", WORDS, nullable=False),
        sa.Column("mean", WHOLE, nullable=False),
        sa.Column("deviation", WHOLE, nullable=False),
        sa.Column("level", WHOLE, nullable=False),
        sa.Column("reorder_point", WHOLE, nullable=False),
        sa.Column("safety_stock", WHOLE, nullable=False),
        sa.Column("order_up_to", WHOLE, nullable=False),
        sa.Column("method", WORDS, nullable=False),
        sa.Column("abc", WORDS, nullable=False),
        sa.Column("xyz", WORDS, nullable=False),
        sa.Column("quadrant", WORDS, nullable=False),
        sa.Column("inputs", WORDS, nullable=False),
        sa.CheckConstraint("deviation >= 0", name="forecast_deviation_is_not_negative"),
        sa.CheckConstraint("level >= 0", name="forecast_quantile_is_not_negative"),
        sa.CheckConstraint("mean >= 0", name="forecast_mean_is_not_negative"),
        sa.CheckConstraint(
            "order_up_to BETWEEN reorder_point AND 1000000000000", name="forecast_orders_up"
        ),
        sa.CheckConstraint(
            "reorder_point BETWEEN 0 AND 1000000000000", name="forecast_point_in_range"
        ),
        sa.CheckConstraint(
            "safety_stock BETWEEN 0 AND 1000000000000", name="forecast_safety_in_range"
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["forecast_run.id"]),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"]),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("product_id", "warehouse_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _create_reorder_suggestion() -> None:
    op.create_table(
        "reorder_suggestion",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("available", WHOLE, nullable=False),
        sa.Column("inventory_position", WHOLE, nullable=False),
        sa.Column("reorder_point", WHOLE, nullable=False),
        sa.Column("order_up_to", WHOLE, nullable=False),
        sa.Column("supplier_id", WHOLE, nullable=True),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("inputs", WORDS, nullable=False),
        sa.Column("order_id", WHOLE, nullable=True),
        sa.Column("transfer_id", WHOLE, nullable=True),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "(status = 'ordered') = (order_id IS NOT NULL OR transfer_id IS NOT NULL)",
            name="ordered_suggestion_has_its_document",
        ),
        sa.CheckConstraint("status IN ('open', 'ordered', 'closed')", name="suggestion_status"),
        sa.CheckConstraint("quantity BETWEEN 0 AND 1000000000000", name="suggestion_in_range"),
        sa.ForeignKeyConstraint(["command_id"], ["command_log.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"]),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"]),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"]),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"]),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        "reorder_suggestion_open_once",
        "reorder_suggestion",
        ["product_id", "warehouse_id"],
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
