"""Events: everything that happened, as a stream."""

from typing import Annotated

from fastapi import Query, Response

from bvinv.core import events
from bvinv.core.db import Session
from bvinv.core.errors import InvalidInput
from bvinv.web import door
from bvinv.web.door import Number, Reading
from bvinv.web.paths import Router
from bvinv.web.streams import EventStream, beginning

router = Router("events")
_MOST = 2**63 - 1


@router.get(
    "/events",
    **door.reads("events tail", None, streams="text/event-stream"),
)
async def tail(
    call: Reading,
    after: Annotated[
        Number | None,
        Query(ge=0, le=_MOST, description="Begin behind this event; 0 is the beginning."),
    ] = None,
    type: Annotated[
        list[str] | None,
        Query(max_length=50, description="Only these: reservation.created, or stock.*"),
    ] = None,
    sku: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Only about this product.")
    ] = None,
) -> Response:
    """Follow what happens: Server-Sent Events with CloudEvents in JSON.

    Each comes at least once, those of one subject in order.

    The `Last-Event-ID` header goes on after that event; without it and without `after`, what
    happens from now on is told.
    """
    said = call.asked.headers.get(b"last-event-id")
    if said is not None:
        if not (said.isdigit() and len(said) < 19):
            raise InvalidInput("Last-Event-ID is the id of an event: a number")
        after = int(said)

    def begin(session: Session) -> tuple[tuple[str, ...], str | None]:
        types, about = events.checked(type or ()), events.about(session, sku)
        if after is not None:
            events.page(session, after=after, types=types, sku=about, limit=1)
        return types, about

    types, about = await call.read(begin)
    cursor = await beginning(call.worker) if after is None else after
    stopping = (call.asked.scope.get("state") or {}).get("stopping")
    return EventStream(call.worker, after=cursor, types=types, sku=about, stopping=stopping)
