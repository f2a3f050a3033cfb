"""`bvinv stock`: show, adjust, move, count, explain, verify."""

from bvinv import door
from bvinv.commands.stock import counts, files, ledger, levels, reasons, undo
from bvinv.commands.stock.group import app

door.order(
    app,
    *("show", "list", "put-away", "adjust", "history", "why", "undo", "lots", "set"),
    *("import", "verify"),
)

__all__ = ["app", "counts", "files", "ledger", "levels", "reasons", "undo"]
