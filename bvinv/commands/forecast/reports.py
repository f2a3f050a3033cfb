"""What the stock costs and earns."""

from typing import Annotated

import typer

from bvinv import door, output
from bvinv.commands.forecast.group import AsOf, Refs, app
from bvinv.core import text
from bvinv.core.models.stock_report import (
    ClassRow,
    ClassSummary,
    OverstockRow,
    OverstockSummary,
    StockOutRow,
    TurnoverRow,
)
from bvinv.door import Call


def _days(said: str) -> int:
    return text.quantity(said, what="number of days", maximum=3650)


Summary = Annotated[bool, typer.Option("--summary", help="Only what it all comes to.")]


@door.shows(app)
def classes(
    call: Call,
    refs: Refs = None,
    warehouse: door.MaybeWarehouse = None,
    as_of: AsOf = None,
    summary: Summary = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """Show which products earn most, and how steadily they sell.

    ABC is by the revenue of 52 weeks, XYZ by how far off the forecast is; the quadrant tells often
    from seldom, even from uneven.

    Example: bvinv forecast classes --warehouse MAIN --limit 10
    """
    from bvinv.core.replenishment import classing

    wanted = refs or []
    if summary:
        counted = call.read(
            lambda session: classing.summary(session, refs=wanted, warehouse=warehouse, as_of=as_of)
        )
        call.page(counted, ClassSummary)
        return
    rows, cursor = call.read(
        lambda session: classing.page(
            session,
            refs=wanted,
            warehouse=warehouse,
            as_of=as_of,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, ClassRow, after=cursor)


@door.shows(app)
def overstock(
    call: Call,
    warehouse: door.MaybeWarehouse = None,
    days: Annotated[
        int,
        typer.Option(
            "--days", parser=_days, metavar="N", help="Dead is what did not sell for so long."
        ),
    ] = 180,
    summary: Summary = False,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """Show what there is too much of, and the money in it.

    Too much is what did not sell at all, and what lies above the order-up-to level.

    Example: bvinv forecast overstock --days 90
    """
    from bvinv.core.replenishment import worth

    if summary:
        sums = call.read(
            lambda session: worth.overstock_summary(session, warehouse=warehouse, days=days)
        )
        call.page(sums, OverstockSummary)
        return
    rows, cursor = call.read(
        lambda session: worth.overstock(
            session, warehouse=warehouse, days=days, limit=limit or 50, after=after
        )
    )
    call.page(rows, OverstockRow, after=cursor)
    if any(row.cost is None for row in rows):
        output.note("without a cost: no supplier's terms and no order says what a piece costs")


@door.shows(app)
def turnover(
    call: Call,
    warehouse: door.MaybeWarehouse = None,
    since: door.Since = None,
    until: door.Time = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """Show how often stock turns over a year, and how long it lasts.

    The last 365 days, unless a period is named.

    Example: bvinv forecast turnover --since 2026-01-01 --until 2026-03-31
    """
    from bvinv.core.replenishment import turnovers

    rows, cursor = call.read(
        lambda session: turnovers.turnover(
            session,
            warehouse=warehouse,
            since=since,
            until=until,
            limit=limit or 50,
            after=after,
        )
    )
    call.page(rows, TurnoverRow, after=cursor)


@door.shows(app)
def stock_outs(
    call: Call,
    warehouse: door.MaybeWarehouse = None,
    since: door.Since = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """Show what was out of stock, how long, and what that cost.

    The last 365 days, unless a beginning is named. Lost sales are estimated.

    Example: bvinv forecast stock-outs --warehouse MAIN
    """
    from bvinv.core.replenishment import stock_outs as outs

    rows, cursor = call.read(
        lambda session: outs.stock_outs(
            session, warehouse=warehouse, since=since, limit=limit or 50, after=after
        )
    )
    call.page(rows, StockOutRow, after=cursor)
    if rows:
        output.note("lost sales are estimated: days out by what a day in stock sold")
