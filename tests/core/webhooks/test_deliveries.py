"""Deliveries: at least once, in order per subject, tried again, given up, sent once more."""

import json
import os
import signal
import threading
import time

import pytest

from bvinv.core import command_log, leases
from bvinv.core.db import Database
from bvinv.core.errors import Busy, Conflict, InvalidInput, NotFound
from bvinv.core.webhooks import courier, deliveries, registry, rounds
from tests import books, workers
from tests.core.test_events import tell
from tests.core.webhooks.receiver import is_genuine

SECOND = books.SECOND


def add(database, receiver, **more):
    """Add a webhook on the receiver; return its secret."""
    named, kept = [receiver.host], []

    def action(session):
        row, secret = registry.add(session, url=receiver.url(), named=named, **more)
        kept.append(secret)
        return row

    books.act(database, action)
    return kept[-1]


def deliver(database, receiver, **more):
    """Deliver what is due once; return how many were delivered, failed, died and are due."""
    asked = command_log.command("events deliver", actor="cron")
    books.settled(database)
    result = rounds.deliver(database, asked, named=[receiver.host], **more).result
    return tuple(result.values())


def listed(database, webhook=1, **more):
    """Return event, state, attempts and status of each delivery, the oldest first."""
    rows, _ = books.ask(database, lambda session: deliveries.page(session, webhook=webhook, **more))
    return [(row.event, row.state, row.attempts, row.status) for row in reversed(rows)]


def test_events_are_posted_and_signed(database, receiver, clock):
    secret = add(database, receiver)
    tell(database, ("stock.adjusted", "HX-1", {"change": 2, "note": "für"}))
    clock.advance(3 * SECOND)

    assert deliver(database, receiver) == (1, 0, 0, 0)
    [got] = receiver.got
    now = books.START // SECOND + 3
    assert got.headers["webhook-id"] == "evt_2"
    assert got.headers["webhook-timestamp"] == str(now)
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert is_genuine(secret, got.headers, got.body, now=now)
    assert (got.event["type"], got.event["subject"], got.event["data"]) == (
        "stock.adjusted",
        "HX-1",
        {"change": 2, "note": "für"},
    )
    assert listed(database) == [(2, "delivered", 1, 204)]
    assert deliver(database, receiver) == (0, 0, 0, 0)
    assert len(receiver.got) == 1


def test_a_webhook_is_told_what_it_asked_for(database, receiver):
    tell(database, ("stock.adjusted", "HX-0"))
    add(database, receiver, types=["stock.*"])
    tell(database, ("stock.moved", "HX-1"), ("product.created", "HX-1"), ("stock.received", "HX-2"))
    add(database, receiver, position=1)

    assert deliver(database, receiver) == (5, 0, 0, 0)
    assert [row[0] for row in listed(database, 1)] == [3, 5]
    assert [row[0] for row in listed(database, 2)] == [3, 4, 5]  # and no webhook.created
    assert books.ask(database, registry.webhooks)[0].position == 6


def test_a_subject_that_fails_waits_and_holds_up_no_other(database, receiver, clock):
    add(database, receiver)
    tell(database, *[("stock.moved", sku) for sku in ("A", "B", "A", "B", "C")])
    receiver.answer = lambda got: (500 if got.event["subject"] == "A" else 200, {})

    assert deliver(database, receiver) == (3, 1, 0, 0)
    assert sorted(receiver.subjects) == ["A", "B", "B", "C"]
    assert listed(database, state="pending") == [(2, "pending", 1, 500), (4, "pending", 0, None)]
    clock.advance(3 * SECOND)
    assert deliver(database, receiver) == (0, 0, 0, 0)
    receiver.answer = lambda _: (200, {})
    clock.advance(4 * SECOND)
    assert deliver(database, receiver) == (2, 0, 0, 0)
    assert receiver.ids[-2:] == ["evt_2", "evt_4"]


