"""What text and numbers may look like on their way in: codes, lines, blocks, quantities.

Everything returned is in Unicode normalisation form C, so that one SKU typed on two keyboards is
one SKU, and can be stored: a lone surrogate or a NUL would fail in the database, much later.
"""

import re
from collections.abc import Sequence
from unicodedata import combining, is_normalized, normalize

from bvinv.core.errors import InvalidInput

# The characters of Unicode category Zs. `str.strip()` would also remove control characters.
_SPACES = " \u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_A_BLOCK = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Unicode Standard Annex 15, "Stream-Safe Text Format". CPython sorts a run of marks in quadratic
# time: 100,000 of them, one description, would take it tens of seconds.
_MARKS_IN_A_ROW = 30
_SHOWN = 40


def quoted(value: object) -> str:
    """Return a value as it may stand in a message: in quotes, escaped, at most 40 characters."""
    if isinstance(value, str):
        if len(value) <= _SHOWN:
            return repr(value)
        return f"{value[: _SHOWN - 1] + '…'!r} ({len(value)} characters)"
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of {value.bit_length()} bits"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def code(text: str, *, what: str, maximum: int = 64) -> str:
    """Return a SKU, warehouse, bin or document code of 1 to `maximum` printable characters.

    Spaces around it are dropped; inside, only single plain spaces may stand. `=` and `,` may not,
    because order lines are written SKU=QTY. Raises InvalidInput.
    """
    if not (text.isascii() and text.isprintable()):
        text = _composed(text, what, maximum, _NOT_IN_A_LINE)
        if not text.isprintable():
            wrong = next(character for character in text if not character.isprintable())
            raise InvalidInput(f"the {what} has a character that cannot be printed: {wrong!a}")
    text = text.strip(" ")
    if "=" in text or "," in text:
        raise InvalidInput(
            f"the {what} may not contain '=' or ',': {quoted(text)}",
            hint="order lines are written SKU=QTY, with commas between them",
        )
    if "  " in text:
        raise InvalidInput(f"the {what} has two spaces in a row: {quoted(text)}")
    return _measured(text, what, maximum)


def line(text: str, *, what: str, maximum: int = 500) -> str:
    """Return one line of free text, 1 to `maximum` characters, without the spaces around it.

    Invisible characters that scripts and emoji need (joiners, direction marks) are kept. Raises
    InvalidInput.
    """
    if text.isascii() and text.isprintable():
        return _measured(text.strip(" "), what, maximum)
    return _measured(_composed(text, what, maximum, _NOT_IN_A_LINE), what, maximum)


def block(text: str, *, what: str, maximum: int = 100_000) -> str:
    """Return text of many lines, 1 to `maximum` characters; newlines and tabs may stand in it.

    Windows line ends become plain ones. White space around the whole is dropped. Raises
    InvalidInput.
    """
    text = _composed(text.replace("\r\n", "\n"), what, maximum, _NOT_IN_A_BLOCK)
    return _measured(text.strip(_SPACES + "\n\t"), what, maximum)


def key(text: str) -> str:
    """Return what two texts share when they differ in case only: NFC(casefold(NFC(text))).

    Case folding (The Unicode Standard, 3.13, D144) also makes `STRASSE` of `straße`. Form C comes
    first so that equivalent texts fold alike, and again because folding can take letters apart.
    Not NFKC: it would make `m²` and `m2`, `①` and `1` one code, and people use both. For text
    that `code` or `line` has let through.
    """
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


def quantity(
    value: str | int, *, what: str = "quantity", minimum: int = 1, maximum: int = 10**9
) -> int:
    """Return a whole number from `minimum` to `maximum`, both included, in pieces.

    Only ASCII digits, and a sign if `minimum` is negative; `int()` alone would take `1_000`, ` 7 `
    and `٣`. Raises InvalidInput.
    """
    number: int | None = None
    if isinstance(value, str):
        digits = value[1:] if minimum < 0 and value[:1] in ("+", "-") else value
        # int() refuses thousands of digits with an error of its own.
        if digits.isascii() and digits.isdigit() and len(digits) <= 30:
            number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    if number is None or not minimum <= number <= maximum:
        raise InvalidInput(
            f"the {what} must be a whole number from {minimum} to {maximum}, not {quoted(value)}"
        )
    return number


def lines(items: Sequence[str]) -> list[tuple[str, int]]:
    """Return the SKU and the quantity in pieces of each `SKU=QTY`, in the caller's order.

    Raises InvalidInput, which names the item by its place, counted from 1.
    """
    hint = "write SKU=QTY, for example HX-1=3"
    if not items:
        raise InvalidInput("there are no lines", hint=hint)
    parsed = []
    for place, item in enumerate(items, start=1):
        sku, equals, pieces = item.rpartition("=")
        try:
            if not equals:
                raise InvalidInput("there is no '='")
            parsed.append((code(sku, what="SKU"), quantity(pieces)))
        except InvalidInput as error:
            raise InvalidInput(f"line {place}, {quoted(item)}: {error.detail}", hint=hint) from None
    return parsed


def _measured(text: str, what: str, maximum: int) -> str:
    if 0 < len(text) <= maximum:
        return text
    if not text:
        raise InvalidInput(f"the {what} is empty")
    raise InvalidInput(f"the {what} has {len(text)} characters; at most {maximum} are allowed")


def _composed(text: str, what: str, maximum: int, forbidden: re.Pattern[str]) -> str:
    """Return the text stripped and in form C, after refusing what may not stand in it at all."""
    text = text.strip(_SPACES)
    # Composing makes at most four characters one, so this much too long stays too long.
    if len(text) > 4 * maximum:
        _measured(text, what, maximum)
    if found := forbidden.search(text):
        kind = "half of a surrogate pair" if found[0] >= "\ud800" else "a control character"
        where = f"{found[0]!a} at character {found.start() + 1}"
        raise InvalidInput(f"the {what} has {kind}: {where}")
    if text.isascii():
        return text
    marks = 0
    for character in text:
        marks = marks + 1 if combining(character) else 0
        if marks > _MARKS_IN_A_ROW:
            raise InvalidInput(f"the {what} has more than {_MARKS_IN_A_ROW} accents on one letter")
    return text if is_normalized("NFC", text) else normalize("NFC", text)
