"""The kinds of columns that the tables are made of."""

from typing import cast

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text, text
from sqlmodel import SQLModel

# 64 bits on both engines; SQLite's STRICT tables know INTEGER, TEXT and BLOB only.
Whole = BigInteger().with_variant(Integer(), "sqlite")
# Sorted and compared by code point on both engines.
Words = Text(collation="C").with_variant(Text(), "sqlite")


def table(model: type[SQLModel]) -> Table:
    """Return the table behind a model, for statements that need no objects."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def key() -> Column[int]:
    """Return a primary key that the database counts up."""
    return Column(Whole, primary_key=True, autoincrement=True)


def whole(default: int | None = None, *, optional: bool = False) -> Column[int]:
    """Return a column for quantities, minor units, counters and instants."""
    return Column(Whole, nullable=optional, default=default)


def flag() -> Column[int]:
    """Return a column that is 0 or 1 and came to its table later; 0 for rows of before."""
    return Column(Whole, nullable=False, server_default=text("0"))


def later_words() -> Column[str]:
    """Return a column of text that came to its table later; empty for rows of before."""
    return Column(Words, nullable=False, server_default=text("''"))


def words(*, optional: bool = False, unique: bool = False) -> Column[str]:
    """Return a column of text."""
    return Column(Words, nullable=optional, unique=unique)


def digest() -> Column[bytes]:
    """Return a column for a SHA-256."""
    return Column(LargeBinary, nullable=False)


def reference(target: str, *, optional: bool = False, index: bool = False) -> Column[int]:
    """Return a foreign key to the `id` of another table."""
    return Column(Whole, ForeignKey(f"{target}.id"), nullable=optional, index=index)


def transaction() -> Column[int]:
    """Return a column for the transaction that wrote the row; the database fills it in.

    PostgreSQL commits in another order than it counts up ids; its readers go on by this. SQLite
    has one writer at a time, its ids are in order, and it writes 0.
    """
    return Column(Whole, nullable=False, server_default=text("0"))
