"""`bvinv products`: the catalogue."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from bvinv import door, output
from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.product import CategoryRow, ProductRow
from bvinv.door import Call

app = typer.Typer(
    help="The catalogue: add, show, list, update, delete, import, export.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
category_app = typer.Typer(
    help="The categories of the catalogue.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(category_app, name="category")

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
    list[str] | None, typer.Option("--attribute", metavar="K=V", help="May be repeated.")
]
VariantOf = Annotated[
    str | None, typer.Option("--variant-of", metavar="REF", help="The product it varies.")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="K=V", help="Of a variant: size=L.")
]
Barcodes = Annotated[
    list[str] | None, typer.Option("--barcode", metavar="CODE", help="May be repeated.")
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
    )
    call.run(lambda session: catalog.add(session, fields=fields), None)


@door.shows(app)
def show(call: Call, ref: door.Ref) -> None:
    """Show a product by SKU, ISBN-10, ISBN-13 or barcode.

    Example: bvinv products show 0-14-143951-3
    """
    from bvinv.core import catalog

    row = call.read(lambda session: catalog.show(session, ref=ref))
    call.show(row, list(ProductRow.model_fields))


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
            help="sku, title, author, price, rating, publication-date, created; -FIELD descends.",
        ),
    ] = "sku",
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List products, a page at a time.

    Example: bvinv products list --category poetry --sort -price --limit 10
    """
    from bvinv.core import catalog

    rows, cursor = call.read(
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
    expect_version: Annotated[
        int | None,
        typer.Option(
            "--expect-version",
            parser=text.quantity,
            metavar="N",
            help="Refuse if somebody else changed it meanwhile.",
        ),
    ] = None,
) -> None:
    """Change what is named; an empty value takes one away.

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
    )
    if not fields:
        raise InvalidInput("nothing to change", hint="for example: --price 14.50")
    call.run(
        lambda session: catalog.change(
            session, ref=ref, fields=fields, expected_version=expect_version
        )
    )


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


@door.changes(app, "import")
def import_(
    call: Call,
    file: door.File,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--mapping", metavar="COL=FIELD", help="May be repeated; COL=- is left out."),
    ] = None,
    on_existing: Annotated[
        Literal["update", "skip", "fail"],
        typer.Option("--on-existing", help="What to do with a SKU that is there."),
    ] = "update",
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Where rows that were refused go."),
    ] = None,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Leave out columns that are not known.")
    ] = False,
) -> None:
    """Import products from CSV or JSON lines. The same file twice changes nothing.

    Rows that are refused go to --rejects with the reason, the others are kept, and the exit code
    is 7. The mended file can be imported as it is. A blank cell leaves what is there alone.

    Example: bvinv products import books.csv --mapping authors=author --rejects refused.csv
    """
    from bvinv.core import imports

    with door.opened(file) as (source, lines), output.progress(file, lines) as advance:
        row = imports.import_products(
            call.database,
            source,
            actor=call.actor,
            name=file,
            mapping=_columns(mapping or []),
            on_existing=on_existing,
            rejects=rejects,
            ignore_unknown=ignore_unknown,
            dry_run=call.dry_run,
            key=call.key,
            on_progress=advance,
        )
    call.imported(row)


@door.shows(app)
def export(
    call: Call,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Else stdout.", show_default=False)
    ] = None,
) -> None:
    """Export every product as CSV; JSON lines with --format jsonl.

    Example: bvinv products export books.csv
    """
    from bvinv.core import exports

    wants_json = call.format in (output.Format.json, output.Format.jsonl)
    kind: Literal["csv", "jsonl"] = "jsonl" if wants_json else "csv"
    with door.written(file) as target:
        rows = exports.write(call.database, target, kind)
    output.note(f"{rows} products exported")


@door.changes(category_app, "add")
def add_category(
    call: Call,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its code.", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    parent: Annotated[
        str | None, typer.Option("--parent", metavar="SLUG", help="The category above.")
    ] = None,
) -> None:
    """Add a category.

    Example: bvinv products category add haiku --name Haiku --parent poetry
    """
    from bvinv.core import categories

    call.run(lambda session: categories.add(session, slug=slug, name=name, parent=parent))


@door.shows(category_app, "list")
def list_categories(call: Call) -> None:
    """List the categories with the number of products in each.

    Example: bvinv products category list
    """
    from bvinv.core import categories

    call.page(call.read(categories.categories), CategoryRow)


def _fields(**given: str | list[str] | None) -> dict[str, str]:
    """Return what was named, as text; repeated options as the parsers expect them."""
    fields = {}
    for name, value in given.items():
        if isinstance(value, str):
            fields[name] = value
        elif value is not None:
            fields[name] = " ".join(value) if name == "barcode" else _object(name, value)
    return fields


def _columns(mapping: list[str]) -> dict[str, str]:
    columns = {}
    for pair in mapping:
        column, separator, field = pair.rpartition("=")
        if not separator or not column or not field:
            raise InvalidInput(f"a mapping is written COL=FIELD, not {text.quoted(pair)}")
        columns[column] = field
    return columns


def _object(name: str, pairs: list[str]) -> str:
    """Return repeated NAME=VALUE options as a JSON object; a single empty one clears them."""
    if pairs == [""]:
        return ""
    found = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise InvalidInput(f"{name} are written NAME=VALUE, not {text.quoted(pair)}")
        found[key] = value
    return json.dumps(found)
