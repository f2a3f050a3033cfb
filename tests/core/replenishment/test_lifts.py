"""What the calendar does to demand. The stocked database was stocked on Sunday, 1 March 2026."""

from bvinv.core import categories
from tests import books, lots_books
from tests.demand_books import at, entry, panel, row, sell


def test_masked_days_make_their_weeks_missing(stocked, clock):
    at(clock, "2026-03-10")
    sell(stocked, "SO-1", "HX-1=2")
    at(clock, "2026-03-29")
    entry(stocked, 20260307, 20260308, mask=True)
    found = panel(stocked)
    assert row(found, "HX-1") == [None, None, 0, 0]
    assert row(found, "HX-1", what="recorded") == [0, 2, 0, 0]
    assert row(found, "HX-1", what="lift") == [1, 1]


def test_lifted_weeks_are_divided_by_their_factors_day_by_day(stocked, clock):
    for day in (2, 9):
        at(clock, f"2026-03-{day:02}")
        sell(stocked, f"SO-{day}", "HX-1=3")
    at(clock, "2026-03-29")
    entry(stocked, 20260301, 20260307, percent=150)
    entry(stocked, 20260301, 20260307, percent=200)
    entry(stocked, 20260308, 20260310, percent=170)  # 1 + 0.7 * 3/7
    found = panel(stocked)
    assert row(found, "HX-1") == [1, round(3 / 1.3, 4), 0, 0]


def test_lifts_of_coming_weeks_wait_for_them(stocked, clock):
    at(clock, "2026-03-29")
    entry(stocked, 20260402, 20260411, percent=170)  # 3 days of the first week, all of the second
    assert row(panel(stocked), "HX-1", what="lift") == [1.3, 1.7]


def test_the_calendar_counts_for_what_it_names(stocked, clock):
    books.act(stocked, lambda s: categories.add(s, slug="books"))
    books.act(stocked, lambda s: categories.add(s, slug="novels", parent="books"))
    lots_books.update(stocked, "HX-2", category="novels")
    at(clock, "2026-03-29")
    entry(stocked, 20260329, 20260404, percent=200, category="books", warehouse="NORTH")
    entry(stocked, 20260405, 20260411, percent=300, ref="HX-1")
    found = panel(stocked)
    assert row(found, "HX-2", "NORTH", "lift") == [2, 1]
    assert row(found, "HX-2", "MAIN", "lift") == [1, 1]
    assert row(found, "HX-1", "MAIN", "lift") == [1, 3]
