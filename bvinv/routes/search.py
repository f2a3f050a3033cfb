"""Search: what was asked for, with facets; suggestions while somebody types."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Query, Response

from bvinv.core.db import Session
from bvinv.core.models.search import SearchRow, SuggestionRow
from bvinv.core.search import pages
from bvinv.core.search import search as core_search
from bvinv.core.search.pages import MOST_LIMIT, MOST_OFFSET
from bvinv.core.search.query import Filters
from bvinv.routes.searching import dated, filters, sorts
from bvinv.routes.twice import TwiceRouter
from bvinv.web import answers, door
from bvinv.web.door import Digits, Reading, Truth

router = TwiceRouter()

Offset = Annotated[int, Query(ge=0, le=MOST_OFFSET, description="Leave out the first."), Digits]


@router.twice("GET", "/search", **door.reads("search", SearchRow))
async def search(
    call: Reading,
    wanted: Annotated[Filters, Depends(filters)],
    q: Annotated[str, Query(max_length=10_000, description='Words, or "a phrase".')] = "",
    sort: Annotated[
        str,
        Query(
            max_length=40,
            description="-FIELD descends.",
            json_schema_extra={"enum": sorts(pages.SORTS)},
        ),
    ] = "relevance",
    limit: Annotated[int, Query(ge=0, le=MOST_LIMIT, description="0 counts."), Digits] = 20,
    offset: Offset = 0,
    facets: Annotated[
        Truth, Query(description="Count by genre, author, price, rating and so on.")
    ] = False,
) -> Response:
    """Find products by words, a part of one, SKU, ISBN or barcode.

    All words count, in any field; the last may be incomplete, and small typing mistakes are
    forgiven. Without words, all that the filters leave. `available` is live.
    """

    def question(session: Session, on_stale: Callable[[], None]) -> SearchRow:
        return core_search.search(
            session,
            call.worker.index,
            query=q,
            filters=wanted,
            sort=sort,
            limit=limit,
            offset=offset,
            facets=facets,
            on_stale=on_stale,
        )

    found, until = await call.read(lambda session: dated(session, question))
    return call.answer(found.record(), until=until, kept=answers.CATALOGUE)


@router.twice("GET", "/suggest", **door.reads("search", list[SuggestionRow]))
async def suggest(
    call: Reading,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="What is typed so far.")],
    limit: Annotated[int, Query(ge=1, le=core_search.MOST_SUGGESTIONS), Digits] = 10,
) -> Response:
    """Say what somebody who types this may mean: titles, authors, SKUs, ISBNs."""

    def question(session: Session, on_stale: Callable[[], None]) -> list[SuggestionRow]:
        return core_search.suggest(
            session, call.worker.index, prefix=q, limit=limit, on_stale=on_stale
        )

    rows, until = await call.read(lambda session: dated(session, question))
    return call.page(rows, None, until=until, kept=answers.CATALOGUE)