def test_after_the_last_try_an_event_is_dead(database, receiver, clock):
    add(database, receiver)
    tell(database, ("stock.moved", "A"), ("stock.moved", "A"))
    receiver.answer = lambda got: (404 if got.event["id"] == "2" else 200, {})

    for delay in deliveries.DELAYS:
        assert deliver(database, receiver) == (0, 1, 0, 0)
        [(waits, now)] = books.fetch(
            database, "SELECT next_at, updated_at FROM webhook_delivery WHERE event_id = 2"
        )
        assert 0.8 * delay * SECOND <= waits - now <= 1.2 * delay * SECOND
        clock.advance(int(1.2 * delay * SECOND) + 1)
    assert deliver(database, receiver) == (1, 0, 1, 0)
    assert receiver.ids == ["evt_2"] * 12 + ["evt_3"]
    # Forgotten is what was delivered 7 days ago, and nothing else.
    assert listed(database) == [(2, "dead", 12, 404), (3, "delivered", 1, 200)]
    clock.advance(7 * 86_400 * SECOND + 1)
    assert deliver(database, receiver) == (0, 0, 0, 0)
    assert listed(database) == [(2, "dead", 12, 404)]
    [row] = books.ask(database, registry.webhooks)
    assert (row.pending, row.dead) == (0, 1)


def redeliver(database, **more):
    return books.act(
        database, lambda session: deliveries.redeliver(session, webhook=1, **more)
    ).deliveries


def test_dead_events_are_sent_once_more_on_request(database, receiver):
    add(database, receiver)
    tell(database, *[("stock.moved", sku) for sku in "AB"])
    deliver(database, receiver)
    books.damage(database, "UPDATE webhook_delivery SET state = 'dead', attempts = 12")

    assert redeliver(database) == 2
    assert redeliver(database) == 0
    assert deliver(database, receiver) == (2, 0, 0, 0)
    assert redeliver(database, event=3) == 1  # delivered already
    assert deliver(database, receiver) == (1, 0, 0, 0)
    assert (sorted(receiver.ids[:4]), receiver.ids[4:]) == (
        ["evt_2", "evt_2", "evt_3", "evt_3"],
        ["evt_3"],
    )
    with pytest.raises(NotFound, match="there is no delivery of event 1 to webhook 1"):
        redeliver(database, event=1)
    told = books.fetch(database, "SELECT data FROM event WHERE type = 'webhook.redelivered'")
    assert [json.loads(data) for [data] in told] == [
        {"event": None, "deliveries": 2},
        {"event": "3", "deliveries": 1},
    ]


def test_gone_removes_the_webhook(database, receiver):
    add(database, receiver)
    tell(database, ("stock.moved", "A"), ("stock.moved", "A"), ("stock.moved", "B"))
    receiver.answer = lambda got: (410 if got.event["subject"] == "A" else 500, {})

    assert deliver(database, receiver)[3] == 0
    assert books.ask(database, registry.webhooks) == []
    assert {row[1] for row in listed(database)} == {"dead"}
    [(data,)] = books.fetch(database, "SELECT data FROM event WHERE type = 'webhook.removed'")
    assert json.loads(data) == {"reason": "it answered 410, gone"}
    with pytest.raises(Conflict, match="webhook 1 was removed"):
        redeliver(database)
    tell(database, ("stock.moved", "A"))
    assert deliver(database, receiver) == (0, 0, 0, 0)


def test_a_receiver_that_wants_rest_gets_it(database, receiver, clock):
    add(database, receiver)
    tell(database, ("stock.moved", "A"))
    receiver.answer = lambda _: (429, {"Retry-After": "600"})
    assert deliver(database, receiver) == (0, 1, 0, 0)
    receiver.answer = lambda _: (200, {})
    clock.advance(599 * SECOND)
    assert deliver(database, receiver) == (0, 0, 0, 0)
    clock.advance(2 * SECOND)
    assert deliver(database, receiver) == (1, 0, 0, 0)


