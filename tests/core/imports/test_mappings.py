"""Saved mappings: kept by name, replaced, forgotten."""

import pytest

from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.imports import mappings
from tests import books


def save(database, name, columns):
    return books.act(database, lambda s: mappings.save(s, name=name, columns=columns))


def test_a_mapping_is_kept_under_its_name(database):
    row = save(database, "goodreads", {"book_id": "sku", "isbn13": "isbn", "x y": "-"})
    assert (row.name, row.mapping) == (
        "goodreads",
        {"book_id": "sku", "isbn13": "isbn", "x y": "-"},
    )
    assert books.ask(database, lambda s: mappings.one(s, name="goodreads")) == row
    assert books.ask(database, mappings.mappings) == [row]
    assert books.events(database) == [("import.mapping_saved", "goodreads")]


def test_saving_again_replaces_it_and_the_same_changes_nothing(database, clock):
    first = save(database, "m", {"a": "sku"})
    clock.advance(books.HOUR)
    before = books.snapshot(database)
    assert save(database, "m", {"a": "sku"}) == first
    assert books.snapshot(database) == before
    assert save(database, "m", {"b": "sku"}).mapping == {"b": "sku"}


def test_a_mapping_is_forgotten(database):
    save(database, "m", {"a": "sku"})
    assert books.act(database, lambda s: mappings.remove(s, name="m")).name == "m"
    assert books.ask(database, mappings.mappings) == []
    for action in (mappings.one, mappings.remove):
        with pytest.raises(NotFound, match="there is no mapping 'm'"):
            books.act(database, lambda s, action=action: action(s, name="m"))


@pytest.mark.parametrize(("name", "columns"), [("", {"a": "sku"}), ("a,b", {"a": "b"}), ("m", {})])
def test_what_cannot_be_kept_is_refused(database, name, columns):
    with pytest.raises(InvalidInput):
        save(database, name, columns)
    assert books.events(database) == []
