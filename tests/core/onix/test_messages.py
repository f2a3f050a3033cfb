"""ONIX messages: one row a product, the same whatever the message is written in."""

import codecs
import html
import io
import json
import re
import tracemalloc

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bvinv.core import product_fields
from bvinv.core.errors import InvalidInput
from bvinv.core.onix import markup, messages, tags
from tests.conftest import shared_data

SHORT = {name: tag for tag, name in tags.REFERENCE_NAMES.items() if tag != name}
ID = "<ProductIdentifier><ProductIDType>{}</ProductIDType><IDValue>{}</IDValue></ProductIdentifier>"
ISBN = ID.format("15", "9780306406157")

HEADER = "<Header><FromCompany>Quay Books</FromCompany></Header>"
RECORD = (
    "<RecordReference>quay.1</RecordReference><NotificationType>03</NotificationType>"
    + ID.format("02", "0306406152")
    + ISBN
    + ID.format("03", "5012345678900")
)
TITLE = (
    "<TitlePrefix>The</TitlePrefix><TitleWithoutPrefix>Tide Tables</TitleWithoutPrefix>"
    "<Subtitle>A year at the quay</Subtitle>"
)
PEOPLE = (
    "<Contributor><SequenceNumber>2</SequenceNumber><ContributorRole>A01</ContributorRole>"
    "<PersonNameInverted>Berg, Ole, Jr.</PersonNameInverted></Contributor>"
    "<Contributor><SequenceNumber>1</SequenceNumber><ContributorRole>A01</ContributorRole>"
    "<NamesBeforeKey>Ana</NamesBeforeKey><PrefixToKey>de</PrefixToKey><KeyNames>Mar</KeyNames>"
    "</Contributor><Contributor><SequenceNumber>3</SequenceNumber>"
    "<ContributorRole>A12</ContributorRole><PersonName>Kit Low</PersonName></Contributor>"
)
SUBJECTS = (
    "<Subject><SubjectSchemeIdentifier>20</SubjectSchemeIdentifier>"
    "<SubjectHeadingText>sea; moon ;sea</SubjectHeadingText></Subject>"
)
TEXT = "<p>Low <em>water</em> at six.</p><ul><li>boots</li><li>rope &amp; knots</li></ul>"
TRADE = (
    "<PriceAmount>12.50</PriceAmount><CurrencyCode>GBP</CurrencyCode></Price>"
    "<Price><{0}>02</{0}><PriceAmount>14.90</PriceAmount><CurrencyCode>EUR</CurrencyCode></Price>"
)
IMPRINT = (
    "<Imprint><ImprintName>Anchor</ImprintName></Imprint><Publisher>"
    "<PublishingRole>01</PublishingRole><PublisherName>Quay Books</PublisherName></Publisher>"
    "<PublishingStatus>04</PublishingStatus>"
)
LANGUAGE = "<Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>"
COVER = "https://img.example.com/9780306406157.jpg"


def measures(name: str) -> str:
    return "".join(
        f"<Measure><{name}>{kind}</{name}><Measurement>{value}</Measurement>"
        f"<MeasureUnitCode>{unit}</MeasureUnitCode></Measure>"
        for kind, value, unit in (("01", "198.0", "mm"), ("08", "240", "gr"), ("02", "5", "in"))
    )