def test_a_redirect_is_not_followed(database, receiver):
    add(database, receiver)
    tell(database, ("stock.moved", "A"))
    receiver.answer = lambda _: (302, {"Location": receiver.url("/elsewhere")})
    assert deliver(database, receiver) == (0, 1, 0, 0)
    assert [got.path for got in receiver.got] == ["/hook"]


def test_a_host_that_is_no_longer_named_gets_nothing(database, receiver):
    add(database, receiver)
    tell(database, ("stock.moved", "A"))
    asked = command_log.command("events deliver", actor="cron")
    assert rounds.deliver(database, asked, named=[]).result["failed"] == 1
    assert receiver.got == []
    rows, _ = books.ask(database, lambda session: deliveries.page(session, webhook=1))
    assert (rows[0].status, rows[0].detail[:31]) == (None, "the URL must begin with https:/")


def test_a_secret_that_cannot_be_read_fails_alone(database, receiver):
    add(database, receiver)
    add(database, receiver)
    tell(database, ("stock.moved", "A"))
    books.damage(database, "UPDATE webhook SET secret = 'whsec_!' WHERE id = 1")
    assert deliver(database, receiver) == (1, 1, 0, 0)
    rows, _ = books.ask(database, lambda session: deliveries.page(session, webhook=1))
    assert rows[0].detail == "the webhook's secret cannot be read"
    asked = command_log.command("webhooks test", actor="cron")
    assert rounds.ping(database, asked, webhook=1).result["detail"] == rows[0].detail


def test_a_limit_ends_a_round_and_a_dry_run_sends_nothing(database, receiver):
    add(database, receiver)
    tell(database, *[("stock.moved", sku) for sku in "ABCA"])
    before = books.snapshot(database)
    assert deliver(database, receiver, dry_run=True) == (0, 0, 0, 3)
    assert (books.snapshot(database), receiver.got) == (before, [])
    assert deliver(database, receiver, limit=1) == (1, 0, 0, 3)
    assert deliver(database, receiver) == (3, 0, 0, 0)


def test_too_much_that_waits_makes_the_feed_wait(database, receiver, monkeypatch):
    monkeypatch.setattr(deliveries, "MOST_PENDING", 2)
    add(database, receiver)
    tell(database, ("stock.moved", "A"), ("stock.moved", "A"))
    receiver.answer = lambda _: (500, {})
    assert deliver(database, receiver) == (0, 1, 0, 0)
    tell(database, ("stock.moved", "B"))
    assert deliver(database, receiver) == (0, 0, 0, 0)
    assert [row[0] for row in listed(database)] == [2, 3]
    receiver.answer = lambda _: (200, {})
    redeliver(database, event=2)
    assert deliver(database, receiver) == (3, 0, 0, 0)


def test_deliveries_are_listed_page_by_page(database, receiver):
    add(database, receiver)
    tell(database, *[("stock.moved", sku) for sku in "ABC"])
    deliver(database, receiver)

    def page(**more):
        rows, cursor = books.ask(
            database, lambda session: deliveries.page(session, webhook=1, **more)
        )
        return [row.event for row in rows], cursor

    assert page(limit=2) == ([4, 3], "3")
    assert page(limit=2, after="3") == ([2], None)
    assert page(state="dead") == ([], None)
    with pytest.raises(InvalidInput, match="the state is one of"):
        page(state="lost")
    with pytest.raises(NotFound, match="there is no webhook 2"):
        books.ask(database, lambda session: deliveries.page(session, webhook=2))


def test_one_delivers_at_a_time(database, receiver):
    books.act(
        database, lambda s: leases.take(s, name=courier.LEASE, holder="serve", seconds=30) or []
    )
    with pytest.raises(Busy, match="serve has been doing webhooks"):
        deliver(database, receiver)


