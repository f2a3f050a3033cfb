"""The calendar: what may be said of coming and past days, and taken back."""

import json

import pytest

from bvinv.core import categories
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.replenishment import calendar
from tests import books
from tests.demand_books import entry


def remove(database, number):
    return books.act(database, lambda s: calendar.remove(s, number=number))


def listed(database, *, removed=False):
    rows = books.ask(database, lambda s: calendar.entries(s, removed=removed))
    return [row.name for row in rows]


def test_an_entry_says_what_it_counts_for(stocked):
    books.act(stocked, lambda s: categories.add(s, slug="novels"))
    row = entry(
        stocked, 20261014, 20261018, name=" Fair ", percent=150, category="Novels", warehouse="main"
    )
    assert (row.name, row.kind, row.percent) == ("Fair", "lift", 150)
    assert (row.begins_on, row.ends_on) == (20261014, 20261018)
    assert (row.sku, row.category, row.warehouse) == (None, "novels", "MAIN")
    [(kind, subject, told)] = books.fetch(
        stocked, "SELECT type, subject, data FROM event ORDER BY id DESC LIMIT 1"
    )
    assert (kind, subject, json.loads(told)) == (
        "forecast.calendar-added",
        str(row.id),
        {
            "name": "Fair",
            "begins_on": "2026-10-14",
            "ends_on": "2026-10-18",
            "percent": 150,
            "category": "novels",
            "warehouse": "MAIN",
        },
    )


def test_entries_are_listed_by_their_days(stocked):
    entry(stocked, 20261201, 20261224, name="Advent", percent=300)
    entry(stocked, 20260501, 20260501, name="Strike", mask=True, ref="HX-1")
    assert listed(stocked) == ["Strike", "Advent"]


def test_what_is_removed_counts_no_more_and_can_be_seen(stocked):
    number = entry(stocked, 20261201, 20261224, percent=300).id
    row = remove(stocked, number)
    assert row.removed_at is not None
    assert (listed(stocked), listed(stocked, removed=True)) == ([], ["fair"])
    assert books.ask(stocked, calendar.live) == []
    assert books.events(stocked)[-1] == ("forecast.calendar-removed", str(number))
    before = books.snapshot(stocked)
    with pytest.raises(Conflict, match=f"entry {number} was removed before"):
        remove(stocked, number)
    assert books.snapshot(stocked) == before


@pytest.mark.parametrize(
    ("terms", "error", "said"),
    [
        ({}, InvalidInput, "days are either lifted or masked"),
        ({"mask": True, "percent": 150}, InvalidInput, "days are either lifted or masked"),
        ({"percent": 0}, InvalidInput, "a lift is from 1% to 10000% of the usual demand, not 0%"),
        ({"percent": 20_000}, InvalidInput, "not 20000%"),
        ({"mask": True, "ends_on": 20261013}, InvalidInput, "it would end on 2026-10-13, before"),
        ({"mask": True, "name": " "}, InvalidInput, "the name is empty"),
        ({"mask": True, "ref": "HX-1", "category": "a"}, InvalidInput, "a product or a category"),
        ({"mask": True, "ref": "NOPE"}, NotFound, "there is no product 'NOPE'"),
        ({"mask": True, "category": "nope"}, NotFound, "there is no category nope"),
        ({"mask": True, "warehouse": "NOPE"}, NotFound, "there is no warehouse NOPE"),
    ],
)
def test_what_makes_no_sense_is_refused(stocked, terms, error, said):
    before = books.snapshot(stocked)
    with pytest.raises(error, match=said):
        entry(stocked, **{"begins_on": 20261014, "ends_on": 20261018} | terms)
    assert books.snapshot(stocked) == before


def test_an_entry_that_is_not_there_cannot_be_removed(stocked):
    with pytest.raises(NotFound, match="the calendar has no entry 7"):
        remove(stocked, 7)
