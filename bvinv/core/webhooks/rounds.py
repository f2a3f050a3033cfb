"""Deliveries on request: all that is due, once, and a ping."""

import time
from collections.abc import Sequence
from dataclasses import replace

from bvinv.core import command_log, events
from bvinv.core.command_log import Answer, Tale
from bvinv.core.db import Database, Session
from bvinv.core.models.event import PingRow, RoundRow
from bvinv.core.models.log import Command
from bvinv.core.webhooks import courier, deliveries, registry
from bvinv.core.webhooks.courier import Courier
from bvinv.core.webhooks.deliveries import Parcel

_PATIENCE = 1.0  # seconds for transactions that may commit late


def deliver(
    database: Database,
    asked: Command,
    *,
    named: Sequence[str] = (),
    limit: int | None = None,
    dry_run: bool = False,
) -> Answer:
    """Send what is due to the webhooks, at most `limit` events; return what became of it.

    A dry run sends nothing and counts what is due, of each subject one event. Raises Busy when
    another process delivers.
    """
    with database.read() as session:
        stored = command_log.replay(session, asked)
    if stored is not None:
        return Answer(stored, replayed=True, changes=[])
    if dry_run:
        until = events.settled(database)
        return command_log.execute(
            database, lambda session: _tried(session, until), asked, dry_run=True
        )
    at_work = Courier(database, asked, named=named)
    at_work.begin()
    try:
        _work(at_work, limit)
    finally:
        at_work.end()
    row = RoundRow(**at_work.counted, due=at_work.due())
    if asked.key:
        return command_log.execute(database, lambda _: row, asked)
    return Answer(row.record(), replayed=False, changes=[])


def _work(at_work: Courier, limit: int | None) -> None:
    late = time.monotonic() + _PATIENCE
    while True:
        at_work.woken.clear()
        did = at_work.turn(limit=limit)
        spent = limit is not None and at_work.started >= limit
        waits = at_work.is_flying or (at_work.is_waiting and time.monotonic() < late)
        if not at_work.is_flying and (spent or not (did or waits)):
            return
        if at_work.is_flying and (spent or not did):
            at_work.woken.wait(1)
        elif not did:
            time.sleep(0.01)


def _tried(session: Session, until: int) -> RoundRow:
    due = 0
    for hook in deliveries.hooks(session):
        position, before = hook.position, -1
        while position != before:
            before = position
            position = deliveries.spread(session, webhook=hook.id, after=before, until=until)
        due += len(deliveries.due(session, webhook=hook.id, limit=deliveries.MOST_PENDING))
    return RoundRow(delivered=0, failed=0, dead=0, due=due)


def ping(
    database: Database,
    asked: Command,
    *,
    webhook: int,
    named: Sequence[str] = (),
    dry_run: bool = False,
) -> Answer:
    """Send `webhook.tested` to a webhook, once, and return what it answered.

    A dry run sends nothing. Raises NotFound, Conflict for a webhook that was removed.
    """
    with database.read() as session:
        stored = command_log.replay(session, asked)
    if stored is not None:
        return Answer(stored, replayed=True, changes=[])
    step = replace(asked, key=None)
    parcel = database.run(lambda session: _tested(session, webhook), step, dry_run=dry_run)
    row = PingRow(
        webhook=webhook, url=parcel.url, event=parcel.event, delivered=False, status=None, detail=""
    )
    if not dry_run:
        reply = courier.send(parcel, at=database.clock() // 1_000_000, named=named)
        good = reply.status is not None and 200 <= reply.status < 300
        row = row.model_copy(
            update={"delivered": good, "status": reply.status, "detail": reply.detail}
        )
        if asked.key:
            return command_log.execute(database, lambda _: row, asked)
    return Answer(row.record(), replayed=False, changes=[])


def _tested(session: Session, webhook: int) -> Parcel:
    registry.lock(session, webhook)
    subject = str(webhook)
    command_log.tell(session, [Tale("webhook.tested", subject, {}, session.command)])
    event = events.own(session)
    url, secret = registry.address(session, webhook)
    return Parcel(webhook, int(event.id), subject, 0, url, secret, deliveries.body(event))
