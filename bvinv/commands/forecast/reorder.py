"""What to order, and why."""

from typing import Annotated, Any

import typer

from bvinv import door, output, scheduling
from bvinv.commands.forecast.group import app
from bvinv.core import jobs
from bvinv.core.models.reorder import ReorderRow
from bvinv.door import Call


@scheduling.changes(app, jobs.REORDER, only="create_orders")
def reorder(
    call: Call,
    warehouse: door.MaybeWarehouse = None,
    supplier: Annotated[
        str | None, typer.Option("--supplier", metavar="CODE", help="Only what they are asked for.")
    ] = None,
    create_orders: Annotated[
        bool, typer.Option("--create-orders", help="Write it as drafts of orders.")
    ] = False,
    transfer_first: Annotated[
        bool,
        typer.Option("--transfer-first", help="Move what others have too much of before buying."),
    ] = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """Show what to order, the most urgent first, and why.

    Nothing is changed unless --create-orders is said: then it is written as drafts, one for each
    supplier and warehouse. They count as on their way, so that a second time nothing is left.

    Example: bvinv forecast reorder --warehouse MAIN --create-orders
    """
    from bvinv.core.db import Session
    from bvinv.core.replenishment import reorder as report

    wish: dict[str, Any] = {
        "warehouse": warehouse,
        "supplier": supplier,
        "transfer_first": transfer_first,
        "limit": limit,
        "after": after,
    }
    notes: list[str] = []

    def action(session: Session) -> list[ReorderRow]:
        done = report.order(session, **wish)
        notes[:] = done.notes
        return done.rows

    if create_orders:
        call.run(action, ReorderRow.ordered)
    else:
        rows, cursor = call.read(lambda session: report.page(session, **wish))
        call.page(rows, ReorderRow, after=cursor)
    age = call.read(report.age)
    for said in [*notes, age] if age else notes:
        output.note(said)


@door.shows(app)
def why(call: Call, ref: door.Ref, warehouse: door.MaybeWarehouse = None) -> None:
    """Tell why a product is to be ordered, or not.

    From its history to the arithmetic; a warehouse after the other.

    Example: bvinv forecast why JEYRE-01 --warehouse MAIN
    """
    from bvinv.core.replenishment import explain, telling

    rows = call.read(lambda session: explain.why(session, ref=ref, warehouse=warehouse))
    if not call.is_for_people:
        one = warehouse is not None
        call.print(rows[0].record() if one else [row.record() for row in rows], None)
        return
    for place, row in enumerate(rows):
        if place:
            output.line("")
        call.print(telling.told(row), None)
    if not rows:
        output.note("it lies nowhere and is forecast nowhere; name a warehouse: --warehouse CODE")