OLD = (
    f"<Product>{RECORD}<ProductForm>BC</ProductForm>"
    "<Series><TitleOfSeries>The Shore</TitleOfSeries></Series>"
    f"<Title><TitleType>01</TitleType>{TITLE}</Title>{PEOPLE}"
    f"<EditionNumber>2</EditionNumber>{LANGUAGE}<NumberOfPages>128</NumberOfPages>"
    "<MainSubject><MainSubjectSchemeIdentifier>10</MainSubjectSchemeIdentifier>"
    "<SubjectCode>NAT025000</SubjectCode><SubjectHeadingText>NATURE / Oceans</SubjectHeadingText>"
    f"</MainSubject>{SUBJECTS}"
    "<OtherText><TextTypeCode>02</TextTypeCode><Text>Short.</Text></OtherText>"
    f'<OtherText><TextTypeCode>01</TextTypeCode><Text textformat="05">{TEXT}</Text></OtherText>'
    "<MediaFile><MediaFileTypeCode>04</MediaFileTypeCode>"
    "<MediaFileLinkTypeCode>01</MediaFileLinkTypeCode>"
    f"<MediaFileLink>{COVER}</MediaFileLink></MediaFile>{IMPRINT}"
    f"<PublicationDate>20240305</PublicationDate>{measures('MeasureTypeCode')}"
    "<RelatedProduct><RelationCode>06</RelationCode>"
    f"{ID.format('15', '9780140449136')}</RelatedProduct>"
    "<SupplyDetail><ProductAvailability>21</ProductAvailability>"
    "<Stock><OnHand>53</OnHand></Stock>"
    "<Price><PriceTypeCode>05</PriceTypeCode><PriceAmount>7.10</PriceAmount>"
    "<CurrencyCode>GBP</CurrencyCode></Price><Price><PriceTypeCode>02</PriceTypeCode>"
    f"{TRADE.format('PriceTypeCode')}</SupplyDetail></Product>"
)
NEW = (
    f"<Product>{RECORD}<DescriptiveDetail><ProductForm>BC</ProductForm>{measures('MeasureType')}"
    "<Collection><CollectionType>10</CollectionType><TitleDetail><TitleType>01</TitleType>"
    "<TitleElement><TitleElementLevel>02</TitleElementLevel><TitlePrefix>The</TitlePrefix>"
    "<TitleWithoutPrefix>Shore</TitleWithoutPrefix></TitleElement></TitleDetail></Collection>"
    "<TitleDetail><TitleType>01</TitleType><TitleElement>"
    f"<TitleElementLevel>01</TitleElementLevel>{TITLE}</TitleElement></TitleDetail>{PEOPLE}"
    f"<EditionNumber>2</EditionNumber>{LANGUAGE}<Extent><ExtentType>00</ExtentType>"
    "<ExtentValue>128</ExtentValue><ExtentUnit>03</ExtentUnit></Extent>"
    "<Subject><MainSubject/><SubjectSchemeIdentifier>10</SubjectSchemeIdentifier>"
    "<SubjectCode>NAT025000</SubjectCode><SubjectHeadingText>NATURE / Oceans</SubjectHeadingText>"
    f"</Subject>{SUBJECTS}</DescriptiveDetail><CollateralDetail>"
    "<TextContent><TextType>02</TextType><ContentAudience>00</ContentAudience>"
    "<Text>Short.</Text></TextContent>"
    "<TextContent><TextType>03</TextType><ContentAudience>02</ContentAudience>"
    "<Text>For the trade only.</Text></TextContent>"
    "<TextContent><TextType>03</TextType><ContentAudience>00</ContentAudience>"
    f'<Text textformat="05">{TEXT}</Text></TextContent>'
    "<SupportingResource><ResourceContentType>01</ResourceContentType>"
    "<ContentAudience>00</ContentAudience><ResourceMode>03</ResourceMode><ResourceVersion>"
    f"<ResourceForm>02</ResourceForm><ResourceLink>{COVER}</ResourceLink></ResourceVersion>"
    f"</SupportingResource></CollateralDetail><PublishingDetail>{IMPRINT}"
    "<PublishingDate><PublishingDateRole>11</PublishingDateRole><Date>1968</Date></PublishingDate>"
    "<PublishingDate><PublishingDateRole>01</PublishingDateRole>"
    '<Date dateformat="00">20240305</Date></PublishingDate></PublishingDetail>'
    "<RelatedMaterial><RelatedProduct><ProductRelationCode>06</ProductRelationCode>"
    f"{ID.format('15', '9780140449136')}</RelatedProduct></RelatedMaterial>"
    "<ProductSupply><SupplyDetail><ProductAvailability>21</ProductAvailability>"
    "<Stock><OnHand>53</OnHand></Stock><Price><PriceType>05</PriceType>"
    "<PriceAmount>7.10</PriceAmount><CurrencyCode>GBP</CurrencyCode></Price>"
    f"<Price><PriceType>02</PriceType>{TRADE.format('PriceType')}</SupplyDetail></ProductSupply>"
    "</Product>"
)
DOCTYPE = '<!DOCTYPE ONIXMessage SYSTEM "http://www.editeur.org/onix/2.1/onix-international.dtd">'


def message(*products: str, head: str = "", root: str = ' release="3.0"') -> bytes:
    return f"{head}<ONIXMessage{root}>{HEADER}{''.join(products)}</ONIXMessage>".encode()


def short(content: bytes) -> bytes:
    """Return a message with short tags instead of reference names."""
    text = content.decode().replace("ONIXMessage", "ONIXmessage")
    for name in ("RelatedProduct", "RelatedMaterial", "Stock"):
        SHORT.setdefault(name, name.lower())
    return re.sub(
        r"(</?)([A-Za-z0-9]+)", lambda tag: tag[1] + SHORT.get(tag[2], tag[2]), text
    ).encode()


