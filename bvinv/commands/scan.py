"""`bvinv scan`: what was scanned, and the codes that nobody knew."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core import text
from bvinv.core.models.scan import ResolvedRow, SessionRow, UnknownRow
from bvinv.door import Call

app = door.group("Scan sessions, and unknown barcodes.")
Number = Annotated[
    str, typer.Argument(metavar="SC-N", help="The session's number.", show_default=False)
]
Code = Annotated[str, typer.Argument(metavar="CODE", help="As it was scanned.", show_default=False)]
# What people read of a scanned line on 80 columns; the session stands above.
LINE = ("seq", "code", "outcome", "sku", "quantity", "bin", "detail")
RESOLVED = ("code", "state", "sku", "pack", "scans", "pieces", "receipts")


@door.shows(app, "list")
def list_(
    call: Call,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="receive, put-away, pick, count or transfer."),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Only this person's.")
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those not ended.")] = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List scan sessions with their totals, the newest first.

    Example: bvinv scan list --open
    """
    from bvinv.core.scanning import listing

    rows, cursor = call.read(
        lambda session: listing.page(
            session, actor=by, mode=mode, open=is_open, limit=limit or 50, after=after
        )
    )
    call.page(rows, SessionRow, after=cursor)


@door.shows(app)
def show(
    call: Call,
    number: Number,
    limit: door.Limit = None,
    after: Annotated[
        int | None,
        typer.Option("--after", parser=text.quantity, metavar="LINE", help="Go on after this one."),
    ] = None,
) -> None:
    """Show a session line by line, and what became of each.

    Example: bvinv scan show SC-12
    """
    from bvinv import output
    from bvinv.core.scanning import listing

    row, more = call.read(
        lambda session: listing.show(session, number=number, limit=limit or 1000, after=after or 0)
    )
    record = row.record()
    if call.is_for_people:
        record["scans"] = [{name: one[name] for name in LINE} for one in record["scans"]]
    call.print(record, row.columns)
    if more is not None:
        output.note(f"more: --after {more}")


@door.shows(app)
def unknown(
    call: Call,
    warehouse: door.MaybeWarehouse = None,
    state: Annotated[
        str | None, typer.Option("--state", help="open (if nothing is said), resolved, dismissed.")
    ] = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List the codes that came in and name nothing, with their pieces.

    Example: bvinv scan unknown --warehouse MAIN
    """
    from bvinv.core.scanning import unknown

    rows, cursor = call.read(
        lambda session: unknown.page(
            session, warehouse=warehouse, state=state or "open", limit=limit or 50, after=after
        )
    )
    call.page(rows, UnknownRow, after=cursor)


@door.changes(app)
def resolve(
    call: Call,
    code: Code,
    to: Annotated[str, typer.Option("--to", metavar="REF", help="The product that it is.")],
    pack: Annotated[
        int | None,
        typer.Option("--pack", parser=text.quantity, metavar="N", help="Pieces it stands for; 1."),
    ] = None,
    lot: Annotated[
        str, typer.Option("--lot", metavar="LOT", help="Their lot, if the product has lots.")
    ] = "",
) -> None:
    """Say what an unknown code is.

    It becomes a barcode of that product, and its pieces are received at the dock.

    Example: bvinv scan resolve 5012345678900 --to HX-1
    """
    from bvinv.core.scanning import unknown

    call.run(
        lambda session: unknown.resolve(session, code=code, to=to, pack=pack or 1, lot=lot),
        RESOLVED,
    )


@door.changes(app)
def dismiss(call: Call, code: Code) -> None:
    """Take a code off the list of unknown ones; nothing is received.

    Example: bvinv scan dismiss 5012345678900
    """
    from bvinv.core.scanning import unknown

    call.run(lambda session: unknown.dismiss(session, code=code), ResolvedRow.columns or RESOLVED)


@door.changes(app)
def close(call: Call, number: Number) -> None:
    """End a session that was left open; what was scanned stays.

    Example: bvinv scan close SC-12
    """
    from bvinv.core.scanning import sessions

    call.run(lambda session: sessions.end(session, number=number), SessionRow.columns)


door.order(app, "unknown", "resolve", "dismiss", "list", "show", "close")
