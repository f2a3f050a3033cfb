"""What came in."""

from typing import ClassVar

from bvinv.core.models.base import Instant, Row


class ReceiptLineRow(Row):
    """What a delivery brought of a product, in pieces: `before` came with earlier ones.

    `difference` is what the order says to it: short, complete or over; None without an order.
    """

    sku: str
    ordered: int | None
    before: int | None
    quantity: int
    outstanding: int | None
    difference: str | None
    bin: str
    lot: str | None


class MissingRow(Row):
    """What an order still waits for and this delivery did not bring any of, in pieces."""

    sku: str
    ordered: int
    outstanding: int


class ReceiptRow(Row):
    """A delivery; `missing` are the first of the `missing_lines` that it had nothing of.

    `pieces` came and stayed, `undone` ones were taken back.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "receipt",
        "order",
        "status",
        "supplier",
        "warehouse",
        "document",
        "pieces",
        "lines",
        "missing",
    )

    receipt: str
    order: str | None
    status: str | None
    supplier: str | None
    warehouse: str
    document: str | None
    pieces: int
    undone: int
    lines: list[ReceiptLineRow]
    missing_lines: int
    missing: list[MissingRow]
    actor: str
    created_at: Instant
    undone_at: Instant | None


class ReceiptSummary(Row):
    """A delivery in a list; `pieces` came and stayed."""

    columns: ClassVar[tuple[str, ...]] = (
        "receipt",
        "created_at",
        "supplier",
        "document",
        "order",
        "warehouse",
        "pieces",
        "actor",
    )

    receipt: str
    order: str | None
    supplier: str | None
    warehouse: str
    document: str | None
    pieces: int
    actor: str
    created_at: Instant
    undone_at: Instant | None


class ReceivedRow(Row):
    """One scan taken in, in pieces; `level_id` and `level_seq` name its movement."""

    receipt: str
    order: str | None
    sku: str
    warehouse: str
    quantity: int
    bin: str
    lot: str | None
    ordered: int | None
    received: int | None
    outstanding: int | None
    on_hand: int
    level_id: int
    level_seq: int