def cells(content: bytes, currency: str | None = None) -> list[dict]:
    assert messages.check(io.BytesIO(content)) == len(
        list(messages.records(io.BytesIO(content), currency=None))
    )
    found = []
    for record in messages.records(io.BytesIO(content), currency=currency):
        assert record.fault == ""
        found.append(dict(zip(messages.COLUMNS, record.cells, strict=True)))
    return found


def cell(column: str, *, described="", collateral="", published="", supply="", **more) -> str:
    """Return one cell of a 3.0 product with an ISBN and these blocks."""
    product = (
        f"<Product><RecordReference>r</RecordReference>{ISBN}"
        f"<DescriptiveDetail>{described}</DescriptiveDetail>"
        f"<CollateralDetail>{collateral}</CollateralDetail>"
        f"<PublishingDetail>{published}</PublishingDetail>"
        f"<ProductSupply><SupplyDetail>{supply}</SupplyDetail></ProductSupply></Product>"
    )
    return cells(message(product), **more)[0][column]


def faults(content: bytes) -> list[str]:
    return [record.fault for record in messages.records(io.BytesIO(content), currency=None)]


def refusal(content: bytes) -> str:
    """Return why the message is refused: `check` and `records` say the same."""
    with pytest.raises(InvalidInput) as checked:
        messages.check(io.BytesIO(content))
    with pytest.raises(InvalidInput) as read:
        list(messages.records(io.BytesIO(content), currency=None))
    assert read.value.detail == checked.value.detail
    return checked.value.detail


# --- One book, any message ----------------------------------------------------------------------

OLD_NAMESPACE = ' xmlns="http://www.editeur.org/onix/2.1/reference"'
NAMESPACE = ' release="3.0" xmlns="http://ns.editeur.org/onix/3.0/reference"'
MESSAGES = {
    "2.1 reference": message(OLD, head=DOCTYPE, root=""),
    "2.1 short": short(message(OLD, head=DOCTYPE, root="")),
    "2.1 namespace": message(OLD, root=OLD_NAMESPACE),
    "3.0 reference": message(NEW, root=NAMESPACE),
    "3.0 short": short(message(NEW)),
    "3.0 prefix": message(NEW, root=NAMESPACE.replace("xmlns=", "xmlns:x="))
    .replace(b"</", b"</x:")
    .replace(b"<", b"<x:")
    .replace(b"<x:/x:", b"</x:"),
    "3.1 reference": message(NEW, root=' release="3.1"'),
    "3.1 short": short(message(NEW, root=' release="3.1"')),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_book_gives_the_same_row_in_any_release_and_either_kind_of_tags(kind):
    [found] = cells(MESSAGES[kind])
    assert json.loads(found.pop("attributes")) == {
        "publisher": "Quay Books",
        "imprint": "Anchor",
        "product_form": "BC",
        "format": "Paperback",
        "pages": 128,
        "language": "eng",
        "series": "The Shore",
        "edition": 2,
        "keywords": "sea; moon",
        "height_mm": 198,
        "weight_g": 240,
        "availability_code": "21",
    }
    assert found == {
        "isbn": "9780306406157",
        "barcode": "5012345678900",
        "title": "The Tide Tables: A year at the quay",
        "author": "Ana de Mar, Ole Berg Jr.",
        "description": "Low *water* at six.\n\n- boots\n- rope & knots",
        "category": "NATURE / Oceans",
        "price": "12.50",
        "currency": "GBP",
        "status": "active",
        "publication_date": "2024-03-05",
        "image_url": COVER,
    }
    assert messages.release(io.BytesIO(MESSAGES[kind])) == f"ONIX {kind[:3]}"


def test_a_row_knows_its_line_and_its_original_can_be_imported_as_json():
    content = message("\n\n" + NEW)
    [record] = messages.records(io.BytesIO(content), currency="EUR")
    original = json.loads(record.original)
    assert record.line == 3
    assert (original["price"], original["currency"]) == ("14.90", "EUR")
    assert original["attributes"]["pages"] == 128
    assert set(original) == set(messages.COLUMNS)
    assert set(messages.COLUMNS) < set(product_fields.PARSERS)


def test_what_a_message_does_not_say_is_blank():
    [found] = cells(message(f"<Product>{ISBN}</Product>"))
    assert {column: value for column, value in found.items() if value} == {"isbn": "9780306406157"}


# --- Releases -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "root", "expected"),
    [
        ("", "", "ONIX 2.1"),
        ('<!DOCTYPE ONIXMessage SYSTEM "https://x.org/DTD2.1r3/a.dtd">', "", "ONIX 2.1"),
        ("", ' release="2.1"', "ONIX 2.1"),
        ("", ' xmlns="http://ns.editeur.org/onix/3.1/reference"', "ONIX 3.1"),
    ],
)
def test_the_release_is_in_the_attribute_the_namespace_or_the_doctype(head, root, expected):
    assert messages.release(io.BytesIO(message(head=head, root=root))) == expected


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"<rss/>", "the file is XML, but not ONIX: its root element is 'rss'"),
        (message(root=' release="1.2"'), "the message is ONIX 1.2, which is not known"),
        (b"", "the XML is not well-formed in line 1, column 1: no element found"),
        (b"sku,title", "the XML is not well-formed in line 1, column 1: syntax error"),
    ],
)
def test_what_is_not_onix_is_refused(content, detail):
    with pytest.raises(InvalidInput) as caught:
        messages.release(io.BytesIO(content))
    assert caught.value.detail == detail == refusal(content)


