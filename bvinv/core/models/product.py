"""What can be stocked: products, their categories and their barcodes."""

import json
from typing import Annotated, Any, ClassVar

from pydantic import Field as Shown
from pydantic import PlainSerializer

from bvinv.core import dates
from bvinv.core.models.base import Instant, Row

STATUSES = ("draft", "active", "discontinued")


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
