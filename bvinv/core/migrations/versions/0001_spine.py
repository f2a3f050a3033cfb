"""The spine: catalogue, warehouses, levels, ledger, reservations, command log, events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Create every table, and the triggers that keep the ledger and the events as they are."""
    op.create_table(
        "category",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("slug", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("parent_id", WHOLE, nullable=True),
        sa.CheckConstraint("parent_id <> id", name="category_is_not_its_own_parent"),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["category.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
        sqlite_strict=True,
    )
    op.create_table(
        "command_log",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=True),
        sa.Column("request_hash", WORDS, nullable=False),
        sa.Column("result", WORDS, nullable=True),
        sa.Column("recorded_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sqlite_strict=True,
    )
    op.create_table(
        "warehouse",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("priority", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
        sqlite_strict=True,
    )
    op.create_table(
        "bin",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.CheckConstraint(
            "kind IN ('storage', 'dock', 'staging', 'quarantine', 'damaged')",
            name="bin_kind_is_known",
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("warehouse_id", "code"),
        sqlite_strict=True,
    )
    op.create_table(
        "event",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("data", WORDS, nullable=False),
        sa.Column("recorded_at", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_event_command_id"), "event", ["command_id"], unique=False)
    op.create_index(
        "event_of_stock_import",
        "event",
        ["subject"],
        unique=False,
        sqlite_where=sa.text("type = 'stock.imported'"),
        postgresql_where=sa.text("type = 'stock.imported'"),
    )
    op.create_table(
        "product",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("sku", WORDS, nullable=False),
        sa.Column("sku_key", WORDS, nullable=False),
        sa.Column("isbn", WORDS, nullable=True),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("author", WORDS, nullable=False),
        sa.Column("description", WORDS, nullable=False),
        sa.Column("category_id", WHOLE, nullable=True),
        sa.Column("price", WHOLE, nullable=True),
        sa.Column("currency", WORDS, nullable=True),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("publication_date", WHOLE, nullable=True),
        sa.Column("rating", WHOLE, nullable=True),
        sa.Column("popularity", WHOLE, nullable=False),
        sa.Column("image_url", WORDS, nullable=True),
        sa.Column("attributes", WORDS, nullable=False),
        sa.Column("variant_of", WHOLE, nullable=True),
        sa.Column("options", WORDS, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'discontinued')", name="status_is_one_of_three"
        ),
        sa.CheckConstraint("(price IS NULL) = (currency IS NULL)", name="price_has_a_currency"),
        sa.CheckConstraint("popularity >= 0", name="popularity_is_not_negative"),
        sa.CheckConstraint("price >= 0", name="price_is_not_negative"),
        sa.CheckConstraint("rating BETWEEN 0 AND 500", name="rating_is_0_to_5"),
        sa.CheckConstraint("variant_of <> id", name="product_is_not_its_own_variant"),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["category.id"],
        ),
        sa.ForeignKeyConstraint(
            ["variant_of"],
            ["product.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("isbn"),
        sa.UniqueConstraint("sku_key"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_product_category_id"), "product", ["category_id"], unique=False)
    op.create_index(op.f("ix_product_variant_of"), "product", ["variant_of"], unique=False)
    op.create_table(
        "reservation",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("terms", WORDS, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "status IN ('held', 'committed', 'released', 'expired')", name="status_is_one_of_four"
        ),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("id", "expires_at"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_reservation_command_id"), "reservation", ["command_id"], unique=False)
    op.create_index(
        "reservation_by_expiry",
        "reservation",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("status = 'held'"),
        postgresql_where=sa.text("status = 'held'"),
    )
    op.create_table(
        "barcode",
        sa.Column("code", WORDS, nullable=False),
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("pack_quantity", WHOLE, nullable=False),
        sa.CheckConstraint("pack_quantity >= 1", name="pack_has_pieces"),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("code"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_barcode_product_id"), "barcode", ["product_id"], unique=False)
    op.create_table(
        "stock_level",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("on_hand", WHOLE, nullable=False),
        sa.Column("unsellable", WHOLE, nullable=False),
        sa.Column("reserved", WHOLE, nullable=False),
        sa.Column("in_transit", WHOLE, nullable=False),
        sa.Column("reorder_point", WHOLE, nullable=True),
        sa.Column("max_stock", WHOLE, nullable=True),
        sa.Column("safety_stock", WHOLE, nullable=True),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("head_seq", WHOLE, nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "in_transit BETWEEN 0 AND 1000000000000", name="in_transit_is_not_negative"
        ),
        sa.CheckConstraint("max_stock BETWEEN 0 AND 1000000000000", name="max_stock_in_range"),
        sa.CheckConstraint("on_hand BETWEEN 0 AND 1000000000000", name="on_hand_is_not_negative"),
        sa.CheckConstraint("reorder_point <= max_stock", name="reorder_point_below_max_stock"),
        sa.CheckConstraint(
            "reorder_point BETWEEN 0 AND 1000000000000", name="reorder_point_in_range"
        ),
        sa.CheckConstraint("reserved BETWEEN 0 AND on_hand", name="reserved_is_on_hand"),
        sa.CheckConstraint(
            "safety_stock BETWEEN 0 AND 1000000000000", name="safety_stock_in_range"
        ),
        sa.CheckConstraint(
            "unsellable BETWEEN 0 AND 1000000000000", name="unsellable_is_not_negative"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["product.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("product_id", "warehouse_id"),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_stock_level_warehouse_id"), "stock_level", ["warehouse_id"], unique=False
    )
    op.create_table(
        "bin_level",
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("bin_id", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.CheckConstraint("quantity BETWEEN 0 AND 1000000000000", name="bin_is_not_negative"),
        sa.ForeignKeyConstraint(
            ["bin_id"],
            ["bin.id"],
        ),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.PrimaryKeyConstraint("level_id", "bin_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_bin_level_bin_id"), "bin_level", ["bin_id"], unique=False)
    op.create_table(
        "movement",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("level_seq", WHOLE, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("from_bin", WORDS, nullable=False),
        sa.Column("to_bin", WORDS, nullable=False),
        sa.Column("on_hand_change", WHOLE, nullable=False),
        sa.Column("reserved_change", WHOLE, nullable=False),
        sa.Column("on_hand", WHOLE, nullable=False),
        sa.Column("reserved", WHOLE, nullable=False),
        sa.Column("document", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("occurred_at", WHOLE, nullable=False),
        sa.Column("recorded_at", WHOLE, nullable=False),
        sa.Column("reverses", WHOLE, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind <> 'adjust' OR reason <> ''", name="adjustment_has_a_reason"),
        sa.CheckConstraint("level_seq >= 1", name="level_seq_counts_from_1"),
        sa.CheckConstraint(
            "on_hand_change IN (0, quantity, -quantity)", name="on_hand_change_fits"
        ),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000000000", name="movement_moves_something"),
        sa.CheckConstraint("reserved BETWEEN 0 AND on_hand", name="movement_result_is_possible"),
        sa.CheckConstraint(
            "reserved_change IN (0, quantity, -quantity)", name="reserved_change_fits"
        ),
        sa.CheckConstraint("reverses BETWEEN 0 AND level_seq - 1", name="reverses_an_earlier_one"),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("level_id", "level_seq"),
        sqlite_strict=True,
    )
    op.create_index(
        "movement_is_reversed_once",
        "movement",
        ["level_id", "reverses"],
        unique=True,
        sqlite_where=sa.text("reverses > 0"),
        postgresql_where=sa.text("reverses > 0"),
    )
    op.create_table(
        "reservation_line",
        sa.Column("reservation_id", WORDS, nullable=False),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("held", WHOLE, nullable=False),
        sa.Column("backordered", WHOLE, nullable=False),
        sa.Column("committed", WHOLE, nullable=False),
        sa.Column("released", WHOLE, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=False),
        sa.CheckConstraint("backordered >= 0", name="backordered_is_not_negative"),
        sa.CheckConstraint("committed >= 0", name="committed_is_not_negative"),
        sa.CheckConstraint("held >= 0", name="held_is_not_negative"),
        sa.CheckConstraint(
            "quantity = held + backordered + committed + released", name="line_parts_add_up"
        ),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000000000", name="line_wants_something"),
        sa.CheckConstraint("released >= 0", name="released_is_not_negative"),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id", "expires_at"],
            ["reservation.id", "reservation.expires_at"],
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("reservation_id", "level_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "reservation_line_backordered",
        "reservation_line",
        ["level_id"],
        unique=False,
        sqlite_where=sa.text("backordered > 0"),
        postgresql_where=sa.text("backordered > 0"),
    )
    op.create_index(
        "reservation_line_open",
        "reservation_line",
        ["level_id", "expires_at"],
        unique=False,
        sqlite_where=sa.text("held + backordered > 0"),
        postgresql_where=sa.text("held + backordered > 0"),
    )
    for table, same in APPEND_ONLY.items():
        if op.get_bind().dialect.name == "sqlite":
            _append_only_on_sqlite(table, same)
        else:
            _append_only_on_postgresql(table)
    if op.get_bind().dialect.name == "sqlite":
        _reversed_once_on_sqlite()


# What makes a new row a second version of an old one: REPLACE deletes the old one silently, and
# without `recursive_triggers` (a foreign tool) no DELETE trigger would see it.
APPEND_ONLY = {
    "movement": "id = NEW.id OR (level_id = NEW.level_id AND level_seq = NEW.level_seq)",
    "event": "id = NEW.id",
}


def _reversed_once_on_sqlite() -> None:
    """Refuse what REPLACE would delete through the third unique index of the ledger. By itself,
    so that movements that reverse nothing, nearly all, cost no look-up."""
    op.execute("""
        CREATE TRIGGER movement_refuses_second_reversal BEFORE INSERT ON movement
        WHEN NEW.reverses > 0 AND EXISTS (
            SELECT 1 FROM movement WHERE level_id = NEW.level_id AND reverses = NEW.reverses
               AND reverses > 0)
        BEGIN SELECT RAISE(ABORT, 'movement is append-only'); END
    """)


def _append_only_on_sqlite(table: str, same: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(f"""
            CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table}
            BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
        """)
    op.execute(f"""
        CREATE TRIGGER {table}_refuses_replace BEFORE INSERT ON {table}
        WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
        BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
    """)


def _append_only_on_postgresql(table: str) -> None:
    op.execute(f"""
        CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$
    """)
    op.execute(f"""
        CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION {table}_is_append_only()
    """)
    op.execute(f"""
        CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only()
    """)
