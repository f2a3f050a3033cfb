"""How much there is, and the ledger that says why."""

from typing import Annotated, ClassVar

from pydantic import PlainSerializer
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bvinv.core.models.base import (
    MOST,
    Instant,
    Row,
    Whole,
    digest,
    key,
    reference,
    whole,
    words,
)


class StockLevel(SQLModel, table=True):
    """One SKU in one warehouse. `on_hand` and `reserved` are written by the ledger only.

    `on_hand` counts the pieces in sellable bins, `unsellable` those in quarantine and damaged
    ones. `reserved` includes holds that ran out but were not swept; readers take them off.
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


class BinLevel(SQLModel, table=True):
    """How much of a level lies in one bin."""

    __tablename__ = "bin_level"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 0 AND {MOST}", name="bin_is_not_negative"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    level_id: int = Field(sa_column=Column(Whole, ForeignKey("stock_level.id"), primary_key=True))
    bin_id: int = Field(sa_column=Column(Whole, ForeignKey("bin.id"), primary_key=True, index=True))
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
        Index(
            "movement_is_reversed_once",
            "level_id",
            "reverses",
            unique=True,
            sqlite_where=text("reverses > 0"),
            postgresql_where=text("reverses > 0"),
        ),
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


class LevelRow(Row):
    """A level as both doors show it, in pieces; what ran out counts as free.

    As of a past instant, what the ledger does not record is None.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "sku",
        "warehouse",
        "on_hand",
        "reserved",
        "available",
        "backordered",
        "reorder_point",
    )

    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    available: int
    backordered: int | None
    in_transit: int | None
    on_order: int | None
    reorder_point: int | None
    max_stock: int | None
    safety_stock: int | None
    version: int
    updated_at: Instant | None
    unsellable: int | None = 0


Empty = Annotated[str, PlainSerializer(lambda value: value or None, when_used="json")]


class MovementRow(Row):
    """A movement as both doors show it. `hash` is 64 hexadecimal digits."""

    columns: ClassVar[tuple[str, ...]] = (
        "id",
        "recorded_at",
        "warehouse",
        "kind",
        "quantity",
        "from_bin",
        "to_bin",
        "on_hand",
        "reserved",
        "document",
    )

    id: int
    level_seq: int
    sku: str
    warehouse: str
    kind: str
    reason: Empty
    quantity: int
    from_bin: Empty
    to_bin: Empty
    on_hand_change: int
    reserved_change: int
    on_hand: int
    reserved: int
    document: Empty
    actor: str
    occurred_at: Instant
    recorded_at: Instant
    hash: str
    reverses: int = 0


class LevelChange(Row):
    """What one command did to one level: the counts before and after."""

    sku: str
    warehouse: str
    on_hand_before: int
    on_hand: int
    reserved_before: int
    reserved: int
