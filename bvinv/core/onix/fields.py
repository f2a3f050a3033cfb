"""What an ONIX product says, as the fields of a product of ours.

The numbers of lists and their codes are those of EDItEUR's code lists, issue 69; the documentation
of each function names the ones it uses. Where 2.1 and 3.x say a thing in different places, both
are looked at, so that one book gives one row whatever its message is written in.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree.ElementTree import Element

from bvinv.core import isbn, product_fields
from bvinv.core.errors import InvalidInput
from bvinv.core.onix import markup, trade
from bvinv.core.onix.attributes import attributes
from bvinv.core.onix.tags import block, first, ranked, texts, whole
from bvinv.core.onix.trade import Defaults
from bvinv.core.text import quoted

COLUMNS = (
    "isbn",
    "barcode",
    "title",
    "author",
    "description",
    "category",
    "price",
    "currency",
    "status",
    "publication_date",
    "image_url",
    "attributes",
)
_ELISIONS = ("'", "’", "-")  # L'Étranger


def fields(product: Element, *, defaults: Defaults, currency: str | None) -> dict[str, Any]:
    """Return every column's text, "" where the message says nothing; attributes are a dict."""
    number, barcode = _identifiers(product)
    described = block(product, "DescriptiveDetail")
    collateral = block(product, "CollateralDetail")
    published = block(product, "PublishingDetail")
    offer = trade.offer(product, defaults=defaults, currency=currency)
    return {
        "isbn": number,
        "barcode": barcode,
        "title": _title(described),
        "author": _author(described),
        "description": _description(collateral),
        "category": _category(described),
        "price": offer.price,
        "currency": offer.currency,
        "status": trade.status(product, published),
        "publication_date": trade.publication_date(published),
        "image_url": _image_url(collateral),
        "attributes": attributes(described, published, offer, defaults),
    }


def fault(product: Element, found: dict[str, Any]) -> str:
    """Return why these fields are no row to import, "" if they are one.

    List 1, notification type: 88 and 89 are tests, to be thrown away. 12 to 14 (2.1) and a 04
    without all blocks (3.x) update a part; as a row, they would clear all else.
    """
    notification = first(product, "NotificationType")
    who = f"the product with the record reference {quoted(first(product, 'RecordReference'))}"
    if notification in ("88", "89"):
        return f"{who} is a test record (notification type {notification})"
    if not found["isbn"] and not found["barcode"]:
        return f"{who} has no ISBN, EAN or UPC (product ID type 15, 03, 02 or 04)"
    if notification == "05" and not found["title"]:
        return f"{who} is to be deleted, and nothing else is said of it: discontinue it by hand"
    if notification in ("12", "13", "14") or (notification == "04" and _is_partial(product)):
        return (
            f"{who} is a partial update (notification type {notification}), which says nothing "
            "of the product's other fields: ask for the whole record"
        )
    return ""


def _is_partial(product: Element) -> bool:
    blocks = ("DescriptiveDetail", "PublishingDetail", "ProductSupply")
    there = [product.find(name) is not None for name in blocks]
    return any(there) and not all(there)


# --- What the product is ------------------------------------------------------------------------


def _identifiers(product: Element) -> tuple[str, str]:
    """Return the ISBN and another barcode (List 5).

    ISBN: 15 ISBN-13, else 03 GTIN-13 that is one, else 02 ISBN-10; 2.1 also ISBN and EAN13 by
    themselves. Barcode: 03, else 04 UPC, where it is not the ISBN. 979-0 begins sheet music.
    """
    codes: dict[str, str] = {}
    for identifier in product.iterfind("ProductIdentifier"):
        codes.setdefault(first(identifier, "ProductIDType"), first(identifier, "IDValue"))
    for code, name in (("03", "EAN13"), ("02", "ISBN"), ("04", "UPC")):
        if text := first(product, name):
            codes.setdefault(code, text)
    ean = codes.get("03", "")
    gtin = isbn.find(ean) or "" if not ean.startswith("9790") else ""
    number = codes.get("15") or gtin or codes.get("02") or ""
    number = isbn.find(number) or number
    barcode = ean if ean and (gtin or ean) != number else codes.get("04", "")
    return number, barcode


def _title(described: Element) -> str:
    """Return the distinctive title (List 15: 01, else the first one), with its subtitle.

    3.x: the element of level 01 (List 149), the product; where that is only a part's number, all
    levels. 2.1 also DistinctiveTitle by itself.
    """
    titles = [*described.iterfind("TitleDetail"), *described.iterfind("Title")]
    for title in _of_type(titles, "TitleType", "01") or titles:
        elements = title.findall("TitleElement") or [title]
        product_level = _of_type(elements, "TitleElementLevel", "01") or elements
        if found := next(filter(None, map(_title_text, product_level)), ""):
            return found
        if found := ", ".join(filter(None, map(_part_text, _in_sequence(elements)))):
            return found
    return _title_text(described)


def _of_type(elements: list[Element], name: str, code: str) -> list[Element]:
    return [element for element in elements if first(element, name) == code]


def _in_sequence(elements: Iterable[Element]) -> list[Element]:
    """Return the elements by their sequence number, those without one last."""

    def place(element: Element) -> int:
        number = whole(first(element, "SequenceNumber"))
        return 10**9 if number is None else number

    return sorted(elements, key=place)


def _title_text(element: Element) -> str:
    title = first(element, "TitleWithoutPrefix")
    prefix = first(element, "TitlePrefix")
    if title and prefix:
        joint = "" if prefix.endswith(_ELISIONS) else " "
        title = f"{prefix}{joint}{title}"
    title = title or first(element, "TitleText", "DistinctiveTitle")
    subtitle = first(element, "Subtitle")
    return f"{title}: {subtitle}" if title and subtitle else title


