"""Transfers: goods on their way between two warehouses."""

from typing import Any, ClassVar

from bvinv.core import instants
from bvinv.core.models.base import Instant, Row
from bvinv.core.models.stock import Empty

STATUSES = ("draft", "shipped", "partly-received", "closed", "cancelled")
OPEN = ("draft", "shipped", "partly-received")
# The lines that are still on their way. Written once: a partial index serves a query only when the
# query says the same words.
IN_TRANSIT = "shipped > received + lost + returned"


class TransferLineRow(Row):
    """Pieces of one product, once shipped of one lot: what was asked for and what became of it."""

    sku: str
    lot: Empty
    quantity: int
    shipped: int
    received: int
    lost: int
    returned: int
    in_transit: int


class TransferRow(Row):
    """A transfer as both doors, and both warehouses, see it."""

    columns: ClassVar[tuple[str, ...]] = (
        "transfer",
        "status",
        "from_warehouse",
        "to_warehouse",
        "lines",
    )

    transfer: str
    status: str
    from_warehouse: str
    to_warehouse: str
    lines: list[TransferLineRow]
    note: Empty
    created_at: Instant
    shipped_at: Instant | None
    closed_at: Instant | None
    updated_at: Instant

    def summary(self) -> dict[str, Any]:
        """Return one line about it for a list that people read, in pieces."""
        return {
            "transfer": self.transfer,
            "status": self.status,
            "from": self.from_warehouse,
            "to": self.to_warehouse,
            "lines": len({line.sku for line in self.lines}),
            "pieces": sum(line.quantity for line in self.lines),
            "in_transit": sum(line.in_transit for line in self.lines),
            "created_at": instants.display(self.created_at),
        }


class TransferScanRow(Row):
    """What one scan did to a transfer: `quantity` pieces were added to a draft, or arrived.

    `asked`, `shipped`, `received` and `in_transit` are about the product; `left` pieces of the
    whole transfer are still on their way. `level_id` and `level_seq` name the last movement that
    it made, both 0 for a draft.
    """

    transfer: str
    sku: str
    warehouse: str
    quantity: int
    bin: Empty
    asked: int
    shipped: int
    received: int
    in_transit: int
    left: int
    level_id: int = 0
    level_seq: int = 0


class ReversalRow(Row):
    """A movement that undoes another one, `undoes` by its id."""

    id: int
    undoes: int
    sku: str
    lot: Empty
    warehouse: str
    kind: str
    quantity: int
    from_bin: Empty
    to_bin: Empty
    on_hand: int


class UndoneRow(Row):
    """What an undo did to a document: the step, the status after it, and the reversals."""

    columns: ClassVar[tuple[str, ...]] = ("undone", "step", "status", "movements")

    undone: str
    step: str
    status: Empty
    movements: list[ReversalRow]
