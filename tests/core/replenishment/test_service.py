"""Service levels: who has which, and what is refused."""

import pytest

from bvinv.core import catalog, categories, items
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.replenishment import service
from bvinv.core.replenishment.service import Goal
from tests import books
from tests.books import act, ask


@pytest.fixture
def shop(stocked):
    """Return a stocked database with the category crime below fiction, and HX-4 in crime."""
    act(stocked, lambda s: categories.add(s, slug="fiction"))
    act(stocked, lambda s: categories.add(s, slug="crime", parent="fiction"))
    fields = {"sku": "HX-4", "title": "Four", "category": "crime"}
    act(stocked, lambda s: catalog.add(s, fields=fields))
    return stocked


def put(database, level, **more):
    return act(database, lambda s: service.put(s, level=level, **more))


def remove(database, **more):
    return act(database, lambda s: service.remove(s, **more))


def goal(database, sku, abc="C", **more):
    def question(session):
        item = items.one(session, sku)
        [(category,)] = session.wire.exec_driver_sql(
            f"SELECT coalesce(category_id, -1) FROM product WHERE id = {item.id}"
        )
        return service.goals(session, **more).of(item.id, category, abc)

    return ask(database, question)


def listed(database):
    return [
        (row.scope, row.subject, row.service_level, row.kind)
        for row in ask(database, service.targets)
    ]


def told(database):
    return books.fetch(
        database,
        "SELECT type, subject, data FROM event WHERE substr(type, 1, 9) = 'forecast.' ORDER BY id",
    )


def test_where_nothing_is_said_the_class_decides(shop):
    assert [goal(shop, "HX-1", abc) for abc in "ABC"] == [
        Goal(9_700, "cycle"),
        Goal(9_500, "cycle"),
        Goal(9_000, "cycle"),
    ]
    assert goal(shop, "HX-1", "A", default=9_300) == Goal(9_300, "cycle")
    assert goal(shop, "HX-1", "A", default=9_300, by_class={"A": 9_100}) == Goal(9_100, "cycle")


def test_the_nearest_word_counts(shop):
    put(shop, 9_000)
    assert goal(shop, "HX-4", "A", default=9_300).level == 9_000
    put(shop, 9_100, abc="a")
    assert (goal(shop, "HX-4", "A").level, goal(shop, "HX-4", "B").level) == (9_100, 9_000)
    put(shop, 9_200, category="fiction")
    assert (goal(shop, "HX-4", "A").level, goal(shop, "HX-1", "A").level) == (9_200, 9_100)
    put(shop, 9_300, category="Crime", kind="fill")
    assert goal(shop, "HX-4", "A") == Goal(9_300, "fill")
    put(shop, 9_400, sku="hx-4")
    assert goal(shop, "HX-4", "A") == Goal(9_400, "cycle")

    remove(shop, sku="HX-4")
    remove(shop, category="crime")
    assert goal(shop, "HX-4", "A") == Goal(9_200, "cycle")


def test_levels_are_listed_from_the_widest_to_the_narrowest(shop):
    put(shop, 9_990, sku="HX-2")
    put(shop, 9_875, sku="HX-1", kind="fill")
    put(shop, 9_500, abc="B")
    put(shop, 5_000)
    row = put(shop, 9_999, category="crime")

    assert row.updated_at > books.START
    assert listed(shop) == [
        ("all", None, 0.5, "cycle"),
        ("class", "B", 0.95, "cycle"),
        ("category", "crime", 0.9999, "cycle"),
        ("product", "HX-1", 0.9875, "fill"),
        ("product", "HX-2", 0.999, "cycle"),
    ]


def test_a_level_is_told_of_once(shop):
    put(shop, 9_500, abc="B")
    put(shop, 9_500, abc="B")
    put(shop, 9_600, abc="B")
    remove(shop, abc="B")

    assert told(shop) == [
        ("forecast.service-set", "B", '{"scope":"class","service_level":0.95,"kind":"cycle"}'),
        ("forecast.service-set", "B", '{"scope":"class","service_level":0.96,"kind":"cycle"}'),
        ("forecast.service-removed", "B", '{"scope":"class"}'),
    ]


@pytest.mark.parametrize(
    ("terms", "detail"),
    [
        (
            {"sku": "HX-1", "abc": "A"},
            "a service level is for a product, a category or a class",
        ),
        ({"abc": "D"}, "the class is A, B or C, not 'D'"),
        ({"kind": "best"}, "the kind is cycle or fill, not 'best'"),
        ({"level": 10_000}, "the service level must be a whole number from 5000 to 9999"),
        ({"level": 95}, "the service level must be a whole number from 5000 to 9999"),
    ],
)
def test_what_makes_no_sense_is_refused(shop, terms, detail):
    before = books.snapshot(shop)
    with pytest.raises(InvalidInput, match=detail):
        put(shop, **{"level": 9_500} | terms)
    assert books.snapshot(shop) == before


@pytest.mark.parametrize(
    ("terms", "detail"),
    [
        ({}, "everything has no service level of its own"),
        ({"abc": "A"}, "class A has no service level of its own"),
        ({"category": "crime"}, "crime has no service level of its own"),
        ({"sku": "HX-1"}, "HX-1 has no service level of its own"),
        ({"sku": "HX-9"}, "HX-9"),
        ({"category": "romance"}, "there is no category romance"),
    ],
)
def test_only_what_was_set_is_taken_away(shop, terms, detail):
    before = books.snapshot(shop)
    with pytest.raises(NotFound, match=detail):
        remove(shop, **terms)
    assert books.snapshot(shop) == before
