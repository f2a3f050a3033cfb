"""The reasons for adjustments, at the terminal."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.stock.group import reason_app as app
from bvinv.core.models.reason import ReasonRow
from bvinv.door import Call

Code = Annotated[str, typer.Argument(metavar="CODE", help="The reason's code.", show_default=False)]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What it says to people.")]


@door.changes(app)
def add(
    call: Call,
    code: Code,
    name: Name,
    corrects: Annotated[
        bool,
        typer.Option("--corrects", help="It means a wrong record: no goods came or went."),
    ] = False,
) -> None:
    """Add a reason.

    Say --corrects where the record was wrong and no goods moved: a count that is under way
    then knows not to correct it a second time.

    Example: bvinv stock reason add water-damage --name "Water in the cellar"
    """
    from bvinv.core import reasons

    call.run(
        lambda session: reasons.add(session, reason=code, name=name, corrects=corrects),
        ReasonRow.columns,
    )


@door.shows(app, "list")
def list_(
    call: Call,
    all_: Annotated[bool, typer.Option("--all", help="Those that are retired, too.")] = False,
) -> None:
    """List the reasons that an adjustment may give.

    Example: bvinv stock reason list --all
    """
    from bvinv.core import reasons

    call.page(call.read(lambda session: reasons.reasons(session, retired=all_)), ReasonRow)


@door.changes(app)
def rename(call: Call, code: Code, name: Name) -> None:
    """Change what a reason says to people; its code stays.

    Example: bvinv stock reason rename lost --name "Gone"
    """
    from bvinv.core import reasons

    call.run(lambda session: reasons.change(session, reason=code, name=name), ReasonRow.columns)


@door.changes(app)
def retire(call: Call, code: Code) -> None:
    """Let a reason not be given any more; the ledger keeps it.

    Example: bvinv stock reason retire other
    """
    from bvinv.core import reasons

    call.run(lambda session: reasons.change(session, reason=code, active=False), ReasonRow.columns)


@door.changes(app)
def restore(call: Call, code: Code) -> None:
    """Let a retired reason be given again.

    Example: bvinv stock reason restore other
    """
    from bvinv.core import reasons

    call.run(lambda session: reasons.change(session, reason=code, active=True), ReasonRow.columns)
