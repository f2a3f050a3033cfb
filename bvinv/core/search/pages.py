"""Pages of results in a total order: the same on every page, whatever the index's segments.

tantivy breaks ties by where documents happen to lie; here they are broken by product id.
"""

from itertools import groupby
from typing import Any, NamedTuple

from tantivy import Occur, Order, Query

from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.search.query import all_of, between

SORTS = {
    "relevance": "",
    "price": "price",
    "rating": "rating",
    "publication-date": "published",
    "popularity": "popularity",
    "title": "whole",
}
_RANK = "rank"  # what relevance means where nothing is asked for: sold, then rated
_MORE = 30  # hits looked at beyond a page, which are enough for most groups of equals
MOST_OFFSET = 10_000
MOST_LIMIT = 1000


class Page(NamedTuple):
    """How many results there are, and the ids of some with their scores, if they have any."""

    total: int
    ids: list[int]
    scores: list[float | None]


def order(sort: str, *, is_query: bool) -> tuple[str, bool]:
    """Return the field to sort by ("" is the score), and whether it descends. Raises InvalidInput.

    Without a query nothing is more relevant than anything; the best sold come first.
    """
    name = sort.removeprefix("-")
    if name not in SORTS or sort == "-relevance":
        raise InvalidInput(f"results are sorted by {', '.join(SORTS)}, not {text.quoted(sort)}")
    if name == "relevance":
        return "" if is_query else _RANK, True
    return SORTS[name], sort.startswith("-")


def page(
    searcher: Any,
    schema: Any,
    query: Query,
    *,
    field: str,
    descending: bool,
    offset: int,
    limit: int,
) -> Page:
    """Return a page. What has no value to sort by comes last, in both directions."""
    end = offset + limit
    if limit == 0:
        return Page(int(searcher.search(query, 1).count), [], [])
    if field:
        total, found = _by_field(searcher, schema, query, field, descending, end)
        ids = [number for number, _ in found[offset:end]]
        return Page(total, ids, [None] * len(ids))
    total, found = _by_score(searcher, query, end)
    shown = found[offset:end]
    return Page(total, [number for number, _ in shown], [score for _, score in shown])


def _by_score(searcher: Any, query: Query, end: int) -> tuple[int, list[tuple[int, Any]]]:
    wanted = end + _MORE
    while True:
        result = searcher.search(query, wanted, weight_by_field="weight")
        hits = result.hits
        # The last group of equals has to be whole before it can be put in order.
        if len(hits) < wanted or hits[-1][0] != hits[end - 1][0]:
            return int(result.count), _ordered(searcher, hits)[:end]
        wanted = 4 * wanted + 100


def _by_field(
    searcher: Any, schema: Any, query: Query, field: str, descending: bool, end: int
) -> tuple[int, list[tuple[int, Any]]]:
    direction = Order.Desc if descending else Order.Asc
    result = searcher.search(query, end + 1, order_by_field=field, order=direction)
    hits = result.hits
    if len(hits) <= end or hits[-1][0] != hits[end - 1][0]:
        return int(result.count), _ordered(searcher, hits)
    value = hits[-1][0]
    certain = [hit for hit in hits if hit[0] != value]
    equals = searcher.search(
        all_of(query, _equal(schema, field, value)),
        end - len(certain),
        order_by_field="id",
        order=Order.Asc,
    )
    tied = [(number, value) for number, _ in equals.hits]
    return int(result.count), _ordered(searcher, certain) + tied


def _ordered(searcher: Any, hits: list[tuple[Any, Any]]) -> list[tuple[int, Any]]:
    """Return ids and keys; hits with equal keys by id."""
    ids = searcher.fast_field_values("id", [place for _, place in hits])
    found: list[tuple[int, Any]] = []
    for key, equals in groupby(zip(ids, hits, strict=True), key=lambda one: one[1][0]):
        found += [(number, key) for number in sorted(number for number, _ in equals)]
    return found


def _equal(schema: Any, field: str, value: Any) -> Query:
    if value is None:
        missing = (Occur.MustNot, Query.exists_query(field))
        return Query.boolean_query([(Occur.Must, Query.all_query()), missing])
    if isinstance(value, str):
        return Query.term_query(schema, field, value, "basic")
    return between(schema, field, value, value)
