"""What is asked most, without FastAPI between: the same core, the same answers, much faster.

Each of these paths is also an ordinary route, which documents it and answers whatever is not
plain; a test compares the two.
"""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from bvinv.core import glances
from bvinv.core.db import Session
from bvinv.web import answers, door
from bvinv.web.answers import Answer
from bvinv.web.asked import SLASH, Asked
from bvinv.web.bodies import Reservation
from bvinv.web.paths import Path
from bvinv.web.worker import Worker

LONGEST = 100  # characters of a name; the routes refuse what is longer
Look = Callable[[Session, str], tuple[dict[str, Any], int] | None]

# Path as documented -> the look-up, the key of what begins the entity tag, what caches may do.
_LOOKS: dict[str, tuple[Look, str, tuple[bytes, bytes]]] = {
    "/stock/{sku}": (glances.stock, "", answers.PRIVATE),
    "/products/{ref}": (glances.product, "version", answers.CATALOGUE),
    "/books/{ref}": (glances.product, "version", answers.CATALOGUE),
}


async def get(worker: Worker, asked: Asked, route: Path) -> Answer | None:
    """Answer a plain question about one thing; None for everything else."""
    look = _LOOKS.get(route.path)
    if look is None or asked.query:
        return None
    question, tag, kept = look
    if worker.monitor and kept is answers.CATALOGUE:
        return None  # the replica is asked
    name = asked.path.rpartition("/")[2].replace(SLASH, "/")
    if len(name) > LONGEST or not name.isprintable():
        return None
    found = await worker.glance(lambda session: question(session, name))
    if found is None:
        return None
    record, until = found
    if kept is answers.PRIVATE and not worker.watch.is_instant:
        until = 0  # what others sell is known here a moment late
    return answers.of(record, tag=str(record[tag]) if tag else "", until=until, kept=kept)


async def post(worker: Worker, asked: Asked, route: Path, said: Any) -> Answer | None:
    """Reserve, where nothing but the reservation is asked; None for everything else."""
    if route.path != "/stock/reserve" or asked.query or b"idempotency-key" in asked.headers:
        return None
    try:
        body = Reservation.model_validate(said)
    except ValidationError:
        return None
    return await door.reserve(worker, asked, body)
