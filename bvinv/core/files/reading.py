"""Files of rows on their way in: what they are, and their rows by line.

What a file is, its content says and never its name. It is read twice: once to be sure that all of
it is text, before anything is changed, and once for its rows (JSON once more, for its keys). All
of them keep nothing but the row at hand.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NoReturn

from bvinv.core.errors import InvalidInput
from bvinv.core.files import csv_rows, encodings, json_rows
from bvinv.core.files.encodings import Encoding
from bvinv.core.files.json_rows import Element
from bvinv.core.files.raw import RawFile, raw
from bvinv.core.files.sheets import Record, Sheet

__all__ = ["Record", "Sheet", "reading"]

# A header such as [sku],[title] is CSV, an array of objects or of nothing is JSON.
_ARRAY = re.compile(r"\[\s*([\[\]{\"\d-]|$)")
_XML = re.compile(r"<[?!A-Za-z]")
_HTML = re.compile(r"<(!doctype\s+)?html", re.IGNORECASE)


@contextmanager
def reading(
    source: BinaryIO,
    *,
    name: str,
    nested: Collection[str] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    onix_currency: str | None = None,
    onix: bool = False,
) -> Iterator[Sheet]:
    """Yield the sheet in a file of CSV, of JSON, or of ONIX if `onix`; its content says which.

    JSON is one object a line, objects that follow each other, or one array of them; its objects
    may hold objects in the `nested` columns only. A gzip is read as what is in it. `encoding` and
    `delimiter` go before what the content seems to say, and with a delimiter it is CSV. Without a
    `header`, the columns of a CSV file are called 1, 2, 3, … `onix_currency` is what a price of
    an ONIX message has to be in. Raises InvalidInput for what cannot be read at all.
    """
    sign = csv_rows.delimiter(delimiter) if delimiter else None
    with raw(source, name) as file:
        if _is_xml(file) and not sign:
            sheet = _xml(file, onix=onix, currency=onix_currency, header=header)
        else:
            found = encodings.found(file, encoding)
            is_json = not sign and (found.opening[:1] == "{" or _ARRAY.match(found.opening))
            if not found.opening:
                _refuse_empty(name)
            if is_json:
                _refuse_no_header(header, name, "JSON")
                sheet = _json(file, found, nested)
            else:
                sheet = _csv(file, found, sign, header)
        if encoding:  # will be said of the rejects, too
            sheet = sheet._replace(marks_rejects=True)
        yield sheet._replace(kind=f"{sheet.kind}, gzip") if file.is_gzip else sheet


def _refuse_empty(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is empty", hint="the first line names the columns")


def _refuse_no_header(header: bool, name: str, kind: str) -> None:
    if not header:
        raise InvalidInput(
            f"{name} is {kind}, which names its columns anyway", hint="leave out --no-header"
        )


# --- XML -----------------------------------------------------------------------------------------


def _is_xml(file: RawFile) -> bool:
    return _XML.match(_beginning(file)) is not None


def _beginning(file: RawFile) -> str:
    """Return the first characters, as far as they can be had without knowing the encoding."""
    beginning = file.opened().read(4096).replace(b"\0", b"")
    return beginning.decode("latin-1").lstrip("\xef\xbb\xbf\xff\xfe \t\r\n")


def _xml(file: RawFile, *, onix: bool, currency: str | None, header: bool) -> Sheet:
    if _HTML.match(_beginning(file)):
        raise InvalidInput(f"{file.name} is a web page", hint="was it saved from a log-in form?")
    if not onix:
        raise InvalidInput(
            f"{file.name} is XML, and only products are imported from that, as ONIX",
            hint="CSV and JSON can be read here",
        )
    _refuse_no_header(header, file.name, "XML")
    from bvinv.core.onix import messages

    kind = messages.release(file.opened())
    messages.check(file.opened())
    return Sheet(
        columns=messages.COLUMNS,
        digest=file.digest(),
        is_json=True,
        records=lambda: messages.records(file.opened(), currency=currency),
        delimiter=",",
        kind=kind,
        progress=file.progress,
        marks_rejects=False,
    )


# --- JSON ----------------------------------------------------------------------------------------


def _json(file: RawFile, encoding: Encoding, nested: Collection[str]) -> Sheet:
    is_in_lines = False
    if encoding.opening.startswith("{"):
        with encoding.decoded(file.opened()) as lines:
            is_in_lines = json_rows.is_in_lines(lines)
    if is_in_lines and encoding.long_line:
        encodings.refuse_long_line(file.name)

    def elements() -> Iterator[Element]:
        with encoding.decoded(file.opened()) as lines:
            found = (
                json_rows.in_lines(lines)
                if is_in_lines
                else json_rows.in_sequence(lines, file.name)
            )
            if not encoding.is_dirty:
                yield from found
                return
            for element in found:
                fault = encoding.fault(element.written)
                yield element._replace(fault=fault, found={}) if fault else element

    columns = json_rows.keys(elements(), file.name)
    return Sheet(
        columns=columns,
        digest=file.digest(),
        is_json=True,
        records=lambda: json_rows.records(elements(), columns, nested),
        delimiter=",",
        kind=f"{'JSON lines' if is_in_lines else 'JSON'}, {encoding.shown}",
        progress=file.progress,
        marks_rejects=encoding.is_dirty,
    )


# --- CSV -----------------------------------------------------------------------------------------


def _csv(file: RawFile, encoding: Encoding, sign: str | None, header: bool) -> Sheet:
    if encoding.long_line:
        encodings.refuse_long_line(file.name)
    with encoding.decoded(file.opened()) as lines:
        sample = csv_rows.sample(lines)
    delimiter = sign or csv_rows.detected(sample, file.name)
    csv_rows.refuse_wide(csv_rows.first_of(sample), delimiter, file.name)

    what = "header" if header else "first row"
    fault = encoding.fault if encoding.is_dirty else None

    def rows() -> Iterator[Record]:
        with encoding.decoded(file.opened()) as lines:
            yield from csv_rows.records(lines, delimiter, fault, first=what)

    first = next(rows(), None)
    if first is None:
        _refuse_empty(file.name)
    if first.fault:
        raise InvalidInput(f"{file.name} has a {what} that cannot be read: {first.fault}")
    if len(first.cells) > csv_rows.MOST_COLUMNS:
        csv_rows.refuse_columns(len(first.cells), file.name)

    def records() -> Iterator[Record]:
        found = rows()
        if header:
            next(found)
        return found

    between = csv_rows.DELIMITERS.get(delimiter, delimiter)
    return Sheet(
        columns=tuple(
            first.cells if header else [str(place + 1) for place in range(len(first.cells))]
        ),
        digest=file.digest(),
        is_json=False,
        records=records,
        delimiter=delimiter,
        kind=f"TSV, {encoding.shown}" if between == "tab" else f"CSV, {encoding.shown}, {between}",
        progress=file.progress,
        marks_rejects=encoding.is_dirty,
    )
