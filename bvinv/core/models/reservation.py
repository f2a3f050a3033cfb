"""Promises on stock: a reservation and its lines."""

from typing import Any, ClassVar

from bvinv.core import instants
from bvinv.core.models.base import Instant, Row

STATUSES = ("held", "committed", "released", "expired")
# The lines that still hold or wait for something. Written once: a partial index serves a query
# only when the query says the same words.
OPEN = "held + backordered > 0"


class LineRow(Row):
    """A line as both doors show it."""

    sku: str
    warehouse: str
    quantity: int
    held: int
    backordered: int
    committed: int
    released: int


class ReservationRow(Row):
    """A reservation as both doors show it; `status` is true at the moment of reading."""

    columns: ClassVar[tuple[str, ...]] = ("reservation_id", "status", "expires_at", "lines")

    reservation_id: str
    status: str
    expires_at: Instant
    lines: list[LineRow]
    created_at: Instant
    replayed: bool = False
    channel: str | None = None

    def summary(self) -> dict[str, Any]:
        """Return one line about it for a list that people read."""
        lines = ", ".join(f"{line.sku}={line.quantity} {line.warehouse}" for line in self.lines)
        return {
            "reservation_id": self.reservation_id,
            "status": self.status,
            "expires_at": instants.display(self.expires_at),
            "lines": lines,
        }
