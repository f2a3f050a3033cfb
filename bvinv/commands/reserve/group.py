"""The groups that the commands of reservations belong to, and how a reservation is named."""

from typing import Annotated, Any

import typer

from bvinv import door

app = door.group("Promises: set stock aside, then pick, pack and ship it, commit or release it.")
channel_app = door.group("The channels that reservations come from.")
app.add_typer(channel_app, name="channel")

Id = Annotated[str, typer.Argument(metavar="ID", help="Your own id.", show_default=False)]
MaybeLines = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SKU=QTY…]", help="Only these.", show_default=False),
]


def parcel(package: dict[str, Any]) -> dict[str, Any]:
    """Return the line about a package that people read beside its reservation."""
    inside = ", ".join(f"{line['sku']}={line['quantity']}" for line in package["lines"])
    shown = {name: package[name] for name in ("package", "warehouse", "status", "pieces")}
    tracking = {"tracking": package["tracking"]} if package["tracking"] else {}
    return shown | tracking | {"contents": inside}
