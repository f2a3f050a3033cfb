"""Receipts, to be looked at; goods are taken in by `bvinv receive`."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.purchase.group import MaybeSupplier, receipt_app
from bvinv.core.models.receipt import ReceiptSummary
from bvinv.door import Call


@door.shows(receipt_app)
def show(
    call: Call,
    receipt: Annotated[
        str, typer.Argument(metavar="RECEIPT", help="Its number: RC-7, or 7.", show_default=False)
    ],
) -> None:
    """Show what a delivery brought, and what its order still waits for.

    Example: bvinv purchase receipt show RC-7
    """
    from bvinv.core.purchasing import receipt_rows

    row = call.read(lambda session: receipt_rows.show(session, receipt=receipt))
    call.show(row, (*row.columns[:-2], *(("undone",) if row.undone else ()), *row.columns[-2:]))


@door.shows(receipt_app, "list")
def list_(
    call: Call,
    supplier: MaybeSupplier = None,
    order: Annotated[
        str | None, typer.Option("--order", metavar="ORDER", help="Only for this order.")
    ] = None,
    warehouse: door.MaybeWarehouse = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List receipts, the newest first.

    Example: bvinv purchase receipt list --supplier HARBOUR
    """
    from bvinv.core.purchasing import receipt_rows

    rows, cursor = call.read(
        lambda session: receipt_rows.page(
            session,
            supplier=supplier,
            order=order,
            warehouse=warehouse,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, ReceiptSummary, after=cursor)
