"""What a product costs, has cost, and might cost soon. Prices are decimal strings."""

from typing import ClassVar, Literal

from bvinv.core.models.base import Instant, Row

State = Literal["applied", "requested", "approved", "rejected", "superseded"]


class PriceRequestRow(Row):
    """A price that waits for somebody's decision; a null price takes it away."""

    id: int
    price: str | None
    currency: str | None
    requested_by: str
    requested_at: Instant


class PriceHistoryRow(Row):
    """A price that was changed, or asked for, and what became of that; it counts, if at all, from
    `decided_at`."""

    id: int
    state: State
    old_price: str | None
    old_currency: str | None
    price: str | None
    currency: str | None
    requested_by: str
    requested_at: Instant
    decided_by: str | None
    decided_at: Instant | None
    reason: str | None


class PriceChangeRow(PriceHistoryRow):
    """The same, of any product.

    `stale` is a request whose product has another price now than when it was made: it cannot be
    approved. `age` is how long it waits, or waited: `3d4h`.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "id",
        "sku",
        "old_price",
        "price",
        "currency",
        "state",
        "stale",
        "requested_by",
        "age",
    )

    sku: str
    stale: bool
    age: str


class PriceRow(Row):
    """A product's price, the request that is open, and its changes, the newest first."""

    # The open request stands at the top of the history.
    columns: ClassVar[tuple[str, ...]] = ("sku", "status", "price", "currency", "history")

    sku: str
    status: str
    price: str | None
    currency: str | None
    price_request: PriceRequestRow | None
    history: list[PriceHistoryRow]


class PriceOnRow(Row):
    """What a product cost at an instant, and since when it did."""

    sku: str
    at: Instant
    price: str | None
    currency: str | None
    since: Instant
