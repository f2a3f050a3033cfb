"""What the index holds of a product: the schema, and products as documents of it."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import tantivy

from bvinv.core import money
from bvinv.core.db import Session, Sql
from bvinv.core.search import families
from bvinv.core.search import words as search_text

FORMAT = 2  # raised with every change of what is indexed, or how
# Prices in all currencies compare as numbers: in 1/10000 of a unit, which has at most 4 decimals.
PRICE_PARTS = 10_000
BATCH = 2000
SEPARATOR = "\x1f"
_KEYWORDS = ("keyword", "keywords", "tag", "tags", "subject", "subjects")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_PARENTHESIS = re.compile(r"\([^()]*\)$")
_HAS_SUBTITLE = re.compile("[-:–—]")
_SUBTITLE = re.compile(r"(?::|[-–—]\s).*", re.DOTALL)
_SUFFIXES = frozenset(("jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "phd", "ph.d.", "md", "m.d."))

_COLUMNS = """
    SELECT p.id, p.sku, p.sku_key, p.isbn, p.title, p.author, p.description, p.category_id
         , p.price, p.currency, p.status, p.publication_date, p.rating, p.popularity, p.attributes
         , p.variant_of
      FROM product AS p
"""
_NEXT = Sql(f"{_COLUMNS} WHERE p.id > :after ORDER BY p.id LIMIT :batch")
_BY_ID = Sql(f"{_COLUMNS} WHERE p.id IN :ids")
_BARCODES = Sql("SELECT product_id, code FROM barcode WHERE product_id IN :ids")
_SHELVES = Sql("SELECT id, slug, name, parent_id FROM category")
_COUNT = Sql("SELECT count(*) AS products FROM product")

_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Document(NamedTuple):
    """A product ready to be indexed; its stamp changes with anything in it."""

    id: int
    key: str
    stamp: int
    json: str


class Shelf(NamedTuple):
    """A category: its slug and those above it, and all their names."""

    slugs: list[str]
    names: str


def schema() -> Any:
    """Return the fields of the index. Nothing is stored: results are read from the database."""
    builder = tantivy.SchemaBuilder()
    for name in ("title", "author", "keywords", "description"):
        builder.add_text_field(name, tokenizer_name="whitespace")
    for name in ("title_begins", "author_begins"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in ("key", "code", "main", "short", "facts", "currency"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("genre", "authors", "status", "whole"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_integer_field("id", indexed=True, fast=True)
    for name in (
        "stamp",
        "price",
        "rating",
        "published",
        "popularity",
        "rank",
        "in_stock",
        "above",
    ):
        builder.add_integer_field(name, fast=True)
    builder.add_float_field("weight", fast=True)
    return builder.build()


def count(session: Session) -> int:
    """Return how many products there are."""
    [row] = session.ask(_COUNT)
    return int(row.products)


def every(session: Session) -> Iterator[list[Document]]:
    """Yield all products as documents, a batch at a time, by id."""
    known = shelves(session)
    last = 0
    while rows := session.ask(_NEXT, after=last, batch=BATCH):
        yield _documents(session, rows, known)
        last = rows[-1].id


def some(session: Session, ids: Iterable[int]) -> Iterator[Document]:
    """Yield these products as documents, without those that are not there."""
    known = shelves(session)
    wanted = sorted(ids)
    for first in range(0, len(wanted), BATCH):
        yield from _documents(
            session, session.ask(_BY_ID, ids=wanted[first : first + BATCH]), known
        )


def shelves(session: Session) -> dict[int, Shelf]:
    """Return every category by id."""
    rows = {row.id: row for row in session.ask(_SHELVES)}
    found = {}
    for number in rows:
        line: list[Any] = []
        above: Any = number
        while above in rows and len(line) < len(rows):
            line.append(rows[above])
            above = rows[above].parent_id
        names = " ".join(f"{row.name} {row.slug.replace('-', ' ')}" for row in line)
        indexed = dict.fromkeys(search_text.indexed(names)[0].split())
        found[number] = Shelf([row.slug for row in line], " ".join(indexed))
    return found


def authors(text: str) -> list[str]:
    """Return the names in an author field, which separates them with `;`, or with commas.

    A comma separates where both sides have two words: "King, Stephen" is one name, and so is
    "Martin Luther King, Jr.".
    """
    if ";" in text:
        return [name for name in map(str.strip, text.split(";")) if name]
    if "," not in text:
        return [text] if text else []
    names: list[str] = []
    for part in map(str.strip, text.split(",")):
        if names and (" " not in part or " " not in names[-1] or part.lower() in _SUFFIXES):
            names[-1] = f"{names[-1]}, {part}"
        elif part:
            names.append(part)
    return names


def price_parts(price: int, currency: str) -> int:
    """Return a price in minor units as the index compares it."""
    return price * _parts(currency)


def number(text: str) -> float | None:
    """Return the number that a text is, None if it is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def fact(name: str, value: Any) -> str:
    """Return an attribute as the one term that its name and value are.

    A number is one however it is written: 2, 2.0 and "2" are equal.
    """
    if isinstance(value, bool) or value is None:
        said = _written(value)
    else:
        quantity = number(str(value))
        said = search_text.fold(str(value)) if quantity is None else f"#{quantity!r}"
    return f"{search_text.fold(name)}{SEPARATOR}{said}"