def _part_text(element: Element) -> str:
    return ", ".join(filter(None, (_title_text(element), first(element, "PartNumber"))))


def _author(described: Element) -> str:
    """Return the names of the authors (List 17: A01, else any A, else anybody), with commas."""
    people = [
        (set(texts(contributor, "ContributorRole")), _name(contributor))
        for contributor in _in_sequence(described.iterfind("Contributor"))
    ]
    named = [(roles, name) for roles, name in people if name]
    authors = [name for roles, name in named if "A01" in roles]
    creators = [name for roles, name in named if any(role.startswith("A") for role in roles)]
    return ", ".join(dict.fromkeys(authors or creators or [name for _, name in named]))


def _name(contributor: Element) -> str:
    if name := first(contributor, "PersonName"):
        return name
    if first(contributor, "KeyNames"):
        parts = ("NamesBeforeKey", "PrefixToKey", "KeyNames", "NamesAfterKey", "SuffixToKey")
        return " ".join(filter(None, (first(contributor, part) for part in parts)))
    inverted = first(contributor, "PersonNameInverted")
    key, _, names = inverted.partition(", ")
    before, _, suffix = names.partition(", ")
    turned = " ".join(filter(None, (before, key, suffix)))
    return turned or first(contributor, "CorporateName", "CorporateNameInverted")


def _description(collateral: Element) -> str:
    """Return the main description in Markdown.

    3.x: text type 03 description, else 02 short one (List 153), for everybody or for customers
    (List 154: 00, 03). 2.1: 01 main, 03 long, 02 short one, 18 back cover (List 33).
    """
    texts = [
        *ranked(("03", "02"), _open_to_customers(collateral, "TextContent", "TextType")),
        *ranked(
            ("01", "03", "02", "18"),
            ((first(one, "TextTypeCode"), one) for one in collateral.iterfind("OtherText")),
        ),
    ]
    for one in texts:
        for text in one.iterfind("Text"):
            if found := markup.markdown(text, text_format=first(one, "TextFormat")):
                return found
    bare = [*collateral.iterfind("MainDescription"), *collateral.iterfind("Annotation")]
    return next(filter(None, map(markup.markdown, bare)), "")


def _open_to_customers(parent: Element, name: str, type_name: str) -> Iterator[tuple[str, Element]]:
    for element in parent.iterfind(name):
        audiences = set(texts(element, "ContentAudience"))
        if not audiences or audiences & {"00", "03"}:
            yield first(element, type_name), element


def _image_url(collateral: Element) -> str:
    """Return the front cover's address, where it is https and therefore one that is accepted.

    3.x: content 01 front cover (List 158), mode 03 image (159), form 01 linkable or 02
    downloadable (161). 2.1: media file type 04, else 06 in high quality (List 38), link type 01,
    a URL (40).
    """
    links = [
        first(version, "ResourceLink")
        for content, resource in _open_to_customers(
            collateral, "SupportingResource", "ResourceContentType"
        )
        if content == "01" and first(resource, "ResourceMode") == "03"
        for version in resource.iterfind("ResourceVersion")
        if first(version, "ResourceForm") in ("01", "02")
    ]
    files = ((first(one, "MediaFileTypeCode"), one) for one in collateral.iterfind("MediaFile"))
    links += [
        first(file, "MediaFileLink")
        for file in ranked(("04", "06"), files)
        if first(file, "MediaFileLinkTypeCode") == "01"
    ]
    secure = (link for link in links if link.startswith("https://") and " " not in link)
    return next(secure, "")


def _category(described: Element) -> str:
    """Return the main subject's heading, or its code where there is none to make a slug of.

    Schemes (List 27): 10 BISAC, 93 Thema, 12 BIC; else another one that is said to be the main
    subject and is no qualifier. A subject not said to be the main one counts after those.
    """
    subjects = [*_subjects(described)]
    headings = {(scheme, code): text for _, scheme, code, text in subjects if code and text}
    schemes = ("10", "93", "12")
    ranked = sorted(
        (not is_main, schemes.index(scheme) if scheme in schemes else len(schemes), place)
        for place, (is_main, scheme, _, _) in enumerate(subjects)
        if scheme in schemes or (is_main and scheme not in _QUALIFIERS)
    )
    for _, _, place in ranked:
        _, scheme, code, text = subjects[place]
        for found in (text, headings.get((scheme, code), ""), code):
            if found and _makes_a_slug(found):
                return found
    return ""


# Places, languages, times, purposes, ages and styles that say more of a subject; keywords.
_QUALIFIERS = frozenset(
    ("11", "13", "14", "15", "16", "17", "20", "22", "94", "95", "96", "97", "98", "99")
)


def _subjects(described: Element) -> Iterator[tuple[bool, str, str, str]]:
    """Yield (is the main one, scheme, code, heading) of each subject."""
    for code, name in (("10", "BASICMainSubject"), ("12", "BICMainSubject")):
        if text := first(described, name):
            yield True, code, text, ""
    for one in [*described.iterfind("MainSubject"), *described.iterfind("Subject")]:
        is_main = one.tag == "MainSubject" or one.find("MainSubject") is not None
        scheme = first(one, "MainSubjectSchemeIdentifier", "SubjectSchemeIdentifier")
        yield is_main, scheme, first(one, "SubjectCode"), first(one, "SubjectHeadingText")


def _makes_a_slug(text: str) -> bool:
    try:
        product_fields.slug(text)
    except InvalidInput:
        return False
    return True
