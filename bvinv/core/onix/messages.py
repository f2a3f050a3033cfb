"""ONIX for Books messages, release 2.1, 3.0 and 3.1: one import row for each <Product>.

A message is read as it comes, a piece at a time, and a product is forgotten when its row has been
yielded, so that a message of a gigabyte needs no more memory than one of a megabyte. Nothing is
fetched and no entity is expanded: the names of characters that the DTD of ONIX 2.1 brings, such
as &eacute;, are looked up in HTML's table, which holds all of them. Every function reads its
source from where it stands, which has to be the beginning.

Format: EDItEUR, "ONIX for Books Product Information Format", 2.1 (2006) and 3.1 (2023).
"""

import json
import re
from collections.abc import Iterator
from html.entities import html5
from typing import Any, BinaryIO, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from bvinv.core.errors import InvalidInput
from bvinv.core.files.sheets import Record
from bvinv.core.onix import fields as onix_fields
from bvinv.core.onix import trade
from bvinv.core.onix.tags import MARKED_UP, REFERENCE_NAMES
from bvinv.core.text import quoted

COLUMNS = onix_fields.COLUMNS
_RELEASES = ("2.1", "3.0", "3.1")
_RELEASE = re.compile(r"(?<![0-9.])[0-9]\.[0-9](?![0-9])")
_PIECE = 1 << 16
# ONIX nests 12 deep, and has 500 tags. What is beyond these is made to exhaust the reader.
_DEEPEST = 100
_MOST_NAMES = 5000
_LONGEST_TAG = 1 << 20
_MOST_TEXT = 1 << 21
_MOST_ELEMENTS = 50_000


def release(source: BinaryIO) -> str:
    """Return "ONIX 2.1", "ONIX 3.0" or "ONIX 3.1"; reads no further than the root element.

    The release is in the root's attribute or namespace, or in the DOCTYPE. A message that names
    none is 2.1: 3.0 made the attribute mandatory. Raises InvalidInput for XML that is not ONIX,
    for another release, and for what is not XML.
    """
    message = _Message(building=False)
    for _ in _pieces(source, message):
        if message.release:
            break
    return f"ONIX {message.release}"


def check(source: BinaryIO) -> int:
    """Return the number of products, after making sure that all of the message can be read.

    Raises InvalidInput for XML that is not well-formed, naming line and column, for an encoding
    not known, and for a document that declares entities or is made to exhaust its reader.
    """
    message = _Message(building=False)
    for _ in _pieces(source, message):
        pass
    return message.count


def records(source: BinaryIO, *, currency: str | None) -> Iterator[Record]:
    """Yield a row for each product, its cells in the order of COLUMNS.

    Of several prices, the one in `currency` is taken. What cannot be read is the fault of its
    product only; `original` is JSON of the fields that were found. Raises what `check` raises,
    after the products before the damage.
    """
    message = _Message(building=True)
    for _ in _pieces(source, message):
        for found in message.take():
            yield _record(found, message.defaults, currency)


class _Found(NamedTuple):
    """A product as the message has it; `fault` says why it is incomplete."""

    line: int
    element: Element | None
    fault: str


def _record(found: _Found, defaults: trade.Defaults, currency: str | None) -> Record:
    line, element, fault = found
    if element is None:
        return Record(line, [], fault, "{}")
    fields = onix_fields.fields(element, defaults=defaults, currency=currency)
    fault = fault or onix_fields.fault(element, fields)
    shown = {column: value for column, value in fields.items() if value}
    original = json.dumps(shown, ensure_ascii=False)
    if fault:
        return Record(line, [], fault, original)
    if attributes := fields["attributes"]:
        fields["attributes"] = json.dumps(attributes, ensure_ascii=False)
    else:
        fields["attributes"] = ""
    return Record(line, [fields[column] for column in COLUMNS], "", original)


# --- XML ----------------------------------------------------------------------------------------


def _pieces(source: BinaryIO, message: "_Message") -> Iterator[None]:
    """Feed the message, and yield after each piece, whole or damaged."""
    ended = False
    while not ended:
        piece = source.read(_PIECE)
        ended = not piece
        refusal = message.feed(piece, ended)
        yield
        if refusal:
            raise refusal


class _Names(dict[str, str]):
    """The reference name of each tag of the message, nothing for one that is not wanted."""

    def __missing__(self, tag: str) -> str:
        if len(self) >= _MOST_NAMES:
            raise InvalidInput(
                f"the XML has more than {_MOST_NAMES} different tags and attributes: "
                "that is no ONIX message"
            )
        name = REFERENCE_NAMES.get(_local(tag), "")
        self[tag] = name
        return name


def _local(tag: str) -> str:
    """Return a tag without its namespace, which expat puts before it."""
    return tag.rpartition("}")[2]


