"""What cron does at night."""

from typing import Annotated, Literal

import typer

from bvinv import door, scheduling
from bvinv.commands.forecast.group import AsOf, app, patience
from bvinv.core import jobs
from bvinv.core.models.replenishment import RunRow
from bvinv.core.replenishment import horizons, wishes
from bvinv.door import Call

Review = Annotated[
    int | None,
    typer.Option(
        "--review", parser=wishes.review, metavar="TIME", help="How often is ordered; else 7d."
    ),
]
LeadTime = Annotated[
    int | None,
    typer.Option(
        "--lead-time",
        parser=wishes.lead_time,
        metavar="TIME",
        help="Of what no supplier sells; else 7d.",
    ),
]
Level = Annotated[
    int | None,
    typer.Option(
        "--service-level",
        parser=horizons.level,
        metavar="LEVEL",
        help="Of what has none set; else A 0.97, B 0.95, C 0.9.",
    ),
]
OrderCost = Annotated[
    str | None,
    typer.Option(
        "--order-cost", metavar="AMOUNT", help="What an order costs, in the supplier's currency."
    ),
]
HoldingRate = Annotated[
    int | None,
    typer.Option(
        "--holding-rate",
        parser=wishes.holding_rate,
        metavar="PERCENT",
        help="What a piece costs a year, of its cost.",
    ),
]


@scheduling.changes(app, jobs.FORECAST)
def run(
    call: Call,
    period: Annotated[
        Literal["week", "month"], typer.Option("--period", help="What demand is counted by.")
    ] = "week",
    review: Review = None,
    lead_time: LeadTime = None,
    service_level: Level = None,
    order_cost: OrderCost = None,
    holding_rate: HoldingRate = None,
    optimise_cost: Annotated[
        bool,
        typer.Option("--optimise-cost", help="Take the cheapest level of each ABC class."),
    ] = False,
    as_of: AsOf = None,
    warehouse: door.MaybeWarehouse = None,
) -> None:
    """Forecast, and store when to order what: for cron, every night.

    It renews the suggestions, too. Two at once do not happen: the second one ends with 9. A night
    that fails leaves what the one before stored.

    Example: bvinv forecast run --order-cost 15.00 --holding-rate 25%
    """
    from bvinv.core.replenishment import nights

    usual = wishes.Terms()
    terms = wishes.Terms(
        review_days=usual.review_days if review is None else review,
        lead_time_days=usual.lead_time_days if lead_time is None else lead_time,
        order_cost=order_cost,
        holding_rate=holding_rate,
    )
    wish = wishes.Wish(
        terms=terms,
        period=period,
        level=service_level,
        optimises=optimise_cost,
        as_of=as_of,
        warehouse=warehouse,
    )
    with patience("forecasting all products"):
        answer = nights.run(call.database, wish, asked=call.command(), dry_run=call.dry_run)
    call.answer(answer, RunRow.columns)
