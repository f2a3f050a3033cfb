"""Rows of JSON: an object a line, objects one after the other, or one array of them."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple, NoReturn, TextIO

from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.files.columns import plain
from bvinv.core.files.encodings import LONGEST_LINE
from bvinv.core.files.sheets import Record

MOST_COLUMNS = 1000
_PIECE = 1 << 16
_NOT_SPACE = re.compile(r"[^ \t\r\n]")
# An error so near to the end of what was read may only mean that the rest is not there yet.
_NEAR_THE_END = 64
# What several values in one column become: text as a CSV has it.
_JOINED = {"author": ", ", "authors": ", ", "barcode": " ", "barcodes": " "}


class Element(NamedTuple):
    """One object of a file, as it was found and as it is written; or why it is none."""

    line: int
    found: dict[str, Any]
    fault: str
    written: str


class _Literal(str):
    """A number as it is written: 12.90 stays 12.90, and 9.78E+12 is seen for what it is."""

    __slots__ = ()


class _Parser:
    """Reads JSON values, and remembers what was wrong in one that can be read."""

    def __init__(self) -> None:
        self.fault = ""
        self._decoder = json.JSONDecoder(
            parse_float=_Literal,
            parse_int=_Literal,
            parse_constant=self._constant,
            object_pairs_hook=self._once,
        )

    def value(self, written: str, place: int) -> tuple[Any, int]:
        """Return the value at this place, and where it ends. Raises ValueError, RecursionError."""
        self.fault = ""
        return self._decoder.raw_decode(written, place)

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs) and not self.fault:
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            self.fault = f"the key {text.quoted(twice)} stands twice in one object"
        return found

    def _constant(self, name: str) -> str:
        self.fault = self.fault or f"{name} is no number of JSON"
        return name


# --- One object a line ---------------------------------------------------------------------------


def in_lines(lines: Iterable[str]) -> Iterator[Element]:
    """Yield the object of each line that is not blank; a line that is none has a fault."""
    parser = _Parser()
    for number, line in enumerate(lines, start=1):
        start = _NOT_SPACE.search(line)
        if start is None:
            continue
        try:
            found, end = parser.value(line, start.start())
            fault = _no_object(found, parser)
            if _NOT_SPACE.search(line, end):
                fault = f"the line is not one JSON object: it goes on at character {end + 1}"
        except json.JSONDecodeError as error:
            fault = f"the line is not one JSON object: {_why(error)} at character {error.pos + 1}"
        except RecursionError:
            fault = "the line is not one JSON object: it is nested too deeply"
        yield Element(number, {}, fault, line) if fault else Element(number, found, "", line)


def _no_object(found: Any, parser: _Parser) -> str:
    return parser.fault or ("" if isinstance(found, dict) else "this is no JSON object")


def _why(error: json.JSONDecodeError) -> str:
    """Return what Python says about a place, without its capital and the place."""
    return f"{error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')}"


def is_in_lines(lines: TextIO) -> bool:
    """Tell whether a file that begins with an object has one in each line.

    It does unless the first object goes on in the next line, or another follows it in the same.
    """
    first = ""
    while not first.strip():
        first = lines.readline(LONGEST_LINE)
    try:
        start = len(first) - len(first.lstrip())
        _, end = _Parser().value(first, start)
    except RecursionError:
        return True
    except ValueError:
        # Either this line is broken, and the next is an object of its own, or it goes on there.
        following = "".join(lines.readline(1 << 10) for _ in range(3)).lstrip()
        return following.startswith("{") and not first.strip().endswith(("{", "[", ",", ":"))
    return not first[end:].lstrip().startswith("{")


# --- One after the other, or in an array ---------------------------------------------------------


def in_sequence(lines: TextIO, name: str) -> Iterator[Element]:
    """Yield the elements of an array, or objects that follow each other, over as many lines as may.

    Raises InvalidInput where the JSON is broken, naming line and column: what comes behind cannot
    be told apart.
    """
    scanner = _Scanner(lines, name)
    if scanner.peek() != "[":
        while scanner.peek():
            yield scanner.element()
        return
    scanner.step()
    if scanner.peek() == "]":
        scanner.step()
    else:
        yield scanner.element()
        while scanner.peek() == ",":
            scanner.step()
            yield scanner.element()
        if scanner.peek() != "]":
            scanner.refuse("a comma or ] is missing" if scanner.peek() else "the array has no end")
        scanner.step()
    if scanner.peek():
        scanner.refuse("something follows the array")


class _Scanner:
    """Goes through JSON value by value, with no more of it in memory than the value at hand."""

    def __init__(self, lines: TextIO, name: str) -> None:
        self._lines = lines
        self._name = name
        self._parser = _Parser()
        self._text = lines.read(_PIECE)
        self._place = 0
        self._is_all = not self._text
        self._end = "\n" if "\n" in self._text else "\r"
        self._counted = 0  # the place up to which lines are counted
        self._line = 1  # of this place
        self._column = 0  # characters before it in its line

    def peek(self) -> str:
        """Return the next character that is no space; nothing at the end."""
        while True:
            found = _NOT_SPACE.search(self._text, self._place)
            if found:
                self._place = found.start()
                return found[0]
            self._place = len(self._text)
            if self._is_all:
                return ""
            self._read_on()

    def step(self) -> None:
        """Go behind the next character."""
        self._place += 1

    def element(self) -> Element:
        """Return the next value and go behind it. Raises InvalidInput."""
        self.peek()
        while True:
            try:
                found, end = self._parser.value(self._text, self._place)
                if end < len(self._text) or self._is_all:
                    break
            except RecursionError:
                self.refuse("it is nested too deeply")
            except json.JSONDecodeError as error:
                is_certain = len(self._text) - error.pos > _NEAR_THE_END
                if self._is_all or (is_certain and not error.msg.startswith("Unterminated")):
                    self.refuse(_why(error), error.pos)
            self._refuse_long(len(self._text))
            self._read_on()
        self._refuse_long(end)
        self._count_lines()
        line = self._line
        # A line break between two values says nothing, and in a string it would be an error.
        written = re.sub(r"[\r\n]+[ \t\r\n]*", " ", self._text[self._place : end])
        self._place = end
        fault = _no_object(found, self._parser)
        return Element(line, {} if fault else found, fault, written)

    def _refuse_long(self, end: int) -> None:
        if end - self._place > LONGEST_LINE:
            self.refuse(f"a value has more than {LONGEST_LINE >> 20} MiB")

    def refuse(self, why: str, place: int | None = None) -> NoReturn:
        """Raise InvalidInput for what is at this place, or at the next character."""
        line, column = self._where(self._place if place is None else place)
        raise InvalidInput(
            f"{self._name} is not JSON in line {line}, column {column}: {why}",
            hint="of JSON lines, one object a line, only the broken line would be refused",
        )

    def _where(self, place: int) -> tuple[int, int]:
        ends = self._text.count(self._end, self._counted, place)
        if not ends:
            return self._line, self._column + place - self._counted + 1
        return self._line + ends, place - self._text.rfind(self._end, self._counted, place)

    def _count_lines(self) -> None:
        self._line, column = self._where(self._place)
        self._column, self._counted = column - 1, self._place

    def _read_on(self) -> None:
        """Forget what is read, and read as much again as is left, so that no value is slow."""
        self._count_lines()
        left = self._text[self._place :]
        piece = self._lines.read(max(_PIECE, len(left)))
        self._text = left + piece
        self._place = self._counted = 0
        self._is_all = not piece


# --- The rows ------------------------------------------------------------------------------------


def keys(elements: Iterable[Element], name: str) -> tuple[str, ...]:
    """Return every key of the objects, in the order of first use. Raises InvalidInput."""
    found: dict[str, None] = {}
    fault = ""
    for element in elements:
        found.update(dict.fromkeys(element.found))
        fault = fault or (element.fault and f": line {element.line}: {element.fault}")
        if len(found) > MOST_COLUMNS:
            raise InvalidInput(
                f"the objects of {name} have more than {MOST_COLUMNS} different keys"
            )
    if not found:
        raise InvalidInput(f"{name} has no JSON object with a key in it{fault}")
    return tuple(found)


def records(
    elements: Iterable[Element], columns: tuple[str, ...], nested: Collection[str]
) -> Iterator[Record]:
    """Yield an object's values as text; one that is an object may stand in a `nested` column."""
    plainly = {plain(name) for name in nested}
    takes_objects = {column for column in columns if plain(column) in plainly}
    joined = {column: _JOINED[plain(column)] for column in columns if plain(column) in _JOINED}
    for line, found, wrong, written in elements:
        fault = wrong
        cells: list[str] = []
        if not fault:
            try:
                for column in columns:
                    value = found.get(column)
                    if value is None:
                        cells.append("")
                    elif isinstance(value, str):
                        cells.append(str(value))
                    elif isinstance(value, dict) and column in takes_objects:
                        cells.append(_json(value))
                    elif isinstance(value, list) and column in joined and _are_texts(value):
                        cells.append(joined[column].join(value))
                    else:
                        fault = (
                            f"{column} holds {text.quoted(value)}, which is not text or a number"
                        )
                        break
            except RecursionError:
                fault = f"{column} is nested too deeply"
        yield Record(line, [] if fault else cells, fault, written)


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _json(value: Any) -> str:
    """Return the JSON of a value, its numbers as they were written."""
    if isinstance(value, _Literal):
        return value
    if isinstance(value, dict):
        inside = (f"{json.dumps(key, ensure_ascii=False)}: {_json(value[key])}" for key in value)
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    return json.dumps(value, ensure_ascii=False)
