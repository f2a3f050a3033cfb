"""Codes that were scanned on arrival and name nothing: noted with their pieces, until somebody
says what they are."""

from typing import Any

from bvinv.core import catalog, command_log, documents, items, product_fields, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.models.base import MOST
from bvinv.core.models.scan import ResolvedRow, UnknownRow
from bvinv.core.models.warehouse import DOCK
from bvinv.core.purchasing import order_progress, receipts
from bvinv.core.scanning import codes
from bvinv.core.scanning.desk import Desk

STATES = ("open", "resolved", "dismissed")

_NOTE = Sql.insert(
    "unknown_barcode",
    "code",
    "warehouse_id",
    "session_id",
    "seq",
    "quantity",
    "state",
    "created_at",
)
_FORGET = Sql("""
    UPDATE unknown_barcode SET state = 'dismissed', decided_at = :now
     WHERE session_id = :id AND seq = :seq AND state = 'open'
""")
_OPEN = Sql(
    """
    SELECT u.id, u.code, u.quantity, w.code AS warehouse, s.document
      FROM unknown_barcode AS u JOIN warehouse AS w ON w.id = u.warehouse_id
           JOIN scan_session AS s ON s.id = u.session_id
     WHERE u.code IN :codes AND u.state = 'open' ORDER BY u.id
    """,
    lock="FOR UPDATE OF u",
)
_DECIDE = Sql("""
    UPDATE unknown_barcode SET state = :state, product_id = :product, decided_at = :now
     WHERE id = :id
""")
_BARCODES = Sql("SELECT product_id, code, pack_quantity FROM barcode WHERE code = :code")
_ITS_BARCODES = Sql("""
    SELECT code, pack_quantity FROM barcode WHERE product_id = :product ORDER BY code
""")
_WANTED = Sql("""
    SELECT l.outstanding, l.quantity + l.allowance - l.received AS room
      FROM purchase_order_line AS l JOIN stock_level AS s ON s.id = l.level_id
     WHERE l.order_id = :order AND s.product_id = :product
""")
_PAGE = """
    SELECT u.code, w.code AS warehouse, u.state, sum(u.quantity) AS quantity, count(*) AS scans
         , max(u.session_id) AS session_id, min(u.created_at) AS created_at
         , max(u.created_at) AS updated_at
      FROM unknown_barcode AS u JOIN warehouse AS w ON w.id = u.warehouse_id
     WHERE u.state = :state AND {where}
     GROUP BY u.code, w.code, u.state
     ORDER BY u.code, w.code LIMIT :limit
"""


def note(session: Session, desk: Desk, code: str, quantity: int) -> None:
    """Put a code on the list, with the pieces that the session's last scan said bear it."""
    row = {
        "code": code,
        "warehouse_id": desk.site.id,
        "session_id": desk.id,
        "seq": desk.seq,
        "quantity": quantity,
        "state": "open",
        "created_at": session.now,
    }
    session.send(_NOTE, [row])
    told = {"warehouse": desk.site.code, "quantity": quantity, "session": desk.number}
    command_log.tell(session, [Tale("barcode.missed", code, told, session.command)])


def forget(session: Session, desk: Desk, seq: int) -> None:
    """Take what a scan put on the list off again. Raises Conflict when that was decided."""
    if not session.send(_FORGET, [{"id": desk.id, "seq": seq, "now": session.now}]):
        raise Conflict("somebody has decided on this code already", hint="see: bvinv scan unknown")


