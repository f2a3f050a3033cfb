"""The files that a SQLite database consists of, which nothing else may be written to."""

from pathlib import Path

from bvinv.core.db import Database
from bvinv.core.errors import InvalidInput

_ENDS = ("", "-wal", "-shm", "-journal", ".lock")


def refuse(database: Database, target: Path) -> None:
    """Raise InvalidInput where a file to be written is the database itself, or a part of it."""
    if database.path is None:
        return
    parts = [Path(f"{database.path}{end}") for end in _ENDS]
    own = {part.resolve() for part in (*parts, database.path.with_suffix(".limits"))}
    is_same = target.exists() and database.path.exists() and target.samefile(database.path)
    if is_same or target.resolve() in own:
        raise InvalidInput(f"{target} is the database itself", hint="choose another name")
