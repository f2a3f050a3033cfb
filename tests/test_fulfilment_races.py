"""Many processes pick, pack, ship and take back at once: each step happens once."""

from collections import Counter

from bvinv.core import instants
from bvinv.core.errors import InventoryError
from tests import books, pick_books, workers
from tests.books import bins, counts, fetch, show

WEEK = 7 * 24 * books.HOUR


def tried(database, what, *arguments):
    """Return `done`, or the code of the refusal."""
    try:
        action = getattr(pick_books, what, None) or getattr(books, what)
        action(database, *arguments)
    except InventoryError as error:
        return error.code
    return "done"


def shop(database, clock, pieces=10):
    clock.at = instants.now()
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1")
    books.receive(database, "HX-1", pieces, "MAIN", bin="SHELF")


def test_a_list_is_made_once(database, where, clock):
    shop(database, clock)
    books.reserve(database, "SO-1", "HX-1=4")

    answers = workers.together(where, tried, [("start", "SO-1")] * 6)

    assert answers == ["done"] * 6
    assert fetch(database, "SELECT count(*), sum(quantity) FROM pick_line") == [(1, 4)]


def test_a_list_is_picked_packed_and_shipped_once(database, where, clock):
    shop(database, clock)
    books.reserve(database, "SO-1", "HX-1=4")
    pick_books.start(database)

    for step in (("pick", "", "SO-1"), ("pack", "P-1", "", "SO-1"), ("ship", "SO-1")):
        answers = workers.together(where, tried, [step] * 5)
        assert Counter(answers) == {"done": 1, "conflict": 4}, step

    assert bins(database, "MAIN") == {"SHELF": 6}
    assert counts(database, "HX-1", "MAIN") == (6, 0, 6, 0)


def test_a_shipment_is_taken_back_once(database, where, clock):
    shop(database, clock)
    pick_books.ready(database, "HX-1=4")
    pick_books.ship(database)

    answers = workers.together(where, tried, [("unship", "SO-1")] * 5)

    assert Counter(answers) == {"done": 1, "conflict": 4}
    assert counts(database, "HX-1", "MAIN") == (10, 4, 6, 0)


def test_two_orders_pick_the_last_pieces_of_a_bin(database, where, clock):
    shop(database, clock, 3)
    books.add_bin(database, "MAIN", "Z-1")
    books.receive(database, "HX-1", 3, "MAIN", bin="Z-1")
    for number in ("SO-1", "SO-2"):
        books.reserve(database, number, "HX-1=3")
        pick_books.start(database, number)

    answers = workers.together(
        where, tried, [("pick", "HX-1=3", number, "Z-1") for number in ("SO-1", "SO-2")]
    )

    assert Counter(answers) == {"done": 1, "insufficient-stock": 1}
    assert bins(database, "MAIN") == {"SHELF": 3, "STAGING": 3}


def end_each(database, how, rounds):
    return [
        tried(database, how, f"SO-{number}") if how != "expire" else tried(database, "expire")
        for number in range(rounds)
    ]


def test_shipping_releasing_and_expiring_at_once_is_one_of_them(database, where, clock):
    shop(database, clock, 100)
    # Every third one runs out while the processes are at it, or just before.
    for number in sorted(range(12), key=lambda number: number % 3):
        clock.at = instants.now() + (number * 40_000 - WEEK if number % 3 == 0 else 0)
        pick_books.ready(database, "HX-1=2", f"SO-{number}")

    ways = ["ship", "release", "ship", "release", "expire"]
    answers = workers.together(where, end_each, [(how, 12) for how in ways])

    clock.at = instants.now() + books.HOUR
    books.expire(database)
    shipped = 0
    for number in range(12):
        ends = [
            answer[number] for how, answer in zip(ways, answers, strict=True) if how != "expire"
        ]
        status = show(database, f"SO-{number}").status
        assert ends.count("done") == (status != "expired"), (number, ends, status)
        shipped += status == "committed"
    assert counts(database, "HX-1", "MAIN") == (100 - 2 * shipped, 0, 100 - 2 * shipped, 0)


def test_no_more_comes_back_than_was_shipped(database, where, clock):
    shop(database, clock)
    pick_books.ready(database, "HX-1=4")
    pick_books.ship(database)

    answers = workers.together(where, take_back, [()] * 6)

    assert Counter(answers) == {"done": 2, "conflict": 4}
    answers = workers.together(where, scrap, [()] * 4)
    assert Counter(answers) == {"done": 2, "conflict": 2}


def take_back(database):
    try:
        pick_books.come_back(database, "HX-1", 2, reservation_id="SO-1")
    except InventoryError as error:
        return error.code
    return "done"


def scrap(database):
    try:
        pick_books.decide(database, "RT-1", scrap=1)
    except InventoryError as error:
        return error.code
    return "done"


def test_many_orders_are_fulfilled_at_once(database, where, clock):
    shop(database, clock, 100)
    for number in range(24):
        books.reserve(database, f"SO-{number}", "HX-1=3")

    answers = workers.together(where, fulfil, [(n, 6) for n in range(4)])

    assert answers == [[]] * 4
    assert counts(database, "HX-1", "MAIN") == (28, 0, 28, 0)
    assert bins(database, "MAIN") == {"SHELF": 28}


def fulfil(database, worker, rounds):
    """Take orders from list to parcel; return what went wrong."""
    wrong = []
    for number in range(rounds):
        order = f"SO-{worker * rounds + number}"
        try:
            pick_books.start(database, order)
            pick_books.pick(database, "", order)
            pick_books.pack(database, "P-1", "", order)
            pick_books.ship(database, order)
        except InventoryError as error:
            wrong.append(f"{error.code}: {error}")
    return wrong
