"""Products one by one: add, show, list, update, delete."""

from typing import Annotated

import typer

from bvinv import door, output
from bvinv.commands.products.group import app, tell_request
from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.product import ProductDetails, ProductRow
from bvinv.door import Call

Isbn = Annotated[str | None, typer.Option("--isbn", help="ISBN-10 or ISBN-13.", metavar="ISBN")]
Author = Annotated[str | None, typer.Option("--author", metavar="NAME")]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="Markdown.")]
Category = Annotated[str | None, typer.Option("--category", metavar="SLUG")]
Price = Annotated[str | None, typer.Option("--price", metavar="12.99")]
Currency = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="ISO 4217; USD unless said.")
]
Status = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="draft, active, discontinued.")
]
PublicationDate = Annotated[
    str | None,
    typer.Option("--publication-date", metavar="DATE", help="1997, 1997-06 or 1997-06-26."),
]
Rating = Annotated[str | None, typer.Option("--rating", metavar="0..5")]
ImageUrl = Annotated[str | None, typer.Option("--image-url", metavar="URL")]
Attributes = Annotated[
    list[str] | None,
    typer.Option("--attribute", metavar="K=V", help="May be repeated; K= takes one away, '' all."),
]
VariantOf = Annotated[
    str | None, typer.Option("--variant-of", metavar="REF", help="The product it varies.")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="K=V", help="Of a variant: size=L.")
]
Barcodes = Annotated[
    list[str] | None,
    typer.Option("--barcode", metavar="CODE[=PACK]", help="May be repeated; PACK pieces, else 1."),
]
Lots = Annotated[
    bool | None,
    typer.Option("--lots/--no-lots", help="Its pieces come in lots, which may expire."),
]
Protect = Annotated[
    bool | None,
    typer.Option(
        "--protect-safety-stock/--no-protect-safety-stock",
        help="Channels of low priority never get its safety stock.",
    ),
]
ExpectVersion = Annotated[
    int | None,
    typer.Option(
        "--expect-version",
        parser=text.quantity,
        metavar="N",
        help="Refuse if somebody else changed it meanwhile.",
    ),
]


@door.changes(app)
def add(
    call: Call,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="Its code.", show_default=False)],
    title: Annotated[str, typer.Option("--title", metavar="TEXT")],
    isbn: Isbn = None,
    author: Author = None,
    description: Description = None,
    category: Category = None,
    price: Price = None,
    currency: Currency = None,
    status: Status = None,
    publication_date: PublicationDate = None,
    rating: Rating = None,
    image_url: ImageUrl = None,
    attribute: Attributes = None,
    variant_of: VariantOf = None,
    option: Options = None,
    barcode: Barcodes = None,
    lots: Lots = None,
    protect_safety_stock: Protect = None,
) -> None:
    """Add a product.

    Example: bvinv products add HX-1 --title "Hex" --isbn 0198534531 --price 12.99
    """
    from bvinv.core import catalog

    fields = _fields(
        sku=sku,
        title=title,
        isbn=isbn,
        author=author,
        description=description,
        category=category,
        price=price,
        currency=currency,
        status=status,
        publication_date=publication_date,
        rating=rating,
        image_url=image_url,
        attributes=attribute,
        variant_of=variant_of,
        options=option,
        barcode=barcode,
        tracks_lots=lots,
        protects_safety_stock=protect_safety_stock,
    )
    call.run(lambda session: catalog.add(session, fields=fields), None)


@door.shows(app)
def show(call: Call, ref: door.Ref) -> None:
    """Show a product by SKU, ISBN-10, ISBN-13 or barcode.

    `available` is what can be promised now of the product and its variants together. With
    --format json the Markdown description comes as HTML, too.

    Example: bvinv products show 0-14-143951-3
    """
    from bvinv.core import catalog

    html = not call.is_for_people
    row = call.read(lambda session: catalog.show(session, ref=ref, html=html))
    call.show(row, [name for name in ProductDetails.model_fields if name != "description_html"])


@door.shows(app, "list")
def list_(
    call: Call,
    category: Category = None,
    status: Status = None,
    author: Annotated[
        str | None, typer.Option("--author", metavar="TEXT", help="Part of the name.")
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            "--sort",
            metavar="FIELD",
            help="sku, title, author, price, rating, publication-date, popularity or created; "
            "-FIELD descends.",
        ),
    ] = "sku",
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List products, a page at a time. A category has those of the categories below it, too.

    Example: bvinv products list --category poetry --sort -price --limit 10
    """
    from bvinv.core import catalog

    rows, cursor = call.look_up(
        lambda session: catalog.products(
            session,
            category=category,
            status=status,
            author=author,
            sort=sort,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, ProductRow, after=cursor)


@door.changes(app)
def update(
    call: Call,
    ref: door.Ref,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT")] = None,
    isbn: Isbn = None,
    author: Author = None,
    description: Description = None,
    category: Category = None,
    price: Price = None,
    currency: Currency = None,
    status: Status = None,
    publication_date: PublicationDate = None,
    rating: Rating = None,
    image_url: ImageUrl = None,
    attribute: Attributes = None,
    variant_of: VariantOf = None,
    option: Options = None,
    barcode: Barcodes = None,
    lots: Lots = None,
    protect_safety_stock: Protect = None,
    expect_version: ExpectVersion = None,
) -> None:
    """Change what is named; an empty value takes one away.

    Attributes and options that are not named stay; barcodes are replaced by those that are.

    Example: bvinv products update HX-1 --price 14.50 --status discontinued
    """
    from bvinv.core import catalog

    fields = _fields(
        title=title,
        isbn=isbn,
        author=author,
        description=description,
        category=category,
        price=price,
        currency=currency,
        status=status,
        publication_date=publication_date,
        rating=rating,
        image_url=image_url,
        attributes=attribute,
        variant_of=variant_of,
        options=option,
        barcode=barcode,
        tracks_lots=lots,
        protects_safety_stock=protect_safety_stock,
    )
    if not fields:
        raise InvalidInput("nothing to change", hint="for example: --price 14.50")
    answer = call.run(
        lambda s: catalog.change(s, ref=ref, fields=fields, expected_version=expect_version)
    )
    if price is not None:
        tell_request(call, answer)


@door.changes(app)
def delete(call: Call, ref: door.Ref) -> None:
    """Take a product out. One with history is discontinued instead: history is never deleted.

    Example: bvinv products delete HX-1
    """
    from bvinv.core import catalog, items

    answer = call.run(lambda session: catalog.remove(session, ref=ref))
    if not answer.replayed and not call.dry_run:
        left = call.read(lambda session: items.known(session, [ref]))
        output.note("discontinued: it has history, which is never deleted" if left else "deleted")


def _fields(**given: str | bool | list[str] | None) -> dict[str, str]:
    """Return what was named, as text; repeated options as the parsers expect them."""
    from bvinv.core import product_fields

    fields = {}
    for name, value in given.items():
        if isinstance(value, bool):
            fields[name] = "true" if value else "false"
        elif isinstance(value, str):
            fields[name] = value
        elif value is not None:
            fields[name] = (
                " ".join(value)
                if name == "barcode"
                else product_fields.written_pairs(value, what=name)
            )
    return fields
