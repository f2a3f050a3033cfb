"""`bvinv db backup` and `bvinv db restore`."""

from typing import Annotated, Any

import typer

from bvinv import door, output, scheduling
from bvinv.commands.db.group import app
from bvinv.core import jobs
from bvinv.door import Call


@scheduling.shows(app, jobs.BACKUP, alone=True)
def backup(
    call: Call,
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="A new file, or a folder: there it is named after the database and the time.",
            show_default=False,
        ),
    ],
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="RULE",
            help="In a folder: keep the newest of so many days, weeks, months, years, such as"
            " 7d,4w,12m, and remove the others.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a FILE that exists.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Prove the file, but do not replay its books.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written and removed; do nothing.")
    ] = False,
) -> None:
    """Back up the database into one file while everybody goes on working.

    The file is proved, every page and the books, before it has its name; its checksum lies
    beside it, for sha256sum -c. A PostgreSQL database becomes a SQLite file, too.

    Example: bvinv db backup /var/backups/shop/ --keep 7d,4w,12m
    """
    from bvinv.core.keeping import backups, retention

    policy = None if keep is None else retention.parse(keep)
    with output.progress("backing up") as advance:
        row = backups.take(
            call.database,
            target,
            keep=policy,
            force=force,
            quick=quick,
            dry_run=dry_run,
            advance=lambda share: advance(0, share),
        )
    marks: dict[str, Any] = {"dry_run": True} if dry_run else {}
    call.print(row.record() | marks, row.columns)
    for name in row.removed_files:
        output.note(f"{'would remove' if dry_run else 'removed'} {name}")
    if dry_run:
        output.note("dry run: nothing was written")


@door.shows(app)
def restore(
    call: Call,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The backup.", show_default=False)],
    quick: Annotated[
        bool, typer.Option("--quick", help="Prove the file, but do not replay its books.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Prove the backup, and restore nothing.")
    ] = False,
) -> None:
    """Make a new database from a backup, at the place that --db names.

    Nothing may be there. The backup is proved first: its checksum, every page, the books.

    Example: bvinv --db new.db db restore /var/backups/shop/shop-20261122T044100Z.db
    """
    from bvinv.core.keeping import restores

    with output.progress("restoring") as advance:
        row = restores.restore(
            call.database,
            file,
            quick=quick,
            dry_run=dry_run,
            tell=output.note,
            advance=lambda share: advance(0, share),
        )
    marks: dict[str, Any] = {"dry_run": True} if dry_run else {}
    call.print(row.record() | marks, row.columns)
    if dry_run:
        output.note("dry run: nothing was restored")
