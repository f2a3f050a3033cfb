"""Prices: asked for, decided, looked up."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from bvinv import door, output
from bvinv.commands.products.group import app, tell_request
from bvinv.core import instants, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.price import PriceChangeRow, PriceRow
from bvinv.door import Call


def number(value: str) -> int:
    """Return the number of a price request."""
    return text.quantity(value, what="price request", maximum=2**62)


Numbers = Annotated[
    list[int] | None,
    typer.Argument(metavar="ID", parser=number, help="Of the requests.", show_default=False),
]


@door.changes(app)
def price(
    call: Call,
    ref: door.Ref,
    amount: Annotated[
        str | None,
        typer.Argument(metavar="12.99", help="The new price; '' for none.", show_default=False),
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="CODE", help="Else as it is.")
    ] = None,
    on: Annotated[
        int | None,
        typer.Option(
            "--on",
            parser=instants.parse,
            metavar="TIME",
            help="What it cost then: RFC 3339, or a date (its end, in local time).",
        ),
    ] = None,
    limit: door.Limit = None,
) -> None:
    """Change a price, or show it with its history.

    The price of a draft, and a first price, counts at once. Any other waits until somebody else
    approves it; a newer request takes its place, and asking for the price that counts withdraws it.

    Example: bvinv products price HX-1 14.50
    """
    from bvinv.core import prices

    if amount is not None:
        if on is not None:
            raise InvalidInput("--on asks what a product cost: leave the new price out")
        answer = call.run(
            lambda session: prices.change(
                session, ref=ref, price=amount, currency=currency, limit=limit or 50
            ),
            PriceRow.columns,
        )
        tell_request(call, answer)
        return
    if currency is not None:
        raise InvalidInput("a currency needs a price beside it")
    if on is not None:
        call.show(call.read(lambda session: prices.on(session, ref=ref, at=on)))
    else:
        call.show(call.read(lambda session: prices.show(session, ref=ref, limit=limit or 50)))


@door.shows(app)
def price_requests(
    call: Call,
    state: Annotated[
        Literal["requested", "approved", "rejected", "superseded", "all"],
        typer.Option("--state", help="requested: those that wait."),
    ] = "requested",
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List the prices that wait for a decision, oldest first.

    Example: bvinv products price-requests
    """
    from bvinv.core import prices

    start = text.quantity(after, what="cursor", minimum=0, maximum=2**62) if after else 0
    rows, cursor = call.read(
        lambda session: prices.requests(session, state=state, limit=limit or 50, after=start)
    )
    call.page(rows, PriceChangeRow, after=cursor)


@door.changes(app)
def approve(
    call: Call,
    ids: Numbers = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="All of other people's, but stale ones; 10,000 at a time."),
    ] = False,
) -> None:
    """Let requested prices count: all that are named, or none. Nobody approves their own.

    Example: bvinv products approve 3 4
    """
    from bvinv.core import price_decisions

    if bool(ids) == everything:
        raise InvalidInput("name the price requests, or say --all")
    if everything:
        answer = call.run(price_decisions.approve_others, _columns(call))
        if len(answer.result) == price_decisions.MOST:
            output.note("there may be more: say it again")
    else:
        call.run(lambda session: price_decisions.approve(session, ids=ids or []), _columns(call))


@door.changes(app)
def reject(
    call: Call,
    ids: Numbers,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why not.")],
) -> None:
    """Turn requested prices down: all that are named, or none.

    Example: bvinv products reject 3 --reason "not before the fair"
    """
    from bvinv.core import price_decisions

    call.run(
        lambda session: price_decisions.reject(session, ids=ids or [], reason=reason),
        _columns(call),
    )


def _columns(call: Call) -> Sequence[str]:
    return PriceChangeRow.columns if call.is_for_people else list(PriceChangeRow.model_fields)
