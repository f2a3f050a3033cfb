"""How the text of a file is written: found out over all of its bytes, or refused when unsure.

What is valid UTF-8 is UTF-8; nothing else looks like it by chance. Else a file in which every odd
byte makes a likely letter or sign of Western European text is Windows-1252, which is what
Latin-1 is called here too: they differ in signs that Latin-1 does not have. A few lines that are
neither are faults of these lines.
"""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple, NoReturn

from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.files.columns import SAVE_AS
from bvinv.core.files.raw import PIECE, RawFile

LONGEST_LINE = 16 << 20
# What no text has: half a surrogate pair, which stands for a byte that could not be decoded, too.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1a\x1b"})
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SHOWN = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
    "iso8859-1": "Latin-1",
}
# Codecs that Python takes for text encodings, and nobody writes a catalogue in.
_NOT_FOR_FILES = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"}
HINT = "say it with --encoding, such as --encoding windows-1252, or save the file as UTF-8"

_UPPER, _LOWER = "À-ÖØ-ÞŠŽŒŸ", "ß-öø-ÿšžœ"
_LETTER = f"[A-Za-z{_UPPER}{_LOWER}]"
# What bytes of another encoding, or of none, look like when they are taken for Windows-1252.
_UNLIKELY = re.compile(
    "|".join(
        (
            "[\udc80-\udcff]",  # a byte that Windows-1252 does not have
            "[¨¸¯¬¦¤ˆ˜ƒÿ]",  # ÿ is in a few names, and is the byte 0xFF
            f"[a-z{_LOWER}][{_UPPER}]",  # Mac Roman, UTF-8: lAmi, fAr
            f"[{_UPPER}{_LOWER}]{{3}}",  # Cyrillic, Greek, Chinese
            f"(?<!{_LETTER})[ÃÂÐÞþÑÕãõñßýÝîûŸ](?!{_LETTER})",
            f"(?<={_LETTER})[¡¢£¥§©ª«¬®°±²³¹º»¼½¾¿›](?={_LETTER})",  # Polish
            f"(?<={_LETTER})[‚„‹]",  # DOS
            "(?<![0-9(])(?<![0-9] )€(?! ?[0-9])",
        )
    )
)


class Encoding(NamedTuple):
    """How a file is written, and what else all of its bytes say."""

    codec: str
    is_dirty: bool  # some line has a NUL, or bytes that are no text
    opening: str  # the first text that is no white space; empty in a file without any
    long_line: bool  # there is a line of more than 16 MiB

    @property
    def shown(self) -> str:
        """Return what people call it."""
        return _SHOWN.get(self.codec, self.codec.replace("cp125", "Windows-125"))

    @contextmanager
    def decoded(self, source: BinaryIO) -> Iterator[io.TextIOWrapper]:
        """Yield the text from the source's place on, its line ends as they are.

        Bytes that are no text become what `surrogateescape` makes of them. The source stays open.
        """
        codec = "utf-8-sig" if self.codec == "utf-8" else self.codec
        wrapped = io.TextIOWrapper(source, codec, errors=_errors(codec), newline="")
        try:
            if codec.startswith("utf-16") and wrapped.read(1) != "\ufeff":
                wrapped.seek(0)
            yield wrapped
        finally:
            # A reader that is left half-way may outlive the source.
            with suppress(ValueError):
                wrapped.detach()

    def fault(self, lines: str) -> str:
        """Return what in these lines is no text, and in which line of them; nothing if all is."""
        found = _NO_TEXT.search(lines)
        if not found:
            return ""
        above = len(re.findall("\r\n|\r|\n", lines[: found.start()]))
        where = f", {above} lines below" if above > 1 else ", one line below" if above else ""
        if found[0] == "\0":
            return f"the row has a NUL byte{where}"
        if self.codec.startswith("utf-16"):
            return f"0x{ord(found[0]):04X} alone is not UTF-16{where}"
        return f"byte 0x{ord(found[0]) & 0xFF:02X} is not {self.shown}{where}"


