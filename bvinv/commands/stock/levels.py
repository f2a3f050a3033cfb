"""Levels: shown, adjusted, set, moved from bin to bin."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.stock.group import app
from bvinv.core import instants, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.stock import LevelRow
from bvinv.door import Call


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