# --- Fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifiers", "expected"),
    [
        (ID.format("03", "9780306406157"), ("9780306406157", "")),
        (ID.format("02", "0-306-40615-2"), ("9780306406157", "")),
        (ISBN + ID.format("04", "012345678905"), ("9780306406157", "012345678905")),
        (ID.format("03", "9790060115615"), ("", "9790060115615")),
        (ID.format("15", "9780306406150"), ("9780306406150", "")),
        ("<ISBN>0306406152</ISBN>", ("9780306406157", "")),
        ("<EAN13>9780306406157</EAN13>", ("9780306406157", "")),
    ],
)
def test_the_isbn_and_another_barcode(identifiers, expected):
    [found] = cells(message(f"<Product>{identifiers}</Product>"))
    assert (found["isbn"], found["barcode"]) == expected


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        (
            "<RecordReference>q.7</RecordReference>" + ID.format("01", "x"),
            "the product with the record reference 'q.7' has no ISBN, EAN or UPC "
            "(product ID type 15, 03, 02 or 04)",
        ),
        (
            f"<NotificationType>89</NotificationType>{ISBN}",
            "the product with the record reference '' is a test record (notification type 89)",
        ),
        (
            f"<NotificationType>05</NotificationType>{ISBN}",
            "the product with the record reference '' is to be deleted, and nothing else is said "
            "of it: discontinue it by hand",
        ),
        (
            f"<NotificationType>04</NotificationType>{ISBN}<ProductSupply/>",
            "the product with the record reference '' is a partial update (notification type 04), "
            "which says nothing of the product's other fields: ask for the whole record",
        ),
    ],
)
def test_a_product_that_is_no_row_is_a_fault_and_the_next_one_is_read(inside, fault):
    assert faults(message(f"<Product>{inside}</Product>", NEW)) == [fault, ""]


def titled(*elements: str, kind: str = "01") -> str:
    return f"<TitleDetail><TitleType>{kind}</TitleType>{''.join(elements)}</TitleDetail>"


def element(level: str, text: str, sequence: int = 1) -> str:
    return (
        f"<TitleElement><SequenceNumber>{sequence}</SequenceNumber>"
        f"<TitleElementLevel>{level}</TitleElementLevel>{text}</TitleElement>"
    )


TITLE_TEXT = "<TitleText>{}</TitleText>"


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (titled(element("01", TITLE_TEXT.format(" Tide\n  Tables "))), "Tide Tables"),
        (
            titled(element("01", TITLE_TEXT.format("X")), kind="10")
            + titled(element("01", TITLE_TEXT.format("Y"))),
            "Y",
        ),
        (
            titled(
                element("02", TITLE_TEXT.format("Set")) + element("01", TITLE_TEXT.format("One"))
            ),
            "One",
        ),
        (
            titled(
                element("01", "<PartNumber>Volume 3</PartNumber>", 2),
                element("02", TITLE_TEXT.format("Works")),
            ),
            "Works, Volume 3",
        ),
        (
            titled(
                element(
                    "01",
                    "<TitlePrefix>L'</TitlePrefix>"
                    "<TitleWithoutPrefix>Étranger</TitleWithoutPrefix>",
                )
            ),
            "L'Étranger",
        ),
    ],
)
def test_the_title_is_the_distinctive_one_of_the_product(described, expected):
    assert cell("title", described=described) == expected


def test_a_title_without_a_composite_is_read():
    bare = "<DistinctiveTitle>Tides</DistinctiveTitle><Subtitle>A guide</Subtitle>"
    assert cells(message(f"<Product>{ISBN}{bare}</Product>", root=""))[0]["title"] == (
        "Tides: A guide"
    )


def person(role: str, name: str) -> str:
    return f"<Contributor><ContributorRole>{role}</ContributorRole>{name}</Contributor>"


