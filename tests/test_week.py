"""A week in three warehouses, with random choices: whatever people do, the books are sound.

Orders with short and over deliveries, put-away, transfers with losses, picks with shorts, parcels
that come back, counts while goods move, returns, undo. After every step the invariants of the
design hold, by an oracle that shares nothing with bvinv but the tables.
"""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from bvinv.core import catalog, put_away, undo
from bvinv.core.counts import count_posting, counting
from bvinv.core.db import Database, Session
from bvinv.core.errors import InventoryError
from bvinv.core.fulfilment import packing, picking, returns, shipping
from bvinv.core.purchasing import order_rows, orders, receipts, suppliers
from bvinv.core.transfers import arrivals, transfer_rows, transfers
from tests import books, oracle
from tests.books import HOUR, MINUTE, Clock, act, ask

SITES = ("MAIN", "NORTH", "SHOP")
SKUS = ("A", "B", "C", "D")  # D comes in lots
BINS = ("SHELF", "S-1", "S-2")
STEPS = 70  # a day


class Week:
    """The people at work: each method does one thing that somebody might do."""

    def __init__(self, database: Database, clock: Clock, seed: int) -> None:
        self.database, self.clock = database, clock
        self.random = random.Random(seed)
        self.orders: list[str] = []
        self.transfers: list[str] = []
        self.reservations: list[str] = []
        self.counts: list[tuple[str, str]] = []
        self.returns: list[str] = []
        self.made = 0
        self.done: Counter[str] = Counter()

    def act(self, action: Callable[[Session], Any]) -> Any:
        return act(self.database, action)

    def site(self) -> str:
        return self.random.choice(SITES)

    def sku(self) -> str:
        return self.random.choice(SKUS)

    def some(self, most: int = 12) -> int:
        return self.random.randint(1, most)

    def lot_of(self, sku: str) -> dict[str, Any]:
        if sku != "D":
            return {}
        lot = self.random.choice([("L1", 20260303), ("L2", 20260401), ("L3", 20270101)])
        return {"lot": lot[0], "expires_on": lot[1]}

    def lines(self) -> list[tuple[str, int]]:
        return [(sku, self.some()) for sku in self.random.sample(SKUS, self.random.randint(1, 3))]

    def order(self) -> None:
        def action(session: Session) -> Any:
            row = orders.create(session, supplier="ACME", warehouse=self.site(), lines=self.lines())
            return orders.place(session, order=row.order)

        self.orders.append(self.act(action).order)

    def one_of(self, table: str, kind: str, *states: str) -> str:
        """Return a document in one of these states."""
        state = self.random.choice(states)
        rows = books.fetch(self.database, f"SELECT id FROM {table} WHERE status = '{state}'")
        return f"{kind}-{self.random.choice(sorted(rows))[0]}"

    def deliver(self) -> None:
        number = self.one_of("purchase_order", "PO", "placed", "partly-received")
        row = ask(self.database, lambda s: order_rows.show(s, order=number))
        line = self.random.choice(row.lines)
        # Short, exact or too much: the last is refused beyond the tolerance.
        pieces = max(1, line.outstanding + self.random.choice([-3, -1, 0, 0, 1, 4]))
        self.act(
            lambda s: receipts.receive_order(
                s, order=number, lines=[(line.sku, pieces)], **self.lot_of(line.sku)
            )
        )

    def deliver_all(self) -> None:
        number = self.random.choice(self.orders[-4:])
        row = ask(self.database, lambda s: order_rows.show(s, order=number))
        if any(line.sku == "D" for line in row.lines):
            return
        self.act(lambda s: receipts.receive_order(s, order=number, everything=True))

    def cancel_order(self) -> None:
        number = self.random.choice(self.orders[-4:])
        self.act(lambda s: orders.cancel(s, order=number))

    def receive(self) -> None:
        sku = self.sku()
        books.receive(self.database, sku, self.some(30), self.site(), **self.lot_of(sku))

    def put_away(self) -> None:
        sku, site = self.sku(), self.site()
        target = self.random.choice(BINS)
        self.act(
            lambda s: put_away.put_away(
                s, ref=sku, quantity=self.some(6), warehouse=site, target=target
            )
        )

    def adjust(self) -> None:
        change = self.random.choice([-2, -1, 1, 2])
        site, sku = self.site(), self.sku()
        breaks = self.random.random() < 0.3
        books.adjust(self.database, sku, site, change, reason="miscount", break_newest=breaks)

    def transfer(self) -> None:
        origin, target = self.random.sample(SITES, 2)
        row = self.act(
            lambda s: transfers.create(s, lines=self.lines(), origin=origin, target=target)
        )
        self.transfers.append(row.transfer)

    def ship_transfer(self) -> None:
        number = self.one_of("transfer", "TR", "draft", "draft", "shipped")
        self.act(lambda s: transfers.ship(s, transfer=number))

    def arrive(self) -> None:
        number = self.one_of("transfer", "TR", "shipped", "partly-received")
        row = ask(self.database, lambda s: transfer_rows.show(s, transfer=number))
        line = self.random.choice(row.lines)
        self.act(lambda s: arrivals.receive(s, transfer=number, lines=[(line.sku, self.some(4))]))

    def close_transfer(self) -> None:
        number = self.one_of("transfer", "TR", "shipped", "partly-received")
        row = ask(self.database, lambda s: transfer_rows.show(s, transfer=number))
        lost, back = [], []
        for line in row.lines:
            if line.in_transit:
                (lost if self.random.random() < 0.5 else back).append((line.sku, line.in_transit))
        self.act(lambda s: arrivals.close(s, transfer=number, lost=lost, returned=back))

    def cancel_transfer(self) -> None:
        number = self.random.choice(self.transfers[-4:])
        self.act(lambda s: transfers.cancel(s, transfer=number))

    def reserve(self) -> None:
        self.made += 1
        number = f"SO-{self.made}"
        said = " ".join(f"{sku}={self.some(6)}" for sku, _ in self.lines())
        books.reserve(
            self.database, number, said, backorder=self.random.random() < 0.5, ttl=48 * HOUR
        )
        self.reservations.append(number)

    def reservation(self) -> str:
        """Return a recent reservation, most often one that is live."""
        if self.random.random() < 0.2:
            return self.random.choice(self.reservations[-8:])
        rows = books.fetch(self.database, "SELECT id FROM reservation WHERE status = 'held'")
        return str(self.random.choice(sorted(rows)[-6:])[0])

    def pick(self) -> None:
        number = self.reservation()
        self.act(lambda s: picking.start(s, reservation_id=number))
        if self.random.random() < 0.7:
            self.act(lambda s: picking.pick(s, reservation_id=number, everything=True))

    def parcel(self) -> None:
        """Pick what is held, pack it where it stands and, mostly, let it leave."""
        number = self.reservation()
        self.act(lambda s: picking.start(s, reservation_id=number))
        row = self.act(lambda s: picking.pick(s, reservation_id=number, everything=True))
        for site in sorted({line.warehouse for line in row.lines if line.picked}):
            self.act(
                lambda s, site=site: packing.pack(
                    s, reservation_id=number, label=f"{site}-9", warehouse=site
                )
            )
        if self.random.random() < 0.8:
            self.ship()

    def short(self) -> None:
        number = self.reservation()
        row = self.act(lambda s: picking.start(s, reservation_id=number))
        line = self.random.choice(row.lines)
        self.act(
            lambda s: picking.short(
                s, reservation_id=number, ref=line.sku, quantity=1, bin=line.bin
            )
        )

    def unpick(self) -> None:
        number = self.reservation()
        self.act(lambda s: picking.cancel(s, reservation_id=number))

    def pack(self) -> None:
        number = self.reservation()
        site = self.site()
        self.act(
            lambda s: packing.pack(
                s, reservation_id=number, label=f"{site}-{self.some(2)}", warehouse=site
            )
        )

    def ship(self) -> None:
        number = self.reservation()
        self.act(lambda s: shipping.ship(s, reservation_id=number, tracking="T-1"))

    def unship(self) -> None:
        number = self.random.choice(self.reservations[-8:])
        self.act(lambda s: shipping.unship(s, reservation_id=number))

    def commit(self) -> None:
        books.commit(self.database, self.reservation(), close=self.random.random() < 0.3)

    def release(self) -> None:
        books.release(self.database, self.reservation())

    def expire(self) -> None:
        books.expire(self.database)

    def come_back(self) -> None:
        number = self.random.choice(self.reservations[-8:])
        shipped = [line.sku for line in books.show(self.database, number).lines if line.committed]
        row = self.act(
            lambda s: returns.receive(
                s,
                ref=self.random.choice(shipped),
                quantity=self.some(2),
                warehouse=self.site(),
                reason="unwanted",
                reservation_id=number,
            )
        )
        self.returns.append(row.number)

    def decide(self) -> None:
        number = self.random.choice(self.returns)
        way = self.random.choice(["restock", "damaged", "scrap", "to_supplier"])
        self.act(lambda s: returns.decide(s, number=number, **{way: 1}))

    def lying(self, sku: str, site: str, where: str) -> int:
        found = books.fetch(
            self.database,
            "SELECT coalesce(sum(b.quantity), 0) FROM bin_level AS b "
            "JOIN stock_level AS l ON l.id = b.level_id JOIN product AS p ON p.id = l.product_id "
            "JOIN warehouse AS w ON w.id = l.warehouse_id JOIN bin AS c ON c.id = b.bin_id "
            f"WHERE p.sku = '{sku}' AND w.code = '{site}' AND c.code = '{where}'",
        )
        return int(found[0][0])

    def open_count(self) -> None:
        site = self.site()
        row = self.act(
            lambda s: counting.open(s, warehouse=site, tolerance=self.random.choice([0, 9]))
        )
        self.counts.append((row.count, site))

    def count(self) -> None:
        number, site = self.random.choice(self.counts[-2:])
        sku, where = self.random.choice(SKUS[:3]), self.random.choice(BINS)
        lying = self.lying(sku, site, where)
        found = max(0, lying + self.random.choice([-1, 0, 0, 1]))
        self.act(lambda s: counting.add(s, count=number, ref=sku, bin=where, quantity=found))

    def post_count(self) -> None:
        number, _ = self.random.choice(self.counts[-2:])
        accept = self.random.random() < 0.5
        self.act(lambda s: count_posting.post(s, count=number, accept=accept))

    def undo(self) -> None:
        [(last,)] = books.fetch(self.database, "SELECT max(id) FROM movement")
        number = self.random.randint(max(1, last - 15), last)
        self.act(lambda s: undo.movement(s, movement_id=number))

    def undo_document(self) -> None:
        number = self.random.choice(
            [self.random.choice(self.transfers[-4:]), f"RC-{self.random.randint(1, 20)}"]
        )
        self.act(lambda s: undo.document(s, number=number))


