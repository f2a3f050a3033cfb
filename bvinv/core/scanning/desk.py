"""Where a scan session stands, and what a scanned code names there."""

from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from bvinv.core import dates, documents, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.ledger import Place
from bvinv.core.levels import Site, rank
from bvinv.core.models.warehouse import SELLABLE
from bvinv.core.scanning import codes

LARGE = 100_000  # pieces; so many are asked about

_FIND = Sql("""
    SELECT 0 AS place, p.id, p.sku, p.title, p.sku_key AS name, 1 AS pack, p.tracks_lots
      FROM product AS p WHERE p.sku_key IN :keys
    UNION ALL
    SELECT 1, p.id, p.sku, p.title, b.code, b.pack_quantity, p.tracks_lots
      FROM barcode AS b JOIN product AS p ON p.id = b.product_id WHERE b.code IN :names
    UNION ALL
    SELECT 2, p.id, p.sku, p.title, p.isbn, 1, p.tracks_lots
      FROM product AS p WHERE p.isbn IN :names
    UNION ALL
    SELECT 3, b.id, b.code, b.kind, b.code, 1, 0
      FROM bin AS b WHERE b.warehouse_id = :site AND b.code = :bin
""")

_POSTED = Sql("""
    SELECT coalesce(max(level_seq), 0) AS seq FROM movement
     WHERE level_id = :level AND level_seq > :seq AND kind = :kind
""")


class Thing(NamedTuple):
    """A product that was scanned; the code stands for `pack` pieces of it."""

    id: int
    sku: str
    title: str
    pack: int
    tracks_lots: int


class Did(NamedTuple):
    """What a line did: `level_id` and `level_seq` are the movement it made, if it made one."""

    detail: str
    product: Thing | None = None
    bin: Place | None = None
    quantity: int = 0
    level_id: int = 0
    level_seq: int = 0
    left: int | None = None
    progress: str = ""


@dataclass(slots=True)
class Desk:
    """A session as its one terminal knows it; kept in the database with every line.

    `seq` is the last line; `waiting` the pieces that `*QTY` named for the next item, 0 for none,
    and `sure` whether they may be very many. `thing` and `pieces` are in hand. `lot` is a lot's
    code, then `=` and its last good day if that was told.
    """

    id: int
    mode: str
    site: Site
    actor: str
    document: str = ""
    receipt_id: int | None = None
    bin: Place | None = None
    lot: str = ""
    thing: Thing | None = None
    pieces: int = 0
    seq: int = 0
    waiting: int = 0
    sure: bool = False
    supplier: str = ""
    delivery: str = ""

    @property
    def number(self) -> str:
        """The session's number, SC-1."""
        return documents.number("SC", self.id)

    def pieces_of(self, thing: Thing) -> int:
        """Return how many pieces a scan of the thing means. Raises InvalidInput for very many."""
        pieces = text.quantity(max(self.waiting, 1) * thing.pack)
        if pieces >= LARGE and not self.sure:
            refuse_large(max(self.waiting, 1))
        return pieces

    def lot_of(self, thing: Thing) -> tuple[str, int | None]:
        """Return the lot that a scan of the thing is of and its last good day, if it was told.

        Raises InvalidInput when the product wants one and none was named.
        """
        if not thing.tracks_lots:
            return "", None
        if not self.lot:
            raise InvalidInput(f"{thing.sku} needs its lot first", hint="*LOT CODE [DATE]")
        lot, _, day = self.lot.partition("=")
        return lot, dates.day(day) if day else None


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, of which there may be one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def refuse_large(quantity: int) -> NoReturn:
    """Refuse a quantity that is more likely a code that was scanned in the wrong place."""
    raise InvalidInput(f"{quantity:,} at once are very many", hint=f"*QTY {quantity} YES")


def find(session: Session, desk: Desk, code: str) -> Thing | Place | None:
    """Return what a code names: a bin of this warehouse, else a product; None for nothing.

    A bin goes before a product of the same code: whoever scans a shelf means the shelf, and
    `*ITEM CODE` says the product.
    """
    found = _found(session, desk, code)
    for row in found:
        if row.place == 3:
            return _place(row)
    return _thing(code, found)


def item(session: Session, desk: Desk, code: str) -> Thing:
    """Return the product that a code names, though a bin may be called the same.

    Raises NotFound.
    """
    found = _thing(code, _found(session, desk, code))
    if found is None:
        why = codes.misread(code)
        raise NotFound(f"{text.quoted(code)} names no product" + (f": {why}" if why else ""))
    return found


def bin_named(session: Session, desk: Desk, code: str) -> Place:
    """Return a bin of the session's warehouse. Raises NotFound."""
    return warehouses.place(session, desk.site, code)


def posted(session: Session, desk: Desk, thing: Thing, kind: str) -> tuple[int, int]:
    """Return the level and the place in its ledger of what this transaction posted last of a kind,
    zeros for nothing."""
    for before, level in session.touched.values():
        if (level.product_id, level.warehouse_id) == (thing.id, desk.site.id):
            [row] = session.ask(_POSTED, level=level.id, seq=before[4], kind=kind)
            return (level.id, int(row.seq)) if row.seq else (0, 0)
    return 0, 0


def _found(session: Session, desk: Desk, code: str) -> list[Any]:
    if "=" in code or "," in code:
        raise InvalidInput("this is no product's code and no bin's", hint="scan the barcode itself")
    wanted = [text.code(name, what="code", maximum=codes.LONGEST) for name in codes.names(code)]
    return session.ask(
        _FIND,
        keys=[text.key(name) for name in wanted],
        names=wanted,
        site=desk.site.id,
        bin=wanted[0].upper(),
    )


def _place(row: Any) -> Place:
    return Place(row.sku, row.id, row.title in SELLABLE, rank(row.title))


def _thing(code: str, rows: list[Any]) -> Thing | None:
    """Return the product whose name comes first: the code as it is before what it may stand for,
    a SKU before a barcode, a barcode before an ISBN."""
    wanted = codes.names(code)
    keys = {text.key(name): place for place, name in reversed([*enumerate(wanted)])}
    places = {name: place for place, name in reversed([*enumerate(wanted)])}
    best = min(
        (row for row in rows if row.place < 3),
        key=lambda row: ((keys if row.place == 0 else places).get(row.name, 99), row.place),
        default=None,
    )
    if best is None:
        return None
    return Thing(best.id, best.sku, best.title, int(best.pack), best.tracks_lots)
