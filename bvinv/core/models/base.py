"""What every table and every row is made of."""

from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, PlainSerializer
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text
from sqlmodel import SQLModel

from bvinv.core import instants

# 64 bits on both engines; SQLite's STRICT tables know INTEGER, TEXT and BLOB only.
Whole = BigInteger().with_variant(Integer(), "sqlite")
# Sorted and compared by code point on both engines.
Words = Text(collation="C").with_variant(Text(), "sqlite")
MOST = 10**12  # pieces; the largest quantity that any column takes

Instant = Annotated[int, PlainSerializer(instants.display, return_type=str, when_used="json")]


class Row(BaseModel):
    """An answer: frozen, and the same to the command line and to HTTP."""

    model_config = ConfigDict(frozen=True)

    def record(self) -> dict[str, Any]:
        """Return the JSON object that both doors print."""
        return self.model_dump(mode="json")


def table(model: type[SQLModel]) -> Table:
    """Return the table behind a model, for statements that need no objects."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def key() -> Column[int]:
    """Return a primary key that the database counts up."""
    return Column(Whole, primary_key=True, autoincrement=True)


def whole(default: int | None = None, *, optional: bool = False) -> Column[int]:
    """Return a column for quantities, minor units, counters and instants."""
    return Column(Whole, nullable=optional, default=default)


def words(*, optional: bool = False, unique: bool = False, index: bool = False) -> Column[str]:
    """Return a column of text."""
    return Column(Words, nullable=optional, unique=unique, index=index)


def digest() -> Column[bytes]:
    """Return a column for a SHA-256."""
    return Column(LargeBinary, nullable=False)


def reference(target: str, *, optional: bool = False, index: bool = False) -> Column[int]:
    """Return a foreign key to the `id` of another table."""
    return Column(Whole, ForeignKey(f"{target}.id"), nullable=optional, index=index)
