"""Rows of comma-separated values: which character is between the cells, and the rows by line."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn

from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.files.sheets import Record

MOST_COLUMNS = 1000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SAID = {name: character for character, name in DELIMITERS.items()} | {"\\t": "\t"}
# What is looked at to see which character is between the cells.
_SAMPLE_LINES = 200
_SAMPLE_LENGTH = 256 << 10
# How many characters a record may go on for, over lines, before a quote is said to be missing.
_LONGEST_RECORD = 16 << 20
# When so many have been read again for missing quotes, records may go on for no more than that:
# a file that opens a quote in each of its lines would take hours otherwise.
_PATIENCE = 16 << 20
_IMPATIENT_RECORD = 1 << 10

Fault = Callable[[str], str]


def delimiter(said: str) -> str:
    """Return the character that is meant by `tab`, `\\t`, `;` or another sign. Raises InvalidInput.

    Letters, digits, spaces and quotes stand in cells too often to be between them.
    """
    sign = _SAID.get(said.lower(), said)
    if sign in DELIMITERS or re.fullmatch("[!#-&(-/:-@[-`{-~]", sign):
        return sign
    raise InvalidInput(
        f"{text.quoted(said)} cannot be between the cells",
        hint="use --delimiter with one sign: , or ; or | or tab",
    )


# --- Which character it is -----------------------------------------------------------------------


def sample(lines: Iterable[str]) -> list[str]:
    """Return the first lines, enough to see what is between the cells, as far as that matters."""
    taken: list[str] = []
    length = 0
    for line in lines:
        taken.append(line)
        length += len(line)
        if len(taken) == _SAMPLE_LINES or length > _SAMPLE_LENGTH:
            break
    return taken


def first_of(lines: Sequence[str]) -> str:
    """Return the first line that is not blank; nothing if there is none."""
    return next((line for line in lines if line.strip()), "")


def detected(lines: Sequence[str], name: str) -> str:
    """Return what is between the cells of the first lines; a comma where nothing is.

    It is the one of four that divides the header; if several do, the one with which most rows are
    as wide as the header. Raises InvalidInput when that is more than one.
    """
    first = first_of(lines)
    fitting = {}
    for sign in DELIMITERS:
        if 0 < first.count(sign) < MOST_COLUMNS or '"' in first:
            header, *rows = [*records(lines, sign)] or [Record(1, [], "", [])]
            if len(header.cells) > 1:
                fitting[sign] = sum(not row.fault for row in rows)
    if not fitting:
        often = max(DELIMITERS, key=first.count)
        return often if first.count(often) >= MOST_COLUMNS else ","
    most = max(fitting.values())
    best = [sign for sign, rows in fitting.items() if rows == most]
    if len(best) > 1:
        names = " or a ".join(DELIMITERS[sign] for sign in best)
        raise InvalidInput(
            f"it is not clear what is between the cells of {name}: a {names}",
            hint="say it with --delimiter, such as --delimiter tab",
        )
    return best[0]


def refuse_wide(first: str, sign: str, name: str) -> None:
    """Raise InvalidInput for a first line of too many columns, before they are taken apart."""
    columns = first.count(sign) + 1
    if columns > MOST_COLUMNS and '"' not in first:
        refuse_columns(columns, name)


def refuse_columns(columns: int, name: str) -> NoReturn:
    """Raise InvalidInput for too many columns."""
    raise InvalidInput(f"{name} has {columns} columns; at most {MOST_COLUMNS} can be read")


# --- The rows ------------------------------------------------------------------------------------


class _Lines:
    """Hands lines to the CSV reader, and takes back those that it swallowed by mistake."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: list[str] = []  # the next one last
        self._length = 0
        self._patience = _PATIENCE
        self.number = 0
        self.taken: list[str] = []  # by the record that is being read

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.taken:
            self._go_on()
        line = self._again.pop() if self._again else next(self._lines)
        self.number += 1
        self.taken.append(line)
        return line

    def _go_on(self) -> None:
        """Count the line before, of a record that has another; raise csv.Error when it is long."""
        self._length = len(self.taken[-1]) + (self._length if len(self.taken) > 1 else 0)
        if self._length > (_LONGEST_RECORD if self._patience > 0 else _IMPATIENT_RECORD):
            raise csv.Error("unexpected end of patience")

    def give_back_all_but_one(self) -> str:
        """Return the first line that the record took; the others are read again."""
        line, *others = self.taken
        self._again.extend(reversed(others))
        self._patience -= sum(map(len, others))
        self.number -= len(others)
        self.taken.clear()
        return line


def records(
    lines: Iterable[str], delimiter: str, fault: Fault | None = None, *, first: str = "header"
) -> Iterator[Record]:
    """Yield the first row, then the others; one that is not as wide as the first has a fault.

    Where a quote is missing, the first line of the record is refused and the reader goes on with
    the second, so that no row vanishes into another's cell. `fault` says of a record's lines what
    is wrong in them; it is None for a file in which all is text. `first` is what faults call the
    first row.
    """
    source = _Lines(lines)
    reader = csv.reader(source, strict=True, delimiter=delimiter)
    width = -1  # as long as there is no row
    while True:
        try:
            for cells in reader:
                line = source.number - len(source.taken) + 1
                if len(cells) == width and not fault:
                    yield Record(line, cells, "", cells)
                else:
                    wrong = fault("".join(source.taken)) if fault else ""
                    if wrong or len(cells) == width or any(map(str.strip, cells)):
                        width = len(cells) if width < 0 else width
                        if not wrong and len(cells) != width:
                            where = _where(line, source.number)
                            wrong = (
                                f"the row has {len(cells)} cells{where}, "
                                f"and the {first} has {width}"
                            )
                        yield Record(line, cells, wrong, cells)
                source.taken.clear()
            return
        except csv.Error as error:
            broken = _csv_fault(str(error), len(source.taken))
            line = source.number - len(source.taken) + 1
            original = source.give_back_all_but_one()
            wrong = fault(original) if fault else ""
            yield Record(line, [], wrong or broken, [original.rstrip("\r\n")])


def _where(first: int, last: int) -> str:
    return f" in lines {first} to {last}" if last > first else ""


def _csv_fault(said: str, lines: int) -> str:
    if "unexpected end" in said or ("field limit" in said and lines > 1):
        return "a quote opens in this line and is not closed"
    if "field limit" in said:
        return f"a cell has more than {csv.field_size_limit()} characters"
    where = f", up to {lines - 1} lines below" if lines > 1 else ""
    return f'a quote (") is missing, or not doubled inside a quoted cell{where}'
