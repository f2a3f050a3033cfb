"""The import of stock: opening balances and adjustments from a file, each row applied once."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from bvinv.core import (
    adjustments,
    command_log,
    dates,
    holds,
    items,
    levels,
    lots,
    reasons,
    text,
    warehouses,
)
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, InventoryError
from bvinv.core.files import columns, formulas
from bvinv.core.files import reading as files
from bvinv.core.files.sheets import Record, Sheet
from bvinv.core.imports import runs
from bvinv.core.imports.rejects import Reject
from bvinv.core.imports.runs import Done, Layout, Terms
from bvinv.core.items import Item
from bvinv.core.ledger import Level, Place, Posting, posting
from bvinv.core.levels import Key, Site
from bvinv.core.models.import_ import ImportRow
from bvinv.core.models.warehouse import SHELF

COMMAND = "stock import"
EVENT = "stock.imported"
OPENING = "opening"
FIELDS = ("sku", "warehouse", "quantity", "bin", "reason", "lot", "expires_on")
_OPENED = Sql(f"""
    SELECT DISTINCT level_id, to_bin FROM movement
     WHERE level_id IN :levels AND reason = '{OPENING}' AND document <> :document
""")
_DONE = Sql(f"SELECT data FROM event WHERE subject = :digest AND type = '{EVENT}' ORDER BY id")


class _Row(NamedTuple):
    """A row that can be understood, the `number`th of its file; `bin` and `lot` are empty if none
    is named."""

    number: int
    record: Record
    sku: str
    warehouse: str
    quantity: int
    bin: str
    reason: str
    lot: str
    expires_on: int | None


class _Target(NamedTuple):
    """A row whose product, warehouse and bin are there."""

    row: _Row
    item: Item
    site: Site
    place: Place | None


class _Read(NamedTuple):
    """Rows that can be understood and those that cannot, and the lines of all by their numbers,
    which count from 1."""

    lines: dict[int, int]
    rows: list[_Row]
    rejects: list[tuple[int, Reject]]


def import_stock(
    database: Database,
    source: BinaryIO,
    *,
    actor: str,
    name: str,
    layout: Layout = Layout(),  # noqa: B008  # immutable
    terms: Terms = Terms(),  # noqa: B008
) -> ImportRow:
    """Post every row of a file with `sku,warehouse,quantity[,bin,reason,lot,expires_on]`, once.

    No reason means an opening balance, which cannot be negative; with a reason the quantity is a
    change. A level that gets its first goods counts as created, any other as updated. The same
    content again changes nothing: what is done counts as skipped, what was rejected is tried
    again. A dry run is one transaction, so it sees its own rows. Raises InvalidInput for a file
    that cannot be read at all.
    """
    reading = files.reading(
        source,
        name=name,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        header=layout.header,
    )
    with reading as sheet:
        work = _Stock(sheet, layout)
        request = {"content": sheet.digest, **layout.request(), **terms.request()}

        @contextmanager
        def begin() -> Iterator[_Stock]:
            yield work

        return runs.run(
            database,
            sheet,
            begin,
            name=name,
            asked=command_log.command(COMMAND, actor=actor, key=terms.key, request=request),
            terms=terms,
            header=() if layout.header else work.names,
            tries_in_one=True,
        )


class _Stock:
    """The work of this import. That each row is posted once, the database knows."""

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        """Find out which column is which field. Raises InvalidInput."""
        places = columns.match(
            sheet.columns,
            fields=FIELDS,
            required=("sku", "warehouse", "quantity"),
            mapping=layout.mapping,
            ignore_unknown=layout.ignore_unknown,
        )
        self._sheet = sheet
        self._places = {field: place for field, [place] in places.items()}
        fields = {place: field for field, place in self._places.items()}
        self.names = [fields.get(place, name) for place, name in enumerate(sheet.columns)]

    def read(self, place: int, records: list[Record]) -> _Read:
        numbers = range(place + 1, place + 1 + len(records))
        lines = {number: row.line for number, row in zip(numbers, records, strict=True)}
        read = _Read(lines, [], [])
        for number, record in zip(numbers, records, strict=True):
            row = self._one(number, record)
            if isinstance(row, _Row):
                read.rows.append(row)
            else:
                read.rejects.append((number, row))
        return read

    def take(self, session: Session, rows: _Read) -> Done:
        return _take(session, self._sheet.digest, rows)

    def keep(self) -> None:
        pass

    def pass_over(self, database: Database, records: list[Record]) -> None:
        pass

    def _one(self, number: int, record: Record) -> _Row | Reject:
        """Return what a row says, or why it cannot be understood."""
        if record.fault:
            return Reject(record, InvalidInput.code, "", record.fault)
        sku, warehouse, quantity, bin, reason, lot, last = (
            self._cell(record, field) for field in FIELDS
        )
        field = "sku"
        try:
            sku = text.code(sku, what="product", maximum=100)
            field = "warehouse"
            warehouse = warehouses.code(warehouse)
            field = "bin"
            bin = warehouses.bin_code(bin) if bin else ""
            field = "reason"
            reason = reasons.code(reason or OPENING)
            field = "lot"
            lot = lots.code(lot) if lot else ""
            field = "expires_on"
            expires_on = dates.day(last) if last else None
            field = "quantity"
            pieces = text.quantity(quantity, minimum=0 if reason == OPENING else -(10**9))
            if not pieces and reason != OPENING:
                raise InvalidInput("a change of 0 changes nothing")
        except InvalidInput as error:
            return Reject.because(record, error, field)
        return _Row(number, record, sku, warehouse, pieces, bin, reason, lot, expires_on)

    def _cell(self, record: Record, field: str) -> str:
        place = self._places.get(field)
        if place is None:
            return ""
        cell = record.cells[place]
        if not self._sheet.is_json:
            cell = formulas.unescape(cell)
        return cell.strip(" \t\u00a0")


def _take(session: Session, digest: str, read: _Read) -> Done:
    """Post what these rows say and this content has not posted yet."""
    done = _done(session, digest, read.lines)
    if len(done) == len(read.lines):
        return Done(0, 0, len(done), [])
    rejects = dict(read.rejects)
    targets = _targets(session, read.rows, rejects)
    locked = _locked(session, targets, done)
    # Another process may have taken these rows while this one waited for the levels.
    done = _done(session, digest, read.lines)
    rejects = {number: reject for number, reject in rejects.items() if number not in done}
    opened = _opened(session, digest, locked.values())
    created = updated = 0
    with posting(session) as current:
        for target in targets:
            row = target.row
            if row.number in done:
                continue
            level = locked.get((target.item.id, target.site.id)) or _empty(target)
            begins = not level.head_seq
            try:
                if row.reason == OPENING and (level.id, target.place) in opened:
                    raise Conflict(f"{row.sku} was opened at {row.warehouse} by another file")
                _post(session, current, level, target, _document(digest))
            except InventoryError as error:
                rejects[row.number] = Reject.because(row.record, error, "quantity")
                continue
            if row.quantity:
                created += begins
                updated += not begins
        for level in locked.values():
            holds.fill(session, current, level)
        if len(done) + len(rejects) < len(read.lines):
            _tell_progress(current, digest, read.lines, rejects)
    skipped = len(read.lines) - created - updated - len(rejects)
    return Done(created, updated, skipped, [*rejects.values()])


def _done(session: Session, digest: str, lines: dict[int, int]) -> set[int]:
    """Return which of these rows this content has posted before."""
    done: set[int] = set()
    for [data] in session.ask(_DONE, digest=digest):
        said = json.loads(data)
        # The first release told lines, where there was one row a line.
        first, last, rejected = said.get("from_row"), said.get("to_row"), said["rejected"]
        if first is None:
            inside = range(said["from_line"], said["to_line"] + 1)
            done |= {n for n, line in lines.items() if line in inside and line not in rejected}
        # Numbers follow each other: what lies elsewhere in a large file costs nothing here.
        elif both := range(max(first, min(lines)), min(last, max(lines)) + 1):
            done |= {*both} - {*rejected}
    return done


def _tell_progress(
    current: Posting, digest: str, numbers: Iterable[int], rejects: Iterable[int]
) -> None:
    """Record, in the transaction of the rows themselves, that they are done."""
    told = {"from_row": min(numbers), "to_row": max(numbers), "rejected": sorted(rejects)}
    current.tell(EVENT, digest, told)


def _targets(session: Session, rows: list[_Row], rejects: dict[int, Reject]) -> list[_Target]:
    """Return the rows whose product, warehouse and bin are there; the others are rejected."""
    known = items.known(session, {row.sku for row in rows})
    sites = warehouses.sites(session)
    bins = {code: warehouses.bins(session, sites[code]) for code in _named(rows) if code in sites}
    given = {reason.code for reason in reasons.reasons(session)}
    targets = []
    for row in rows:
        place = None
        missing = ""
        if row.reason not in given:
            field, missing = "reason", f"there is no reason {row.reason} (bvinv stock reason add)"
        elif row.sku not in known:
            field, missing = "sku", f"there is no product {row.sku}"
        elif row.warehouse not in sites:
            field, missing = "warehouse", f"there is no warehouse {row.warehouse}"
        else:
            place = bins[row.warehouse].get(row.bin or SHELF)
            if place is None:
                field, missing = "bin", f"there is no bin {row.bin or SHELF} in {row.warehouse}"
        if missing:
            rejects[row.number] = Reject(row.record, "not-found", field, missing)
        else:
            named = place if row.bin or row.quantity >= 0 else None
            targets.append(_Target(row, known[row.sku], sites[row.warehouse], named))
    return targets


def _named(rows: list[_Row]) -> list[str]:
    return sorted({row.warehouse for row in rows})


def _locked(session: Session, targets: list[_Target], done: set[int]) -> dict[Key, Level]:
    """Return the levels of these rows, locked, with their bins; those that get goods are made."""
    open_ = [target for target in targets if target.row.number not in done]
    pairs = {(target.item.id, target.site.id) for target in open_}
    products, sites = ({pair[end] for pair in pairs} for end in (0, 1))
    locked = levels.lock(session, products, sites)
    missing = {
        (target.item.id, target.site.id): (target.item, target.site)
        for target in open_
        if target.row.quantity > 0 and (target.item.id, target.site.id) not in locked
    }
    if missing:
        locked |= levels.create(session, missing.values())
    levels.load_places(session, [level for key, level in locked.items() if key in pairs])
    return locked


def _empty(target: _Target) -> Level:
    """Return a level with nothing on it, which is not stored and has nothing to give."""
    item, site = target.item, target.site
    return Level(0, item.id, item.sku, site.id, site.code, 0, 0, 0, 0, 0, b"", places_loaded=True)


def _document(digest: str) -> str:
    """Return what an import's movements bear as their document."""
    return f"import-{digest[:16]}"


