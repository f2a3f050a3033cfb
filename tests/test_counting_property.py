"""Whatever happens between counting and posting, a bin holds what was counted and what moved."""

from contextlib import closing
from dataclasses import dataclass, field
from itertools import count as numbers
from shutil import copyfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bvinv.core.db import Database
from bvinv.core.errors import InventoryError
from tests import books
from tests.books import Clock, bins, findings
from tests.count_books import count, open_count, post

PLACES = ("SHELF", "A-01")
pieces = st.integers(1, 6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), pieces, st.sampled_from(PLACES)),
        st.tuples(st.just("damage"), pieces, st.sampled_from(PLACES)),
        st.tuples(st.just("correct"), st.integers(-4, 4).filter(bool), st.sampled_from(PLACES)),
        st.tuples(st.just("sell"), pieces, st.none()),
        st.tuples(st.just("move"), pieces, st.sampled_from(PLACES)),
        st.tuples(st.just("count"), st.integers(0, 20), st.sampled_from(PLACES)),
        st.tuples(st.just("post"), st.none(), st.none()),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def shelves(sqlite_template, tmp_path_factory):
    """Return a database with 10 pieces in each of two bins, which nobody has open."""
    path = tmp_path_factory.mktemp("shelves") / "shelves.db"
    copyfile(sqlite_template, path)
    with closing(Database(path, clock=Clock())) as database:
        books.add_warehouses(database, "MAIN")
        books.add_bin(database, "MAIN", "A-01")
        books.add_products(database, "A")
        for place in PLACES:
            books.receive(database, "A", 10, "MAIN", bin=place)
    return path


@given(steps=steps)
@settings(max_examples=40)
def test_a_bin_holds_what_was_counted_and_what_moved_since(shelves, tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("run") / "x.db"
    copyfile(shelves, path)
    with closing(Database(path, clock=Clock())) as database:
        play(database, steps)
        assert findings(database) == []


@dataclass
class Account:
    """What must lie in the bins that were counted: by what was counted and what people carried,
    never by what the record said. `least` is the fewest that ever lay there, by that."""

    lies: dict[str, int] = field(default_factory=dict)
    least: dict[str, int] = field(default_factory=dict)

    def count(self, place, quantity):
        self.lies[place] = self.least[place] = quantity

    def carry(self, before, after):
        for place, lying in self.lies.items():
            self.lies[place] = lying + after.get(place, 0) - before.get(place, 0)
            self.least[place] = min(self.least[place], self.lies[place])

    def close(self):
        self.lies.clear()
        self.least.clear()


def play(database, steps):
    """Do what the steps say; see that posting brings about what lies there, or is refused only
    where more was carried away than had been counted."""
    number = open_count(database, tolerance=99)
    account = Account()
    sale = numbers()
    for what, quantity, place in steps:
        before = bins(database, "MAIN")
        try:
            do(database, number, what, quantity, place, sale)
        except InventoryError:
            assert bins(database, "MAIN") == before
            assert what != "post" or not account.lies or min(account.least.values()) < 0
            continue
        after = bins(database, "MAIN")
        if what == "count":
            account.count(place, quantity)
        elif what == "post":
            assert {one: after.get(one, 0) for one in account.lies} == account.lies
            account.close()
            number = open_count(database, tolerance=99)
        elif what != "correct":
            account.carry(before, after)


def do(database, number, what, quantity, place, sale):
    if what == "receive":
        books.receive(database, "A", quantity, "MAIN", bin=place)
    elif what == "damage":
        books.adjust(database, "A", "MAIN", -quantity, reason="damaged", bin=place)
    elif what == "correct":
        books.adjust(database, "A", "MAIN", quantity, reason="miscount", bin=place)
    elif what == "sell":
        one = f"SO-{next(sale)}"
        books.reserve(database, one, f"A={quantity}")
        books.commit(database, one)
    elif what == "move":
        [origin] = {*PLACES} - {place}
        books.put_away(database, "A", quantity, "MAIN", place, origin=origin)
    elif what == "count":
        count(database, number, "A", quantity, place)
    else:
        post(database, number, accept=True)
