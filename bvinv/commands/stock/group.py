"""The groups that the commands of stock belong to."""

from bvinv import door

app = door.group("Stock: what there is, what may be promised, and why.")
count_app = door.group("Counting: sessions, what was counted, what it changes.")
reason_app = door.group("The reasons that adjustments may give.")
app.add_typer(count_app, name="count")
app.add_typer(reason_app, name="reason")
