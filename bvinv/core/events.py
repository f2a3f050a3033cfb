"""The feed of events: everything that happened, in order, with nothing skipped.

The cursor is an event's id. SQLite gives ids in the order of commits. PostgreSQL gives them before
commits, so that an id may become visible after a later one was read: there a reader only goes as
far as a `Watermark`, behind which no id will appear any more. Events of one subject are in order,
because whoever changes it holds its lock while ids are given.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bvinv.core import items, text
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.models.event import EventRow

LOOKED_AT = 2_000  # rows at most that one page reads, whatever the filter leaves of them
LARGEST_PAGE = 1_000
_LAST_ID = 2**63 - 1

# Every type there is; a filter that names another is a mistake.
_NAMES = {
    "barcode": "missed resolved dismissed",
    "category": "created moved renamed deleted",
    "channel": "created",
    "count": "opened counted posted cancelled undone",
    "forecast": "imported finished service-set service-removed calendar-added calendar-removed"
    " override-set override-removed",
    "import": "mapping_saved mapping_deleted",
    "key": "created limited revoked",
    "pick": "started confirmed shorted cancelled undone",
    "price": "requested approved rejected superseded",
    "product": "created updated priced archived deleted image_checked",
    "purchase-order": "created changed placed cancelled received taken-back",
    "reason": "created renamed retired restored",
    "receipt": "undone",
    "reorder": "suggested ordered closed",
    "reservation": "created extended committed released expired lapsed filled broken packed"
    " unpacked shipped unshipped",
    "return": "received decided",
    "scan-session": "opened closed",
    "stock": "adjusted configured imported moved received undone",
    "supplier": "created changed",
    "supplier-terms": "changed removed",
    "transfer": "created changed cancelled shipped received closed undone",
    "warehouse": "created bin-created bin-changed",
    "webhook": "created removed rotated tested redelivered",
}
TYPES = tuple(f"{noun}.{verb}" for noun, verbs in _NAMES.items() for verb in verbs.split())

_PAGE = Sql("""
    SELECT id, type, subject, actor, data, recorded_at FROM event
     WHERE id > :after AND id <= :until ORDER BY id LIMIT :limit
""")
_BACK = Sql("""
    SELECT id, type, subject, actor, data, recorded_at FROM event
     WHERE id < :before ORDER BY id DESC LIMIT :limit
""")
_OWN = Sql("""
    SELECT id, type, subject, actor, data, recorded_at FROM event
     WHERE command_id = :command ORDER BY id DESC LIMIT 1
""")
_NEWEST = Sql("SELECT coalesce(max(id), 0) AS id FROM event")

_written = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Filter:
    """Which events somebody wants: of these types, and about this SKU. Nothing named means all.

    `types` are names, or `reservation.*`, as `checked` lets them through; `sku` is canonical.
    """

    types: Sequence[str] = ()
    sku: str | None = None

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(one[:-1] for one in self.types if one.endswith("*"))

    def takes(self, row: Any) -> bool:
        """Tell whether a row of `event` is wanted, its data being text still."""
        if not self._is_of_type(row.type):
            return False
        if self.sku is None or row.subject == self.sku:
            return True
        # Read only where the text has it: most events are about something else.
        return _written(self.sku) in row.data and _names(json.loads(row.data), self.sku)

    def wants(self, event: EventRow) -> bool:
        """Tell whether an event is wanted that was read for others, too."""
        return self._is_of_type(event.type) and (self.sku is None or concerns(event, self.sku))

    def _is_of_type(self, name: str) -> bool:
        return not self.types or name in self.types or name.startswith(self._beginnings or "\0")


def checked(types: Sequence[str]) -> tuple[str, ...]:
    """Return these types and patterns, each once. Raises InvalidInput for one that cannot be."""
    for one in types:
        noun, _, verb = one.partition(".")
        if one not in TYPES and not (verb == "*" and noun in _NAMES):
            near = _NAMES.get(noun, "")
            raise InvalidInput(
                f"there is no type of event {text.quoted(one)}",
                hint=f"of {noun} there are: {', '.join(near.split())}"
                if near
                else "for example reservation.created, or reservation.* for all of that kind",
            )
    return tuple(dict.fromkeys(types))


def about(session: Session, ref: str | None) -> str | None:
    """Return the SKU that events name a product by, None for None. Raises NotFound."""
    return None if ref is None else items.one(session, ref).sku


def concerns(event: EventRow, sku: str) -> bool:
    """Tell whether an event is about a product: its subject, or named anywhere in its data."""
    return event.subject == sku or _names(event.data, sku)


def page(
    session: Session,
    *,
    after: int,
    until: int | None = None,
    types: Sequence[str] = (),
    sku: str | None = None,
    limit: int = 500,
) -> tuple[list[EventRow], int]:
    """Return what follows the cursor, in order, and the cursor to go on with.

    `until` is the `Watermark` of somebody who will go on; without it everything that is visible
    counts. The cursor passes what the filter leaves out; where it stands still, that is the end.
    Raises InvalidInput for an unknown type, and a cursor that lies behind the last event.
    """
    wanted = Filter(checked(types), sku)
    text.quantity(limit, what="limit", maximum=LARGEST_PAGE)
    text.quantity(after, what="cursor", minimum=0, maximum=_LAST_ID)
    end = _LAST_ID if until is None else until
    found = session.ask(_PAGE, after=after, until=end, limit=LOOKED_AT)
    if not found:
        _refuse_beyond(session, after)
    rows: list[EventRow] = []
    for row in found:
        if wanted.takes(row):
            rows.append(as_row(row))
            if len(rows) == limit:
                return rows, row.id
    return rows, found[-1].id if found else after


def last(
    session: Session,
    *,
    count: int,
    until: int | None = None,
    types: Sequence[str] = (),
    sku: str | None = None,
) -> tuple[list[EventRow], int]:
    """Return the newest events, the oldest of them first, and the cursor that goes on after them.

    Of those that a filter leaves out, 50 pages are looked at and no more.
    """
    wanted = Filter(checked(types), sku)
    text.quantity(count, what="limit", maximum=LARGEST_PAGE)
    end = newest(session) if until is None else until
    rows: list[EventRow] = []
    before = end + 1
    for _ in range(50):
        found = session.ask(_BACK, before=before, limit=LOOKED_AT)
        rows += [as_row(row) for row in found if wanted.takes(row)][: count - len(rows)]
        if len(rows) == count or len(found) < LOOKED_AT:
            break
        before = found[-1].id
    cursor = session.ask(_BACK, before=end + 1, limit=1)
    return rows[::-1], cursor[0].id if cursor else 0


def newest(session: Session) -> int:
    """Return the cursor behind everything that this snapshot shows, 0 where nothing happened."""
    return int(session.ask(_NEWEST)[0].id)


def own(session: Session) -> EventRow:
    """Return the event that the session's command, which has told one, told last."""
    [row] = session.ask(_OWN, command=session.command.id)
    return as_row(row)