def found(file: RawFile, wanted: str | None) -> Encoding:
    """Return the encoding of a file: the one that is wanted, or the one that it seems to have.

    The mark of UTF-8 goes before what is wanted. Raises InvalidInput when it is unsure, UTF-32, or
    when the file is binary.
    """
    beginning = file.opened().read(PIECE)
    codec = _codec(wanted) if wanted else None
    marked = next((codec for mark, codec in _MARKS if beginning.startswith(mark)), None)
    if codec == "utf-16":
        codec = marked or _without_mark(beginning) or "utf-16-le"
    if marked == "utf-8":
        # Nothing else begins with this mark, and the rejects of a file in another encoding do.
        codec = marked
    if marked and codec and marked != codec:
        raise InvalidInput(
            f"{file.name} begins with the byte order mark of {_SHOWN.get(marked, 'UTF-32')}, "
            f"and is said to be {_SHOWN.get(codec, codec)}"
        )
    codec = codec or marked or _without_mark(beginning)
    if codec == "utf-32":
        raise InvalidInput(f"{file.name} seems to be UTF-32 text", hint=SAVE_AS)
    if codec and codec != "utf-8":
        return _decodable(file, codec)
    _refuse_binary(beginning, file.name)
    return _from_bytes(file, is_said=codec == "utf-8")


def _codec(wanted: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), wanted)
        codec = codecs.lookup(wanted).name.removesuffix("-sig")
    except (LookupError, ValueError):
        codec = "undefined"
    if codec in _NOT_FOR_FILES or codec.startswith("utf-32"):
        raise InvalidInput(
            f"{text.quoted(wanted)} is no encoding that can be read",
            hint="known are utf-8, utf-16, windows-1252, latin-1, windows-1250, mac-roman, …",
        )
    return codec


