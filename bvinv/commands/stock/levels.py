"""Levels: shown, adjusted, set, moved from bin to bin."""

from typing import Annotated, Any

import typer

from bvinv import door, output
from bvinv.commands.stock.group import app
from bvinv.core import dates, instants, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.stock import LevelRow, PutAwayRow
from bvinv.core.models.warehouse import LotRow
from bvinv.door import Call


def whole(value: str) -> int:
    """Return a number that may be zero or negative."""
    return text.quantity(value, what="number", minimum=-(10**9))


def setting(value: str) -> int | None:
    """Return a number from 0, or None for `none`."""
    return -1 if value == "none" else text.quantity(value, what="number", minimum=0)


WHY = {
    "fixed": "its fixed bin",
    "lies-there": "some of it lies there",
    "empty": "the first empty bin",
}
MaybeRef = Annotated[
    str | None,
    typer.Argument(metavar="REF", help="SKU, ISBN-10, ISBN-13 or barcode.", show_default=False),
]
MaybeLot = Annotated[str | None, typer.Option("--lot", metavar="CODE", help="Only this lot.")]
MaybeQuantity = Annotated[
    int | None,
    typer.Option(
        "--qty", parser=text.quantity, metavar="N", help="Pieces; else all that lies there."
    ),
]
OverCapacity = Annotated[bool, typer.Option("--over-capacity", help="Also where it does not fit.")]
Propose = Annotated[bool, typer.Option("--propose", help="Only say where it would go.")]
Scan = Annotated[bool, typer.Option("--scan", help="Read codes from a scanner.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the scans of before.")]
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
    coming = [
        name for name in ("in_transit", "on_order") if any(getattr(row, name) for row in rows)
    ]
    if warehouse:
        call.show(rows[0], [*LevelRow.columns, *coming])
    elif call.is_for_people:
        call.print([row.record() for row in rows], [*LevelRow.columns, *coming])
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
    lot: MaybeLot = None,
    expires_on: Annotated[
        int | None,
        typer.Option(
            "--expires-on", parser=dates.day, metavar="DATE", help="The last good day of a new lot."
        ),
    ] = None,
    yes: door.Yes = False,
) -> None:
    """Correct what is on hand, with a reason.

    Where pieces have lots and none is named, the first to expire gives; expired ones are only
    taken by name.

    Example: bvinv stock adjust HX-1 --warehouse MAIN --change -2 --reason damaged
    """
    from bvinv.core import adjustments

    if break_ not in (None, "newest"):
        raise InvalidInput("--break knows one way: newest")
    door.confirm(call, [number for number in (change, to) if number is not None], yes)
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
            lot=lot,
            expires_on=expires_on,
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
    fixed_bin: Annotated[
        str | None,
        typer.Option("--fixed-bin", metavar="BIN|none", help="Put away there first."),
    ] = None,
) -> None:
    """Set reorder point, maximum, safety stock and the fixed bin.

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
        lambda session: stock.configure(
            session,
            ref=ref,
            warehouse=warehouse,
            settings=settings,
            fixed_bin="" if fixed_bin == "none" else fixed_bin,
        ),
        (*LevelRow.columns, "max_stock", "safety_stock", *(("fixed_bin",) if fixed_bin else ())),
    )


@door.changes(app, "put-away")
def put_away(
    call: Call,
    warehouse: door.WarehouseOption,
    ref: MaybeRef = None,
    qty: MaybeQuantity = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="BIN", help="The bin; else the proposed one.")
    ] = None,
    origin: Annotated[
        str, typer.Option("--from", metavar="BIN", help="The bin it lies in.")
    ] = "DOCK",
    lot: MaybeLot = None,
    over_capacity: OverCapacity = False,
    propose: Propose = False,
    scan: Scan = False,
    resume: Resume = False,
    yes: door.Yes = False,
) -> None:
    """Move pieces from the dock, or another bin, to a bin.

    Without --to they go to the bin that is proposed: the product's fixed bin, else one where some
    of it lies, else an empty one; the first in walking order that has room.

    Example: bvinv stock put-away HX-1 --qty 12 --warehouse MAIN --to A-01
    """
    from bvinv.core import put_away as putting

    said = (ref, qty, to, lot, over_capacity, propose, origin != "DOCK")
    if door.scans(scan=scan, resume=resume, said=said):
        from bvinv import scanning

        scanning.loop(call, mode="put-away", warehouse=warehouse, resume=resume)
        return
    if ref is None:
        raise InvalidInput("name the goods, or scan them", hint="a SKU or barcode, or --scan")
    if propose:
        row = call.read(
            lambda session: putting.propose(
                session, ref=ref, warehouse=warehouse, quantity=qty, origin=origin
            )
        )
        call.show(row)
        return
    door.confirm(call, [] if qty is None else [qty], yes)
    answer = call.run(
        lambda session: putting.put_away(
            session,
            ref=ref,
            quantity=qty,
            warehouse=warehouse,
            origin=origin,
            target=to,
            lot=lot,
            over_capacity=over_capacity,
        ),
        PutAwayRow.columns,
    )
    if isinstance(answer.result, dict) and not (answer.replayed or call.dry_run):
        _tell_choice(answer.result)


@door.shows(app)
def lots(call: Call, ref: door.Ref, warehouse: door.MaybeWarehouse = None) -> None:
    """List a product's lots, the first to expire first.

    Example: bvinv stock lots TEA-01 --warehouse SHOP
    """
    from bvinv.core import stock

    rows = call.read(lambda session: stock.lots_of(session, ref=ref, warehouse=warehouse))
    call.page(rows, LotRow)


def _tell_choice(moved: dict[str, Any]) -> None:
    """Say where the goods went, where nobody named the bin or somebody knew better."""
    proposed, chosen = moved["proposed"], moved["to_bin"]
    if proposed is not None and chosen != proposed:
        output.note(f"{proposed} was proposed ({WHY[moved['why']]}); {chosen} is recorded")
    elif proposed is not None:
        output.note(f"to {chosen}: {WHY[moved['why']]}")
