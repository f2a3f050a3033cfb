"""The thread that delivers while `serve` runs."""

import threading
import time

import pytest

from bvinv.core import leases
from bvinv.core.db import Database
from bvinv.core.webhooks import courier
from bvinv.web import dispatch
from bvinv.web.dispatch import Dispatch
from tests import books
from tests.core.test_events import tell
from tests.core.webhooks.receiver import Receiver
from tests.core.webhooks.test_deliveries import add, listed

PATIENCE = 20  # seconds, before a test gives up


@pytest.fixture
def receivers():
    found = [Receiver(), Receiver()]
    yield found
    for one in found:
        one.close()


@pytest.fixture
def running(where, receivers):
    """Return what starts another dispatch of this database; they are stopped at the end."""
    started = []

    def start():
        one = Dispatch(Database(where), named=[receiver.host for receiver in receivers])
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def live(where):
    """Return the database with a clock that runs."""
    found = Database(where)
    yield found
    found.close()


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def test_what_happens_is_delivered_and_recorded(live, running, receivers):
    one = running()
    add(live, receivers[0])
    one.wake()
    for number in range(5):
        tell(live, ("stock.moved", "A", {"number": number}), ("stock.moved", f"B{number}"))
        one.wake()
    until(lambda: [row[1] for row in listed(live)] == ["delivered"] * 10)
    one.stop()

    assert len(receivers[0].ids) == 10
    numbers = [got.event["data"].get("number") for got in receivers[0].got]
    assert [number for number in numbers if number is not None] == [0, 1, 2, 3, 4]
    assert books.ask(live, lambda session: leases.is_free(session, name=courier.LEASE))


def test_of_two_one_delivers_and_the_other_takes_over(live, running, receivers, monkeypatch):
    monkeypatch.setattr(dispatch, "_PATIENCE", 0.05)
    add(live, receivers[0])
    first, second = running(), running()
    tell(live, ("stock.moved", "A"))
    until(lambda: [row[1] for row in listed(live)] == ["delivered"])
    first.stop()
    tell(live, ("stock.moved", "A"))
    until(lambda: [row[1] for row in listed(live)] == ["delivered"] * 2)
    second.stop()
    assert receivers[0].ids == ["evt_2", "evt_3"]  # once: nobody was stopped half-way


def test_a_slow_receiver_holds_up_nobody_and_not_the_stop(live, running, receivers):
    slow, quick = receivers
    left = threading.Event()
    slow.answer = lambda _: (200 if left.wait(30) else 500, {})
    add(live, slow)
    add(live, quick)
    tell(live, ("stock.moved", "A"), ("stock.moved", "A"))
    one = running()
    until(lambda: [row[1] for row in listed(live, 2)] == ["delivered"] * 2)
    until(lambda: slow.got)
    one.stop()
    assert not one._thread.is_alive()
    assert slow.ids == ["evt_3"]
    assert listed(live, 1)[0][1:3] == ("pending", 0)  # not answered: it will be sent again
    left.set()
    again = running()
    until(lambda: [row[1] for row in listed(live, 1)] == ["delivered"] * 2)
    again.stop()
    assert slow.ids == ["evt_3", "evt_3", "evt_4"]


def test_an_idle_dispatch_writes_nothing(live, running, receivers):
    one = running()
    until(one._thread.is_alive)
    before = books.snapshot(live)
    one.wake()
    one.stop()
    assert books.snapshot(live) == before
    assert before["job_lease"] == []


def test_what_a_crashed_server_held_is_taken_over(live, running, receivers, monkeypatch):
    monkeypatch.setattr(dispatch, "_PATIENCE", 0.05)
    add(live, receivers[0])
    books.act(live, lambda s: leases.take(s, name=courier.LEASE, holder="crashed", seconds=1) or [])
    one = running()
    tell(live, ("stock.moved", "A"))
    until(lambda: receivers[0].got)
    one.stop()
    assert receivers[0].ids == ["evt_2"]