PERSON = "<PersonName>{}</PersonName>"


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (person("A12", PERSON.format("Ill")) + person("A02", PERSON.format("With")), "Ill, With"),
        (person("B01", PERSON.format("Ed")), "Ed"),
        (person("B06", PERSON.format("Tr")) + person("A01", PERSON.format("Au")), "Au"),
        (person("A01", "<CorporateName>Quay Trust</CorporateName>"), "Quay Trust"),
        (person("A01", "<PersonNameInverted>Mar, Ana</PersonNameInverted>"), "Ana Mar"),
    ],
)
def test_the_author_is_who_wrote_it_else_who_made_it(described, expected):
    assert cell("author", described=described) == expected


def subject(scheme: str, code: str, heading: str = "", main: bool = False) -> str:
    return (
        f"<Subject>{'<MainSubject/>' if main else ''}"
        f"<SubjectSchemeIdentifier>{scheme}</SubjectSchemeIdentifier>"
        f"<SubjectCode>{code}</SubjectCode>"
        f"<SubjectHeadingText>{heading}</SubjectHeadingText></Subject>"
    )


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (subject("12", "WH", "Humour", True) + subject("10", "HUM1", "HUMOR"), "Humour"),
        (subject("93", "FFP", "", True) + subject("10", "FIC022000", "", True), "FIC022000"),
        (subject("93", "FFP", "Police procedural") + subject("12", "FF"), "Police procedural"),
        (subject("94", "1D", "Europe", True) + subject("20", "", "a;b", True), ""),
        (subject("93", "FFP", "警察小説", True), "FFP"),
        (subject("93", "FFP", "x" * 101, True), "FFP"),
        ("<BICMainSubject>WH</BICMainSubject>" + subject("12", "WH", "Humour"), "Humour"),
    ],
)
def test_the_category_is_the_main_subject_and_makes_a_slug(described, expected):
    assert cell("category", described=described) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, "draft") for code in ("02", "03", "16")),
        *((code, "active") for code in ("04", "13", "18")),
        *((code, "discontinued") for code in ("01", "06", "07", "08", "10", "11", "15", "17")),
        *((code, "") for code in ("00", "05", "09", "77")),
    ],
)
def test_the_status_is_what_the_publisher_says(code, expected):
    published = f"<PublishingStatus>{code}</PublishingStatus>"
    assert cell("status", published=published) == expected


def test_a_record_to_be_deleted_is_discontinued():
    content = message(NEW.replace("Type>03</Not", "Type>05</Not"))
    assert cells(content)[0]["status"] == "discontinued"


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("<Date>1997</Date>", "1997"),
        ('<Date dateformat="05">1997</Date>', "1997"),
        ('<Date dateformat="01">199706</Date>', "1997-06"),
        ("<Date>19970626</Date>", "1997-06-26"),
        ("<Date>19970600</Date>", "1997-06"),
        ("<DateFormat>01</DateFormat><Date>199706</Date>", "1997-06"),
        ('<Date dateformat="13">19970626T1200</Date>', "1997-06-26"),
        ('<Date dateformat="03">19972</Date>', "1997"),
        ('<Date dateformat="12">spring</Date>', ""),
        ("<Date>26/06/97</Date>", "26/06/97"),
    ],
)
def test_the_publication_date_is_as_precise_as_the_message(date, expected):
    role = "<PublishingDateRole>01</PublishingDateRole>"
    published = f"<PublishingDate>{role}{date}</PublishingDate>"
    assert cell("publication_date", published=published) == expected


def resource(link: str, content: str = "01", audience: str = "00") -> str:
    return (
        f"<SupportingResource><ResourceContentType>{content}</ResourceContentType>"
        f"<ContentAudience>{audience}</ContentAudience><ResourceMode>03</ResourceMode>"
        "<ResourceVersion><ResourceForm>01</ResourceForm>"
        f"<ResourceLink>{link}</ResourceLink></ResourceVersion></SupportingResource>"
    )


@pytest.mark.parametrize(
    ("collateral", "expected"),
    [
        (
            resource("http://x.org/a.jpg") + resource(" https://x.org/b.jpg\n"),
            "https://x.org/b.jpg",
        ),
        (resource("https://x.org/t.jpg", "27") + resource("https://x.org/c.jpg", "04"), ""),
        (resource("https://x.org/a.jpg", audience="01"), ""),
        (resource("http://x.org/a.jpg"), ""),
    ],
)
def test_the_image_is_the_front_cover_over_https(collateral, expected):
    assert cell("image_url", collateral=collateral) == expected


def price(kind: str, amount: str, currency: str = "GBP", more: str = "") -> str:
    code = f"<CurrencyCode>{currency}</CurrencyCode>" if currency else ""
    kind = f"<PriceType>{kind}</PriceType>" if kind else ""
    return f"<Price>{kind}{more}<PriceAmount>{amount}</PriceAmount>{code}</Price>"


