"""Promotions and other days that are not like the rest."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.forecast.group import calendar_app
from bvinv.core import dates, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.demand import CalendarRow
from bvinv.door import Call


def _percent(said: str) -> int:
    """Return a lift as percent of the usual. Raises InvalidInput."""
    if not said.strip().endswith("%"):
        raise InvalidInput(
            f"{text.quoted(said)} is not a lift", hint="percent of the usual demand: --lift 150%"
        )
    return text.quantity(said.strip()[:-1].strip(), what="lift", minimum=0)


def _entry(said: str) -> int:
    return text.quantity(said, what="ID")


@door.changes(calendar_app)
def add(
    call: Call,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What people call it.", show_default=False)
    ],
    begins_on: Annotated[
        int, typer.Option("--from", parser=dates.day, metavar="DATE", help="The first day.")
    ],
    ends_on: Annotated[
        int, typer.Option("--until", parser=dates.day, metavar="DATE", help="The last day.")
    ],
    lift: Annotated[
        int | None,
        typer.Option("--lift", parser=_percent, metavar="PERCENT", help="Of the usual: 150%."),
    ] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="These days say nothing about demand.")
    ] = False,
    sku: Annotated[
        str | None, typer.Option("--sku", metavar="REF", help="Only this product.")
    ] = None,
    category: Annotated[
        str | None,
        typer.Option("--category", metavar="SLUG", help="Only this category, and those below it."),
    ] = None,
    warehouse: door.MaybeWarehouse = None,
) -> None:
    """Say that days are not like others: --lift or --mask them.

    Lift those of a promotion, mask those of a strike, or of one giant order. What was sold on past
    lifted days is taken for as much less, and the forecast of coming ones is as much more. A week
    with a masked day is left out as if it were not known.

    Example: bvinv forecast calendar add Fair --from 2026-10-14 --until 2026-10-18 --lift 150%
    """
    from bvinv.core.replenishment import calendar

    call.run(
        lambda session: calendar.add(
            session,
            name=name,
            begins_on=begins_on,
            ends_on=ends_on,
            percent=lift,
            mask=mask,
            ref=sku,
            category=category,
            warehouse=warehouse,
        ),
        CalendarRow.columns,
    )


@door.shows(calendar_app, "list")
def list_(
    call: Call,
    every: Annotated[bool, typer.Option("--all", help="Also what was removed.")] = False,
) -> None:
    """List the calendar by its days.

    Example: bvinv forecast calendar list
    """
    from bvinv.core.replenishment import calendar

    rows = call.read(lambda session: calendar.entries(session, removed=every))
    call.page(rows, CalendarRow)


@door.changes(calendar_app)
def remove(
    call: Call,
    number: Annotated[
        int,
        typer.Argument(parser=_entry, metavar="ID", help="As it is listed.", show_default=False),
    ],
) -> None:
    """Remove an entry from the calendar.

    Example: bvinv forecast calendar remove 1
    """
    from bvinv.core.replenishment import calendar

    call.run(lambda session: calendar.remove(session, number=number), CalendarRow.columns)
