"""Whatever happens to a shop, in whatever order, a search answers what its database says."""

import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bvinv.core import catalog, categories, price_decisions, prices, promises
from bvinv.core.db import Database, Session
from bvinv.core.errors import InventoryError
from bvinv.core.models.search import SearchRow
from bvinv.core.search import search
from bvinv.core.search.index import Index
from bvinv.core.search.pages import SORTS
from bvinv.core.search.query import Filters
from tests import books
from tests.books import MINUTE, act, ask
from tests.conftest import mostly_on_sqlite

SKUS = [f"HX-{number}" for number in range(8)]
SHELVES = ["fiction", "crime", "nordic", "gifts"]
WORDS = ["Alchemy", "Brontë", "C++", "delta", "delta delta"]
STEPS = 60


class Shop:
    """Commands by chance, on one database."""

    def __init__(self, database: Database, clock: books.Clock, seed: int) -> None:
        self.database = database
        self.clock = clock
        self.chance = random.Random(seed)
        self.orders = 0
        books.add_warehouses(database, "MAIN", "NORTH")
        books.add_products(database, *SKUS[:6])
        self.do = [
            *[self.add, self.change, self.nest, self.nest, self.price, self.decide, self.shelve],
            *[self.receive, self.receive, self.adjust, self.reserve, self.reserve, self.commit],
            *[self.release, self.wait, self.sweep, self.remove, self.extend],
        ]

    def step(self) -> None:
        with suppress(InventoryError):
            self.chance.choice(self.do)()

    @property
    def sku(self) -> str:
        return self.chance.choice(SKUS)

    @property
    def order(self) -> str:
        return f"SO-{self.chance.randint(0, self.orders)}"

    def fields(self) -> dict[str, str]:
        pick = self.chance.choice
        found = {
            "title": pick(WORDS),
            "author": pick(["", "Ann Lee", "Ann Lee; Bo Ek"]),
            "category": pick(["", *SHELVES]),
            "rating": pick(["", "3", "4.5"]),
            "publication_date": pick(["", "1997", "1997-06", "2001-02-03"]),
            "status": pick(["active", "discontinued", "draft"]),
        }
        return {name: said for name, said in found.items() if self.chance.random() < 0.6}

    def add(self) -> None:
        said = {"sku": self.sku, "title": "New"} | self.fields()
        said |= self.chance.choice([{}, {"price": "9.99", "currency": "GBP"}])
        act(self.database, lambda s: catalog.add(s, fields=said))

    def change(self) -> None:
        sku, said = self.sku, self.fields()
        act(self.database, lambda s: catalog.change(s, ref=sku, fields=said))

    def nest(self) -> None:
        sku, above = self.sku, self.chance.choice(["", *SKUS])
        act(self.database, lambda s: catalog.change(s, ref=sku, fields={"variant_of": above}))

    def price(self) -> None:
        sku, price = self.sku, self.chance.choice(["", "5", "12.50", "40"])
        act(self.database, lambda s: prices.change(s, ref=sku, price=price, currency="GBP"))

    def decide(self) -> None:
        act(self.database, price_decisions.approve_others, actor="boss")

    def shelve(self) -> None:
        slug, other = self.chance.choice(SHELVES), self.chance.choice([None, *SHELVES])
        match self.chance.randrange(4):
            case 0:
                act(self.database, lambda s: categories.add(s, slug=slug, parent=other))
            case 1:
                act(self.database, lambda s: categories.move(s, slug=slug, parent=other))
            case 2:
                name = f"Shelf {self.orders}"
                act(self.database, lambda s: categories.rename(s, slug=slug, name=name))
            case _:
                act(self.database, lambda s: categories.delete(s, slug=slug))

    def receive(self) -> None:
        where = self.chance.choice(["MAIN", "NORTH"])
        books.receive(self.database, self.sku, self.chance.randint(1, 3), where)

    def adjust(self) -> None:
        books.adjust(self.database, self.sku, "MAIN", -self.chance.randint(1, 3))

    def reserve(self) -> None:
        self.orders += 1
        said = f"{self.sku}={self.chance.randint(1, 3)}"
        ttl = self.chance.choice([5, 30]) * MINUTE
        backorder = self.chance.random() < 0.3
        books.reserve(self.database, f"SO-{self.orders}", said, ttl=ttl, backorder=backorder)

    def commit(self) -> None:
        books.commit(self.database, self.order)

    def release(self) -> None:
        books.release(self.database, self.order)

    def extend(self) -> None:
        books.extend(self.database, self.order, 60 * MINUTE)

    def wait(self) -> None:
        self.clock.advance(self.chance.choice([1, 4, 20]) * MINUTE)

    def sweep(self) -> None:
        act(self.database, promises.expire)

    def remove(self) -> None:
        sku = self.sku
        act(self.database, lambda s: catalog.remove(s, ref=sku))


