"""`bvinv reserve`: promises on stock, and the goods that keep them."""

from bvinv import door
from bvinv.commands.reserve import channels, fulfilment, promises
from bvinv.commands.reserve.group import app

door.order(
    app,
    *("create", "show", "list", "pick", "pack", "ship", "commit", "release", "extend", "expire"),
)

__all__ = ["app", "channels", "fulfilment", "promises"]
