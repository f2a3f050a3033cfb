"""How much there is, and the ledger that says why."""

from typing import Annotated, Any, ClassVar

from pydantic import PlainSerializer

from bvinv.core import instants
from bvinv.core.models.base import Instant, Row


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
    expired: int | None = 0
    fixed_bin: str | None = None


class StockRow(Row):
    """A product's levels, and what they come to, in pieces; None like in the levels."""

    sku: str
    on_hand: int
    reserved: int
    available: int
    backordered: int | None
    in_transit: int | None
    on_order: int | None
    levels: list[LevelRow]


class PutAwayRow(LevelRow):
    """A level after pieces of it were put away: from where to where, and what was proposed, if they
    went to a storage bin."""

    columns: ClassVar[tuple[str, ...]] = (
        *("sku", "warehouse", "quantity", "from_bin", "to_bin", "proposed", "why"),
        *("on_hand", "available"),
    )

    quantity: int
    from_bin: str
    to_bin: str
    proposed: str | None
    why: str | None


# The movements that people ask the way of: inside the warehouse, or to and from another one.
ROUTED = frozenset({"move", "pick", "unpick", "send", "arrive", "send-back"})
Empty = Annotated[
    str,
    PlainSerializer(lambda value: value or None, return_type=str | None, when_used="json"),
]


class MovementRow(Row):
    """A movement as both doors show it. `hash` is 64 hexadecimal digits."""

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
    lot: Empty = ""

    def summary(self) -> dict[str, Any]:
        """Return one line about it for a list that people read; the counts are the results."""
        # Where goods came from or went to; their other end is outside the warehouse.
        route = f"{self.from_bin} to {self.to_bin}" if self.kind in ROUTED else ""
        return {
            "id": self.id,
            "recorded_at": instants.display(self.recorded_at),
            "warehouse": self.warehouse,
            "kind": self.kind,
            "quantity": self.on_hand_change or self.quantity,
            "on_hand": self.on_hand,
            "reserved": self.reserved,
            "about": " ".join(
                part
                for part in ("undo" if self.reverses else "", self.reason, route, self.document)
                if part
            ),
        }


class LevelChange(Row):
    """What one command did to one level: the counts before and after."""

    sku: str
    warehouse: str
    on_hand_before: int
    on_hand: int
    reserved_before: int
    reserved: int
