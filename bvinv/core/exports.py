"""The export of products: rows that an import takes back as they are, all or what has changed."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import islice
from typing import Any, ClassVar, Literal, TextIO

from bvinv.core import dates, engines, items, money, product_fields, text
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.files import formulas
from bvinv.core.models.base import Row

COLUMNS = tuple(product_fields.PARSERS)
_PAGE = 1000
_CELLS = {
    "category": "c.slug",
    "variant_of": "{parent}",
    "barcode": "p0.id",  # the codes follow, a page at a time
}
_PLACES = {column: place for place, column in enumerate(COLUMNS)}
_PRICE, _CURRENCY = _PLACES["price"], _PLACES["currency"]
_DATE, _RATING = _PLACES["publication_date"], _PLACES["rating"]
_BARCODE = _PLACES["barcode"]
_OBJECTS = (_PLACES["attributes"], _PLACES["options"])
# The others hold numbers, codes of ours, or JSON.
_WORDS = [
    _PLACES[column] for column in ("sku", "title", "author", "description", "variant_of", "barcode")
]
_BARCODES = Sql("""
    SELECT product_id, code, pack_quantity FROM barcode WHERE product_id IN :products ORDER BY code
""")
_CHANGED = Sql("""
    SELECT e.subject FROM event AS e
     WHERE SINCE(e, :position)
       AND e.type IN ('product.created', 'product.updated', 'product.priced', 'product.archived'
                    , 'product.deleted')
""")
_BEFORE = Sql("""
    SELECT e.recorded_at FROM event AS e
     WHERE NOT SINCE(e, :position) ORDER BY e.id DESC LIMIT 1
