"""The tables of work on the floor: picks, packages, returns, counts, and what was scanned."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from bvinv.core.models.base import MOST
from bvinv.core.models.columns import Whole, Words, key, reference, whole, words


def _reservation(*, optional: bool = False) -> "Column[str]":
    return Column(Words, ForeignKey("reservation.id"), nullable=optional, index=True)


class Pick(SQLModel, table=True):
    """A walk through one warehouse for one reservation; its number is PK- and its id.

    `open` while something is to be picked, `picked` when nothing is, `closed` when all of it has
    left, `cancelled` when the reservation let go or the goods went back.
    """

    __tablename__ = "pick"
    __table_args__ = (
        CheckConstraint(
            "status IN ('open', 'picked', 'closed', 'cancelled')", name="pick_status_is_known"
        ),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    reservation_id: str = Field(sa_column=_reservation())
    warehouse_id: int = Field(sa_column=reference("warehouse"))
    status: str = Field(sa_column=words())
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())


class PickLine(SQLModel, table=True):
    """Pieces to fetch from one bin: `picked` or found `short`. In staging lie `picked` less
    `returned` and `shipped`; of those `packed` (shipped ones included) are in packages."""

    __tablename__ = "pick_line"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="pick_line_wants_something"),
        CheckConstraint("picked >= 0 AND short >= 0", name="pick_parts_not_negative"),
        CheckConstraint("picked + short <= quantity", name="picked_was_asked_for"),
        CheckConstraint("returned >= 0 AND shipped >= 0", name="pick_ends_not_negative"),
        CheckConstraint("packed <= picked - returned", name="packed_was_picked"),
        CheckConstraint("shipped <= packed", name="shipped_was_packed"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    pick_id: int = Field(sa_column=reference("pick", index=True))
    level_id: int = Field(sa_column=reference("stock_level"))
    bin_id: int = Field(sa_column=reference("bin"))
    lot: str = Field(default="", sa_column=words())
    staging_id: int = Field(sa_column=reference("bin"))
    quantity: int = Field(sa_column=whole())
    picked: int = Field(default=0, sa_column=whole(0))
    short: int = Field(default=0, sa_column=whole(0))
    returned: int = Field(default=0, sa_column=whole(0))
    packed: int = Field(default=0, sa_column=whole(0))
    shipped: int = Field(default=0, sa_column=whole(0))


class Package(SQLModel, table=True):
    """A parcel of one reservation; nothing has left before it is shipped."""

    __tablename__ = "package"
    __table_args__ = (
        UniqueConstraint("reservation_id", "label"),
        CheckConstraint(
            "status IN ('packed', 'shipped', 'cancelled')", name="package_status_is_known"
        ),
        CheckConstraint(
            "(status = 'shipped') = (shipped_at IS NOT NULL)", name="shipped_package_has_its_time"
        ),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    reservation_id: str = Field(sa_column=_reservation())
    label: str = Field(sa_column=words())
    status: str = Field(sa_column=words())
    tracking: str = Field(default="", sa_column=words())
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    shipped_at: int | None = Field(default=None, sa_column=whole(optional=True))


class PackageLine(SQLModel, table=True):
    """Picked pieces in a package; `level_seq` is the movement that shipped them, 0 before."""

    __tablename__ = "package_line"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="package_holds_something"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    package_id: int = Field(sa_column=Column(Whole, ForeignKey("package.id"), primary_key=True))
    pick_line_id: int = Field(
        sa_column=Column(Whole, ForeignKey("pick_line.id"), primary_key=True, index=True)
    )
    quantity: int = Field(sa_column=whole())
    level_seq: int = Field(default=0, sa_column=whole(0))


class CustomerReturn(SQLModel, table=True):
    """Pieces that a customer sent back, until somebody decided on each; its number is RT- and its
    id. What is not decided lies in quarantine."""

    __tablename__ = "customer_return"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="return_has_pieces"),
        CheckConstraint(
            "restocked >= 0 AND damaged >= 0 AND scrapped >= 0 AND sent_back >= 0",
            name="dispositions_not_negative",
        ),
        CheckConstraint(
            "restocked + damaged + scrapped + sent_back <= quantity",
            name="decided_pieces_came_back",
        ),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    reservation_id: str | None = Field(default=None, sa_column=_reservation(optional=True))
    level_id: int = Field(sa_column=reference("stock_level", index=True))
    bin_id: int = Field(sa_column=reference("bin"))
    lot: str = Field(default="", sa_column=words())
    quantity: int = Field(sa_column=whole())
    reason: str = Field(sa_column=Column(Words, ForeignKey("reason.code"), nullable=False))
    restocked: int = Field(default=0, sa_column=whole(0))
    damaged: int = Field(default=0, sa_column=whole(0))
    scrapped: int = Field(default=0, sa_column=whole(0))
    sent_back: int = Field(default=0, sa_column=whole(0))
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())


class StockCount(SQLModel, table=True):
    """A counting session; its number is CT- and its id. `scope` says as JSON what is counted;
    `tolerance` is the difference in pieces up to which one count is enough."""

    __tablename__ = "stock_count"
    __table_args__ = (
        CheckConstraint(
            "status IN ('open', 'posted', 'cancelled')", name="stock_count_status_is_known"
        ),
        CheckConstraint("blind IN (0, 1)", name="stock_count_is_blind_or_not"),
        CheckConstraint("tolerance >= 0", name="count_tolerance_is_not_negative"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    warehouse_id: int = Field(sa_column=reference("warehouse", index=True))
    status: str = Field(sa_column=words())
    scope: str = Field(sa_column=words())
    blind: int = Field(default=1, sa_column=whole(1))
    tolerance: int = Field(default=0, sa_column=whole(0))
    note: str = Field(default="", sa_column=words())
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    closed_at: int | None = Field(default=None, sa_column=whole(optional=True))
    updated_at: int = Field(sa_column=whole())


class StockCountLine(SQLModel, table=True):
    """What somebody counted in a bin: `counted` where the ledger said `expected` at `level_seq`.

    `first_counted` is what the count before says must lie there at a recount. `posted_seq` is the
    movement that it became, 0 where nothing differed.
    """

    __tablename__ = "stock_count_line"
    __table_args__ = (
        CheckConstraint(f"counted BETWEEN 0 AND {MOST}", name="counted_in_range"),
        CheckConstraint("expected >= 0", name="expected_is_not_negative"),
        CheckConstraint("attempts >= 1", name="counted_at_least_once"),
        CheckConstraint(
            "state IN ('counted', 'recount', 'posted')", name="stock_count_line_state_is_known"
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    count_id: int = Field(sa_column=Column(Whole, ForeignKey("stock_count.id"), primary_key=True))
    bin_id: int = Field(sa_column=Column(Whole, ForeignKey("bin.id"), primary_key=True))
    level_id: int = Field(
        sa_column=Column(Whole, ForeignKey("stock_level.id"), primary_key=True, index=True)
    )
    lot: str = Field(default="", sa_column=Column(Words, primary_key=True))
    counted: int = Field(sa_column=whole())
    expected: int = Field(sa_column=whole())
    level_seq: int = Field(sa_column=whole())
    attempts: int = Field(default=1, sa_column=whole(1))
    first_counted: int | None = Field(default=None, sa_column=whole(optional=True))
    state: str = Field(sa_column=words())
    actor: str = Field(sa_column=words())
    counted_at: int = Field(sa_column=whole())
    posted_seq: int = Field(default=0, sa_column=whole(0))


class ScanSession(SQLModel, table=True):
    """Somebody at work with a scanner; its number is SC- and its id.

    Where they stand is kept with every scan, so that a lost line goes on with `--resume`: the bin,
    the lot, and the pieces in hand (`product_id`, `pieces`) that wait for a bin. `document` is what
    is worked on: PO-, RC-, TR-, CT- numbers or a reservation's id; `supplier` and their `delivery`
    note are those of the receipt that the first item opens.
    """

    __tablename__ = "scan_session"
    __table_args__ = (
        CheckConstraint(
            "mode IN ('receive', 'put-away', 'pick', 'count', 'transfer')",
            name="scan_mode_is_known",
        ),
        CheckConstraint("status IN ('open', 'done')", name="scan_session_status_is_known"),
        CheckConstraint("pieces >= 0", name="pieces_in_hand_not_negative"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    mode: str = Field(sa_column=words())
    warehouse_id: int = Field(sa_column=reference("warehouse"))
    status: str = Field(sa_column=words())
    actor: str = Field(sa_column=words())
    document: str = Field(default="", sa_column=words())
    supplier: str = Field(default="", sa_column=words())
    delivery: str = Field(default="", sa_column=words())
    receipt_id: int | None = Field(default=None, sa_column=reference("receipt", optional=True))
    bin_id: int | None = Field(default=None, sa_column=reference("bin", optional=True))
    lot: str = Field(default="", sa_column=words())
    product_id: int | None = Field(default=None, sa_column=reference("product", optional=True))
    pieces: int = Field(default=0, sa_column=whole(0))
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())


class Scan(SQLModel, table=True):
    """One line that a scanner sent, and what became of it. `level_id` and `level_seq` are the
    movement that it made, both 0 for none."""

    __tablename__ = "scan"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('accepted', 'unknown', 'refused', 'undone')", name="scan_outcome_is_known"
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    session_id: int = Field(
        sa_column=Column(Whole, ForeignKey("scan_session.id"), primary_key=True)
    )
    seq: int = Field(sa_column=Column(Whole, primary_key=True))
    code: str = Field(sa_column=words())
    quantity: int = Field(sa_column=whole())
    outcome: str = Field(sa_column=words())
    detail: str = Field(default="", sa_column=words())
    product_id: int | None = Field(default=None, sa_column=reference("product", optional=True))
    bin_id: int | None = Field(default=None, sa_column=reference("bin", optional=True))
    level_id: int = Field(default=0, sa_column=whole(0))
    level_seq: int = Field(default=0, sa_column=whole(0))
    recorded_at: int = Field(sa_column=whole())


class UnknownBarcode(SQLModel, table=True):
    """A code that was scanned and names nothing, with the pieces that bore it, until somebody says
    what it is."""

    __tablename__ = "unknown_barcode"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="unknown_barcode_has_pieces"),
        CheckConstraint(
            "state IN ('open', 'resolved', 'dismissed')", name="unknown_barcode_state_is_known"
        ),
        CheckConstraint(
            "(state = 'resolved') = (product_id IS NOT NULL)", name="resolved_barcode_has_product"
        ),
        ForeignKeyConstraint(["session_id", "seq"], ["scan.session_id", "scan.seq"]),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    code: str = Field(sa_column=words())
    warehouse_id: int = Field(sa_column=reference("warehouse"))
    session_id: int = Field(sa_column=whole())
    seq: int = Field(sa_column=whole())
    quantity: int = Field(sa_column=whole())
    state: str = Field(sa_column=words())
    product_id: int | None = Field(default=None, sa_column=reference("product", optional=True))
    created_at: int = Field(sa_column=whole())
    decided_at: int | None = Field(default=None, sa_column=whole(optional=True))
