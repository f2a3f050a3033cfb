"""What customers send back."""

from typing import Any, ClassVar

from pydantic import Field

from bvinv.core.models.base import Instant, Row
from bvinv.core.models.stock import Empty


class ReturnRow(Row):
    """A return in pieces; those `undecided` lie in the `bin`, in quarantine."""

    columns: ClassVar[tuple[str, ...]] = (
        "return",
        "reservation_id",
        "sku",
        "lot",
        "warehouse",
        "bin",
        "reason",
        "quantity",
        "undecided",
        "restocked",
        "damaged",
        "scrapped",
        "sent_back",
        "created_at",
    )

    number: str = Field(serialization_alias="return")
    sku: str
    warehouse: str
    quantity: int
    reason: str
    reservation_id: str | None
    lot: Empty
    bin: str
    undecided: int
    restocked: int
    damaged: int
    scrapped: int
    sent_back: int
    created_at: Instant
    updated_at: Instant

    def record(self) -> dict[str, Any]:
        """Return the JSON object that both doors print."""
        return self.model_dump(mode="json", by_alias=True)

    def summary(self) -> dict[str, Any]:
        """Return the line about it in a list that people read."""
        record = self.record()
        shown = ("return", "sku", "warehouse", "quantity", "undecided", "reason", "reservation_id")
        return {name: record[name] for name in shown}
