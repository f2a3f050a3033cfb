"""The words that people type between scans, or have on a card of barcodes: `*QTY 12`, `*UNDO`."""

from typing import Any

from bvinv.core import dates, lots, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.scanning import unknown
from bvinv.core.scanning.codes import Word
from bvinv.core.scanning.desk import (
    LARGE,
    Desk,
    Did,
    Thing,
    bin_named,
    item,
    refuse_large,
)
from bvinv.core.scanning.modes import MODES
from bvinv.core.scanning.put_away import proposed

# Answered from what is there; they change nothing and are not written down.
QUESTIONS = ("WHERE", "LEFT", "HELP")
_HELP = (
    "*QTY N          the next item counts N times (100,000 or more: *QTY N YES)",
    "*UNDO           take back the last scan; again goes further back",
    "*WHERE [CODE]   where the last item lies, or this one, and where it should go",
    "*LEFT           what is still to do",
    "*BIN CODE       this bin, though a product may have the same code",
    "*ITEM CODE      this product, though a bin may have the same code",
    "*LOT CODE DATE  the lot of what follows, and its last good day if it is new",
    "*DONE           end the session",
)
_LAST = Sql("""
    SELECT s.seq, s.code, s.quantity, s.outcome, s.detail, s.product_id, s.bin_id
         , s.level_id, s.level_seq, p.sku, p.title, p.tracks_lots
      FROM scan AS s LEFT JOIN product AS p ON p.id = s.product_id
     WHERE s.session_id = :id
       AND (s.outcome = 'unknown' OR (s.outcome = 'accepted' AND s.product_id IS NOT NULL))
     ORDER BY s.seq DESC LIMIT 1
""")
_LAST_ITEM = Sql("""
    SELECT s.product_id, p.sku, p.title, p.tracks_lots
      FROM scan AS s JOIN product AS p ON p.id = s.product_id
     WHERE s.session_id = :id AND s.outcome = 'accepted' ORDER BY s.seq DESC LIMIT 1
""")
# All of them: what was said before is not said again when the session goes on.
_FORGET = Sql("""
    UPDATE scan SET outcome = 'undone'
     WHERE session_id = :id AND outcome = 'accepted' AND substr(code, 1, 5) = '*QTY '
       AND product_id IS NULL AND bin_id IS NULL AND seq > (
           SELECT coalesce(max(n.seq), 0) FROM scan AS n
            WHERE n.session_id = :id AND (n.product_id IS NOT NULL OR n.outcome = 'unknown'))
""")
_UNDONE = Sql("UPDATE scan SET outcome = 'undone' WHERE session_id = :id AND seq = :seq")
_LIES = Sql("""
    SELECT b.code, s.lot, s.quantity FROM bin_level AS s JOIN stock_level AS l ON l.id = s.level_id
      JOIN bin AS b ON b.id = s.bin_id
     WHERE l.product_id = :product AND l.warehouse_id = :site AND s.quantity > 0
     ORDER BY b.code, s.lot
""")


def do(session: Session, desk: Desk, word: Word) -> Did:
    """Do what a word says. Raises InvalidInput, and what the mode raises."""
    match word.name, word.rest:
        case "QTY", (number,):
            return _quantity(desk, number, sure=False)
        case "QTY", (number, yes) if yes.upper() == "YES":
            return _quantity(desk, number, sure=True)
        case "QTY", _:
            raise InvalidInput("say how many", hint="*QTY 12")
        case "UNDO", ():
            return _undo(session, desk)
        case "BIN", (code,):
            return MODES[desk.mode].place(session, desk, bin_named(session, desk, code))
        case "ITEM", (_, *_):
            found = item(session, desk, " ".join(word.rest))
            return MODES[desk.mode].item(session, desk, found, desk.pieces_of(found))
        case "LOT", _:
            return _lot(session, desk, word.rest)
        case "DONE", _:
            raise Conflict(
                f"{desk.pieces} of {desk.thing.sku if desk.thing else ''} are in hand",
                hint="scan the bin that they go to, or *UNDO",
            )
    if word.name in MODES[desk.mode].words:
        return MODES[desk.mode].word(session, desk, word)
    raise InvalidInput(
        f"there is no {text.quoted('*' + ' '.join((word.name, *word.rest)))} here",
        hint="*HELP lists what there is",
    )


def answer(session: Session, desk: Desk, word: Word) -> str:
    """Answer a question, on one line or more. Raises NotFound."""
    mode = MODES[desk.mode]
    if word.name == "HELP":
        return "\n".join((*mode.words.values(), *_HELP))
    if word.name == "LEFT":
        return "\n".join(mode.left(session, desk)) or "nothing is asked for: scan what there is"
    thing = _meant(session, desk, word)
    rows = session.ask(_LIES, product=thing.id, site=desk.site.id)
    tells = mode.tells_quantities(session, desk)
    lie = ", ".join(
        (f"{row.quantity} in {row.code}" if tells else row.code)
        + (f" (lot {row.lot})" if row.lot else "")
        for row in rows
    )
    if not tells:
        return f"{thing.sku} {thing.title}: {lie or f'none at {desk.site.code}'} on record"
    goal = proposed(session, desk, thing, max(desk.pieces, 1))
    return f"{thing.sku} {thing.title}: {lie or f'none at {desk.site.code}'}; {goal}"


def _quantity(desk: Desk, number: str, *, sure: bool) -> Did:
    pieces = text.quantity(number)
    if pieces >= LARGE and not sure:
        refuse_large(pieces)
    desk.waiting, desk.sure = pieces, sure
    return Did(f"the next item counts {pieces:,} times")


def _lot(session: Session, desk: Desk, rest: tuple[str, ...]) -> Did:
    if not rest:
        desk.lot = ""
        return Did("no lot")
    code, *last = rest
    if len(last) > 1:
        raise InvalidInput("a lot is one word, and a date", hint="*LOT L-2405 2027-05-31")
    lot = lots.code(code)
    if not last:
        desk.lot = lot
        return Did(f"lot {lot}")
    day = dates.day(last[0])
    if day < lots.today(session):
        raise InvalidInput(f"lot {lot} has expired, on {dates.display(day)}")
    desk.lot = f"{lot}={dates.display(day)}"
    return Did(f"lot {lot}, good until {dates.display(day)}")


def _undo(session: Session, desk: Desk) -> Did:
    if desk.waiting:
        session.send(_FORGET, [{"id": desk.id}])
        said = f"*QTY {desk.waiting} is forgotten"
        desk.waiting, desk.sure = 0, False
        return Did(said)
    found = session.ask(_LAST, id=desk.id)
    if not found:
        raise NotFound("there is nothing to undo in this session")
    [scan] = found
    if scan.outcome == "unknown":
        unknown.forget(session, desk, scan.seq)
        said = "off the list of unknown codes"
    else:
        said = MODES[desk.mode].undo(session, desk, scan)
    session.send(_UNDONE, [{"id": desk.id, "seq": scan.seq}])
    name = f"{scan.sku} " if scan.sku else ""
    return Did(f"{name}-{scan.quantity} {said} (scan {scan.seq}, {scan.code})")


def _meant(session: Session, desk: Desk, word: Word) -> Thing:
    if word.rest:
        return item(session, desk, " ".join(word.rest))
    if desk.thing is not None:
        return desk.thing
    rows: list[Any] = session.ask(_LAST_ITEM, id=desk.id)
    if not rows:
        raise NotFound("nothing was scanned yet", hint="*WHERE CODE")
    row = rows[0]
    return Thing(row.product_id, row.sku, row.title, 1, row.tracks_lots)
