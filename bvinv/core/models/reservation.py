"""Promises on stock: a reservation and its lines."""

from typing import Any, ClassVar

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from bvinv.core import instants
from bvinv.core.models.base import MOST, Instant, Row, Whole, Words, reference, whole, words

STATUSES = ("held", "committed", "released", "expired")
# The lines that still hold or wait for something. Written once: a partial index serves a query
# only when the query says the same words.
OPEN = "held + backordered > 0"


class Reservation(SQLModel, table=True):
    """A caller's promise, under the caller's own id. `terms` is what was asked, as JSON."""

    __tablename__ = "reservation"
    __table_args__ = (
        CheckConstraint(
            "status IN ('held', 'committed', 'released', 'expired')", name="status_is_one_of_four"
        ),
        UniqueConstraint("id", "expires_at"),
        Index(
            "reservation_by_expiry",
            "expires_at",
            sqlite_where=text("status = 'held'"),
            postgresql_where=text("status = 'held'"),
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    id: str = Field(sa_column=Column(Words, primary_key=True))
    status: str = Field(sa_column=words())
    terms: str = Field(sa_column=words())
    expires_at: int = Field(sa_column=whole())
    command_id: int = Field(sa_column=reference("command_log", index=True))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())


class ReservationLine(SQLModel, table=True):
    """What a reservation wants of one level, in pieces; the four parts are all of it.

    `expires_at` is the reservation's own, kept equal by the foreign key, so that a level finds
    what ran out without visiting every reservation.
    """

    __tablename__ = "reservation_line"
    __table_args__ = (
        CheckConstraint(
            "quantity = held + backordered + committed + released", name="line_parts_add_up"
        ),
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST}", name="line_wants_something"),
        CheckConstraint("held >= 0", name="held_is_not_negative"),
        CheckConstraint("backordered >= 0", name="backordered_is_not_negative"),
        CheckConstraint("committed >= 0", name="committed_is_not_negative"),
        CheckConstraint("released >= 0", name="released_is_not_negative"),
        ForeignKeyConstraint(
            ["reservation_id", "expires_at"],
            ["reservation.id", "reservation.expires_at"],
            onupdate="CASCADE",
        ),
        Index(
            "reservation_line_open",
            "level_id",
            "expires_at",
            sqlite_where=text(OPEN),
            postgresql_where=text(OPEN),
        ),
        Index(
            "reservation_line_backordered",
            "level_id",
            sqlite_where=text("backordered > 0"),
            postgresql_where=text("backordered > 0"),
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    reservation_id: str = Field(sa_column=Column(Words, primary_key=True))
    level_id: int = Field(sa_column=Column(Whole, ForeignKey("stock_level.id"), primary_key=True))
    quantity: int = Field(sa_column=whole())
    held: int = Field(default=0, sa_column=whole(0))
    backordered: int = Field(default=0, sa_column=whole(0))
    committed: int = Field(default=0, sa_column=whole(0))
    released: int = Field(default=0, sa_column=whole(0))
    expires_at: int = Field(sa_column=whole())


class LineRow(Row):
    """A line as both doors show it."""

    sku: str
    warehouse: str
    quantity: int
    held: int
    backordered: int
    committed: int
    released: int


class ReservationRow(Row):
    """A reservation as both doors show it; `status` is true at the moment of reading."""

    columns: ClassVar[tuple[str, ...]] = ("reservation_id", "status", "expires_at", "lines")

    reservation_id: str
    status: str
    expires_at: Instant
    lines: list[LineRow]
    created_at: Instant
    replayed: bool = False

    def summary(self) -> dict[str, Any]:
        """Return one line about it for a list that people read."""
        lines = ", ".join(f"{line.sku}={line.quantity} {line.warehouse}" for line in self.lines)
        return {
            "reservation_id": self.reservation_id,
            "status": self.status,
            "expires_at": instants.display(self.expires_at),
            "lines": lines,
        }
