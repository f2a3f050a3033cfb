"""What an import answers."""

from typing import Any, ClassVar

from pydantic import Field

from bvinv.core.models.base import Instant, Row
from bvinv.core.models.stock import LevelChange


class ImportRow(Row):
    """How many rows a file had and what became of them: the four counts add up to `rows`.

    `errors` are the first rejected rows, at most 20: line, code, field, message. `kind` is what
    the file is; of the updated, `price_requests` wait for somebody to decide about their price.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "rows",
        "created",
        "updated",
        "skipped",
        "rejected",
        "rejects_file",
        "seconds",
    )

    rows: int
    created: int
    updated: int
    skipped: int
    rejected: int
    rejects_file: str | None
    seconds: float
    errors: list[dict[str, Any]] = Field(default_factory=list)
    replayed: bool = False
    kind: str = ""
    price_requests: int = 0
    # What a dry run would have done to the levels; the doors show it in their own way.
    changes: list[LevelChange] = Field(default_factory=list, exclude=True)


class MappingRow(Row):
    """A mapping of columns to fields that is kept under a name."""

    name: str
    mapping: dict[str, str]
    updated_at: Instant
