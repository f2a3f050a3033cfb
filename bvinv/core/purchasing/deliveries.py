"""What every delivery has to be asked: was its document here before, what lot, is it undone.

The parts that `receiving` (blind) and `receipts` (for an order, and by scanner) are made of.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bvinv.core import command_log, documents, instants, lots, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.ledger import Level
from bvinv.core.purchasing.receipt_rows import UNDONE

_TAKEN = Sql(
    """
    SELECT r.id, r.warehouse_id, w.code AS warehouse, r.order_id, r.document, r.created_at
         , r.undone_at
      FROM receipt AS r JOIN warehouse AS w ON w.id = r.warehouse_id
     WHERE r.supplier_id = :supplier AND r.document = :document AND r.document <> ''
       AND r.undone_at IS NULL
    """,
    lock="FOR UPDATE OF r",
)
_OPEN = Sql.insert(
    "receipt",
    "warehouse_id",
    "supplier_id",
    "order_id",
    "document",
    "command_id",
    "created_at",
    after="RETURNING id",
)
_ADD_LINE = Sql.insert("receipt_line", "level_id", "level_seq", "receipt_id", "quantity")
_PIECES_LEFT = Sql(f"""
    SELECT coalesce(sum(l.quantity), 0) AS pieces FROM receipt_line AS l
     WHERE l.receipt_id = :receipt AND l.level_id IN :levels AND NOT {UNDONE}
""")
_HAS_LINES = Sql("SELECT 1 AS found FROM receipt_line WHERE receipt_id = :receipt LIMIT 1")

Line = Mapping[str, int]  # level_id, level_seq, quantity


def document_code(document: str) -> str:
    """Return a supplier's document number as it is kept: upper case, so that it is the same one
    however it is typed; empty for none. Raises InvalidInput."""
    return text.code(document, what="document", maximum=128).upper() if document else ""


def taken(session: Session, supplier_id: int | None, document: str) -> Any | None:
    """Return the receipt that has taken a supplier's document, locked; None where none has."""
    if supplier_id is None or not document:
        return None
    found = session.ask(_TAKEN, supplier=supplier_id, document=document)
    return found[0] if found else None


def refuse_taken(receipt: Any | None, supplier: str) -> None:
    """Raise Conflict, naming the receipt that has taken a supplier's document."""
    if receipt is None:
        return
    number = documents.number("RC", receipt.id)
    when = instants.display(receipt.created_at // 1_000_000 * 1_000_000)
    raise Conflict(
        f"{receipt.document} of {supplier} was received already, as {number} at {when}",
        hint=f"see: bvinv purchase receipt show {number}",
        receipt=number,
        document=receipt.document,
    )


def open_one(
    session: Session, *, warehouse_id: int, supplier_id: int | None, order_id: int | None, doc: str
) -> int:
    """Write a receipt without lines yet; return its id."""
    command_log.record(session, session.command)
    [number] = session.insert(
        _OPEN,
        [
            {
                "warehouse_id": warehouse_id,
                "supplier_id": supplier_id,
                "order_id": order_id,
                "document": doc,
                "command_id": session.command.id,
                "created_at": session.now,
            }
        ],
    )
    return number


def add_lines(session: Session, receipt_id: int, lines: Iterable[Line]) -> None:
    """Write what a receipt brought, after its movements are in the ledger."""
    session.send(_ADD_LINE, [{"receipt_id": receipt_id, **line} for line in lines])


def line(level: Level, quantity: int) -> Line:
    """Return the line of the movement that was posted to this level last."""
    return {"level_id": level.id, "level_seq": level.head_seq, "quantity": quantity}


def pieces_of(session: Session, receipt_id: int, level: Level) -> int:
    """Return how many pieces of a level a receipt brought that were not undone."""
    [row] = session.ask(_PIECES_LEFT, receipt=receipt_id, levels=[level.id])
    return int(row.pieces)


def is_empty(session: Session, receipt_id: int) -> bool:
    """Tell whether nothing came with a receipt so far."""
    return not session.ask(_HAS_LINES, receipt=receipt_id)


def arriving(
    session: Session, levels: Sequence[Level], *, lot: str, expires_on: int | None
) -> dict[int, str]:
    """Return the lot of what comes to each level that keeps lots, and note it as known.

    Raises InvalidInput when a product that keeps lots gets none, one that keeps none gets one, a
    new lot has no date, or it has expired; Conflict when it is known with another date.
    """
    if expires_on is not None and not lot:
        raise InvalidInput("a date belongs to a lot", hint="name it: --lot")
    tracked = [level for level in levels if level.tracks_lots]
    plain = [level for level in levels if not level.tracks_lots]
    if lot and plain:
        named = ", ".join(level.sku for level in plain[:5])
        raise InvalidInput(
            f"no lots are kept of {named}",
            hint="leave --lot out, or receive what has lots apart from it",
            errors=_each(plain, "keeps no lots"),
        )
    if tracked and not lot:
        named = ", ".join(level.sku for level in tracked[:5])
        raise InvalidInput(
            f"{named} comes in lots, and none is named",
            hint="--lot L --expires-on 2027-03-31, as it is printed on the goods",
            errors=_each(tracked, "needs a lot"),
        )
    if tracked and expires_on is None:
        known = {(row.level_id, row.lot) for row in lots.expiries(session, [t.id for t in tracked])}
        for level in tracked:
            if (level.id, lots.code(lot)) not in known:
                raise InvalidInput(
                    f"lot {lots.code(lot)} of {level.sku} is new: until when is it good?",
                    hint="--expires-on 2027-03-31, or 9999-12-31 where it never expires",
                    sku=level.sku,
                    lot=lots.code(lot),
                )
    return {
        level.id: lots.arriving(
            session,
            product_id=level.product_id,
            sku=level.sku,
            lot=lot,
            expires_on=expires_on,
        )
        for level in tracked
    }


def _each(levels: Sequence[Level], what: str) -> list[dict[str, Any]] | None:
    """Return an entry a level for an error about several of them."""
    if len(levels) < 2:
        return None
    return [{"sku": level.sku, "detail": f"{level.sku} {what}"} for level in levels][:50]
