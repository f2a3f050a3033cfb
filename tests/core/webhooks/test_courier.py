"""The courier at work for long, and among webhooks that do not answer."""

import threading

from bvinv.core import command_log
from bvinv.core.webhooks import courier, deliveries, registry
from tests import books
from tests.core.test_events import tell
from tests.core.webhooks.test_deliveries import SECOND, add, deliver, listed


def test_a_courier_that_is_long_at_work_forgets_what_was_delivered_long_ago(
    database, receiver, clock, monkeypatch
):
    add(database, receiver)
    tell(database, ("stock.moved", "A"))
    assert deliver(database, receiver) == (1, 0, 0, 0)
    monkeypatch.setattr(courier, "_PRUNED_AFTER", 0.0)
    at_work = courier.Courier(database, command_log.command("events deliver", actor="cron"))
    at_work.begin()
    at_work.turn()
    assert listed(database) == [(2, "delivered", 1, 204)]

    clock.advance(deliveries.KEPT + SECOND)
    at_work.turn()
    at_work.end()

    assert listed(database) == []


def test_webhooks_that_do_not_answer_leave_the_next_place_to_others(
    database, receiver, monkeypatch
):
    monkeypatch.setattr(courier, "AT_ONCE", 2)
    released = threading.Semaphore(0)

    def answer(got):
        if got.path == "/slow":
            released.acquire()
        return 204, {}

    receiver.answer = answer
    for path in ("/slow", "/good"):
        books.act(
            database,
            lambda session, path=path: registry.add(
                session, url=receiver.url(path), named=[receiver.host]
            )[0],
        )
    tell(database, *[("stock.moved", sku) for sku in "ABCD"])
    books.settled(database)
    asked = command_log.command("events deliver", actor="cron")
    at_work = courier.Courier(database, asked, named=[receiver.host])
    at_work.begin()
    while at_work.started < 2:
        at_work.turn()
    assert {webhook for webhook, _ in at_work._flying} == {1}

    released.release()
    while at_work.started < 3:
        at_work.woken.wait(1)
        at_work.turn()

    assert {webhook for webhook, _ in at_work._flying} == {1, 2}
    released.release(9)
    at_work.end()
