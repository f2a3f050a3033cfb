"""`bvinv receive`: goods come in."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core.models.stock import LevelRow
from bvinv.door import Call

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@door.changes(app)
def receive(
    call: Call,
    ref: door.Ref,
    qty: door.Quantity,
    warehouse: door.WarehouseOption,
    bin_: door.MaybeBin = None,
    supplier: Annotated[str, typer.Option("--supplier", metavar="NAME", help="From whom.")] = "",
    document: Annotated[
        str, typer.Option("--document", metavar="CODE", help="The delivery note.")
    ] = "",
) -> None:
    """Take goods in: to the dock, unless a bin is named. The oldest backorders get theirs first.

    Example: bvinv receive 9780141439518 --qty 20 --warehouse MAIN --document DN-4711
    """
    from bvinv.core import receiving

    call.run(
        lambda session: receiving.receive(
            session,
            ref=ref,
            quantity=qty,
            warehouse=warehouse,
            bin=bin_,
            supplier=supplier,
            document=document,
        ),
        LevelRow.columns,
    )
