"""`bvinv transfer`: goods go from one warehouse to another."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core import instants, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.transfer import TransferRow
from bvinv.door import Call

app = door.group("Transfers between warehouses: draft, ship, receive, close.")

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The transfer: TR-3, or 3.", show_default=False)
]
MaybeLines = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SKU=QTY…]", help="What, how many.", show_default=False),
]
Note = Annotated[str, typer.Option("--note", help="For people who ask later.")]
Scan = Annotated[bool, typer.Option("--scan", help="Scan codes, one a line, until *DONE.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the scans that broke off.")]
Named = Annotated[
    list[str] | None, typer.Option(metavar="SKU=QTY", help="May be given several times.")
]


@door.changes(app)
def create(
    call: Call,
    origin: Annotated[str, typer.Option("--from", metavar="CODE", help="Who sends.")],
    target: Annotated[str, typer.Option("--to", metavar="CODE", help="Who gets it.")],
    lines: MaybeLines = None,
    note: Note = "",
    ship: Annotated[bool, typer.Option("--ship", help="Let the goods leave at once.")] = False,
    scan: Scan = False,
    yes: door.Yes = False,
) -> None:
    """Draft a transfer to another warehouse; a draft holds nothing. With --ship the goods leave.

    Example: bvinv transfer create HX-1=3 DUNE-01=2 --from MAIN --to SHOP --ship
    """
    from bvinv.core.db import Session
    from bvinv.core.transfers import transfers

    if scan and (ship or call.dry_run):
        raise InvalidInput(
            "scans are kept one by one in a draft", hint="afterwards: bvinv transfer ship ID"
        )
    parsed = text.lines(lines) if lines else []
    door.confirm(call, (quantity for _, quantity in parsed), yes)

    def action(session: Session) -> TransferRow:
        row = transfers.create(
            session, lines=parsed, origin=origin, target=target, note=note, may_be_empty=scan
        )
        return transfers.ship(session, transfer=row.transfer) if ship else row

    answer = call.run(action, TransferRow.columns)
    if scan:
        from bvinv import scanning

        assert isinstance(answer.result, dict)
        scanning.loop(
            call,
            mode="transfer",
            warehouse=answer.result["from_warehouse"],
            document=answer.result["transfer"],
        )


@door.changes(app)
def update(
    call: Call,
    transfer: Id,
    lines: MaybeLines = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="SKU", help="Take it off the draft.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="For people who ask later.")] = None,
    scan: Scan = False,
    resume: Resume = False,
    yes: door.Yes = False,
) -> None:
    """Change a draft: set quantities, add or remove lines, scan.

    Example: bvinv transfer update TR-3 HX-1=5 --remove DUNE-01
    """
    from bvinv.core.transfers import transfers

    if door.scans(scan=scan, resume=resume, said=(lines, remove, note)):
        from bvinv import scanning

        row = call.read(lambda session: transfers.draft(session, transfer=transfer))
        scanning.loop(
            call,
            mode="transfer",
            warehouse=row.from_warehouse,
            document=row.transfer,
            resume=resume,
        )
        return
    parsed = text.lines(lines) if lines else []
    door.confirm(call, (quantity for _, quantity in parsed), yes)
    call.run(
        lambda session: transfers.update(
            session, transfer=transfer, lines=parsed, remove=remove or (), note=note
        ),
        TransferRow.columns,
    )


@door.changes(app)
def ship(call: Call, transfer: Id) -> None:
    """Let a draft's goods leave, all or nothing.

    They are in transit then, and count at neither warehouse.

    Example: bvinv transfer ship TR-3
    """
    from bvinv.core.transfers import transfers

    call.run(lambda session: transfers.ship(session, transfer=transfer), TransferRow.columns)


@door.changes(app)
def receive(
    call: Call,
    transfer: Id,
    lines: MaybeLines = None,
    bin_: door.MaybeBin = None,
    lot: Annotated[str | None, typer.Option("--lot", metavar="LOT", help="Only this lot.")] = None,
    scan: Scan = False,
    resume: Resume = False,
    yes: door.Yes = False,
) -> None:
    """Take in what arrives: these lines, or all that is in transit.

    To the dock, unless a bin is named.

    Example: bvinv transfer receive TR-3 HX-1=2 --bin A-01
    """
    from bvinv.core.transfers import transfers

    if door.scans(scan=scan, resume=resume, said=(lines, bin_, lot)):
        from bvinv import scanning

        row = call.read(lambda session: transfers.show(session, transfer=transfer))
        scanning.loop(
            call, mode="transfer", warehouse=row.to_warehouse, document=row.transfer, resume=resume
        )
        return
    parsed = text.lines(lines) if lines else []
    door.confirm(call, (quantity for _, quantity in parsed), yes)
    call.run(
        lambda session: transfers.receive(
            session, transfer=transfer, lines=parsed, bin=bin_, lot=lot
        ),
        TransferRow.columns,
    )


@door.changes(app)
def close(
    call: Call,
    transfer: Id,
    lost: Named = None,
    returned: Named = None,
    rest: Annotated[
        str | None,
        typer.Option("--rest", metavar="lost|returned", help="What became of all the others."),
    ] = None,
    bin_: Annotated[
        str | None, typer.Option("--bin", metavar="BIN", help="Where returned pieces go.")
    ] = None,
) -> None:
    """End a transfer: the rest is named lost, or goes back.

    Nothing stays in transit; what is returned is with the sender again.

    Example: bvinv transfer close TR-3 --lost HX-1=1 --rest returned
    """
    from bvinv.core.transfers import transfers

    call.run(
        lambda session: transfers.close(
            session,
            transfer=transfer,
            lost=text.lines(lost) if lost else [],
            returned=text.lines(returned) if returned else [],
            rest=rest,
            bin=bin_,
        ),
        TransferRow.columns,
    )


@door.changes(app)
def cancel(call: Call, transfer: Id) -> None:
    """Cancel a draft.

    Example: bvinv transfer cancel TR-3
    """
    from bvinv.core.transfers import transfers

    call.run(lambda session: transfers.cancel(session, transfer=transfer), TransferRow.columns)


@door.shows(app)
def show(
    call: Call,
    transfer: Id,
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
    """Show a transfer: what was shipped, what arrived, what is left.

    Example: bvinv transfer show TR-3
    """
    from bvinv.core.transfers import transfers

    call.show(call.read(lambda session: transfers.show(session, transfer=transfer, as_of=as_of)))


@door.shows(app, "list")
def list_(
    call: Call,
    status: Annotated[
        str | None,
        typer.Option("--status", help="draft, shipped, partly-received, closed or cancelled."),
    ] = None,
    warehouse: Annotated[
        str | None,
        typer.Option("--warehouse", "-w", metavar="CODE", help="From here, or to here."),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Only what is not closed or cancelled.")
    ] = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List transfers, the newest first.

    Example: bvinv transfer list --warehouse SHOP --open
    """
    from bvinv.core.transfers import transfers

    rows, cursor = call.read(
        lambda session: transfers.page(
            session,
            status=status,
            warehouse=warehouse,
            open=open_,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, TransferRow, after=cursor)


door.order(app, "create", "ship", "receive", "close", "show", "list", "update", "cancel")
