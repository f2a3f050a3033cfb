"""`bvinv cron`: what a machine should run by itself, and when."""

import getpass
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from bvinv import door, output
from bvinv.core import text, timetables, urls
from bvinv.core.models.job import JobRow
from bvinv.door import Call

app = typer.Typer(rich_markup_mode=None, add_completion=False)
# What decides what the jobs do, besides the database and the actor.
_CARRIED = ("image_hosts", "webhook_hosts", "lock_timeout", "statement_timeout", "clock_jump")


@door.shows(app)
def cron(
    call: Call,
    kind: Annotated[
        Literal["crontab", "systemd"], typer.Option("--for", help="What is to run the jobs.")
    ] = "crontab",
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="FOLDER", help="Where backups go; beside the database."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="Of a crontab's jobs; beside the database."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", metavar="NAME", help="Whose jobs they are: for /etc/cron.d and systemd."
        ),
    ] = None,
) -> None:
    """Print what cron or systemd should run, and when.

    For this database, this program and the BVINV_* variables that are set, ready to install. Two
    runs of a job never overlap: the second one ends with exit code 9. A password is never printed.

    Example: bvinv cron --folder /var/backups/bvinv
    """
    if kind == "systemd" and user is None:
        with suppress(KeyError, OSError):  # a container without a user
            user = getpass.getuser()
    setting = _setting(call, folder, log, user or "")
    if not call.is_for_people:
        call.page(timetables.rows(setting), JobRow)
        return
    said = timetables.crontab(setting) if kind == "crontab" else timetables.units(setting)
    for line in said.rstrip("\n").split("\n"):
        output.line(line)


def _setting(call: Call, folder: Path | None, log: Path | None, user: str) -> timetables.Setting:
    database, configured = call.database, door.settings()
    home = database.path.parent if database.path else Path.home()
    name = database.path.name if database.path else "bvinv"
    variables = {"BVINV_ACTOR": configured.actor or "cron"}
    is_secret = database.url is not None and urls.has_password(database.url)
    if not is_secret:
        variables = {"BVINV_DB": str(database)} | variables
    variables |= {
        f"BVINV_{one.upper()}": f"{getattr(configured, one)}"
        for one in _CARRIED
        if one in configured.model_fields_set
    }
    folder = (folder or home / "backups").expanduser().absolute()
    log = (log or home / f"{name}.jobs.jsonl").expanduser().absolute()
    writes = {database.path.parent: 0} if database.path else {}
    return timetables.Setting(
        program=_program(),
        variables=variables,
        folder=folder,
        log=log,
        user=text.line(user, what="user", maximum=32) if user else "",
        secrets=f"{typer.get_app_dir('bvinv')}/cron.env" if is_secret else "",
        writes=tuple(writes | {folder: 0, log.parent: 0}),
    )


def _program() -> tuple[str, ...]:
    """Return the words that start this program, whatever PATH cron has."""
    started = Path(sys.argv[0]).absolute()
    if started.name.startswith("bvinv") and started.is_file():
        return (str(started),)
    found = shutil.which("bvinv")
    return (str(Path(found).absolute()),) if found else (sys.executable, "-m", "bvinv")
