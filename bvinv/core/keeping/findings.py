"""What a look at a database finds, one line each, and how a look goes on where a part of it fails.

A database that is broken is what the look is for: what one part cannot see is its finding.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal

from sqlalchemy import Engine

from bvinv.core import engines
from bvinv.core.db import Database, Session
from bvinv.core.errors import InventoryError, VerificationFailed
from bvinv.core.models.base import Row

Severity = Literal["ok", "info", "warning", "error"]
RESTORE = "bvinv --db NEW db restore BACKUP"
Part = Callable[[], Iterator["CheckRow"]]


class CheckRow(Row):
    """One finding; `mend` is the command that mends it, empty where there is none or no need."""

    columns: ClassVar[tuple[str, ...]] = ("check", "severity", "detail", "mend")

    check: str
    severity: Severity
    detail: str
    mend: str = ""


def fine(check: str, detail: str) -> CheckRow:
    """Return the finding that all is well."""
    return CheckRow(check=check, severity="ok", detail=detail)


def missing(names: Sequence[str]) -> CheckRow:
    """Return the finding that these triggers are not there."""
    more = f" and {len(names) - 3} more" if names[3:] else ""
    return CheckRow(
        check="guards",
        severity="error",
        detail=f"missing: {', '.join(names[:3])}{more}; the ledger could be rewritten",
        mend=RESTORE,
    )


def looked(check: str, part: Part, name: str) -> list[CheckRow]:
    """Return what a part of a look at the database `name` finds, were it that it cannot be done."""
    found: list[CheckRow] = []
    try:
        found.extend(part())
    except Exception as error:  # whatever a broken database makes of a question
        said = error if isinstance(error, InventoryError) else None
        said = said or engines.plain(getattr(error, "orig", None) or error, name)
        detail = said.detail if said else f"it cannot be looked at: {_line(error)}"
        mend = (said.hint or "" if said else "").removeprefix("run: ")
        mend = RESTORE if mend == "restore a backup" else mend
        found.append(CheckRow(check=check, severity="error", detail=detail, mend=mend))
    return found


@contextmanager
def snapshot(database: Database, engine: Engine) -> Iterator[Session]:
    """Yield a session on a database that nobody has checked."""
    with engine.connect() as wire:
        if database.path:
            wire.exec_driver_sql("BEGIN")
        session = Session(wire, database.clock)
        session.unhurried()
        yield session


def require_sound(rows: list[CheckRow]) -> None:
    """Raise VerificationFailed where anything is in error."""
    wrong = [row for row in rows if row.severity == "error"]
    if wrong:
        raise VerificationFailed(
            f"{len(wrong)} of {len(rows)} checks found an error",
            errors=[{"check": row.check, "detail": f"{row.check}: {row.detail}"} for row in wrong],
        )


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", error)).split())[:300] or type(error).__name__
