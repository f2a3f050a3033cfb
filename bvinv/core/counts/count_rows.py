"""Counts as they are read: what was counted, what is left, and nothing that would spoil a blind
count."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import documents, warehouses
from bvinv.core.counts import count_scopes
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.models.count import (
    COUNTED,
    POSTED,
    RECOUNT,
    STATUSES,
    CountLineRow,
    CountRow,
    CountSummaryRow,
    UncountedRow,
)

NAMED = 50  # places that are left, in an answer

_COUNT = """
    SELECT c.id, c.warehouse_id, w.code AS warehouse, w.priority, c.status, c.scope, c.blind
         , c.tolerance, c.note, c.created_at, c.closed_at
      FROM stock_count AS c JOIN warehouse AS w ON w.id = c.warehouse_id WHERE c.id = :count
"""
_READ = Sql(_COUNT)
# Many count at once; whoever posts or cancels does so alone.
_SHARED = Sql(_COUNT, lock="FOR SHARE OF c")
_ALONE = Sql(_COUNT, lock="FOR UPDATE OF c")
_LINES = Sql("""
    SELECT p.sku, b.code AS bin, l.lot, l.counted, l.expected, l.attempts, l.state, l.actor
         , l.counted_at, l.posted_seq
         , CASE WHEN m.to_bin = b.code THEN m.quantity ELSE -coalesce(m.quantity, 0) END AS posted
      FROM stock_count_line AS l JOIN bin AS b ON b.id = l.bin_id
           JOIN stock_level AS s ON s.id = l.level_id JOIN product AS p ON p.id = s.product_id
           LEFT JOIN movement AS m ON m.level_id = l.level_id AND m.level_seq = l.posted_seq
     WHERE l.count_id = :count ORDER BY b.code, p.sku_key, l.lot
""")
_STATES = Sql("""
    SELECT count_id, state, count(*) AS lines FROM stock_count_line
     WHERE count_id IN :counts GROUP BY count_id, state
""")
_PAGE = """
    SELECT c.id, w.code AS warehouse, c.status, c.scope, c.blind, c.tolerance, c.note
         , c.created_at, c.closed_at
      FROM stock_count AS c JOIN warehouse AS w ON w.id = c.warehouse_id
     WHERE {where} ORDER BY c.id DESC LIMIT :limit
"""
_UNCOUNTED = """
    SELECT {what}
      FROM bin AS b JOIN bin_level AS s ON s.bin_id = b.id
           JOIN stock_level AS l ON l.id = s.level_id JOIN product AS p ON p.id = l.product_id
     WHERE b.warehouse_id = :site AND s.quantity > 0 AND {scope} AND NOT EXISTS (
           SELECT 1 FROM stock_count_line AS c
            WHERE c.count_id = :count AND c.bin_id = s.bin_id AND c.level_id = s.level_id
              AND c.lot = s.lot)
