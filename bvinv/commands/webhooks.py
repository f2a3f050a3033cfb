"""`bvinv webhooks`: who is told what happens, and what became of it."""

from collections.abc import Callable
from typing import Annotated

import typer

from bvinv import door, output
from bvinv.core import command_log, text
from bvinv.core.db import Session
from bvinv.core.errors import Busy, InvalidInput
from bvinv.core.models.event import DeliveryRow, PingRow, WebhookRow
from bvinv.door import Call

app = door.group("URLs that are told what happens, signed as Standard Webhooks are.")


def _whole(said: str) -> int:
    return text.quantity(said, what="number", maximum=2**62)


def _place(said: str) -> int:
    return text.quantity(said, what="cursor", minimum=0, maximum=2**62)


Id = Annotated[
    int, typer.Argument(metavar="ID", parser=_whole, help="The webhook.", show_default=False)
]


@door.changes(app)
def add(
    call: Call,
    url: Annotated[str, typer.Argument(metavar="URL", help="https://…", show_default=False)],
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="TYPE", help="reservation.created, or reservation.*; several allowed."
        ),
    ] = None,
    sku: Annotated[
        str | None, typer.Option("--sku", metavar="REF", help="Only what is about this product.")
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(
            "--after", parser=_place, metavar="SEQ", help="Tell what came after this event, too."
        ),
    ] = None,
) -> None:
    """Let a URL be told what happens from now on. Prints the secret, this once.

    The URL is https, on a public host; $BVINV_WEBHOOK_HOSTS names others, with their ports
    (shop.internal:8080). `bvinv serve` delivers, or `bvinv events deliver`.

    Example: bvinv webhooks add https://shop.example.com/hooks --type "reservation.*"
    """
    from bvinv.core import outgoing
    from bvinv.core.webhooks import registry

    named = outgoing.named_hosts(door.settings().webhook_hosts)
    _run_with_secret(
        call,
        lambda session: registry.add(
            session, url=url, types=types or (), ref=sku, named=named, position=after
        ),
    )


@door.changes(app)
def rotate(call: Call, webhook: Id) -> None:
    """Give a webhook a new secret, which counts at once. Prints it, this once.

    Example: bvinv webhooks rotate 1
    """
    from bvinv.core.webhooks import registry

    _run_with_secret(call, lambda session: registry.rotate(session, webhook=webhook))


def _run_with_secret(call: Call, action: Callable[[Session], tuple[WebhookRow, str]]) -> None:
    """Run an action that makes a secret, and show it. What a key stores does not have it."""
    secrets: list[str] = []

    def once(session: Session) -> WebhookRow:
        row, secret = action(session)
        secrets[:] = [secret]
        return row

    answer = command_log.execute(call.database, once, call.command(), dry_run=call.dry_run)
    if answer.replayed:
        output.note("the secret was shown once; for a new one: bvinv webhooks rotate ID")
    elif isinstance(answer.result, dict) and not call.dry_run:
        answer = answer._replace(result=answer.result | {"secret": secrets[0]})
    call.answer(answer)


@door.shows(app, "list")
def list_(call: Call) -> None:
    """List the webhooks: what they are told, what waits for them, what was given up.

    Example: bvinv webhooks list
    """
    from bvinv.core.webhooks import registry

    call.page(call.read(registry.webhooks), WebhookRow)


@door.shows(app)
def show(call: Call, webhook: Id) -> None:
    """Show a webhook, also one that was removed. Its secret is not shown.

    Example: bvinv webhooks show 1
    """
    from bvinv.core.webhooks import registry

    call.show(call.read(lambda session: registry.show(session, webhook=webhook)))


@door.changes(app)
def remove(call: Call, webhook: Id) -> None:
    """Tell a URL nothing any more. What waits for it is given up.

    Example: bvinv webhooks remove 1
    """
    from bvinv.core.webhooks import registry

    call.run(lambda session: registry.remove(session, webhook=webhook), WebhookRow.columns)


@door.changes(app)
def test(call: Call, webhook: Id) -> None:
    """Send a ping, the event `webhook.tested`, and show what is answered. Exit code 9 unless 2xx.

    Example: bvinv webhooks test 1
    """
    from bvinv.core import outgoing
    from bvinv.core.webhooks import rounds

    answer = rounds.ping(
        call.database,
        call.command(),
        webhook=webhook,
        named=outgoing.named_hosts(door.settings().webhook_hosts),
        dry_run=call.dry_run,
    )
    call.answer(answer, list(PingRow.model_fields))
    result = answer.result
    if isinstance(result, dict) and not (result["delivered"] or call.dry_run):
        raise Busy(f"webhook {webhook} did not take it: {result['detail']}")


@door.shows(app)
def deliveries(
    call: Call,
    webhook: Id,
    state: Annotated[
        str | None, typer.Option("--state", help="pending, delivered or dead.")
    ] = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List what a webhook was told, the newest first. What was delivered is kept for 7 days.

    Example: bvinv webhooks deliveries 1 --state dead
    """
    from bvinv.core.webhooks import deliveries as core

    rows, cursor = call.read(
        lambda session: core.page(
            session, webhook=webhook, state=state, limit=limit or 50, after=after
        )
    )
    call.page(rows, DeliveryRow, after=cursor)


@door.changes(app)
def redeliver(
    call: Call,
    webhook: Id,
    event: Annotated[
        int | None,
        typer.Argument(metavar="[EVENT]", parser=_whole, help="Its id.", show_default=False),
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
) -> None:
    """Send an event once more, or all that were given up; `bvinv events deliver` or serve does it.

    Example: bvinv webhooks redeliver 1 --dead
    """
    from bvinv.core.webhooks import deliveries as core

    if (event is None) != dead:
        raise InvalidInput("say what is sent once more", hint="either EVENT or --dead")
    call.run(lambda session: core.redeliver(session, webhook=webhook, event=event))