class Watermark:
    """How far a reader may go without skipping what commits late; kept from poll to poll.

    Of PostgreSQL's first the last id that was given is read, then who has written events and not
    ended yet: whoever took an id up to that one is among them, or has ended. Once none of them is
    there any more, what they wrote is visible to every snapshot that is taken afterwards, or never
    will be. (Not by numbers of transactions: `pg_snapshot_xmax` lies behind the last one that has
    completed, and so before some that run.)

    Only the primary server can be read so: a replica has no locks of writers.
    """

    def __init__(self) -> None:
        """Begin: nothing is settled yet."""
        self.settled = 0
        self.newest = 0  # the last id that was given, when somebody looked
        self._proven = 0  # settled for snapshots after the one of the last look
        self._waits = 0
        self._writers: frozenset[str] = frozenset()

    def look(self, session: Session) -> int:
        """Return the id up to which nothing will appear any more, in this session's snapshot.

        Each look needs a read transaction of its own, which began after the look before.
        """
        seen = session.horizon()
        if seen is None:
            self.settled = self.newest = newest(session)
            return self.settled
        self.newest, writers = seen
        self.settled = self._proven
        self._writers &= writers
        if not self._writers:
            self._proven = max(self._proven, self._waits)
            self._waits, self._writers = self.newest, writers
            if not writers:
                self._proven = self.newest
        return self.settled

    @property
    def is_behind(self) -> bool:
        """Tell whether ids were given that are not settled yet: look again, in a moment."""
        return self.settled < self.newest


def settled(database: Database, *, seconds: float = 1.0, mark: Watermark | None = None) -> int:
    """Return the id up to which nothing will appear any more, for somebody who asks once.

    Waits for transactions that run at this moment, at most so many seconds.
    """
    mark = mark or Watermark()
    end = time.monotonic() + seconds
    goal: int | None = None
    while True:
        with database.read() as session:
            mark.look(session)
        goal = mark.newest if goal is None else goal
        if mark.settled >= goal or time.monotonic() >= end:
            return mark.settled
        time.sleep(0.005)


def as_row(row: Any) -> EventRow:
    """Return a row of `event` as both doors show it."""
    return EventRow(
        id=str(row.id),
        type=row.type,
        subject=row.subject,
        time=row.recorded_at,
        actor=row.actor,
        sequence=f"{row.id:019}",
        data=json.loads(row.data),
    )


def _refuse_beyond(session: Session, after: int) -> None:
    end = newest(session)
    if after > end:
        raise InvalidInput(
            f"the cursor {after} is not of this database: its last event is {end}",
            hint="begin anew with 0, or where a page has ended",
            cursor=after,
            newest=end,
        )


def _names(value: Any, sku: str) -> bool:
    """Tell whether a text stands as a value anywhere in JSON."""
    left: list[Any] = [value]
    while left:
        one = left.pop()
        if one == sku:
            return True
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
    return False
