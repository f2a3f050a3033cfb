"""`bvinv db copy`: to the other engine, or to the other machine."""

from contextlib import closing
from typing import Annotated, Any

import typer

from bvinv import door, output
from bvinv.commands.db.group import app
from bvinv.commands.db.watching import watched
from bvinv.core.db import Database
from bvinv.door import Call


@door.shows(app)
def copy(
    call: Call,
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="The database to copy: a path or a URL.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="DST", help="Where to: a path or a URL; absent or empty.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be copied, and copy nothing.")
    ] = False,
) -> None:
    """Copy a database into an empty one, on either engine, and prove that it arrived.

    SRC stays as it is and goes on being used; the copy is one moment's state of it. DST can be
    used by nobody until every row is compared and the books balance. Cut off at any moment, the
    same command goes on. Both databases are named here: --db and BVINV_DB do not count.

    Example: bvinv db copy shop.db postgresql://shop@db.example.com/shop
    """
    from bvinv.core.moving import copying

    patience = call.database.patience
    with (
        closing(Database(source, patience=patience)) as origin,
        closing(Database(target, patience=patience)) as goal,
        watched("copying", go_on="" if dry_run else "go on with the same command") as watch,
    ):
        row = copying.copy(origin, goal, watch=watch, dry_run=dry_run)
    marks: dict[str, Any] = {"dry_run": True} if dry_run else {}
    call.print(row.record() | marks, row.columns)
    if dry_run:
        output.note("dry run: nothing was copied")
