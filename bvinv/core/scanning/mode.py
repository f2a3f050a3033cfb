"""What every mode of scanning has: a document, a bin, and what an item means."""

from typing import Any, ClassVar

from bvinv.core import undo, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.ledger import Place
from bvinv.core.levels import Site
from bvinv.core.scanning.codes import Word
from bvinv.core.scanning.desk import Desk, Did, Thing

# A scan is one command: what it posted on its level, the newest first.
_POSTED = Sql("""
    SELECT m.level_seq, coalesce(r.id, 0) AS reversal
      FROM movement AS m JOIN movement AS own ON own.command_id = m.command_id
           LEFT JOIN movement AS r ON r.level_id = m.level_id AND r.reverses = m.level_seq
     WHERE own.level_id = :level AND own.level_seq = :seq
       AND m.level_id = :level AND m.level_seq BETWEEN :seq - 200 AND :seq + 200
       AND m.kind = own.kind
     ORDER BY m.level_seq DESC
""")


class Mode:
    """One kind of work with a scanner. `words` are those that only this kind knows."""

    words: ClassVar[dict[str, str]] = {}
    takes_unknown: ClassVar[bool] = False

    def named(self, session: Session, document: str) -> str:  # noqa: ARG002
        """Return the document's number as it is kept. Raises NotFound, InvalidInput."""
        if document:
            raise InvalidInput("there is no document to scan this for")
        return ""

    def site(self, session: Session, document: str, warehouse: str) -> Site:  # noqa: ARG002
        """Return where the work is done. Raises NotFound, InvalidInput."""
        if not warehouse:
            raise InvalidInput("say at which warehouse", hint="--warehouse MAIN")
        return warehouses.site(session, warehouse)

    def begin(self, session: Session, desk: Desk) -> None:
        """Set what a session begins with. Raises Conflict when the document does not allow it."""

    def item(self, session: Session, desk: Desk, thing: Thing, pieces: int) -> Did:
        """Do what a scanned product means."""
        raise NotImplementedError

    def place(self, session: Session, desk: Desk, place: Place) -> Did:  # noqa: ARG002
        """Do what a scanned bin means: what comes next goes there, or comes from there."""
        desk.bin = place
        return Did(f"at {place.code}", bin=place)

    def word(self, session: Session, desk: Desk, word: Word) -> Did:  # noqa: ARG002
        """Do what one of the mode's own words means."""
        raise InvalidInput(f"there is no *{word.name} here", hint="*HELP lists what there is")

    def undo(self, session: Session, desk: Desk, scan: Any) -> str:
        """Take back what a scan (its row) did to goods; return what to say. Raises Conflict."""
        return reverse(session, desk, scan)

    def tells_quantities(self, session: Session, desk: Desk) -> bool:  # noqa: ARG002
        """Tell whether whoever scans may know how much lies where on record."""
        return True

    def left(self, session: Session, desk: Desk) -> list[str]:  # noqa: ARG002
        """Return what is still to do, a line each."""
        return []

    def next_step(self, session: Session, desk: Desk) -> str:
        """Return what the screen says when the work begins or goes on."""
        found = self.left(session, desk)
        return found[0] if found else ""


def reverse(session: Session, desk: Desk, scan: Any) -> str:  # noqa: ARG001
    """Reverse the movements of a scan. What somebody else undid already is taken as undone.

    Raises Conflict when the goods have moved on.
    """
    posted = session.ask(_POSTED, level=scan.level_id, seq=scan.level_seq)
    if not posted:
        raise NotFound("its movement is not there", hint="run: bvinv stock verify")
    open_ones = [row for row in posted if not row.reversal]
    if not open_ones:
        return "was undone already"
    if len(open_ones) < len(posted):
        raise Conflict("a part of it was undone otherwise", hint="see: bvinv stock history")
    for row in open_ones:
        undo.reverse(session, level_id=scan.level_id, level_seq=row.level_seq)
    return "undone"