def test_a_key_answers_without_sending(database, receiver):
    add(database, receiver)
    tell(database, ("stock.moved", "A"))
    for replayed in (False, True):
        asked = command_log.command("events deliver", actor="cron", key="K-1")
        answer = rounds.deliver(database, asked, named=[receiver.host])
        assert (answer.replayed, answer.result["delivered"]) == (replayed, 1)
    assert len(receiver.got) == 1


def test_a_ping_is_sent_at_once(database, receiver):
    secret = add(database, receiver)

    def ping(**more):
        asked = command_log.command("webhooks test", actor="tester")
        return rounds.ping(database, asked, named=[receiver.host], **more).result

    assert ping(webhook=1, dry_run=True)["delivered"] is False
    assert receiver.got == []
    answer = ping(webhook=1)
    assert answer == {
        "webhook": 1,
        "url": receiver.url(),
        "event": int(receiver.got[0].event["id"]),
        "delivered": True,
        "status": 204,
        "detail": "",
    }
    [got] = receiver.got
    assert (got.event["type"], got.event["subject"]) == ("webhook.tested", "1")
    assert is_genuine(secret, got.headers, got.body, now=books.START // SECOND)
    receiver.answer = lambda _: (403, {})
    assert (ping(webhook=1)["status"], listed(database)) == (403, [])
    with pytest.raises(NotFound):
        ping(webhook=2)


# --- B-08: the receiver fails, the sender is killed ---------------------------------------------


def deliver_for_ever(database, tell_parent, host):
    """Deliver, again and again."""
    asked = command_log.command("events deliver", actor="cron")
    tell_parent("ready")
    while True:
        rounds.deliver(database, asked, named=[host])


def fail_three_times_each(receiver):
    """Let the receiver fail three times for each event, from whichever sender."""
    tries, lock = {}, threading.Lock()

    def answer(got):
        name = got.headers["webhook-id"]
        with lock:
            tries[name] = tries.get(name, 0) + 1
        return (500 if tries[name] <= 3 else 200, {})

    receiver.answer = answer
    return tries


def test_every_event_arrives_in_order_whoever_is_killed(where, receiver, monkeypatch):
    database = Database(where)
    monkeypatch.setattr(deliveries, "DELAYS", (0.01,) * 11)
    secret = add(database, receiver)
    tell(database, *[("stock.moved", sku) for sku in "ABCABCABCA"])
    tries = fail_three_times_each(receiver)
    wanted = {f"evt_{number}" for number in range(2, 12)}
    victims = 0
    while not done(tries, wanted):
        victims += 1
        process, pipe = workers.start(where, impatiently, receiver.host)
        assert pipe.recv() == "ready"
        goal = len(receiver.got) + 7
        end = time.monotonic() + 30
        while len(receiver.got) < goal and not done(tries, wanted) and time.monotonic() < end:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
        process.close()
        pipe.close()
        # Nobody gives the lease of the killed back; here it runs out at once.
        books.act(database, lambda session: expire_lease(session) or [])
    assert victims > 1
    assert {*receiver.ids} == wanted
    bodies = {}
    for got in receiver.got:
        assert is_genuine(secret, got.headers, got.body, now=time.time())
        assert bodies.setdefault(got.headers["webhook-id"], got.body) == got.body
        assert got.event["id"] == got.headers["webhook-id"].removeprefix("evt_")
    for sku in "ABC":
        heard = [int(got.event["id"]) for got in receiver.got if got.event["subject"] == sku]
        assert heard == sorted(heard)
    database.close()


def done(tries, wanted):
    return all(tries.get(name, 0) >= 4 for name in wanted)


def expire_lease(session):
    session.send(
        command_log.Sql("UPDATE job_lease SET expires_at = 0 WHERE name = :name"),
        [{"name": courier.LEASE}],
    )


def impatiently(database, tell_parent, host):
    """Deliver with delays of 10 ms; in a process of its own."""
    deliveries.DELAYS = (0.01,) * 11
    deliver_for_ever(database, tell_parent, host)