def page(
    session: Session,
    *,
    warehouse: str | None = None,
    state: str = "open",
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[UnknownRow], str | None]:
    """Return a page of unknown codes by code and warehouse, and the cursor of the next.

    Raises InvalidInput, NotFound.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=10_000)
    if state not in STATES:
        raise InvalidInput(f"the state is one of {', '.join(STATES)}")
    where = ["1 = 1"]
    values: dict[str, Any] = {"state": state, "limit": limit + 1}
    if warehouse is not None:
        where.append("u.warehouse_id = :site")
        values["site"] = warehouses.site(session, warehouse).id
    if after is not None:
        code, separator, site = after.rpartition("=")
        if not separator:
            raise InvalidInput("the cursor is not one that this list gave out")
        where.append("(u.code, w.code) > (:code, :warehouse)")
        values |= {"code": code, "warehouse": site}
    found = session.ask(Sql(_PAGE.format(where=" AND ".join(where))), **values)
    rows = [
        UnknownRow(
            code=row.code,
            warehouse=row.warehouse,
            state=row.state,
            quantity=int(row.quantity),
            scans=row.scans,
            session=documents.number("SC", row.session_id),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in found[:limit]
    ]
    cursor = f"{rows[-1].code}={rows[-1].warehouse}" if len(found) > limit else None
    return rows, cursor


def resolve(session: Session, *, code: str, to: str, pack: int = 1, lot: str = "") -> ResolvedRow:
    """Say what an unknown code is: it becomes a barcode of the product, for `pack` pieces, and the
    pieces that were scanned are received at the docks of their warehouses.

    What was scanned for an order counts for it as far as the order has room. Raises NotFound,
    InvalidInput, Conflict when the code names something else.
    """
    text.quantity(pack, what="pack")
    entries = _open_entries(session, code)
    item = items.one(session, to)
    wanted: dict[tuple[str, str], int] = {}
    for entry in entries:
        key = (entry.warehouse, entry.document)
        pieces = text.quantity(entry.quantity * pack, maximum=MOST)
        wanted[key] = wanted.get(key, 0) + pieces
    receipts = _received(session, item, wanted, lot)
    _bear(session, entries[0].code, item, pack)
    _decide(session, entries, "resolved", item.id)
    row = ResolvedRow(
        code=entries[0].code,
        state="resolved",
        sku=item.sku,
        pack=pack,
        scans=len(entries),
        pieces=sum(wanted.values()),
        warehouses=tuple(sorted({entry.warehouse for entry in entries})),
        receipts=tuple(receipts),
    )
    told = {"sku": item.sku, "pack": pack, "pieces": row.pieces}
    command_log.tell(session, [Tale("barcode.resolved", row.code, told, session.command)])
    return row


def dismiss(session: Session, *, code: str) -> ResolvedRow:
    """Take a code off the list; nothing is received. Raises NotFound."""
    entries = _open_entries(session, code)
    _decide(session, entries, "dismissed", None)
    pieces = sum(entry.quantity for entry in entries)
    told = {"pieces": pieces}
    tale = Tale("barcode.dismissed", entries[0].code, told, session.command)
    command_log.tell(session, [tale])
    return ResolvedRow(
        code=entries[0].code,
        state="dismissed",
        scans=len(entries),
        pieces=pieces,
        warehouses=tuple(sorted({entry.warehouse for entry in entries})),
    )


def _open_entries(session: Session, code: str) -> list[Any]:
    """Return the open entries of a code, locked; also of what a scanner makes of it."""
    wanted = [codes.shown(code), *codes.names(codes.shown(code))]
    entries = session.ask(_OPEN, codes=list(dict.fromkeys(wanted)))
    exact = [entry for entry in entries if entry.code == wanted[0]]
    if not exact and not entries:
        raise NotFound(
            f"{text.quoted(code)} is not on the list of unknown codes",
            hint="see: bvinv scan unknown",
        )
    return exact or [entry for entry in entries if entry.code == entries[0].code]


def _received(
    session: Session, item: items.Item, wanted: dict[tuple[str, str], int], lot: str
) -> list[str]:
    found = []
    # All orders before any level.
    orders = {document for _, document in wanted if documents.kind_of(document) == "PO"}
    for order in sorted(orders, key=lambda number: documents.row_id("PO", number)):
        order_progress.lock(session, order)
    for (warehouse, document), pieces in sorted(wanted.items()):
        order = document if _has_room(session, document, item.id, pieces) else ""
        receipt = receipts.open_receipt(session, warehouse=warehouse, order=order)
        receipts.add(session, receipt_id=receipt, ref=item.sku, quantity=pieces, bin=DOCK, lot=lot)
        found.append(documents.number("RC", receipt))
    return found


def _has_room(session: Session, document: str, product: int, pieces: int) -> bool:
    if documents.kind_of(document) != "PO":
        return False
    order = documents.row_id("PO", document)
    rows = session.ask(_WANTED, order=order, product=product)
    return any(row.outstanding and row.room >= pieces for row in rows)


def _bear(session: Session, code: str, item: items.Item, pack: int) -> None:
    """Make the code a barcode of the product. Raises Conflict when it is another's."""
    checked = text.code(code, what="barcode")
    for row in session.ask(_BARCODES, code=checked):
        if (row.product_id, row.pack_quantity) != (item.id, pack):
            raise Conflict(
                f"{checked} is the barcode of another product, or of another pack",
                hint=f"see: bvinv products show {checked}",
            )
        return
    if not set(checked).isdisjoint(" ;"):
        raise InvalidInput(
            f"{text.quoted(checked)} cannot be a barcode: it has a space or a ';' in it",
            hint="receive the pieces by hand, then: bvinv scan dismiss CODE",
        )
    own = {row.code: row.pack_quantity for row in session.ask(_ITS_BARCODES, product=item.id)}
    own[checked] = pack
    written = " ".join(product_fields.written_barcode(*one) for one in own.items())
    catalog.change(session, ref=item.sku, fields={"barcode": written})


def _decide(session: Session, entries: list[Any], state: str, product: int | None) -> None:
    session.send(
        _DECIDE,
        [
            {"id": entry.id, "state": state, "product": product, "now": session.now}
            for entry in entries
        ],
    )
