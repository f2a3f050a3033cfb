"""People who count, post and pick at the same moment: errors are not added, nothing is posted
twice."""

from collections import Counter

import pytest

from bvinv.core.errors import InventoryError
from tests import books, workers
from tests.books import counts, fetch
from tests.count_books import count, open_count, post, posted, show


def shop(database):
    """Put 100 of HX-1 and of HX-2 into SHELF at MAIN."""
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1", "HX-2")
    for sku in ("HX-1", "HX-2"):
        books.receive(database, sku, 100, "MAIN", bin="SHELF")


def post_it(database, number):
    try:
        return post(database, number, accept=True).status
    except InventoryError as error:
        return error.code


def count_them(database, worker, number, rounds):
    """Count both products again and again; return how each went."""
    ends = Counter()
    for step in range(rounds):
        try:
            sku = ("HX-1", "HX-2")[(worker + step) % 2]
            count(database, number, sku, 90, actor=f"worker {worker}")
            ends["counted"] += 1
        except InventoryError as error:
            ends[error.code] += 1
    return ends


def count_others(database, number, skus):
    """Count products that nobody else counts; return those that are in the count."""
    inside = []
    for sku in skus:
        try:
            count(database, number, sku, 3)
            inside.append(sku)
        except InventoryError as error:
            assert error.code == "conflict", error
    return inside


def sell(database, worker, rounds):
    for step in range(rounds):
        books.reserve(database, f"SO-{worker}-{step}", "HX-1=1")
        books.commit(database, f"SO-{worker}-{step}")
    return rounds


def test_six_who_post_one_count_post_it_once(database, where):
    shop(database)
    number = open_count(database, tolerance=99)
    count(database, number, "HX-1", 90)

    answers = workers.together(where, post_it, [(number,)] * 6)

    assert Counter(answers) == {"posted": 1, "conflict": 5}
    assert counts(database, "HX-1", "MAIN")[0] == 90


def test_counts_of_the_same_bin_posted_at_once_do_not_add_up(database, where):
    shop(database)
    numbers = [open_count(database, tolerance=99) for _ in range(5)]
    for number in numbers:
        count(database, number, "HX-1", 90)
        count(database, number, "HX-2", 110)

    answers = workers.together(where, post_it, [(number,) for number in numbers])

    assert answers == ["posted"] * 5
    assert counts(database, "HX-1", "MAIN")[0] == 90
    assert counts(database, "HX-2", "MAIN")[0] == 110
    assert len(posted(database)) == 2


def work(database, what, *arguments):
    ways = {"post": post_it, "count": count_them, "others": count_others, "sell": sell}
    return ways[what](database, *arguments)


def test_who_counts_while_it_is_posted_is_in_it_or_is_told(database, where):
    shop(database)
    number = open_count(database, tolerance=99)
    count(database, number, "HX-1", 90)
    count(database, number, "HX-2", 90)
    ways = [("count", n, number, 10) for n in range(4)] + [("post", number)]

    *counters, status = workers.together(where, work, ways)

    assert status == "posted"
    for ends in counters:
        assert set(ends) <= {"counted", "conflict"}
        assert sum(ends.values()) == 10
    assert [line.state for line in show(database, number).lines] == ["posted"] * 2
    assert counts(database, "HX-1", "MAIN")[0] == counts(database, "HX-2", "MAIN")[0] == 90


def test_a_line_that_comes_while_the_count_is_posted_is_posted_or_refused(database, where):
    shop(database)
    skus = [f"P-{number}" for number in range(60)]
    books.add_products(database, *skus)
    number = open_count(database, tolerance=99)
    count(database, number, "HX-1", 90)
    ways = [("others", number, skus[worker::4]) for worker in range(4)]

    *inside, status = workers.together(where, work, [*ways, ("post", number)])

    lines = show(database, number).lines
    assert status == "posted"
    assert {line.state for line in lines} == {"posted"}
    assert {line.sku for line in lines} == {"HX-1"} | {sku for some in inside for sku in some}


@pytest.mark.parametrize("late", [False, True])
def test_what_is_sold_while_somebody_counts_and_posts_is_sold(database, where, late):
    shop(database)
    number = open_count(database, tolerance=99)
    count(database, number, "HX-1", 90)
    ways = [("sell", n, 8) for n in range(3)] + ([] if late else [("post", number)])

    workers.together(where, work, ways)
    if late:
        post(database, number)

    assert counts(database, "HX-1", "MAIN")[0] == 90 - 24
    assert fetch(database, "SELECT quantity FROM movement WHERE kind = 'count'") == [(10,)]