""")
_CURSOR = re.compile(r"([1-9][0-9]{0,17})-([0-9a-f]{1,16})")
_ANEW = "begin anew with everything: bvinv products export"

_money = lru_cache(4096)(money.display)
_date = lru_cache(4096)(dates.display)


class ExportRow(Row):
    """What an export wrote; `next` is the cursor of the export that goes on after it.

    `deleted` are the SKUs of products that have gone since, if it was asked what has changed.
    """

    columns: ClassVar[tuple[str, ...]] = ("rows", "next")

    rows: int
    deleted: list[str]
    next: str


def write(
    database: Database,
    target: TextIO,
    format: Literal["csv", "jsonl"],
    *,
    since: str | None = None,
    raw: bool = False,
) -> ExportRow:
    """Write every product, parents before their variants, or those that changed `since` a cursor.

    The order is that of the SKUs, so that the same catalogue is the same bytes; changes come as
    they were added. All of it is one snapshot, so `target` must be a file: whoever reads slowly
    would keep the transaction open. It must not translate line ends. A product that changed stands
    there once, as it is now; one that was deleted is named at the end of JSON lines. In CSV an
    apostrophe stands before what a spreadsheet would run, see `formulas`, unless it is `raw`. Left
    out are popularity, version and instants. Raises InvalidInput, and Conflict for a cursor that
    this database did not give out.
    """
    with database.read() as session, closing(engines.Scratch()) as scratch:
        following = _cursor(session)
        changes = None
        if since is not None:
            changes = _Changes(scratch)
            changes.collect(session, _position(session, since))
        write_rows = _write_csv(target, raw) if format == "csv" else _write_json(target)
        rows = 0
        for page in _pages(session, changes):
            write_rows(page)
            rows += len(page)
        deleted = changes.deleted() if changes else []
        if format == "jsonl":
            for sku in deleted:
                target.write(_encoded({"sku": sku, "deleted": True}) + "\n")
    return ExportRow(rows=rows, deleted=deleted, next=following)


# --- The file -----------------------------------------------------------------------------------

_encoded = json.JSONEncoder(ensure_ascii=False).encode


def _write_csv(target: TextIO, raw: bool) -> Callable[[list[list[Any]]], None]:
    table = csv.writer(target, lineterminator="\n")  # no stored text has a CR in it
    table.writerow(COLUMNS)
    escape = formulas.escape

    def write_rows(page: list[list[Any]]) -> None:
        for cells in page:
            if cells[_RATING] is not None:
                cells[_RATING] = f"{cells[_RATING] // 100}.{cells[_RATING] % 100:02}"
            for place in _OBJECTS:
                if cells[place] == "{}":
                    cells[place] = None
            if not raw:
                for place in _WORDS:
                    if cells[place]:
                        cells[place] = escape(cells[place])
        table.writerows(page)

    return write_rows


def _write_json(target: TextIO) -> Callable[[list[list[Any]]], None]:
    def write_rows(page: list[list[Any]]) -> None:
        for cells in page:
            if cells[_RATING] is not None:
                cells[_RATING] /= 100
            for place in _OBJECTS:
                cells[place] = {} if cells[place] == "{}" else json.loads(cells[place])
        target.writelines(
            [_encoded(dict(zip(COLUMNS, cells, strict=True))) + "\n" for cells in page]
        )

    return write_rows


# --- The rows -----------------------------------------------------------------------------------


def _pages(session: Session, changes: "_Changes | None") -> Iterator[list[list[Any]]]:
    """Yield the cells of all products, or of those that changed, a thousand at a time.

    Ratings are still hundredths, and attributes JSON.
    """
    generation = total = 0
    while changes is None or total < changes.count():
        statement = _statement(generation, changed=changes is not None)
        before = total
        for page in _batches(_found(session, statement, changes)):
            _finish(session, page)
            total += len(page)
            yield page
        if changes is None and total == before:
            return
        generation += 1


def _statement(generation: int, *, changed: bool) -> Sql:
    """Return the query for the cells of the products that have this many ancestors."""
    ancestors = "".join(
        f" JOIN product AS p{age} ON p{age}.id = p{age - 1}.variant_of"
        for age in range(1, generation + 1)
    )
    cells = ", ".join(
        _CELLS.get(column, f"p0.{column}").format(parent="p1.sku" if generation else "NULL")
        for column in COLUMNS
    )
    return Sql(f"""
        SELECT {cells}
          FROM product AS p0{ancestors} LEFT JOIN category AS c ON c.id = p0.category_id
         WHERE p{generation}.variant_of IS NULL {"AND p0.id IN :ids" if changed else ""}
         ORDER BY {"p0.id" if changed else "p0.sku_key"}
    """)


def _found(session: Session, statement: Sql, changes: "_Changes | None") -> Iterator[Sequence[Any]]:
    if changes is None:
        yield from session.stream(statement)
    else:
        for ids in changes.pages():
            yield from session.stream(statement, ids=ids)


def _batches(found: Iterable[Sequence[Any]]) -> Iterator[list[list[Any]]]:
    rows = iter(found)
    while page := [list(row) for row in islice(rows, _PAGE)]:
        yield page


def _finish(session: Session, page: list[list[Any]]) -> None:
    """Put barcodes, prices and dates into the cells as they are written."""
    codes: dict[int, list[str]] = {}
    for product, code, pack in session.ask(_BARCODES, products=[row[_BARCODE] for row in page]):
        codes.setdefault(product, []).append(product_fields.written_barcode(code, pack))
    for cells in page:
        cells[_BARCODE] = " ".join(codes[cells[_BARCODE]]) if cells[_BARCODE] in codes else ""
        if cells[_PRICE] is not None:
            cells[_PRICE] = _money(cells[_PRICE], cells[_CURRENCY])
        if cells[_DATE] is not None:
            cells[_DATE] = _date(cells[_DATE])


# --- What has changed ---------------------------------------------------------------------------


class _Changes:
    """The products that events are about, each once, in a scratch file, so that a million of them
    need no more memory than one."""

    def __init__(self, scratch: engines.Scratch) -> None:
        self._scratch = scratch
        scratch.execute("CREATE TABLE changed (id INTEGER PRIMARY KEY)")
        scratch.execute("CREATE TABLE gone (name TEXT PRIMARY KEY, sku TEXT) WITHOUT ROWID")

    def collect(self, session: Session, position: int) -> None:
        """Note every product that was created, changed or deleted since the position."""
        subjects = (sku for (sku,) in session.stream(_CHANGED, position=position))
        self._scratch.execute("BEGIN")
        while skus := list(islice(subjects, _PAGE)):
            named = {text.key(sku): sku for sku in skus}
            for row in session.ask(items.BY_SKU, names=list(named)):
                del named[row.name]
                self._scratch.execute("INSERT OR IGNORE INTO changed VALUES (?)", (row.id,))
            self._scratch.executemany("INSERT OR IGNORE INTO gone VALUES (?, ?)", named.items())
        self._scratch.execute("COMMIT")

    def pages(self) -> Iterator[list[int]]:
        """Yield the ids of those that are there, in order, a thousand at a time."""
        last = 0
        statement = f"SELECT id FROM changed WHERE id > ? ORDER BY id LIMIT {_PAGE}"
        while page := [number for (number,) in self._scratch.execute(statement, (last,))]:
            yield page
            last = page[-1]

    def count(self) -> int:
        """Return how many of them are there."""
        return int(self._scratch.execute("SELECT count(*) FROM changed").fetchone()[0])

    def deleted(self) -> list[str]:
        """Return the SKUs of those that are not there."""
        return [sku for (sku,) in self._scratch.execute("SELECT sku FROM gone ORDER BY name")]


# --- The cursor ---------------------------------------------------------------------------------


def _cursor(session: Session) -> str:
    """Return where the next export goes on: a position, and the time of the event before it.

    By that time a database knows its own cursors: another one, or the same one restored from a
    backup, has no such event there.
    """
    position = session.position("event")
    return f"{position}-{_before(session, position):x}"


def _position(session: Session, cursor: str) -> int:
    """Return the position of a cursor. Raises InvalidInput and Conflict."""
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise InvalidInput(
            f"{text.quoted(cursor)} is no cursor",
            hint="each export says what comes next: --since CURSOR",
        )
    position = int(found[1])
    if position > session.position("event"):
        raise Conflict(
            f"the cursor {cursor} lies after all that this database knows: it is another one's, "
            "or this one was restored from a backup",
            hint=_ANEW,
        )
    if int(found[2], 16) != _before(session, position):
        raise Conflict(
            f"the cursor {cursor} is another database's, or this one was restored from a backup",
            hint=_ANEW,
        )
    return position


def _before(session: Session, position: int) -> int:
    found = session.ask(_BEFORE, position=position)
    return found[0].recorded_at if found else 0
