"""What a search answers."""

from typing import ClassVar, Literal

from bvinv.core.models.base import Row
from bvinv.core.models.product import ProductRow

FACETS = ("genre", "author", "price", "rating", "availability", "status")


class HitRow(ProductRow):
    """A product that was found.

    `available` is live. `score` is None where results are sorted by something else, and the
    snippet is HTML: escaped text with `<mark>` around what was found.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "sku",
        "title",
        "author",
        "price",
        "available",
        "rating",
    )

    available: int
    score: float | None
    snippet: str


class FacetRow(Row):
    """A value that could narrow the search, and how many results it would leave."""

    value: str
    count: int


class SearchRow(Row):
    """A page of what was found.

    `relaxed` says what had to be given up to find anything: `spelling` or `words`.
    """

    total: int
    results: list[HitRow]
    facets: dict[str, list[FacetRow]]
    relaxed: Literal["spelling", "words"] | None


class SuggestionRow(Row):
    """What somebody may be about to type: a title or an author; `sku` names a title's product."""

    kind: Literal["title", "author", "sku", "isbn"]
    text: str
    sku: str | None


class IndexRow(Row):
    """The index after it was built anew."""

    folder: str
    products: int
    bytes: int