def _without_mark(beginning: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if it shows in where the NULs are, as it does in Western text."""
    if b"\0\0\0" in (beginning[:3], beginning[1:4]) and beginning[:4].strip(b"\0"):
        return "utf-32"
    sample = beginning[: 64 << 10]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < max(4, len(sample) // 8) or min(even, odd) > max(even, odd) // 10:
        return None
    codec = "utf-16-le" if odd > even else "utf-16-be"
    likely = sample.decode(codec, "replace")
    return None if re.search("[\0-\x08\x0e-\x19]", likely) else codec


def _errors(codec: str) -> str:
    return "surrogatepass" if codec.startswith("utf-16") else "surrogateescape"


# --- An encoding that is certain -----------------------------------------------------------------


def _decodable(file: RawFile, codec: str) -> Encoding:
    """Return the encoding if the whole file can be read in it, be there rows that cannot."""
    source = file.opened()
    decoder = codecs.getincrementaldecoder(codec)(_errors(codec))
    is_dirty = long_line = False
    opening, unended, ends = "", 0, 0
    piece = b"\n"
    while piece:
        piece = source.read(PIECE)
        try:
            decoded = decoder.decode(piece, final=not piece)
        except UnicodeError:
            if piece:
                raise InvalidInput(
                    f"{file.name} is not {_SHOWN.get(codec, codec)} below line {ends + 1}",
                    hint=HINT,
                ) from None
            _refuse_cut(file.name)
        if (
            not ends
            and not unended
            and len(re.findall("[\0-\x08\x0e-\x19]", decoded)) > max(8, len(decoded) // 12)
        ):
            raise InvalidInput(f"{file.name} seems to be a binary file", hint=SAVE_AS)
        opening = opening or decoded.lstrip("\ufeff \t\r\n\v\f")[:256]
        is_dirty = is_dirty or _NO_TEXT.search(decoded) is not None
        last = max(decoded.rfind("\n"), decoded.rfind("\r"))
        unended = unended + len(decoded) if last < 0 else len(decoded) - last
        long_line = long_line or unended > LONGEST_LINE
        ends += decoded.count("\n")
    return Encoding(codec, is_dirty, opening, long_line)


# --- UTF-8, or what is not -----------------------------------------------------------------------


def _from_bytes(file: RawFile, *, is_said: bool) -> Encoding:
    source = file.opened()
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_valid, has_nul, long_line = True, False, False
    opening, unended = b"", 0
    piece = b"\n"
    while piece:
        piece = source.read(PIECE)
        if is_valid:
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError:
                is_valid = False
        if b"\0" in piece:
            has_nul = True
            _refuse_binary(piece, file.name)
        opening = opening or piece.removeprefix(codecs.BOM_UTF8).lstrip()[:256]
        last = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        unended = unended + len(piece) if last < 0 else len(piece) - last
        if unended > LONGEST_LINE:
            if not (is_valid and opening[:1] in b"[{"):
                refuse_long_line(file.name)
            long_line = True  # One JSON array may well be one line.
    codec, is_dirty = "utf-8", has_nul
    if not is_valid:
        if long_line:
            refuse_long_line(file.name)
        tally = _tallied(file)
        codec = "utf-8" if is_said else tally.codec(file.name)
        is_dirty = has_nul or codec == "utf-8" or tally.undefined > 0
    return Encoding(codec, is_dirty, opening.decode(codec, "replace"), long_line)


class _Tally:
    """What the lines of a file are that is not all UTF-8."""

    def __init__(self) -> None:
        self.lines = 0
        self.continued = 0  # bytes by which UTF-8 lines are longer than their text
        self.invalid = 0
        self.unlikely = 0  # invalid lines that are no likely Windows-1252 either
        self.undefined = 0  # bytes that Windows-1252 does not have
        self.first = (0, 0)  # line and byte
        self.cut = False  # the last line ends within a character

    def add(self, line: bytes) -> None:
        """Look at one line that is not ASCII."""
        try:
            self.continued += len(line) - len(line.decode())
        except UnicodeDecodeError as error:
            self.invalid += 1
            taken = line.decode("cp1252", "surrogateescape")
            self.undefined += sum("\udc80" <= character <= "\udcff" for character in taken)
            if _UNLIKELY.search(taken):
                self.unlikely += 1
                self.cut = error.end == len(line) and error.reason == "unexpected end of data"
            if not self.first[0]:
                self.first = self.lines, line[error.start]

    def codec(self, name: str) -> str:
        """Return UTF-8 or Windows-1252. Raises InvalidInput when it could be neither."""
        if self.continued:
            if self.invalid <= max(1, self.lines // 100, self.continued // 4):
                return "utf-8"
        elif self.unlikely * 20 <= self.invalid:
            return "cp1252"
        elif self.invalid * 100 <= self.lines:
            return "utf-8"
        if self.cut and self.invalid == 1:
            _refuse_cut(name)
        line, byte = self.first
        raise InvalidInput(
            f"it is not clear how {name} is encoded: line {line} is not UTF-8 "
            f"(byte 0x{byte:02X}), nor do all lines look like Windows-1252",
            hint=HINT,
        )


def _tallied(file: RawFile) -> _Tally:
    tally = _Tally()
    # Latin-1 has a character for each byte, so these are lines of bytes, whatever ends them.
    with Encoding("iso8859-1", False, "", False).decoded(file.opened()) as lines:
        for line in lines:
            tally.lines += 1
            if not line.isascii():
                tally.add(line.encode("iso8859-1"))
    return tally


def _refuse_binary(piece: bytes, name: str) -> None:
    controls = len(piece) - len(piece.translate(None, _CONTROLS))
    if controls > max(8, len(piece) // 12):
        raise InvalidInput(f"{name} seems to be a binary file", hint=SAVE_AS)


def _refuse_cut(name: str) -> NoReturn:
    raise InvalidInput(f"{name} ends in the middle of a character", hint="is it complete?")


def refuse_long_line(name: str) -> NoReturn:
    """Raise InvalidInput for a line that would not fit into memory."""
    raise InvalidInput(f"{name} has a line of more than {LONGEST_LINE >> 20} MiB")
