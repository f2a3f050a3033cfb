"""The HTTP door: keys, webhooks and their deliveries, leases of jobs, whose a reservation is, and a
notification when something happened."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add the tables; reservations of before belong to whoever gave their command."""
    _create_keys()
    _create_webhooks()
    op.create_table(
        "job_lease",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("holder", WORDS, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    # As the model says it; a new column of SQLite's cannot be NOT NULL without a default.
    op.add_column(
        "reservation", sa.Column("owner", WORDS, nullable=False, server_default=sa.text("''"))
    )
    op.execute("""
        UPDATE reservation
           SET owner = (SELECT c.actor FROM command_log AS c WHERE c.id = reservation.command_id)
    """)
    held = sa.text("status = 'held'")
    op.create_index(
        "reservation_by_owner",
        "reservation",
        ["owner", "expires_at"],
        sqlite_where=held,
        postgresql_where=held,
    )
    if op.get_bind().dialect.name == "postgresql":
        _notify()


def _create_keys() -> None:
    op.create_table(
        "api_key",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("revoked_at", WHOLE, nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer', 'service', 'staff', 'manager', 'admin')", name="key_role_is_known"
        ),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("hash"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("secret", WORDS, nullable=False),
        sa.Column("types", WORDS, nullable=False),
        sa.Column("sku", WORDS, nullable=False),
        sa.Column("position", WHOLE, nullable=False),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("removed_at", WHOLE, nullable=True),
        sa.CheckConstraint("position >= 0", name="webhook_position_is_an_event"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("webhook_id", WHOLE, nullable=False),
        sa.Column("event_id", WHOLE, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("attempts", WHOLE, nullable=False),
        sa.Column("next_at", WHOLE, nullable=False),
        sa.Column("status", WHOLE, nullable=True),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'dead')", name="delivery_state_is_known"
        ),
        sa.CheckConstraint("attempts >= 0", name="attempts_are_not_negative"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"]),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"]),
        sa.PrimaryKeyConstraint("webhook_id", "event_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "webhook_delivery_pending",
        "webhook_delivery",
        ["webhook_id", "subject", "event_id"],
        sqlite_where=pending,
        postgresql_where=pending,
    )


def _notify() -> None:
    """Tell who listens on `bvinv` that this schema's events have grown; once a transaction."""
    op.execute("""
        CREATE FUNCTION event_is_told() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            PERFORM pg_notify('bvinv', TG_RELID::text);
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER event_is_told AFTER INSERT ON event
        FOR EACH STATEMENT EXECUTE FUNCTION event_is_told()
    """)
