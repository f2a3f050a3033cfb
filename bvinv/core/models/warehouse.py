"""Where goods can be: warehouses and their bins."""

from typing import ClassVar

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from bvinv.core.models.base import Instant, Row, key, reference, whole, words

# What lies in a bin of these kinds can be promised; what lies in the others is `unsellable`.
SELLABLE = frozenset({"storage", "dock", "staging"})
KINDS = ("storage", "dock", "staging", "quarantine", "damaged")
# The two bins that every warehouse is born with: goods arrive at one and live in the other.
DOCK, SHELF = "DOCK", "SHELF"


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
    """A place in a warehouse. Its kind never changes, so that the ledger stays readable."""

    __tablename__ = "bin"
    __table_args__ = (
        UniqueConstraint("warehouse_id", "code"),
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


class WarehouseRow(Row):
    """A warehouse and what stands in it, in pieces."""

    code: str
    name: str
    priority: int
    bins: int
    skus: int
    on_hand: int
    created_at: Instant


class BinRow(Row):
    """A bin and what lies in it, in pieces."""

    columns: ClassVar[tuple[str, ...]] = ("warehouse", "bin", "kind", "skus", "quantity")

    warehouse: str
    bin: str
    kind: str
    skus: int
    quantity: int
