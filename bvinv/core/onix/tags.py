"""The tags of ONIX for Books that carry a product's fields, by their reference names.

A message is written with reference names (`ProductIdentifier`, `IDValue`) or with short tags
(`productidentifier`, `b244`): a composite's short tag is its name in lower case, an element's is
a letter and a number from the ONIX schemas. Releases 2.1, 3.0 and 3.1 never use one short tag for
two of these elements. Everything that is not named here is passed over unread, with all that
stands in it: related products, parts of a set, rights, the supplier's stock.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element

_COMPOSITES = (
    "Header",
    "Product",
    "ProductIdentifier",
    "DescriptiveDetail",
    "Measure",
    "Collection",
    "Series",
    "Title",
    "TitleDetail",
    "TitleElement",
    "Contributor",
    "Language",
    "Extent",
    "Subject",
    "MainSubject",
    "CollateralDetail",
    "OtherText",
    "TextContent",
    "SupportingResource",
    "ResourceVersion",
    "MediaFile",
    "PublishingDetail",
    "Imprint",
    "Publisher",
    "PublishingDate",
    "ProductSupply",
    "SupplyDetail",
    "Price",
)
_ELEMENTS = {
    "a001": "RecordReference",
    "a002": "NotificationType",
    "b003": "PublicationDate",
    "b004": "ISBN",
    "b005": "EAN13",
    "b006": "UPC",
    "b012": "ProductForm",
    "b018": "TitleOfSeries",
    "b028": "DistinctiveTitle",
    "b029": "Subtitle",
    "b030": "TitlePrefix",
    "b031": "TitleWithoutPrefix",
    "b034": "SequenceNumber",
    "b035": "ContributorRole",
    "b036": "PersonName",
    "b037": "PersonNameInverted",
    "b039": "NamesBeforeKey",
    "b040": "KeyNames",
    "b041": "NamesAfterKey",
    "b047": "CorporateName",
    "b057": "EditionNumber",
    "b059": "LanguageOfText",
    "b061": "NumberOfPages",
    "b064": "BASICMainSubject",
    "b065": "BICMainSubject",
    "b067": "SubjectSchemeIdentifier",
    "b069": "SubjectCode",
    "b070": "SubjectHeadingText",
    "b079": "ImprintName",
    "b081": "PublisherName",
    "b191": "MainSubjectSchemeIdentifier",
    "b202": "TitleType",
    "b203": "TitleText",
    "b218": "ExtentType",
    "b219": "ExtentValue",
    "b220": "ExtentUnit",
    "b221": "ProductIDType",
    "b244": "IDValue",
    "b247": "PrefixToKey",
    "b248": "SuffixToKey",
    "b252": "LanguageCode",
    "b253": "LanguageRole",
    "b291": "PublishingRole",
    "b306": "Date",
    "b394": "PublishingStatus",
    "c093": "MeasureTypeCode",
    "c094": "Measurement",
    "c095": "MeasureUnitCode",
    "d100": "Annotation",
    "d101": "MainDescription",
    "d102": "TextTypeCode",
    "d103": "TextFormat",
    "d104": "Text",
    "f114": "MediaFileTypeCode",
    "f116": "MediaFileLinkTypeCode",
    "f117": "MediaFileLink",
    "j141": "AvailabilityCode",
    "j148": "PriceTypeCode",
    "j151": "PriceAmount",
    "j152": "CurrencyCode",
    "j260": "DateFormat",
    "j261": "PriceQualifier",
    "j396": "ProductAvailability",
    "m184": "DefaultLanguageOfText",
    "m185": "DefaultPriceTypeCode",
    "m186": "DefaultCurrencyCode",
    "x310": "DefaultPriceType",
    "x315": "MeasureType",
    "x329": "CollectionType",
    "x409": "TitleElementLevel",
    "x410": "PartNumber",
    "x425": "MainSubject",
    "x426": "TextType",
    "x427": "ContentAudience",
    "x435": "ResourceLink",
    "x436": "ResourceContentType",
    "x437": "ResourceMode",
    "x441": "ResourceForm",
    "x443": "CorporateNameInverted",
    "x448": "PublishingDateRole",
    "x462": "PriceType",
}

# Both ways of writing a tag, to its reference name.
REFERENCE_NAMES = {
    **_ELEMENTS,
    **{name: name for name in _ELEMENTS.values()},
    **{name.lower(): name for name in _COMPOSITES},
    **{name: name for name in _COMPOSITES},
}
# These hold text that may be marked up: what stands in them is read whatever its tags are.
MARKED_UP = frozenset({"Text", "MainDescription", "Annotation"})
_SPACE = re.compile(r"[ \t\r\n]+")


def text(element: Element | None) -> str:
    """Return an element's text on one line."""
    if element is None:
        return ""
    found = "".join(element.itertext()) if len(element) else element.text or ""
    # Most texts are codes, which need no second look.
    return found if found.isalnum() else _SPACE.sub(" ", found).strip(" ")


def first(parent: Element | None, *names: str) -> str:
    """Return the text of the first of these children that is not empty."""
    if parent is None:
        return ""
    return next((found for name in names for found in texts(parent, name) if found), "")


def texts(parent: Element, name: str) -> Iterator[str]:
    """Yield the text of each of these children."""
    return (text(child) for child in parent.iterfind(name))


def block(product: Element, name: str) -> Element:
    """Return a block of 3.x; in 2.1 there are none, and all stands in the product itself."""
    found = product.find(name)
    return product if found is None else found


def ranked(codes: Sequence[str], elements: Iterable[tuple[str, Element]]) -> list[Element]:
    """Return the elements whose code is one of these, in the order of the codes."""
    pairs = [(codes.index(code), element) for code, element in elements if code in codes]
    return [element for _, element in sorted(pairs, key=lambda pair: pair[0])]


def whole(digits: str) -> int | None:
    """Return a number of up to nine digits, None for anything else."""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None
