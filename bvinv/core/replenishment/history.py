"""Demand from before bvinv: what was sold on which day, from a file."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from functools import lru_cache
from itertools import islice
from time import perf_counter
from typing import Any, BinaryIO, NamedTuple, cast

from bvinv.core import command_log, dates, engines, items, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.files import columns, formulas
from bvinv.core.files import reading as files
from bvinv.core.files.sheets import Record, Sheet
from bvinv.core.imports.rejects import Reject, RejectsFile, refuse_unfit
from bvinv.core.imports.runs import CHUNK, Layout, Terms, Watch
from bvinv.core.items import Item
from bvinv.core.models.base import MOST
from bvinv.core.models.import_ import ImportRow

COMMAND = "forecast import"
FIELDS = ("sku", "warehouse", "date", "quantity")
SYNONYMS = {
    "product": "sku",
    "item": "sku",
    "isbn": "sku",
    "day": "date",
    "day_on": "date",
    "week_on": "date",
    "sold_on": "date",
    "qty": "quantity",
    "sold": "quantity",
    "units": "quantity",
}
_STORED = Sql("""
    SELECT product_id, warehouse_id, day_on, quantity FROM demand_day
     WHERE product_id >= :first AND product_id <= :last
       AND (product_id > :first OR warehouse_id > :first_site
            OR (warehouse_id = :first_site AND day_on >= :first_day))
       AND (product_id < :last OR warehouse_id < :last_site
            OR (warehouse_id = :last_site AND day_on <= :last_day))
