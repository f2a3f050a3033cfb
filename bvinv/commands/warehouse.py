"""`bvinv warehouse`: warehouses and their bins."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core import text
from bvinv.core.models.warehouse import BinRow, WarehouseRow
from bvinv.door import Call

app = typer.Typer(
    help="Warehouses and their bins.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
bin_app = typer.Typer(
    help="The bins of a warehouse.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(bin_app, name="bin")

Code = Annotated[
    str, typer.Argument(metavar="CODE", help="The warehouse's code.", show_default=False)
]


def rank(value: str) -> int:
    """Return a priority."""
    return text.quantity(value, what="priority", minimum=0, maximum=10_000)


@door.changes(app)
def add(
    call: Call,
    code: Code,
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    priority: Annotated[
        int | None,
        typer.Option("--priority", parser=rank, metavar="N", help="Lower is asked first; 100."),
    ] = None,
) -> None:
    """Add a warehouse; it is born with the bins DOCK and SHELF.

    Example: bvinv warehouse add MAIN --name "Main warehouse" --priority 1
    """
    from bvinv.core import warehouses

    call.run(
        lambda session: warehouses.add(
            session, name_code=code, name=name, priority=100 if priority is None else priority
        ),
        WarehouseRow.columns,
    )


@door.shows(app, "list")
def list_(call: Call) -> None:
    """List warehouses, in the order in which they are asked for stock.

    Example: bvinv warehouse list
    """
    from bvinv.core import warehouses

    call.page(call.read(warehouses.warehouses), WarehouseRow)


@door.shows(app)
def show(call: Call, code: Code) -> None:
    """Show one warehouse.

    Example: bvinv warehouse show MAIN
    """
    from bvinv.core import warehouses

    call.show(call.read(lambda session: warehouses.show(session, name=code)))


@door.shows(app)
def bins(call: Call, code: Code) -> None:
    """List the bins of a warehouse, with what lies in each.

    Example: bvinv warehouse bins MAIN
    """
    from bvinv.core import warehouses

    rows = call.read(lambda session: warehouses.show_bins(session, warehouse=code))
    call.page(rows, BinRow)


@door.changes(bin_app, "add")
def add_bin(
    call: Call,
    warehouse: Annotated[
        str, typer.Argument(metavar="WAREHOUSE", help="Its code.", show_default=False)
    ],
    bin_: Annotated[
        str, typer.Argument(metavar="BIN", help="The new bin's code.", show_default=False)
    ],
    kind: Annotated[
        str,
        typer.Option("--kind", help="storage, dock, staging, quarantine or damaged."),
    ] = "storage",
) -> None:
    """Add a bin. What lies in quarantine or damaged bins is never promised.

    Example: bvinv warehouse bin add MAIN QUAR --kind quarantine
    """
    from bvinv.core import warehouses

    call.run(
        lambda session: warehouses.add_bin(session, warehouse=warehouse, name=bin_, kind=kind),
        BinRow.columns,
    )
