"""`bvinv search`: find products, with facets; suggest; rebuild the index."""

from typing import Annotated

import typer

from bvinv import door, output
from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.search import HitRow, SearchRow, SuggestionRow
from bvinv.core.search import search as core_search
from bvinv.core.search import state
from bvinv.core.search.index import Index
from bvinv.core.search.query import Filters
from bvinv.door import Call

app = typer.Typer(rich_markup_mode=None, add_completion=False)


def _from_zero(value: str) -> int:
    return text.quantity(value, what="number", minimum=0)


Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="QUERY", help="Words, or '\"a phrase\"'.", show_default=False),
]
Genre = Annotated[
    str | None, typer.Option("--genre", metavar="SLUG", help="A category and those below it.")
]
Author = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Words of a name, in order.")
]
MinPrice = Annotated[str | None, typer.Option("--min-price", metavar="9.99")]
MaxPrice = Annotated[str | None, typer.Option("--max-price", metavar="19.99")]
Currency = Annotated[
    str | None,
    typer.Option("--currency", metavar="CODE", help="Else prices compare as numbers."),
]
MinRating = Annotated[str | None, typer.Option("--min-rating", metavar="0..5")]
InStock = Annotated[
    bool | None,
    typer.Option(
        "--in-stock/--out-of-stock", help="Available, or a variant is.", show_default=False
    ),
]
After = Annotated[
    str | None,
    typer.Option("--published-after", metavar="DATE", help="1997, 1997-06 or a day, included."),
]
Before = Annotated[
    str | None, typer.Option("--published-before", metavar="DATE", help="The same, not included.")
]
Status = Annotated[
    str | None,
    typer.Option(
        "--status", metavar="STATUS", help="draft, active, discontinued or any; else no drafts."
    ),
]
Attributes = Annotated[
    list[str] | None,
    typer.Option("--attribute", metavar="K=V", help="Or K>=N, K<=N; may be repeated."),
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="FIELD",
        help="relevance, price, rating, publication-date, popularity, title; -FIELD descends.",
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", parser=_from_zero, metavar="N", help="Results, 0 to 1000.")
]
Offset = Annotated[
    int,
    typer.Option("--offset", parser=_from_zero, metavar="N", help="Leave out the first, to 10000."),
]
Facets = Annotated[
    bool, typer.Option("--facets", help="Count by genre, author, price, rating and so on.")
]
Suggest = Annotated[
    str | None, typer.Option("--suggest", metavar="PREFIX", help="Complete what is typed.")
]
Reindex = Annotated[
    bool, typer.Option("--reindex", help="Build the index anew; it does so itself if need be.")
]


@door.shows(app)
def search(
    call: Call,
    query: Words = None,
    genre: Genre = None,
    author: Author = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    currency: Currency = None,
    min_rating: MinRating = None,
    in_stock: InStock = None,
    published_after: After = None,
    published_before: Before = None,
    status: Status = None,
    attribute: Attributes = None,
    sort: Sort = "relevance",
    limit: Limit = 20,
    offset: Offset = 0,
    facets: Facets = False,
    suggest: Suggest = None,
    reindex: Reindex = False,
) -> None:
    """Find products by words, a part of one, SKU, ISBN or barcode.

    All words count, in any field; the last may be incomplete, and small typing mistakes are
    forgiven. Without words, lists all that the filters leave.

    Example: bvinv search harry poter --in-stock --max-price 20 --facets
    """
    filters = Filters(
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
        attributes=attribute or (),
    )
    if reindex or suggest is not None:
        if query or filters != Filters() or facets or offset or sort != "relevance":
            raise InvalidInput("--suggest and --reindex take no query, filter, sort or facets")
        _other(call, suggest, reindex, limit)
        return
    index = _index(call)
    found = call.read(
        lambda session: core_search.search(
            session,
            index,
            query=" ".join(query or ()),
            filters=filters,
            sort=sort,
            limit=limit,
            offset=offset,
            facets=facets,
        )
    )
    _show(call, found, offset)


def _other(call: Call, suggest: str | None, reindex: bool, limit: int) -> None:
    """Suggest, or build the index anew."""
    index = _index(call)
    if reindex and suggest is not None:
        raise InvalidInput("--reindex and --suggest are two things; ask for one")
    if reindex:
        call.show(call.read(index.rebuild))
        return
    most = min(limit, core_search.MOST_SUGGESTIONS)
    rows = call.read(
        lambda session: core_search.suggest(session, index, prefix=suggest or "", limit=most)
    )
    call.page(rows, SuggestionRow)


def _index(call: Call) -> Index:
    settings = door.settings()
    folder = state.folder(call.database, chosen=settings.search_dir, cache=settings.search_cache())
    return Index(
        folder,
        patience=call.database.patience,
        on_build=lambda: output.progress("indexing"),
    )


def _show(call: Call, found: SearchRow, offset: int) -> None:
    """Print the results; for people, facets below them and the rest on stderr."""
    if call.format is output.Format.json:
        call.show(found)
        return
    if found.results or not found.facets:
        call.page(found.results, HitRow)
    if call.is_for_people and found.facets:
        record = found.record()["facets"]
        shown = {name: rows for name, rows in record.items() if rows}
        call.print({"total": found.total} | shown, None)
    if found.relaxed == "spelling":
        output.note("also found: words that are spelled like these")
    elif found.relaxed == "words":
        output.note("nothing has all of these words; shown: what has some of them")
    last = offset + len(found.results)
    if not found.results:
        output.note(f"{found.total:,} found")
        return
    more = f"; more: --offset {last}" if last < found.total else ""
    output.note(f"{offset + 1:,} to {last:,} of {found.total:,}{more}")
