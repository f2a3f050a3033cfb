"""`bvinv stock`: show, adjust, move, explain, verify."""

from typing import Annotated

import typer

from bvinv import door, importing, output
from bvinv.core import instants, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.stock import LevelRow, MovementRow
from bvinv.door import Call

app = typer.Typer(
    help="Stock: what there is, what may be promised, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


def whole(value: str) -> int:
    """Return a number that may be zero or negative."""
    return text.quantity(value, what="number", minimum=-(10**9))


def setting(value: str) -> int | None:
    """Return a number from 0, or None for `none`."""
    return -1 if value == "none" else text.quantity(value, what="number", minimum=0)


Setting = Annotated[
    int | None, typer.Option(parser=setting, metavar="N|none", help="Pieces, or none.")
]


@door.shows(app)
def show(
    call: Call,
    ref: door.Ref,
    warehouse: door.MaybeWarehouse = None,
    as_of: Annotated[
        int | None,
        typer.Option(
            "--as-of",
            parser=instants.parse,
            metavar="TIME",
            help="What had happened by then: RFC 3339, or a date (its end, in local time).",
        ),
    ] = None,
) -> None:
    """Show a product's stock, warehouse by warehouse.

    Example: bvinv stock show 9780141439518
    """
    from bvinv.core import stock

    rows = call.read(lambda session: stock.show(session, ref=ref, warehouse=warehouse, as_of=as_of))
    if warehouse:
        call.show(rows[0])
    else:
        call.page(rows, LevelRow)


@door.shows(app, "list")
def list_(
    call: Call,
    warehouse: door.MaybeWarehouse = None,
    low: Annotated[
        bool, typer.Option("--low", help="Only where no more than the safety stock is available.")
    ] = False,
    below_reorder_point: Annotated[
        bool, typer.Option("--below-reorder-point", help="Only what should be ordered.")
    ] = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List stock levels by SKU and warehouse.

    Example: bvinv stock list --warehouse MAIN --low
    """
    from bvinv.core import stock

    rows, cursor = call.read(
        lambda session: stock.page(
            session,
            warehouse=warehouse,
            low=low,
            below_reorder_point=below_reorder_point,
            limit=limit or 100,
            after=after,
        )
    )
    call.page(rows, LevelRow, after=cursor)


@door.changes(app)
def adjust(
    call: Call,
    ref: door.Ref,
    warehouse: door.WarehouseOption,
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="Why: damaged, found, miscount …")
    ],
    change: Annotated[
        int | None, typer.Option("--change", parser=whole, metavar="±N", help="By so many pieces.")
    ] = None,
    to: Annotated[
        int | None, typer.Option("--to", parser=whole, metavar="N", help="To this count …")
    ] = None,
    expect: Annotated[
        int | None,
        typer.Option("--expect", parser=whole, metavar="M", help="… where this many stood."),
    ] = None,
    bin_: door.MaybeBin = None,
    note: Annotated[str, typer.Option("--note", help="For people who ask later.")] = "",
    break_: Annotated[
        str | None,
        typer.Option("--break", metavar="newest", help="Turn the newest holds into backorders."),
    ] = None,
) -> None:
    """Correct what is on hand, with a reason.

    Example: bvinv stock adjust HX-1 --warehouse MAIN --change -2 --reason damaged
    """
    from bvinv.core import adjustments

    if break_ not in (None, "newest"):
        raise InvalidInput("--break knows one way: newest")
    call.run(
        lambda session: adjustments.adjust(
            session,
            ref=ref,
            warehouse=warehouse,
            reason=reason,
            change=change,
            to=to,
            expect=expect,
            bin=bin_,
            note=note,
            break_newest=break_ is not None,
        ),
        LevelRow.columns,
    )


@door.changes(app, "set")
def set_(
    call: Call,
    ref: door.Ref,
    warehouse: door.WarehouseOption,
    reorder_point: Setting = None,
    max_stock: Setting = None,
    safety_stock: Setting = None,
) -> None:
    """Set reorder point, maximum and safety stock.

    `none` takes one away.

    Example: bvinv stock set HX-1 --warehouse MAIN --reorder-point 5 --max-stock 40
    """
    from bvinv.core import stock

    given = {
        "reorder_point": reorder_point,
        "max_stock": max_stock,
        "safety_stock": safety_stock,
    }
    settings = {
        name: None if value == -1 else value for name, value in given.items() if value is not None
    }
    call.run(
        lambda session: stock.configure(session, ref=ref, warehouse=warehouse, settings=settings),
        (*LevelRow.columns, "max_stock", "safety_stock"),
    )


@door.changes(app, "put-away")
def put_away(
    call: Call,
    ref: door.Ref,
    qty: door.Quantity,
    warehouse: door.WarehouseOption,
    to: Annotated[str, typer.Option("--to", metavar="BIN", help="The bin it goes to.")],
    origin: Annotated[
        str, typer.Option("--from", metavar="BIN", help="The bin it lies in.")
    ] = "DOCK",
) -> None:
    """Move pieces from the dock, or another bin, to a bin.

    Example: bvinv stock put-away HX-1 --qty 12 --warehouse MAIN --to A-01
    """
    from bvinv.core import adjustments

    call.run(
        lambda session: adjustments.put_away(
            session, ref=ref, quantity=qty, warehouse=warehouse, origin=origin, target=to
        ),
        LevelRow.columns,
    )


@door.shows(app)
def history(
    call: Call,
    ref: door.Ref,
    warehouse: door.MaybeWarehouse = None,
    since: door.Since = None,
    until: door.Time = None,
    limit: door.Limit = None,
    after: Annotated[
        int | None,
        typer.Option("--after", parser=text.quantity, metavar="CURSOR", help="Go on after this."),
    ] = None,
) -> None:
    """List a product's movements, the newest first.

    Example: bvinv stock history HX-1 --since 2026-11-01
    """
    from bvinv.core import history as ledger_history

    rows, cursor = call.read(
        lambda session: ledger_history.history(
            session,
            ref=ref,
            warehouse=warehouse,
            since=since,
            until=until,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, MovementRow, after=cursor)


@door.shows(app)
def why(call: Call, ref: door.Ref, warehouse: door.WarehouseOption) -> None:
    """Explain a level: causes, holders, who waits, where it lies.

    Example: bvinv stock why HX-1 --warehouse MAIN
    """
    from bvinv.core import history as ledger_history

    row = call.read(lambda session: ledger_history.why(session, ref=ref, warehouse=warehouse))
    call.show(row, [name for name in row.columns if getattr(row, name) != []])


@door.shows(app)
def verify(
    call: Call,
    head: Annotated[
        bool, typer.Option("--head", help="Print only the digest of all chains, to keep elsewhere.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="DIGEST", help="A digest that was kept elsewhere."),
    ] = None,
) -> None:
    """Replay the whole ledger and compare every count with it.

    Exit code 8 if anything is wrong.

    Example: bvinv stock verify --head > head.txt
    """
    from bvinv.core import verification

    if head and against is None:
        digest = call.read(verification.head)
        if call.is_for_people:
            output.line(digest)
        else:
            call.print({"head": digest}, None)
        return
    row = call.read(lambda session: verification.verify(session, against=against))
    call.show(row, ("levels", "movements", "reservations", "sound", "head"))
    verification.require_sound(row)


@door.changes(app, "import")
def import_(
    call: Call,
    file: door.File,
    mapping: importing.Mapping = None,
    no_header: importing.NoHeader = False,
    encoding: importing.Encoding = None,
    delimiter: importing.Delimiter = None,
    rejects: importing.Rejects = None,
    ignore_unknown: importing.IgnoreUnknown = False,
    atomic: importing.Atomic = False,
    resume: importing.Resume = False,
) -> None:
    """Import opening balances or adjustments from a file.

    Without a reason a row is an opening balance; with one its quantity is a change. The same file
    again changes nothing, as each row of a file is posted once; with --resume a run that was cut
    off answers for all of its rows, not only for the rest.

    Example: bvinv stock import counts.csv --rejects refused.csv
    """
    from bvinv.core.imports import stock as stock_imports
    from bvinv.core.imports.runs import Layout, Terms

    layout = Layout(importing.columns(mapping), ignore_unknown, encoding, delimiter, not no_header)
    with door.opened(file) as source, importing.watched(call, file, atomic=atomic) as watch:
        row = stock_imports.import_stock(
            call.database,
            source,
            actor=call.actor,
            name=importing.called(file),
            layout=layout,
            terms=Terms(rejects, call.dry_run, atomic, resume, call.key, watch),
        )
    importing.show(call, row, atomic=atomic)
