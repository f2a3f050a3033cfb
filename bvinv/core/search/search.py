"""Search: what was asked for, best first, with facets; and suggestions while somebody types."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

from tantivy import Occur, Query

from bvinv.core import product_rows, text
from bvinv.core.db import Session, Sql
from bvinv.core.models.search import FacetRow, HitRow, SearchRow, SuggestionRow
from bvinv.core.search import facets as search_facets
from bvinv.core.search import families, pages
from bvinv.core.search import query as search_query
from bvinv.core.search import words as search_text
from bvinv.core.search.documents import authors
from bvinv.core.search.index import Index
from bvinv.core.search.pages import MOST_LIMIT, MOST_OFFSET, Page
from bvinv.core.search.query import Asked, Filters, Parts, under
from bvinv.core.search.snippets import Marker

_FEW = 3  # results; fewer, and other spellings are shown too
MOST_SUGGESTIONS = 10
_LOOKED_AT = 40  # products, from which suggestions are taken
_SHORTEST_CODE = 3
_RANGE = """
    SELECT id FROM product WHERE {name} >= :first AND {name} < :last AND status <> 'draft'
     ORDER BY {name} LIMIT :most
"""
_SKUS, _ISBNS = Sql(_RANGE.format(name="sku_key")), Sql(_RANGE.format(name="isbn"))
_NAMES = Sql("SELECT id, sku, isbn, title, author FROM product WHERE id IN :ids")

Relaxed = Literal["spelling", "words"] | None


class _Found(NamedTuple):
    words: Parts
    page: Page
    relaxed: Relaxed


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
    on_stale: Callable[[], None] = lambda: None,
) -> SearchRow:
    """Return a page of what matches every word and every filter; without words, everything.

    Any text is a query. Only its first 2,000 characters and 32 words count; the last word may be
    incomplete. Where fewer than three products match, words spelled like them count too; where
    none does, products with some of the words. `limit` is 0 (to count) to 1000, `offset` 0 to
    10,000; for `on_stale` see `Index.ask`. Raises InvalidInput, NotFound for an unknown genre,
    Busy, NotPermitted.
    """
    text.quantity(limit, what="limit", minimum=0, maximum=MOST_LIMIT)
    text.quantity(offset, what="offset", minimum=0, maximum=MOST_OFFSET)
    field, descending = pages.order(sort, is_query=bool(query.strip()))

    def question(searcher: Any, schema: Any) -> SearchRow:
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

        def counts(words: Parts) -> dict[str, list[FacetRow]]:
            return search_facets.facets(searcher, words, conditions)

        exactly = search_query.must(Query.all_query()) if asked.is_empty else asked.exactly()
        counting = _Counting(lambda: counts(exactly)) if facets else None
        found = _strictest(asked, exactly, page, count)
        results = _hits(session, asked, found)
        counted = {}
        if counting:
            counted = counting.done() if found.words is exactly else counts(found.words)
        return SearchRow(
            total=found.page.total, results=results, facets=counted, relaxed=found.relaxed
        )

    return index.ask(session, question, on_stale)


class _Counting(threading.Thread):
    """Counts while results are found and read, which takes as long: tantivy leaves Python free."""

    def __init__(self, count: Callable[[], dict[str, list[FacetRow]]]) -> None:
        """Begin."""
        super().__init__(daemon=True)
        self._count = count
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Count; an error is kept for whoever asks."""
        try:
            self._counted = self._count()
        except BaseException as error:  # tantivy panics, too
            self._error = error

    def done(self) -> dict[str, list[FacetRow]]:
        """Wait for the end and return what was counted."""
        self.join()
        if self._error:
            raise self._error
        return self._counted


def _strictest(
    asked: Asked, exactly: Parts, page: Callable[[Parts], Page], count: Callable[[Parts], int]
) -> _Found:
    """Return the strictest query that finds something, its page, and what it had to give up."""
    found = _Found(exactly, page(exactly), None)
    if found.page.total >= _FEW or not asked.chunks or count(asked.named()):
        return found
    misspelt = asked.misspelt()
    wider = _Found(misspelt, page(misspelt), "spelling")
    if wider.page.total:
        return wider if wider.page.total > found.page.total else found
    for least in range(len(asked.chunks) - 1, (len(asked.chunks) - 1) // 2, -1):
        partly = asked.partly(least)
        some = _Found(partly, page(partly), "words")
        if some.page.total:
            return some
    return found


def _hits(session: Session, asked: Asked, found: _Found) -> list[HitRow]:
    ids = found.page.ids
    if not ids:
        return []
    scores = dict(zip(ids, found.page.scores, strict=True))
    available = families.available(session, ids)
    marker = Marker(asked.chunks, spelled=found.relaxed is not None)
    hits = []
    for row in product_rows.rows(session, ids):
        score = scores[row.id]
        hits.append(
            HitRow(
                **row.__dict__,
                available=available.get(row.id, 0),
                score=None if score is None else round(score, 3),
                snippet=marker.snippet(row),
            )
        )
    return hits


def suggest(
    session: Session,
    index: Index,
    *,
    prefix: str,
    limit: int = MOST_SUGGESTIONS,
    on_stale: Callable[[], None] = lambda: None,
) -> list[SuggestionRow]:
    """Return what somebody who types this may mean, at most 10: titles, authors, SKUs, ISBNs.

    Each word may be incomplete. What begins with the prefix or has its words side by side comes
    first, then what sells best and is rated best. Drafts are not suggested. Raises InvalidInput,
    Busy, NotPermitted.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=MOST_SUGGESTIONS)
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
            codes = _beginning(session, prefix[:100], code)
            codes = codes or best(Query.fuzzy_term_query(schema, "code", code, 0, True, True))
        return titles, names, codes

    titles, names, codes = index.ask(session, question, on_stale)
    wanted = {*titles, *names, *codes}
    rows = {row.id: row for row in session.ask(_NAMES, ids=list(wanted))} if wanted else {}
    return list(islice(_suggestions(rows, typed, code, titles, names, codes), limit))


def _beginning(session: Session, prefix: str, code: str) -> list[int]:
    """Return products whose SKU or ISBN begins so, as it is written: the database has these in
    order, and need not visit all that begin alike."""
    ranges = ((_SKUS, text.key(prefix.strip())), (_ISBNS, code))
    return [
        row.id
        for statement, first in ranges
        if first.isprintable()
        for row in session.ask(
            statement, first=first, last=f"{first}\U0010ffff", most=MOST_SUGGESTIONS
        )
    ]


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
