"""Scan sessions: begun, gone on with, closed."""

from bvinv.core import command_log, documents
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.ledger import Place
from bvinv.core.levels import rank
from bvinv.core.models.scan import SessionRow
from bvinv.core.models.warehouse import SELLABLE
from bvinv.core.purchasing import deliveries, suppliers
from bvinv.core.scanning import lines, listing
from bvinv.core.scanning.desk import Desk, Thing
from bvinv.core.scanning.mode import Mode
from bvinv.core.scanning.modes import MODES

_OPEN = Sql.insert(
    "scan_session",
    "mode",
    "warehouse_id",
    "status",
    "actor",
    "document",
    "supplier",
    "delivery",
    "receipt_id",
    "bin_id",
    "lot",
    "product_id",
    "pieces",
    "command_id",
    "created_at",
    "updated_at",
    after="RETURNING id",
)
# Whoever puts away may have changed the bin that they take from.
_LAST_OPEN = Sql("""
    SELECT s.id, s.mode, s.actor, s.document, s.receipt_id, s.lot, s.pieces
         , s.supplier, s.delivery
         , w.id AS site, w.code AS warehouse, w.priority
         , b.id AS bin_id, b.code AS bin, b.kind
         , p.id AS product_id, p.sku, p.title, p.tracks_lots
         , coalesce((SELECT max(seq) FROM scan AS n WHERE n.session_id = s.id), 0) AS seq
      FROM scan_session AS s JOIN warehouse AS w ON w.id = s.warehouse_id
           LEFT JOIN bin AS b ON b.id = s.bin_id LEFT JOIN product AS p ON p.id = s.product_id
     WHERE s.status = 'open' AND s.actor = :actor AND s.mode = :mode
       AND s.warehouse_id = :site AND (s.document = :document OR s.mode = 'put-away')
       AND :supplier IN ('', s.supplier) AND :delivery IN ('', s.delivery)
     ORDER BY s.id DESC LIMIT 1
""")
_WAITING = Sql("""
    SELECT code FROM scan
     WHERE session_id = :id AND outcome = 'accepted' AND substr(code, 1, 5) = '*QTY '
       AND product_id IS NULL AND bin_id IS NULL AND seq > (
           SELECT coalesce(max(n.seq), 0) FROM scan AS n WHERE n.session_id = :id
              AND (n.product_id IS NOT NULL OR n.outcome = 'unknown'
                   OR (n.outcome = 'undone' AND substr(n.code, 1, 5) <> '*QTY ')))
     ORDER BY seq DESC LIMIT 1
""")
_CLOSE = Sql("""
    UPDATE scan_session SET status = 'done', product_id = NULL, pieces = 0, updated_at = :now
     WHERE id = :id
""")

_STATUS = Sql("SELECT status FROM scan_session WHERE id = :id", lock="FOR UPDATE")


def begin(
    session: Session,
    *,
    mode: str,
    warehouse: str = "",
    document: str = "",
    supplier: str = "",
    delivery: str = "",
) -> Desk:
    """Open a session of the caller's at a warehouse; without one, at that of the document.

    `supplier` and their `delivery` note are for what is received. Raises NotFound, InvalidInput,
    and Conflict when the document is not in a state for it, or the note was received already.
    """
    kind = _kind(mode)
    named = kind.named(session, document)
    site = kind.site(session, document, warehouse)
    desk = Desk(0, mode, site, session.command.actor, named)
    desk.supplier, desk.delivery = _delivery(supplier, delivery)
    kind.begin(session, desk)

    # From here on nothing can fail.
    command_log.record(session, session.command)
    row = {
        "mode": mode,
        "warehouse_id": site.id,
        "status": "open",
        "actor": desk.actor,
        "supplier": desk.supplier,
        "delivery": desk.delivery,
        "command_id": session.command.id,
        "created_at": session.now,
        "updated_at": session.now,
    }
    [desk.id] = session.insert(_OPEN, [row | lines.kept(desk)])
    told = {"mode": mode, "warehouse": site.code, "document": desk.document}
    command_log.tell(session, [Tale("scan-session.opened", desk.number, told, session.command)])
    return desk


def find_open(
    session: Session,
    *,
    actor: str,
    mode: str,
    warehouse: str = "",
    document: str = "",
    supplier: str = "",
    delivery: str = "",
) -> Desk | None:
    """Return where the actor's last open session of this kind stands, None where there is none;
    of this supplier and delivery note, if they are named.

    Raises NotFound, InvalidInput.
    """
    kind = _kind(mode)
    site = kind.site(session, document, warehouse)
    named = kind.named(session, document)
    wanted = {"actor": actor, "mode": mode, "site": site.id, "document": named}
    wanted |= dict(zip(("supplier", "delivery"), _delivery(supplier, delivery), strict=True))
    for row in session.ask(_LAST_OPEN, **wanted):
        desk = Desk(row.id, row.mode, site, row.actor, row.document, row.receipt_id)
        desk.supplier, desk.delivery = row.supplier, row.delivery
        desk.lot, desk.pieces, desk.seq = row.lot, row.pieces, int(row.seq)
        if row.bin_id is not None:
            desk.bin = Place(row.bin, row.bin_id, row.kind in SELLABLE, rank(row.kind))
        if row.product_id is not None:
            desk.thing = Thing(row.product_id, row.sku, row.title, 1, row.tracks_lots)
        for one in session.ask(_WAITING, id=row.id):
            _, number, *yes = one.code.split()
            desk.waiting, desk.sure = int(number), bool(yes)
        return desk
    return None


def next_step(session: Session, desk: Desk) -> str:
    """Return what the screen says when work begins or goes on; nothing where there is no more."""
    return MODES[desk.mode].next_step(session, desk)


def close(session: Session, desk: Desk) -> SessionRow:
    """End a session; pieces in hand stay where they lay. Raises Conflict when it went on
    elsewhere."""
    lines.turn(session, desk)
    return _closed(session, desk.id)


def end(session: Session, *, number: str) -> SessionRow:
    """End a session that was left open. Raises NotFound, InvalidInput, Conflict when it is done."""
    row_id = documents.row_id("SC", number)
    found = session.ask(_STATUS, id=row_id)
    if not found:
        raise documents.unknown("SC", row_id, "bvinv scan list")
    if found[0].status != "open":
        raise Conflict(f"{documents.number('SC', row_id)} is done already")
    return _closed(session, row_id)


def _closed(session: Session, row_id: int) -> SessionRow:
    session.send(_CLOSE, [{"id": row_id, "now": session.now}])
    row = listing.one(session, row_id)
    told = {
        "mode": row.mode,
        "warehouse": row.warehouse,
        "accepted": row.accepted,
        "pieces": row.pieces,
        "unknown": row.unknown,
        "refused": row.refused,
    }
    command_log.tell(session, [Tale("scan-session.closed", row.session, told, session.command)])
    return row


def _delivery(supplier: str, note: str) -> tuple[str, str]:
    return suppliers.code(supplier) if supplier else "", deliveries.document_code(note)


def _kind(mode: str) -> Mode:
    if mode not in MODES:
        raise InvalidInput(f"the mode is one of {', '.join(MODES)}")
    return MODES[mode]
