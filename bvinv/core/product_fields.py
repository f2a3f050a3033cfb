"""What a product's fields may say: one parser a field, from text to the column's value.

The same parsers serve the command line, files and HTTP. An empty text means "nothing there".
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from bvinv.core import dates, hosts, isbn, money, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.product import STATUSES, packed

DEFAULT_CURRENCY = "USD"
_LARGEST_PACK = 1_000_000
_HTTPS = "https://"
_LONGEST_URL = 2000
# Printable ASCII without a backslash; the first part ends before `/`, `?` or `#`.
_USUAL_URL = re.compile(r"https://([!\"$-.0->@-\[\]-~]*)([!-\[\]-~]*)")
_MOST_PAIRS = 100
_TRUTHS = {"true": True, "false": False}
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,16})\.[0-9]{1,17}")
_SLUG = re.compile(r"[^a-z0-9]+")
_RATING = re.compile(r"([0-5])(?:\.([0-9]{1,2})0*)?")


def sku(value: str) -> str:
    """Return a SKU of at most 64 characters."""
    return text.code(value, what="SKU")


def slug(value: str) -> str:
    """Return a category's slug from its slug or its name: "Young Adult" is young-adult."""
    name = text.line(value, what="category", maximum=100)
    if not name.isascii():
        name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    found = _SLUG.sub("-", name.lower()).strip("-")
    if not found:
        raise InvalidInput(f"the category {text.quoted(value)} has no letters for a slug")
    return found


def rating(value: str) -> int:
    """Return a rating from 0 to 5 in hundredths."""
    match = _RATING.fullmatch(value)
    hundredths = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else 501
    if hundredths > 500:
        raise InvalidInput(
            f"the rating must be from 0 to 5 with two decimals at most, not {text.quoted(value)}"
        )
    return hundredths


def status(value: str) -> str:
    """Return one of draft, active, discontinued."""
    if value not in STATUSES:
        raise InvalidInput(f"the status is one of {', '.join(STATUSES)}, not {text.quoted(value)}")
    return value


def image_url(value: str) -> str:
    """Return an https address on a public host, the host spelt as DNS has it. Nothing is fetched.

    Raises InvalidInput, also for a login in it, another port, or an address of a private network.
    """
    if (usual := _USUAL_URL.fullmatch(value)) and len(value) <= _LONGEST_URL:
        return f"{_HTTPS}{hosts.public(usual[1])}{usual[2]}"
    checked = text.line(value, what="image URL", maximum=_LONGEST_URL)
    if checked[: len(_HTTPS)].lower() != _HTTPS:
        raise InvalidInput(f"the image URL must begin with https://, not {text.quoted(value)}")
    if " " in checked or "\\" in checked:
        raise InvalidInput(f"the image URL has a space or a backslash in it: {text.quoted(value)}")
    start = beginning(checked)
    return f"{_HTTPS}{hosts.public(start[len(_HTTPS) :])}{checked[len(start) :]}"


def beginning(address: str) -> str:
    """Return an https address up to its path, query or fragment."""
    ends = (address.find(mark, len(_HTTPS)) for mark in "/?#")
    return address[: min((end for end in ends if end >= 0), default=len(address))]


def pairs(value: str, *, what: str) -> dict[str, Any]:
    """Return names and plain values, None for one that is taken away, from JSON or `k=v;k=v`.

    JSON keeps its own types; a text beside `=` becomes what `typed` makes of it. Raises
    InvalidInput, also for a number that would lose digits, and for a name that comes twice.
    """
    if value.startswith("{"):
        try:
            found = _JSON.decode(value)
        except (ValueError, RecursionError):
            raise InvalidInput(f"the {what} are not JSON: {text.quoted(value)}") from None
    else:
        found = [_pair(part, what) for part in value.split(";") if part.strip()]
    checked: dict[str, Any] = {}
    for said, one in found:
        name = text.code(said, what=f"name in {what}")
        if name in checked:
            raise InvalidInput(f"the {what} say {text.quoted(name)} twice")
        checked[name] = _scalar(one, f"{what} {name}")
    return checked


def stored_pairs(value: str, *, what: str) -> str:
    """Return what `pairs` says of a product that has nothing yet, as it is stored."""
    return merged("{}", value, what=what)


def merged(stored: str, value: str, *, what: str) -> str:
    """Return stored pairs with changes: new names and values; what has no value goes away.

    As RFC 7396, "JSON Merge Patch", has it. Raises InvalidInput for more than 100.
    """
    found = json.loads(stored) | pairs(value, what=what)
    kept = {name: one for name, one in found.items() if one is not None}
    if len(kept) > _MOST_PAIRS:
        raise InvalidInput(f"a product has {_MOST_PAIRS} {what} at most, not {len(kept)}")
    return packed(kept)


def typed(value: str) -> Any:
    """Return the number or truth that a text says, else the text: `01` and `1.50` are texts.

    A text is a number only if the number, written down, is that text again.
    """
    if value in _TRUTHS:
        return _TRUTHS[value]
    if _WHOLE.fullmatch(value):
        return int(value)
    if _DECIMAL.fullmatch(value) and repr(float(value)) == value:
        return float(value)
    return value


def written_pairs(said: Sequence[str], *, what: str) -> str:
    """Return NAME=VALUE texts as `pairs` reads them; one empty text stays empty."""
    if list(said) == [""]:
        return ""
    found: dict[str, Any] = {}
    for one in said:
        name, value = _pair(one, what)
        if name in found:
            raise InvalidInput(f"the {what} say {text.quoted(name)} twice")
        found[name] = value
    return packed(found)


