"""Demand that is known beforehand, and what it was."""

from typing import Any, ClassVar

from bvinv.core.models.base import Day, Instant, Row


class CalendarRow(Row):
    """Days that are not like others, the first and the last included. `percent` is how much of the
    usual is sold then; a mask has none and says that these days tell nothing. `sku`, `category`
    and `warehouse` are null where it counts for all."""

    columns: ClassVar[tuple[str, ...]] = (
        "id",
        "name",
        "kind",
        "begins_on",
        "ends_on",
        "percent",
        "sku",
        "category",
        "warehouse",
    )

    def summary(self) -> dict[str, Any]:
        """Return the line about it in a list that people read on 80 columns."""
        record = self.record()
        scope = self.sku or (f"category {self.category}" if self.category else "all")
        what = "mask" if self.percent is None else f"{self.percent}%"
        return {
            "id": self.id,
            "name": self.name,
            "begins_on": record["begins_on"],
            "ends_on": record["ends_on"],
            "demand": what if self.removed_at is None else f"{what}, removed",
            "of": f"{scope} at {self.warehouse}" if self.warehouse else scope,
        }

    id: int
    name: str
    kind: str
    begins_on: Day
    ends_on: Day
    percent: int | None
    sku: str | None
    category: str | None
    warehouse: str | None
    created_at: Instant
    removed_at: Instant | None
