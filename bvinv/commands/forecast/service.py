"""Service levels and overrides."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.forecast.group import override_app, service_app
from bvinv.core import dates, text
from bvinv.core.models.replenishment import OverrideRow, TargetRow
from bvinv.core.replenishment import horizons, overrides, service
from bvinv.door import Call

Level = Annotated[
    int,
    typer.Argument(
        parser=horizons.level, metavar="LEVEL", help="0.95, or 95%.", show_default=False
    ),
]
Sku = Annotated[str | None, typer.Option("--sku", metavar="REF", help="Of this product.")]
Category = Annotated[
    str | None,
    typer.Option("--category", metavar="SLUG", help="Of this category, and all below it."),
]
Abc = Annotated[str | None, typer.Option("--class", metavar="A|B|C", help="Of this ABC class.")]
Pieces = Annotated[
    int,
    typer.Option(
        "--reorder-point",
        parser=lambda said: text.quantity(said, what="reorder point", minimum=0),
        metavar="N",
        help="Order when there are fewer pieces, those on their way counted.",
    ),
]


@door.changes(service_app, "set")
def set_(
    call: Call,
    level: Level,
    sku: Sku = None,
    category: Category = None,
    abc: Abc = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="cycle|fill",
            help="cycle: the chance of no shortage; fill: the part of the pieces that are there.",
        ),
    ] = "cycle",
) -> None:
    """Set the service level of a product, category, class, or all.

    What is said of a product counts before what is said of its category, that before its class.
    The next night orders by it.

    Example: bvinv forecast service set 0.98 --class A
    """
    call.run(
        lambda session: service.put(
            session, level=level, kind=kind, sku=sku, category=category, abc=abc
        )
    )


@door.shows(service_app, "list")
def list_(call: Call) -> None:
    """List the service levels that were set.

    What has none gets 0.97 in class A, 0.95 in B and 0.9 in C, or what forecast run says.

    Example: bvinv forecast service list
    """
    call.page(call.read(service.targets), TargetRow)


@door.changes(service_app)
def remove(call: Call, sku: Sku = None, category: Category = None, abc: Abc = None) -> None:
    """Take a service level away; without a name, that of everything.

    Example: bvinv forecast service remove --class A
    """
    call.run(lambda session: service.remove(session, sku=sku, category=category, abc=abc))


@door.changes(override_app, "set")
def override(
    call: Call,
    ref: door.Ref,
    warehouse: door.WarehouseOption,
    reorder_point: Pieces,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")],
    until_on: Annotated[
        int,
        typer.Option("--until", parser=dates.day, metavar="DATE", help="The last day, in UTC."),
    ],
    order_up_to: Annotated[
        int | None,
        typer.Option(
            "--order-up-to",
            parser=lambda said: text.quantity(said, what="level to order up to", minimum=0),
            metavar="N",
            help="How many pieces to have then; else as few as the supplier sells.",
        ),
    ] = None,
) -> None:
    """Say when to order a product, whatever the forecast says.

    Example: bvinv forecast override set DRACULA-01 -w MAIN --reorder-point 40
    --order-up-to 60 --reason "school order" --until 2027-01-31
    """
    call.run(
        lambda session: overrides.put(
            session,
            ref=ref,
            warehouse=warehouse,
            reorder_point=reorder_point,
            order_up_to=order_up_to,
            reason=reason,
            until_on=until_on,
        ),
        OverrideRow.columns,
    )


@door.shows(override_app, "list")
def list_overrides(call: Call) -> None:
    """List the overrides, also those that have ended.

    Example: bvinv forecast override list
    """
    call.page(call.read(overrides.overrides), OverrideRow)


@door.changes(override_app, "remove")
def remove_override(call: Call, ref: door.Ref, warehouse: door.WarehouseOption) -> None:
    """Take an override away: the forecast counts again.

    Example: bvinv forecast override remove DRACULA-01 --warehouse MAIN
    """
    call.run(
        lambda session: overrides.remove(session, ref=ref, warehouse=warehouse),
        OverrideRow.columns,
    )
