"""Search: what was asked for, best first, with facets; and suggestions while somebody types."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

from tantivy import Occur, Query

from bvinv.core import product_rows, text
from bvinv.core.db import Session, Sql
from bvinv.core.models.search import FacetRow, HitRow, SearchRow, SuggestionRow
from bvinv.core.search import facets as search_facets
from bvinv.core.search import pages
from bvinv.core.search import query as search_query
from bvinv.core.search import words as search_text
from bvinv.core.search.documents import authors
from bvinv.core.search.index import Index
from bvinv.core.search.pages import MOST_LIMIT, MOST_OFFSET, Page
from bvinv.core.search.query import Asked, Filters, Parts, under
from bvinv.core.search.snippets import Marker

_FEW = 3  # results; fewer, and other spellings are shown too
_MOST_SUGGESTIONS = 10
_LOOKED_AT = 40  # products, from which suggestions are taken
_SHORTEST_CODE = 3
_NAMES = Sql("SELECT id, sku, isbn, title, author FROM product WHERE id IN :ids")

Relaxed = Literal["spelling", "words"] | None


class _Found(NamedTuple):
    page: Page
    facets: dict[str, list[FacetRow]]
    relaxed: Relaxed
    asked: Asked


def search(
    session: Session,
    index: Index,
    *,
    query: str = "",
    filters: Filters | None = None,
    sort: str = "relevance",
    limit: int = 20,
    offset: int = 0,
    facets: bool = False,
) -> SearchRow:
    """Return a page of what matches every word and every filter; without words, everything.

    Any text is a query. Only its first 2,000 characters and 32 words count; the last word may be
    incomplete. Where fewer than three products match, words spelled like them count too; where
    none does, products with some of the words. `limit` is 0 (to count) to 1000, `offset` 0 to
    10,000. Raises InvalidInput, NotFound for an unknown genre, Busy, NotPermitted.
    """
    text.quantity(limit, what="limit", minimum=0, maximum=MOST_LIMIT)
    text.quantity(offset, what="offset", minimum=0, maximum=MOST_OFFSET)
    field, descending = pages.order(sort, is_query=bool(query.strip()))

    def question(searcher: Any, schema: Any) -> _Found:
        asked = Asked(schema, query)
        conditions = search_query.conditions(session, searcher, schema, filters or Filters())

        def page(words: Parts) -> Page:
            return pages.page(
                searcher,
                schema,
                under(words, conditions),
                field=field,
                descending=descending,
                offset=offset,
                limit=limit,
            )

        def count(words: Parts) -> int:
            return int(searcher.search(under(words, conditions), 1).count)

        if asked.is_empty:
            words = search_query.must(Query.all_query())
            found, relaxed = page(words), None
        else:
            words, found, relaxed = _strictest(asked, page, count)
        counts = search_facets.facets(searcher, words, conditions) if facets else {}
        return _Found(found, counts, relaxed, asked)

    found = index.ask(session, question)
    return SearchRow(
        total=found.page.total,
        results=_hits(session, found),
        facets=found.facets,
        relaxed=found.relaxed,
    )


def _strictest(
    asked: Asked, page: Callable[[Parts], Page], count: Callable[[Parts], int]
) -> tuple[Parts, Page, Relaxed]:
    """Return the strictest query that finds something, its page, and what it had to give up."""
    exactly = asked.exactly()
    found = page(exactly)
    if found.total >= _FEW or not asked.chunks or count(asked.named()):
        return exactly, found, None
    misspelt = asked.misspelt()
    wider = page(misspelt)
    if wider.total:
        return (
            (misspelt, wider, "spelling") if wider.total > found.total else (exactly, found, None)
        )
    for least in range(len(asked.chunks) - 1, (len(asked.chunks) - 1) // 2, -1):
        partly = asked.partly(least)
        some = page(partly)
        if some.total:
            return partly, some, "words"
    return exactly, found, None


def _hits(session: Session, found: _Found) -> list[HitRow]:
    ids = found.page.ids
    if not ids:
        return []
    scores = dict(zip(ids, found.page.scores, strict=True))
    available = product_rows.available(session, ids)
    marker = Marker(found.asked.chunks, spelled=found.relaxed is not None)
    hits = []
    for row in product_rows.rows(session, ids):
        score = scores[row.id]
        hits.append(
            HitRow.model_construct(
                **row.__dict__,
                available=available.get(row.id, 0),
                score=None if score is None else round(score, 3),
                snippet=marker.snippet(row),
            )
        )
    return hits


def suggest(
    session: Session, index: Index, *, prefix: str, limit: int = _MOST_SUGGESTIONS
) -> list[SuggestionRow]:
    """Return what somebody who types this may mean, at most 10: titles, authors, SKUs, ISBNs.

    Each word may be incomplete. What begins with the prefix or has its words side by side comes
    first, then what sells best and is rated best. Drafts are not suggested. Raises InvalidInput,
    Busy, NotPermitted.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=_MOST_SUGGESTIONS)
    typed = search_text.words(prefix[: search_text.MOST_CHARACTERS])[: search_text.MOST_WORDS]
    code = search_text.code(prefix[:100])

    def question(searcher: Any, schema: Any) -> tuple[list[int], list[int], list[int]]:
        hidden = {"drafts": Query.term_query(schema, "status", "draft", "basic")}

        def best(*queries: Query) -> list[int]:
            wanted = under([(Occur.Must, query) for query in queries], hidden)
            result = searcher.search(wanted, _LOOKED_AT, count=False, order_by_field="rank")
            ids = searcher.fast_field_values("id", [place for _, place in result.hits])
            return list(ids)

        titles = best(*(_begun(schema, "title", word) for word in typed)) if typed else []
        names = best(*(_begun(schema, "author", word) for word in typed)) if typed else []
        codes = []
        if len(code) >= _SHORTEST_CODE and not prefix.strip().isalpha():
            codes = best(Query.fuzzy_term_query(schema, "code", code, 0, True, True))
        return titles, names, codes

    titles, names, codes = index.ask(session, question)
    wanted = {*titles, *names, *codes}
    rows = {row.id: row for row in session.ask(_NAMES, ids=list(wanted))} if wanted else {}
    return list(islice(_suggestions(rows, typed, code, titles, names, codes), limit))


