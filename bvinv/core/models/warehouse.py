"""Where goods can be: warehouses and their bins."""

from typing import ClassVar

from bvinv.core.models.base import Instant, Row

# What lies in a bin of these kinds can be promised; what lies in the others is `unsellable`.
SELLABLE = frozenset({"storage", "dock", "staging"})
SELLABLE_KINDS = "('dock', 'staging', 'storage')"  # the same, for SQL
KINDS = ("storage", "dock", "staging", "quarantine", "damaged")
# The two bins that every warehouse is born with: goods arrive at one and live in the other.
DOCK, SHELF = "DOCK", "SHELF"


class WarehouseRow(Row):
    """A warehouse and what stands in it, in pieces."""

    columns: ClassVar[tuple[str, ...]] = ("code", "name", "priority", "bins", "skus", "on_hand")

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
