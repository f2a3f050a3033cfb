"""What the routes share that search: which filters there are, and how long a result is true."""

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from fastapi import Query

from bvinv.core import expiries
from bvinv.core.db import Session
from bvinv.core.models.product import STATUSES
from bvinv.core.search.query import Filters
from bvinv.web.door import Truth

Found = TypeVar("Found")

# Core says what is wrong with these; OpenAPI says in its own words what is right.
_AMOUNT = {"pattern": r"^[0-9]{1,12}(\.[0-9]{1,4})?$"}
_STATUSES = {"enum": [*STATUSES, "any"]}

Genre = Annotated[
    str | None, Query(max_length=100, description="A category and those below it: slug or name.")
]
Price = Annotated[str | None, Query(max_length=40, examples=["9.99"], json_schema_extra=_AMOUNT)]
Currency = Annotated[
    str | None, Query(max_length=10, description="ISO 4217; else prices compare as numbers.")
]
Rating = Annotated[
    str | None,
    Query(
        max_length=10,
        examples=["4"],
        description="0 to 5.",
        json_schema_extra={"pattern": r"^([0-4](\.[0-9]{1,2})?|5)$"},
    ),
]
InStock = Annotated[
    Truth | None, Query(description="Available, or a variant is; false: the others.")
]
Since = Annotated[
    str | None,
    Query(
        max_length=20,
        description="1997, 1997-06 or a day, included.",
        examples=["1997-06"],
    ),
]
Before = Annotated[str | None, Query(max_length=20, description="The same, not included.")]
Status = Annotated[
    str | None,
    Query(
        max_length=20,
        description="draft, active, discontinued or any.",
        json_schema_extra=_STATUSES,
    ),
]


def sorts(names: Iterable[str]) -> list[str]:
    """Return what a list may be sorted by, for OpenAPI; the most relevant do not come last."""
    return [*names, *(f"-{name}" for name in names if name != "relevance")]


async def filters(
    genre: Genre = None,
    author: Annotated[
        str | None, Query(max_length=1000, description="Words of a name, in order.")
    ] = None,
    min_price: Price = None,
    max_price: Price = None,
    currency: Currency = None,
    min_rating: Rating = None,
    in_stock: InStock = None,
    published_after: Since = None,
    published_before: Before = None,
    status: Status = None,
    attribute: Annotated[
        list[str],
        Query(max_length=100, description="NAME=VALUE, or NAME>=N, NAME<=N; all have to hold."),
    ] = [],  # noqa: B006 (FastAPI copies it)
) -> Filters:
    """Return what results have to fulfil."""
    return Filters(
        genre=genre,
        author=author,
        min_price=min_price,
        max_price=max_price,
        currency=currency,
        min_rating=min_rating,
        in_stock=in_stock,
        published_after=published_after,
        published_before=published_before,
        status=status,
        attributes=tuple(attribute),
    )


def dated(
    session: Session, question: Callable[[Session, Callable[[], None]], Found]
) -> tuple[Found, int]:
    """Return what a search finds, and until when that is true by itself: 0 is not at all, where
    somebody else was just bringing the index up to date."""
    stale: list[bool] = []
    found = question(session, lambda: stale.append(True))
    return found, 0 if stale else expiries.upcoming(session)
