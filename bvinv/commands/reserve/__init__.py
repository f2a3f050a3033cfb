"""`bvinv reserve`: promises on stock, and the goods that keep them."""

from bvinv.commands.reserve import channels, fulfilment, promises
from bvinv.commands.reserve.group import app

__all__ = ["app", "channels", "fulfilment", "promises"]