""")
_PUT = Sql.insert(
    "demand_day",
    "product_id",
    "warehouse_id",
    "day_on",
    "quantity",
    after="""
    ON CONFLICT (product_id, warehouse_id, day_on) DO UPDATE SET quantity = excluded.quantity
    """,
)

_COUNT = Sql("SELECT count(*) AS days FROM demand_day")

_REMEMBERED = 20_000  # cells, and products
Day = tuple[int, int, int]  # product id, warehouse id, day as in `dates`


def import_demand(
    database: Database,
    source: BinaryIO,
    *,
    actor: str,
    name: str,
    layout: Layout = Layout(),  # noqa: B008  # immutable
    terms: Terms = Terms(),  # noqa: B008
) -> ImportRow:
    """Take what was sold, or with a minus came back, from a file `sku,date,quantity[,warehouse]`.

    Rows of one product, warehouse and day add up, and their sum takes the place of what an earlier
    file said about that day; so the same file again changes nothing. A row counts as created when
    its day is new, as updated when its day changes, else as skipped. Without a warehouse it is the
    one that is asked for stock first. Days are written in chunks, each in a transaction: a run that
    was cut off is simply repeated. Raises InvalidInput for a file that cannot be read at all, and
    Conflict for a key of another request.
    """
    started = perf_counter()
    reading = files.reading(
        source,
        name=name,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        header=layout.header,
    )
    with reading as sheet:
        request = {"content": sheet.digest, **layout.request()}
        asked = command_log.command(COMMAND, actor=actor, key=terms.key, request=request)
        with database.read() as session:
            stored = command_log.replay(session, asked)
        if stored is not None:
            return _replayed(stored)
        refuse_unfit(terms.rejects, name=name)
        with closing(_Sums()) as sums, ExitStack() as until:
            with database.read() as session:
                work = _History(sheet, layout, session)
                header = sheet.columns if layout.header else work.names
                refused = until.enter_context(RejectsFile(terms.rejects, sheet, header))
                terms.watch.begins(sheet.kind)
                rows = work.collect(sums, refused, terms.watch)
            counts = _write(database, sums, terms, actor)
            result = ImportRow(
                rows=rows,
                created=counts.created,
                updated=counts.updated,
                skipped=counts.skipped,
                rejected=refused.count,
                rejects_file=refused.publish(),
                seconds=round(perf_counter() - started, 3),
                errors=refused.errors,
                kind=sheet.kind,
            )
    if terms.dry_run:
        return result
    return database.run(lambda session: _finish(session, result, sheet.digest), asked)


def count(session: Session) -> int:
    """Return how many days were imported, of all products in all warehouses."""
    return int(session.ask(_COUNT)[0].days)


class _Counts(NamedTuple):
    """What became of rows."""

    created: int = 0
    updated: int = 0
    skipped: int = 0


class _Sums:
    """The days of the file with their sums, on disk, so that a million rows need no more memory.

    It is no part of the database: a scratch file without a name, gone with the run.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._connection = engines.Scratch()
        self._connection.execute(
            "CREATE TABLE sums (product INTEGER, site INTEGER, day INTEGER, quantity INTEGER"
            ", lines INTEGER, PRIMARY KEY (product, site, day)) WITHOUT ROWID"
        )

    def add(self, rows: Iterable[tuple[int, int, int, int]]) -> None:
        """Add product id, warehouse id, day and quantity of rows."""
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT INTO sums VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE"
            " SET quantity = quantity + excluded.quantity, lines = lines + 1",
            rows,
        )
        self._connection.execute("COMMIT")

    def chunks(self) -> Iterator[list[tuple[int, int, int, int, int]]]:
        """Yield the days in the order of their keys, each with its sum and its number of rows."""
        found = self._connection.execute(
            "SELECT product, site, day, quantity, lines FROM sums ORDER BY product, site, day"
        )
        while chunk := found.fetchmany(CHUNK):
            yield chunk

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class _History:
    """Reads the rows of a file of demand.

    Cells are the same over and over, so what a cell says is remembered for the last of them; that
    takes half the time.
    """

    def __init__(self, sheet: Sheet, layout: Layout, session: Session) -> None:
        """Find out which column is which field. Raises InvalidInput."""
        places = columns.match(
            sheet.columns,
            fields=FIELDS,
            required=("sku", "date", "quantity"),
            synonyms=SYNONYMS,
            mapping=layout.mapping,
            ignore_unknown=layout.ignore_unknown,
        )
        self._sheet = sheet
        self._session = session
        self._today = dates.of(session.now)
        self._sites = warehouses.sites(session)
        self._first = next(iter(self._sites), "")
        self._items: dict[str, Item] = {}
        parsers = {
            "sku": _sku,
            "warehouse": self._warehouse,
            "date": self._day,
            "quantity": _pieces,
        }
        self._cells = [
            (field, places[field][0], lru_cache(_REMEMBERED)(self._cleaned(parse)))
            for field, parse in parsers.items()
            if field in places
        ]
        fields = {place: field for field, [place] in places.items()}
        self.names = [fields.get(place, name) for place, name in enumerate(sheet.columns)]

    def collect(self, sums: _Sums, refused: RejectsFile, watch: Watch) -> int:
        """Add up what the rows say, write down what is refused, return how many rows there are."""
        rows = 0
        with _records(self._sheet) as records:
            while chunk := list(islice(records, CHUNK)):
                days, rejects = self._days(chunk)
                sums.add(days)
                refused.write(rejects)
                rows += len(chunk)
                watch.took(rows, self._sheet.progress())
        return rows

    def _days(self, chunk: list[Record]) -> tuple[list[tuple[int, int, int, int]], list[Reject]]:
        """Return product id, warehouse id, day and pieces of the rows that can be taken."""
        said = [self._one(record) for record in chunk]
        skus = {one["sku"] for one in said if isinstance(one, dict)}
        self._look_up(skus)
        days, rejects = [], []
        for record, one in zip(chunk, said, strict=True):
            if isinstance(one, Reject):
                rejects.append(one)
            elif (item := self._items.get(one["sku"])) is None:
                missing = f"there is no product {one['sku']}"
                rejects.append(Reject(record, "not-found", "sku", missing))
            elif (site := self._sites.get(one.get("warehouse", self._first))) is None:
                missing = f"there is no warehouse {one.get('warehouse', '')}".rstrip()
                rejects.append(Reject(record, "not-found", "warehouse", missing))
            else:
                pieces = one["quantity"] * item.pack
                days.append((item.id, site.id, one["date"], pieces))
        return days, rejects

    def _one(self, record: Record) -> dict[str, Any] | Reject:
        """Return what a row says, or why it cannot be understood."""
        if record.fault:
            return Reject(record, InvalidInput.code, "", record.fault)
        cells = record.cells
        field = ""
        try:
            said = {}
            for field, place, parse in self._cells:
                said[field] = parse(cells[place])
        except InvalidInput as error:
            return Reject.because(record, error, field)
        return said

    def _look_up(self, skus: set[str]) -> None:
        """Know the products of these names, those that are there."""
        if new := skus - self._items.keys():
            if len(self._items) > _REMEMBERED:
                self._items, new = {}, skus
            self._items |= items.known(self._session, new)

    def _cleaned(self, parse: Callable[[str], Any]) -> Callable[[str], Any]:
        """Return what reads a cell as it stands in the file."""
        is_json = self._sheet.is_json

        def read(cell: str) -> Any:
            return parse((cell if is_json else formulas.unescape(cell)).strip(" \t\u00a0"))

        return read

    def _warehouse(self, cell: str) -> str:
        return warehouses.code(cell) if cell else self._first

    def _day(self, cell: str) -> int:
        day_on = dates.read(cell)
        if not day_on > 0 or not day_on % 100:
            raise InvalidInput(f"{text.quoted(cell)} is not a day", hint="write YYYY-MM-DD")
        if day_on < 19700101:
            raise InvalidInput(f"{text.quoted(cell)} is before 1970")
        if day_on > self._today:
            raise InvalidInput(f"{text.quoted(cell)} is still to come")
        return day_on