@pytest.mark.parametrize(
    ("supply", "currency", "expected"),
    [
        (price("01", "8.00") + price("02", "9.60"), None, ("9.60", "GBP")),
        (price("01", "8.99", "EUR") + price("02", "9.60"), None, ("8.99", "EUR")),
        (price("01", "8.99", "EUR") + price("02", "9.60"), "GBP", ("9.60", "GBP")),
        (price("01", "8.99", "EUR"), "GBP", ("", "")),
        (price("05", "5.00") + price("42", "7.00"), None, ("7.00", "GBP")),
        (price("04", "10.00") + price("03", "9.00"), None, ("10.00", "GBP")),
        (
            price("02", "6.00", more="<PriceQualifier>06</PriceQualifier>") + price("01", "9.0"),
            None,
            ("9.0", "GBP"),
        ),
        ("<UnpricedItemType>02</UnpricedItemType>", None, ("", "")),
        (price("02", "9.60", ""), None, ("", "")),
    ],
)
def test_the_price_is_what_customers_pay_in_the_currency_asked_for(supply, currency, expected):
    found = tuple(cell(name, supply=supply, currency=currency) for name in ("price", "currency"))
    assert found == expected


def test_the_header_says_what_products_leave_out():
    header = (
        "<Header><DefaultLanguageOfText>fre</DefaultLanguageOfText>"
        "<DefaultCurrencyCode>CAD</DefaultCurrencyCode></Header>"
    )
    product = (
        f"<Product>{ISBN}<ProductSupply><SupplyDetail>{price('01', '7.5', '')}"
        "</SupplyDetail></ProductSupply></Product>"
    )
    content = message(product).replace(HEADER.encode(), header.encode())
    [found] = cells(content)
    assert (found["price"], found["currency"]) == ("7.5", "CAD")
    assert json.loads(found["attributes"]) == {"language": "fre"}


def test_keywords_stop_where_a_line_is_full():
    described = subject("20", "", "; ".join(f"word {number:03}" for number in range(100)))
    keywords = json.loads(cell("attributes", described=described))["keywords"]
    assert len(keywords) == 498 and keywords.endswith("word 049")


# --- Texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<Text textformat="05"><p>One<br/>two</p><p>Three</p></Text>', "One\\\ntwo\n\nThree"),
        ('<Text textformat="02">&lt;p&gt;One&lt;p&gt;Two &amp;eacute;</Text>', "One\n\nTwo é"),
        ("<Text>A &lt;i&gt;Framed &lt;/i&gt;and\n\nB</Text>", "A *Framed* and\n\nB"),
        ("<Text>5 &lt; 6 and\n7 &gt; 6 * 1_000</Text>", "5 \\< 6 and 7 > 6 \\* 1\\_000"),
        ("<Text># no heading\n\n1. no list</Text>", "\\# no heading\n\n1\\. no list"),
        (
            '<Text textformat="05"><ol><li>a<ul><li>b</li></ul></li><li>c</li></ol></Text>',
            "1. a\n   - b\n2. c",
        ),
        ("<Text>&lt;script&gt;alert(1)&lt;/script&gt;&lt;b&gt;Hi&lt;/b&gt;</Text>", "**Hi**"),
        (
            "<Text>&lt;a href='javascript:x'&gt;link&lt;/a&gt;&lt;!-- &lt;p&gt; --&gt;</Text>",
            "link",
        ),
        ('<Text textformat="08">JVBERi0=</Text>', ""),
    ],
)
def test_a_description_is_markdown_and_never_html(text, expected):
    collateral = f"<TextContent><TextType>03</TextType>{text}</TextContent>"
    assert cell("description", collateral=collateral) == expected


@given(st.text(alphabet="ab1 .)*_-+#>~`[]<&;=|\\!:\n(é“’", max_size=40))
def test_plain_text_is_shown_as_it_is(text):
    assume(not markup._KNOWN.search(text))  # It would be taken for the HTML that it is.
    escaped = html.escape(text, quote=False)
    collateral = f"<TextContent><TextType>03</TextType><Text>{escaped}</Text></TextContent>"
    markdown = cell("description", collateral=collateral)
    rendered = MarkdownIt("commonmark", {"html": False}).render(markdown)
    assert not re.search(r"<(?!/?p>)", rendered)
    shown = re.sub(r"</?p>", " ", rendered)
    for character, name in (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("&", "&amp;")):
        shown = shown.replace(name, character)
    assert shown.split() == text.split()


