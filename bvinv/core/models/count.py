"""Counts: sessions of counting, and what was counted where."""

from typing import ClassVar

from bvinv.core.models.base import Instant, Row

STATUSES = ("open", "posted", "cancelled")
# Above the tolerance once, so that a second count decides; below it, or counted twice alike;
# in the ledger.
RECOUNT, COUNTED, POSTED = "recount", "counted", "posted"


class CountLineRow(Row):
    """What was counted of a product (of one lot) in one bin, in pieces.

    `expected` and `difference` are None while a blind count is open. Once posted, `difference` is
    what was posted, and `movement` its level_seq, None where the record was right.
    """

    sku: str
    bin: str
    lot: str | None
    counted: int
    expected: int | None
    difference: int | None
    attempts: int
    state: str
    actor: str
    counted_at: Instant
    movement: int | None


class UncountedRow(Row):
    """A place where the record has pieces and nobody has counted yet."""

    bin: str
    sku: str
    lot: str | None


class CountedRow(Row):
    """One line as it stands when somebody has counted; None as in `CountLineRow`.

    `state` is `recount` where a second count has to decide, `uncounted` where all of it was taken
    back. `level_seq` is the place in the ledger at which it was counted.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "count",
        "sku",
        "bin",
        "lot",
        "counted",
        "expected",
        "difference",
        "attempts",
        "state",
    )

    count: str
    warehouse: str
    sku: str
    bin: str
    lot: str | None
    counted: int
    expected: int | None
    difference: int | None
    attempts: int
    state: str
    level_id: int
    level_seq: int


class CountRow(Row):
    """A counting session and how far it has come.

    `counted`, `recount` and `posted` are lines, `found` and `lost` the pieces that were posted.
    `uncounted` are the places in its scope that hold pieces and have no line, None once it is
    closed and nobody looks any more; `left` names the first of them.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "count",
        "warehouse",
        "status",
        "scope",
        "tolerance",
        "note",
        "counted",
        "recount",
        "posted",
        "found",
        "lost",
        "uncounted",
        "lines",
        "left",
    )

    count: str
    warehouse: str
    status: str
    scope: str
    blind: bool
    tolerance: int
    note: str | None
    counted: int
    recount: int
    posted: int
    found: int
    lost: int
    uncounted: int | None
    lines: list[CountLineRow]
    left: list[UncountedRow]
    created_at: Instant
    closed_at: Instant | None


class CountSummaryRow(Row):
    """A counting session in a list of them."""

    columns: ClassVar[tuple[str, ...]] = (
        "count",
        "warehouse",
        "status",
        "scope",
        "counted",
        "recount",
        "posted",
        "created_at",
    )

    count: str
    warehouse: str
    status: str
    scope: str
    blind: bool
    tolerance: int
    note: str | None
    counted: int
    recount: int
    posted: int
    created_at: Instant
    closed_at: Instant | None
