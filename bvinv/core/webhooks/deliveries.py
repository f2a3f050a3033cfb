"""Deliveries: each event that a webhook is told, tried until it answers or is given up.

Of each subject only the oldest pending event is ever due, so that a webhook hears of a subject in
order, and a subject that fails holds up no other.
"""

import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from bvinv.core import command_log, events, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.event import DeliveryRow, EventRow, RedeliveryRow
from bvinv.core.outgoing import Answer
from bvinv.core.webhooks import registry

# Seconds between one try and the next: Standard Webhooks 1.0, "Deliverability and reliability",
# for longer than it asks. After the last of them an event is dead.
DELAYS = (5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.2  # of a delay, so that what failed together does not come back together
MOST_PENDING = 10_000  # of one webhook; the feed waits for it, and nothing is lost
KEPT = 7 * 86_400 * 1_000_000  # microseconds for which it is known what was delivered
STATES = ("pending", "delivered", "dead")
GONE = 410
_PAUSING = (429, 503)

_HOOKS = Sql("""
    SELECT w.id, w.position, w.types, w.sku
         , (SELECT count(*) FROM webhook_delivery AS d
             WHERE d.webhook_id = w.id AND d.state = 'pending') AS pending
      FROM webhook AS w WHERE w.removed_at IS NULL ORDER BY w.id
""")
_LOCK = Sql("SELECT id FROM webhook WHERE id = :id", lock="FOR UPDATE")
_ADD = Sql.insert(
    "webhook_delivery",
    *("webhook_id", "event_id", "subject", "state", "attempts", "next_at", "detail", "updated_at"),
    after="ON CONFLICT (webhook_id, event_id) DO NOTHING",
)
_MOVE = Sql("UPDATE webhook SET position = :position WHERE id = :id")
_DUE = Sql("""
    SELECT d.webhook_id AS webhook, d.event_id AS event, d.subject, d.attempts
         , w.url, w.secret, e.type, e.actor, e.data, e.recorded_at, e.id
      FROM webhook_delivery AS d JOIN webhook AS w ON w.id = d.webhook_id
           JOIN event AS e ON e.id = d.event_id
     WHERE d.webhook_id = :webhook AND d.state = 'pending' AND d.next_at <= :now
       AND w.removed_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM webhook_delivery AS b
                        WHERE b.webhook_id = d.webhook_id AND b.subject = d.subject
                          AND b.state = 'pending' AND b.event_id < d.event_id)
     ORDER BY d.event_id LIMIT :limit
""")
_RECORD = Sql("""
    UPDATE webhook_delivery
       SET state = :state, attempts = :attempts + 1, next_at = :next_at, status = :status
         , detail = :detail, updated_at = :now
     WHERE webhook_id = :webhook AND event_id = :event AND state = 'pending'
       AND attempts = :attempts
""")
_PAUSE = Sql("""
    UPDATE webhook_delivery SET next_at = :until
     WHERE webhook_id = :webhook AND state = 'pending' AND next_at < :until
""")
_PRUNE = Sql("DELETE FROM webhook_delivery WHERE state = 'delivered' AND updated_at < :before")
_PAGE = """
    SELECT d.webhook_id AS webhook, d.event_id AS event, e.type, d.subject, d.state, d.attempts
         , d.status, d.detail, d.next_at, d.updated_at
      FROM webhook_delivery AS d JOIN event AS e ON e.id = d.event_id
     WHERE d.webhook_id = :webhook AND d.event_id < :before {state}
     ORDER BY d.event_id DESC LIMIT :limit
"""
_AGAIN = """
    UPDATE webhook_delivery
       SET state = 'pending', attempts = 0, next_at = :now, status = NULL, detail = ''
         , updated_at = :now
     WHERE webhook_id = :webhook AND {which}
"""
_AGAIN_ONE = Sql(_AGAIN.format(which="event_id = :event"))
_AGAIN_DEAD = Sql(_AGAIN.format(which="state = 'dead'"))


class Parcel(NamedTuple):
    """An event that is due at a webhook: what is sent, where to, and for which time."""

    webhook: int
    event: int
    subject: str
    attempts: int
    url: str
    secret: str
    body: bytes


class Hook(NamedTuple):
    """A webhook as those who deliver see it."""

    id: int
    position: int
    types: str
    sku: str
    pending: int


def hooks(session: Session) -> list[Hook]:
    """Return every webhook that was not removed."""
    return [Hook(*row) for row in session.ask(_HOOKS)]


def news(session: Session, hook: Hook, *, after: int, until: int) -> tuple[list[EventRow], int]:
    """Return a page of what a webhook is to be told after a cursor, and the cursor to go on with.

    Webhooks are never told of webhooks, or one that fails would have ever more to tell. Where too
    much waits for it already, nothing, and the cursor stays.
    """
    if hook.pending >= MOST_PENDING:
        return [], after
    rows, cursor = events.page(
        session, after=after, until=until, types=json.loads(hook.types), sku=hook.sku or None
    )
    return [row for row in rows if not row.type.startswith("webhook.")], cursor


def spread(session: Session, *, webhook: int, after: int, until: int) -> int:
    """Write down what a webhook has to be told, a page of it; return its new position.

    What lies before `after` was looked at already, and up to `until` the feed is settled.
    """
    session.ask(_LOCK, id=webhook)
    hook = next((one for one in hooks(session) if one.id == webhook), None)
    if hook is None:
        return after
    rows, cursor = news(session, hook, after=max(hook.position, after), until=until)
    session.send(
        _ADD,
        [
            {
                "webhook_id": webhook,
                "event_id": int(one.id),
                "subject": one.subject,
                "state": "pending",
                "attempts": 0,
                "next_at": one.time,
                "detail": "",
                "updated_at": session.now,
            }
            for one in rows
        ],
    )
    if cursor != hook.position:
        session.send(_MOVE, [{"id": webhook, "position": cursor}])
    return cursor


def due(session: Session, *, webhook: int, limit: int) -> list[Parcel]:
    """Return what can be sent to a webhook now, the oldest first, of each subject one event."""
    return [
        Parcel(
            row.webhook,
            row.event,
            row.subject,
            row.attempts,
            row.url,
            row.secret,
            body(events.as_row(row)),
        )
        for row in session.ask(_DUE, webhook=webhook, now=session.now, limit=limit)
    ]


def body(event: EventRow) -> bytes:
    """Return an event as it is sent: a CloudEvent in structured mode."""
    return json.dumps(event.record(), ensure_ascii=False, separators=(",", ":")).encode()


def record(session: Session, sent: Sequence[tuple[Parcel, Answer]]) -> dict[str, int]:
    """Write down what was answered; return how many were delivered, failed and given up.

    What somebody else has recorded meanwhile stays. 410 removes the webhook; 429 and 503 with
    Retry-After let everything that waits for it wait.
    """
    counted = {"delivered": 0, "failed": 0, "dead": 0}
    for parcel, answer in sent:
        outcome, delay = _outcome(parcel, answer)
        counted[outcome] += session.send(_RECORD, [_recorded(session, parcel, answer, delay)])
        if answer.status in _PAUSING and answer.retry_after:
            until = session.now + answer.retry_after * 1_000_000
            session.send(_PAUSE, [{"webhook": parcel.webhook, "until": until}])
    for webhook in {parcel.webhook for parcel, answer in sent if answer.status == GONE}:
        if registry.show(session, webhook=webhook).removed_at is None:
            registry.remove(session, webhook=webhook, reason="it answered 410, gone")
    return counted


def _outcome(parcel: Parcel, answer: Answer) -> tuple[str, float | None]:
    """Return what became of a parcel, and after how many seconds it is tried again."""
    if answer.status is not None and 200 <= answer.status < 300:
        return "delivered", None
    if parcel.attempts >= len(DELAYS) or answer.status == GONE:
        return "dead", None
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nobody gains by guessing it
    return "failed", max(DELAYS[parcel.attempts] * jitter, answer.retry_after or 0)


def _recorded(
    session: Session, parcel: Parcel, answer: Answer, delay: float | None
) -> dict[str, Any]:
    outcome, _ = _outcome(parcel, answer)
    return {
        "webhook": parcel.webhook,
        "event": parcel.event,
        "attempts": parcel.attempts,
        "state": "pending" if outcome == "failed" else outcome,
        "next_at": session.now + int((delay or 0) * 1_000_000),
        "status": answer.status,
        "detail": answer.detail,
        "now": session.now,
    }


def prune(session: Session) -> int:
    """Forget what was delivered more than 7 days ago; return how many deliveries that was."""
    return session.send(_PRUNE, [{"before": session.now - KEPT}])


def page(
    session: Session,
    *,
    webhook: int,
    state: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[DeliveryRow], str | None]:
    """Return deliveries of a webhook, the newest first, and the cursor of the next page.

    Raises NotFound, InvalidInput.
    """
    registry.show(session, webhook=webhook)
    if state is not None and state not in STATES:
        raise InvalidInput(f"the state is one of {', '.join(STATES)}")
    text.quantity(limit, what="limit", maximum=1_000)
    before = text.quantity(after, what="cursor", maximum=2**62) if after else 2**62
    values: dict[str, Any] = {"webhook": webhook, "before": before, "limit": limit + 1}
    asked = "" if state is None else "AND d.state = :state"
    if state is not None:
        values["state"] = state
    found = session.ask(Sql(_PAGE.format(state=asked)), **values)
    rows = [_row(row) for row in found[:limit]]
    return rows, str(rows[-1].event) if len(found) > limit else None


def redeliver(session: Session, *, webhook: int, event: int | None = None) -> RedeliveryRow:
    """Send an event once more, delivered or not, or all that were given up, where none is named.

    The tries are counted anew. Raises NotFound, also for an event that the webhook was never to
    be told, and Conflict for a webhook that was removed.
    """
    registry.lock(session, webhook)
    values = {"webhook": webhook, "now": session.now}
    if event is None:
        count = session.send(_AGAIN_DEAD, [values])
    else:
        count = session.send(_AGAIN_ONE, [values | {"event": event}])
        if not count:
            raise NotFound(
                f"there is no delivery of event {event} to webhook {webhook}",
                hint=f"see: bvinv webhooks deliveries {webhook}",
            )
    if count:
        told = {"event": None if event is None else str(event), "deliveries": count}
        command_log.tell(
            session, [Tale("webhook.redelivered", str(webhook), told, session.command)]
        )
    return RedeliveryRow(webhook=webhook, deliveries=count)


def _row(row: Any) -> DeliveryRow:
    values = row._asdict()
    if row.state != "pending":
        values["next_at"] = None
    return DeliveryRow(**values)
