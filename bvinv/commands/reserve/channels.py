"""The channels that reservations come from."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.reserve.group import channel_app as app
from bvinv.core.models.channel import ChannelRow
from bvinv.door import Call


@door.changes(app)
def add(
    call: Call,
    code: Annotated[str, typer.Argument(metavar="CODE", help="Its code.", show_default=False)],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What people call it.")],
    low_priority: Annotated[
        bool,
        typer.Option(
            "--low-priority", help="It gets no safety stock of products that protect theirs."
        ),
    ] = False,
) -> None:
    """Add a channel that reservations come from.

    Example: bvinv reserve channel add MARKET --name "A marketplace" --low-priority
    """
    from bvinv.core import channels

    call.run(
        lambda session: channels.add(session, channel=code, name=name, low_priority=low_priority),
        ChannelRow.columns,
    )


@door.shows(app, "list")
def list_(call: Call) -> None:
    """List the channels.

    Example: bvinv reserve channel list
    """
    from bvinv.core import channels

    call.page(call.read(channels.channels), ChannelRow)
