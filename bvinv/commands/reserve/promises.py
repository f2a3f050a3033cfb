"""Promises: created, shown, extended, committed, released, expired."""

from typing import Annotated

import typer

from bvinv import door, scheduling
from bvinv.commands.reserve.group import Id, MaybeLines, app, parcel
from bvinv.core import jobs, text
from bvinv.core.models.reservation import ReservationRow
from bvinv.door import Call

Lines = Annotated[
    list[str], typer.Argument(metavar="SKU=QTY…", help="What, how many.", show_default=False)
]


@door.changes(app)
def create(
    call: Call,
    reservation_id: Id,
    lines: Lines,
    warehouse: door.MaybeWarehouse = None,
    strategy: Annotated[
        str | None,
        typer.Option("--strategy", help="priority, most-stock or fewest-splits."),
    ] = None,
    ttl: door.Ttl = None,
    backorder: Annotated[
        bool, typer.Option("--backorder", help="Let what is short wait for goods.")
    ] = False,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="CODE", help="Where it comes from.")
    ] = None,
    yes: door.Yes = False,
) -> None:
    """Set stock aside, all of it or nothing. The same request again answers the same.

    Example: bvinv reserve create SO-1001 HX-1=2 DUNE-01=1 --ttl 30m
    """
    from bvinv.core import reservations
    from bvinv.core.errors import InvalidInput
    from bvinv.core.reservations import DEFAULT_TTL, Line, Request

    if warehouse is not None and strategy is not None:
        raise InvalidInput("name the warehouse or a strategy, not both")
    parsed = text.lines(lines)
    door.confirm(call, [quantity for _, quantity in parsed], yes)
    request = Request(
        reservation_id=reservation_id,
        lines=[Line(ref, quantity, warehouse) for ref, quantity in parsed],
        strategy=strategy or "priority",
        ttl=ttl or DEFAULT_TTL,
        backorder=backorder,
        channel=channel or "",
    )
    call.run(lambda session: reservations.create(session, request), ReservationRow.columns)


@door.shows(app)
def show(call: Call, reservation_id: Id) -> None:
    """Show a reservation as it is at this moment.

    Example: bvinv reserve show SO-1001
    """
    from bvinv.core.fulfilment import packages

    row = call.read(lambda session: packages.reservation(session, reservation_id=reservation_id))
    record = row.record()
    if call.is_for_people:
        record["packages"] = [parcel(one) for one in record["packages"]]
    call.print(record, [name for name in row.columns if record[name] != 0])


@door.shows(app, "list")
def list_(
    call: Call,
    status: Annotated[
        str | None,
        typer.Option("--status", help="held, committed, released or expired."),
    ] = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List reservations, the newest first.

    Example: bvinv reserve list --status held
    """
    from bvinv.core import reservation_rows

    rows, cursor = call.read(
        lambda session: reservation_rows.page(
            session, status=status, limit=limit or 50, after=after
        )
    )
    call.page(rows, ReservationRow, after=cursor)


@door.changes(app)
def extend(call: Call, reservation_id: Id, ttl: door.Ttl = None) -> None:
    """Let a live reservation last longer, counted from now.

    Example: bvinv reserve extend SO-1001 --ttl 2h
    """
    from bvinv.core import promises
    from bvinv.core.reservations import DEFAULT_TTL

    call.run(
        lambda session: promises.extend(
            session, reservation_id=reservation_id, ttl=ttl or DEFAULT_TTL
        ),
        ReservationRow.columns,
    )


@door.changes(app)
def commit(
    call: Call,
    reservation_id: Id,
    lines: MaybeLines = None,
    close: Annotated[
        bool, typer.Option("--close", help="Release what is left afterwards.")
    ] = False,
) -> None:
    """Let held goods leave: all, or these lines. On hand and reserved fall together.

    Example: bvinv reserve commit SO-1001 HX-1=1 --close
    """
    from bvinv.core import promises

    parsed = text.lines(lines) if lines else []
    call.run(
        lambda session: promises.commit(
            session, reservation_id=reservation_id, lines=parsed, close=close
        ),
        ReservationRow.columns,
    )


@door.changes(app)
def release(call: Call, reservation_id: Id) -> None:
    """Give back everything that a reservation still holds.

    Example: bvinv reserve release SO-1001
    """
    from bvinv.core import promises

    call.run(
        lambda session: promises.release(session, reservation_id=reservation_id),
        ReservationRow.columns,
    )


@scheduling.changes(app, jobs.EXPIRE)
def expire(
    call: Call,
    batch: Annotated[
        int | None,
        typer.Option("--batch", parser=text.quantity, metavar="N", help="A transaction; 500."),
    ] = None,
) -> None:
    """Record the reservations whose time has run out. For cron; safe to run twice.

    They stopped counting at the moment they ran out; this closes them.

    Example: bvinv reserve expire
    """
    from bvinv.core import promises

    answer = promises.sweep(call.database, call.command(), batch=batch or 500, dry_run=call.dry_run)
    call.answer(answer)
