"""Suppliers and their terms."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.purchase.group import Supplier, supplier_app
from bvinv.core.models.supplier import SupplierRow, TermRow
from bvinv.door import Call

Currency = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="ISO 4217, for example GBP.")
]
LeadTime = Annotated[
    str | None,
    typer.Option("--lead-time-days", metavar="N", help="Days from the order to the goods."),
]
MinimumOrder = Annotated[
    str | None,
    typer.Option("--minimum-order", metavar="AMOUNT", help="The least that an order should cost."),
]
OverReceipt = Annotated[
    str | None,
    typer.Option(
        "--over-receipt", metavar="PERCENT", help="How much more than ordered may come; 0."
    ),
]
Email = Annotated[str | None, typer.Option("--email", help="Where orders go.")]

Product = Annotated[
    str | None,
    typer.Argument(metavar="[REF]", help="A product; else all are listed.", show_default=False),
]
SupplierSku = Annotated[
    str | None, typer.Option("--supplier-sku", metavar="SKU", help="What they call it.")
]
Cost = Annotated[
    str | None, typer.Option("--cost", metavar="AMOUNT", help="Of a piece, in their currency.")
]
PackSize = Annotated[
    str | None, typer.Option("--pack-size", metavar="N", help="Pieces in one of their packs.")
]
MinimumQuantity = Annotated[
    str | None, typer.Option("--minimum-quantity", metavar="N", help="Pieces, at least.")
]


def _fields(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


@door.changes(supplier_app)
def add(
    call: Call,
    code: Supplier,
    name: Annotated[str, typer.Option("--name", help="What people call them.")],
    currency: Annotated[
        str, typer.Option("--currency", metavar="CODE", help="ISO 4217, for example GBP.")
    ],
    lead_time_days: Annotated[
        str,
        typer.Option("--lead-time-days", metavar="N", help="Days from the order to the goods."),
    ],
    minimum_order: MinimumOrder = None,
    over_receipt: OverReceipt = None,
    email: Email = None,
) -> None:
    """Add a supplier.

    Example: bvinv purchase supplier add QUAY --name "Quay Books" --currency GBP --lead-time-days 4
    """
    from bvinv.core.purchasing import suppliers

    fields = _fields(
        name=name,
        currency=currency,
        lead_time_days=lead_time_days,
        minimum_order=minimum_order,
        over_receipt_percent=over_receipt,
        email=email,
    )
    call.run(
        lambda session: suppliers.add(session, name_code=code, fields=fields), SupplierRow.columns
    )


@door.changes(supplier_app)
def update(
    call: Call,
    code: Supplier,
    name: Annotated[str | None, typer.Option("--name", help="What people call them.")] = None,
    currency: Currency = None,
    lead_time_days: LeadTime = None,
    minimum_order: MinimumOrder = None,
    over_receipt: OverReceipt = None,
    email: Email = None,
) -> None:
    """Change a supplier; an empty text takes a value away.

    Example: bvinv purchase supplier update HARBOUR --lead-time-days 4 --over-receipt 5
    """
    from bvinv.core.errors import InvalidInput
    from bvinv.core.purchasing import suppliers

    fields = _fields(
        name=name,
        currency=currency,
        lead_time_days=lead_time_days,
        minimum_order=minimum_order,
        over_receipt_percent=over_receipt,
        email=email,
    )
    if not fields:
        raise InvalidInput("nothing to change", hint="for example: --lead-time-days 4")
    call.run(
        lambda session: suppliers.change(session, supplier=code, fields=fields),
        SupplierRow.columns,
    )


@door.shows(supplier_app, "list")
def list_(call: Call, limit: door.Limit = None, after: door.After = None) -> None:
    """List suppliers by code.

    Example: bvinv purchase supplier list
    """
    from bvinv.core.purchasing import suppliers

    rows, cursor = call.read(
        lambda session: suppliers.page(session, limit=limit or 100, after=after)
    )
    call.page(rows, SupplierRow, after=cursor)


@door.shows(supplier_app)
def show(call: Call, code: Supplier) -> None:
    """Show a supplier with all its terms.

    Example: bvinv purchase supplier show HARBOUR
    """
    from bvinv.core.purchasing import suppliers

    call.show(call.read(lambda session: suppliers.show(session, supplier=code)))


@door.changes(supplier_app)
def terms(
    call: Call,
    code: Supplier,
    ref: Product = None,
    supplier_sku: SupplierSku = None,
    cost: Cost = None,
    pack_size: PackSize = None,
    minimum_quantity: MinimumQuantity = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the terms away.")] = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """Set, show or list what a supplier asks for products.

    With a product and options they are set; with a product alone shown; else all are listed.

    Example: bvinv purchase supplier terms HARBOUR JEYRE-01 --cost 5.66 --pack-size 5
    """
    from bvinv.core.db import Session
    from bvinv.core.errors import InvalidInput
    from bvinv.core.purchasing import supplier_terms, suppliers

    fields = _fields(
        supplier_sku=supplier_sku,
        cost=cost,
        pack_size=pack_size,
        minimum_quantity=minimum_quantity,
    )
    if ref is None:
        if fields or remove:
            raise InvalidInput("name the product", hint=f"bvinv purchase supplier terms {code} REF")
        rows, cursor = call.read(
            lambda session: supplier_terms.page(
                session, suppliers.find(session, code), limit=limit or 100, after=after
            )
        )
        call.page(rows, TermRow, after=cursor)
    elif not fields and not remove:
        call.show(
            call.read(
                lambda session: supplier_terms.one(session, suppliers.find(session, code), ref=ref)
            )
        )
    elif fields and remove:
        raise InvalidInput("terms are set or removed, not both")
    else:

        def action(session: Session) -> TermRow:
            seller = suppliers.find(session, code)
            if remove:
                return supplier_terms.remove(session, seller, ref=ref)
            [row] = supplier_terms.put(session, seller, [(ref, fields)])
            return row

        call.run(action)
