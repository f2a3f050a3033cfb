"""Scan sessions as they are read: their totals, and their lines."""

from typing import Any

from bvinv.core import documents, text
from bvinv.core.db import Session, Sql
from bvinv.core.models.scan import MODES, ScanRow, SessionDetail, SessionRow
from bvinv.core.scanning.desk import Desk

# Lines for the program itself are no scans: of `accepted` count those that name a product. Pieces
# that are taken into the hand are put away once, with their bin.
_SHOWN = """
    SELECT s.id, s.mode, w.code AS warehouse, s.document, s.actor, s.status, s.receipt_id
         , b.code AS bin, p.sku AS in_hand, s.pieces AS in_hand_pieces
         , s.created_at, s.updated_at
         , count(CASE WHEN n.outcome = 'accepted' AND n.product_id IS NOT NULL THEN 1 END)
           AS accepted
         , coalesce(sum(CASE WHEN n.outcome = 'accepted' AND n.product_id IS NOT NULL
                              AND (s.mode <> 'put-away' OR n.level_seq > 0)
                             THEN n.quantity END), 0) AS pieces
         , count(CASE WHEN n.outcome = 'unknown' THEN 1 END) AS unknown
         , count(CASE WHEN n.outcome = 'refused' THEN 1 END) AS refused
         , count(CASE WHEN n.outcome = 'undone' AND
                      (n.product_id IS NOT NULL OR n.level_id > 0 OR upper(substr(n.code, 1, 4))
                       <> '*QTY') THEN 1 END) AS undone
      FROM scan_session AS s JOIN warehouse AS w ON w.id = s.warehouse_id
           LEFT JOIN bin AS b ON b.id = s.bin_id LEFT JOIN product AS p ON p.id = s.product_id
           LEFT JOIN scan AS n ON n.session_id = s.id
     WHERE {where}
     GROUP BY s.id, s.mode, w.code, s.document, s.actor, s.status, s.receipt_id, b.code, p.sku
         , s.pieces, s.created_at, s.updated_at
     ORDER BY s.id DESC {limit}
"""
_ONE = Sql(_SHOWN.format(where="s.id = :id", limit=""))
_LINES = Sql("""
    SELECT n.seq, n.code, n.outcome, p.sku, p.title, n.quantity, b.code AS bin, n.detail
      FROM scan AS n LEFT JOIN product AS p ON p.id = n.product_id
           LEFT JOIN bin AS b ON b.id = n.bin_id
     WHERE n.session_id = :id AND n.seq > :after ORDER BY n.seq LIMIT :limit
""")


def one(session: Session, row_id: int) -> SessionRow:
    """Return a session with its totals. Raises NotFound."""
    found = session.ask(_ONE, id=row_id)
    if not found:
        raise documents.unknown("SC", row_id, "bvinv scan list")
    return SessionRow(**_values(found[0]))


def show(
    session: Session, *, number: str, limit: int = 1000, after: int = 0
) -> tuple[SessionDetail, int | None]:
    """Return a session with its lines after the one numbered `after`, and the number to go on
    after. Raises NotFound, InvalidInput."""
    text.quantity(limit, what="limit", minimum=1, maximum=100_000)
    row = one(session, documents.row_id("SC", number))
    found = session.ask(_LINES, id=documents.row_id("SC", number), after=after, limit=limit + 1)
    lines = [ScanRow(session=row.session, **line._asdict()) for line in found[:limit]]
    detail = SessionDetail(**row.model_dump(), scans=lines)
    return detail, lines[-1].seq if len(found) > limit else None


def last(session: Session, desk: Desk) -> ScanRow | None:
    """Return the last line of a session, None before there was one."""
    for line in session.ask(_LINES, id=desk.id, after=desk.seq - 1, limit=1):
        return ScanRow(session=desk.number, **line._asdict())
    return None


def page(
    session: Session,
    *,
    actor: str | None = None,
    mode: str | None = None,
    open: bool = False,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[SessionRow], str | None]:
    """Return a page of sessions, the newest first, and the cursor of the next.

    Raises InvalidInput.
    """
    page = documents.Page("SC", limit=limit, after=after, id="s.id")
    page.one_of("s.mode", mode, MODES)
    if actor is not None:
        page.only("s.actor = :actor", actor=actor)
    if open:
        page.only("s.status = 'open'")
    found, more = page.ask(session, _SHOWN.replace("{limit}", "LIMIT :limit"))
    rows = [SessionRow(**_values(row)) for row in found]
    return rows, rows[-1].session if more else None


def _values(row: Any) -> dict[str, Any]:
    values: dict[str, Any] = row._asdict()
    number = values.pop("id")
    receipt = values.pop("receipt_id")
    return values | {
        "session": documents.number("SC", number),
        "document": row.document or None,
        "receipt": documents.number("RC", receipt) if receipt else None,
        "pieces": int(row.pieces),
    }