RARE = ("cancel_order", "cancel_transfer", "release", "expire", "close_transfer", "undo_document")
NO_STEP = ("act", "site", "sku", "some", "lot_of", "lines", "reservation", "lying", "one_of")
WAYS = [name for name in vars(Week) if not name.startswith("_") and name not in NO_STEP]
MORNING = ("receive", "order", "deliver", "put_away", "reserve")


@pytest.fixture
def houses(database: Database) -> Database:
    books.add_warehouses(database, *SITES)
    books.add_products(database, *SKUS)
    for site in SITES:
        for name in BINS[1:]:
            books.add_bin(database, site, name)

    def more(session: Session) -> list[Any]:
        fields = {"name": "Acme", "currency": "EUR", "over_receipt_percent": "20"}
        suppliers.add(session, name_code="ACME", fields={**fields, "lead_time_days": "3"})
        return [catalog.change(session, ref="D", fields={"tracks_lots": "true"})]

    act(database, more)
    return database


@pytest.mark.parametrize(
    ("days", "seed"),
    [(2, 1), *(pytest.param(6, seed, marks=pytest.mark.slow) for seed in range(1, 12))],
)
def test_a_week_in_three_warehouses_leaves_the_books_sound_after_every_step(
    houses, clock, days, seed
):
    week = Week(houses, clock, seed)
    weights = [1 if name in RARE else 4 for name in WAYS]
    for day in range(days):
        for step in range(STEPS):
            clock.advance(week.random.randint(1, 8) * MINUTE)
            [name] = week.random.choices(WAYS, weights) if step > 10 else [MORNING[step % 5]]
            # Nothing of that kind yet, or a refusal: both happen every day.
            with suppress(InventoryError, IndexError):
                getattr(week, name)()
                week.done[name] += 1
            assert oracle.faults(houses, clock()) == [], (day, step, name)
        clock.advance(14 * HOUR)
        assert books.findings(houses) == []

    # Days on which hardly anything happened would prove nothing.
    assert len([name for name in WAYS if not week.done[name]]) <= (6 if days == 6 else 8)
    assert sum(week.done.values()) > days * STEPS // 3
