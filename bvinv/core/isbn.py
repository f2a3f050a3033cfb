"""ISBNs: what is one, what is wrong with one, and which one a spreadsheet has mangled.

The canonical form is ISBN-13 without hyphens. Check digits after the ISBN Users' Manual (7th
edition, section 4): modulo 10 with weights 1 and 3 for ISBN-13, modulo 11 for ISBN-10. The tests
compare them with python-stdnum, whose import would cost every command 10 ms.
"""

import re
from typing import NoReturn

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

# Hyphens, dashes, the minus and the spaces that people and word processors put between the groups.
_SEPARATORS = str.maketrans(
    dict.fromkeys("- \u00a0\u00ad\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
)
_SCIENTIFIC = re.compile(r"([0-9]{1,20})(?:[.,]([0-9]{0,20}))?[eE]\+?([0-9]{1,2})")
_DECIMAL_ZERO = re.compile(r"(?<=[0-9])\.0+$")
_ISBN10_TAIL = re.compile("[0-9]+[0-9X]")
_LONGEST = 64
_FIRST, _LAST = 978 * 10**10, 980 * 10**10 - 1
_AS_TEXT = "set the column to text in the spreadsheet, enter the ISBN again, and save it again"


def find(text: str) -> str | None:
    """Return the canonical ISBN-13 if the text is a valid ISBN-10 or ISBN-13, otherwise None.

    Hyphens and spaces may stand anywhere. Nothing is padded, nothing is guessed.
    """
    if len(text) == 13 and text.isdigit() and text.isascii():
        # The ASCII code of "0" is 48, and 48 × (7 + 3 × 6) is a multiple of 10, so the codes
        # can be summed as they are.
        codes = text.encode()
        fits = (sum(codes[::2]) + 3 * sum(codes[1::2])) % 10 == 0
        return text if fits and text.startswith(("978", "979")) else None
    number = _compact(text)
    return None if _fault(number) else _converted(number)


def canonical(text: str) -> str:
    """Return the canonical ISBN-13; raise InvalidInput that says what is wrong."""
    number = _compact(text)
    if fault := _fault(number):
        _refuse(text, fault)
    return _converted(number)


def misread(text: str) -> str:
    """Return what is wrong with the check digit of what is an ISBN otherwise; nothing if all is
    well, or if it is no ISBN at all."""
    number = _compact(text)
    fault = _fault(number) or ""
    return f"as an ISBN, {fault}" if "check digit" in fault else ""


def recover(text: str) -> str:
    """Return the ISBN-13 that a spreadsheet cell stands for, if it can only be one.

    Besides ISBNs: numbers that lost the leading zeros of an ISBN-10, that gained ".0", or that
    were rounded to scientific notation. Raises InvalidInput with the reason.
    """
    text = text.strip()
    if found := find(text):
        return found
    if scientific := _SCIENTIFIC.fullmatch(text):
        return _unrounded(text, *scientific.groups(default=""))
    number = _compact(_DECIMAL_ZERO.sub("", text))
    if 7 <= len(number) <= 9 and _ISBN10_TAIL.fullmatch(number):
        padded = number.rjust(10, "0")
        if _fault(padded):
            _refuse(text, "the check digit does not fit, not even with leading zeros added")
        return _converted(padded)
    if fault := _fault(number):
        _refuse(text, fault)
    return _converted(number)


def _compact(text: str) -> str:
    return text.translate(_SEPARATORS).upper() if len(text) <= _LONGEST else text


def _converted(number: str) -> str:
    """Return a valid ISBN-10 or ISBN-13 as ISBN-13."""
    if len(number) == 13:
        return number
    body = f"978{number[:9]}"
    return body + _check_digit_13(body)


def _fault(number: str) -> str | None:
    """Return what is wrong with a number without separators, or None."""
    body, check = number[:-1], number[-1:]
    if not 0 < len(number) <= _LONGEST:
        return "it is too long for one" if number else "it is empty"
    if not (number.isascii() and body.isdigit() and (check.isdigit() or check == "X")):
        return _wrong_character(number)
    if len(number) == 10:
        right = _check_digit_10(body)
    elif len(number) != 13:
        return f"it has {len(number)} digits, and an ISBN has 10 or 13"
    elif check == "X":
        return _wrong_character(number)
    elif not number.startswith(("978", "979")):
        return f"it begins with {number[:3]}, and an ISBN-13 begins with 978 or 979"
    else:
        right = _check_digit_13(body)
    return None if check == right else f"its check digit is {check} and should be {right}"


def _wrong_character(number: str) -> str:
    wrong = next((c for c in number if not (c.isascii() and c.isdigit()) and c != "X"), "X")
    if wrong == "X":
        return "X can only be the last character of an ISBN-10"
    kind = "the letter " if wrong.isalpha() else ""
    return f"it has {kind}{wrong!r} in it"


def _check_digit_10(body: str) -> str:
    return "0123456789X"[sum(place * int(digit) for place, digit in enumerate(body, 1)) % 11]


def _check_digit_13(body: str) -> str:
    codes = body.encode()  # 48 × (6 + 3 × 6) is 2 modulo 10.
    return str((2 - sum(codes[::2]) - 3 * sum(codes[1::2])) % 10)


def _unrounded(text: str, whole: str, fraction: str, exponent: str) -> str:
    """Return the one ISBN that any formatter would have rounded to this number.

    Formatters differ on ties (C rounds half to even, spreadsheets half up), so both ends of the
    interval count. A formatter that then drops trailing zeros has rounded less than it seems, so
    what it could have meant lies in the interval too.
    """
    power = int(exponent) - len(fraction)
    scaled = int(whole + fraction)
    if power > 0:
        low, high = ((2 * scaled + sign) * 10**power // 2 for sign in (-1, 1))
    else:
        low, rest = divmod(scaled, 10**-power)
        if rest:
            _refuse(text, "it is not a whole number")
        high = low
    if low >= 10**10:
        return _only(text, _count(high) - _count(low - 1), max(low, _FIRST), 13)
    low, high = max(low, 10**6), min(high, 10**10 - 1)
    if high - low > 1000:  # Some 8 of 100 numbers are ISBN-10s without leading zeros.
        _refuse(text, "the last digits are gone: many ISBNs would fit", _AS_TEXT)
    fitting = [number for number in range(low, high + 1) if find(f"{number:010}")]
    return _only(text, len(fitting), fitting[0] if fitting else 0, 10)


def _count(number: int) -> int:
    """Return how many valid ISBN-13s are not above the number: one in each ten that are begun."""
    if number < _FIRST:
        return 0
    body, last = divmod(min(number, _LAST), 10)
    return body - _FIRST // 10 + (int(_check_digit_13(str(body))) <= last)


def _only(text: str, count: int, start: int, length: int) -> str:
    """Return the first ISBN from `start` on, given that exactly one fits."""
    if count == 0:
        _refuse(text, "no ISBN fits", _AS_TEXT)
    if count > 1:
        _refuse(text, f"the last digits are gone: {count} ISBNs would fit", _AS_TEXT)
    candidates = (find(f"{number:0{length}}") for number in range(start, start + 20))
    return next(found for found in candidates if found)


def _refuse(text: str, reason: str, hint: str | None = None) -> NoReturn:
    raise InvalidInput(f"{quoted(text)} is not an ISBN: {reason}", hint=hint)
