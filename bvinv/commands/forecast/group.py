"""The groups that the commands of forecasting belong to, and the options that they share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Annotated

import typer

from bvinv import door, output
from bvinv.core import dates

app = door.group("Demand to come, what to order, and why.")
service_app = door.group("Service levels: by product, category or ABC class.")
calendar_app = door.group("Promotions and other days that are not like the rest.")
override_app = door.group("What a person says instead of the forecast, why, and until when.")
app.add_typer(service_app, name="service")
app.add_typer(calendar_app, name="calendar")
app.add_typer(override_app, name="override")

Refs = Annotated[
    list[str] | None,
    typer.Argument(metavar="REF", help="These products; else all.", show_default=False),
]
AsOf = Annotated[
    int | None,
    typer.Option(
        "--as-of",
        parser=dates.day,
        metavar="DATE",
        help="As if this day had just ended; else yesterday.",
    ),
]


@contextmanager
def patience(doing: str, *, seconds: float = 1) -> Iterator[None]:
    """Say on a terminal what is done, once it has taken so long."""
    said = Timer(seconds, output.note, [f"{doing} …"])
    said.daemon = True
    if sys.stderr.isatty():
        said.start()
    try:
        yield
    finally:
        said.cancel()
