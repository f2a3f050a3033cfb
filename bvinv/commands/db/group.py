"""The groups that the commands of the database itself belong to."""

from bvinv import door

app = door.group("Back up, restore, check, copy; the ledger as a file.")
log_app = door.group("The ledger as a file, and a database from it.")
app.add_typer(log_app, name="log")
