"""What changes say in their bodies: strict types, and no field that is not known."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bvinv.core import dates, instants
from bvinv.core.errors import InvalidInput
from bvinv.core.models.base import MOST
from bvinv.core.requests import DEFAULT_TTL, LONGEST, Request
from bvinv.core.requests import Line as RequestLine

# An instant says where it counts from: what the server calls local is nobody else's business.
TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
Code = Annotated[str, Field(min_length=1, max_length=100, examples=["HX-1"])]
Quantity = Annotated[int, Field(ge=1, le=10**9, examples=[2])]
Pieces = Annotated[int, Field(ge=0, le=10**9)]
Change = Annotated[int, Field(ge=-(10**9), le=10**9)]
ReservationId = Annotated[str, Field(min_length=1, max_length=128, examples=["SO-1001"])]
Seconds = Annotated[int, Field(ge=1, le=LONGEST // 1_000_000, examples=[900])]
Time = Annotated[
    str,
    Field(
        min_length=10,
        max_length=40,
        pattern=TIME,
        examples=["2030-01-01T00:00:00Z"],
        description="RFC 3339, with its offset from UTC.",
    ),
]

assert MOST >= 10**9


class Body(BaseModel):
    """A body: types are exact, unknown names are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    def said(self) -> dict[str, Any]:
        """Return what was said, for the hash that an idempotency key is bound to."""
        return self.model_dump(mode="json", exclude_defaults=True, by_alias=True)


Note = Annotated[str, Field(max_length=500)]
Day = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        examples=["2030-01-31"],
        description="The last good day of a new lot.",
    ),
]


class Line(Body):
    """Pieces of a product."""

    sku: Code
    quantity: Quantity


Lines = Annotated[list[Line], Field(min_length=1, max_length=1000)]


def pairs(lines: Sequence[Line] | None) -> list[tuple[str, int]]:
    """Return lines as core takes them."""
    return [(line.sku, line.quantity) for line in lines or ()]


class ReservationLine(Body):
    """Pieces of a product, from wherever they lie unless a warehouse is named."""

    sku: Code
    quantity: Quantity
    warehouse: Code | None = None


class Terms(Body):
    """What holds for all lines of a reservation."""

    reservation_id: ReservationId
    warehouse: Code | None = None
    ttl_seconds: Seconds | None = None
    expires_at: Time | None = None
    strategy: str | None = Field(
        default=None,
        description="priority, most-stock or fewest-splits",
        min_length=1,
        max_length=20,
    )
    backorder: bool = False
    channel: Code | None = None

    @model_validator(mode="after")
    def ends_once(self) -> Self:
        """Refuse two ends."""
        refuse_two_ends(self.ttl_seconds, self.expires_at)
        return self

    def request_of(self, lines: Sequence[ReservationLine]) -> Request:
        """Return the reservation of these lines. Raises InvalidInput."""
        everywhere = {line.warehouse or self.warehouse for line in lines} == {None}
        if self.strategy is not None and not everywhere:
            raise InvalidInput("name the warehouse or a strategy, not both")
        return Request(
            reservation_id=self.reservation_id,
            lines=[
                RequestLine(one.sku, one.quantity, one.warehouse or self.warehouse) for one in lines
            ],
            strategy=self.strategy or "priority",
            ttl=microseconds(self.ttl_seconds) or DEFAULT_TTL,
            expires_at=instant(self.expires_at),
            backorder=self.backorder,
            channel=self.channel or "",
        )


class Reservation(Terms):
    """What is to be set aside: `lines`, or `sku` and `quantity` for one."""

    lines: Annotated[list[ReservationLine], Field(min_length=1, max_length=1000)] | None = None
    sku: Code | None = None
    quantity: Quantity | None = None

    @model_validator(mode="after")
    def is_clear(self) -> Self:
        """Refuse what could be read in two ways."""
        if (self.lines is None) == (self.sku is None or self.quantity is None):
            raise ValueError("say lines, or sku and quantity")
        if self.lines is not None and (self.sku or self.quantity or self.warehouse):
            raise ValueError("say lines, or sku and quantity, not both")
        return self

    def request(self) -> Request:
        """Return the reservation that is asked for. Raises InvalidInput."""
        if self.lines is not None:
            return self.request_of(self.lines)
        assert self.sku is not None and self.quantity is not None
        return self.request_of(
            [ReservationLine.model_construct(sku=self.sku, quantity=self.quantity)]
        )


class ReservationOfOne(Terms):
    """How much of the product of the path is to be set aside."""

    quantity: Quantity

    def request(self, ref: str) -> Request:
        """Return the reservation of this product. Raises InvalidInput."""
        line = ReservationLine.model_construct(sku=ref, quantity=self.quantity)
        return self.request_of([line])


class Release(Body):
    """Which reservation is given back."""

    reservation_id: ReservationId


class Commitment(Body):
    """Which reservation's goods leave: all of them, these `lines`, or `sku` and `quantity` for one;
    `close` releases the rest."""

    reservation_id: ReservationId
    lines: Lines | None = None
    sku: Code | None = None
    quantity: Quantity | None = None
    close: bool = False

    @model_validator(mode="after")
    def is_clear(self) -> Self:
        """Refuse what could be read in two ways."""
        one = self.sku is not None
        if one != (self.quantity is not None) or (one and self.lines is not None):
            raise ValueError("say lines, or sku and quantity, or neither for all")
        return self

    def pairs(self) -> list[tuple[str, int]]:
        """Return the lines as core takes them; none are all."""
        if self.sku is not None and self.quantity is not None:
            return [(self.sku, self.quantity)]
        return pairs(self.lines)


class Extension(Body):
    """How long a reservation lasts from now; 15 minutes if nothing is said."""

    reservation_id: ReservationId
    ttl_seconds: Seconds | None = None
    expires_at: Time | None = None

    @model_validator(mode="after")
    def ends_once(self) -> Self:
        """Refuse two ends."""
        refuse_two_ends(self.ttl_seconds, self.expires_at)
        return self


def refuse_two_ends(ttl_seconds: int | None, expires_at: str | None) -> None:
    """Raise ValueError where both say when a reservation ends."""
    if ttl_seconds is not None and expires_at is not None:
        raise ValueError("say ttl_seconds or expires_at, not both")


def instant(said: str | None) -> int | None:
    """Return an instant as core takes it. Raises InvalidInput for one that no clock shows."""
    return None if said is None else instants.parse(said)


def day(said: str | None) -> int | None:
    """Return a day as core takes it. Raises InvalidInput for one that no calendar has."""
    return None if said is None else dates.day(said)


def microseconds(seconds: int | None) -> int | None:
    """Return a duration as core takes it."""
    return None if seconds is None else seconds * 1_000_000
