"""The tables (SQLModel). `migrations` makes them; a test sees to it that both say the same.

Apart from the rows, because declaring them takes a quarter of a second that a look-up in SQL
need not wait for. The catalogue's own are in `catalogue_tables`, those
of goods that come and go in `goods_tables`, those of work on the floor in `floor_tables`.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from bvinv.core.models.base import MOST
from bvinv.core.models.columns import (
    Whole,
    Words,
    digest,
    flag,
    key,
    later_words,
    reference,
    transaction,
    whole,
    words,
)


class CommandLog(SQLModel, table=True):
    """One row per command that changed something; with a key, its answer too."""

    __tablename__ = "command_log"
    __table_args__ = ({"sqlite_strict": True},)

    id: int | None = Field(default=None, sa_column=key())
    name: str = Field(sa_column=words())
    actor: str = Field(sa_column=words())
    key: str | None = Field(default=None, sa_column=words(optional=True, unique=True))
    request_hash: str = Field(default="", sa_column=words())
    result: str | None = Field(default=None, sa_column=words(optional=True))
    recorded_at: int = Field(sa_column=whole())


class Event(SQLModel, table=True):
    """The audit trail and the outbox: what happened to which subject, append-only."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_strict": True},)

    id: int | None = Field(default=None, sa_column=key())
    type: str = Field(sa_column=words())
    subject: str = Field(sa_column=words())
    actor: str = Field(sa_column=words())
    command_id: int = Field(sa_column=reference("command_log", index=True))
    data: str = Field(sa_column=words())
    recorded_at: int = Field(sa_column=whole())
    xid: int = Field(default=0, sa_column=transaction())


class Warehouse(SQLModel, table=True):
    """A building. `priority` 1 is asked for stock first."""

    __tablename__ = "warehouse"
    __table_args__ = ({"sqlite_strict": True},)

    id: int | None = Field(default=None, sa_column=key())
    code: str = Field(sa_column=words(unique=True))
    name: str = Field(sa_column=words())
    priority: int = Field(default=100, sa_column=whole(100))
    created_at: int = Field(sa_column=whole())


