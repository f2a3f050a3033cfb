"""What a scanned line says: a word for the program, or a code and the names it may stand for.

GS1 General Specifications (release 24): the check digit of every GTIN in 7.9.1, the numbers that
EAN/UPC symbols carry and their two- and five-digit add-ons in 5.2, the symbology identifiers that
scanners put before a code (ISO/IEC 15424) in 5.1.3. A UPC-A is an EAN-13 whose leading zero is not
printed. ISBN-10 and ISBN-13: see `isbn`.
"""

import re
from typing import NamedTuple

from bvinv.core import isbn
from bvinv.core.errors import InvalidInput

LONGEST = 100  # characters of a code

_IDENTIFIER = re.compile(r"\][A-Za-z][0-9A-Za-z](?=.)")
_CODE_39 = re.compile(r"\*([^*\s][^*]*)\*")
# What a keyboard wedge adds around a code: ends of lines, tabs, and separators of GS1-128.
_AROUND = "".join(map(chr, range(33))) + "\x7f\ufeff\u00a0"
_WORD = re.compile(r"\*\s*([A-Za-z-]+)((?:\s[^*]*)?)")
_SEPARATORS = re.compile("[-\u2010-\u2013 ]")
_ADD_ON = re.compile(r"([0-9]{12,13})[ +]?([0-9]{5}|[0-9]{2})")
_ISBN_10 = re.compile("[0-9]{9}[0-9Xx]")
_GTIN_LENGTHS = (12, 13, 14)
# Application identifier 01: a GTIN of 14 digits follows, in GS1-128 and GS1 DataMatrix.
_IDENTIFIED = re.compile(r"\(?01\)?([0-9]{14})")


class Word(NamedTuple):
    """A line for the program itself: `*QTY 12`."""

    name: str
    rest: tuple[str, ...]


def read(line: str) -> Word | str | None:
    """Return the word or the code that a line is; None for an empty one.

    A line that begins with `*` is a word, unless it ends with one too: Code 39 prints a code
    between two of them, and some scanners send them. Raises InvalidInput for what cannot be a code.
    """
    said = line.strip(_AROUND)
    if not said:
        return None
    if len(said) > LONGEST:
        raise InvalidInput(f"the code has {len(said)} characters; at most {LONGEST} are read")
    if found := _CODE_39.fullmatch(said):
        return found[1].strip(_AROUND) or None
    if said.startswith("*"):
        name, *rest = said[1:].split() or [""]
        return Word(name.upper(), tuple(rest))
    return _IDENTIFIER.sub("", said, count=1) if said.startswith("]") else said


def shown(line: str) -> str:
    """Return a line as it can be kept and printed, whatever a scanner sent; the words `*qty` and
    `* QTY` are one."""
    kept = "".join(one if one.isprintable() else "?" for one in line.strip(_AROUND))
    if found := _WORD.fullmatch(kept):
        kept = f"*{found[1].upper()}{found[2]}"
    return kept[:LONGEST] or "?"


def names(code: str) -> list[str]:
    """Return what a code may stand for, what to look up first before the others.

    As it is; without hyphens and spaces; ISBN-10 as ISBN-13 and back; EAN-13 without the price or
    the issue added on; UPC-A with its zero, EAN-13 without it. Nothing else is padded: a shelf code
    of eight digits is no ISBN that lost its zeros.
    """
    found = [code]
    compact = _SEPARATORS.sub("", code)
    for number in (compact, *_without_add_on(code)):
        found += _forms(number)
    return list(dict.fromkeys(found))


def listed(code: str) -> str:
    """Return what an unknown code is called on the list: it without what is added on to it."""
    return next(iter(_without_add_on(code)), code)


def misread(code: str) -> str | None:
    """Return why a code was read wrongly, None where nothing speaks against it.

    It is one if it is as long as an ISBN, a UPC or an EAN and its check digit is another. Codes of
    eight digits are let through: shelves have such numbers of their own.
    """
    number = _SEPARATORS.sub("", code)
    if _without_add_on(code):
        return None
    if _ISBN_10.fullmatch(number):
        return None if isbn.find(number) else "a misread: the check digit is off"
    if not (number.isascii() and number.isdigit()):
        return None
    if len(number) in (24, 25, 26) and (fits(number[:13]) or fits(number[:12])):
        return "two codes in one line"
    is_extended = len(number) in (15, 18) and number.startswith(("978", "979"))
    if is_extended or (len(number) in _GTIN_LENGTHS and not fits(number)):
        return "a misread: the check digit is off"
    return None


def fits(number: str) -> bool:
    """Tell whether the last digit of a GTIN is right: weights 3 and 1 from the right, modulo 10."""
    if not (number.isascii() and number.isdigit()):
        return False
    digits = [int(one) for one in reversed(number)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _without_add_on(code: str) -> list[str]:
    found = _ADD_ON.fullmatch(code)
    if not found or (len(code) == 14 and fits(code)):  # a GTIN-14
        return []
    # 14 and 17 digits are a UPC-A and what is added; 15 and 18 an EAN-13.
    return [found[1]] if fits(found[1]) else []


def _forms(number: str) -> list[str]:
    if identified := _IDENTIFIED.fullmatch(number):
        number = identified[1]
    found = [number]
    if canonical := isbn.find(number):
        found.append(canonical)
        if canonical.startswith("978"):
            found.append(_isbn_10(canonical))
    if len(number) == 14 and number.startswith("0") and fits(number):
        number = number[1:]
        found += _forms(number)
    if len(number) == 12 and fits(number):
        found.append(f"0{number}")
    if len(number) == 13 and number.startswith("0") and fits(number):
        found.append(number[1:])
    return found


def _isbn_10(canonical: str) -> str:
    body = canonical[3:12]
    rest = sum(place * int(digit) for place, digit in enumerate(body, start=1)) % 11
    return body + "0123456789X"[rest]