def _sku(cell: str) -> str:
    return text.code(cell, what="product", maximum=100)


def _pieces(cell: str) -> int:
    return text.quantity(cell, minimum=-(10**9))


def _records(sheet: Sheet) -> AbstractContextManager[Iterator[Record]]:
    """Return the records, which end with the block, while the file is still open."""
    return closing(cast(Generator[Record, None, None], sheet.records()))


def _write(database: Database, sums: _Sums, terms: Terms, actor: str) -> _Counts:
    """Write the days, chunk by chunk, and return what became of their rows."""
    counts = _Counts()
    for chunk in sums.chunks():
        if wrong := next((day for day in chunk if abs(day[3]) > MOST), None):
            raise InvalidInput(f"the rows of one day ({dates.display(wrong[2])}) exceed {MOST}")

        def once(session: Session, chunk: Sequence[tuple[int, ...]] = chunk) -> _Counts:
            return _put(session, chunk)

        asked = command_log.command(COMMAND, actor=actor)
        done = database.run(once, asked, dry_run=terms.dry_run)
        counts = _Counts(*map(sum, zip(counts, done, strict=True)))
    return counts


def _put(session: Session, chunk: Sequence[tuple[int, ...]]) -> _Counts:
    """Write these days, which follow each other by their keys, as far as they differ."""
    (first, first_site, first_day, *_), (last, last_site, last_day, *_) = chunk[0], chunk[-1]
    found = session.stream(
        _STORED,
        first=first,
        first_site=first_site,
        first_day=first_day,
        last=last,
        last_site=last_site,
        last_day=last_day,
    )
    stored: dict[Day, int] = {(row[0], row[1], row[2]): row[3] for row in found}
    lines = {"created": 0, "updated": 0, "skipped": 0}
    changed: list[dict[str, Any]] = []
    for product, site, day, quantity, count in chunk:
        before = stored.get((product, site, day))
        lines["created" if before is None else "updated" if before != quantity else "skipped"] += (
            count
        )
        if before != quantity:
            values = {"product_id": product, "warehouse_id": site, "day_on": day}
            changed.append(values | {"quantity": quantity})
    session.send(_PUT, changed)
    return _Counts(**lines)


def _finish(session: Session, result: ImportRow, digest: str) -> ImportRow:
    """Tell of the import and store the answer, unless somebody was faster with the same key."""
    stored = command_log.replay(session, session.command)
    if stored is not None:
        return _replayed(stored)
    if result.created or result.updated:
        told = result.model_dump(include={"rows", "created", "updated", "skipped", "rejected"})
        command_log.tell(session, [Tale("forecast.imported", digest[:16], told, session.command)])
    command_log.remember(session, session.command, result.record())
    return result


def _replayed(stored: Any) -> ImportRow:
    return ImportRow.model_validate(stored | {"replayed": True})