def _scalar(one: Any, what: str) -> Any:
    if isinstance(one, str):
        return text.line(one, what=what) if one else None
    if isinstance(one, (dict, list)):
        raise InvalidInput(f"the {what} must be a plain value, not a list or an object")
    return one


def _whole(written: str) -> int:
    """Return a JSON number without a point, of at most 64 bits. Raises InvalidInput."""
    number = int(written) if len(written) <= 20 else 2**64
    if not -(2**63) <= number < 2**63:
        raise InvalidInput(
            f"the number {text.quoted(written)} is too large", hint="write it in quotes"
        )
    return number


def _exact(written: str) -> float:
    """Return a JSON number with a point or an exponent. Raises InvalidInput if digits get lost."""
    number = float(written)
    try:
        is_same = math.isfinite(number) and Decimal(repr(number)) == Decimal(written)
    except InvalidOperation:  # an exponent of twenty digits
        is_same = False
    if not is_same:
        raise InvalidInput(
            f"the number {text.quoted(written)} would lose digits", hint="write it in quotes"
        )
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


# Objects come as lists of pairs, so that a name that is there twice is seen.
_JSON = json.JSONDecoder(
    parse_int=_whole,
    parse_float=_exact,
    parse_constant=_refuse_constant,
    object_pairs_hook=list,
)


def _pair(part: str, what: str) -> tuple[str, Any]:
    name, separator, value = part.partition("=")
    if not separator:
        raise InvalidInput(f"{what} are written NAME=VALUE, not {text.quoted(part)}")
    return name.strip(" "), typed(value.strip(" "))


def barcodes(value: str) -> dict[str, int]:
    """Return the pieces that each code stands for, written CODE or CODE=PACK, with a space or `;`
    between them."""
    found: dict[str, int] = {}
    for one in value.replace(";", " ").split():
        written, equals, pack = one.partition("=")
        code = text.code(written, what="barcode")
        pieces = text.quantity(pack, what="pack", maximum=_LARGEST_PACK) if equals else 1
        if found.setdefault(code, pieces) != pieces:
            raise InvalidInput(f"the barcode {code} stands for {found[code]} and {pieces} pieces")
    return found


def written_barcode(code: str, pack: int) -> str:
    """Return a barcode as `barcodes` reads it."""
    return code if pack == 1 else f"{code}={pack}"


# The columns of an import, by name; `price` needs its currency and is parsed after all others.
PARSERS: dict[str, Callable[[str], Any]] = {
    "sku": sku,
    "isbn": isbn.recover,
    "title": lambda value: text.line(value, what="title", maximum=1000),
    "author": lambda value: text.line(value, what="author", maximum=1000),
    "description": lambda value: text.block(value, what="description", maximum=100_000),
    "category": slug,
    "price": str,
    "currency": money.currency,
    "status": status,
    "publication_date": dates.parse,
    "rating": rating,
    "image_url": image_url,
    "attributes": lambda value: stored_pairs(value, what="attributes"),
    "variant_of": sku,
    "options": lambda value: stored_pairs(value, what="options"),
    "barcode": barcodes,
}


def truth(value: str) -> int:
    """Return 1 for `true` and 0 for `false`."""
    if value not in _TRUTHS:
        raise InvalidInput(f"it is either true or false, not {text.quoted(value)}")
    return int(_TRUTHS[value])


# How a product is kept; set one by one, and in no file of a supplier.
FLAGS: dict[str, Callable[[str], Any]] = {
    "tracks_lots": truth,
    "protects_safety_stock": truth,
}
# What an empty text means where it does not mean NULL.
EMPTY: dict[str, Any] = {
    "author": "",
    "description": "",
    "attributes": "{}",
    "options": "{}",
    "status": "active",
    "barcode": {},
    "tracks_lots": 0,
    "protects_safety_stock": 0,
}
# A product with nothing in it: what an insert writes where no field says otherwise.
BLANK: dict[str, Any] = {
    "isbn": None,
    "author": "",
    "description": "",
    "category_id": None,
    "price": None,
    "currency": None,
    "status": "active",
    "publication_date": None,
    "rating": None,
    "popularity": 0,
    "image_url": None,
    "attributes": "{}",
    "variant_of": None,
    "options": "{}",
    "version": 1,
    "tracks_lots": 0,
    "protects_safety_stock": 0,
}


class FieldError(InvalidInput):
    """A field that cannot be read; `field` is its name."""

    def __init__(self, field: str, error: InvalidInput) -> None:
        super().__init__(error.detail, hint=error.hint, field=field)
        self.field = field


def parse(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return column values for these texts, `category` and `variant_of` still as their codes.

    Raises FieldError for the first field that cannot be read.
    """
    values: dict[str, Any] = {}
    for field, value in fields.items():
        try:
            parser = PARSERS.get(field) or FLAGS[field]
            values[field] = parser(value) if value else EMPTY.get(field)
        except InvalidInput as error:
            raise FieldError(field, error) from None
    if values.get("price") is not None:
        currency = values.get("currency") or DEFAULT_CURRENCY
        try:
            values["price"] = money.minor_units(values["price"], currency)
        except InvalidInput as error:
            raise FieldError("price", error) from None
        values["currency"] = currency
    elif "price" in values:
        values["currency"] = None
    elif values.pop("currency", None):
        raise FieldError("currency", InvalidInput("a currency needs a price beside it"))
    return values
