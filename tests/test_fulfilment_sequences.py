"""Whatever is picked, packed, shipped and taken back, in whatever order: the books balance."""

import random
from contextlib import suppress

import pytest

from bvinv.core import command_log, dates
from bvinv.core.errors import InventoryError
from tests import books, pick_books
from tests.books import HOUR, MINUTE, fetch, findings

SKUS = ("HX-1", "HX-2", "LOT-1")
SITES = ("MAIN", "NORTH")
BINS = ("SHELF", "A-1", "A-2")


def furnish(database, rng):
    books.add_warehouses(database, *SITES)
    books.add_products(database, *SKUS)
    with database.write(command_log.command("lots", actor="tester")) as session:
        session.wire.exec_driver_sql("UPDATE product SET tracks_lots = 1 WHERE sku = 'LOT-1'")
    for site in SITES:
        for name in BINS[1:]:
            books.add_bin(database, site, name)
        for sku in SKUS * 2:
            receive(database, rng, sku, site)


def receive(database, rng, sku, site):
    lot = {}
    if sku == "LOT-1":
        day = rng.choice((5, 20, 400))
        last = dates.of(books.START + day * 24 * HOUR)
        lot = {"lot": f"L-{day}", "expires_on": last}
    books.receive(database, sku, rng.randint(1, 8), site, bin=rng.choice(BINS), **lot)


def next_step(database, rng, order):
    """Do what comes next for an order, or one thing earlier or later."""
    [[left, loose, packed, shipped]] = fetch(
        database,
        "SELECT coalesce(sum(quantity - picked - short), 0), coalesce(sum(picked - returned - "
        "packed), 0), coalesce(sum(packed - shipped), 0), coalesce(sum(shipped), 0) "
        "FROM pick_line AS l JOIN pick AS p ON p.id = l.pick_id "
        f"WHERE p.reservation_id = '{order}' AND p.status <> 'cancelled'",
    )
    [listed] = rng.sample(
        fetch(
            database,
            "SELECT d.sku, b.code, l.quantity - l.picked - l.short FROM pick_line AS l "
            "JOIN pick AS p ON p.id = l.pick_id JOIN stock_level AS s ON s.id = l.level_id "
            "JOIN product AS d ON d.id = s.product_id JOIN bin AS b ON b.id = l.bin_id "
            f"WHERE p.reservation_id = '{order}' AND l.quantity > l.picked + l.short",
        )
        or [("HX-1", "SHELF", 1)],
        1,
    )
    sku, bin_, pieces = listed
    label = f"P-{rng.randint(1, 3)}"
    steps = [lambda: pick_books.start(database, order)]
    if left:
        part = rng.randint(1, int(pieces))
        steps = [
            lambda: pick_books.pick(database, "", order),
            lambda: pick_books.pick(database, f"{sku}={part}", order),
            lambda: pick_books.pick(database, f"{sku}={part}", order, rng.choice(BINS)),
            lambda: pick_books.short(database, sku, order, quantity=part, bin=bin_),
        ]
    elif loose:
        site = rng.choice((None, *SITES))
        steps = [lambda: pick_books.pack(database, label, "", order, warehouse=site)]
    elif packed:
        steps = [lambda: pick_books.ship(database, order)] * 3 + [
            lambda: pick_books.unpack(database, label, order),
            lambda: pick_books.bring_back(database, order),
        ]
    elif shipped:
        steps += [lambda: pick_books.unship(database, order)]
    rng.choice(steps)()


def step(database, clock, rng):
    """Do something, whether it is possible or not."""
    [[known]] = fetch(database, "SELECT count(*) FROM reservation")
    any_order = f"SO-{rng.randint(1, known + 1)}"
    # Mostly one of the last: one that is over is tried too.
    order = f"SO-{max(known - rng.randint(0, 2), 1)}" if rng.random() < 0.85 else any_order
    sku, site, pieces = rng.choice(SKUS), rng.choice(SITES), rng.randint(1, 4)
    label, bin_ = f"P-{rng.randint(1, 3)}", rng.choice(BINS)
    if rng.random() < 0.5:
        with suppress(InventoryError):
            next_step(database, rng, order)
        return
    [[returned]] = fetch(database, "SELECT count(*) FROM customer_return")
    ways = [
        lambda: books.reserve(
            database,
            f"SO-{known + 1}",
            f"{sku}={pieces} {rng.choice(SKUS)}=2",
            backorder=rng.random() < 0.5,
            ttl=rng.choice((MINUTE, 9 * 24 * HOUR)),
        ),
        lambda: pick_books.start(database, order),
        lambda: pick_books.pick(database, "", order),
        lambda: pick_books.pick(database, f"{sku}={pieces}", order),
        lambda: pick_books.pick(database, f"{sku}={pieces}", order, bin_),
        lambda: pick_books.short(database, sku, order, quantity=rng.choice((None, pieces))),
        lambda: pick_books.bring_back(database, order),
        lambda: pick_books.pack(database, label, "", order, warehouse=site),
        lambda: pick_books.pack(database, label, f"{sku}={pieces}", order),
        lambda: pick_books.unpack(database, label, order),
        lambda: pick_books.ship(database, order, package=rng.choice((None, None, label))),
        lambda: pick_books.unship(database, any_order, package=rng.choice((None, None, label))),
        lambda: books.release(database, order),
        lambda: books.commit(database, order),
        lambda: books.expire(database),
        lambda: clock.advance(rng.choice((MINUTE, 24 * HOUR, 24 * HOUR, 8 * 24 * HOUR))),
        lambda: receive(database, rng, sku, site),
        lambda: books.adjust(
            database, sku, site, -pieces, break_newest=rng.random() < 0.5, bin=bin_
        ),
        lambda: books.put_away(database, sku, pieces, site, bin_, origin=rng.choice(BINS)),
        lambda: pick_books.come_back(
            database,
            sku,
            pieces,
            warehouse=site,
            lot="L-20" if sku == "LOT-1" else "",
            reservation_id=rng.choice((None, any_order)),
        ),
        lambda: pick_books.decide(
            database, f"RT-{rng.randint(1, max(returned, 1))}", restock=1, scrap=pieces % 2
        ),
    ]
    # What belongs to the walk is tried more often than what ends it.
    weights = [5, 12, 10, 4, 4, 4, 2, 14, 3, 2, 14, 7, 1, 1, 1, 1, 6, 2, 2, 3, 3]
    [way] = rng.choices(ways, weights)
    with suppress(InventoryError):
        way()


def play(database, clock, seed, steps):
    rng = random.Random(seed)
    furnish(database, rng)
    for number in range(steps):
        clock.advance(books.SECOND)
        step(database, clock, rng)
        assert findings(database) == [], (seed, number)


@pytest.mark.parametrize("seed", range(4))
def test_books_balance_after_any_sequence(database, clock, seed):
    play(database, clock, seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_books_balance_after_any_long_sequence(database, clock, seed):
    play(database, clock, seed, 300)
