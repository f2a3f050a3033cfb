"""Demand to come, with its intervals, and how well it is forecast."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bvinv import door, exporting, output
from bvinv.commands.forecast.group import AsOf, Refs, app, patience
from bvinv.core import text
from bvinv.core.models.outlook import BacktestRow, OutlookRow
from bvinv.core.replenishment import horizons, plots
from bvinv.core.replenishment.horizons import Horizon
from bvinv.door import Call

Ahead = Annotated[
    Horizon | None,
    typer.Option(
        "--horizon", parser=horizons.parse, metavar="TIME", help="How far ahead: 30d, 8w or 2m."
    ),
]
Bucket = Annotated[
    Literal["week", "month"],
    typer.Option("--period", help="Buckets to learn from: seven days, or calendar months."),
]
PAGE = 50  # rows that people get to see at once


def _origins(said: str) -> int:
    return text.quantity(said, what="number of origins")


@door.shows(app)
def demand(
    call: Call,
    refs: Refs = None,
    horizon: Ahead = None,
    level: Annotated[
        list[int] | None,
        typer.Option(
            "--level",
            parser=horizons.level,
            metavar="LEVEL",
            help="A quantile: 0.9, or 90%. Again for more.",
        ),
    ] = None,
    warehouse: door.MaybeWarehouse = None,
    period: Bucket = "week",
    as_of: AsOf = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw it, too: FILE.svg or FILE.png."),
    ] = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """Show what demand to expect, and how sure that is.

    q50 is the median; with a chance of 0.9 demand is at most q90. Recent are the last 13 weeks or
    months. One product is drawn. CSV and JSON have all rows unless --limit is said, people get 50
    a page.

    Example: bvinv forecast demand DUNE-01 --horizon 8w --level 0.95
    """
    from bvinv.core.replenishment import outlook

    draws = plots.drawer(plot)
    is_one = call.is_for_people and len(refs or ()) == 1
    with patience("learning from all products"):
        found = call.read(
            lambda session: outlook.outlook(
                session,
                refs=refs or (),
                horizon=horizon or horizons.usual(period),
                levels=level or (9_000,),
                warehouse=warehouse,
                period=period,
                as_of=as_of,
                pictured=is_one or draws is not None,
            )
        )
    most = limit or (PAGE if call.is_for_people else None)
    rows, cursor = outlook.page(found.rows, limit=most, after=after)
    if plot is not None and draws is not None:
        exporting.keep(plot, draws(found.pictures))
    call.page(rows, OutlookRow, after=cursor)
    if is_one:
        for picture in found.pictures:
            for line in ("", *plots.terminal(picture)):
                output.line(line)


@door.shows(app)
def backtest(
    call: Call,
    refs: Refs = None,
    horizon: Ahead = None,
    origins: Annotated[
        int,
        typer.Option(
            "--origins", parser=_origins, metavar="N", help="How many past days to forecast from."
        ),
    ] = 12,
    level: Annotated[
        int | None,
        typer.Option(
            "--level",
            parser=horizons.level,
            metavar="LEVEL",
            help="The service level to simulate; 0.95.",
        ),
    ] = None,
    by: Annotated[
        Literal["quadrant", "abc"], typer.Option("--by", help="The classes to compare in.")
    ] = "quadrant",
    warehouse: door.MaybeWarehouse = None,
    period: Bucket = "week",
    as_of: AsOf = None,
) -> None:
    """Try the methods on the past: which would have done best?

    They forecast and order side by side. Errors (rmsse, mase, pinball) and costs are in units of a
    product's usual step from week to week; less is better. Cov95 should be 0.95, service what
    --level says.

    Example: bvinv forecast backtest --horizon 3w --origins 12
    """
    from bvinv.core.replenishment import backtests

    with patience(f"learning {origins} times from all products"):
        rows = call.read(
            lambda session: backtests.backtest(
                session,
                refs=refs or (),
                horizon=horizon or horizons.usual(period),
                origins=origins,
                level=level or 9_500,
                by=by,
                warehouse=warehouse,
                period=period,
                as_of=as_of,
            )
        )
    if not call.is_for_people:
        call.page(rows, BacktestRow)
        return
    for group in dict.fromkeys(row.group for row in rows):
        own = [row for row in rows if row.group == group]
        [best] = [row for row in own if row.best]
        output.heading(
            f"{group}: {best.series} series, {best.origins} origins, {best.horizon} ahead; "
            f"best: {best.method}"
        )
        call.page(own, BacktestRow)
