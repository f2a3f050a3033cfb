"""`bvinv events`: what happened, and its way to the webhooks."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from bvinv import door, output, scheduling
from bvinv.core import jobs, text
from bvinv.core.db import Database
from bvinv.core.models.event import EventRow, RoundRow
from bvinv.door import Call
from bvinv.output import Format

app = door.group("What happened, in order: follow it, send it on.")

Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type", metavar="TYPE", help="reservation.created, or reservation.*; several allowed."
    ),
]
MaybeSku = Annotated[
    str | None, typer.Option("--sku", metavar="REF", help="Only what is about this product.")
]
_SHOWN = 20
_LONGEST = 200  # characters of data on a line for people
_EACH = 0.5  # seconds between two looks


@door.shows(app)
def tail(
    call: Call,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="SEQ", help="What came after this event; 0 for all."),
    ] = None,
    types: Types = None,
    sku: MaybeSku = None,
    limit: door.Limit = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-F", help="Go on until Ctrl-C; one event a line.")
    ] = False,
) -> None:
    """Show the last events, or those after one, as CloudEvents.

    Nothing is skipped: go on with the id of the last event, or as the note says where --type or
    --sku left the last ones out.

    Example: bvinv events tail --follow --type "reservation.*" --format jsonl
    """
    from bvinv.core import events

    count = limit or (500 if after is not None else _SHOWN)
    until = events.settled(call.database)
    with call.database.read() as session:
        named = events.about(session, sku)
        start = (
            None if after is None else text.quantity(after, what="cursor", minimum=0, maximum=2**62)
        )
        if start is None:
            rows, cursor = events.last(
                session, count=count, until=until, types=types or (), sku=named
            )
        else:
            rows, cursor = events.page(
                session, after=start, until=until, types=types or (), sku=named, limit=count
            )
        end = min(until, events.newest(session))
    if not follow:
        call.page(rows, EventRow, after=cursor if start is not None and cursor < end else None)
        return
    for row in rows:
        _line(call, row)
    for row in _following(call.database, cursor, types or (), named):
        _line(call, row)


def _following(
    database: Database, cursor: int, types: Sequence[str], sku: str | None
) -> Iterator[EventRow]:
    """Yield what happens from now on, for ever."""
    from bvinv.core import events

    mark = events.Watermark()
    while True:
        with database.read() as session:
            until = mark.look(session)
            before = cursor
            rows: list[EventRow] = []
            if until > cursor:
                rows, cursor = events.page(session, after=cursor, until=until, types=types, sku=sku)
        yield from rows
        if cursor == before:
            time.sleep(0.02 if mark.is_behind else _EACH)


def _line(call: Call, row: EventRow) -> None:
    """Print an event on a line of its own, at once."""
    record = row.record()
    if call.is_for_people:
        said = [record[name] for name in ("id", "time", "type", "subject", "actor")]
        data = " ".join(f"{key}={_said(value)}" for key, value in row.data.items())
        output.line("  ".join([*said, data if len(data) <= _LONGEST else f"{data[:_LONGEST]}…"]))
    else:
        output.show([record], Format.jsonl)
    sys.stdout.flush()


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@scheduling.changes(app, jobs.DELIVER)
def deliver(call: Call, limit: door.Limit = None) -> None:
    """Send what is due to the webhooks, once. For cron, where `bvinv serve` does not run.

    What fails is tried again by a later run, after 5 seconds at first and a day at last. Exit
    code 9 while another process delivers.

    Example: bvinv events deliver --limit 1000
    """
    from bvinv.core import outgoing
    from bvinv.core.webhooks import rounds

    answer = rounds.deliver(
        call.database,
        call.command(),
        named=outgoing.named_hosts(door.settings().webhook_hosts),
        limit=limit,
        dry_run=call.dry_run,
    )
    call.answer(answer, list(RoundRow.model_fields))
