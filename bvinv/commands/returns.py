"""`bvinv returns`: what customers send back."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core import text
from bvinv.core.models.customer_return import ReturnRow
from bvinv.door import Call

app = door.group("Returns: what customers send back, and what becomes of it.")
Number = Annotated[
    str, typer.Argument(metavar="RT-N", help="The return's number.", show_default=False)
]
MaybeReservation = Annotated[
    str | None, typer.Option("--reservation", metavar="ID", help="The order it belongs to.")
]


def pieces(value: str) -> int:
    """Return a number of pieces."""
    return text.quantity(value, what="number of pieces")


@door.changes(app)
def receive(
    call: Call,
    ref: door.Ref,
    qty: door.Quantity,
    warehouse: door.WarehouseOption,
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="Why: defective, unwanted, wrong-item …")
    ],
    reservation: MaybeReservation = None,
    lot: Annotated[str, typer.Option("--lot", metavar="LOT", help="The lot on the goods.")] = "",
    yes: door.Yes = False,
) -> None:
    """Take in what a customer sent back, to quarantine.

    Nobody is promised it there. With a reservation, no more than it shipped.

    Example: bvinv returns receive HX-1 --qty 1 --warehouse MAIN --reason unwanted
    """
    from bvinv.core.fulfilment import returns

    door.confirm(call, [qty], yes)
    call.run(
        lambda session: returns.receive(
            session,
            ref=ref,
            quantity=qty,
            warehouse=warehouse,
            reason=reason,
            reservation_id=reservation,
            lot=lot,
        ),
        ReturnRow.columns,
    )


@door.changes(app)
def decide(
    call: Call,
    number: Number,
    restock: Annotated[
        int | None,
        typer.Option("--restock", parser=pieces, metavar="N", help="As good as new."),
    ] = None,
    bin_: Annotated[
        str | None, typer.Option("--bin", metavar="BIN", help="Where restocked ones go; SHELF.")
    ] = None,
    damaged: Annotated[
        int | None,
        typer.Option("--damaged", parser=pieces, metavar="N", help="To the damaged bin."),
    ] = None,
    scrap: Annotated[
        int | None, typer.Option("--scrap", parser=pieces, metavar="N", help="Thrown away.")
    ] = None,
    to_supplier: Annotated[
        int | None,
        typer.Option("--to-supplier", parser=pieces, metavar="N", help="Sent on to the supplier."),
    ] = None,
) -> None:
    """Say what becomes of pieces of a return. Backorders get restocked ones first.

    Example: bvinv returns decide RT-1 --restock 2 --scrap 1
    """
    from bvinv.core.fulfilment import returns

    call.run(
        lambda session: returns.decide(
            session,
            number=number,
            restock=restock or 0,
            bin=bin_,
            damaged=damaged or 0,
            scrap=scrap or 0,
            to_supplier=to_supplier or 0,
        ),
        ReturnRow.columns,
    )


@door.shows(app)
def show(call: Call, number: Number) -> None:
    """Show one return.

    Example: bvinv returns show RT-1
    """
    from bvinv.core.fulfilment import returns

    call.show(call.read(lambda session: returns.show(session, number=number)))


@door.shows(app, "list")
def list_(
    call: Call,
    open_: Annotated[
        bool, typer.Option("--open", help="Only those that wait for a decision.")
    ] = False,
    reservation: MaybeReservation = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List returns, the newest first.

    Example: bvinv returns list --open
    """
    from bvinv.core.fulfilment import returns

    rows, cursor = call.read(
        lambda session: returns.page(
            session,
            undecided=open_,
            reservation_id=reservation,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, ReturnRow, after=cursor)
