"""The catalogue: price changes, image checks, import runs, saved mappings, a tree of categories,
popularity from the ledger, and the transaction of each event and movement."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add the tables, the columns and what the database refuses from now on."""
    _create_price_change()
    _create_image_check()
    _create_imports()
    _add_transactions()
    op.execute("""
        UPDATE product SET popularity = coalesce((
            SELECT sum(m.quantity) FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id
             WHERE l.product_id = product.id AND m.to_bin = 'customer'), 0)
    """)
    if op.get_bind().dialect.name == "sqlite":
        _refuse_on_sqlite()
    else:
        _refuse_on_postgresql()


def _create_price_change() -> None:
    op.create_table(
        "price_change",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("old_price", WHOLE, nullable=True),
        sa.Column("old_currency", WORDS, nullable=True),
        sa.Column("new_price", WHOLE, nullable=True),
        sa.Column("new_currency", WORDS, nullable=True),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("requested_by", WORDS, nullable=False),
        sa.Column("decided_by", WORDS, nullable=True),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("requested_at", WHOLE, nullable=False),
        sa.Column("decided_at", WHOLE, nullable=True),
        sa.CheckConstraint(
            "state IN ('applied', 'requested', 'approved', 'rejected', 'superseded')",
            name="price_change_state_is_known",
        ),
        sa.CheckConstraint(
            "lower(decided_by) <> lower(requested_by)", name="nobody_decides_their_own_request"
        ),
        sa.CheckConstraint(
            "(state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)",
            name="a_decision_has_somebody",
        ),
        sa.CheckConstraint("(state = 'requested') = (decided_at IS NULL)", name="open_has_no_end"),
        sa.CheckConstraint("old_price >= 0", name="old_price_is_not_negative"),
        sa.CheckConstraint("new_price >= 0", name="new_price_is_not_negative"),
        sa.CheckConstraint(
            "(old_price IS NULL) = (old_currency IS NULL)", name="old_price_has_a_currency"
        ),
        sa.CheckConstraint(
            "(new_price IS NULL) = (new_currency IS NULL)", name="new_price_has_a_currency"
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_price_change_product_id"), "price_change", ["product_id"])
    _create_partial("price_change_open", "price_change", "product_id", "state = 'requested'", True)


def _create_image_check() -> None:
    op.create_table(
        "image_check",
        sa.Column("product_id", WHOLE, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("content_type", WORDS, nullable=False),
        sa.Column("bytes", WHOLE, nullable=False),
        sa.Column("checked_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "state IN ('allowed', 'refused', 'fetched', 'failed')", name="image_state_is_known"
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("product_id"),
        sqlite_strict=True,
    )


def _create_imports() -> None:
    op.create_table(
        "import_run",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("request_hash", WORDS, nullable=False),
        sa.Column("rows", WHOLE, nullable=False),
        sa.Column("counts", WORDS, nullable=False),
        sa.Column("result", WORDS, nullable=True),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint("rows >= 0", name="rows_are_not_negative"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_import_run_request_hash"), "import_run", ["request_hash"])
    op.create_table(
        "import_reject",
        sa.Column("run_id", WHOLE, nullable=False),
        sa.Column("place", WHOLE, autoincrement=False, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("field", WORDS, nullable=False),
        sa.Column("message", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "place"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "import_mapping",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("columns", WORDS, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _add_transactions() -> None:
    """Give each event and movement its transaction; those that are there get this one's."""
    counted = {"sqlite": "0", "postgresql": "(pg_current_xact_id()::text::bigint)"}
    default = sa.text(counted[op.get_bind().dialect.name])
    for table in ("event", "movement"):
        op.add_column(table, sa.Column("xid", WHOLE, nullable=False, server_default=default))
        _create_partial(f"{table}_by_transaction", table, "xid", "xid > 0")


def _create_partial(name: str, table: str, column: str, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, [column], unique=unique, sqlite_where=condition, postgresql_where=condition
    )


_CYCLE = """
    WITH RECURSIVE above(id) AS (
        SELECT NEW.parent_id
         UNION
        SELECT c.parent_id FROM category AS c JOIN above AS a ON c.id = a.id)
    SELECT 1 FROM above WHERE id = NEW.id
"""


def _refuse_on_sqlite() -> None:
    op.execute(f"""
        CREATE TRIGGER category_refuses_cycle BEFORE UPDATE OF parent_id ON category
        WHEN EXISTS ({_CYCLE})
        BEGIN SELECT RAISE(ABORT, 'constraint: a category cannot be below itself'); END
    """)
    op.execute("""
        CREATE TRIGGER product_stays_published BEFORE UPDATE OF status ON product
        WHEN NEW.status = 'draft' AND OLD.status <> 'draft'
        BEGIN SELECT RAISE(ABORT, 'constraint: what was published is no draft'); END
    """)


def _refuse_on_postgresql() -> None:
    op.execute(f"""
        CREATE FUNCTION category_refuses_cycle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            IF EXISTS ({_CYCLE}) THEN
                RAISE check_violation
                USING MESSAGE = 'constraint: a category cannot be below itself';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER category_refuses_cycle BEFORE UPDATE OF parent_id ON category
        FOR EACH ROW EXECUTE FUNCTION category_refuses_cycle()
    """)
    op.execute("""
        CREATE FUNCTION product_stays_published() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            RAISE check_violation USING MESSAGE = 'constraint: what was published is no draft';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER product_stays_published BEFORE UPDATE OF status ON product
        FOR EACH ROW WHEN (NEW.status = 'draft' AND OLD.status <> 'draft')
        EXECUTE FUNCTION product_stays_published()
    """)