class Truth:
    """What the database says, product by product, with nothing of the index in it."""

    def __init__(self, session: Session) -> None:
        self.tree = {one.slug: one.parent for one in categories.categories(session)}
        found = session.wire.exec_driver_sql("SELECT sku FROM product ORDER BY id").scalars()
        self.all = [catalog.show(session, ref=sku) for sku in found]

    def genres(self, one: Any) -> list[str]:
        slugs, slug = [], one.category
        while slug:
            slugs.append(slug)
            slug = self.tree[slug]
        return slugs

    def shown(self, **asked: Any) -> list[Any]:
        return [one for one in self.all if self.fits(one, **asked)]

    def fits(
        self,
        one: Any,
        genre: str | None = None,
        in_stock: bool | None = None,
        status: str | None = None,
        min_rating: str | None = None,
        max_price: str | None = None,
    ) -> bool:
        price = None if one.price is None else float(one.price)
        return (
            (status == "any" or (one.status == status if status else one.status != "draft"))
            and (genre is None or genre in self.genres(one))
            and (in_stock is None or (one.available > 0) == in_stock)
            and (min_rating is None or (one.rating or 0) >= 100 * int(min_rating))
            and (max_price is None or (price is not None and price <= float(max_price)))
        )

    def facet(self, name: str, found: list[Any]) -> list[tuple[str, int]]:
        said = {
            "genre": self.genres,
            "author": lambda one: [part.strip() for part in one.author.split(";") if part],
            "availability": lambda one: ["in-stock" if one.available > 0 else "out-of-stock"],
            "status": lambda one: [one.status],
        }[name]
        counted = Counter(value for one in found for value in said(one))
        return sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))


def in_order(found: list[Any], sort: str) -> list[str]:
    name = sort.removeprefix("-")
    key = {
        "price": lambda one: None if one.price is None else float(one.price),
        "rating": lambda one: one.rating,
        "publication-date": lambda one: one.publication_date,
        "popularity": lambda one: one.popularity,
        "title": lambda one: one.title.lower().replace("ë", "e"),
    }[name]
    has = sorted((one for one in found if key(one) is not None), key=lambda one: one.id)
    has.sort(key=key, reverse=sort.startswith("-"))
    return [one.sku for one in (*has, *(one for one in found if key(one) is None))]


def compare(session: Session, index: Index, chance: random.Random) -> None:
    def find(query: str = "", sort: str = "relevance", **filters: Any) -> SearchRow:
        asked = Filters(**filters)
        return search.search(
            session, index, query=query, sort=sort, filters=asked, limit=1000, facets=True
        )

    truth = Truth(session)
    genre = chance.choice(list(truth.tree) or [None])
    some = {"status": "any", "genre": genre, "in_stock": chance.choice([None, True, False])}
    more = {"min_rating": chance.choice([None, "4"]), "max_price": chance.choice([None, "12.50"])}
    for asked in ({}, {"in_stock": True}, {"in_stock": False}, some, some | more):
        wanted = truth.shown(**asked)
        row = find(**asked)
        assert sorted(one.id for one in row.results) == [one.id for one in wanted], asked
        assert row.total == len(wanted)
        assert {one.sku: one.available for one in row.results} == {
            one.sku: one.available for one in wanted
        }
        under = {"genre": "genre", "availability": "in_stock", "status": "status", "author": ""}
        for name, field in under.items():
            without = {key: said for key, said in asked.items() if key != field}
            if name == "status" and asked.get("status") == "any":
                without["status"] = "any"
            assert [(one.value, one.count) for one in row.facets[name]] == truth.facet(
                name, truth.shown(**without)
            ), (asked, name)
        name = chance.choice([name for name in SORTS if name != "relevance"])
        for sort in (name, f"-{name}"):
            found = [one.sku for one in find(sort=sort, **asked).results]
            assert found == in_order(wanted, sort), (asked, sort)
    found = {one.sku for one in find('"delta delta"').results}
    assert found == {one.sku for one in truth.shown() if one.title == "delta delta"}


@mostly_on_sqlite
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
)
def test_a_search_agrees_with_its_database_after_any_sequence(
    database, clock, tmp_path: Path, seed: int
):
    shop = Shop(database, clock, seed)
    here, there = tmp_path / "here", tmp_path / "there"
    # Two processes of one machine, and one of another that looks less often.
    indexes = [Index(here), Index(here), Index(there)]
    for _ in range(STEPS):
        shop.step()
        if shop.chance.random() < 0.5:
            index = shop.chance.choice(indexes)
            ask(database, lambda s, index=index: compare(s, index, shop.chance))
    for index in (*indexes, Index(here)):
        ask(database, lambda s, index=index: compare(s, index, shop.chance))
