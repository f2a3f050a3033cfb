"""Scanning what lies in a bin: the bin, then every piece in it."""

from typing import Any, ClassVar

from bvinv.core import documents, lots, warehouses
from bvinv.core.counts import counting
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.ledger import Place
from bvinv.core.levels import Site
from bvinv.core.models.count import RECOUNT
from bvinv.core.scanning.codes import Word
from bvinv.core.scanning.desk import Desk, Did, Thing, item
from bvinv.core.scanning.mode import Mode

_COUNT = Sql("""
    SELECT c.id, c.status, c.blind, w.id AS site, w.code, w.priority
      FROM stock_count AS c JOIN warehouse AS w ON w.id = c.warehouse_id WHERE c.id = :id
""")
# The lot that a scan was of is that of the *LOT before it.
_LOT_BEFORE = """
    SELECT l.code FROM scan AS l
     WHERE l.session_id = :id AND l.outcome = 'accepted' AND substr(l.code, 1, 4) = '*LOT'
       AND l.product_id IS NULL AND l.bin_id IS NULL AND l.seq < {seq}
     ORDER BY l.seq DESC LIMIT 1
"""
_LOT_OF = Sql(_LOT_BEFORE.format(seq=":seq"))
# Since the bin was scanned: the first scan of a product and lot there begins its count anew.
_SO_FAR = Sql(f"""
    SELECT DISTINCT coalesce(({_LOT_BEFORE.format(seq="s.seq")}), '') AS said FROM scan AS s
     WHERE s.session_id = :id AND s.outcome = 'accepted' AND s.product_id = :product
       AND s.bin_id = :bin AND s.quantity > 0 AND s.seq > (
           SELECT coalesce(max(n.seq), 0) FROM scan AS n
            WHERE n.session_id = :id AND n.outcome = 'accepted'
              AND n.bin_id IS NOT NULL AND n.product_id IS NULL)
""")
_COUNTED = Sql("""
    SELECT DISTINCT p.sku, l.state FROM stock_count_line AS l
      JOIN stock_level AS s ON s.id = l.level_id JOIN product AS p ON p.id = s.product_id
     WHERE l.count_id = :id AND l.bin_id = :bin ORDER BY p.sku
""")

_AGAIN = Sql("""
    SELECT DISTINCT b.code AS bin, p.sku, p.title FROM stock_count_line AS l
      JOIN stock_level AS s ON s.id = l.level_id JOIN product AS p ON p.id = s.product_id
      JOIN bin AS b ON b.id = l.bin_id
     WHERE l.count_id = :id AND l.state = 'recount' ORDER BY b.code, p.sku
""")