@pytest.mark.parametrize(
    "piece",
    [
        "<b>",
        "<ul><li>",
        "<!--",
        "<",
        "<a ",
        "<p",
        "&",
        "&#",
        "<i> ",
        "\n",
        "\n ",
        "</",
        "<br>",
        "<![",
        "-",
    ],
)
def test_a_text_made_to_exhaust_the_reader_takes_linear_time(piece):
    text = piece * (200_000 // len(piece))
    assert "<" not in markup._converted(text).replace("\\<", "")


# --- Encodings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "codec", "mark"),
    [
        ("UTF-8", "utf-8", b""),
        ("UTF-8", "utf-8", codecs.BOM_UTF8),
        ("UTF-16", "utf-16", b""),
        ("ISO-8859-1", "latin-1", b""),
        ("Windows-1252", "cp1252", b""),
    ],
)
def test_the_xml_declaration_says_the_encoding(declared, codec, mark):
    title = "Café – noir" if codec != "latin-1" else "Café noir"
    text = message(NEW.replace("Tide Tables", title)).decode()
    text = f'<?xml version="1.0" encoding="{declared}"?>{text}'
    assert cells(mark + text.encode(codec))[0]["title"] == f"The {title}: A year at the quay"


@pytest.mark.parametrize("declared", ["x-none", "utf-7", "idna", "rot13"])
def test_an_encoding_not_known_is_refused(declared):
    content = f'<?xml version="1.0" encoding="{declared}"?>'.encode() + message(NEW)
    assert refusal(content).startswith("the XML declares an encoding that cannot be read: ")


def test_names_of_characters_come_with_the_dtd_of_2_1():
    content = message(OLD.replace("Tide", "Caf&eacute; &ndash; &Scaron;"), head=DOCTYPE, root="")
    assert cells(content)[0]["title"] == "The Café – Š Tables: A year at the quay"


def test_a_name_that_stands_for_nothing_is_a_fault_of_its_product_only():
    content = message(OLD.replace("Tide", "&nonsense;"), "\n", OLD, head=DOCTYPE, root="")
    assert faults(content) == ["line 1 has &nonsense; which stands for no character", ""]


# --- Damage and malice --------------------------------------------------------------------------


def test_products_before_the_damage_are_yielded_and_then_line_and_column_are_named():
    content = message(NEW, "\n<Product><Title></Product>")
    found = messages.records(io.BytesIO(content), currency=None)
    assert next(found).fault == ""
    with pytest.raises(InvalidInput) as caught:
        next(found)
    assert caught.value.detail == refusal(content)
    assert caught.value.detail == (
        "the XML is not well-formed in line 2, column 19: mismatched tag"
    )


@pytest.mark.parametrize("cut", [200, 900, 2500])
def test_a_message_cut_off_is_refused(cut):
    assert "the XML is not well-formed in line 1" in refusal(message(NEW)[:cut])


def test_a_name_of_a_character_without_a_doctype_is_refused_with_a_way_out():
    with pytest.raises(InvalidInput) as caught:
        messages.check(io.BytesIO(message(OLD.replace("Tide", "&eacute;"), root="")))
    assert caught.value.hint == (
        "names such as &eacute; come with the DOCTYPE of ONIX 2.1; without it write &#233;"
    )


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY a "aaaaaaaaaa">\n<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://127.0.0.1:9/a.dtd"> %a;',
    ],
)
def test_a_declared_entity_refuses_the_message(declaration):
    head = f"<!DOCTYPE ONIXMessage [{declaration}]>"
    assert refusal(message(NEW, head=head)) == (
        "the XML declares the entity 'a' in line 1; entities are never expanded"
    )


def test_declared_attributes_refuse_the_message():
    head = f'<!DOCTYPE ONIXMessage [<!ATTLIST Text x CDATA "{"y" * 1000}">]>'
    assert refusal(message(NEW, head=head)) == (
        "the XML declares attributes of 'Text'; ONIX declares none"
    )


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ("<Subject/>" * 60_000, "more than 50000 elements"),
        (f"<TitleText>{'x' * 3_000_000}</TitleText>", "more than 2097152 characters"),
    ],
)
def test_a_product_too_large_is_a_fault_and_the_next_one_is_read(inside, fault):
    content = message(f"<Product>{ISBN}{inside}</Product>", NEW)
    assert faults(content) == [f"the product has {fault}, and no row can be made of it", ""]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (
            message("<Product>" + "<a>" * 100),
            "line 1 has more than 100 elements inside each other: that is no ONIX message",
        ),
        (
            message("<Product>" + "".join(f"<t{number}/>" for number in range(6000))),
            "the XML has more than 5000 different tags and attributes: that is no ONIX message",
        ),
        (
            message("<Product " + "".join(f"a{number}='' " for number in range(6000)) + ">"),
            "the XML has more than 5000 different tags and attributes: that is no ONIX message",
        ),
        (message("<!--" + "x" * 3_000_000), "line 1 has a tag or a comment of more than 1 MiB"),
        (
            message(f"<Product a='{'x' * 3_000_000}'/>"),
            "line 1 has a tag or a comment of more than 1 MiB",
        ),
    ],
)
def test_a_message_made_to_exhaust_its_reader_is_refused(content, detail):
    assert refusal(content) == detail


