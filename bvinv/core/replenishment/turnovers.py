"""Turnover: how often stock is sold, by the average of what was on hand."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from bvinv.core import warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.models.stock_report import TurnoverRow
from bvinv.core.replenishment import sales
from bvinv.core.replenishment.reporting import YEAR, page, period, rounded
from bvinv.core.replenishment.sales import DAY

_LEVELS = Sql("""
    SELECT l.id, l.warehouse_id, p.sku, w.code AS warehouse, l.on_hand
      FROM stock_level AS l JOIN product AS p ON p.id = l.product_id
           JOIN warehouse AS w ON w.id = l.warehouse_id ORDER BY p.sku_key, w.code
""")
_MOVED = Sql("""
    SELECT level_id, occurred_at, on_hand_change
         , CASE WHEN to_bin = 'customer' THEN quantity
                WHEN from_bin = 'customer' THEN -quantity ELSE 0 END
      FROM movement
     WHERE occurred_at >= :since AND (on_hand_change <> 0 OR from_bin = 'customer')
""")


@dataclass(slots=True)
class _Changes:
    """What happened to a level in the period, and what came `later`, in pieces; `late` is what
    changed, by how long the period lasted already (pieces by microseconds)."""

    sold: int = 0
    later: int = 0
    late: int = 0


class _Line(NamedTuple):
    """A level at the end of the period; `lay` is for how long how many pieces lay there."""

    sku: str
    warehouse: str
    level: int
    on_hand: int
    lay: int
    sold: int


_NOTHING = _Changes()


def turnover(
    session: Session,
    *,
    warehouse: str | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[TurnoverRow], str | None]:
    """Return a page of the turnover of every level that had stock or sales in the period, by SKU
    and warehouse, and the cursor of the next page.

    Turnover is what was sold a year by the average of what was on hand, every microsecond of the
    ledger counted; it does not depend on what lies before the level's first movement. `since` and
    `until` are instants, both included, by default the last 365 days; what is to come does not
    count. Imported demand does not, either: nobody knows the stock that it was sold from. Raises
    NotFound, InvalidInput.
    """
    since, until = period(session, since, until)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    changes: dict[int, _Changes] = {}
    for level, at, change, sold in session.stream(_MOVED, since=since):
        entry = changes.get(level)
        if entry is None:
            entry = changes[level] = _Changes()
        if at > until:
            entry.later += change
        else:
            entry.late += change * (at - since)
            entry.sold += sold
    begins = sales.beginnings(session)
    lines = [
        line
        for level in session.ask(_LEVELS)
        if (site is None or level.warehouse_id == site.id) and begins.get(level.id, until) < until
        if (line := _line(level, changes.get(level.id, _NOTHING), since, until))
    ]
    part, cursor = page(lines, limit=limit, after=after)
    return [_row(line, until - max(since, begins[line.level])) for line in part], cursor


def _line(level: Any, changes: _Changes, since: int, until: int) -> _Line | None:
    """Return what a level had and sold in the period, None where that is nothing."""
    on_hand = level.on_hand - changes.later
    # What lay there at the end lay there all the time, but for what came meanwhile.
    lay = on_hand * (until - since) - changes.late
    if not lay and not changes.sold:
        return None
    return _Line(level.sku, level.warehouse, level.id, on_hand, lay, changes.sold)


def _row(line: _Line, length: int) -> TurnoverRow:
    """Return the row of a level that was there for so long of the period."""
    sold = line.sold
    return TurnoverRow(
        sku=line.sku,
        warehouse=line.warehouse,
        days=rounded(length, DAY, 1),
        sold=sold,
        average_on_hand=rounded(line.lay, length, 1),
        turnover=rounded(sold * YEAR, line.lay, 2) if line.lay > 0 else None,
        on_hand=line.on_hand,
        days_of_cover=rounded(line.on_hand * length, sold * DAY, 1) if sold > 0 else None,
    )
