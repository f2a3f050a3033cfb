"""The import of products: a file's rows become products, new or changed, 2,000 a transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any, BinaryIO, Literal, NamedTuple

from bvinv.core import command_log, dates, isbn, money, product_fields, text
from bvinv.core.db import Database, Session
from bvinv.core.errors import InvalidInput
from bvinv.core.files import columns, formulas
from bvinv.core.files import reading as files
from bvinv.core.files.sheets import Record, Sheet
from bvinv.core.imports import runs
from bvinv.core.imports.chunks import Chunk
from bvinv.core.imports.rejects import Reject
from bvinv.core.imports.rows import Incoming, with_keys
from bvinv.core.imports.runs import Done, Layout, Terms
from bvinv.core.imports.seen import Seen
from bvinv.core.models.import_ import ImportRow

COMMAND = "products import"
SYNONYMS = {
    "genre": "category",
    "isbn13": "isbn",
    "isbn_13": "isbn",
    "authors": "author",
    "name": "title",
    "image": "image_url",
    "date": "publication_date",
    "published": "publication_date",
    "publication_year": "publication_date",
}
OnExisting = Literal["update", "skip", "fail"]


_PARSERS = product_fields.PARSERS | {"publication_date": dates.read}
# Few different texts fill these columns; each is read once.
_REPEATED = ("category", "currency", "status", "publication_date", "rating")
_PARSERS |= {field: lru_cache(4096)(_PARSERS[field]) for field in _REPEATED}
# What a product can go by, the best first.
_NAMES = ("sku", "isbn", "barcode")
_minor_units = lru_cache(4096)(money.minor_units)
_SPACES = " \t\u00a0"


def import_products(
    database: Database,
    source: BinaryIO,
    *,
    actor: str,
    name: str,
    on_existing: OnExisting = "update",
    layout: Layout = Layout(),  # noqa: B008  # immutable
    terms: Terms = Terms(),  # noqa: B008
) -> ImportRow:
    """Add the products of a file and change those that are there, by SKU.

    In a file without SKUs a product goes by its ISBN, else by its first barcode: it is that which
    has it, or a new one with it for its SKU. A blank cell leaves what is stored alone; a row that
    changes nothing is skipped. A category that is not there is made. The price of a published
    product becomes a request. A row that cannot be taken is rejected and the others stand; each
    2,000 rows are kept together. `name` is what messages call the file. Raises InvalidInput for a
    file that cannot be read at all, and Conflict for a key of another request.
    """
    currency = layout.currency and money.currency(layout.currency)
    reading = files.reading(
        source,
        name=name,
        nested=("attributes", "options"),
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        header=layout.header,
        onix_currency=currency,
        onix=True,
    )
    with reading as sheet:
        reader = _Reader(sheet, layout, currency)
        request = {
            "content": sheet.digest,
            "on_existing": on_existing,
            **layout.request(),
            **terms.request(),
        }

        @contextmanager
        def begin() -> Iterator[_Products]:
            with closing(Seen()) as seen:
                yield _Products(reader, seen, on_existing, terms)

        return runs.run(
            database,
            sheet,
            begin,
            name=name,
            asked=command_log.command(COMMAND, actor=actor, key=terms.key, request=request),
            terms=terms,
            header=() if layout.header else reader.names,
        )


class _Products:
    """The work of this import: chunks of rows that know of each other what they have to."""

    def __init__(self, reader: "_Reader", seen: Seen, on_existing: str, terms: Terms) -> None:
        self._reader = reader
        self._seen = seen
        self._on_existing = on_existing
        # The chunks of a dry run do not see each other in the database, unless they are all one.
        self._apart = terms.dry_run and not terms.atomic

    def read(self, place: int, records: list[Record]) -> "_Read":  # noqa: ARG002
        incoming, rejects = self._reader.read(records)
        return _Read(Chunk(incoming, self._seen, self._on_existing, apart=self._apart), rejects)

    def take(self, session: Session, rows: "_Read") -> Done:
        self._chunk = rows.chunk
        done = rows.chunk.take(session)
        return done._replace(rejects=rows.rejects + done.rejects)

    def keep(self) -> None:
        self._seen.add(self._chunk.taken)

    def pass_over(self, database: Database, records: list[Record]) -> None:
        incoming, _ = self._reader.read(records)
        with database.read() as session:
            rows = with_keys(session, incoming)
        self._seen.add((row.key, row.record.line, row.values["sku"]) for row in rows)


class _Read(NamedTuple):
    """A chunk of rows that can be understood, and those that cannot."""

    chunk: Chunk
    rejects: list[Reject]


class _Cell(NamedTuple):
    """A field, its place in the row, and what reads it."""

    field: str
    place: int
    parse: Callable[[str], Any]


class _Reader:
    """Turns rows of cells into products to be; what depends on the database comes later."""

    def __init__(self, sheet: Sheet, layout: Layout, currency: str | None) -> None:
        """Find out which column is which field. Raises InvalidInput."""
        places = columns.match(
            sheet.columns,
            fields=product_fields.PARSERS,
            required=(_NAMES,),
            synonyms=SYNONYMS,
            mapping=layout.mapping,
            several=("isbn",),
            ignore_unknown=layout.ignore_unknown,
        )
        self._has_skus = "sku" in places
        # A spreadsheet or an export of ours has put an apostrophe before what looks like a formula.
        self._has_formulas = not sheet.is_json
        self._currency = currency
        fields = {place: field for field, found in places.items() for place in found}
        self.names = [fields.get(place, name) for place, name in enumerate(sheet.columns)]
        self._isbns = places.get("isbn", [])
        self._price = places.get("price", [None])[0]
        apart = ("price", "isbn") if len(self._isbns) > 1 else ("price",)
        self._cells = [
            _Cell(field, found[0], _PARSERS[field])
            for field, found in places.items()
            if field not in apart
        ]
        self._category = places.get("category", [0])[0]

    def read(self, records: list[Record]) -> tuple[list[Incoming], list[Reject]]:
        """Return what the records say, and those that cannot be understood."""
        incoming, rejects = [], []
        for record in records:
            found = self._one(record)
            if isinstance(found, Incoming):
                incoming.append(found)
            else:
                rejects.append(found)
        return incoming, rejects

    def _one(self, record: Record) -> Incoming | Reject:
        if record.fault:
            return Reject(record, InvalidInput.code, "", record.fault)
        cells = record.cells
        if self._has_formulas and "\n'" in "\n" + "\n".join(cells):
            cells = [formulas.unescape(cell) if cell[:1] == "'" else cell for cell in cells]
        values: dict[str, Any] = {}
        field = ""
        try:
            for field, place, parse in self._cells:
                cell = cells[place]
                if cell:
                    try:
                        values[field] = parse(cell)
                    except InvalidInput:
                        # A file may have spaces around its cells, or nothing but spaces in one.
                        if stripped := cell.strip(_SPACES):
                            values[field] = parse(stripped)
            if len(self._isbns) > 1:
                field = "isbn"
                self._first_isbn(cells, values)
            field = "price"
            price = self._read_price(cells, values)
        except InvalidInput as error:
            return Reject.because(record, error, field)
        category = values.pop("category", None)
        codes = values.pop("barcode", None)
        unique = _unique(values.get("isbn"), codes)
        sku = values.get("sku", "")
        if self._has_skus and not sku:
            return Reject(record, InvalidInput.code, "sku", "the SKU is missing")
        if not self._has_skus and not unique:
            said = "the row has no ISBN and no barcode to go by"
            return Reject(record, InvalidInput.code, "isbn", said)
        return Incoming(
            record=record,
            key=text.key(sku),
            name="" if sku else unique[0],
            values=values,
            barcodes=codes,
            category=category and (category, cells[self._category].strip(_SPACES)),
            parent=values.pop("variant_of", None),
            price=price,
            unique=unique,
        )

    def _first_isbn(self, cells: list[str], values: dict[str, Any]) -> None:
        """Take the first ISBN that can be read, in the order of the mapping."""
        refused: InvalidInput | None = None
        for place in self._isbns:
            cell = cells[place].strip(_SPACES)
            try:
                if cell:
                    values["isbn"] = isbn.recover(cell)
                    return
            except InvalidInput as error:
                refused = refused or error
        if refused:
            raise refused

    def _read_price(self, cells: list[str], values: dict[str, Any]) -> str:
        """Put price and currency among the values; return the price if its currency is not said."""
        amount = "" if self._price is None else cells[self._price].strip(_SPACES)
        if not amount:
            if values.pop("currency", None):
                raise InvalidInput("a currency needs a price beside it")
            return ""
        said = values.get("currency") or self._currency
        values["currency"] = said or product_fields.DEFAULT_CURRENCY
        values["price"] = _minor_units(amount, values["currency"])
        return "" if said else amount


def _unique(number: str | None, codes: dict[str, int] | None) -> Sequence[str]:
    """Return what no other product may have: the ISBN, then the barcodes."""
    if number is None and not codes:
        return ()
    names = [f"barcode={code}" for code in codes or ()]
    return names if number is None else [f"isbn={number}", *names]