class Endless(io.RawIOBase):
    """A message of as many products as asked for, made while it is read."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.rest = b'<ONIXMessage release="3.0">'

    def read(self, size: int = -1) -> bytes:
        while len(self.rest) < size and self.left >= 0:
            self.rest += NEW.encode() if self.left else b"</ONIXMessage>"
            self.left -= 1
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece


@pytest.mark.slow
def test_memory_does_not_grow_with_the_message():
    peaks = []
    for count in (50, 500):
        tracemalloc.start()
        assert sum(1 for _ in messages.records(Endless(count), currency=None)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000


# --- Real messages ------------------------------------------------------------------------------


def real(name: str, currency: str | None = None) -> list[dict]:
    content = shared_data(f"onix/{name}").read_bytes()
    found = cells(content, currency)
    for row in found:
        product_fields.parse(row)
    return found


def test_the_real_single_books_are_read():
    [old] = real("onix2-single.xml")
    assert (old["isbn"], old["title"], old["author"], old["price"], old["currency"]) == (
        "9780415671897",
        "The World Of Mining: Doomed for Failure?",
        "Richard Woldendorp",
        "80.00",
        "AUD",
    )
    # Its cover is a link without https, and is left out.
    assert (old["category"], old["publication_date"], old["image_url"]) == (
        "SEL000000",
        "2012-01-03",
        "",
    )
    assert json.loads(old["attributes"])["series"] == "Travel Guide"
    [new] = real("Onix3.1-single-ref.xml")
    assert (new["isbn"], new["title"], new["author"], new["price"], new["currency"]) == (
        "9780007232833",
        "Roseanna",
        "Maj Sjöwall, Per Wahlöö",
        "7.99",
        "GBP",
    )
    assert (new["category"], new["publication_date"], new["status"]) == (
        "FIC022000",
        "2006-08-07",
        "active",
    )
    assert new["description"].startswith("Widely recognised") and "*Roseanna*" in new["description"]
    assert json.loads(new["attributes"])["series"] == "The Martin Beck series"


def test_the_real_book_is_the_same_in_reference_and_short_tags_and_in_3_1():
    # The two 3.0 files differ in a subject scheme's version and in the supplier's pack quantity,
    # neither of which is a field of ours.
    [reference] = real("single-book-onix3.xml")
    [short_tags] = real("single-book-onix3-short.xml")
    assert reference == short_tags
    # The 3.1 sample has https where the 3.0 one has http, so that only its cover is taken.
    [newer] = real("Onix3.1-single-ref.xml")
    assert newer.pop("image_url") == "https://www.harpercollins.co.uk/covers/9780007232833.jpg"
    assert reference.pop("image_url") == ""
    assert reference == newer
    # The same book without namespace, its letters beyond ASCII lost and sold in Australia.
    [lossy] = real("onix3-single.xml")
    assert (lossy["isbn"], lossy["author"], lossy["price"], lossy["currency"]) == (
        "9780007232833",
        "Maj Sjwall, Per Wahl",
        "26.99",
        "AUD",
    )


def test_the_real_message_of_21_products_has_one_book_twice_and_two_currencies():
    rows = real("onix3-multiple.xml")
    assert len(rows) == 21
    assert len({row["isbn"] for row in rows}) == 20
    twice = [row for row in rows if row["isbn"] == "9781760554712"]
    assert len(twice) == 2 and twice[0] == twice[1]
    assert {row["currency"] for row in rows} == {"AUD"}
    dear = real("onix3-multiple.xml", "NZD")
    # The first book is sold in Australia only.
    assert [row["currency"] for row in dear] == [""] + ["NZD"] * 20
    assert (rows[1]["price"], dear[1]["price"]) == ("24.99", "22.99")
    # 9781447231622 has a price for libraries, 15.99, which is passed over.
    assert [row["price"] for row in rows if row["isbn"] == "9781447231622"] == ["19.99"]
    statuses = [row["status"] for row in rows]
    assert [statuses.count(name) for name in ("draft", "active", "discontinued")] == [9, 11, 1]
    assert sum(1 for row in rows if row["image_url"]) == 18