@cache
def _parts(currency: str) -> int:
    return PRICE_PARTS // money.minor_units("1", currency)


def _documents(session: Session, rows: list[Any], known: dict[int, Shelf]) -> list[Document]:
    ids = [row.id for row in rows]
    codes: dict[int, list[str]] = {}
    for product, one in session.ask(_BARCODES, ids=ids):
        codes.setdefault(product, []).append(one)
    available = families.available(session, ids)
    return [
        _document(row, codes.get(row.id, []), known.get(row.category_id), available.get(row.id, 0))
        for row in rows
    ]


def _document(row: Any, barcodes: list[str], shelf: Shelf | None, available: int) -> Document:
    title, whole = search_text.indexed(row.title)
    author, beginnings, names = _author(row.author)
    keywords = shelf.names if shelf else ""
    fields = {
        "id": row.id,
        "key": row.sku_key,
        "title": title,
        "author": author,
        "title_begins": _beginnings(title),
        "author_begins": beginnings,
        "code": _codes(row, barcodes),
        "whole": whole or search_text.fold(row.title),
        "status": row.status,
        "in_stock": int(available > 0),
        "popularity": row.popularity,
        "rank": row.popularity * 1000 + (row.rating or 0),
        "weight": _weight(row.popularity, row.rating or 0, row.status == "active"),
    }
    if names:
        fields["authors"] = names
    fields |= _shorter(row.title, whole)
    if row.attributes != "{}":
        attributes = json.loads(row.attributes)
        fields["facts"] = [fact(name, value) for name, value in attributes.items()]
        for name, value in attributes.items():
            if name.lower() in _KEYWORDS and isinstance(value, str):
                keywords = f"{keywords} {search_text.indexed(value)[0]}"
    if keywords:
        fields["keywords"] = keywords
    if row.description:
        fields["description"] = search_text.prose(row.description)
    if shelf:
        fields["genre"] = shelf.slugs
    if row.variant_of is not None:
        fields["above"] = row.variant_of
    if row.price is not None:
        fields["price"] = price_parts(row.price, row.currency)
        fields["currency"] = row.currency
    if row.rating is not None:
        fields["rating"] = row.rating
    if row.publication_date is not None:
        fields["published"] = row.publication_date
    said = _written(fields)
    stamp = int.from_bytes(blake2b(said.encode(), digest_size=8).digest(), "big") >> 1
    return Document(row.id, row.sku_key, stamp, f'{said[:-1]},"stamp":{stamp}}}')


@lru_cache(maxsize=20_000)
def _author(author: str) -> tuple[list[str], str, list[str]]:
    """Return what is indexed of an author field, which other books have too.

    Name by name, so that no phrase reaches from one into the next.
    """
    names = authors(author)
    said = [search_text.indexed(name)[0] for name in names]
    return said, _beginnings(" ".join(said)), names


def _beginnings(words: str) -> str:
    """Return the first character and the first two of each word, which suggestions go by."""
    found = words.split()
    return " ".join({word[:size]: None for word in found for size in (1, 2)})


def _codes(row: Any, barcodes: list[str]) -> list[str]:
    found = [search_text.code(row.sku), *map(search_text.code, barcodes)]
    if row.isbn:
        found.append(row.isbn)
        if row.isbn.startswith("978"):
            found.append(_isbn10(row.isbn))
    return found


def _isbn10(isbn: str) -> str:
    """Return the ISBN-10 of an ISBN-13 that begins with 978, its check digit in lower case.

    ISBN Users' Manual, section 4: modulo 11.
    """
    body = isbn[3:12]
    check = sum(place * int(digit) for place, digit in enumerate(body, 1)) % 11
    return f"{body}{'0123456789x'[check]}"


def _shorter(title: str, whole: str) -> dict[str, Any]:
    """Return other ways to say the whole title: without its series (`main`), and without its
    subtitle or article (`short`), where that leaves another text."""
    plain = _PARENTHESIS.sub("", title) if title[-1] == ")" else title
    main = " ".join(search_text.words(plain)) if plain != title else ""
    said = [main] if main else []
    if _HAS_SUBTITLE.search(plain):
        said.append(" ".join(search_text.words(_SUBTITLE.sub("", plain))))
    for one in (whole, *said):
        article, _, rest = one.partition(" ")
        if article in ("the", "a", "an") and rest:
            said.append(rest)
    short = [one for one in dict.fromkeys(said) if one and one not in (whole, main)]
    return {name: value for name, value in (("main", main), ("short", short)) if value}


@lru_cache(maxsize=20_000)
def _weight(popularity: int, rating: int, is_active: bool) -> float:
    """Return the fast field that a score is multiplied with, as log2(2 + weight).

    1 to 1.4: what is rated and sold goes gently before what is not, what can still be bought
    again before what is discontinued.
    """
    sold = min(1.0, math.log10(1 + popularity) / 5)
    factor = 1 + 0.1 * rating / 500 + 0.1 * sold + 0.2 * is_active
    return float(round(2**factor - 2, 4))
