"""Picks and packages: what is fetched from where, and in which parcel it leaves."""

from typing import ClassVar

from bvinv.core.models.base import Instant, Row
from bvinv.core.models.reservation import ReservationRow
from bvinv.core.models.stock import Empty

# The picks that are somebody's work. Written once: a partial index serves a query only when the
# query says the same words.
AT_WORK = "status IN ('open', 'picked')"


class PickLineRow(Row):
    """Pieces to fetch from one bin. `packed` includes those `shipped`."""

    pick: str
    warehouse: str
    bin: str
    sku: str
    title: str
    lot: Empty
    quantity: int
    picked: int
    short: int
    packed: int
    shipped: int


class ShortRow(Row):
    """What became of pieces that were not in their bin: they are `elsewhere`, `backordered`, or
    `unsettled`, held but on no list until the bin was counted.

    `adjusted` pieces were taken off the bin's record; `count` is the count that settles it.
    """

    warehouse: str
    bin: str
    sku: str
    short: int
    elsewhere: int
    backordered: int
    unsettled: int
    adjusted: int
    count: str | None


class PickRow(Row):
    """The pick lists of a reservation in walking order, and until when its hold lasts.

    `status` is `open` while something is to be picked, `picked` when nothing is, `closed` when all
    has left.
    """

    columns: ClassVar[tuple[str, ...]] = ("reservation_id", "status", "expires_at", "lines")

    reservation_id: str
    status: str
    expires_at: Instant
    lines: list[PickLineRow]
    shorts: list[ShortRow]


class PackedRow(Row):
    """Pieces of one product, and of one lot where it has lots, in a package."""

    sku: str
    lot: Empty
    quantity: int


class PackageRow(Row):
    """A parcel of one reservation: `packed`, `shipped` or `cancelled`."""

    columns: ClassVar[tuple[str, ...]] = (
        *("package", "reservation_id", "warehouse", "status", "tracking", "pieces", "lines"),
    )

    package: str
    reservation_id: str
    warehouse: str | None
    status: str
    tracking: Empty
    pieces: int
    lines: list[PackedRow]
    created_at: Instant
    shipped_at: Instant | None


class ShipmentRow(Row):
    """What was shipped, or taken back: the packages, and what the reservation holds now."""

    columns: ClassVar[tuple[str, ...]] = (
        *("reservation_id", "status", "expires_at", "packages", "held", "backordered", "committed"),
    )

    reservation_id: str
    status: str
    expires_at: Instant
    packages: list[PackageRow]
    held: int
    backordered: int
    committed: int


class ReservationDetails(ReservationRow):
    """A reservation with what stands ready for it in staging: pieces `picked`, and `packed` ones
    among them; and its packages."""

    columns: ClassVar[tuple[str, ...]] = (
        *ReservationRow.columns[:-1],
        "picked",
        "packed",
        "lines",
        "packages",
    )

    picked: int
    packed: int
    packages: list[PackageRow]
