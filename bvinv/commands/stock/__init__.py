"""`bvinv stock`: show, adjust, move, count, explain, verify."""

from bvinv.commands.stock import counts, files, ledger, levels, reasons, undo
from bvinv.commands.stock.group import app

__all__ = ["app", "counts", "files", "ledger", "levels", "reasons", "undo"]
