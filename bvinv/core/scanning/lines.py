"""One scanned line, one transaction: what it says is done, written down, and answered."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Busy, Conflict, InvalidInput, InventoryError, NotFound
from bvinv.core.models.log import Command
from bvinv.core.models.scan import ScanRow
from bvinv.core.scanning import codes, unknown, words
from bvinv.core.scanning.codes import Word
from bvinv.core.scanning.desk import Desk, Did, Thing, find
from bvinv.core.scanning.modes import MODES

_TURN = Sql(
    """
    SELECT s.status
         , coalesce((SELECT max(seq) FROM scan AS n WHERE n.session_id = s.id), 0) AS seq
      FROM scan_session AS s WHERE s.id = :id
    """,
    lock="FOR UPDATE OF s",
)
_KEEP = Sql("""
    UPDATE scan_session
       SET document = :document, receipt_id = :receipt_id, bin_id = :bin_id, lot = :lot
         , product_id = :product_id, pieces = :pieces, updated_at = :updated_at
     WHERE id = :id
""")
_SCAN = Sql.insert(
    "scan",
    "session_id",
    "seq",
    "code",
    "quantity",
    "outcome",
    "detail",
    "product_id",
    "bin_id",
    "level_id",
    "level_seq",
    "recorded_at",
)


class Elsewhere(Conflict):
    """The session went on at another terminal, or was ended there."""


def answer(
    database: Database, desk: Desk, line: str, make: Callable[[], Command]
) -> tuple[Desk, ScanRow]:
    """Do what a line says in one transaction; return where the session stands then, and the row.

    A refusal is written down in a transaction of its own, after everything that had been tried was
    taken back. Raises Busy, nothing of it done, and Elsewhere.
    """
    try:
        said = codes.read(line)
        if isinstance(said, Word) and said.name in words.QUESTIONS:
            with database.read() as session:
                told = words.answer(session, desk, said)
            return desk, _row(desk, line, "answered", Did(told))
        return database.run(lambda session: _accept(session, replace(desk), line, said), make())
    except (Busy, Elsewhere):
        raise
    except InventoryError as error:
        refused = error
    return database.run(lambda session: _refuse(session, replace(desk), line, refused), make())


def turn(session: Session, desk: Desk) -> None:
    """Lock the session. Raises Elsewhere when it is not where this terminal left it."""
    [row] = session.ask(_TURN, id=desk.id)
    if row.status != "open":
        raise Elsewhere(f"{desk.number} was ended at another terminal")
    if row.seq != desk.seq:
        raise Elsewhere(
            f"{desk.number} went on at another terminal",
            hint="go on there, or take it over here: --resume",
        )


def kept(desk: Desk) -> dict[str, Any]:
    """Return what the database keeps of where a session stands."""
    return {
        "document": desk.document,
        "receipt_id": desk.receipt_id,
        "bin_id": desk.bin.bin_id if desk.bin else None,
        "lot": desk.lot,
        "product_id": desk.thing.id if desk.thing else None,
        "pieces": desk.pieces,
    }


def _accept(
    session: Session, desk: Desk, line: str, said: Word | str | None
) -> tuple[Desk, ScanRow]:
    turn(session, desk)
    if said is None:
        raise InvalidInput("the line is empty")
    if isinstance(said, Word):
        outcome, did = "accepted", words.do(session, desk, said)
    else:
        outcome, did = _code(session, desk, said)
    _write(session, desk, line, outcome, did)
    if outcome == "unknown":
        unknown.note(session, desk, codes.listed(codes.shown(str(said))), did.quantity)
    if outcome == "unknown" or did.product is not None:
        desk.waiting, desk.sure = 0, False
    return desk, _row(desk, line, outcome, did)


def _code(session: Session, desk: Desk, code: str) -> tuple[str, Did]:
    mode = MODES[desk.mode]
    found = find(session, desk, code)
    if isinstance(found, Thing):
        return "accepted", mode.item(session, desk, found, desk.pieces_of(found))
    if found is not None:
        return "accepted", mode.place(session, desk, found)
    if why := codes.misread(code):
        raise InvalidInput(why, hint="scan it again")
    if not mode.takes_unknown:
        raise NotFound("nothing has this code")
    pieces = max(desk.waiting, 1)
    hint = "; for a quantity: *QTY" if code.isdigit() and len(code) < 5 else ""
    return "unknown", Did(f"+{pieces} on the list of unknown codes{hint}", quantity=pieces)


def _refuse(session: Session, desk: Desk, line: str, error: InventoryError) -> tuple[Desk, ScanRow]:
    turn(session, desk)
    did = Did(error.detail, progress=error.hint or "")
    _write(session, desk, line, "refused", did)
    return desk, _row(desk, line, "refused", did)


def _write(session: Session, desk: Desk, line: str, outcome: str, did: Did) -> None:
    desk.seq += 1
    session.send(_KEEP, [{"id": desk.id, "updated_at": session.now, **kept(desk)}])
    row = {
        "session_id": desk.id,
        "seq": desk.seq,
        "code": codes.shown(line),
        "quantity": did.quantity,
        "outcome": outcome,
        "detail": did.detail,
        "product_id": did.product.id if did.product else None,
        "bin_id": did.bin.bin_id if did.bin else None,
        "level_id": did.level_id,
        "level_seq": did.level_seq,
        "recorded_at": session.now,
    }
    session.send(_SCAN, [row])


def _row(desk: Desk, line: str, outcome: str, did: Did) -> ScanRow:
    return ScanRow(
        session=desk.number,
        seq=desk.seq,
        code=codes.shown(line),
        outcome=outcome,
        sku=did.product.sku if did.product else None,
        title=did.product.title if did.product else None,
        quantity=did.quantity,
        bin=did.bin.code if did.bin else None,
        left=did.left,
        detail=did.detail,
        progress=did.progress,
    )
