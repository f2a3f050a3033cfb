"""Money: an integer of minor units (pence, cents) and an ISO 4217 currency code, never a float."""

from functools import cache
from unicodedata import category

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

_MAXIMUM = 10**15


def currency(text: str) -> str:
    """Return the upper-case ISO 4217 code; raise InvalidInput if there is none such.

    Codes without a minor unit (gold, test codes) are refused: nothing is sold in them.
    """
    code = text.strip().upper() if text.isascii() else ""
    if code in _decimals_by_code():
        return code
    raise InvalidInput(
        f"{quoted(text)} is not a currency", hint="write an ISO 4217 code, for example GBP"
    )


def minor_units(text: str, currency: str) -> int:
    """Return an amount of money in minor units of the currency: 12.99 GBP is 1299.

    From 0 to 10**15 minor units. Digits, and a point if the currency has decimals; further
    decimals must be zeros. Raises InvalidInput for anything else.
    """
    places = _decimals(currency)
    amount = text.strip()
    whole, point, fraction = amount.partition(".")
    if len(fraction) > places:
        fraction = fraction[:places] + fraction[places:].rstrip("0")
    digits = whole + fraction
    if (
        not (digits.isascii() and digits.isdigit())
        or not whole
        or len(fraction) > places
        or len(digits) > 30
        or amount[-1] == point
    ):
        raise _refused(amount, currency, places)
    minor = int(digits + "0" * (places - len(fraction)))
    if minor > _MAXIMUM:
        most = display(_MAXIMUM, currency)
        raise InvalidInput(f"{quoted(amount)} is too much: at most {most} {currency.upper()}")
    return minor


def display(minor: int, currency: str) -> str:
    """Return an amount in minor units as people write it, without the currency: 1299 is 12.99.

    Raises InvalidInput for an unknown currency.
    """
    places = _decimals(currency)
    if places == 0:
        return str(minor)
    whole, fraction = divmod(abs(minor), 10**places)
    return f"{'-' if minor < 0 else ''}{whole}.{fraction:0{places}}"


def _refused(amount: str, code: str, places: int) -> InvalidInput:
    code = currency(code)
    hint = f"write it like {display(1299, code)}"
    if any(category(character) == "Sc" for character in amount[:40]):
        hint += "; the currency is named apart, so leave its sign out"
    elif "," in amount[:40]:
        hint += ", with a point before the decimals and nothing between the thousands"
    elif amount[:1] == "-":
        hint += "; an amount cannot be negative"
    whole, _, fraction = amount.partition(".")
    if whole.isdigit() and fraction.isdigit() and len(fraction.rstrip("0")) > places:
        return InvalidInput(f"{quoted(amount)} has more decimals than {code}, which has {places}")
    return InvalidInput(f"{quoted(amount)} is not an amount of money in {code}", hint=hint)


@cache
def _decimals(text: str) -> int:
    return _decimals_by_code()[currency(text)]


@cache
def _decimals_by_code() -> dict[str, int]:
    # Here and not above: it reads an XML file, and most commands have no use for it.
    from iso4217 import Currency

    return {known.code: known.exponent for known in Currency if known.exponent is not None}
