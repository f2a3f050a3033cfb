"""The groups that the commands of stock belong to."""

import typer


def _group(said: str) -> typer.Typer:
    return typer.Typer(help=said, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


app = _group("Stock: what there is, what may be promised, and why.")
count_app = _group("Counting: sessions, what was counted, what it changes.")
reason_app = _group("The reasons that adjustments may give.")
app.add_typer(count_app, name="count")
app.add_typer(reason_app, name="reason")
