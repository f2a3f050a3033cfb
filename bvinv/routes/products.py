"""Products: listed, shown, added, changed, taken out; under /books, too."""

import asyncio
import dataclasses
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import IO, Annotated, TextIO, cast
from urllib.parse import quote

from fastapi import Depends, Query, Response
from fastapi.responses import StreamingResponse

from bvinv.core import catalog, expiries, exports, product_fields
from bvinv.core.db import Database, Session
from bvinv.core.errors import Busy, InvalidInput
from bvinv.core.models.product import ProductDetails, ProductRow
from bvinv.core.models.search import SearchRow
from bvinv.core.search import pages
from bvinv.core.search import search as core_search
from bvinv.core.search.pages import MOST_OFFSET
from bvinv.core.search.query import Filters
from bvinv.routes import searching
from bvinv.routes.product_bodies import NewProduct, ProductChange, WholeProduct
from bvinv.routes.twice import TwiceRouter
from bvinv.web import answers, door
from bvinv.web.door import Call, Changing, Digits, Reading, Truth
from bvinv.web.queries import Limit, Ref

router = TwiceRouter()
# A cursor may have a title of 1,000 characters in it, of any script.
After = Annotated[
    str | None, Query(min_length=1, max_length=12_000, description="Go on after this page.")
]
Cursor = Annotated[
    str | None,
    Query(
        max_length=40,
        examples=["17-64bf2b1f42406"],
        description="Go on after a feed.",
        json_schema_extra={"pattern": "^[1-9][0-9]{0,17}-[0-9a-f]{1,16}$"},
    ),
]
_FEED = door.reads("products export", None, streams="application/x-ndjson")
_FEED["responses"][409] = {"$ref": "#/components/responses/Problem409"}  # another's cursor
_CHUNK = 65_536  # bytes of a feed, sent at once
_IN_MEMORY = 1_000_000  # bytes of a feed, before it goes to a file


@router.twice("GET", "", **door.reads("products list", list[ProductRow]))
async def list_(
    call: Reading,
    filters: Annotated[Filters, Depends(searching.filters)],
    category: searching.Genre = None,
    sort: Annotated[
        str | None,
        Query(
            max_length=40,
            description="-FIELD descends; in a search as there.",
            json_schema_extra={"enum": searching.sorts({**catalog.SORTS, **pages.SORTS})},
        ),
    ] = None,
    limit: Limit = 50,
    after: After = None,
    offset: Annotated[
        int | None,
        Query(ge=0, le=MOST_OFFSET, description="Leave out the first; a search."),
        Digits,
    ] = None,
) -> Response:
    """List products, a page at a time; the Link header leads to the next.

    `category` and `genre` are one. `author` is any part of the name. With `offset`, or a filter
    that only a search knows, the search answers, and its results are the rows: with `available`, in
    its order, and without a cursor; there `author` are words of the name.
    """
    if None not in (category, filters.genre) and category != filters.genre:
        raise InvalidInput("category and genre say the same: name one of them")
    category, status = category or filters.genre, filters.status or "any"
    wanted = dataclasses.replace(filters, genre=category, status=status)
    listed = Filters(genre=category, author=filters.author, status=status)
    if offset is not None or wanted != listed:
        if after is None:
            return await _searched(call, wanted, sort or "relevance", limit, offset or 0)
        raise InvalidInput(
            "there is no cursor in a search: leave after out",
            hint="name an offset, or no filter that only a search knows",
        )
    rows, cursor = await call.consult(
        lambda session, _: catalog.products(
            session,
            category=category,
            status=None if status == "any" else status,
            author=filters.author,
            sort=sort or "sku",
            limit=limit,
            after=after,
        )
    )
    return call.page(rows, cursor, until=expiries.NEVER, kept=answers.CATALOGUE)


async def _searched(call: Call, filters: Filters, sort: str, limit: int, offset: int) -> Response:
    def question(session: Session, on_stale: Callable[[], None]) -> SearchRow:
        return core_search.search(
            session,
            call.worker.index,
            filters=filters,
            sort=sort,
            limit=limit,
            offset=offset,
            on_stale=on_stale,
        )

    found, until = await call.read(lambda session: searching.dated(session, question))
    last = offset + len(found.results)
    is_last = last >= found.total or last > MOST_OFFSET
    return call.page(
        found.results,
        None if is_last else last,
        parameter="offset",
        until=until,
        kept=answers.CATALOGUE,
    )


