"""Facets: how many results each value would leave, counted under the other filters.

Who has chosen a genre still sees what other genres have; under its own filter each facet would
only count what is shown.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tantivy import Query

from bvinv.core.models.search import FACETS, FacetRow
from bvinv.core.search.documents import PRICE_PARTS
from bvinv.core.search.query import Parts, under

MOST_VALUES = 20
_OPEN = ("genre", "author")  # which have any number of values
_LOOKED_AT = MOST_VALUES + 10  # to see whether values are tied where they are cut off
_EVERY = 65_000  # terms of a segment; fewer, and counts over segments would be guesses
_PRICES = [step * 10**power for power in range(6) for step in (1, 2, 5)]
_RATINGS = (1, 2, 3, 4)


def facets(
    searcher: Any, words: Parts, conditions: Mapping[str, Query]
) -> dict[str, list[FacetRow]]:
    """Return every facet, its values by count and then by name; ranges stand in their order.

    Of genres and authors the 20 most frequent. A rating of 4 counts as 3+ too.
    """
    shared = [name for name in FACETS if name not in conditions]
    counted = {}
    if shared:
        counted = _counts(searcher, under(words, conditions), shared)
    for name in FACETS:
        if name in conditions:
            others = {other: query for other, query in conditions.items() if other != name}
            counted |= _counts(searcher, under(words, others), [name])
    return {name: counted[name] for name in FACETS}


def _counts(searcher: Any, query: Query, names: list[str]) -> dict[str, list[FacetRow]]:
    every = searcher.num_segments > 1
    found = searcher.aggregate(query, {name: _aggregation(name, every=every) for name in names})
    for name in names:
        buckets = found[name]["buckets"]
        if name in _OPEN and len(buckets) == _LOOKED_AT and _is_tied(buckets):
            all_values = {name: _aggregation(name, every=True, size=_EVERY)}
            found[name] = searcher.aggregate(query, all_values)[name]
    return {name: _rows(name, found[name]["buckets"]) for name in names}


def _is_tied(buckets: list[dict[str, Any]]) -> bool:
    """Tell whether values that were cut off may belong before some that were not, by name."""
    return bool(buckets[-1]["doc_count"] == buckets[MOST_VALUES - 1]["doc_count"])


def _aggregation(name: str, *, every: bool, size: int = _LOOKED_AT) -> dict[str, Any]:
    match name:
        case "price":
            edges = [one * PRICE_PARTS for one in _PRICES]
        case "rating":
            edges = [one * 100 for one in _RATINGS]
        case "availability":
            return {"terms": {"field": "in_stock"}}
        case _:
            field = "authors" if name == "author" else name
            within = _EVERY if every else size
            return {"terms": {"field": field, "size": size, "segment_size": within}}
    ranges = [{"to": edges[0]}, {"from": edges[-1]}]
    ranges += [{"from": low, "to": high} for low, high in pairwise(edges)]
    return {"range": {"field": name, "ranges": ranges}}


def _rows(name: str, buckets: list[dict[str, Any]]) -> list[FacetRow]:
    match name:
        case "price":
            return _price_rows(buckets)
        case "rating":
            return _rating_rows(buckets)
        case "availability":
            said = {0: "out-of-stock", 1: "in-stock"}
            counts = {said[int(one["key"])]: one["doc_count"] for one in buckets}
        case _:
            counts = {one["key"]: one["doc_count"] for one in buckets}
    rows = [FacetRow(value=value, count=count) for value, count in counts.items() if count]
    return sorted(rows, key=lambda row: (-row.count, row.value))[:MOST_VALUES]


def _price_rows(buckets: list[dict[str, Any]]) -> list[FacetRow]:
    """Return ranges such as 5-10, from 5 to less than 10, in any currency."""
    rows = []
    for one in sorted(buckets, key=lambda bucket: bucket.get("from", -1)):
        low, high = (round(one.get(end, 0) / PRICE_PARTS) for end in ("from", "to"))
        if one["doc_count"]:
            value = f"{low}-{high}" if high else f"{low}+"
            rows.append(FacetRow(value=value, count=one["doc_count"]))
    return rows


def _rating_rows(buckets: list[dict[str, Any]]) -> list[FacetRow]:
    least = {round(one.get("from", 0) / 100): one["doc_count"] for one in buckets}
    rows = [
        FacetRow(value=f"{stars}+", count=sum(n for low, n in least.items() if low >= stars))
        for stars in reversed(_RATINGS)
    ]
    return [row for row in rows if row.count]
