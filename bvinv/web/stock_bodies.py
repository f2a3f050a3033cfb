"""What changes of stock say in their bodies, one by one and in a batch."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from bvinv.core import batches
from bvinv.core.adjustments import Adjustment
from bvinv.core.errors import InvalidInput
from bvinv.web import bodies
from bvinv.web.bodies import (
    Body,
    Code,
    Day,
    Lines,
    Note,
    Pieces,
    Quantity,
    Reservation,
)
from bvinv.web.bodies import Change as Difference


class Adjust(Body):
    """A level that is wrong: by `change` pieces, or it has to be `to` where `expect` stood."""

    sku: Code
    warehouse: Code
    change: Difference | None = None
    to: Pieces | None = None
    expect: Pieces | None = None
    reason: Code
    bin: Code | None = None
    note: Note = ""
    break_: Literal["newest"] | None = Field(
        default=None, alias="break", description="Turn the newest holds into backorders."
    )
    lot: Code | None = None
    expires_on: Day | None = None

    def asked(self) -> Adjustment:
        """Return it as core takes it. Raises InvalidInput."""
        return Adjustment(
            ref=self.sku,
            warehouse=self.warehouse,
            reason=self.reason,
            change=self.change,
            to=self.to,
            expect=self.expect,
            bin=self.bin,
            note=self.note,
            break_newest=self.break_ is not None,
            lot=self.lot,
            expires_on=bodies.day(self.expires_on),
        )


class ReceiveBlind(Body):
    """Goods that came, one product; to the dock, unless a bin is named."""

    sku: Code
    quantity: Quantity
    warehouse: Code
    bin: Code | None = None
    supplier: Code | None = None
    document: Code | None = None
    lot: Code | None = None
    expires_on: Day | None = None

    def asked(self) -> batches.Receipt:
        """Return it as core takes it. Raises InvalidInput."""
        return batches.Receipt(
            ref=self.sku,
            quantity=self.quantity,
            warehouse=self.warehouse,
            bin=self.bin,
            supplier=self.supplier or "",
            document=self.document or "",
            lot=self.lot or "",
            expires_on=bodies.day(self.expires_on),
        )


class Delivery(Body):
    """What came for an order: these `lines`, or `all` that is outstanding."""

    lines: Lines | None = None
    all: bool = False
    document: Code | None = None
    warehouse: Code | None = None
    bin: Code | None = None
    lot: Code | None = None
    expires_on: Day | None = None

    @model_validator(mode="after")
    def is_clear(self) -> Self:
        """Refuse what could be read in two ways."""
        if (self.lines is None) != self.all:
            raise ValueError("say lines, or all")
        return self


class ReceiveOrder(Delivery):
    """What came for the order that is named."""

    order: Code


def _what_came(said: Any) -> str:
    """Return which of the two a body is: it names an order or not."""
    return "order" if isinstance(said, dict) and "order" in said else "blind"


Received = Annotated[
    Annotated[ReceiveOrder, Tag("order")] | Annotated[ReceiveBlind, Tag("blind")],
    Discriminator(_what_came),
]


class PutAway(Body):
    """Pieces (all that lie there, if nothing is said) that go from one bin to another, the proposed
    one unless it is named."""

    sku: Code
    warehouse: Code
    quantity: Quantity | None = None
    from_: Code = Field(default="DOCK", alias="from")
    to: Code | None = None
    lot: Code | None = None
    over_capacity: bool = False

    def asked(self) -> batches.PutAway:
        """Return it as core takes it."""
        return batches.PutAway(
            ref=self.sku,
            warehouse=self.warehouse,
            quantity=self.quantity,
            origin=self.from_,
            target=self.to,
            lot=self.lot,
            over_capacity=self.over_capacity,
        )


class Configure(Body):
    """What a level is kept at; null takes a setting away."""

    sku: Code
    warehouse: Code
    reorder_point: Pieces | None = None
    max_stock: Pieces | None = None
    safety_stock: Pieces | None = None
    fixed_bin: Code | None = None

    def asked(self) -> batches.Configuration:
        """Return it as core takes it; what is not said stays."""
        said = self.model_fields_set
        names = ("reorder_point", "max_stock", "safety_stock")
        return batches.Configuration(
            ref=self.sku,
            warehouse=self.warehouse,
            settings={name: getattr(self, name) for name in names if name in said},
            fixed_bin=(self.fixed_bin or "") if "fixed_bin" in said else None,
        )


class Transfer(Body):
    """Goods that go to another warehouse: a draft, or with `ship` they leave at once."""

    from_: Code = Field(alias="from")
    to: Code
    lines: Lines
    note: Note = ""
    ship: bool = False


class AdjustChange(Adjust):
    """An adjustment."""

    op: Literal["adjust"]


class ReceiveChange(ReceiveBlind):
    """Goods that came without an order."""

    op: Literal["receive"]


class PutAwayChange(PutAway):
    """Pieces that go to their bin."""

    op: Literal["put-away"]


class ConfigureChange(Configure):
    """Settings of a level."""

    op: Literal["configure"]


class ReserveChange(Reservation):
    """Goods that are set aside."""

    op: Literal["reserve"]

    def asked(self) -> batches.Change:
        """Return it as core takes it. Raises InvalidInput."""
        return self.request()


class ReleaseChange(bodies.Release):
    """A reservation that is given back."""

    op: Literal["release"]

    def asked(self) -> batches.Change:
        """Return it as core takes it."""
        return batches.Release(self.reservation_id)


class CommitChange(bodies.Commitment):
    """A reservation whose goods leave."""

    op: Literal["commit"]

    def asked(self) -> batches.Change:
        """Return it as core takes it."""
        return batches.Commitment(self.reservation_id, self.pairs(), self.close)


class ExtendChange(bodies.Extension):
    """A reservation that lasts longer."""

    op: Literal["extend"]

    def asked(self) -> batches.Change:
        """Return it as core takes it. Raises InvalidInput."""
        return batches.Extension(
            self.reservation_id,
            bodies.microseconds(self.ttl_seconds),
            bodies.instant(self.expires_at),
        )


Change = Annotated[
    AdjustChange
    | ReceiveChange
    | PutAwayChange
    | ConfigureChange
    | ReserveChange
    | ReleaseChange
    | CommitChange
    | ExtendChange,
    Field(discriminator="op"),
]


class TransferArrival(Body):
    """What arrives of a transfer: these lines, or all that is in transit."""

    lines: Lines | None = None
    bin: Code | None = None
    lot: Code | None = None


class TransferEnd(Body):
    """What became of the pieces that are still in transit: all of them have to be named."""

    lost: Lines | None = None
    returned: Lines | None = None
    rest: Literal["lost", "returned"] | None = None
    bin: Code | None = None


class Batch(Body):
    """Changes that are made together, in this order: all of them, or none."""

    changes: Annotated[list[Change], Field(min_length=1, max_length=batches.MOST)]

    def asked(self) -> list[batches.Change]:
        """Return them as core takes them. Raises InvalidInput, which says which one it is about."""
        asked: list[batches.Change] = []
        try:
            for change in self.changes:
                asked.append(change.asked())  # noqa: PERF401  # to know how far it came
        except InvalidInput as error:
            batches.say_which(error, len(asked))
            raise
        return asked

    def said(self) -> dict[str, Any]:
        """Return what was said; here null is not the same as nothing, see `Configure`."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


class Skus(Body):
    """Products that are asked about at once: SKUs, ISBNs or barcodes."""

    skus: Annotated[list[Code], Field(min_length=1, max_length=1000)]