@router.twice("GET", "/feed", **_FEED)
async def feed(call: Reading, after: Cursor = None) -> Response:
    """Give every product, or those that changed since a feed, as JSON lines, for services of
    search and recommendation.

    A product that was deleted is `{"sku", "deleted": true}`. The last line is `{"next": CURSOR}`:
    `after` it, a later feed goes on.
    """
    loop = asyncio.get_running_loop()
    worker = call.worker
    spool = await call.consult_all(lambda database: _written(database, after), worker.feeds)

    async def parts() -> AsyncIterator[bytes]:
        try:
            while part := await loop.run_in_executor(worker.readers, spool.read, _CHUNK):
                yield part.encode()
        finally:
            spool.close()

    return StreamingResponse(
        parts(), media_type="application/x-ndjson", headers={"cache-control": "no-store"}
    )


def _written(database: Database, after: str | None) -> IO[str]:
    """Return a feed that is complete: nobody who reads slowly keeps a transaction open.

    Raises what `exports.write` does, and Busy without room for it.
    """
    spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (who reads it closes it)
        _IN_MEMORY, "w+", encoding="utf-8", newline=""
    )
    try:
        row = exports.write(database, cast(TextIO, spool), "jsonl", since=after)
        spool.write(json.dumps({"next": row.next}) + "\n")
        spool.seek(0)
    except OSError as error:
        spool.close()
        raise Busy(f"there is no room for the feed: {error.strerror}") from None
    except BaseException:
        spool.close()
        raise
    return spool


@router.twice("GET", "/{ref}", **door.reads("products show", ProductDetails))
async def show(
    call: Reading,
    ref: Ref,
    html: Annotated[Truth, Query(description="Render the description, too.")] = False,
) -> Response:
    """Show a product, its variants, and what is available of them now."""
    row, until = await call.consult(lambda session, books: _shown(session, books, ref, html))
    return call.answer(row.record(), tag=str(row.version), until=until, kept=answers.CATALOGUE)


def _shown(session: Session, books: Session, ref: str, html: bool) -> tuple[ProductDetails, int]:
    row = catalog.show(session, ref=ref, html=html, books=books)
    return row, expiries.of_product(books, row.id)


@router.twice("POST", "", **door.changes("products add", ProductRow, status=201))
async def add(call: Changing, body: NewProduct) -> Response:
    """Add a product. The Location header says where it is."""
    response = await call.run(
        lambda session: catalog.add(session, fields=body.fields()),
        body.said(),
        status=201,
        tag="version",
    )
    sku = product_fields.sku(body.sku)
    response.headers["location"] = f"{call.asked.path}/{quote(sku, safe='')}"
    return response


@router.twice("PUT", "/{ref}", **door.changes("products update", ProductRow, guarded=True))
async def replace(call: Changing, ref: Ref, body: WholeProduct) -> Response:
    """Say all of a product anew: what is left out has its default, or nothing. The SKU stays.

    Another price of a product that is published waits until somebody approves it.
    """
    version = door.expected(call)
    return await call.run(
        lambda session: catalog.replace(
            session, ref=ref, fields=body.fields(), expected_version=version
        ),
        {"put": body.said(), "ref": ref, "version": version},
        tag="version",
    )


@router.twice("PATCH", "/{ref}", **door.changes("products update", ProductRow, guarded=True))
async def change(call: Changing, ref: Ref, body: ProductChange) -> Response:
    """Change what is named; null takes a value away.

    Another price of a product that is published waits until somebody approves it.
    """
    version = door.expected(call)
    fields = body.fields()
    if not fields:
        raise InvalidInput("nothing to change", hint='for example: {"price": "14.50"}')
    return await call.run(
        lambda session: catalog.change(session, ref=ref, fields=fields, expected_version=version),
        {"patch": body.said(), "ref": ref, "version": version},
        tag="version",
    )


@router.twice("DELETE", "/{ref}", **door.changes("products delete", ProductRow, guarded=True))
async def remove(call: Changing, ref: Ref) -> Response:
    """Take a product out. One with history is discontinued: history is never deleted."""
    version = door.expected(call)
    return await call.run(
        lambda session: catalog.remove(session, ref=ref, expected_version=version),
        {"ref": ref, "version": version},
        tag="version",
    )
