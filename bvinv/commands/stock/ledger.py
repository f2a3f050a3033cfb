"""The ledger: listed, explained, proved."""

from typing import Annotated

import typer

from bvinv import door, output, scheduling
from bvinv.commands.stock.group import app
from bvinv.core import jobs, text
from bvinv.core.models.stock import MovementRow
from bvinv.door import Call


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


@scheduling.shows(app, jobs.VERIFY)
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
