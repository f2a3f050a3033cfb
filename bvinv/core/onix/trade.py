"""What an ONIX product says of its sale: status, publication date, price.

What a supplier has on hand (2.1 and 3.x <Stock>) is the supplier's stock and not ours: it is not
looked at.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from bvinv.core.onix.tags import first

# List 64, publishing status. Forthcoming (02) and postponed (03) books are drafts, and so are
# those withdrawn for a time (16): they are not sold yet, and their price may still move without
# anybody's approval. 00 unspecified, 05 sold to another publisher, who goes on with it, and 09
# unknown say nothing of what we do.
_STATUSES = {
    **dict.fromkeys(("02", "03", "16"), "draft"),
    **dict.fromkeys(("04", "13", "18"), "active"),
    **dict.fromkeys(("01", "06", "07", "08", "10", "11", "12", "15", "17"), "discontinued"),
}
# List 58, price type: what a customer pays, best first. Recommended 02, 01; fixed 04, 03; set by
# the publisher (agency) 42, 41; each with tax before without. The others are what we pay, or
# for special sales. A price without a type comes last.
_PRICE_TYPES = ("02", "01", "04", "03", "42", "41", "")
# List 59, price qualifier: 00 unqualified, 05 consumer. Others are for members, libraries, offers.
_FOR_ALL = ("", "00", "05")
# List 55, date format: how many digits of it are year, month and day. Weeks, quarters and seasons
# leave the year; 13 and 14 have a time behind. Spreads, texts and the Hijri calendar leave none.
_DIGITS = {"00": 8, "01": 6, "02": 4, "03": 4, "04": 4, "05": 4, "13": 8, "14": 8}


class Defaults(NamedTuple):
    """What a message's header says for every product that does not say it itself."""

    currency: str = ""
    price_type: str = ""
    language: str = ""


class Offer(NamedTuple):
    """A price as it is written, its currency, and how available that supplier has the product."""

    price: str
    currency: str
    availability: str


def defaults(header: Element) -> Defaults:
    """Return the defaults of a message's header."""
    return Defaults(
        currency=first(header, "DefaultCurrencyCode"),
        price_type=first(header, "DefaultPriceType", "DefaultPriceTypeCode"),
        language=first(header, "DefaultLanguageOfText"),
    )


def status(product: Element, published: Element) -> str:
    """Return active, draft, discontinued, or "" where the message does not say.

    Notification type 05 (List 1) asks to delete the record; what was sold stays in our books.
    """
    if first(product, "NotificationType") == "05":
        return "discontinued"
    return _STATUSES.get(first(published, "PublishingStatus"), "")


def publication_date(published: Element) -> str:
    """Return the date of publication as YYYY, YYYY-MM or YYYY-MM-DD.

    3.x: date role 01 (List 163); 2.1: PublicationDate. What is no date stays as it is, so that
    the row is refused with the reason.
    """
    for date in published.iterfind("PublishingDate"):
        if first(date, "PublishingDateRole") == "01" and (written := first(date, "Date")):
            element = date.find("Date")
            attribute = "" if element is None else element.get("dateformat", "")
            return _date(written, attribute or first(date, "DateFormat"))
    element = published.find("PublicationDate")
    if element is None:
        return ""
    return _date(first(published, "PublicationDate"), element.get("dateformat", ""))


def _date(written: str, date_format: str) -> str:
    if date_format and date_format not in _DIGITS:
        return ""
    leading = re.match("[0-9]*", written)
    digits = leading[0] if leading else ""
    length = _DIGITS.get(date_format, 8)
    # Senders leave out the format where it is not the default.
    if date_format in ("", "00") and digits == written and len(digits) in (4, 6):
        length = len(digits)
    if len(digits) < length:
        return written
    parts = [digits[:4], digits[4:length][:2], digits[6:length]]
    return "-".join(part for part in parts if part.strip("0"))


def offer(product: Element, *, defaults: Defaults, currency: str | None) -> Offer:
    """Return the price to a customer in this currency, or in that of the first such price.

    Of several, the type decides, then the order in the message. No price where the product is
    unpriced, or where nothing says in which currency it is.
    """
    supplies = [*product.iterfind("SupplyDetail"), *product.iterfind("ProductSupply/SupplyDetail")]
    prices = [found for supply in supplies for found in _prices(supply, defaults)]
    wanted = currency or (prices[0].offer.currency if prices else "")
    fitting = [found for found in prices if found.offer.currency == wanted]
    if fitting:
        return min(fitting, key=lambda found: found.rank).offer
    return Offer("", "", next(filter(None, map(_availability, supplies)), ""))


class _Price(NamedTuple):
    rank: tuple[bool, int]
    offer: Offer


def _prices(supply: Element, defaults: Defaults) -> Iterator[_Price]:
    availability = _availability(supply)
    for price in supply.iterfind("Price"):
        amount = first(price, "PriceAmount")
        currency = (first(price, "CurrencyCode") or defaults.currency).upper()
        kind = first(price, "PriceType", "PriceTypeCode") or defaults.price_type
        if amount and currency and kind in _PRICE_TYPES:
            is_special = first(price, "PriceQualifier") not in _FOR_ALL
            rank = (is_special, _PRICE_TYPES.index(kind))
            yield _Price(rank, Offer(amount, currency, availability))


def _availability(supply: Element) -> str:
    """Return the code of List 65, in 2.1 also the older one of List 54 (two letters)."""
    return first(supply, "ProductAvailability", "AvailabilityCode")
