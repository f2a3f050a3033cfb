"""`bvinv db check`."""

from typing import Annotated

import typer

from bvinv import door, scheduling
from bvinv.commands.db.group import app
from bvinv.core import jobs
from bvinv.door import Call


@scheduling.shows(app, jobs.CHECK)
def check(
    call: Call,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out what takes long: the books, the indexes.")
    ] = False,
) -> None:
    """Look at everything that keeps the database safe, and say what mends what is wrong.

    Files and their permissions, engine and settings, every page, clock, disk, replica, the books.
    Exit code 8 if anything is in error; a warning is none.

    Example: bvinv db check --quick
    """
    from bvinv.core.keeping import checkups, findings
    from bvinv.core.search import state

    settings = door.settings()
    folder = state.folder(call.database, chosen=settings.search_dir, cache=settings.search_cache())
    rows = checkups.check(
        call.database,
        search=folder,
        replica=settings.db_replica,
        replica_lag=settings.replica_lag,
        quick=quick,
    )
    call.page(rows, findings.CheckRow)
    findings.require_sound(rows)