class Count(Mode):
    """A bin, then each piece in it; a count is blind, so nobody is told what should lie there."""

    words: ClassVar[dict[str, str]] = {"ZERO": "*ZERO CODE      none of this product lies here"}

    def named(self, session: Session, document: str) -> str:
        """Return the count's number. Raises NotFound, InvalidInput."""
        return documents.number("CT", _count(session, document).id)

    def site(self, session: Session, document: str, warehouse: str) -> Site:
        """Return the count's warehouse. Raises Conflict when another one is named."""
        count = _count(session, document)
        site = Site(count.site, count.code, count.priority)
        if warehouse and warehouses.site(session, warehouse) != site:
            raise Conflict(f"CT-{count.id} counts {site.code}", hint=f"--warehouse {site.code}")
        return site

    def begin(self, session: Session, desk: Desk) -> None:
        """See that the count is open. Raises Conflict."""
        count = _count(session, desk.document)
        if count.status != "open":
            raise Conflict(f"{desk.document} is {count.status}", state=count.status)

    def item(self, session: Session, desk: Desk, thing: Thing, pieces: int) -> Did:
        """Add pieces to what was counted in this bin."""
        if desk.bin is None:
            raise InvalidInput("scan the bin first")
        lot = _lot(desk, thing)
        so_far = session.ask(_SO_FAR, id=desk.id, product=thing.id, bin=desk.bin.bin_id)
        row = counting.add(
            session,
            count=desk.document,
            ref=thing.sku,
            bin=desk.bin.code,
            quantity=pieces,
            lot=lot,
            more=any(_said_lot(thing, row.said) == lot for row in so_far),
        )
        return Did(
            f"+{pieces} in {desk.bin.code}",
            thing,
            desk.bin,
            pieces,
            progress=f"{row.counted} counted",
        )

    def word(self, session: Session, desk: Desk, word: Word) -> Did:
        """Count that there is none of a product. Raises InvalidInput, NotFound."""
        if desk.bin is None:
            raise InvalidInput("scan the bin first")
        if not word.rest:
            raise InvalidInput("say what is not there", hint="*ZERO CODE")
        thing = item(session, desk, " ".join(word.rest))
        counting.add(
            session,
            count=desk.document,
            ref=thing.sku,
            bin=desk.bin.code,
            quantity=0,
            lot=_lot(desk, thing),
        )
        return Did(f"none in {desk.bin.code}", thing, desk.bin, 0, progress="0 counted")

    def undo(self, session: Session, desk: Desk, scan: Any) -> str:
        """Take pieces off what was counted. Raises Conflict."""
        if not scan.quantity:
            raise Conflict(
                "a count of none is not taken back; count it again", hint="scan what lies there"
            )
        place = warehouses.bins(session, desk.site)
        code = next(one.code for one in place.values() if one.bin_id == scan.bin_id)
        thing = Thing(scan.product_id, scan.sku, scan.title, 1, scan.tracks_lots)
        said = session.ask(_LOT_OF, id=desk.id, seq=scan.seq)
        row = counting.take_back(
            session,
            count=desk.document,
            ref=scan.sku,
            bin=code,
            quantity=scan.quantity,
            lot=_said_lot(thing, said[0].code if said else ""),
        )
        return f"{row.counted} counted in {code}"

    def place(self, session: Session, desk: Desk, place: Place) -> Did:
        """Stand before a bin; what is counted there begins anew. Now that the one before is done
        with, say what in it has to be counted once more."""
        before, desk.bin = desk.bin, place
        count = documents.row_id("CT", desk.document)
        known = len({row.sku for row in session.ask(_COUNTED, id=count, bin=place.bin_id)})
        said = f"{known} of its products counted before" if known else "not counted yet"
        if before and before != place:
            rows = session.ask(_COUNTED, id=count, bin=before.bin_id)
            if again := [row.sku for row in rows if row.state == RECOUNT]:
                said += f"; once more in {before.code}: {', '.join(again)}"
        return Did(f"counting {place.code}", bin=place, progress=said)

    def tells_quantities(self, session: Session, desk: Desk) -> bool:
        """Tell whether the count is not blind."""
        return not _count(session, desk.document).blind

    def left(self, session: Session, desk: Desk) -> list[str]:
        """Return what has to be counted once more."""
        rows = session.ask(_AGAIN, id=documents.row_id("CT", desk.document))
        return [f"once more in {row.bin}: {row.sku} {row.title}" for row in rows]

    def next_step(self, session: Session, desk: Desk) -> str:  # noqa: ARG002
        """Say how it goes."""
        return f"{desk.document}: scan a bin, then each piece in it"


def _lot(desk: Desk, thing: Thing) -> str:
    return desk.lot.partition("=")[0] if thing.tracks_lots else ""


def _said_lot(thing: Thing, line: str) -> str:
    """Return the lot that a kept line `*LOT CODE DATE` names for this product."""
    named = line.split()[1:2]
    return lots.code(named[0]) if named and thing.tracks_lots else ""


def _count(session: Session, document: str) -> Any:
    if not document:
        raise InvalidInput("say which count is scanned", hint="see: bvinv stock count list")
    number = documents.row_id("CT", document)
    rows = session.ask(_COUNT, id=number)
    if not rows:
        raise documents.unknown("CT", number, "bvinv stock count list")
    return rows[0]
