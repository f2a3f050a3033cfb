"""Queries and filters, put together from words; nothing that a user types is ever parsed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tantivy import FieldType, Occur, Query

from bvinv.core import dates, money, product_fields, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.product import STATUSES
from bvinv.core.search import documents
from bvinv.core.search import words as search_text
from bvinv.core.search.documents import PRICE_PARTS, SEPARATOR
from bvinv.core.search.words import Chunk

Parts = Sequence[tuple[Occur, Query]]

_FIELDS = {"title": 3.0, "author": 2.0, "keywords": 1.0, "description": 0.4}
_ALSO = 0.1  # of what the other fields score counts too
_SPELLED = {
    "title": 2.0,
    "author": 1.6,
    "keywords": 0.6,
}  # where begun and misspelt words are found
_BEGUN, _ONE_OFF, _TWO_OFF = 1.5, 1.0, 0.5  # of those
_SHORTEST_BEGUN = 2
_ONE_EDIT, _TWO_EDITS, _LONGEST_MISSPELT = 4, 8, 60  # letters
_CODE, _IN_ORDER = 200.0, 3.0
# The title; the title without its series; without its subtitle or article, too.
_TITLES = {"whole": 100.0, "main": 60.0, "short": 30.0}
_NEARLY = 0.3  # of what a whole title counts, if it is misspelt
_CONDITION = re.compile(r"([^<>=]+)(>=|<=|=|>|<)(.*)", re.DOTALL)
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,4})0*)?")
_CATEGORY = Sql("SELECT id FROM category WHERE slug = :slug")


@dataclass(frozen=True, slots=True)
class Filters:
    """What results have to fulfil, as people say it; None and nothing leave all in.

    `published_after` includes the date, `published_before` does not. A status is one of three, or
    `any`; without one drafts are left out. `attributes` are `name=value`, or `>=`, `<=`, `>`, `<`
    for numbers, and all have to hold.
    """

    genre: str | None = None
    author: str | None = None
    min_price: str | None = None
    max_price: str | None = None
    currency: str | None = None
    min_rating: str | None = None
    in_stock: bool | None = None
    published_after: str | None = None
    published_before: str | None = None
    status: str | None = None
    attributes: Sequence[str] = ()


# --- Filters ------------------------------------------------------------------------------------


def conditions(session: Session, searcher: Any, schema: Any, filters: Filters) -> dict[str, Query]:
    """Return the filters as queries, by the facet that each belongs to.

    `drafts` is no filter that anybody chose, and the facet of the statuses counts under it.

    Raises NotFound for a genre that is not there, InvalidInput for what cannot be read.
    """
    found = {}
    if filters.status is None:
        found["drafts"] = Query.term_query(schema, "status", "draft", "basic")
    elif filters.status != "any":
        found["status"] = _status(schema, filters.status)
    if filters.genre is not None:
        found["genre"] = Query.term_query(schema, "genre", _genre(session, filters.genre), "basic")
    if filters.author is not None:
        found["author"] = _author(schema, filters.author)
    if filters.currency is not None:
        code = money.currency(filters.currency)
        found["currency"] = Query.term_query(schema, "currency", code, "basic")
    lowest, highest = _price(filters.min_price), _price(filters.max_price)
    if lowest is not None or highest is not None:
        found["price"] = between(schema, "price", lowest, highest)
    if filters.min_rating is not None:
        rating = product_fields.rating(filters.min_rating)
        found["rating"] = between(schema, "rating", rating, None)
    if filters.in_stock is not None:
        stocked = int(filters.in_stock)
        found["availability"] = between(schema, "in_stock", stocked, stocked)
    first, last = (
        None if one is None else dates.parse(one)
        for one in (filters.published_after, filters.published_before)
    )
    if first is not None or last is not None:
        before = None if last is None else last - 1
        found["published"] = between(schema, "published", first, before)
    for place, condition in enumerate(filters.attributes):
        found[f"attribute {place}"] = _attribute(searcher, schema, condition)
    return {name: Query.const_score_query(query, 0.0) for name, query in found.items()}


def between(schema: Any, field: str, lowest: int | None, highest: int | None) -> Query:
    """Return the query for values from lowest to highest, both included."""
    return Query.range_query(schema, field, FieldType.Integer, lowest, highest)


def under(words: Parts, conditions: Mapping[str, Query]) -> Query:
    """Return the query for what has the words and fulfils the conditions.

    All in one level: a query within a query takes a quarter longer.
    """
    parts = [*words]
    for name, query in conditions.items():
        parts.append((Occur.MustNot if name == "drafts" else Occur.Must, query))
    return Query.boolean_query(parts)


def must(query: Query) -> Parts:
    """Return the one part of a query that is nothing else."""
    return [(Occur.Must, query)]


def all_of(*queries: Query) -> Query:
    """Return the query that every one of these has to fulfil."""
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def any_of(*queries: Query) -> Query:
    """Return the query that one of these has to fulfil; the scores are added up."""
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _status(schema: Any, status: str) -> Query:
    if status not in STATUSES:
        raise InvalidInput(
            f"the status is one of {', '.join(STATUSES)}, any, not {text.quoted(status)}"
        )
    return Query.term_query(schema, "status", status, "basic")


def _genre(session: Session, name: str) -> str:
    wanted = product_fields.slug(name)
    if not session.ask(_CATEGORY, slug=wanted):
        raise NotFound(
            f"there is no category {wanted}",
            hint="see: bvinv products category list",
            category=wanted,
        )
    return wanted


def _author(schema: Any, name: str) -> Query:
    found = search_text.words(text.line(name, what="author", maximum=1000))
    if not found:
        return Query.empty_query()
    if len(found) == 1:
        return Query.term_query(schema, "author", found[0], "basic")
    return Query.phrase_query(schema, "author", list(found))


def _price(amount: str | None) -> int | None:
    if amount is None:
        return None
    found = _AMOUNT.fullmatch(amount.strip()) if amount.isascii() else None
    if not found:
        raise InvalidInput(
            f"{text.quoted(amount)} is not a price", hint="write it like 12.99, without currency"
        )
    whole, fraction = found.groups(default="")
    return int(whole) * PRICE_PARTS + int(fraction.ljust(4, "0"))


def _attribute(searcher: Any, schema: Any, condition: str) -> Query:
    found = _CONDITION.fullmatch(condition)
    if not found or not found[1].strip():
        raise InvalidInput(
            f"{text.quoted(condition)} is not a condition",
            hint="write NAME=VALUE, or NAME>=NUMBER, NAME<=NUMBER",
        )
    name, sign, value = found[1].strip(), found[2], found[3].strip()
    text.line(f"{name}={value}", what="condition", maximum=1000)
    if sign == "=":
        return Query.term_query(schema, "facts", documents.fact(name, value), "basic")
    bound = documents.number(value)
    if bound is None:
        raise InvalidInput(f"{text.quoted(value)} is not a number", hint=f"write {name}{sign}300")
    prefix = f"{search_text.fold(name)}{SEPARATOR}#"
    fits = {
        ">=": bound.__le__,
        "<=": bound.__ge__,
        ">": bound.__lt__,
        "<": bound.__gt__,
    }[sign]
    terms = [term for term, _ in searcher.terms_with_prefix("facts", prefix)]
    wanted = [term for term in terms if fits(float(term.removeprefix(prefix)))]
    return Query.term_set_query(schema, "facts", wanted) if wanted else Query.empty_query()


# --- Words --------------------------------------------------------------------------------------


class Asked:
    """A query taken apart, as the levels of strictness put it together."""

    def __init__(self, schema: Any, query: str) -> None:
        """Take the query apart."""
        self.schema = schema
        self.chunks = search_text.chunks(query)
        self.is_empty = not query.strip()
        self._code = search_text.code(query[:100])
        said = query[: search_text.MOST_CHARACTERS]
        self._whole = " ".join(search_text.words(said))

    def exactly(self) -> Parts:
        """Return the query for what has all the words, the last one perhaps only begun."""
        return self._found(self._each(spelled=False), spelled=False)

    def misspelt(self) -> Parts:
        """Return the query for what has all the words, or such as are spelled like them."""
        return self._found(self._each(spelled=True), spelled=True)

    def partly(self, least: int) -> Parts:
        """Return the query for what has so many of the words, or such as are spelled like them."""
        parts = [(Occur.Should, query) for query in self._each(spelled=True)]
        return must(Query.boolean_query(parts, minimum_number_should_match=least))

    def named(self) -> Parts:
        """Return the query for what has exactly this title or code."""
        whole = self._const("whole", self._whole, _TITLES["whole"])
        return must(any_of(whole, self._const("code", self._code, _CODE)))

    def _found(self, parts: list[Query], *, spelled: bool) -> Parts:
        if not parts:
            return must(self._const("code", self._code, _CODE))
        words = [word for chunk in self.chunks for word in chunk.words]
        optional = [self._const(field, self._whole, score) for field, score in _TITLES.items()]
        if spelled and _ONE_EDIT <= len(self._whole) <= _LONGEST_MISSPELT:
            edits = 1 if len(self._whole) < _TWO_EDITS else 2
            for field, score in _TITLES.items():
                like = Query.fuzzy_term_query(self.schema, field, self._whole, edits)
                optional.append(Query.const_score_query(like, score * _NEARLY))
        if 1 < len(words) <= search_text.MOST_WORDS:
            in_order = Query.phrase_query(self.schema, "title", list(words))
            optional.append(Query.boost_query(in_order, _IN_ORDER))
        # A code with spaces in it is more than one part, and none of them alone.
        either = parts[0]
        if len(parts) > 1:
            either = any_of(all_of(*parts), self._const("code", self._code, _CODE))
        return [*must(either), *((Occur.Should, query) for query in optional)]

    def _each(self, *, spelled: bool) -> list[Query]:
        last = len(self.chunks) - 1
        return [
            self._chunk(chunk, is_last=place == last, spelled=spelled)
            for place, chunk in enumerate(self.chunks)
        ]

    def _chunk(self, chunk: Chunk, *, is_last: bool, spelled: bool) -> Query:
        ways = []
        if chunk.is_phrase:
            ways += [
                Query.boost_query(Query.phrase_query(self.schema, field, list(chunk.words)), weight)
                for field, weight in _FIELDS.items()
            ]
        elif chunk.words:
            ends = len(chunk.words) - 1
            parts = [
                self._word(
                    word, is_begun=is_last and place == ends and bool(chunk.code), spelled=spelled
                )
                for place, word in enumerate(chunk.words)
            ]
            ways.append(parts[0] if len(parts) == 1 else all_of(*parts))
        if chunk.joined:
            ways.append(self._word(chunk.joined, is_begun=is_last, spelled=spelled))
        if chunk.code:
            ways.append(self._const("code", chunk.code, _CODE))
            if is_last and len(chunk.code) >= _ONE_EDIT and not chunk.code.isalpha():
                begun = Query.fuzzy_term_query(self.schema, "code", chunk.code, 0, True, True)
                ways.append(Query.boost_query(begun, 1.0))
        return ways[0] if len(ways) == 1 else any_of(*ways)

    def _word(self, word: str, *, is_begun: bool, spelled: bool) -> Query:
        """Return the query for a word: best in the title, less so in the description."""
        ways = [
            Query.boost_query(Query.term_query(self.schema, field, word, "freq"), weight)
            for field, weight in _FIELDS.items()
        ]
        if len(word) > _LONGEST_MISSPELT:
            return Query.disjunction_max_query(ways, _ALSO)
        if is_begun and len(word) >= _SHORTEST_BEGUN:
            ways += self._like(word, 0, _BEGUN, begun=True)
        if spelled and len(word) >= _ONE_EDIT and not any(map(str.isdigit, word)):
            ways += self._like(word, 1, _ONE_OFF)
            if len(word) >= _TWO_EDITS:
                ways += self._like(word, 2, _TWO_OFF)
        return Query.disjunction_max_query(ways, _ALSO)

    def _like(self, word: str, edits: int, factor: float, *, begun: bool = False) -> list[Query]:
        return [
            Query.boost_query(
                Query.fuzzy_term_query(self.schema, field, word, edits, True, begun),
                weight * factor,
            )
            for field, weight in _SPELLED.items()
        ]

    def _const(self, field: str, term: str, score: float) -> Query:
        if not term:
            return Query.empty_query()
        return Query.const_score_query(Query.term_query(self.schema, field, term, "basic"), score)