def _opened(session: Session, digest: str, locked: Iterable[Level]) -> set[tuple[int, Place]]:
    """Return the levels and bins that another content has given an opening balance."""
    by_id = {level.id: level for level in locked}
    found = session.ask(_OPENED, levels=sorted(by_id), document=_document(digest))
    codes = {(row.level_id, row.to_bin) for row in found}
    return {
        (level.id, place)
        for level in by_id.values()
        for place in {place._replace(lot="") for place in level.places}
        if (level.id, place.code) in codes
    }


def _post(session: Session, current: Posting, level: Level, target: _Target, document: str) -> None:
    """Post one row, a case as its pieces. Raises InsufficientStock, InvalidInput, Conflict, and
    then nothing of it is posted."""
    row, place = target.row, target.place
    quantity, reason = target.item.pieces(row.quantity), row.reason
    if not quantity:
        return
    lot = row.lot or None
    if quantity > 0 and place is not None:
        found = adjustments.found_lot(session, level, lot, row.expires_on)
        place = place._replace(lot=found)
    adjustments.post(
        session,
        current,
        level,
        quantity,
        place=place,
        reason=reason,
        document=document,
        lot=lot,
    )
    told = {"warehouse": target.site.code, "change": quantity, "reason": reason, "note": ""}
    current.tell("stock.adjusted", target.item.sku, told)
