"""The warehouse: suppliers and orders, transfers, lots, picks and packages, returns, counts, what
was scanned, the words of reasons, and channels."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
MOST = 1000000000000

# Code, what people read, and whether it says that the record was wrong and no goods moved.
REASONS = [
    ("opening", "Opening balance", 1),
    ("damaged", "Damaged in the house", 0),
    ("lost", "Not there any more", 1),
    ("found", "There, but not on record", 1),
    ("miscount", "Counted wrongly before", 1),
    ("not-found", "Not in its bin when picked", 1),
    ("expired", "Past its date", 0),
    ("theft", "Stolen", 0),
    ("sample", "Given away as a sample", 0),
    ("internal-use", "Used in the house", 0),
    ("donation", "Given to charity", 0),
    ("scrapped", "Thrown away", 0),
    ("supplier-error", "The supplier sent something else", 0),
    ("supplier-return", "Sent back to the supplier", 0),
    ("data-entry", "Typed wrongly before", 1),
    ("defective", "Does not do what it should", 0),
    ("unwanted", "The customer changed their mind", 0),
    ("wrong-item", "The customer got another thing", 0),
    ("other", "Something else", 0),
]


def upgrade() -> None:
    """Add the tables, the columns, the shipped reasons, and what is refused from now on."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    _create_tables()
    _add_columns(on_sqlite)
    _add_lots(on_sqlite)
    _add_reasons()
    if on_sqlite:
        _refuse_unknown_reason_on_sqlite()
    else:
        _refuse_unknown_reason_on_postgresql()


