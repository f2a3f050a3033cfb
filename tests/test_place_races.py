"""Many processes at once: no bin is filled beyond its capacity, no safety stock goes to a channel
of low priority."""

from collections import Counter

from bvinv.core import instants, put_away
from bvinv.core.errors import InventoryError
from tests import books, workers
from tests.books import bins, counts
from tests.lots_books import add_channels, protect


def fill(database, sku, quantity, target):
    """Put pieces away; return the bin, or why not."""
    try:
        row = books.act(
            database,
            lambda s: put_away.put_away(
                s, ref=sku, quantity=quantity, warehouse="MAIN", target=target
            ),
        )
        return row.to_bin
    except InventoryError as error:
        return error.code


def reserve_from(database, worker, channel, times):
    """Reserve piece by piece, and let every third go again; return how each ended."""
    ends = []
    for number in range(times):
        name = f"SO-{worker}-{number}"
        try:
            ends.append(books.reserve(database, name, "HX-1=1", channel=channel).status)
        except InventoryError as error:
            ends.append(error.code)
        seen = counts(database, "HX-1", "MAIN")[2]
        if channel == "MARKET" and seen < 5:
            ends.append(f"{seen} left")
    return Counter(ends)


def house(database, bin_count, capacity):
    """Return 8 SKUs with 3 pieces each on the dock of a house with these bins."""
    books.add_warehouses(database, "MAIN")
    skus = [f"B-{number}" for number in range(8)]
    books.add_products(database, *skus)
    for number in range(bin_count):
        books.add_bin(database, "MAIN", f"A-{number}", pick_sequence=number, capacity=capacity)
    for sku in skus:
        books.receive(database, sku, 3, "MAIN")
    return skus


def test_a_bin_with_room_for_three_of_eight_gets_three(database, where):
    skus = house(database, 1, 10)

    answers = workers.together(where, fill, [(sku, 3, "A-0") for sku in skus])

    assert Counter(answers) == {"A-0": 3, "conflict": 5}
    assert bins(database, "MAIN") == {"A-0": 9, "DOCK": 15}


def test_eight_who_ask_where_to_put_it_fill_the_bins_and_none_too_full(database, where):
    skus = house(database, 8, 3)

    answers = workers.together(where, fill, [(sku, 3, None) for sku in skus])

    assert sorted(answers) == [f"A-{number}" for number in range(8)]
    assert bins(database, "MAIN") == {f"A-{number}": 3 for number in range(8)}


def test_eight_processes_of_low_priority_never_get_the_safety_stock(database, where):
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1")
    books.receive(database, "HX-1", 45, "MAIN")
    add_channels(database, MARKET=True)
    protect(database, "HX-1", 5)

    answers = workers.together(where, reserve_from, [(n, "MARKET", 8) for n in range(8)])

    assert sum(answers, Counter()) == {"held": 40, "insufficient-stock": 24}
    assert counts(database, "HX-1", "MAIN") == (45, 40, 5, 0)


def test_the_safety_stock_goes_to_the_better_channel_alone(database, where, clock):
    clock.at = instants.now()
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1")
    books.receive(database, "HX-1", 20, "MAIN")
    add_channels(database, MARKET=True)
    protect(database, "HX-1", 5)

    books.reserve(database, "SO-0", "HX-1=15", channel="MARKET")
    answers = workers.together(
        where, reserve_from, [(n, "MARKET" if n % 2 else "", 3) for n in range(8)]
    )

    held = [answer["held"] for answer in answers]
    assert (sum(held[0::2]), sum(held[1::2])) == (5, 0)
    assert counts(database, "HX-1", "MAIN") == (20, 20, 0, 0)
