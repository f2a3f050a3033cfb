"""Scanning what is picked: the bin that the list names, then the pieces from it."""

from typing import Any, ClassVar

from bvinv.core import text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.fulfilment import pick_work, picking, picks
from bvinv.core.fulfilment.picks import Line
from bvinv.core.ledger import Place, posting
from bvinv.core.levels import Site
from bvinv.core.scanning.codes import Word
from bvinv.core.scanning.desk import Desk, Did, Thing, posted
from bvinv.core.scanning.mode import Mode

_HEAD = Sql("SELECT id FROM reservation WHERE id = :id")
_SITES = Sql("""
    SELECT w.id, w.code, w.priority FROM reservation_line AS r
      JOIN stock_level AS l ON l.id = r.level_id JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE r.reservation_id = :id AND r.held > 0 ORDER BY w.priority, w.code
""")


class Pick(Mode):
    """A walk along the list of one reservation in one warehouse."""

    words: ClassVar[dict[str, str]] = {
        "SHORT": "*SHORT [N]      N of the next item are not in this bin; without N all that "
        "are left"
    }

    def named(self, session: Session, document: str) -> str:
        """Return the reservation's id. Raises NotFound, InvalidInput."""
        if not document:
            raise InvalidInput("say which reservation is picked")
        rows = session.ask(_HEAD, id=text.code(document, what="reservation", maximum=128))
        if not rows:
            raise NotFound(
                f"there is no reservation {document}", hint="see: bvinv reserve list --status held"
            )
        return str(rows[0].id)

    def site(self, session: Session, document: str, warehouse: str) -> Site:
        """Return the first warehouse that holds something for the reservation."""
        if warehouse:
            return warehouses.site(session, warehouse)
        for row in session.ask(_SITES, id=self.named(session, document)):
            return Site(*row)
        raise Conflict(f"reservation {document} holds nothing")

    def begin(self, session: Session, desk: Desk) -> None:
        """Make the list, or mend it. Raises Conflict when nothing is held here."""
        picking.start(session, reservation_id=desk.document)
        if not _lines(session, desk):
            raise Conflict(
                f"nothing of reservation {desk.document} is to be picked at {desk.site.code}",
                hint=f"see: bvinv reserve show {desk.document}",
            )

    def item(self, session: Session, desk: Desk, thing: Thing, pieces: int) -> Did:
        """Bring pieces from the bin to staging. Raises Conflict for what is not on the list."""
        if desk.bin is None:
            raise InvalidInput(f"scan the bin first: {_next(_lines(session, desk))}")
        here = [line for line in _lines(session, desk) if line.origin.code == desk.bin.code]
        mine = [line for line in here if line.product_id == thing.id]
        left = sum(line.left for line in mine)
        if not left:
            wanted = " or ".join(sorted({line.sku for line in here if line.left}))
            said = f"{thing.sku} is not to be picked from {desk.bin.code}"
            raise Conflict(said, hint=f"here it is {wanted}" if wanted else "*LEFT")
        if pieces > left:
            raise Conflict(f"only {left} more of {thing.sku} are to be picked from {desk.bin.code}")
        picking.pick(
            session,
            reservation_id=desk.document,
            lines=[(thing.sku, pieces)],
            bin=desk.bin.code,
        )
        level_id, level_seq = posted(session, desk, thing, "pick")
        rest = _lines(session, desk)
        return Did(
            f"{pieces} from {desk.bin.code}",
            thing,
            desk.bin,
            pieces,
            level_id,
            level_seq,
            sum(line.left for line in rest),
            _progress(rest, desk.bin),
        )

    def place(self, session: Session, desk: Desk, place: Place) -> Did:
        """Stand before a bin of the list. Raises Conflict for another one."""
        own = _lines(session, desk)
        here = [line for line in own if line.origin.code == place.code and line.left]
        if not here:
            raise Conflict(f"nothing is to be picked from {place.code}", hint=f"next: {_next(own)}")
        desk.bin = place
        return Did(
            f"at {place.code}",
            bin=place,
            left=sum(line.left for line in own),
            progress=", ".join(f"pick {line.left} of {line.sku} {line.title}" for line in here),
        )

    def word(self, session: Session, desk: Desk, word: Word) -> Did:
        """Say that pieces are not in the bin. Raises Conflict when nothing is wanted from it."""
        if len(word.rest) > 1:
            raise InvalidInput("say how many are missing, or nothing for all", hint="*SHORT 2")
        own = _lines(session, desk)
        if desk.bin is None:
            raise InvalidInput(f"scan the bin first: {_next(own)}")
        here = [line for line in own if line.left and line.origin.code == desk.bin.code]
        if not here:
            raise Conflict(f"nothing is left to pick from {desk.bin.code}")
        line = here[0]
        missing = text.quantity(word.rest[0]) if word.rest else line.left
        picking.short(
            session,
            reservation_id=desk.document,
            ref=line.sku,
            quantity=missing,
            bin=desk.bin.code,
        )
        rest = _lines(session, desk)
        return Did(
            f"{missing} short in {desk.bin.code}",
            Thing(line.product_id, line.sku, line.title, 1, 0),
            desk.bin,
            left=sum(one.left for one in rest),
            progress=_progress(rest, desk.bin),
        )

    def undo(self, session: Session, desk: Desk, scan: Any) -> str:
        """Bring pieces back from staging to their bin. Raises Conflict when they are packed."""
        if not scan.level_seq:
            raise Conflict(
                "what was short is not taken back: its bin is to be counted",
                hint="see: bvinv stock count list",
            )
        _bring_back(session, desk, scan)
        return "back in its bin"

    def left(self, session: Session, desk: Desk) -> list[str]:
        """Return the stops that are left, in walking order."""
        return [
            f"{line.origin.code}  {line.left} of {line.sku} {line.title}"
            for line in _lines(session, desk)
            if line.left
        ] or [f"{desk.document}: everything is picked"]

    def next_step(self, session: Session, desk: Desk) -> str:
        """Return the next stop."""
        return _progress(_lines(session, desk), None)


