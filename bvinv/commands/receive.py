"""`bvinv receive`: goods come in."""

from typing import Annotated, Any

import typer

from bvinv import door
from bvinv.core import dates, text
from bvinv.core.models.receipt import ReceiptRow
from bvinv.core.models.stock import LevelRow
from bvinv.door import Call

app = typer.Typer(rich_markup_mode=None, add_completion=False)

HELP = "see: bvinv receive --help"

Lines = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[REF|SKU=QTY…]",
        help="What came: one product, or lines of the order.",
        show_default=False,
    ),
]
MaybeQuantity = Annotated[
    int | None,
    typer.Option("--qty", parser=text.quantity, metavar="N", help="Pieces, of one product."),
]
Where = Annotated[
    str,
    typer.Option("--warehouse", "-w", metavar="CODE", help="Where; an order knows its own."),
]
Order = Annotated[str, typer.Option("--order", metavar="ORDER", help="The order that it came for.")]
Everything = Annotated[
    bool, typer.Option("--all", help="All that is outstanding of the order came.")
]
Bin = Annotated[str | None, typer.Option("--bin", metavar="BIN", help="Where to; else the dock.")]
Lot = Annotated[str, typer.Option("--lot", metavar="LOT", help="Of products that keep lots.")]
ExpiresOn = Annotated[
    int | None,
    typer.Option(
        "--expires-on", parser=dates.day, metavar="DATE", help="The last good day of a new lot."
    ),
]
Supplier = Annotated[
    str, typer.Option("--supplier", metavar="CODE", help="From whom, without an order.")
]
Document = Annotated[
    str,
    typer.Option(
        "--document", metavar="CODE", help="The delivery note; taken once from a supplier."
    ),
]
Scan = Annotated[bool, typer.Option("--scan", help="Read codes from a scanner, one a line.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where a lost connection left the scanner.")
]


@door.changes(app)
def receive(
    call: Call,
    lines: Lines = None,
    qty: MaybeQuantity = None,
    warehouse: Where = "",
    order: Order = "",
    everything: Everything = False,
    bin_: Bin = None,
    lot: Lot = "",
    expires_on: ExpiresOn = None,
    supplier: Supplier = "",
    document: Document = "",
    scan: Scan = False,
    resume: Resume = False,
    yes: door.Yes = False,
) -> None:
    """Take goods in: to the dock, unless a bin is named. The oldest backorders get theirs first.

    For an order, in parts or --all of it; or blind, one product at a time; or by scanner. More than
    an order and its tolerance is refused, and so is a delivery note that was here before.

    Example: bvinv receive 9780141439518 --qty 20 --warehouse MAIN --document DN-4711

    Example: bvinv receive --order PO-12 JEYRE-01=10 DRACULA-01=4 --document DN-4711
    """
    common = {
        "warehouse": warehouse,
        "bin": bin_,
        "document": document,
        "lot": lot,
        "expires_on": expires_on,
    }
    said = (lines, everything, qty, bin_, lot, expires_on)
    if door.scans(scan=scan, resume=resume, said=said):
        _scan(call, order, warehouse, resume=resume, supplier=supplier, delivery=document)
    elif order:
        parsed = _ordered(order, lines, qty, supplier)
        door.confirm(call, [quantity for _, quantity in parsed], yes)
        _receive_order(call, order=order, lines=parsed, everything=everything, **common)
    else:
        ref, quantity = _one(lines, qty, warehouse, everything)
        door.confirm(call, [quantity], yes)
        _receive_blind(call, ref=ref, quantity=quantity, supplier=supplier, **common)


def _ordered(
    order: str, lines: list[str] | None, qty: int | None, supplier: str
) -> list[tuple[str, int]]:
    """Return the lines of an order that came. Raises InvalidInput for what belongs elsewhere."""
    from bvinv.core.errors import InvalidInput

    if qty is not None or supplier:
        raise InvalidInput(
            "an order knows its supplier, and each of its products has its own number",
            hint=f"bvinv receive --order {order} SKU=QTY",
        )
    return text.lines(lines) if lines else []


def _one(
    lines: list[str] | None, qty: int | None, warehouse: str, everything: bool
) -> tuple[str, int]:
    """Return what came blind, and how much. Raises InvalidInput for what is missing."""
    from bvinv.core.errors import InvalidInput

    if everything:
        raise InvalidInput("all of which order?", hint="bvinv receive --order PO-12 --all")
    if not lines:
        raise InvalidInput("what came?", hint=HELP)
    if len(lines) > 1 or "=" in lines[0]:
        raise InvalidInput(
            "without an order, one product comes at a time",
            hint=f"bvinv receive {lines[0].partition('=')[0]} --qty N --warehouse W; "
            "or name the --order",
        )
    if not warehouse:
        raise InvalidInput("Missing option '--warehouse' / '-w'.", hint=HELP)
    if qty is None:
        raise InvalidInput("Missing option '--qty'.", hint=HELP)
    return lines[0], qty


def _receive_blind(call: Call, **asked: Any) -> None:
    from bvinv.core.purchasing import receiving

    call.run(lambda session: receiving.receive(session, **asked), LevelRow.columns)


def _receive_order(call: Call, **asked: Any) -> None:
    from bvinv.core.purchasing import receipts

    call.run(lambda session: receipts.receive_order(session, **asked), ReceiptRow.columns)


def _scan(call: Call, order: str, warehouse: str, *, resume: bool, **delivered: str) -> None:
    from bvinv import scanning
    from bvinv.core.errors import InvalidInput

    if not order and not warehouse:
        raise InvalidInput("Missing option '--warehouse' / '-w'.", hint=HELP)
    where = {"warehouse": warehouse, "document": order}
    scanning.loop(call, mode="receive", resume=resume, **where, **delivered)
