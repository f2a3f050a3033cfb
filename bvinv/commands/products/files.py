"""Files of products: import and export."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bvinv import door, importing, output
from bvinv.commands.products.group import app
from bvinv.core.db import Database
from bvinv.door import Call


@door.changes(app, "import")
def import_(
    call: Call,
    file: door.File,
    mapping: importing.Mapping = None,
    use_mapping: Annotated[
        str | None, typer.Option("--use-mapping", metavar="NAME", help="A mapping that was saved.")
    ] = None,
    save_mapping: Annotated[
        str | None, typer.Option("--save-mapping", metavar="NAME", help="Keep this mapping.")
    ] = None,
    no_header: importing.NoHeader = False,
    encoding: importing.Encoding = None,
    delimiter: importing.Delimiter = None,
    currency: Annotated[
        str | None,
        typer.Option(
            "--currency", metavar="CODE", help="Of prices that name none; the one to take of ONIX."
        ),
    ] = None,
    on_existing: Annotated[
        Literal["update", "skip", "fail"],
        typer.Option("--on-existing", help="What to do with a product that is there."),
    ] = "update",
    rejects: importing.Rejects = None,
    ignore_unknown: importing.IgnoreUnknown = False,
    atomic: importing.Atomic = False,
    resume: importing.Resume = False,
) -> None:
    """Import products from CSV, TSV, JSON, JSON lines or ONIX. The same file twice changes nothing.

    Rows that are refused go to --rejects with the reason, the others are kept, and the exit code
    is 7. The mended file can be imported as it is. A blank cell leaves what is there alone. A
    product goes by its SKU or, in a file without SKUs, by its ISBN, else by its barcode.

    Example: bvinv products import books.csv --mapping authors=author --rejects refused.csv
    """
    from bvinv.core.imports import products
    from bvinv.core.imports.runs import Layout, Terms

    columns = importing.columns(mapping)
    columns = importing.with_saved(call, columns, use=use_mapping, save=save_mapping)
    layout = Layout(columns, ignore_unknown, encoding, delimiter, not no_header, currency)
    with door.opened(file) as source, importing.watched(call, file, atomic=atomic) as watch:
        row = products.import_products(
            call.database,
            source,
            actor=call.actor,
            name=importing.called(file),
            on_existing=on_existing,
            layout=layout,
            terms=Terms(rejects, call.dry_run, atomic, resume, call.key, watch),
        )
    if save_mapping is not None:
        importing.keep(call, columns, name=save_mapping)
    importing.show(call, row, atomic=atomic)


@door.shows(app)
def export(
    call: Call,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Else stdout.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="CURSOR", help="Only what changed since the export that said this."
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave in CSV what a spreadsheet would run.")
    ] = False,
) -> None:
    """Export products as CSV, or as JSON lines.

    JSON lines with --format jsonl, or into FILE.jsonl; a name that ends in .gz is compressed.
    All of it is one moment's state. In CSV an apostrophe stands before text that a spreadsheet
    would run as a formula; an import takes it away again.

    Example: bvinv products export books.csv
    """
    from bvinv import exporting
    from bvinv.core import exports

    name = file.name.lower().removesuffix(".gz") if file else ""
    wants_json = call.format in (output.Format.json, output.Format.jsonl)
    is_json = wants_json or name.endswith((".jsonl", ".ndjson"))
    kind: Literal["csv", "jsonl"] = "jsonl" if is_json else "csv"

    def write(database: Database) -> exports.ExportRow:
        with exporting.written(file) as target:
            return exports.write(database, target, kind, since=since, raw=raw)

    row = call.consult(write)
    if not is_json:
        for sku in row.deleted:
            output.note(f"deleted: {sku}")
    output.note(f"{row.rows} products exported")
    output.note(f"next: --since {row.next}")
