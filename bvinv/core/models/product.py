"""What can be stocked: products, their categories and their barcodes."""

import json
from typing import Annotated, Any, ClassVar

from pydantic import Field as Shown
from pydantic import PlainSerializer

from bvinv.core import dates
from bvinv.core.models.base import Instant, Row
from bvinv.core.models.price import PriceRequestRow

STATUSES = ("draft", "active", "discontinued")


PublicationDate = Annotated[
    int | None,
    PlainSerializer(
        lambda value: None if value is None else dates.display(value),
        return_type=str | None,
        when_used="json",
    ),
]
Rating = Annotated[
    int | None,
    PlainSerializer(
        lambda value: None if value is None else value / 100,
        return_type=float | None,
        when_used="json",
    ),
]


class BarcodeRow(Row):
    """A code and the pieces that it stands for: 1, or those of a pack."""

    code: str
    pack_quantity: int


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
    barcodes: list[BarcodeRow] = Shown(default_factory=list)
    price_request: PriceRequestRow | None = None
    tracks_lots: bool = False
    protects_safety_stock: bool = False


class VariantRow(Row):
    """A variant as its parent shows it; `available` counts what can be promised of it now."""

    sku: str
    variant_of: str
    options: dict[str, Any]
    price: str | None
    currency: str | None
    status: str
    available: int


class ImageCheckRow(Row):
    """What the last look at an image's URL found; `bytes` and type are of one that was fetched."""

    state: str
    detail: str
    content_type: str
    bytes: int
    checked_at: Instant


class ImageRow(Row):
    """A product's image and what was found about it."""

    columns: ClassVar[tuple[str, ...]] = ("sku", "state", "content_type", "bytes", "url", "detail")

    sku: str
    url: str
    state: str
    detail: str
    content_type: str
    bytes: int
    checked_at: Instant


class ProductDetails(ProductRow):
    """A product with everything around it: its variants, and theirs, and what all of them have.

    `available` is what can be promised now of the product and its variants together.
    `description_html` is there where it was asked for, `image_check` where the present URL was
    looked at.
    """

    available: int
    variants: list[VariantRow]
    description_html: str | None
    image_check: ImageCheckRow | None


class CategoryRow(Row):
    """A category; `products` counts its own, `total` those of the categories below it, too."""

    columns: ClassVar[tuple[str, ...]] = ("name", "slug", "products", "total")

    slug: str
    name: str
    parent: str | None
    products: int
    total: int
    depth: int

    def summary(self) -> dict[str, Any]:
        """Return the line that people read: the name is as far from the edge as it is deep."""
        return super().summary() | {"name": "  " * self.depth + self.name}


class CategoryDetails(CategoryRow):
    """A category with the way to it from the top, and what is right below it."""

    path: list[str]
    children: list[CategoryRow]


def packed(values: dict[str, Any]) -> str:
    """Return attributes or options as the text that is stored: sorted, compact JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
