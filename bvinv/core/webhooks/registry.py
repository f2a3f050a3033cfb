"""The webhooks: which URLs are told what, and with which secret they know us."""

import json
from collections.abc import Sequence
from typing import Any

from bvinv.core import command_log, events, outgoing, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.models.event import WebhookRow
from bvinv.core.webhooks import signing

MOST = 100  # webhooks at a time
_ADD = Sql.insert(
    "webhook",
    *("url", "secret", "types", "sku", "position", "created_by", "created_at"),
    after="RETURNING id",
)
_ROWS = """
    SELECT w.id, w.url, w.types, w.sku, w.position, w.created_by, w.created_at, w.removed_at
         , (SELECT count(*) FROM webhook_delivery AS d
             WHERE d.webhook_id = w.id AND d.state = 'pending') AS pending
         , (SELECT count(*) FROM webhook_delivery AS d
             WHERE d.webhook_id = w.id AND d.state = 'dead') AS dead
      FROM webhook AS w
"""
_ALL = Sql(f"{_ROWS} WHERE w.removed_at IS NULL ORDER BY w.id")
_ONE = Sql(f"{_ROWS} WHERE w.id = :id")
_COUNT = Sql("SELECT count(*) AS webhooks FROM webhook WHERE removed_at IS NULL")
_ADDRESS = Sql("SELECT url, secret FROM webhook WHERE id = :id")
_LOCK = Sql("SELECT id, url, removed_at FROM webhook WHERE id = :id", lock="FOR UPDATE")
_REMOVE = Sql("UPDATE webhook SET removed_at = :now WHERE id = :id")
_GIVE_UP = Sql("""
    UPDATE webhook_delivery
       SET state = 'dead', detail = 'the webhook was removed', updated_at = :now
     WHERE webhook_id = :id AND state = 'pending'
""")
_ROTATE = Sql("UPDATE webhook SET secret = :secret WHERE id = :id")


def add(
    session: Session,
    *,
    url: str,
    types: Sequence[str] = (),
    ref: str | None = None,
    named: Sequence[str] = (),
    position: int | None = None,
) -> tuple[WebhookRow, str]:
    """Let a URL be told what happens from now on, or after the event `position`.

    Returns the webhook, and the secret of its signatures, which is never shown again. `named` are
    the hosts that need not be public, see `outgoing.goal`. Raises InvalidInput, NotFound for the
    product, Conflict when there are too many.
    """
    outgoing.goal(url, named)
    wanted = events.checked(types)
    sku = events.about(session, ref)
    end = events.newest(session)
    if position is None:
        position = end
    text.quantity(position, what="position", minimum=0, maximum=end)
    if session.ask(_COUNT)[0].webhooks >= MOST:
        raise Conflict(f"there are {MOST} webhooks already", hint="see: bvinv webhooks list")

    # From here on nothing can fail.
    secret = signing.new_secret()
    row = {
        "url": url.strip(" "),
        "secret": secret,
        "types": json.dumps(wanted),
        "sku": sku or "",
        "position": position,
        "created_by": session.command.actor,
        "created_at": session.now,
    }
    [number] = session.insert(_ADD, [row])
    host = outgoing.goal(url, named).authority  # not the URL: people put tokens into paths
    _tell(session, "created", number, {"host": host, "types": list(wanted), "sku": sku})
    return show(session, webhook=number), secret


def webhooks(session: Session) -> list[WebhookRow]:
    """Return every webhook that was not removed, by id."""
    return [_row(row) for row in session.ask(_ALL)]


def show(session: Session, *, webhook: int) -> WebhookRow:
    """Return a webhook, also one that was removed. Raises NotFound."""
    rows = session.ask(_ONE, id=_number(webhook))
    if not rows:
        raise _unknown(webhook)
    return _row(rows[0])


def lock(session: Session, webhook: int) -> None:
    """Lock a webhook that is not removed. Raises NotFound, Conflict."""
    rows = session.ask(_LOCK, id=_number(webhook))
    if not rows:
        raise _unknown(webhook)
    if rows[0].removed_at is not None:
        raise Conflict(f"webhook {webhook} was removed", webhook=webhook)


def address(session: Session, webhook: int) -> tuple[str, str]:
    """Return the URL and the secret of a webhook that is there. Not for people's eyes."""
    [row] = session.ask(_ADDRESS, id=webhook)
    return row.url, row.secret


def remove(session: Session, *, webhook: int, reason: str = "") -> WebhookRow:
    """Tell a URL nothing any more; what waits for it is given up. Raises NotFound, Conflict."""
    lock(session, webhook)
    session.send(_REMOVE, [{"id": webhook, "now": session.now}])
    session.send(_GIVE_UP, [{"id": webhook, "now": session.now}])
    _tell(session, "removed", webhook, {"reason": reason} if reason else {})
    return show(session, webhook=webhook)


def rotate(session: Session, *, webhook: int) -> tuple[WebhookRow, str]:
    """Give a webhook a new secret, which counts at once; return both. Raises NotFound, Conflict."""
    lock(session, webhook)
    secret = signing.new_secret()
    session.send(_ROTATE, [{"id": webhook, "secret": secret}])
    _tell(session, "rotated", webhook, {})
    return show(session, webhook=webhook), secret


def _tell(session: Session, what: str, webhook: int, told: dict[str, Any]) -> None:
    command_log.tell(session, [Tale(f"webhook.{what}", str(webhook), told, session.command)])


def _number(webhook: int) -> int:
    return text.quantity(webhook, what="webhook", maximum=2**62)


def _unknown(webhook: int) -> NotFound:
    return NotFound(
        f"there is no webhook {webhook}", hint="see: bvinv webhooks list", webhook=webhook
    )


def _row(row: Any) -> WebhookRow:
    return WebhookRow(
        id=row.id,
        url=row.url,
        types=tuple(json.loads(row.types)),
        sku=row.sku or None,
        position=row.position,
        pending=row.pending,
        dead=row.dead,
        created_by=row.created_by,
        created_at=row.created_at,
        removed_at=row.removed_at,
    )
