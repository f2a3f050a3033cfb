"""Purchase orders."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.purchase.group import (
    Exact,
    ExpectedOn,
    MaybeSupplier,
    Order,
    OverReceipt,
    Supplier,
    order_app,
)
from bvinv.core import instants, text
from bvinv.core.models.order import OrderRow, OrderSummary
from bvinv.door import Call


def percent(said: str | None) -> int | None:
    """Return a percentage, None where none is said. Raises InvalidInput."""
    from bvinv.core.purchasing import suppliers

    return None if said is None else suppliers.percent(said)


@door.changes(order_app)
def create(
    call: Call,
    supplier: Supplier,
    lines: Annotated[
        list[str], typer.Argument(metavar="SKU=QTY…", help="What, how many.", show_default=False)
    ],
    warehouse: door.WarehouseOption,
    expected_on: ExpectedOn = None,
    note: Annotated[str, typer.Option("--note", help="Words about it.")] = "",
    place: Annotated[bool, typer.Option("--place", help="Place it at once.")] = False,
    exact: Exact = False,
    over_receipt: OverReceipt = None,
    yes: door.Yes = False,
) -> None:
    """Write an order to a supplier: a draft, unless --place is said.

    Costs come from the supplier's terms. Nothing is rounded: what they do not sell like that is
    refused, and the right number is said.

    Example: bvinv purchase order create HARBOUR JEYRE-01=10 DRACULA-01=4 --warehouse MAIN --place
    """
    from bvinv.core.db import Session
    from bvinv.core.errors import InvalidInput
    from bvinv.core.purchasing import orders

    parsed = text.lines(lines)
    more = percent(over_receipt)
    if more is not None and not place:
        raise InvalidInput(
            "the tolerance is fixed when an order is placed",
            hint="say --place too, or: bvinv purchase order place ORDER --over-receipt 10",
        )
    door.confirm(call, [quantity for _, quantity in parsed], yes)

    def action(session: Session) -> OrderRow:
        row = orders.create(
            session,
            supplier=supplier,
            warehouse=warehouse,
            lines=parsed,
            expected_on=expected_on,
            note=note,
            exact=exact,
        )
        if not place:
            return row
        return orders.place(session, order=row.order, over_receipt_percent=more)

    call.run(action, OrderRow.columns)


@door.changes(order_app)
def update(
    call: Call,
    order: Order,
    lines: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SKU=QTY…]", help="New quantities.", show_default=False),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="REF", help="Take a line out.")
    ] = None,
    expected_on: ExpectedOn = None,
    note: Annotated[str | None, typer.Option("--note", help="Words about it.")] = None,
    exact: Exact = False,
    yes: door.Yes = False,
) -> None:
    """Change an order: its day, its note, and a draft's lines.

    Example: bvinv purchase order update PO-12 --expected-on 2026-04-02
    """
    from bvinv.core.errors import InvalidInput
    from bvinv.core.purchasing import orders

    if not lines and not remove and expected_on is None and note is None:
        raise InvalidInput("nothing to change", hint="for example: --expected-on 2026-04-02")
    parsed = text.lines(lines) if lines else []
    door.confirm(call, [quantity for _, quantity in parsed], yes)
    call.run(
        lambda session: orders.update(
            session,
            order=order,
            lines=parsed,
            remove=remove or [],
            expected_on=expected_on,
            note=note,
            exact=exact,
        ),
        OrderRow.columns,
    )


@door.changes(order_app)
def place(call: Call, order: Order, over_receipt: OverReceipt = None) -> None:
    """Place a draft: its goods are on order, and its lines fixed.

    Example: bvinv purchase order place PO-12
    """
    from bvinv.core.purchasing import orders

    more = percent(over_receipt)
    call.run(
        lambda session: orders.place(session, order=order, over_receipt_percent=more),
        OrderRow.columns,
    )


@door.changes(order_app)
def cancel(call: Call, order: Order) -> None:
    """Cancel an order, or what is outstanding of it.

    What came of it stays; the rest is not expected any more.

    Example: bvinv purchase order cancel PO-12
    """
    from bvinv.core.purchasing import orders

    call.run(lambda session: orders.cancel(session, order=order), OrderRow.columns)


@door.shows(order_app)
def show(
    call: Call,
    order: Order,
    as_of: Annotated[
        int | None,
        typer.Option(
            "--as-of", parser=instants.parse, metavar="TIME", help="What had come by then."
        ),
    ] = None,
) -> None:
    """Show an order: what was ordered, what came, what is outstanding.

    Example: bvinv purchase order show PO-12
    """
    from bvinv.core.purchasing import order_rows

    call.show(call.read(lambda session: order_rows.show(session, order=order, as_of=as_of)))


@door.shows(order_app, "list")
def list_(
    call: Call,
    status: Annotated[
        str | None,
        typer.Option("--status", help="draft, placed, partly-received, received or cancelled."),
    ] = None,
    supplier: MaybeSupplier = None,
    warehouse: door.MaybeWarehouse = None,
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those with goods on their way.")
    ] = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List orders, the newest first.

    Example: bvinv purchase order list --open
    """
    from bvinv.core.purchasing import order_rows

    rows, cursor = call.read(
        lambda session: order_rows.page(
            session,
            status=status,
            supplier=supplier,
            warehouse=warehouse,
            only_open=only_open,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, OrderSummary, after=cursor)
