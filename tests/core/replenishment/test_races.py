"""Suggestions while others reserve, order and renew them: no two wait for each other for ever."""

import pytest

from bvinv.core.db import Database
from tests import books, workers
from tests.books import fetch, receive, reserve
from tests.purchasing_books import add_supplier, terms
from tests.reorder_books import keep, order, refresh

ROUNDS = 12


def promise(database: Database, who: int) -> int:
    for step in range(ROUNDS):
        reserve(database, f"SO-{who}-{step}", "HX-1=3 HX-2=2 HX-3=1", backorder=True)
    return ROUNDS


def renew(database: Database, _: int) -> int:
    for _ in range(ROUNDS):
        refresh(database)
    return ROUNDS


def draft(database: Database, _: int) -> int:
    return sum(len([row for row in order(database).rows if row.order]) for _ in range(ROUNDS))


def work(database: Database, what: str, who: int) -> int:
    return {"promise": promise, "renew": renew, "draft": draft}[what](database, who)


@pytest.mark.slow
def test_all_that_suggests_may_happen_at_once(stocked, where):
    add_supplier(stocked)
    for sku in ("HX-1", "HX-2", "HX-3"):
        terms(stocked, sku)
        keep(stocked, sku, 5)
    tasks = ["promise", "promise", "renew", "renew", "draft", "draft"]
    workers.together(where, work, [(what, who) for who, what in enumerate(tasks)])
    refresh(stocked)
    before = fetch(stocked, "SELECT sum(quantity) FROM purchase_order_line")
    order(stocked)
    assert refresh(stocked) == 0
    ordered = fetch(stocked, "SELECT sum(quantity) FROM purchase_order_line")[0][0]
    assert ordered >= (before[0][0] or 0)
    # 2 callers, 12 times 6 pieces, of which 20 were there: no piece of what is owed is missing.
    owed = fetch(stocked, "SELECT sum(backordered) FROM reservation_line")[0][0]
    assert ordered >= owed
    receive(stocked, "HX-1", 1, "MAIN")
    assert books.findings(stocked) == []
