"""The import of stock: opening balances and adjustments from a file, each row applied once."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bvinv.core import (
    adjustments,
    columns,
    command_log,
    files,
    holds,
    import_runs,
    items,
    levels,
    text,
    warehouses,
)
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, InventoryError
from bvinv.core.files import Record, Sheet
from bvinv.core.import_runs import Done, Reject, ignore_progress
from bvinv.core.items import Item
from bvinv.core.ledger import Level, Place, Posting, posting
from bvinv.core.levels import Key, Site
from bvinv.core.models.import_ import ImportRow
from bvinv.core.models.warehouse import SHELF

COMMAND = "stock import"
EVENT = "stock.imported"
OPENING = "opening"
FIELDS = ("sku", "warehouse", "quantity", "bin", "reason")
_OPENED = Sql(f"""
    SELECT DISTINCT level_id, to_bin FROM movement
     WHERE level_id IN :levels AND reason = '{OPENING}' AND document <> :document
""")
_DONE = Sql(f"SELECT data FROM event WHERE subject = :digest AND type = '{EVENT}' ORDER BY id")


class _Row(NamedTuple):
    """A row that can be understood; `bin` is empty where none is named."""

    record: Record
    sku: str
    warehouse: str
    quantity: int
    bin: str
    reason: str


class _Target(NamedTuple):
    """A row whose product, warehouse and bin are there."""

    row: _Row
    item: Item
    site: Site
    place: Place | None


def import_stock(
    database: Database,
    source: BinaryIO,
    *,
    actor: str,
    name: str,
    rejects: Path | None = None,
    dry_run: bool = False,
    ignore_unknown: bool = False,
    key: str | None = None,
    on_progress: Callable[[int], None] = ignore_progress,
) -> ImportRow:
    """Post every row of a file with `sku,warehouse,quantity[,bin,reason]`, once.

    No reason means an opening balance, which cannot be negative; with a reason the quantity is a
    change. A level that gets its first goods counts as created, any other as updated. The same
    content again changes nothing, and a run that was killed goes on where it stopped: what is
    done counts as skipped, what was rejected is tried again. A dry run is one transaction, so it
    sees its own rows. Raises InvalidInput for a file that cannot be read at all.
    """
    with files.reading(source, name=name) as sheet:
        places = columns.match(
            sheet.columns,
            fields=FIELDS,
            required=("sku", "warehouse", "quantity"),
            ignore_unknown=ignore_unknown,
        )
        reader = partial(_read, {field: place for field, [place] in places.items()})
        asked = command_log.command(
            COMMAND, actor=actor, key=key, request={"content": sheet.digest}
        )
        run = partial(
            import_runs.run,
            database,
            sheet,
            asked,
            rejects=rejects,
            dry_run=dry_run,
            on_progress=on_progress,
        )
        if dry_run:

            def tried(session: Session) -> ImportRow:
                row = run(lambda records: _take(session, sheet, reader, records))
                changes = [level.changed_from(before) for before, level in session.touched.values()]
                return row.model_copy(update={"changes": changes})

            return database.run(
                tried,
                command_log.command(COMMAND, actor=actor),
                dry_run=True,
            )

        def step(records: list[Record]) -> Done:
            return database.run(
                lambda session: _take(session, sheet, reader, records),
                command_log.command(COMMAND, actor=actor),
            )

        return run(step)


def _read(places: dict[str, int], record: Record) -> _Row | Reject:
    """Return what a row says, or why it cannot be understood."""
    if record.fault:
        return Reject(record, InvalidInput.code, "", record.fault)
    sku, warehouse, quantity, bin, reason = (
        record.cells[places[field]].strip(" \t\u00a0") if field in places else ""
        for field in FIELDS
    )
    field = "sku"
    try:
        sku = text.code(sku, what="product", maximum=100)
        field = "warehouse"
        warehouse = warehouses.code(warehouse)
        field = "bin"
        bin = warehouses.bin_code(bin) if bin else ""
        field = "reason"
        reason = adjustments.checked_reason(reason or OPENING)
        field = "quantity"
        pieces = text.quantity(quantity, minimum=0 if reason == OPENING else -(10**9))
        if not pieces and reason != OPENING:
            raise InvalidInput("a change of 0 changes nothing")
    except InvalidInput as error:
        return Reject.because(record, error, field)
    return _Row(record, sku, warehouse, pieces, bin, reason)


def _take(
    session: Session,
    sheet: Sheet,
    reader: Callable[[Record], _Row | Reject],
    records: list[Record],
) -> Done:
    """Post what these rows say and this content has not posted yet."""
    done = _done(session, sheet.digest, records)
    if len(done) == len(records):
        return Done(0, 0, len(records), [])
    read = [reader(record) for record in records]
    rejects = [row for row in read if isinstance(row, Reject)]
    targets = _targets(session, [row for row in read if isinstance(row, _Row)], rejects)
    locked = _locked(session, targets, done)
    # Another process may have taken these rows while this one waited for the levels.
    done = _done(session, sheet.digest, records)
    rejects = [reject for reject in rejects if reject.record.line not in done]
    opened = _opened(session, sheet.digest, locked.values())
    created = updated = 0
    with posting(session) as current:
        for target in targets:
            row = target.row
            if row.record.line in done:
                continue
            level = locked.get((target.item.id, target.site.id)) or _empty(target)
            begins = not level.head_seq
            try:
                if row.reason == OPENING and (level.id, target.place) in opened:
                    raise Conflict(f"{row.sku} was opened at {row.warehouse} by another file")
                _post(session, current, level, target, _document(sheet.digest))
            except InventoryError as error:
                rejects.append(Reject.because(row.record, error, "quantity"))
                continue
            if row.quantity:
                created += begins
                updated += not begins
        for level in locked.values():
            holds.fill(session, current, level)
        _tell_progress(current, sheet.digest, records, done, rejects)
    skipped = len(records) - created - updated - len(rejects)
    return Done(created, updated, skipped, rejects)


def _done(session: Session, digest: str, records: list[Record]) -> set[int]:
    """Return the lines of these records that this content has posted before."""
    lines = {record.line for record in records}
    done: set[int] = set()
    for [data] in session.ask(_DONE, digest=digest):
        said = json.loads(data)
        if said["from_line"] <= max(lines) and said["to_line"] >= min(lines):
            inside = range(said["from_line"], said["to_line"] + 1)
            done |= {line for line in lines if line in inside} - set(said["rejected"])
    return done


def _tell_progress(
    current: Posting, digest: str, records: list[Record], done: set[int], rejects: list[Reject]
) -> None:
    """Record, in the transaction of the rows themselves, that they are done."""
    rejected = sorted(reject.record.line for reject in rejects)
    if len(done) + len(rejected) == len(records):
        return
    progress = {
        "from_line": records[0].line,
        "to_line": records[-1].line,
        "rejected": rejected,
    }
    current.tell(EVENT, digest, progress)


def _targets(session: Session, rows: list[_Row], rejects: list[Reject]) -> list[_Target]:
    """Return the rows whose product, warehouse and bin are there; the others are rejected."""
    known = items.known(session, {row.sku for row in rows})
    sites = warehouses.sites(session)
    bins = {code: warehouses.bins(session, sites[code]) for code in _named(rows) if code in sites}
    targets = []
    for row in rows:
        place = None
        missing = ""
        if row.sku not in known:
            field, missing = "sku", f"there is no product {row.sku}"
        elif row.warehouse not in sites:
            field, missing = "warehouse", f"there is no warehouse {row.warehouse}"
        else:
            place = bins[row.warehouse].get(row.bin or SHELF)
            if place is None:
                field, missing = "bin", f"there is no bin {row.bin or SHELF} in {row.warehouse}"
        if missing:
            rejects.append(Reject(row.record, "not-found", field, missing))
        else:
            named = place if row.bin or row.quantity >= 0 else None
            targets.append(_Target(row, known[row.sku], sites[row.warehouse], named))
    return targets


def _named(rows: list[_Row]) -> list[str]:
    return sorted({row.warehouse for row in rows})


def _locked(session: Session, targets: list[_Target], done: set[int]) -> dict[Key, Level]:
    """Return the levels of these rows, locked, with their bins; those that get goods are made."""
    open_ = [target for target in targets if target.row.record.line not in done]
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
    return Level(0, item.id, item.sku, site.id, site.code, 0, 0, 0, 0, b"", places_loaded=True)


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
        for place in level.places
        if (level.id, place.code) in codes
    }


def _post(session: Session, current: Posting, level: Level, target: _Target, document: str) -> None:
    """Post one row. Raises InsufficientStock, and then nothing of it is posted."""
    _, _, _, quantity, _, reason = target.row
    if not quantity:
        return
    adjustments.post(
        session, current, level, quantity, place=target.place, reason=reason, document=document
    )
    told = {"warehouse": target.site.code, "change": quantity, "reason": reason, "note": ""}
    current.tell("stock.adjusted", target.item.sku, told)