class _Message:
    """What expat reports, put together to products: the tags that count, by reference names."""

    def __init__(self, *, building: bool) -> None:
        self.release = ""
        self.count = 0
        self.defaults = trade.Defaults()
        self._building = building
        self._found: list[_Found] = []
        self._doctype = ""
        self._names = _Names()
        self._depth = 0
        self._passed_over = 0  # Depth inside an element that is not wanted.
        self._marked_up = 0  # Depth inside a text, where every tag is kept.
        self._line = 0
        self._builder: TreeBuilder | None = None
        self._elements = self._text = self._fed = 0
        self._fault = ""
        self._parser = self._prepared()

    def _prepared(self) -> expat.XMLParserType:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._on_doctype
        parser.EntityDeclHandler = self._on_entity
        parser.AttlistDeclHandler = self._on_attribute_list
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        if self._building:
            parser.CharacterDataHandler = self._on_text
            parser.SkippedEntityHandler = self._on_name_of_character
        return parser

    def feed(self, piece: bytes, ended: bool) -> InvalidInput | None:
        """Parse a piece; returns why nothing more can be parsed, if that is so."""
        self._fed += len(piece)
        try:
            self._parser.Parse(piece, ended)
        except InvalidInput as refusal:
            return refusal
        except expat.ExpatError as error:
            return _damaged(error)
        except (LookupError, ValueError) as error:  # What Python's codecs say.
            return InvalidInput(
                f"the XML declares an encoding that cannot be read: {error}",
                hint="save it as UTF-8",
            )
        if self._fed - self._parser.CurrentByteIndex > _LONGEST_TAG:
            return InvalidInput(
                f"line {self._parser.CurrentLineNumber} has a tag or a comment of more than "
                f"{_LONGEST_TAG >> 20} MiB"
            )
        return None

    def take(self) -> list[_Found]:
        """Return the products that are complete, once."""
        taken, self._found = self._found, []
        return taken

    def _on_doctype(self, _root: str, system: str | None, public: str | None, _: int) -> None:
        self._doctype = f"{public or ''} {system or ''}"

    def _on_entity(self, name: str, *_: Any) -> None:
        raise InvalidInput(
            f"the XML declares the entity {quoted(name)} in line {self._parser.CurrentLineNumber}; "
            "entities are never expanded",
            hint="write the text in the place of each reference, and no declaration",
        )

    def _on_attribute_list(self, element: str, *_: Any) -> None:
        raise InvalidInput(f"the XML declares attributes of {quoted(element)}; ONIX declares none")

    def _on_start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = self._names[tag]
        for attribute in attributes:
            self._names[attribute]  # Counted: expat never forgets one.
        if self._depth > _DEEPEST:
            raise InvalidInput(
                f"line {self._parser.CurrentLineNumber} has more than {_DEEPEST} elements inside "
                "each other: that is no ONIX message"
            )
        if self._passed_over:
            self._passed_over += 1
        elif self._builder:
            self._on_part(self._builder, tag, name, attributes)
        elif self._depth == 1:
            self.release = _release(tag, attributes, self._doctype)
        else:
            self._on_block(name)

    def _on_block(self, name: str) -> None:
        """Begin a product or the header: what stands directly under the root."""
        self.count += name == "Product"
        if not self._building or name not in ("Product", "Header"):
            self._passed_over = 1
            return
        self._line = self._parser.CurrentLineNumber
        self._elements = self._text = 0
        self._fault = ""
        self._builder = TreeBuilder()
        self._builder.start(name, {})

    def _on_part(
        self, builder: TreeBuilder, tag: str, name: str, attributes: dict[str, str]
    ) -> None:
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            self._give_up(f"more than {_MOST_ELEMENTS} elements")
        elif self._marked_up:
            self._marked_up += 1
            builder.start(_local(tag), {})
        elif name:
            self._marked_up = name in MARKED_UP
            builder.start(name, attributes)
        else:
            self._passed_over = 1

    def _give_up(self, reason: str) -> None:
        """Let go of a product or header that is too large; the rest of it is passed over."""
        self._fault = f"the product has {reason}, and no row can be made of it"
        self._builder = None
        self._marked_up = 0
        # The elements between the block and here are open still, and are left one by one.
        self._passed_over = self._depth - 1

    def _on_end(self, tag: str) -> None:
        self._depth -= 1
        if self._passed_over:
            self._passed_over -= 1
            if self._fault and not self._builder and self._depth == 1:
                self._on_given_up(self._names[tag])
        elif self._builder:
            if self._marked_up:
                self._marked_up -= 1
            self._builder.end(tag)
            if self._depth == 1:
                self._on_complete(self._builder.close())

    def _on_complete(self, block: Element) -> None:
        self._builder = None
        if block.tag == "Header":
            self.defaults = trade.defaults(block)
        else:
            self._found.append(_Found(self._line, block, self._fault))
        self._fault = ""

    def _on_given_up(self, name: str) -> None:
        if name == "Product":
            self._found.append(_Found(self._line, None, self._fault))
        self._fault = ""

    def _on_text(self, text: str) -> None:
        if not self._passed_over and self._builder:
            self._text += len(text)
            if self._text > _MOST_TEXT:
                self._give_up(f"more than {_MOST_TEXT} characters")
            else:
                self._builder.data(text)

    def _on_name_of_character(self, name: str, is_parameter: bool) -> None:
        if is_parameter or not self._builder or self._passed_over:
            return
        if character := html5.get(f"{name};"):
            self._on_text(character)
        else:
            line = self._parser.CurrentLineNumber
            self._fault = self._fault or f"line {line} has &{name}; which stands for no character"


def _release(tag: str, attributes: dict[str, str], doctype: str) -> str:
    namespace, _, name = tag.rpartition("}")
    if name not in ("ONIXMessage", "ONIXmessage"):
        raise InvalidInput(
            f"the file is XML, but not ONIX: its root element is {quoted(name)}",
            hint="an ONIX message begins with <ONIXMessage>, or <ONIXmessage> with short tags",
        )
    for place in (attributes.get("release", ""), namespace, doctype):
        if found := _RELEASE.search(place):
            if found[0] in _RELEASES:
                return found[0]
            raise InvalidInput(
                f"the message is ONIX {found[0]}, which is not known",
                hint=f"ask its sender for one of {', '.join(_RELEASES)}",
            )
    return "2.1"


def _damaged(error: expat.ExpatError) -> InvalidInput:
    reason = expat.ErrorString(error.code)
    hint = None
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]:
        hint = "names such as &eacute; come with the DOCTYPE of ONIX 2.1; without it write &#233;"
    return InvalidInput(
        f"the XML is not well-formed in line {error.lineno}, column {error.offset + 1}: {reason}",
        hint=hint,
    )
