"""The groups that the commands of purchasing belong to, and the options that they share."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core import dates

app = door.group("Purchasing: suppliers, orders, and the receipts of what they brought.")
supplier_app = door.group("Suppliers, and what they ask for each product.")
order_app = door.group("Purchase orders: write, place, watch, cancel. Receive with: bvinv receive.")
receipt_app = door.group("Receipts: what came, when, and with which delivery note.")
app.add_typer(supplier_app, name="supplier")
app.add_typer(order_app, name="order")
app.add_typer(receipt_app, name="receipt")

Supplier = Annotated[
    str, typer.Argument(metavar="SUPPLIER", help="The supplier's code.", show_default=False)
]
MaybeSupplier = Annotated[
    str | None, typer.Option("--supplier", metavar="CODE", help="Only of this supplier.")
]
Order = Annotated[
    str, typer.Argument(metavar="ORDER", help="Its number: PO-12, or 12.", show_default=False)
]
ExpectedOn = Annotated[
    int | None,
    typer.Option(
        "--expected-on", parser=dates.day, metavar="DATE", help="The day on which it should come."
    ),
]
Exact = Annotated[
    bool,
    typer.Option("--exact", help="Order just that, whatever the supplier's packs and minimum."),
]
OverReceipt = Annotated[
    str | None,
    typer.Option(
        "--over-receipt", metavar="PERCENT", help="How much more may come; else the supplier's."
    ),
]
