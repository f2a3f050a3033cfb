"""Whatever is asked of prices, in whatever order: they are those of a model of plain rules."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bvinv.core import catalog, price_decisions, prices
from bvinv.core.errors import Conflict, InventoryError, NotFound, NotPermitted
from tests import importers
from tests.books import SECOND, act, ask, findings
from tests.test_state_machine import run

SKUS, PEOPLE = ("A", "B", "C"), ("ann", "ANN", "bob")
GONE = ("applied", "approved")


@dataclass
class Change:
    """A price that somebody set or asked for; `end` is when that was settled."""

    sku: str
    old: str | None
    new: str | None
    by: str
    state: str
    end: int | None = None
    decided_by: str | None = None


@dataclass
class Product:
    price: str | None
    status: str
    came: int
    changes: list[int] = field(default_factory=list)


@dataclass
class Model:
    """The rules of prices once more, as plainly as possible."""

    now: int = 0
    products: dict[str, Product] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)

    def one(self, sku: str) -> Product:
        if sku not in self.products:
            raise NotFound("")
        return self.products[sku]

    def open(self, sku: str) -> Change | None:
        found = [self.changes[n] for n in self.products[sku].changes]
        return next((one for one in found if one.state == "requested"), None)

    def add(self, sku: str, price: str | None, status: str) -> None:
        if sku in self.products:
            raise Conflict("")
        self.products[sku] = Product(price, status, self.now)

    def wish(self, sku: str, price: str | None, by: str, *, withdraw: bool) -> None:
        product, waiting = self.one(sku), self.open(sku)
        if price == product.price:
            if waiting and withdraw:
                waiting.state, waiting.end = "superseded", self.now
            return
        was_approved = any(self.changes[n].state == "approved" for n in product.changes)
        is_free = product.status == "draft" or (product.price is None and not was_approved)
        if waiting and waiting.new == price:
            return
        if waiting:
            waiting.state, waiting.end = "superseded", self.now
        number = len(self.changes) + 1
        product.changes.append(number)
        self.changes[number] = change = Change(sku, product.price, price, by, "requested")
        if is_free:
            change.state, change.end, product.price = "applied", self.now, price

    def update(self, sku: str, price: str | None, status: str | None, by: str) -> None:
        product = self.one(sku)
        if status == "draft" != product.status:
            raise Conflict("")
        self.wish(sku, price, by, withdraw=False)
        product.status = status or product.status

    def decide(self, numbers: list[int], state: str, by: str) -> None:
        for number in sorted(set(numbers)):
            if number not in self.changes:
                raise NotFound("")
        for number in sorted(set(numbers)):
            change = self.changes[number]
            if change.state != "requested":
                raise Conflict("")
            if change.by.lower() == by.lower():
                raise NotPermitted("")
        for number in set(numbers):
            change = self.changes[number]
            change.state, change.end, change.decided_by = state, self.now, by
            if state == "approved":
                self.products[change.sku].price = change.new

    def remove(self, sku: str) -> None:
        if self.one(sku).changes:
            self.products[sku].status = "discontinued"
        else:
            del self.products[sku]

    def cost(self, sku: str, at: int) -> str | None:
        product = self.products[sku]
        settled = [self.changes[n] for n in product.changes if self.changes[n].state in GONE]
        before = [one.new for one in settled if one.end is not None and one.end <= at]
        after = [one.old for one in settled if one.end is not None and one.end > at]
        return before[-1] if before else [*after, product.price][0]


skus, people = st.sampled_from(SKUS), st.sampled_from(PEOPLE)
amounts = st.sampled_from([None, "0.00", "1.00", "2.00", "3.00"])
statuses = st.sampled_from(["draft", "active", "discontinued"])
numbers = st.lists(st.integers(1, 12), min_size=1, max_size=2)


class Machine(RuleBasedStateMachine):
    """bvinv and the model, side by side."""

    def __init__(self, database: Any, clock: Any) -> None:
        super().__init__()
        self.database, self.clock = database, clock
        self.model = Model()
        self.instants = [clock.at]

    def both(self, real: Any, model: Any, by: str = "ann") -> None:
        """Do it in both; they agree about refusals too, and a refusal changes neither."""
        self.clock.advance(SECOND)
        self.instants.append(self.clock.at)
        before = deepcopy(self.model)
        self.model.now = before.now = self.clock.at
        expected = said = None
        try:
            model(self.model)
        except InventoryError as error:
            expected, self.model = type(error), before
        try:
            act(self.database, real, actor=by)
        except InventoryError as error:
            said = type(error)
        assert said == expected

    @rule(sku=skus, price=amounts, status=statuses)
    def add(self, sku, price, status):
        fields = {"sku": sku, "title": sku, "price": price or "", "status": status}
        self.both(
            lambda s: catalog.add(s, fields=fields),
            lambda model: model.add(sku, price, status),
        )

    @rule(sku=skus, price=amounts, by=people)
    def price(self, sku, price, by):
        self.both(
            lambda s: prices.change(s, ref=sku, price=price or ""),
            lambda model: model.wish(sku, price, by, withdraw=True),
            by,
        )

    @rule(sku=skus, price=amounts, status=st.one_of(st.none(), statuses), by=people)
    def update(self, sku, price, status, by):
        fields = {"price": price or ""} | ({"status": status} if status else {})
        self.both(
            lambda s: catalog.change(s, ref=sku, fields=fields),
            lambda model: model.update(sku, price, status, by),
            by,
        )

    @rule(sku=skus, price=amounts.filter(bool), by=people)
    def load(self, sku, price, by):
        if sku in self.model.products:
            self.clock.advance(SECOND)
            self.instants.append(self.clock.at)
            self.model.now = self.clock.at
            self.model.wish(sku, price, by, withdraw=False)
            row = importers.load(self.database, f"sku,price\n{sku},{price}\n", actor=by)
            assert row.rejected == 0

    @rule(chosen=numbers, state=st.sampled_from(["approved", "rejected"]), by=people)
    def decide(self, chosen, state, by):
        def real(session):
            if state == "approved":
                return price_decisions.approve(session, ids=chosen)
            return price_decisions.reject(session, ids=chosen, reason="no")

        self.both(real, lambda model: model.decide(chosen, state, by), by)

    @rule(by=people)
    def approve_others(self, by):
        waiting = [
            number
            for number, one in self.model.changes.items()
            if one.state == "requested" and one.by.lower() != by.lower()
        ]
        self.both(
            price_decisions.approve_others,
            lambda model: model.decide(waiting, "approved", by),
            by,
        )

    @rule(sku=skus)
    def remove(self, sku):
        self.both(lambda s: catalog.remove(s, ref=sku), lambda model: model.remove(sku))

    @invariant()
    def the_products_agree(self):
        rows, _ = ask(self.database, catalog.products)
        found = {row.sku: (row.price, row.status) for row in rows}
        assert found == {sku: (one.price, one.status) for sku, one in self.model.products.items()}
        for row in rows:
            waiting = self.model.open(row.sku)
            assert (row.price_request and row.price_request.price, bool(row.price_request)) == (
                waiting and waiting.new,
                bool(waiting),
            )

    @invariant()
    def the_histories_agree(self):
        for sku, product in self.model.products.items():
            row = ask(self.database, lambda s, sku=sku: prices.show(s, ref=sku))
            found = {
                one.id: (one.old_price, one.price, one.requested_by, one.state, one.decided_by)
                for one in row.history
            }
            assert found == {
                number: (one.old, one.new, one.by, one.state, one.decided_by)
                for number in product.changes
                for one in [self.model.changes[number]]
            }

    def teardown(self):
        try:
            assert findings(self.database) == []
            self.what_it_cost_agrees()
        finally:
            self.database.close()

    def what_it_cost_agrees(self) -> None:
        for sku, product in self.model.products.items():
            for at in self.instants:
                if at >= product.came:
                    row = ask(self.database, lambda s, r=sku, t=at: prices.on(s, ref=r, at=t))
                    assert row.price == self.model.cost(sku, at), (sku, at)


def test_the_prices_are_those_of_the_model(request, engine_name, tmp_path):
    run(request, engine_name, tmp_path, 25 if engine_name == "sqlite" else 5, 30, Machine)


@pytest.mark.slow
def test_the_prices_are_those_of_the_model_for_long(request, engine_name, tmp_path):
    run(request, engine_name, tmp_path, 400 if engine_name == "sqlite" else 60, 60, Machine)