class Bin(SQLModel, table=True):
    """A place in a warehouse. Its kind never changes, so that the ledger stays readable.

    Pickers walk by `pick_sequence`, those without one come last; `capacity` in pieces.
    """

    __tablename__ = "bin"
    __table_args__ = (
        UniqueConstraint("warehouse_id", "code"),
        CheckConstraint(f"pick_sequence BETWEEN 0 AND {MOST}", name="pick_sequence_in_range"),
        CheckConstraint(f"capacity BETWEEN 0 AND {MOST}", name="capacity_in_range"),
        CheckConstraint(
            "kind IN ('storage', 'dock', 'staging', 'quarantine', 'damaged')",
            name="bin_kind_is_known",
        ),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    warehouse_id: int = Field(sa_column=reference("warehouse"))
    code: str = Field(sa_column=words())
    kind: str = Field(sa_column=words())
    pick_sequence: int | None = Field(default=None, sa_column=whole(optional=True))
    capacity: int | None = Field(default=None, sa_column=whole(optional=True))


class StockLevel(SQLModel, table=True):
    """One SKU in one warehouse. `on_hand` and `reserved` are written by the ledger only.

    `on_hand` counts the pieces in sellable bins, `unsellable` those in quarantine and damaged
    ones. `reserved` includes holds that ran out but were not swept; readers take them off.
    `in_transit` are pieces on their way here from other warehouses; new pieces are put away to
    `fixed_bin_id` first.
    """

    __tablename__ = "stock_level"
    __table_args__ = (
        UniqueConstraint("product_id", "warehouse_id"),
        CheckConstraint(f"on_hand BETWEEN 0 AND {MOST}", name="on_hand_is_not_negative"),
        CheckConstraint(f"unsellable BETWEEN 0 AND {MOST}", name="unsellable_is_not_negative"),
        CheckConstraint("reserved BETWEEN 0 AND on_hand", name="reserved_is_on_hand"),
        CheckConstraint(f"in_transit BETWEEN 0 AND {MOST}", name="in_transit_is_not_negative"),
        CheckConstraint(f"reorder_point BETWEEN 0 AND {MOST}", name="reorder_point_in_range"),
        CheckConstraint(f"max_stock BETWEEN 0 AND {MOST}", name="max_stock_in_range"),
        CheckConstraint(f"safety_stock BETWEEN 0 AND {MOST}", name="safety_stock_in_range"),
        CheckConstraint("reorder_point <= max_stock", name="reorder_point_below_max_stock"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    product_id: int = Field(sa_column=reference("product"))
    warehouse_id: int = Field(sa_column=reference("warehouse", index=True))
    on_hand: int = Field(default=0, sa_column=whole(0))
    unsellable: int = Field(default=0, sa_column=whole(0))
    reserved: int = Field(default=0, sa_column=whole(0))
    in_transit: int = Field(default=0, sa_column=whole(0))
    reorder_point: int | None = Field(default=None, sa_column=whole(optional=True))
    max_stock: int | None = Field(default=None, sa_column=whole(optional=True))
    safety_stock: int | None = Field(default=None, sa_column=whole(optional=True))
    version: int = Field(default=0, sa_column=whole(0))
    head_seq: int = Field(default=0, sa_column=whole(0))
    head_hash: bytes = Field(default=b"", sa_column=digest())
    updated_at: int = Field(sa_column=whole())
    fixed_bin_id: int | None = Field(default=None, sa_column=reference("bin", optional=True))


class BinLevel(SQLModel, table=True):
    """How much of a level lies in one bin, lot by lot; the empty lot is of pieces without one."""

    __tablename__ = "bin_level"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 0 AND {MOST}", name="bin_is_not_negative"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    level_id: int = Field(sa_column=Column(Whole, ForeignKey("stock_level.id"), primary_key=True))
    bin_id: int = Field(sa_column=Column(Whole, ForeignKey("bin.id"), primary_key=True, index=True))
    lot: str = Field(default="", sa_column=Column(Words, primary_key=True))
    quantity: int = Field(sa_column=whole())


class Movement(SQLModel, table=True):
    """THE ledger: one row per change of one level, never changed, never removed.

    `from_bin` and `to_bin` are bin codes, or a virtual end in lower case: supplier, customer,
    transit, adjustment; both are empty where only a promise moved. `reverses` is the `level_seq`
    of the movement that this one undoes, 0 for none.
    """

    __tablename__ = "movement"
    __table_args__ = (
        UniqueConstraint("level_id", "level_seq"),
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="movement_moves_something"),
        CheckConstraint("level_seq >= 1", name="level_seq_counts_from_1"),
        CheckConstraint("on_hand_change IN (0, quantity, -quantity)", name="on_hand_change_fits"),
        CheckConstraint("reserved_change IN (0, quantity, -quantity)", name="reserved_change_fits"),
        CheckConstraint("reserved BETWEEN 0 AND on_hand", name="movement_result_is_possible"),
        CheckConstraint("kind <> 'adjust' OR reason <> ''", name="adjustment_has_a_reason"),
        CheckConstraint("reverses BETWEEN 0 AND level_seq - 1", name="reverses_an_earlier_one"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    level_id: int = Field(sa_column=reference("stock_level"))
    level_seq: int = Field(sa_column=whole())
    kind: str = Field(sa_column=words())
    reason: str = Field(sa_column=words())
    quantity: int = Field(sa_column=whole())
    from_bin: str = Field(sa_column=words())
    to_bin: str = Field(sa_column=words())
    on_hand_change: int = Field(sa_column=whole())
    reserved_change: int = Field(sa_column=whole())
    on_hand: int = Field(sa_column=whole())
    reserved: int = Field(sa_column=whole())
    document: str = Field(sa_column=words())
    actor: str = Field(sa_column=words())
    command_id: int = Field(sa_column=reference("command_log"))
    occurred_at: int = Field(sa_column=whole())
    recorded_at: int = Field(sa_column=whole())
    reverses: int = Field(default=0, sa_column=whole(0))
    previous_hash: bytes = Field(sa_column=digest())
    hash: bytes = Field(sa_column=digest())
    xid: int = Field(default=0, sa_column=transaction())
    lot: str = Field(default="", sa_column=later_words())


class Reservation(SQLModel, table=True):
    """A caller's promise, under the caller's own id. `terms` is what was asked, as JSON.

    `low_priority` is what its channel was when it was made, `owner` the actor who made it.
    """

    __tablename__ = "reservation"
    __table_args__ = (
        CheckConstraint(
            "status IN ('held', 'committed', 'released', 'expired')", name="status_is_one_of_four"
        ),
        UniqueConstraint("id", "expires_at"),
        CheckConstraint("low_priority IN (0, 1)", name="reservation_is_low_or_not"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    id: str = Field(sa_column=Column(Words, primary_key=True))
    status: str = Field(sa_column=words())
    terms: str = Field(sa_column=words())
    expires_at: int = Field(sa_column=whole())
    command_id: int = Field(sa_column=reference("command_log", index=True))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())
    channel: str = Field(default="", sa_column=later_words())
    low_priority: int = Field(default=0, sa_column=flag())
    owner: str = Field(default="", sa_column=later_words())


class ReservationLine(SQLModel, table=True):
    """What a reservation wants of one level, in pieces; the four parts are all of it.

    `expires_at` is the reservation's own, kept equal by the foreign key, so that a level finds
    what ran out without visiting every reservation.
    """

    __tablename__ = "reservation_line"
    __table_args__ = (
        CheckConstraint(
            "quantity = held + backordered + committed + released", name="line_parts_add_up"
        ),
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="line_wants_something"),
        CheckConstraint("held >= 0", name="held_is_not_negative"),
        CheckConstraint("backordered >= 0", name="backordered_is_not_negative"),
        CheckConstraint("committed >= 0", name="committed_is_not_negative"),
        CheckConstraint("released >= 0", name="released_is_not_negative"),
        ForeignKeyConstraint(
            ["reservation_id", "expires_at"],
            ["reservation.id", "reservation.expires_at"],
            onupdate="CASCADE",
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    reservation_id: str = Field(sa_column=Column(Words, primary_key=True))
    level_id: int = Field(sa_column=Column(Whole, ForeignKey("stock_level.id"), primary_key=True))
    quantity: int = Field(sa_column=whole())
    held: int = Field(default=0, sa_column=whole(0))
    backordered: int = Field(default=0, sa_column=whole(0))
    committed: int = Field(default=0, sa_column=whole(0))
    released: int = Field(default=0, sa_column=whole(0))
    expires_at: int = Field(sa_column=whole())
