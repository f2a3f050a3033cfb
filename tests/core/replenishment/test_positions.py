"""Positions against a sum over the ledger and the documents, whatever happened."""

import random
from collections import Counter
from contextlib import suppress

import pytest

from bvinv.core import command_log, dates
from bvinv.core.errors import InventoryError
from bvinv.core.replenishment import positions
from tests import books, purchasing_books, transfer_books
from tests.books import fetch
from tests.purchasing_books import add_supplier

DAY = 24 * books.HOUR
SKUS = ("HX-1", "HX-2", "HX-3")


def any_step(database, clock, rng, step):
    """Do something that changes a position; half of it is refused."""
    sku, site, few = rng.choice(SKUS), rng.choice(("MAIN", "NORTH")), rng.randint(1, 6)
    other = {"MAIN": "NORTH", "NORTH": "MAIN"}[site]
    numbers = [fetch(database, f"SELECT max(id) FROM {name}") for name in _NUMBERED]
    po, tr = (
        f"{code}-{rng.randint(max((last or 1) - 3, 1), last or 1)}"
        for code, [(last,)] in zip(("PO", "TR"), numbers, strict=True)
    )
    held = fetch(database, "SELECT id FROM reservation WHERE status = 'held' ORDER BY id")
    so, lot = rng.choice(held or [("SO-0",)])[0], {}
    if sku == "HX-3":
        days = rng.choice((1, 2, 90))
        lot = {"lot": f"L{days}-{step}", "expires_on": dates.of(clock.at + days * DAY)}
    said = f"{sku}={few}"
    steps = [
        lambda: books.receive(database, sku, 9, site, bin="SHELF", **lot),
        lambda: books.reserve(
            database,
            f"SO-{step}",
            f"{said}@{site}",
            backorder=True,
            ttl=rng.choice((3_600, 10**6)),
        ),
        lambda: books.commit(database, so),
        lambda: books.release(database, so),
        lambda: books.extend(database, so, 10**6),
        lambda: books.adjust(database, sku, site, -few, break_newest=True),
        lambda: purchasing_books.draft(database, said, warehouse=site),
        lambda: purchasing_books.order(database, said, percent=50, warehouse=site),
        lambda: purchasing_books.change(database, po, said),
        lambda: purchasing_books.place(database, po),
        lambda: purchasing_books.deliver(database, po, said, **lot and {"lot": lot["lot"]}),
        lambda: purchasing_books.deliver(database, po),
        lambda: purchasing_books.cancel(database, po),
        lambda: transfer_books.draft(database, said, site, other),
        lambda: transfer_books.send(database, said, site, other),
        lambda: transfer_books.ship(database, tr),
        lambda: transfer_books.arrive(database, tr, f"{sku}=1"),
        lambda: transfer_books.close(database, tr, lost=f"{sku}=1"),
        lambda: transfer_books.close(database, tr, returned=said),
        lambda: transfer_books.cancel(database, tr),
        lambda: clock.advance(rng.choice((1, 30)) * books.HOUR),
    ]
    with suppress(InventoryError):
        rng.choice(steps)()


_NUMBERED = ("purchase_order", "transfer")


def summed(database, now):
    """Return the position of each level by its id, part by part from where it is written down."""
    today = dates.of(now)
    parts = (
        "SELECT level_id, sum(on_hand_change) FROM movement GROUP BY level_id",
        "SELECT l.level_id, -sum(l.held + l.backordered) FROM reservation_line AS l"
        " JOIN reservation AS r ON r.id = l.reservation_id"
        f" WHERE r.status = 'held' AND r.expires_at > {now} GROUP BY l.level_id",
        "SELECT to_level_id, sum(shipped - received - lost - returned) FROM transfer_line"
        " GROUP BY to_level_id",
        "SELECT l.level_id, sum(CASE WHEN l.quantity > l.received + l.cancelled"
        " THEN l.quantity - l.received - l.cancelled ELSE 0 END) FROM purchase_order_line AS l"
        " JOIN purchase_order AS o ON o.id = l.order_id"
        " WHERE o.status IN ('draft', 'placed', 'partly-received') GROUP BY l.level_id",
        "SELECT l.to_level_id, sum(l.quantity) FROM transfer_line AS l JOIN transfer AS t"
        " ON t.id = l.transfer_id WHERE t.status = 'draft' GROUP BY l.to_level_id",
        "SELECT l.level_id, -sum(l.quantity) FROM transfer_line AS l JOIN transfer AS t"
        " ON t.id = l.transfer_id WHERE t.status = 'draft' GROUP BY l.level_id",
        "SELECT m.level_id, -sum(m.on_hand_change) FROM movement AS m"
        " JOIN stock_level AS l ON l.id = m.level_id"
        " JOIN lot AS t ON t.product_id = l.product_id AND t.code = m.lot"
        f" WHERE t.expires_on < {today} GROUP BY m.level_id",
    )
    found = Counter()
    for part in parts:
        for level, pieces in fetch(database, part):
            found[level] += int(pieces)
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_position_is_the_sum_of_what_is_there_comes_and_is_owed(stocked, clock, seed):
    rng = random.Random(seed)
    add_supplier(stocked)
    with stocked.write(command_log.command("lots", actor="tester")) as session:
        session.wire.exec_driver_sql("UPDATE product SET tracks_lots = 1 WHERE sku = 'HX-3'")
    for step in range(60):
        any_step(stocked, clock, rng, step)
        if step % 6:
            continue
        expected = summed(stocked, clock.at)
        ids = [number for (number,) in fetch(stocked, "SELECT id FROM product WHERE id > 0")]
        for at in books.ask(stocked, lambda s, ids=ids: positions.of_products(s, ids)):
            assert at.position == expected[at.level_id], (step, at)
