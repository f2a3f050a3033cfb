"""Events as CloudEvents, and the webhooks that they are sent to."""

from typing import Any, ClassVar, Literal

from bvinv.core.models.base import Instant, Row


class EventRow(Row):
    """What happened, as CloudEvents 1.0 has it; `id` goes on as the cursor of the feed.

    `sequence` is the id once more, with zeros in front so that texts sort like numbers
    (CloudEvents, extension "Sequence").
    """

    columns: ClassVar[tuple[str, ...]] = ("id", "time", "type", "subject", "actor", "data")

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: Literal["/bvinv"] = "/bvinv"
    type: str
    subject: str
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    actor: str
    sequence: str
    data: dict[str, Any]


class WebhookRow(Row):
    """A URL that is told what happens. No types means all of them, no SKU every product.

    `position` is the last event that was looked at for it.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("id", "url", "types", "sku", "position", "pending", "dead", "created_by", "created_at"),
        "removed_at",
    )

    id: int
    url: str
    types: tuple[str, ...]
    sku: str | None
    position: int
    pending: int
    dead: int
    created_by: str
    created_at: Instant
    removed_at: Instant | None

    def summary(self) -> dict[str, Any]:
        """Return the line about it: what it is told, what waits for it, what was given up."""
        record = self.record()
        shown = ("id", "url", "types", "sku", "pending", "dead")
        return {name: record[name] for name in shown}


class DeliveryRow(Row):
    """An event on its way to a webhook. `status` is the last answer's, `detail` what was wrong.

    `next_at` is when it is tried again, while it is pending.
    """

    # Those that fit a terminal; when it is tried again is for programs.
    columns = ("event", "type", "subject", "state", "attempts", "detail")

    webhook: int
    event: int
    type: str
    subject: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    status: int | None
    detail: str
    next_at: Instant | None
    updated_at: Instant


class RoundRow(Row):
    """What became of what was sent: delivered, to be tried again, given up. `due` is left."""

    delivered: int
    failed: int
    dead: int
    due: int


class PingRow(Row):
    """What a webhook answered to a ping."""

    webhook: int
    url: str
    event: int
    delivered: bool
    status: int | None
    detail: str


class RedeliveryRow(Row):
    """How many events will be sent to a webhook once more."""

    webhook: int
    deliveries: int
