"""Where goods can be: warehouses and their bins."""

from typing import ClassVar

from bvinv.core.models.base import Day, Instant, Row

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
    """A bin and what lies in it, in pieces, as all of `capacity` is (None: no limit).

    Pickers walk by `pick_sequence`; bins without one come last.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("warehouse", "bin", "kind", "skus", "quantity", "capacity", "pick_sequence"),
    )

    warehouse: str
    bin: str
    kind: str
    skus: int
    quantity: int
    pick_sequence: int | None = None
    capacity: int | None = None


class ContentRow(Row):
    """Pieces of one product, and of one lot where it has lots, in a bin."""

    sku: str
    lot: str | None
    expires_on: Day
    expired: bool
    quantity: int


class BinDetails(BinRow):
    """A bin, what lies in it, and the pieces that still fit; negative where it is overfull."""

    columns: ClassVar[tuple[str, ...]] = (*BinRow.columns, "room", "contents")

    room: int | None
    contents: list[ContentRow]


class ProposalRow(Row):
    """Where so many pieces would go, and why: `fixed` for its own bin, `lies-there` already, an
    `empty` one, or `none` that has the room."""

    columns: ClassVar[tuple[str, ...]] = ("sku", "warehouse", "quantity", "bin", "why", "room")

    sku: str
    warehouse: str
    quantity: int
    bin: str | None
    why: str
    lying: int
    capacity: int | None
    room: int | None


class LotRow(Row):
    """The pieces of a lot in one warehouse; it is good until its last day has ended (UTC)."""

    sku: str
    warehouse: str
    lot: str
    expires_on: Day
    quantity: int
    expired: bool
