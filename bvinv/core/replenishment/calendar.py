"""The calendar: promotions that lift demand, and days that say nothing about it."""

from typing import Any

from bvinv.core import categories, command_log, dates, items, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.models.demand import CalendarRow

MOST_PERCENT = 10_000
_SHOWN = """
    SELECT e.id, e.name, e.kind, e.begins_on, e.ends_on, e.percent, p.sku, c.slug AS category
         , w.code AS warehouse, e.created_at, e.removed_at
      FROM calendar_entry AS e LEFT JOIN product AS p ON p.id = e.product_id
           LEFT JOIN category AS c ON c.id = e.category_id
           LEFT JOIN warehouse AS w ON w.id = e.warehouse_id
"""
_ORDER = "ORDER BY e.begins_on, e.id"
_ALL = Sql(f"{_SHOWN} {_ORDER}")
_CURRENT = Sql(f"{_SHOWN} WHERE e.removed_at IS NULL {_ORDER}")
_ONE = Sql(f"{_SHOWN} WHERE e.id = :id")
_LIVE = Sql("""
    SELECT begins_on, ends_on, percent, product_id, category_id, warehouse_id
      FROM calendar_entry WHERE removed_at IS NULL ORDER BY id
""")
_ADD = Sql.insert(
    "calendar_entry",
    "name",
    "kind",
    "begins_on",
    "ends_on",
    "percent",
    "product_id",
    "category_id",
    "warehouse_id",
    "command_id",
    "created_at",
    after="RETURNING id",
)
_REMOVE = Sql("UPDATE calendar_entry SET removed_at = :now WHERE id = :id AND removed_at IS NULL")


def add(
    session: Session,
    *,
    name: str,
    begins_on: int,
    ends_on: int,
    percent: int | None = None,
    mask: bool = False,
    ref: str | None = None,
    category: str | None = None,
    warehouse: str | None = None,
) -> CalendarRow:
    """Say that these days, the last included, are not like others.

    Their demand is `percent` of the usual, or with `mask` they say nothing about it. It counts for
    a product or a category with all below it, else for everything, and in one warehouse or in all.
    Raises InvalidInput, NotFound.
    """
    shown = text.line(name, what="name", maximum=100)
    if mask == (percent is not None):
        raise InvalidInput(
            "days are either lifted or masked", hint="say one of them: --lift 150% or --mask"
        )
    if percent is not None and not 1 <= percent <= MOST_PERCENT:
        raise InvalidInput(
            f"a lift is from 1% to {MOST_PERCENT}% of the usual demand, not {percent}%",
            hint="150% is half as much again, 50% half of it; --mask says that nothing is known",
        )
    if ends_on < begins_on:
        raise InvalidInput(
            f"it would end on {dates.display(ends_on)}, before it begins on "
            f"{dates.display(begins_on)}"
        )
    if ref is not None and category is not None:
        raise InvalidInput("name a product or a category, not both")
    product = items.one(session, ref) if ref is not None else None
    shelf = categories.known(session, category) if category is not None else None
    site = warehouses.site(session, warehouse) if warehouse is not None else None

    # From here on nothing can fail.
    command_log.record(session, session.command)
    row = {
        "name": shown,
        "kind": "mask" if mask else "lift",
        "begins_on": begins_on,
        "ends_on": ends_on,
        "percent": percent,
        "product_id": product.id if product else None,
        "category_id": shelf.id if shelf else None,
        "warehouse_id": site.id if site else None,
        "command_id": session.command.id,
        "created_at": session.now,
    }
    [number] = session.insert(_ADD, [row])
    return _told(session, "forecast.calendar-added", number)


def remove(session: Session, *, number: int) -> CalendarRow:
    """Let an entry count no more; it stays to be seen. Raises NotFound, Conflict if it is gone."""
    text.quantity(number, what="entry", maximum=2**62)
    if not session.ask(_ONE, id=number):
        raise NotFound(
            f"the calendar has no entry {number}", hint="see: bvinv forecast calendar list"
        )
    if not session.send(_REMOVE, [{"id": number, "now": session.now}]):
        raise Conflict(f"entry {number} was removed before", hint="bvinv forecast calendar list")
    return _told(session, "forecast.calendar-removed", number)


def entries(session: Session, *, removed: bool = False) -> list[CalendarRow]:
    """Return the calendar by its days; with `removed` also what counts no more."""
    return [_row(found) for found in session.ask(_ALL if removed else _CURRENT)]


def live(session: Session) -> list[Any]:
    """Return the entries that count, with the ids of what they count for, None for all."""
    return session.ask(_LIVE)


def _told(session: Session, event: str, number: int) -> CalendarRow:
    """Tell what became of an entry, and return it."""
    [found] = session.ask(_ONE, id=number)
    row = _row(found)
    names = ("name", "begins_on", "ends_on", "percent", "sku", "category", "warehouse")
    record = row.record()
    told = {name: record[name] for name in names if record[name] is not None}
    command_log.tell(session, [Tale(event, str(number), told, session.command)])
    return row


def _row(found: Any) -> CalendarRow:
    return CalendarRow(**found._asdict())
