"""What was scanned, the sessions it was scanned in, and the codes that nobody knew."""

from typing import ClassVar

from bvinv.core.models.base import Instant, Row

MODES = ("receive", "put-away", "pick", "count", "transfer")


class ScanRow(Row):
    """One scanned line and what became of it; quantities in pieces.

    `detail` says what happened or why it was refused, `progress` what is done and what is left.
    """

    columns: ClassVar[tuple[str, ...]] = ("seq", "code", "outcome", "sku", "quantity", "bin")

    session: str
    seq: int
    code: str
    outcome: str
    sku: str | None = None
    title: str | None = None
    quantity: int = 0
    bin: str | None = None
    left: int | None = None
    detail: str = ""
    progress: str = ""


class SessionRow(Row):
    """A session and its totals: `accepted` scans with their `pieces`, and the others."""

    columns: ClassVar[tuple[str, ...]] = (
        "session",
        "mode",
        "warehouse",
        "document",
        "actor",
        "status",
        "accepted",
        "pieces",
        "unknown",
        "refused",
    )

    session: str
    mode: str
    warehouse: str
    document: str | None
    actor: str
    status: str
    receipt: str | None
    bin: str | None
    in_hand: str | None
    in_hand_pieces: int
    accepted: int
    pieces: int
    unknown: int
    refused: int
    undone: int
    created_at: Instant
    updated_at: Instant


class SessionDetail(SessionRow):
    """A session with its lines, the oldest first."""

    columns: ClassVar[tuple[str, ...]] = (*SessionRow.columns, "undone", "scans")

    scans: list[ScanRow]


class UnknownRow(Row):
    """A code that names nothing, with the pieces that bore it at one warehouse."""

    columns: ClassVar[tuple[str, ...]] = (
        "code",
        "warehouse",
        "quantity",
        "scans",
        "session",
        "updated_at",
    )

    code: str
    warehouse: str
    state: str
    quantity: int
    scans: int
    session: str
    created_at: Instant
    updated_at: Instant


class ResolvedRow(Row):
    """What became of the pieces of an unknown code."""

    code: str
    state: str
    sku: str | None = None
    pack: int | None = None
    scans: int = 0
    pieces: int = 0
    warehouses: tuple[str, ...] = ()
    receipts: tuple[str, ...] = ()
