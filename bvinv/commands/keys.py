"""`bvinv keys`: who may come in by `bvinv serve`."""

from typing import Annotated

import typer

from bvinv import door, output
from bvinv.core import access, command_log
from bvinv.core.db import Session
from bvinv.core.models.key import KeyRow, NewKeyRow
from bvinv.door import Call

app = door.group("Who may use bvinv serve: keys, and limits for the subjects of tokens.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Who it is.", show_default=False)]
Role = Annotated[
    access.Role, typer.Option("--role", help="What they may do; each may do what those before may.")
]


@door.changes(app)
def create(
    call: Call,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Who it is for; changes carry this name.")
    ],
    role: Role,
) -> None:
    """Make a key and print it, this once: only its hash is kept.

    Example: bvinv keys create --name checkout --role service
    """
    from bvinv.core import keys

    made: list[NewKeyRow] = []

    def action(session: Session) -> NewKeyRow:
        made[:] = [keys.create(session, name=name, role=role)]
        return made[0]

    answer = command_log.execute(call.database, action, call.command(), dry_run=call.dry_run)
    if not (answer.replayed or call.dry_run):
        answer = answer._replace(result=made[0].revealed())
    call.answer(answer, NewKeyRow.columns)
    if answer.replayed:
        output.note("the key was printed when it was made, and is kept nowhere")


@door.shows(app, "list")
def list_(call: Call, limit: door.Limit = None, after: door.After = None) -> None:
    """List the names of keys and of limited subjects, revoked ones too.

    Example: bvinv keys list
    """
    from bvinv.core import keys

    rows, cursor = call.read(lambda session: keys.page(session, limit=limit or 100, after=after))
    call.page(rows, KeyRow, after=cursor)


@door.changes(app)
def revoke(call: Call, name: Name) -> None:
    """Let a name in no more: at once, and for good.

    Example: bvinv keys revoke checkout
    """
    from bvinv.core import keys

    call.run(lambda session: keys.revoke(session, name=name), KeyRow.columns)


@door.changes(app)
def limit(call: Call, name: Name, role: Role) -> None:
    """Say what bearers of tokens with this subject may do at most, whatever a token says.

    Example: bvinv keys limit ann@example.com --role staff
    """
    from bvinv.core import keys

    call.run(lambda session: keys.limit(session, name=name, role=role), KeyRow.columns)


door.order(app, "create", "list", "revoke", "limit")