def _begun(schema: Any, field: str, word: str) -> Query:
    """Return the query for a word that begins so: short beginnings are words of the index."""
    if len(word) <= 2:
        return Query.term_query(schema, f"{field}_begins", word, "basic")
    return Query.fuzzy_term_query(schema, field, word, 0, True, True)


def _suggestions(
    rows: dict[int, Any],
    typed: list[str],
    code: str,
    titles: list[int],
    names: list[int],
    codes: list[int],
) -> Iterator[SuggestionRow]:
    """Yield suggestions without repetition: codes, then titles and authors as they rank."""
    for row in (rows[number] for number in codes if number in rows):
        if search_text.code(row.sku).startswith(code):
            yield SuggestionRow(kind="sku", text=row.sku, sku=row.sku)
        elif row.isbn:
            yield SuggestionRow(kind="isbn", text=row.isbn, sku=row.sku)
    said = " ".join(typed)
    found: dict[tuple[str, str], tuple[int, int, str, str | None]] = {}

    def add(kind: str, place: int, shown: str, words: list[str], sku: str | None) -> None:
        plain = " ".join(words)
        begins = 0 if plain.startswith(said) else 1 if f" {said}" in plain else 2
        found.setdefault((kind, plain), (begins, place, shown, sku))

    for place, number in enumerate(titles):
        if number in rows:
            title = rows[number].title
            add("title", place, title, search_text.words(title), rows[number].sku)
    seen = set()
    for place, number in enumerate(names):
        for name in authors(rows[number].author) if number in rows else ():
            if name not in seen:
                seen.add(name)
                words = search_text.words(name)
                if all(any(word.startswith(part) for word in words) for part in typed):
                    add("author", place, name, words, None)
    ranked = sorted(((*about, kind) for (kind, _), about in found.items()), key=lambda one: one[:2])
    for _, _, shown, sku, kind in ranked:
        yield SuggestionRow.model_validate({"kind": kind, "text": shown, "sku": sku})
