"""What an ONIX product says that has no column of its own: its attributes."""

from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element

from bvinv.core.onix.tags import first, ranked, whole
from bvinv.core.onix.trade import Defaults, Offer

_LONGEST_LINE = 500
# List 150, and List 7 in 2.1 (where DG is what 3.x calls ED): the forms that shops have names for.
_FORMATS = {
    "AA": "Audio",
    "AC": "Audio CD",
    "AJ": "Audio download",
    "AN": "Audio download",
    "AO": "Audio stream",
    "BA": "Book",
    "BB": "Hardback",
    "BC": "Paperback",
    "BD": "Loose-leaf",
    "BE": "Spiral bound",
    "BF": "Pamphlet",
    "BG": "Leather bound",
    "BH": "Board book",
    "BI": "Rag book",
    "BJ": "Bath book",
    "BK": "Novelty book",
    "BM": "Big book",
    "CA": "Sheet map",
    "CB": "Folded map",
    "DB": "CD-ROM",
    "DG": "E-book",
    "EA": "E-book",
    "EB": "E-book",
    "EC": "Online book",
    "ED": "E-book",
    "PC": "Calendar",
    "PD": "Cards",
    "PI": "Sheet music",
    "PK": "Poster",
    "SA": "Set",
    "SB": "Boxed set",
    "SC": "Slipcased set",
    "VI": "DVD video",
    "ZE": "Game",
    "ZJ": "Jigsaw",
}
# List 23, extent type: main content, content, numbered, production, absolute, print counterpart,
# notional.
_PAGE_COUNTS = ("00", "11", "05", "06", "07", "08", "10")
# List 48, measure type, and the unit of List 50 that we keep: millimetres and grams.
_MEASURES = {
    ("01", "mm"): "height_mm",
    ("02", "mm"): "width_mm",
    ("03", "mm"): "thickness_mm",
    ("08", "gr"): "weight_g",
}

Attributes = dict[str, str | int | float]


def attributes(
    described: Element, published: Element, offer: Offer, defaults: Defaults
) -> Attributes:
    """Return what the message says of these, and nothing for what it does not say.

    Publisher (List 45: role 01, else the first), imprint, product form (code and name), pages,
    language (List 22: role 01), series, edition, keywords (List 27: scheme 20), measures, and the
    availability at the supplier whose price was taken (List 65).
    """
    form = first(described, "ProductForm")
    found: dict[str, str | int | float | None] = {
        "publisher": _publisher(published),
        "imprint": first(published.find("Imprint"), "ImprintName"),
        "product_form": form,
        "format": _FORMATS.get(form, ""),
        "pages": _pages(described),
        "language": _language(described) or defaults.language,
        "series": _series(described),
        "edition": whole(first(described, "EditionNumber")),
        "keywords": _keywords(described),
        **_measures(described),
        "availability_code": offer.availability,
    }
    return {name: value for name, value in found.items() if value}


def _publisher(published: Element) -> str:
    publishers = published.findall("Publisher")
    main = [one for one in publishers if first(one, "PublishingRole") == "01"]
    return next((name for one in main or publishers if (name := first(one, "PublisherName"))), "")


def _pages(described: Element) -> int | None:
    """Return the pages of the main content (List 23: 00, in 2.1 NumberOfPages), else another count.

    List 24, unit: 03 pages.
    """
    extents = [
        (first(extent, "ExtentType"), extent)
        for extent in described.iterfind("Extent")
        if first(extent, "ExtentUnit") == "03"
    ]
    written = [first(extent, "ExtentValue") for extent in ranked(_PAGE_COUNTS, extents)]
    main = [first(extent, "ExtentValue") for extent in ranked(("00",), extents)]
    counts = (*main, first(described, "NumberOfPages"), *written)
    return next(filter(None, map(whole, counts)), None)


def _language(described: Element) -> str:
    for language in described.iterfind("Language"):
        if first(language, "LanguageRole") == "01":
            return first(language, "LanguageCode")
    return first(described, "LanguageOfText")


def _series(described: Element) -> str:
    """Return the title of the first collection (3.x) or series (2.1) that has one.

    Of a collection's title, the element of level 02 (List 149), the collection's own.
    """
    for series in [*described.iterfind("Collection"), *described.iterfind("Series")]:
        titles = [*series.iterfind("TitleDetail/TitleElement"), *series.iterfind("Title")]
        own = [one for one in titles if first(one, "TitleElementLevel") == "02"]
        names = [first(series, "TitleOfSeries"), *map(_series_title, own or titles)]
        if found := next(filter(None, names), ""):
            return found
    return ""


def _series_title(element: Element) -> str:
    parts = (first(element, "TitlePrefix"), first(element, "TitleWithoutPrefix"))
    return " ".join(filter(None, parts)) if parts[1] else first(element, "TitleText")


def _keywords(described: Element) -> str:
    """Return the keywords once each, as many of them as a line holds."""
    written = (
        first(subject, "SubjectHeadingText", "SubjectCode")
        for subject in described.iterfind("Subject")
        if first(subject, "SubjectSchemeIdentifier") == "20"
    )
    words = dict.fromkeys(word.strip() for text in written for word in text.split(";"))
    line = ""
    for word in filter(None, words):
        longer = f"{line}; {word}" if line else word
        if len(longer) <= _LONGEST_LINE:
            line = longer
    return line


def _measures(described: Element) -> Attributes:
    measures: Attributes = {}
    for measure in described.iterfind("Measure"):
        kind = first(measure, "MeasureType", "MeasureTypeCode")
        name = _MEASURES.get((kind, first(measure, "MeasureUnitCode")))
        value = _number(first(measure, "Measurement"))
        if name and value is not None:
            measures.setdefault(name, value)
    return measures


def _number(written: str) -> int | float | None:
    """Return a measurement, whole where it is: 197.0 and 197 are one."""
    try:
        number = Decimal(written)
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 < number < 10**9:
        return None
    return int(number) if number == int(number) else float(number)
