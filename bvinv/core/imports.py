"""The import of products: a file's rows become products, new or changed, 2,000 a transaction."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from bvinv.core import columns, command_log, files, import_runs, isbn, money, product_fields, text
from bvinv.core.db import Database
from bvinv.core.errors import InvalidInput
from bvinv.core.files import Record, Sheet
from bvinv.core.import_chunks import Chunk, Incoming
from bvinv.core.import_runs import Done, Reject, Seen, ignore_progress
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


@lru_cache(4096)
def _known_host(beginning: str) -> str:
    """Return the beginning of an address, checked. Raises InvalidInput."""
    return product_fields.image_url(beginning)


def _image_url(value: str) -> str:
    """Do what `product_fields.image_url` does, with each host looked at once."""
    end = value.find("/", len("https://"))
    if (
        end < 0
        or len(value) > 2000
        or " " in value
        or not (value.isascii() and value.isprintable())
    ):
        return product_fields.image_url(value)
    _known_host(value[: end + 1])
    return value


# Few different texts fill these columns; each is read once.
_REPEATED = ("category", "currency", "status", "publication_date", "rating")
_PARSERS = product_fields.PARSERS | {
    field: lru_cache(4096)(product_fields.PARSERS[field]) for field in _REPEATED
}
_PARSERS["image_url"] = _image_url
_minor_units = lru_cache(4096)(money.minor_units)
_SPACES = " \t\u00a0"


def import_products(
    database: Database,
    source: BinaryIO,
    *,
    actor: str,
    name: str,
    mapping: Mapping[str, str] = {},
    on_existing: OnExisting = "update",
    rejects: Path | None = None,
    dry_run: bool = False,
    ignore_unknown: bool = False,
    key: str | None = None,
    on_progress: Callable[[int], None] = ignore_progress,
) -> ImportRow:
    """Add the products of a file and change those that are there, by SKU.

    A blank cell leaves what is stored alone; a row that changes nothing is skipped. A category
    that is not there is made. A row that cannot be taken is rejected and the others stand; each
    2,000 rows are kept together, so a run that is killed goes on when it is repeated. `name` is
    what messages call the file. Raises InvalidInput for a file that cannot be read at all, and
    Conflict for a key of another request.
    """
    with files.reading(source, name=name, nested=("attributes", "options")) as sheet:
        reader = _Reader(sheet, mapping, ignore_unknown)
        request = {
            "content": sheet.digest,
            "mapping": list(mapping.items()),
            "on_existing": on_existing,
            "ignore_unknown": ignore_unknown,
        }
        asked = command_log.command(COMMAND, actor=actor, key=key, request=request)
        with closing(Seen()) as seen:

            def step(records: list[Record]) -> Done:
                incoming, rejected = reader.read(records)
                chunk = Chunk(incoming, seen, on_existing, dry_run=dry_run)
                done = database.run(
                    chunk.take, command_log.command(COMMAND, actor=actor), dry_run=dry_run
                )
                seen.add(chunk.taken)
                return done._replace(rejects=rejected + done.rejects)

            return import_runs.run(
                database,
                sheet,
                asked,
                step,
                rejects=rejects,
                dry_run=dry_run,
                on_progress=on_progress,
            )


class _Cell(NamedTuple):
    """A field, its place in the row, and what reads it."""

    field: str
    place: int
    parse: Callable[[str], Any]


class _Reader:
    """Turns rows of cells into products to be; what depends on the database comes later."""

    def __init__(self, sheet: Sheet, mapping: Mapping[str, str], ignore_unknown: bool) -> None:
        """Find out which column is which field. Raises InvalidInput."""
        places = columns.match(
            sheet.columns,
            fields=product_fields.PARSERS,
            required=("sku", "title"),
            synonyms=SYNONYMS,
            mapping=mapping,
            several=("isbn",),
            ignore_unknown=ignore_unknown,
        )
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
        sku = values.get("sku")
        if not sku:
            return Reject(record, InvalidInput.code, "sku", "the SKU is missing")
        category = values.pop("category", None)
        codes = values.pop("barcode", None)
        return Incoming(
            record=record,
            key=text.key(sku),
            values=values,
            barcodes=codes,
            category=category and (category, cells[self._category].strip(_SPACES)),
            parent=values.pop("variant_of", None),
            price=price,
            unique=_unique(values.get("isbn"), codes),
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
        said = values.get("currency")
        values["currency"] = said or product_fields.DEFAULT_CURRENCY
        values["price"] = _minor_units(amount, values["currency"])
        return "" if said else amount


def _unique(number: str | None, codes: list[str] | None) -> Sequence[str]:
    if number is None and not codes:
        return ()
    names = [f"barcode={code}" for code in codes or ()]
    return names if number is None else [*names, f"isbn={number}"]
