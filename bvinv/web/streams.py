"""Events as they happen, for as long as somebody listens: Server-Sent Events (WHATWG HTML, 9.2).

A stream reads pages by its cursor and holds nothing between them, no transaction and no backlog:
whoever reads slowly gets on slowly, and keeps nobody else waiting.
"""

import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bvinv.core import events
from bvinv.core.errors import Busy, InventoryError
from bvinv.core.models.event import EventRow
from bvinv.web.answers import encode
from bvinv.web.worker import Worker

MOST = 200  # streams a worker
PAGE = 200  # events a read
HEARTBEAT = 15.0  # seconds of silence, after which a comment says that the line is alive
_IDLE = 1.0  # seconds until the next read where nothing has moved
_BEHIND = 0.2  # seconds to wait for what has an id already and is not committed yet


class EventStream(StreamingResponse):
    """A stream as it is sent; one of `MOST` that may be open."""

    def __init__(self, worker: Worker, **terms: Any) -> None:
        """Take a place. Raises Busy when too many listen already."""
        if worker.pulse.streams >= MOST:
            raise Busy("too many streams are open", hint="try again later, or ask another worker")
        super().__init__(
            _told(worker, **terms),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._pulse = worker.pulse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until somebody has had enough."""
        self._pulse.streams += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pulse.streams -= 1


async def beginning(worker: Worker) -> int:
    """Return the cursor behind what has happened until now."""
    until, is_behind = await worker.horizon.until()
    end = time.monotonic() + _IDLE
    while is_behind and time.monotonic() < end:
        until, is_behind = await worker.horizon.until()
    # Behind a transaction that takes long, what was told before is told once more.
    if until is not None and (until or not is_behind):
        return until
    return await worker.read(events.newest)


async def _told(
    worker: Worker, *, after: int, types: tuple[str, ...], sku: str | None, stopping: Any
) -> AsyncIterator[bytes]:
    """Yield the events that follow the cursor, and go on with those to come.

    Ends when the server stops, or the database is away; the client then comes back by itself.
    """
    pulse, horizon = worker.pulse, worker.horizon
    page = partial(events.page, types=types, sku=sku, limit=PAGE)
    yield b"retry: 2000\n\n"
    spoken = time.monotonic()
    seen, is_behind = -1, True
    while not (stopping and stopping.is_set()):
        try:
            now = pulse.watch.version()
            if is_behind or now != seen:
                seen = now
                until, is_behind = await horizon.until()
                look = partial(page, after=after, until=until)
                rows, cursor = await worker.read(look)
                if cursor != after:
                    yield _told_of(rows, cursor)
                    after, spoken, is_behind = cursor, time.monotonic(), True
                    continue
        except InventoryError:
            return
        silent = time.monotonic() - spoken
        if silent >= HEARTBEAT:
            yield b": alive\n\n"
            spoken, silent = time.monotonic(), 0.0
        wait = _BEHIND if is_behind else _IDLE
        await pulse.wait(seen, min(wait, HEARTBEAT - silent), stopping)


def _told_of(rows: list[EventRow], cursor: int) -> bytes:
    """Return events, and where one goes on who wants none of those that follow them."""
    passed = b"id: %d\n\n" % cursor if not rows or int(rows[-1].id) != cursor else b""
    return b"".join(map(_event, rows)) + passed


def _event(row: EventRow) -> bytes:
    head = f"id: {row.id}\nevent: {row.type}\ndata: ".encode()
    return head + encode(row.record()) + b"\n\n"
