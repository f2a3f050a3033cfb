"""Whatever is asked, in whatever order: the books are those of a model of 200 plain lines."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bvinv.core import catalog, reservation_rows, stock, warehouses
from bvinv.core.db import Database
from bvinv.core.errors import Conflict, InsufficientStock, InventoryError, NotFound
from tests import books
from tests.books import HOUR, MINUTE, SECOND, Clock, act, ask, findings

SKUS, SITES = ("A", "B", "C"), ("MAIN", "NORTH")
SELLABLE, ORDER = ("DOCK", "SHELF"), ("SHELF", "DOCK")
Key = tuple[str, str]


@dataclass
class Line:
    held: int = 0
    backordered: int = 0
    committed: int = 0
    released: int = 0

    def let_go(self) -> None:
        self.released += self.held + self.backordered
        self.held = self.backordered = 0


@dataclass
class Promise:
    terms: Any
    expires_at: int
    lines: dict[Key, Line]
    status: str = "held"


@dataclass
class Model:
    """The rules once more, as plainly as possible: what lies where, and who was promised what."""

    now: int = 0
    bins: dict[Key, dict[str, int]] = field(
        default_factory=lambda: {
            (sku, site): {"DOCK": 0, "SHELF": 0, "Q-1": 0} for sku in SKUS for site in SITES
        }
    )
    promises: dict[str, Promise] = field(default_factory=dict)  # in the order of their making

    def on_hand(self, key: Key) -> int:
        return sum(self.bins[key][name] for name in SELLABLE)

    def open_lines(self, key: Key, *, live: bool) -> list[Line]:
        return [
            promise.lines[key]
            for promise in self.promises.values()
            if promise.status == "held"
            and key in promise.lines
            and (promise.expires_at > self.now) == live
            and promise.lines[key].held + promise.lines[key].backordered
        ]

    def free(self, key: Key) -> int:
        return self.on_hand(key) - sum(line.held for line in self.open_lines(key, live=True))

    def view(self, key: Key) -> tuple[int, int, int, int, int]:
        """On hand, reserved, available, backordered, unsellable."""
        live = self.open_lines(key, live=True)
        waiting = sum(line.backordered for line in live)
        free = self.free(key)
        on_hand = self.on_hand(key)
        return on_hand, on_hand - free, free - waiting, waiting, self.bins[key]["Q-1"]

    def shown(self, promise: Promise) -> tuple[str, int, list[tuple[Any, ...]]]:
        promise = deepcopy(promise)
        if promise.status == "held" and promise.expires_at <= self.now:
            promise.status = "expired"
            for line in promise.lines.values():
                line.let_go()
        lines = [
            (*key, line.held, line.backordered, line.committed, line.released)
            for key, line in sorted(promise.lines.items())
        ]
        return promise.status, promise.expires_at, lines

    def lapse(self, key: Key) -> None:
        for line in self.open_lines(key, live=False):
            line.let_go()

    def fill(self, key: Key) -> None:
        """Free pieces go to who waits, the oldest first."""
        waiting = [line for line in self.open_lines(key, live=True) if line.backordered]
        free = self.free(key)
        if free > 0 and waiting:
            self.lapse(key)
        for line in waiting:
            given = max(min(free, line.backordered), 0)
            line.held += given
            line.backordered -= given
            free -= given

    def take(self, key: Key, quantity: int) -> None:
        for name in ORDER:
            part = min(self.bins[key][name], quantity)
            self.bins[key][name] -= part
            quantity -= part
        assert quantity == 0

    def make_room(self, key: Key, quantity: int, *, break_newest: bool) -> None:
        self.lapse(key)
        short = quantity - self.free(key)
        if short > 0 and not break_newest:
            raise InsufficientStock("")
        for line in reversed(self.open_lines(key, live=True)):
            part = max(min(line.held, short), 0)
            line.held -= part
            line.backordered += part
            short -= part

    def receive(self, key: Key, quantity: int, place: str) -> None:
        self.bins[key][place] += quantity
        self.fill(key)

    def adjust(self, key: Key, change: int, *, break_newest: bool) -> None:
        if change > 0:
            self.bins[key]["SHELF"] += change
        else:
            if self.on_hand(key) < -change:
                raise InsufficientStock("")
            self.make_room(key, -change, break_newest=break_newest)
            self.take(key, -change)
        self.fill(key)

    def put_away(self, key: Key, quantity: int, origin: str, target: str) -> None:
        if self.bins[key][origin] < quantity:
            raise InsufficientStock("")
        if origin in SELLABLE and target not in SELLABLE:
            self.make_room(key, quantity, break_newest=False)
        self.bins[key][origin] -= quantity
        self.bins[key][target] += quantity
        self.fill(key)

    def reserve(
        self, number: str, wanted: list[tuple[str, str | None, int]], ttl: int, backorder: bool
    ) -> None:
        terms = (sorted(wanted, key=repr), ttl, backorder)
        if number in self.promises:
            if self.promises[number].terms != terms:
                raise Conflict("")
            return
        sites = [site for site in SITES if any(w[1] in (site, None) for w in wanted)]
        touched = [(sku, site) for sku in {w[0] for w in wanted} for site in sites]
        for key in touched:
            if self.open_lines(key, live=False):
                self.lapse(key)
                self.fill(key)
        left = {key: max(self.view(key)[2], 0) for key in touched}
        lines: dict[Key, Line] = {}
        for sku, named, quantity in sorted(wanted, key=lambda want: want[1] is None):
            missing = quantity
            for site in [named] if named else SITES:
                part = min(left[sku, site], missing)
                left[sku, site] -= part
                missing -= part
                if part:
                    lines.setdefault((sku, site), Line()).held += part
            if missing:
                if not backorder:
                    raise InsufficientStock("")
                lines.setdefault((sku, named or SITES[0]), Line()).backordered += missing
        self.promises[number] = Promise(terms, self.now + ttl, lines)

    def live(self, number: str) -> Promise:
        promise = self.promises.get(number)
        if promise is None:
            raise NotFound("")
        if promise.status != "held" or promise.expires_at <= self.now:
            raise Conflict("")
        return promise

    def extend(self, number: str, ttl: int) -> None:
        promise = self.live(number)
        if self.now + ttl < promise.expires_at:
            raise Conflict("")
        promise.expires_at = self.now + ttl

    def commit(self, number: str, wanted: dict[str, int], close: bool) -> None:
        promise = self.live(number)
        keys = sorted(k for k, line in promise.lines.items() if line.held + line.backordered)
        held = {sku: sum(promise.lines[k].held for k in keys if k[0] == sku) for sku in SKUS}
        if not wanted:
            wanted = held
            if not any(held.values()):
                raise Conflict("")
        if any(quantity > held[sku] for sku, quantity in wanted.items()):
            raise Conflict("")
        wanted = dict(wanted)
        for key in keys:
            line = promise.lines[key]
            part = min(line.held, wanted.get(key[0], 0))
            if part:
                wanted[key[0]] -= part
                line.held -= part
                line.committed += part
                self.take(key, part)
            if close:
                line.let_go()
        if not any(promise.lines[key].held + promise.lines[key].backordered for key in keys):
            promise.status = "committed"
        if close:
            for key in keys:
                self.fill(key)

    def release(self, number: str) -> None:
        self.end(self.live(number), "released")

    def expire(self) -> None:
        due = [
            promise
            for promise in self.promises.values()
            if promise.status == "held" and promise.expires_at <= self.now
        ]
        self.end_all(due, "expired")

    def end(self, promise: Promise, status: str) -> None:
        self.end_all([promise], status)

    def end_all(self, ended: list[Promise], status: str) -> None:
        keys = {
            key
            for promise in ended
            for key, line in promise.lines.items()
            if line.held + line.backordered
        }
        for promise in ended:
            promise.status = status
            for line in promise.lines.values():
                line.let_go()
        for key in keys:
            self.fill(key)


skus, sites, small = st.sampled_from(SKUS), st.sampled_from(SITES), st.integers(1, 9)
numbers = st.integers(1, 8).map("SO-{}".format)
places = st.sampled_from(["DOCK", "SHELF", "Q-1"])
wants = st.lists(
    st.tuples(skus, st.one_of(st.none(), sites), small),
    min_size=1,
    max_size=3,
    unique_by=lambda want: want[:2],
)
ttls = st.sampled_from([MINUTE, 10 * MINUTE, HOUR])


class Machine(RuleBasedStateMachine):
    """bvinv and the model, side by side."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__()
        self.database, self.clock = database, clock
        self.model = Model()

        def furnish(session: Any) -> list[Any]:
            for place, code in enumerate(SITES, start=1):
                warehouses.add(session, name_code=code, name=code, priority=place)
                warehouses.add_bin(session, warehouse=code, name="Q-1", kind="quarantine")
            for sku in SKUS:
                catalog.add(session, fields={"sku": sku, "title": sku})
            return []

        act(database, furnish)

    def both(self, real: Callable[[], Any], model: Callable[[Model], None]) -> None:
        """Do it in both; they agree about refusals too, and a refusal changes neither."""
        self.clock.advance(SECOND)
        before = deepcopy(self.model)
        self.model.now = before.now = self.clock.at
        expected = said = None
        try:
            model(self.model)
        except InventoryError as error:
            expected, self.model = type(error), before
        try:
            real()
        except InventoryError as error:
            said = type(error)
        assert said == expected

    @rule(sku=skus, site=sites, quantity=small, place=places)
    def receive(self, sku, site, quantity, place):
        self.both(
            lambda: books.receive(self.database, sku, quantity, site, bin=place),
            lambda model: model.receive((sku, site), quantity, place),
        )

    @rule(sku=skus, site=sites, change=st.integers(-9, 9).filter(bool), broken=st.booleans())
    def adjust(self, sku, site, change, broken):
        self.both(
            lambda: books.adjust(self.database, sku, site, change, break_newest=broken),
            lambda model: model.adjust((sku, site), change, break_newest=broken),
        )

    @rule(
        sku=skus,
        site=sites,
        quantity=small,
        way=st.tuples(places, places).filter(lambda way: way[0] != way[1]),
    )
    def put_away(self, sku, site, quantity, way):
        self.both(
            lambda: books.put_away(self.database, sku, quantity, site, way[1], origin=way[0]),
            lambda model: model.put_away((sku, site), quantity, *way),
        )

    @rule(number=numbers, wanted=wants, ttl=ttls, backorder=st.booleans())
    def reserve(self, number, wanted, ttl, backorder):
        said = " ".join(f"{sku}={n}{f'@{site}' if site else ''}" for sku, site, n in wanted)
        self.both(
            lambda: books.reserve(self.database, number, said, ttl=ttl, backorder=backorder),
            lambda model: model.reserve(number, wanted, ttl, backorder),
        )

    @rule(number=numbers)
    def reserve_again(self, number):
        if number in self.model.promises:
            wanted, ttl, backorder = self.model.promises[number].terms
            self.reserve(number, wanted, ttl, backorder)

    @rule(number=numbers, ttl=ttls)
    def extend(self, number, ttl):
        self.both(
            lambda: books.extend(self.database, number, ttl),
            lambda model: model.extend(number, ttl),
        )

    @rule(number=numbers, wanted=st.dictionaries(skus, small, max_size=2), close=st.booleans())
    def commit(self, number, wanted, close):
        said = " ".join(f"{sku}={quantity}" for sku, quantity in wanted.items())
        self.both(
            lambda: books.commit(self.database, number, said, close=close),
            lambda model: model.commit(number, wanted, close),
        )

    @rule(number=numbers)
    def release(self, number):
        self.both(lambda: books.release(self.database, number), lambda model: model.release(number))

    @rule(by=st.sampled_from([MINUTE, 10 * MINUTE, HOUR]))
    def wait(self, by):
        self.clock.advance(by)
        self.model.now = self.clock.at

    @rule()
    def sweep(self):
        self.both(lambda: books.expire(self.database), lambda model: model.expire())

    @invariant()
    def the_levels_agree(self):
        rows, _ = ask(self.database, stock.page)
        found = {
            (row.sku, row.warehouse): (
                row.on_hand,
                row.reserved,
                row.available,
                row.backordered,
                row.unsellable,
            )
            for row in rows
        }
        for key in self.model.bins:
            assert found.get(key, (0,) * 5) == self.model.view(key), key

    @invariant()
    def the_reservations_agree(self):
        rows, _ = ask(self.database, reservation_rows.page)
        found = {row.reservation_id: (row.status, row.expires_at, books.parts(row)) for row in rows}
        expected = {
            number: self.model.shown(promise) for number, promise in self.model.promises.items()
        }
        assert found == expected

    def teardown(self):
        try:
            assert findings(self.database) == []
        finally:
            self.database.close()


def run(request, engine_name, tmp_path, examples: int, steps: int, kind: Any = Machine) -> None:
    """Run a machine, each example in a database of its own."""
    made: list[str] = []

    def machine() -> Any:
        clock = Clock()
        if engine_name == "sqlite":
            path = tmp_path / f"{len(made)}.db"
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
            made.append(str(path))
        else:
            schemas = request.getfixturevalue("postgresql_schemas")
            if made:
                schemas.give_back(made.pop())
            made.append(schemas.take())
        return kind(Database(made[-1], clock=clock), clock)

    if engine_name == "postgresql" and (why := request.getfixturevalue("postgresql_answers")):
        pytest.skip(why)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_books_are_those_of_the_model(request, engine_name, tmp_path):
    run(request, engine_name, tmp_path, 25 if engine_name == "sqlite" else 5, 30)


@pytest.mark.slow
def test_the_books_are_those_of_the_model_for_long(request, engine_name, tmp_path):
    run(request, engine_name, tmp_path, 400 if engine_name == "sqlite" else 60, 60)