def _lines(session: Session, desk: Desk) -> list[Line]:
    found = picks.lines(session, desk.document)
    return [line for line in found if line.warehouse == desk.site.code]


def _bring_back(session: Session, desk: Desk, scan: Any) -> None:
    work = pick_work.at_work(session, desk.document)
    own = [
        line
        for line in work.lines
        if (line.level_id, line.origin.bin_id) == (scan.level_id, scan.bin_id) and line.loose
    ]
    if sum(line.loose for line in own) < scan.quantity or scan.level_id not in work.parts:
        raise Conflict(
            f"{scan.quantity} of {scan.sku} do not stand in staging, unpacked",
            hint=f"see: bvinv reserve pick {desk.document}",
        )
    # From here on nothing can fail.
    level, rest, moved = work.parts[scan.level_id].level, scan.quantity, []
    with posting(session) as current:
        for line in reversed(own):
            part = min(line.loose, rest)
            if not part:
                continue
            rest -= part
            line.picked -= part
            level.picked[line.target] = level.picked.get(line.target, 0) - part
            current.post(
                level, "unpick", part, origin=line.target, target=line.origin, document=work.id
            )
            moved.append((line, part))
        pick_work.tell(current, "pick.undone", work.id, moved)
        picks.save(session, own)
        picks.settle(session, work.id)


def _next(own: list[Line]) -> str:
    for line in own:
        if line.left:
            return f"{line.origin.code}, {line.left} of {line.sku}"
    return "everything is picked"


def _progress(own: list[Line], here: Place | None) -> str:
    wanted = sum(line.quantity - line.returned - line.short for line in own)
    picked = sum(line.picked - line.returned for line in own)
    # What is left in this bin comes before the walk to the next one.
    order = sorted(own, key=lambda line: here is None or line.origin.code != here.code)
    then = "next: " if picked < wanted else ""
    return f"{picked} of {wanted} picked; {then}{_next(order)}"
