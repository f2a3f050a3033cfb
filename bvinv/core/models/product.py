"""What can be stocked: products, their categories and their barcodes."""

import json
from typing import Annotated, Any, ClassVar

from pydantic import Field as Shown
from pydantic import PlainSerializer
from sqlalchemy import CheckConstraint, Column, ForeignKey
from sqlmodel import Field, SQLModel

from bvinv.core import dates
from bvinv.core.models.base import Instant, Row, Whole, Words, key, reference, whole, words

STATUSES = ("draft", "active", "discontinued")


class Category(SQLModel, table=True):
    """A shelf of the catalogue: a slug for machines, a name for people."""

    __tablename__ = "category"
    __table_args__ = (
        CheckConstraint("parent_id <> id", name="category_is_not_its_own_parent"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    slug: str = Field(sa_column=words(unique=True))
    name: str = Field(sa_column=words())
    parent_id: int | None = Field(default=None, sa_column=reference("category", optional=True))


class Product(SQLModel, table=True):
    """Anything with a SKU. Money is in minor units, the rating in hundredths."""

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_is_not_negative"),
        CheckConstraint("(price IS NULL) = (currency IS NULL)", name="price_has_a_currency"),
        CheckConstraint(
            "status IN ('draft', 'active', 'discontinued')", name="status_is_one_of_three"
        ),
        CheckConstraint("rating BETWEEN 0 AND 500", name="rating_is_0_to_5"),
        CheckConstraint("popularity >= 0", name="popularity_is_not_negative"),
        CheckConstraint("variant_of <> id", name="product_is_not_its_own_variant"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    sku: str = Field(sa_column=words())
    sku_key: str = Field(sa_column=words(unique=True))
    isbn: str | None = Field(default=None, sa_column=words(optional=True, unique=True))
    title: str = Field(sa_column=words())
    author: str = Field(default="", sa_column=words())
    description: str = Field(default="", sa_column=words())
    category_id: int | None = Field(
        default=None, sa_column=reference("category", optional=True, index=True)
    )
    price: int | None = Field(default=None, sa_column=whole(optional=True))
    currency: str | None = Field(default=None, sa_column=words(optional=True))
    status: str = Field(default="active", sa_column=words())
    publication_date: int | None = Field(default=None, sa_column=whole(optional=True))
    rating: int | None = Field(default=None, sa_column=whole(optional=True))
    popularity: int = Field(default=0, sa_column=whole(0))
    image_url: str | None = Field(default=None, sa_column=words(optional=True))
    attributes: str = Field(default="{}", sa_column=words())
    variant_of: int | None = Field(
        default=None, sa_column=reference("product", optional=True, index=True)
    )
    options: str = Field(default="{}", sa_column=words())
    version: int = Field(default=1, sa_column=whole(1))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())


class Barcode(SQLModel, table=True):
    """A code on a thing or a pack: it names one product and how many pieces it stands for."""

    __tablename__ = "barcode"
    __table_args__ = (
        CheckConstraint("pack_quantity >= 1", name="pack_has_pieces"),
        {"sqlite_strict": True},
    )

    code: str = Field(sa_column=Column(Words, primary_key=True))
    product_id: int = Field(
        sa_column=Column(
            Whole, ForeignKey("product.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    pack_quantity: int = Field(default=1, sa_column=whole(1))


PublicationDate = Annotated[
    int | None,
    PlainSerializer(
        lambda value: None if value is None else dates.display(value), when_used="json"
    ),
]
Rating = Annotated[
    int | None,
    PlainSerializer(lambda value: None if value is None else value / 100, when_used="json"),
]


class ProductRow(Row):
    """A product as both doors show it; `price` is a decimal string in `currency`."""

    columns: ClassVar[tuple[str, ...]] = ("sku", "isbn", "title", "author", "price", "status")

    id: int
    sku: str
    isbn: str | None
    title: str
    author: str
    description: str
    category: str | None
    price: str | None
    currency: str | None
    status: str
    publication_date: PublicationDate
    rating: Rating
    popularity: int
    image_url: str | None
    attributes: dict[str, Any]
    variant_of: str | None
    options: dict[str, Any]
    version: int
    created_at: Instant
    updated_at: Instant
    barcodes: list[str] = Shown(default_factory=list)


class CategoryRow(Row):
    """A category with the number of products in it."""

    slug: str
    name: str
    parent: str | None
    products: int


def packed(values: dict[str, Any]) -> str:
    """Return attributes or options as the text that is stored: sorted, compact JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
