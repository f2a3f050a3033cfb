"""`bvinv db`: back up, restore, check, copy; the ledger as a file."""

from bvinv.commands.db import backups, checks, copies, logs
from bvinv.commands.db.group import app

__all__ = ["app", "backups", "checks", "copies", "logs"]
