"""`bvinv warehouse`: warehouses and their bins."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core import instants, text
from bvinv.core.models.warehouse import BinDetails, BinRow, WarehouseRow
from bvinv.door import Call

app = door.group("Warehouses and their bins.")
bin_app = door.group("The bins of a warehouse.")
app.add_typer(bin_app, name="bin")

Code = Annotated[
    str, typer.Argument(metavar="CODE", help="The warehouse's code.", show_default=False)
]
Warehouse = Annotated[
    str, typer.Argument(metavar="WAREHOUSE", help="Its code.", show_default=False)
]
Bin = Annotated[str, typer.Argument(metavar="BIN", help="The bin's code.", show_default=False)]
AsOf = Annotated[
    int | None,
    typer.Option(
        "--as-of",
        parser=instants.parse,
        metavar="TIME",
        help="What lay there then: RFC 3339, or a date (its end, in local time).",
    ),
]


def rank(value: str) -> int:
    """Return a priority."""
    return text.quantity(value, what="priority", minimum=0, maximum=10_000)


def setting(value: str) -> int:
    """Return a number from 0, or -1 for `none`."""
    return -1 if value == "none" else text.quantity(value, what="number", minimum=0)


PickSequence = Annotated[
    int | None,
    typer.Option(
        "--pick-sequence", parser=setting, metavar="N|none", help="Lower is walked to first."
    ),
]
Capacity = Annotated[
    int | None,
    typer.Option("--capacity", parser=setting, metavar="N|none", help="Pieces that fit."),
]


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
def bins(
    call: Call,
    code: Code,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="Only bins of this kind.")
    ] = None,
    as_of: AsOf = None,
) -> None:
    """List the bins of a warehouse, with what lies in each.

    Example: bvinv warehouse bins MAIN --kind storage
    """
    from bvinv.core import bins as places

    rows = call.read(lambda session: places.bins(session, warehouse=code, kind=kind, as_of=as_of))
    call.page(rows, BinRow)


@door.changes(bin_app, "add")
def add_bin(
    call: Call,
    warehouse: Warehouse,
    bin_: Annotated[
        str, typer.Argument(metavar="BIN", help="The new bin's code.", show_default=False)
    ],
    kind: Annotated[
        str,
        typer.Option("--kind", help="storage, dock, staging, quarantine or damaged."),
    ] = "storage",
    pick_sequence: PickSequence = None,
    capacity: Capacity = None,
) -> None:
    """Add a bin. What lies in quarantine or damaged bins is never promised.

    Pickers walk by the pick sequence; goods are put away up to the capacity.

    Example: bvinv warehouse bin add MAIN C-01 --pick-sequence 130 --capacity 400
    """
    from bvinv.core import warehouses

    settings = _settings(pick_sequence=pick_sequence, capacity=capacity)
    call.run(
        lambda session: warehouses.add_bin(
            session, warehouse=warehouse, name=bin_, kind=kind, **settings
        ),
        BinRow.columns,
    )


@door.changes(bin_app, "update")
def update_bin(
    call: Call,
    warehouse: Warehouse,
    bin_: Bin,
    pick_sequence: PickSequence = None,
    capacity: Capacity = None,
) -> None:
    """Change a bin's pick sequence and capacity; its kind never changes. `none` takes one away.

    Example: bvinv warehouse bin update MAIN A-01 --capacity 1200
    """
    from bvinv.core import bins as places

    settings = _settings(pick_sequence=pick_sequence, capacity=capacity)
    call.run(
        lambda session: places.change(session, warehouse=warehouse, bin=bin_, settings=settings),
        (*BinRow.columns, "room"),
    )


@door.shows(bin_app, "show")
def show_bin(call: Call, warehouse: Warehouse, bin_: Bin, as_of: AsOf = None) -> None:
    """Show a bin: what lies in it, by SKU and lot, and what fits.

    Example: bvinv warehouse bin show MAIN A-01 --as-of 2026-11-01
    """
    from bvinv.core import bins as places

    row = call.read(
        lambda session: places.show(session, warehouse=warehouse, bin=bin_, as_of=as_of)
    )
    call.show(row, BinDetails.columns)


def _settings(**given: int | None) -> dict[str, int | None]:
    """Return what was named; `none`, which is -1 here, as None."""
    return {
        name: None if value == -1 else value for name, value in given.items() if value is not None
    }
