"""Why stock is adjusted."""

from bvinv.core.models.base import Row


class ReasonRow(Row):
    """A reason; `corrects` says that the record was wrong and no goods moved."""

    code: str
    name: str
    corrects: bool
    active: bool
