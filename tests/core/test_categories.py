"""Categories: the shelves of the catalogue."""

import pytest

from bvinv.core import catalog, categories
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from tests.books import act, ask, events, snapshot


def add(database, slug, **more):
    return act(database, lambda s: categories.add(s, slug=slug, **more))


def test_a_category_is_known_by_its_slug_and_its_name(database):
    row = add(database, "Young Adult")
    child = add(database, "dystopia", name="Dystopia", parent="young-adult")

    assert (row.slug, row.name, row.parent, row.products) == ("young-adult", "Young Adult", None, 0)
    assert (child.slug, child.parent) == ("dystopia", "young-adult")
    assert ask(database, lambda s: categories.known(s, "YOUNG ADULT")).slug == "young-adult"
    assert events(database) == [
        ("category.created", "young-adult"),
        ("category.created", "dystopia"),
    ]


def test_a_category_counts_its_own_products(database):
    add(database, "a")
    add(database, "b", parent="a")
    for sku in ("HX-1", "HX-2"):
        fields = {"sku": sku, "title": "T", "category": "b"}
        act(database, lambda s, f=fields: catalog.add(s, fields=f))

    rows = ask(database, categories.categories)

    assert [(row.slug, row.parent, row.products) for row in rows] == [("a", None, 0), ("b", "a", 2)]
    assert len(ask(database, lambda s: catalog.products(s, category="B"))[0]) == 2


def test_a_slug_that_is_taken_is_refused(database):
    add(database, "a")
    before = snapshot(database)

    with pytest.raises(Conflict, match="there is a category a already"):
        add(database, "A!")

    assert snapshot(database) == before


def test_a_parent_has_to_be_there(database):
    with pytest.raises(NotFound, match="there is no category b") as refused:
        add(database, "a", parent="b")

    assert refused.value.hint == "run: bvinv products category add b"


@pytest.mark.parametrize("slug", ["", "!!!", "日本", "a\0b", "x" * 101])
def test_a_slug_needs_letters(database, slug):
    before = snapshot(database)

    with pytest.raises(InvalidInput):
        add(database, slug)

    assert snapshot(database) == before
