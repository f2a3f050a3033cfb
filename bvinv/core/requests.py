"""What somebody asks for when they reserve, and when two such requests are equal."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bvinv.core import allocation, channels, text
from bvinv.core.errors import InvalidInput, InventoryError
from bvinv.core.models.log import Command

DEFAULT_TTL = 15 * 60 * 1_000_000  # microseconds
_written = json.JSONEncoder(separators=(",", ":")).encode
LONGEST = 366 * 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """Pieces of one product, from wherever they lie unless a warehouse is named."""

    ref: str
    quantity: int
    warehouse: str | None = None


@dataclass(slots=True)
class Request:
    """A reservation that somebody asks for. `command` is who, where that is not the session's.

    `ttl` in microseconds, or `expires_at` as an instant. `channel` is where it comes from, which
    may cost it the safety stock.
    """

    reservation_id: str
    lines: Sequence[Line]
    strategy: str = "priority"
    ttl: int = DEFAULT_TTL
    expires_at: int | None = None
    backorder: bool = False
    command: Command | None = None
    channel: str = ""

    def end(self, now: int) -> int:
        """Return the instant at which it ends if it is made now. Raises InvalidInput."""
        expires_at = now + self.ttl if self.expires_at is None else self.expires_at
        require_end(now, expires_at)
        return expires_at


def understood(request: Request) -> Request | InventoryError:
    """Return the request, its id as it is kept, if it can be understood; else what is wrong."""
    try:
        wanted = text.code(request.reservation_id, what="reservation id", maximum=128)
        request.reservation_id = wanted
        if not request.lines:
            raise InvalidInput("a reservation needs a line", hint="for example: HX-1=3")
        for line in request.lines:
            text.code(line.ref, what="product", maximum=100)
            text.quantity(line.quantity)
        if request.channel:
            channels.code(request.channel)
        if request.strategy not in allocation.STRATEGIES:
            raise InvalidInput(f"the strategy is one of {', '.join(allocation.STRATEGIES)}")
        text.quantity(request.ttl, what="ttl", minimum=1_000_000, maximum=LONGEST)
    except InventoryError as error:
        return error
    return request


def require_end(now: int, expires_at: int) -> None:
    """Raise InvalidInput unless a reservation may last until this instant."""
    if not now < expires_at <= now + LONGEST:
        raise InvalidInput("a reservation expires in the future, within 366 days")


def terms_of(request: Request, wanted: Mapping[allocation.Want, int]) -> str:
    """Return what was asked as canonical JSON: equal requests have equal terms."""
    lines = sorted([product, site or 0, quantity] for (product, site), quantity in wanted.items())
    limit = ["at", request.expires_at] if request.expires_at else ["for", request.ttl]
    strategy = request.strategy if any(site is None for _, site in wanted) else ""
    said = [lines, strategy, limit, request.backorder]
    if request.channel:  # so that requests of before there were channels keep their terms
        said.append(channels.code(request.channel))
    return _written(said)