"""
_LEFT = "b.code AS bin, p.sku, s.lot"
_IN_ORDER = "ORDER BY b.code, p.sku_key, s.lot LIMIT :limit"


def find(session: Session, count_id: int) -> Any:
    """Return a count as it is stored. Raises NotFound."""
    return _found(session.ask(_READ, count=count_id), count_id)


def shared(session: Session, count_id: int) -> Any:
    """Return an open count, which nobody closes before this transaction ends.

    Raises NotFound, and Conflict when it is closed.
    """
    return _open(_found(session.ask(_SHARED, count=count_id), count_id))


def alone(session: Session, count_id: int) -> Any:
    """Return an open count, locked: nobody counts before this transaction ends.

    Raises NotFound, and Conflict when it is closed.
    """
    return _open(_found(session.ask(_ALONE, count=count_id), count_id))


def warehouse(session: Session, *, count: str) -> str:
    """Return the code of the warehouse that is counted. Raises NotFound, Conflict (closed)."""
    return str(_open(find(session, documents.row_id("CT", count))).warehouse)


def show(session: Session, *, count: str, uncounted: int | None = None) -> CountRow:
    """Return a count with its lines and what is left.

    While it is open and blind nobody is told what the record expects. `uncounted` says what was
    left of one that closes now. Raises NotFound, InvalidInput.
    """
    found = find(session, documents.row_id("CT", count))
    is_open = found.status == "open"
    lines = [
        _line(row, hidden=bool(found.blind) and is_open)
        for row in session.ask(_LINES, count=found.id)
    ]
    states = [line.state for line in lines]
    changes = [line.difference or 0 for line in lines if line.state == POSTED]
    return CountRow(
        **_head(found),
        counted=states.count(COUNTED),
        recount=states.count(RECOUNT),
        posted=states.count(POSTED),
        found=sum(by for by in changes if by > 0),
        lost=-sum(by for by in changes if by < 0),
        uncounted=uncounted_places(session, found) if is_open else uncounted,
        lines=lines,
        left=_left(session, found) if is_open else [],
    )


def page(
    session: Session,
    *,
    status: str | None = None,
    warehouse: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[CountSummaryRow], str | None]:
    """Return a page of counts, the newest first, and the cursor of the next page.

    `after` is the number of the last one seen. Raises InvalidInput, NotFound.
    """
    page = documents.Page("CT", limit=limit, after=after, id="c.id")
    page.one_of("c.status", status, STATUSES)
    if warehouse is not None:
        page.only("c.warehouse_id = :site", site=warehouses.site(session, warehouse).id)
    found, more = page.ask(session, _PAGE)
    rows = _summaries(session, found)
    return rows, rows[-1].count if more else None


def uncounted_places(session: Session, found: Any) -> int:
    """Return in how many places of a count's scope pieces lie that nobody has counted."""
    condition, values = count_scopes.stored(found.scope).condition()
    statement = Sql(_UNCOUNTED.format(what="count(*) AS places", scope=condition))
    [row] = session.ask(statement, count=found.id, site=found.warehouse_id, **values)
    return int(row.places)


def _left(session: Session, found: Any) -> list[UncountedRow]:
    condition, values = count_scopes.stored(found.scope).condition()
    statement = Sql(f"{_UNCOUNTED.format(what=_LEFT, scope=condition)} {_IN_ORDER}")
    values |= {"count": found.id, "site": found.warehouse_id, "limit": NAMED}
    return [
        UncountedRow(bin=row.bin, sku=row.sku, lot=row.lot or None)
        for row in session.ask(statement, **values)
    ]


def _summaries(session: Session, found: Sequence[Any]) -> list[CountSummaryRow]:
    lines = {
        (row.count_id, row.state): row.lines
        for row in session.ask(_STATES, counts=[row.id for row in found])
    }
    return [
        CountSummaryRow(
            **_head(row),
            **{state: lines.get((row.id, state), 0) for state in (COUNTED, RECOUNT, POSTED)},
        )
        for row in found
    ]


def _head(found: Any) -> dict[str, Any]:
    return {
        "count": documents.number("CT", found.id),
        "warehouse": found.warehouse,
        "status": found.status,
        "scope": count_scopes.stored(found.scope).said(),
        "blind": bool(found.blind),
        "tolerance": found.tolerance,
        "note": found.note or None,
        "created_at": found.created_at,
        "closed_at": found.closed_at,
    }


def _line(row: Any, *, hidden: bool) -> CountLineRow:
    difference = row.posted if row.state == POSTED else row.counted - row.expected
    hidden = hidden and row.state != POSTED
    return CountLineRow(
        sku=row.sku,
        bin=row.bin,
        lot=row.lot or None,
        counted=row.counted,
        expected=None if hidden else row.expected,
        difference=None if hidden else difference,
        attempts=row.attempts,
        state=row.state,
        actor=row.actor,
        counted_at=row.counted_at,
        movement=row.posted_seq or None,
    )


def _found(rows: Sequence[Any], count_id: int) -> Any:
    if not rows:
        raise _unknown(count_id)
    return rows[0]


def _unknown(count_id: int) -> NotFound:
    return documents.unknown("CT", count_id, "bvinv stock count list")


def _open(found: Any) -> Any:
    if found.status == "open":
        return found
    number = documents.number("CT", found.id)
    raise Conflict(
        f"{number} is {found.status} already",
        hint=f"open another: bvinv stock count open --warehouse {found.warehouse}",
        count=number,
        status=found.status,
    )