def _create_tables() -> None:
    op.create_table(
        "channel",
        sa.Column("code", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("low_priority", WHOLE, nullable=False),
        sa.CheckConstraint("low_priority IN (0, 1)", name="channel_is_low_or_not"),
        sa.PrimaryKeyConstraint("code"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reason",
        sa.Column("code", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("corrects", WHOLE, nullable=False),
        sa.Column("active", WHOLE, nullable=False),
        sa.CheckConstraint("active IN (0, 1)", name="reason_is_active_or_not"),
        sa.CheckConstraint("corrects IN (0, 1)", name="reason_corrects_or_not"),
        sa.PrimaryKeyConstraint("code"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "supplier",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("lead_time_days", WHOLE, nullable=False),
        sa.Column("minimum_order", WHOLE, nullable=True),
        sa.Column("over_receipt_percent", WHOLE, nullable=False),
        sa.Column("email", WORDS, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint("lead_time_days BETWEEN 0 AND 3650", name="lead_time_in_range"),
        sa.CheckConstraint("minimum_order >= 0", name="minimum_order_is_not_negative"),
        sa.CheckConstraint("over_receipt_percent BETWEEN 0 AND 1000", name="tolerance_in_range"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
        sqlite_strict=True,
    )
    op.create_table(
        "purchase_order",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("supplier_id", WHOLE, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("expected_on", WHOLE, nullable=True),
        sa.Column("note", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("placed_at", WHOLE, nullable=True),
        sa.Column("closed_at", WHOLE, nullable=True),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "(closed_at IS NOT NULL) = (status IN ('received', 'cancelled'))",
            name="closed_order_has_its_time",
        ),
        sa.CheckConstraint(
            "(placed_at IS NULL) OR (status <> 'draft')", name="draft_order_is_not_placed"
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'placed', 'partly-received', 'received', 'cancelled')",
            name="order_status_is_known",
        ),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["supplier_id"],
            ["supplier.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_purchase_order_supplier_id"), "purchase_order", ["supplier_id"], unique=False
    )
    op.create_table(
        "stock_count",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("scope", WORDS, nullable=False),
        sa.Column("blind", WHOLE, nullable=False),
        sa.Column("tolerance", WHOLE, nullable=False),
        sa.Column("note", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("closed_at", WHOLE, nullable=True),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'posted', 'cancelled')", name="stock_count_status_is_known"
        ),
        sa.CheckConstraint("blind IN (0, 1)", name="stock_count_is_blind_or_not"),
        sa.CheckConstraint("tolerance >= 0", name="count_tolerance_is_not_negative"),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_stock_count_warehouse_id"), "stock_count", ["warehouse_id"], unique=False
    )
    op.create_table(
        "transfer",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("from_id", WHOLE, nullable=False),
        sa.Column("to_id", WHOLE, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("note", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("shipped_at", WHOLE, nullable=True),
        sa.Column("closed_at", WHOLE, nullable=True),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'shipped', 'partly-received', 'closed', 'cancelled')",
            name="transfer_status_is_known",
        ),
        sa.CheckConstraint("from_id <> to_id", name="transfer_goes_elsewhere"),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["from_id"],
            ["warehouse.id"],
        ),
        sa.ForeignKeyConstraint(
            ["to_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "lot",
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("expires_on", WHOLE, nullable=True),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["product.id"],
        ),
        sa.PrimaryKeyConstraint("product_id", "code"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "package",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("reservation_id", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("tracking", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("shipped_at", WHOLE, nullable=True),
        sa.CheckConstraint(
            "(status = 'shipped') = (shipped_at IS NOT NULL)", name="shipped_package_has_its_time"
        ),
        sa.CheckConstraint(
            "status IN ('packed', 'shipped', 'cancelled')", name="package_status_is_known"
        ),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reservation_id", "label"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_package_reservation_id"), "package", ["reservation_id"], unique=False)
    op.create_table(
        "pick",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("reservation_id", WORDS, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'picked', 'closed', 'cancelled')", name="pick_status_is_known"
        ),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_pick_reservation_id"), "pick", ["reservation_id"], unique=False)
    op.create_index(
        "pick_open_once",
        "pick",
        ["reservation_id", "warehouse_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('open', 'picked')"),
        postgresql_where=sa.text("status IN ('open', 'picked')"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("supplier_id", WHOLE, nullable=True),
        sa.Column("order_id", WHOLE, nullable=True),
        sa.Column("document", WORDS, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("undone_at", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["purchase_order.id"],
        ),
        sa.ForeignKeyConstraint(
            ["supplier_id"],
            ["supplier.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_receipt_order_id"), "receipt", ["order_id"], unique=False)
    op.create_index(op.f("ix_receipt_supplier_id"), "receipt", ["supplier_id"], unique=False)
    op.create_index(
        "receipt_of_document_once",
        "receipt",
        ["supplier_id", "document"],
        unique=True,
        sqlite_where=sa.text("document <> '' AND undone_at IS NULL"),
        postgresql_where=sa.text("document <> '' AND undone_at IS NULL"),
    )
    op.create_table(
        "supplier_term",
        sa.Column("supplier_id", WHOLE, nullable=False),
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("supplier_sku", WORDS, nullable=False),
        sa.Column("cost", WHOLE, nullable=True),
        sa.Column("pack_size", WHOLE, nullable=False),
        sa.Column("minimum_quantity", WHOLE, nullable=False),
        sa.CheckConstraint("cost >= 0", name="term_cost_is_not_negative"),
        sa.CheckConstraint("minimum_quantity BETWEEN 1 AND 1000000000000", name="minimum_in_range"),
        sa.CheckConstraint("pack_size BETWEEN 1 AND 1000000000000", name="pack_size_in_range"),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["product.id"],
        ),
        sa.ForeignKeyConstraint(
            ["supplier_id"],
            ["supplier.id"],
        ),
        sa.PrimaryKeyConstraint("supplier_id", "product_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_supplier_term_product_id"), "supplier_term", ["product_id"], unique=False
    )
    op.create_table(
        "customer_return",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("reservation_id", WORDS, nullable=True),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("bin_id", WHOLE, nullable=False),
        sa.Column("lot", WORDS, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("restocked", WHOLE, nullable=False),
        sa.Column("damaged", WHOLE, nullable=False),
        sa.Column("scrapped", WHOLE, nullable=False),
        sa.Column("sent_back", WHOLE, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000000000", name="return_has_pieces"),
        sa.CheckConstraint(
            "restocked + damaged + scrapped + sent_back <= quantity",
            name="decided_pieces_came_back",
        ),
        sa.CheckConstraint(
            "restocked >= 0 AND damaged >= 0 AND scrapped >= 0 AND sent_back >= 0",
            name="dispositions_not_negative",
        ),
        sa.ForeignKeyConstraint(
            ["bin_id"],
            ["bin.id"],
        ),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.ForeignKeyConstraint(
            ["reason"],
            ["reason.code"],
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_customer_return_level_id"), "customer_return", ["level_id"], unique=False
    )
    op.create_index(
        op.f("ix_customer_return_reservation_id"),
        "customer_return",
        ["reservation_id"],
        unique=False,
    )
    op.create_table(
        "pick_line",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("pick_id", WHOLE, nullable=False),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("bin_id", WHOLE, nullable=False),
        sa.Column("lot", WORDS, nullable=False),
        sa.Column("staging_id", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("picked", WHOLE, nullable=False),
        sa.Column("short", WHOLE, nullable=False),
        sa.Column("returned", WHOLE, nullable=False),
        sa.Column("packed", WHOLE, nullable=False),
        sa.Column("shipped", WHOLE, nullable=False),
        sa.CheckConstraint("packed <= picked - returned", name="packed_was_picked"),
        sa.CheckConstraint("picked + short <= quantity", name="picked_was_asked_for"),
        sa.CheckConstraint("picked >= 0 AND short >= 0", name="pick_parts_not_negative"),
        sa.CheckConstraint(
            "quantity BETWEEN 1 AND 1000000000000", name="pick_line_wants_something"
        ),
        sa.CheckConstraint("returned >= 0 AND shipped >= 0", name="pick_ends_not_negative"),
        sa.CheckConstraint("shipped <= packed", name="shipped_was_packed"),
        sa.ForeignKeyConstraint(
            ["bin_id"],
            ["bin.id"],
        ),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.ForeignKeyConstraint(
            ["pick_id"],
            ["pick.id"],
        ),
        sa.ForeignKeyConstraint(
            ["staging_id"],
            ["bin.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_pick_line_pick_id"), "pick_line", ["pick_id"], unique=False)
    op.create_index(
        "pick_line_staged",
        "pick_line",
        ["level_id"],
        unique=False,
        sqlite_where=sa.text("picked > returned + shipped"),
        postgresql_where=sa.text("picked > returned + shipped"),
    )
    op.create_table(
        "purchase_order_line",
        sa.Column("order_id", WHOLE, nullable=False),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("cost", WHOLE, nullable=True),
        sa.Column("allowance", WHOLE, nullable=False),
        sa.Column("received", WHOLE, nullable=False),
        sa.Column("cancelled", WHOLE, nullable=False),
        sa.Column("outstanding", WHOLE, nullable=False),
        sa.CheckConstraint("allowance >= 0", name="allowance_is_not_negative"),
        sa.CheckConstraint("cancelled BETWEEN 0 AND quantity", name="cancelled_was_ordered"),
        sa.CheckConstraint("cost >= 0", name="line_cost_is_not_negative"),
        sa.CheckConstraint(
            "outstanding >= 0 AND outstanding IN (0, quantity - received - cancelled)",
            name="outstanding_is_the_rest",
        ),
        sa.CheckConstraint(
            "quantity BETWEEN 1 AND 1000000000000", name="order_line_wants_something"
        ),
        sa.CheckConstraint(
            "received BETWEEN 0 AND quantity + allowance", name="received_within_tolerance"
        ),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["purchase_order.id"],
        ),
        sa.PrimaryKeyConstraint("order_id", "level_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "purchase_order_line_outstanding",
        "purchase_order_line",
        ["level_id"],
        unique=False,
        sqlite_where=sa.text("outstanding > 0"),
        postgresql_where=sa.text("outstanding > 0"),
    )
    op.create_table(
        "scan_session",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("mode", WORDS, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("document", WORDS, nullable=False),
        sa.Column("supplier", WORDS, nullable=False),
        sa.Column("delivery", WORDS, nullable=False),
        sa.Column("receipt_id", WHOLE, nullable=True),
        sa.Column("bin_id", WHOLE, nullable=True),
        sa.Column("lot", WORDS, nullable=False),
        sa.Column("product_id", WHOLE, nullable=True),
        sa.Column("pieces", WHOLE, nullable=False),
        sa.Column("command_id", WHOLE, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "mode IN ('receive', 'put-away', 'pick', 'count', 'transfer')",
            name="scan_mode_is_known",
        ),
        sa.CheckConstraint("status IN ('open', 'done')", name="scan_session_status_is_known"),
        sa.CheckConstraint("pieces >= 0", name="pieces_in_hand_not_negative"),
        sa.ForeignKeyConstraint(
            ["bin_id"],
            ["bin.id"],
        ),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["command_log.id"],
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["product.id"],
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receipt.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        "scan_session_open",
        "scan_session",
        ["actor"],
        unique=False,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "stock_count_line",
        sa.Column("count_id", WHOLE, nullable=False),
        sa.Column("bin_id", WHOLE, nullable=False),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("lot", WORDS, nullable=False),
        sa.Column("counted", WHOLE, nullable=False),
        sa.Column("expected", WHOLE, nullable=False),
        sa.Column("level_seq", WHOLE, nullable=False),
        sa.Column("attempts", WHOLE, nullable=False),
        sa.Column("first_counted", WHOLE, nullable=True),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("counted_at", WHOLE, nullable=False),
        sa.Column("posted_seq", WHOLE, nullable=False),
        sa.CheckConstraint(
            "state IN ('counted', 'recount', 'posted')", name="stock_count_line_state_is_known"
        ),
        sa.CheckConstraint("attempts >= 1", name="counted_at_least_once"),
        sa.CheckConstraint("counted BETWEEN 0 AND 1000000000000", name="counted_in_range"),
        sa.CheckConstraint("expected >= 0", name="expected_is_not_negative"),
        sa.ForeignKeyConstraint(
            ["bin_id"],
            ["bin.id"],
        ),
        sa.ForeignKeyConstraint(
            ["count_id"],
            ["stock_count.id"],
        ),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.PrimaryKeyConstraint("count_id", "bin_id", "level_id", "lot"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_stock_count_line_level_id"), "stock_count_line", ["level_id"], unique=False
    )
    op.create_table(
        "transfer_line",
        sa.Column("transfer_id", WHOLE, nullable=False),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("lot", WORDS, nullable=False),
        sa.Column("to_level_id", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("shipped", WHOLE, nullable=False),
        sa.Column("received", WHOLE, nullable=False),
        sa.Column("lost", WHOLE, nullable=False),
        sa.Column("returned", WHOLE, nullable=False),
        sa.CheckConstraint(
            "quantity BETWEEN 1 AND 1000000000000", name="transfer_line_wants_something"
        ),
        sa.CheckConstraint("received + lost + returned <= shipped", name="arrived_was_shipped"),
        sa.CheckConstraint(
            "received >= 0 AND lost >= 0 AND returned >= 0", name="transfer_parts_not_negative"
        ),
        sa.CheckConstraint("shipped BETWEEN 0 AND quantity", name="shipped_was_asked_for"),
        sa.ForeignKeyConstraint(
            ["level_id"],
            ["stock_level.id"],
        ),
        sa.ForeignKeyConstraint(
            ["to_level_id"],
            ["stock_level.id"],
        ),
        sa.ForeignKeyConstraint(
            ["transfer_id"],
            ["transfer.id"],
        ),
        sa.PrimaryKeyConstraint("transfer_id", "level_id", "lot"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "transfer_line_in_transit",
        "transfer_line",
        ["to_level_id"],
        unique=False,
        sqlite_where=sa.text("shipped > received + lost + returned"),
        postgresql_where=sa.text("shipped > received + lost + returned"),
    )
    op.create_table(
        "package_line",
        sa.Column("package_id", WHOLE, nullable=False),
        sa.Column("pick_line_id", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("level_seq", WHOLE, nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000000000", name="package_holds_something"),
        sa.ForeignKeyConstraint(
            ["package_id"],
            ["package.id"],
        ),
        sa.ForeignKeyConstraint(
            ["pick_line_id"],
            ["pick_line.id"],
        ),
        sa.PrimaryKeyConstraint("package_id", "pick_line_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_package_line_pick_line_id"), "package_line", ["pick_line_id"], unique=False
    )
    op.create_table(
        "receipt_line",
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("level_seq", WHOLE, nullable=False),
        sa.Column("receipt_id", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["level_id", "level_seq"],
            ["movement.level_id", "movement.level_seq"],
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receipt.id"],
        ),
        sa.PrimaryKeyConstraint("level_id", "level_seq"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_receipt_line_receipt_id"), "receipt_line", ["receipt_id"], unique=False
    )
    op.create_table(
        "scan",
        sa.Column("session_id", WHOLE, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("outcome", WORDS, nullable=False),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("product_id", WHOLE, nullable=True),
        sa.Column("bin_id", WHOLE, nullable=True),
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("level_seq", WHOLE, nullable=False),
        sa.Column("recorded_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'unknown', 'refused', 'undone')", name="scan_outcome_is_known"
        ),
        sa.ForeignKeyConstraint(
            ["bin_id"],
            ["bin.id"],
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["product.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["scan_session.id"],
        ),
        sa.PrimaryKeyConstraint("session_id", "seq"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unknown_barcode",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("warehouse_id", WHOLE, nullable=False),
        sa.Column("session_id", WHOLE, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("product_id", WHOLE, nullable=True),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("decided_at", WHOLE, nullable=True),
        sa.CheckConstraint(
            "(state = 'resolved') = (product_id IS NOT NULL)",
            name="resolved_barcode_has_product",
        ),
        sa.CheckConstraint(
            "state IN ('open', 'resolved', 'dismissed')", name="unknown_barcode_state_is_known"
        ),
        sa.CheckConstraint(
            "quantity BETWEEN 1 AND 1000000000000", name="unknown_barcode_has_pieces"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["product.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id", "seq"],
            ["scan.session_id", "scan.seq"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(
        "unknown_barcode_open",
        "unknown_barcode",
        ["code"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _add_columns(on_sqlite: bool) -> None:
    """Add columns with their constraints, in the one way that both engines know."""
    whole = "INTEGER" if on_sqlite else "BIGINT"
    text = "TEXT" if on_sqlite else 'TEXT COLLATE "C"'
    flag = f"{whole} DEFAULT 0 NOT NULL CONSTRAINT"
    for table, column, kind in (
        (
            "bin",
            "pick_sequence",
            f"{whole} CONSTRAINT pick_sequence_in_range CHECK (pick_sequence BETWEEN 0 AND {MOST})",
        ),
        (
            "bin",
            "capacity",
            f"{whole} CONSTRAINT capacity_in_range CHECK (capacity BETWEEN 0 AND {MOST})",
        ),
        (
            "product",
            "tracks_lots",
            f"{flag} product_tracks_lots_or_not CHECK (tracks_lots IN (0, 1))",
        ),
        (
            "product",
            "protects_safety_stock",
            f"{flag} product_protects_or_not CHECK (protects_safety_stock IN (0, 1))",
        ),
        ("stock_level", "fixed_bin_id", f"{whole} REFERENCES bin (id)"),
        ("reservation", "channel", f"{text} DEFAULT '' NOT NULL"),
        (
            "reservation",
            "low_priority",
            f"{flag} reservation_is_low_or_not CHECK (low_priority IN (0, 1))",
        ),
        ("movement", "lot", f"{text} DEFAULT '' NOT NULL"),
    ):
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    op.create_index(
        "stock_level_with_fixed_bin",
        "stock_level",
        ["fixed_bin_id"],
        unique=False,
        sqlite_where=sa.text("fixed_bin_id IS NOT NULL"),
        postgresql_where=sa.text("fixed_bin_id IS NOT NULL"),
    )


def _add_lots(on_sqlite: bool) -> None:
    """Make the lot a part of what a bin holds; SQLite needs a new table for another key."""
    if not on_sqlite:
        op.execute("""ALTER TABLE bin_level ADD COLUMN lot TEXT COLLATE "C" DEFAULT '' NOT NULL""")
        op.execute("ALTER TABLE bin_level ALTER COLUMN lot DROP DEFAULT")
        op.execute("ALTER TABLE bin_level DROP CONSTRAINT bin_level_pkey")
        op.execute("ALTER TABLE bin_level ADD PRIMARY KEY (level_id, bin_id, lot)")
        return
    op.create_table(
        "bin_level_by_lot",
        sa.Column("level_id", WHOLE, nullable=False),
        sa.Column("bin_id", WHOLE, nullable=False),
        sa.Column("lot", WORDS, nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.CheckConstraint(f"quantity BETWEEN 0 AND {MOST}", name="bin_is_not_negative"),
        sa.ForeignKeyConstraint(["bin_id"], ["bin.id"]),
        sa.ForeignKeyConstraint(["level_id"], ["stock_level.id"]),
        sa.PrimaryKeyConstraint("level_id", "bin_id", "lot"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.execute("""
        INSERT INTO bin_level_by_lot (level_id, bin_id, lot, quantity)
        SELECT level_id, bin_id, '', quantity FROM bin_level
    """)
    op.drop_table("bin_level")
    op.rename_table("bin_level_by_lot", "bin_level")
    op.create_index("ix_bin_level_bin_id", "bin_level", ["bin_id"], unique=False)


def _add_reasons() -> None:
    """Add the reasons that bvinv ships with, and those that movements have given so far."""
    reason = sa.table(
        "reason", *(sa.column(name) for name in ("code", "name", "corrects", "active"))
    )
    op.bulk_insert(
        reason,
        [
            {"code": code, "name": name, "corrects": corrects, "active": 1}
            for code, name, corrects in REASONS
        ],
    )
    op.execute("""
        INSERT INTO reason (code, name, corrects, active)
        SELECT DISTINCT reason, reason, 0, 1 FROM movement
         WHERE reason <> ''
           AND NOT EXISTS (SELECT 1 FROM reason AS r WHERE r.code = movement.reason)
    """)


def _refuse_unknown_reason_on_sqlite() -> None:
    op.execute("""
        CREATE TRIGGER movement_has_a_known_reason BEFORE INSERT ON movement
        WHEN NEW.reason <> '' AND NOT EXISTS (SELECT 1 FROM reason WHERE code = NEW.reason)
        BEGIN SELECT RAISE(ABORT, 'constraint: a movement gives a known reason'); END
    """)
    op.execute("""
        CREATE TRIGGER reason_stays BEFORE DELETE ON reason
        BEGIN SELECT RAISE(ABORT, 'constraint: a reason is retired, not removed'); END
    """)


def _refuse_unknown_reason_on_postgresql() -> None:
    op.execute("""
        CREATE FUNCTION movement_has_a_known_reason() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            IF NOT EXISTS (SELECT 1 FROM reason WHERE code = NEW.reason) THEN
                RAISE check_violation USING MESSAGE = 'constraint: a movement gives a known reason';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER movement_has_a_known_reason BEFORE INSERT ON movement
        FOR EACH ROW WHEN (NEW.reason <> '') EXECUTE FUNCTION movement_has_a_known_reason()
    """)
    op.execute("""
        CREATE FUNCTION reason_stays() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            RAISE check_violation USING MESSAGE = 'constraint: a reason is retired, not removed';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER reason_stays BEFORE DELETE ON reason
        FOR EACH ROW EXECUTE FUNCTION reason_stays()
    """)
