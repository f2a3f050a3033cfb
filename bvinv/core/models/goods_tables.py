"""The tables of goods that come and go between houses: suppliers, orders, receipts, transfers,
lots, and the words that movements may give as their reason."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint
from sqlmodel import Field, SQLModel

from bvinv.core.models.base import MOST
from bvinv.core.models.columns import Whole, Words, key, reference, whole, words


class Reason(SQLModel, table=True):
    """Why stock is adjusted. `corrects` tells that the record was wrong and no goods moved.

    A reason that a movement gives must stand here (a trigger); it is retired, never removed.
    """

    __tablename__ = "reason"
    __table_args__ = (
        CheckConstraint("corrects IN (0, 1)", name="reason_corrects_or_not"),
        CheckConstraint("active IN (0, 1)", name="reason_is_active_or_not"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    code: str = Field(sa_column=Column(Words, primary_key=True))
    name: str = Field(sa_column=words())
    corrects: int = Field(default=0, sa_column=whole(0))
    active: int = Field(default=1, sa_column=whole(1))


class Channel(SQLModel, table=True):
    """Where a reservation comes from. One of low priority is never promised safety stock of a
    product that protects it."""

    __tablename__ = "channel"
    __table_args__ = (
        CheckConstraint("low_priority IN (0, 1)", name="channel_is_low_or_not"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    code: str = Field(sa_column=Column(Words, primary_key=True))
    name: str = Field(sa_column=words())
    low_priority: int = Field(default=0, sa_column=whole(0))


class Lot(SQLModel, table=True):
    """Pieces of a product that were made together. `expires_on` is a day as in `dates`, NULL for
    never; the lot is good until that day has ended (UTC)."""

    __tablename__ = "lot"
    __table_args__ = ({"sqlite_strict": True, "sqlite_with_rowid": False},)

    product_id: int = Field(sa_column=Column(Whole, ForeignKey("product.id"), primary_key=True))
    code: str = Field(sa_column=Column(Words, primary_key=True))
    expires_on: int | None = Field(default=None, sa_column=whole(optional=True))
    created_at: int = Field(sa_column=whole())


class Supplier(SQLModel, table=True):
    """Who sells to us. `minimum_order` in minor units of `currency`; `over_receipt_percent` is how
    much more than ordered is taken in without a question."""

    __tablename__ = "supplier"
    __table_args__ = (
        CheckConstraint("lead_time_days BETWEEN 0 AND 3650", name="lead_time_in_range"),
        CheckConstraint("minimum_order >= 0", name="minimum_order_is_not_negative"),
        CheckConstraint("over_receipt_percent BETWEEN 0 AND 1000", name="tolerance_in_range"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    code: str = Field(sa_column=words(unique=True))
    name: str = Field(sa_column=words())
    currency: str = Field(sa_column=words())
    lead_time_days: int = Field(sa_column=whole())
    minimum_order: int | None = Field(default=None, sa_column=whole(optional=True))
    over_receipt_percent: int = Field(default=0, sa_column=whole(0))
    email: str = Field(default="", sa_column=words())
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())


class SupplierTerm(SQLModel, table=True):
    """What a supplier asks for a product: `cost` of a piece in minor units of their currency."""

    __tablename__ = "supplier_term"
    __table_args__ = (
        CheckConstraint("cost >= 0", name="term_cost_is_not_negative"),
        CheckConstraint(f"pack_size BETWEEN 1 AND {MOST}", name="pack_size_in_range"),
        CheckConstraint(f"minimum_quantity BETWEEN 1 AND {MOST}", name="minimum_in_range"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    supplier_id: int = Field(sa_column=Column(Whole, ForeignKey("supplier.id"), primary_key=True))
    product_id: int = Field(
        sa_column=Column(Whole, ForeignKey("product.id"), primary_key=True, index=True)
    )
    supplier_sku: str = Field(default="", sa_column=words())
    cost: int | None = Field(default=None, sa_column=whole(optional=True))
    pack_size: int = Field(default=1, sa_column=whole(1))
    minimum_quantity: int = Field(default=1, sa_column=whole(1))


class PurchaseOrder(SQLModel, table=True):
    """What we asked a supplier to bring to one warehouse. Its number is PO- and its id."""

    __tablename__ = "purchase_order"
    __table_args__ = (
        CheckConstraint(
            "status IN ('draft', 'placed', 'partly-received', 'received', 'cancelled')",
            name="order_status_is_known",
        ),
        CheckConstraint(
            "(placed_at IS NULL) OR (status <> 'draft')", name="draft_order_is_not_placed"
        ),
        CheckConstraint(
            "(closed_at IS NOT NULL) = (status IN ('received', 'cancelled'))",
            name="closed_order_has_its_time",
        ),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    supplier_id: int = Field(sa_column=reference("supplier", index=True))
    warehouse_id: int = Field(sa_column=reference("warehouse"))
    status: str = Field(sa_column=words())
    expected_on: int | None = Field(default=None, sa_column=whole(optional=True))
    note: str = Field(default="", sa_column=words())
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    placed_at: int | None = Field(default=None, sa_column=whole(optional=True))
    closed_at: int | None = Field(default=None, sa_column=whole(optional=True))
    updated_at: int = Field(sa_column=whole())


class PurchaseOrderLine(SQLModel, table=True):
    """Pieces of one product that an order asks for. `outstanding` are those on their way: none of a
    draft, none once received, cancelled or closed. `allowance` may come beyond `quantity`."""

    __tablename__ = "purchase_order_line"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="order_line_wants_something"),
        CheckConstraint("allowance >= 0", name="allowance_is_not_negative"),
        CheckConstraint(
            "received BETWEEN 0 AND quantity + allowance", name="received_within_tolerance"
        ),
        CheckConstraint("cancelled BETWEEN 0 AND quantity", name="cancelled_was_ordered"),
        CheckConstraint(
            "outstanding >= 0 AND outstanding IN (0, quantity - received - cancelled)",
            name="outstanding_is_the_rest",
        ),
        CheckConstraint("cost >= 0", name="line_cost_is_not_negative"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    order_id: int = Field(
        sa_column=Column(Whole, ForeignKey("purchase_order.id"), primary_key=True)
    )
    level_id: int = Field(sa_column=Column(Whole, ForeignKey("stock_level.id"), primary_key=True))
    quantity: int = Field(sa_column=whole())
    cost: int | None = Field(default=None, sa_column=whole(optional=True))
    allowance: int = Field(default=0, sa_column=whole(0))
    received: int = Field(default=0, sa_column=whole(0))
    cancelled: int = Field(default=0, sa_column=whole(0))
    outstanding: int = Field(default=0, sa_column=whole(0))


class Receipt(SQLModel, table=True):
    """One delivery as it came in, for an order or for none; its number is RC- and its id.

    A supplier's document is received once (a unique index), unless all of it was undone.
    """

    __tablename__ = "receipt"
    __table_args__ = ({"sqlite_strict": True},)

    id: int | None = Field(default=None, sa_column=key())
    warehouse_id: int = Field(sa_column=reference("warehouse"))
    supplier_id: int | None = Field(
        default=None, sa_column=reference("supplier", optional=True, index=True)
    )
    order_id: int | None = Field(
        default=None, sa_column=reference("purchase_order", optional=True, index=True)
    )
    document: str = Field(default="", sa_column=words())
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    undone_at: int | None = Field(default=None, sa_column=whole(optional=True))


class ReceiptLine(SQLModel, table=True):
    """A movement that a receipt brought; what was undone is found in the ledger."""

    __tablename__ = "receipt_line"
    __table_args__ = (
        ForeignKeyConstraint(
            ["level_id", "level_seq"], ["movement.level_id", "movement.level_seq"]
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    level_id: int = Field(sa_column=Column(Whole, primary_key=True))
    level_seq: int = Field(sa_column=Column(Whole, primary_key=True))
    receipt_id: int = Field(sa_column=reference("receipt", index=True))
    quantity: int = Field(sa_column=whole())


class Transfer(SQLModel, table=True):
    """Goods on their way between two warehouses; its number is TR- and its id."""

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint(
            "status IN ('draft', 'shipped', 'partly-received', 'closed', 'cancelled')",
            name="transfer_status_is_known",
        ),
        CheckConstraint("from_id <> to_id", name="transfer_goes_elsewhere"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    from_id: int = Field(sa_column=reference("warehouse"))
    to_id: int = Field(sa_column=reference("warehouse"))
    status: str = Field(sa_column=words())
    note: str = Field(default="", sa_column=words())
    command_id: int = Field(sa_column=reference("command_log"))
    created_at: int = Field(sa_column=whole())
    shipped_at: int | None = Field(default=None, sa_column=whole(optional=True))
    closed_at: int | None = Field(default=None, sa_column=whole(optional=True))
    updated_at: int = Field(sa_column=whole())


class TransferLine(SQLModel, table=True):
    """Pieces of one product (of one lot, once shipped): what is in transit is `shipped` less
    `received`, `lost` and `returned`."""

    __tablename__ = "transfer_line"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="transfer_line_wants_something"),
        CheckConstraint("shipped BETWEEN 0 AND quantity", name="shipped_was_asked_for"),
        CheckConstraint(
            "received >= 0 AND lost >= 0 AND returned >= 0", name="transfer_parts_not_negative"
        ),
        CheckConstraint("received + lost + returned <= shipped", name="arrived_was_shipped"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    transfer_id: int = Field(sa_column=Column(Whole, ForeignKey("transfer.id"), primary_key=True))
    level_id: int = Field(sa_column=Column(Whole, ForeignKey("stock_level.id"), primary_key=True))
    lot: str = Field(default="", sa_column=Column(Words, primary_key=True))
    to_level_id: int = Field(sa_column=reference("stock_level"))
    quantity: int = Field(sa_column=whole())
    shipped: int = Field(default=0, sa_column=whole(0))
    received: int = Field(default=0, sa_column=whole(0))
    lost: int = Field(default=0, sa_column=whole(0))
    returned: int = Field(default=0, sa_column=whole(0))
