"""What a product's fields may say: one parser a field, from text to the column's value.

The same parsers serve the command line, files and HTTP. An empty text means "nothing there".
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from bvinv.core import dates, isbn, money, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.product import STATUSES, packed

DEFAULT_CURRENCY = "USD"
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
    """Return an http or https address. It is kept, never fetched."""
    checked = text.line(value, what="image URL", maximum=2000)
    if not checked.startswith(("https://", "http://")) or " " in checked:
        raise InvalidInput(f"the image URL must begin with https://, not {text.quoted(value)}")
    try:
        host = urlsplit(checked).hostname
    except ValueError:
        host = None
    if not host:
        raise InvalidInput(f"the image URL names no host: {text.quoted(value)}")
    return checked


def pairs(value: str, *, what: str) -> str:
    """Return a JSON object of scalars, as stored. Takes JSON or `k=v` joined by `;`."""
    if value.startswith("{"):
        try:
            found = json.loads(value, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise InvalidInput(f"the {what} are not JSON: {text.quoted(value)}") from None
        items = found.items()
    else:
        items = [_pair(part, what) for part in value.split(";") if part.strip()]
    checked = {}
    for name, one in items:
        if isinstance(one, (dict, list)):
            raise InvalidInput(f"the {what} hold plain values, not lists or objects")
        checked[text.code(name, what=f"name in {what}")] = (
            text.line(one, what=f"{what} {name}") if isinstance(one, str) else one
        )
    return packed(checked)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _pair(part: str, what: str) -> tuple[str, str]:
    name, separator, value = part.partition("=")
    if not separator:
        raise InvalidInput(f"{what} are written NAME=VALUE, not {text.quoted(part)}")
    return name, value


def barcodes(value: str) -> list[str]:
    """Return codes written with a space or `;` between them."""
    return [barcode(one) for one in value.replace(";", " ").split()]


def barcode(value: str) -> str:
    """Return one code: printable, without spaces, at most 64 characters."""
    checked = text.code(value, what="barcode")
    if " " in checked:
        raise InvalidInput(f"the barcode {text.quoted(value)} has a space in it")
    return checked


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
    "attributes": lambda value: pairs(value, what="attributes"),
    "variant_of": sku,
    "options": lambda value: pairs(value, what="options"),
    "barcode": barcodes,
}
# What an empty text means where it does not mean NULL.
EMPTY: dict[str, Any] = {
    "author": "",
    "description": "",
    "attributes": "{}",
    "options": "{}",
    "status": "active",
    "barcode": [],
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
            values[field] = PARSERS[field](value) if value else EMPTY.get(field)
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
