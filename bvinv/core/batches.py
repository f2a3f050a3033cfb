"""Many changes of stock in one transaction: all of them, or none.

Each change is one that a command makes alone, with the same rules; those of one kind that follow
each other share their look-ups and writes where their module can do that.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from bvinv.core import (
    access,
    adjustments,
    items,
    levels,
    promises,
    put_away,
    reservations,
    stock,
    text,
)
from bvinv.core.adjustments import Adjustment
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, InventoryError
from bvinv.core.models.base import Row
from bvinv.core.models.batch import BatchRow
from bvinv.core.models.reservation import ReservationRow
from bvinv.core.models.stock import LevelRow, PutAwayRow
from bvinv.core.purchasing import receiving
from bvinv.core.requests import Request

MOST = 1_000

_LOCK_RESERVATIONS = Sql(
    "SELECT id FROM reservation WHERE id IN :ids ORDER BY id", lock="FOR UPDATE"
)
_RESERVED = Sql("""
    SELECT DISTINCT s.product_id
      FROM reservation_line AS l JOIN stock_level AS s ON s.id = l.level_id
     WHERE l.reservation_id IN :ids
""")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods that came without an order, see `receiving.receive`."""

    ref: str
    quantity: int
    warehouse: str
    bin: str | None = None
    supplier: str = ""
    document: str = ""
    lot: str = ""
    expires_on: int | None = None


@dataclass(frozen=True, slots=True)
class PutAway:
    """Pieces that go from one bin to another, see `put_away.put_away`."""

    ref: str
    warehouse: str
    quantity: int | None = None
    origin: str = "DOCK"
    target: str | None = None
    lot: str | None = None
    over_capacity: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a level is to be kept at, see `stock.configure`."""

    ref: str
    warehouse: str
    settings: dict[str, int | None] = field(default_factory=dict)
    fixed_bin: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A reservation that is given back, see `promises.release`."""

    reservation_id: str


@dataclass(frozen=True, slots=True)
class Commitment:
    """A reservation whose goods leave, see `promises.commit`."""

    reservation_id: str
    lines: Sequence[tuple[str, int]] = ()
    close: bool = False


@dataclass(frozen=True, slots=True)
class Extension:
    """A reservation that lasts longer, see `promises.extend`."""

    reservation_id: str
    ttl: int | None = None
    expires_at: int | None = None


Change = Adjustment | Receipt | PutAway | Configuration | Request | Release | Commitment | Extension
Done = LevelRow | PutAwayRow | ReservationRow
_Begins = Callable[[int], object]


def run(session: Session, changes: Sequence[Change]) -> BatchRow:
    """Make these changes in their order; return what each one answers, in the same order.

    Adjustments that follow each other answer their levels as they stand after the last of them.
    What is refused undoes all: the error is that of the first refusal and says which change it
    was, counted from 0 (`change`). Raises InvalidInput for none or more than 1,000 changes,
    NotPermitted unless the caller may do each of them alone, and what they raise.
    """
    if not 1 <= len(changes) <= MOST:
        raise InvalidInput(f"a batch has 1 to {MOST} changes, not {len(changes)}")
    command = session.command
    at = 0

    def begins(number: int) -> None:
        nonlocal at
        at = number

    def counted_from(first: int) -> _Begins:
        return lambda number: begins(first + number)

    try:
        for number, change in enumerate(changes):
            begins(number)
            access.check(command.role, _COMMANDS[type(change)], command.actor)
        _lock(session, changes)
        results: list[Done] = []
        for kind, some in groupby(changes, key=type):
            results += _DO[kind](session, list(some), counted_from(len(results)))
    except InventoryError as error:
        say_which(error, at)
        raise
    return BatchRow(results=results)


def say_which(error: InventoryError, number: int) -> None:
    """Let a refusal say which change of a batch it is about."""
    where = f"changes.{number}"
    error.errors = [{"field": where, **one} for one in error.errors or ()] or [
        {"field": where, "detail": error.detail}
    ]
    error.detail = f"{where}: {error.detail}"
    error.args = (error.detail,)
    error.numbers["change"] = number


def _lock(session: Session, changes: Sequence[Change]) -> None:
    """Lock the reservations and levels of a mixed batch in the order of all locks.

    Changes of one kind that share their look-ups do it themselves.
    """
    if {type(change) for change in changes} in ({Adjustment}, {Request}):
        return
    ids = sorted(
        {one.reservation_id for one in changes if isinstance(one, Release | Commitment | Extension)}
    )
    refs = {ref for one in changes for ref in _refs(one)}
    products = {item.id for item in items.known(session, refs).values()} if refs else set()
    if ids:
        session.ask(_LOCK_RESERVATIONS, ids=ids)
        products |= {row.product_id for row in session.ask(_RESERVED, ids=ids)}
    levels.lock(session, products)


def _refs(change: Change) -> list[str]:
    """Return the products that a change names, as far as they can be understood."""
    if isinstance(change, Release | Commitment | Extension):
        return []
    named = [line.ref for line in change.lines] if isinstance(change, Request) else [change.ref]
    return [ref for ref in named if _is_code(ref)]


def _is_code(ref: str) -> bool:
    try:
        text.code(ref, what="product", maximum=100)
    except InvalidInput:
        return False
    return True


def _adjust(session: Session, some: Sequence[Any], begins: _Begins) -> Sequence[Row]:
    return adjustments.adjust_many(session, some, begins=begins)


def _reserve(session: Session, some: Sequence[Any], begins: _Begins) -> Sequence[Row]:
    answers = reservations.create_many(session, some)
    for number, answer in enumerate(answers):
        begins(number)
        if isinstance(answer, InventoryError):
            raise answer
    return [answer for answer in answers if isinstance(answer, ReservationRow)]


def _each(act: Callable[..., Row]) -> Callable[[Session, Sequence[Any], _Begins], Sequence[Row]]:
    """Return what does changes of a kind one by one."""

    def do(session: Session, some: Sequence[Any], begins: _Begins) -> Sequence[Row]:
        rows = []
        for number, change in enumerate(some):
            begins(number)
            rows.append(act(session, **asdict(change)))
        return rows

    return do


_COMMANDS: dict[type, str] = {
    Adjustment: "stock adjust",
    Receipt: "receive",
    PutAway: "stock put-away",
    Configuration: "stock set",
    Request: "reserve create",
    Release: "reserve release",
    Commitment: "reserve commit",
    Extension: "reserve extend",
}
_DO: dict[type, Callable[[Session, Sequence[Any], _Begins], Any]] = {
    Adjustment: _adjust,
    Receipt: _each(receiving.receive),
    PutAway: _each(put_away.put_away),
    Configuration: _each(stock.configure),
    Request: _reserve,
    Release: _each(promises.release),
    Commitment: _each(promises.commit),
    Extension: _each(promises.extend),
}
