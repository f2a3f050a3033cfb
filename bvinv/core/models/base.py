"""What every row is made of."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

from bvinv.core import dates, instants

MOST = 10**12  # pieces; the largest quantity that any column takes

Instant = Annotated[int, PlainSerializer(instants.display, return_type=str, when_used="json")]
# A day as in `dates`, or none.
Day = Annotated[
    int | None,
    PlainSerializer(
        lambda value: None if value is None else dates.display(value),
        return_type=str | None,
        when_used="json",
    ),
]


class Row(BaseModel):
    """An answer: frozen, and the same to the command line and to HTTP."""

    model_config = ConfigDict(frozen=True)
    # What people get to see of it; all of it where nothing is said.
    columns: ClassVar[tuple[str, ...]] = ()

    def record(self) -> dict[str, Any]:
        """Return the JSON object that both doors print."""
        return self.model_dump(mode="json")

    def summary(self) -> dict[str, Any]:
        """Return the line about it in a list that people read."""
        record = self.record()
        return {name: record[name] for name in self.columns or record}
