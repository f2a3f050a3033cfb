"""What a SQLite database says of itself: its library, its settings, every page, its guards."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from bvinv.core import engines
from bvinv.core.db import Database
from bvinv.core.keeping.findings import RESTORE, CheckRow, fine, missing, snapshot

# Triggers without which the ledger could be rewritten, or say what cannot be.
GUARDS = frozenset(
    {
        *("event_refuses_update", "event_refuses_delete", "event_refuses_replace"),
        *("movement_refuses_update", "movement_refuses_delete", "movement_refuses_replace"),
        *("movement_refuses_second_reversal", "movement_has_a_known_reason", "reason_stays"),
        *("category_refuses_cycle", "product_stays_published"),
    }
)
_MOST = 5  # findings of one kind


def library() -> Iterator[CheckRow]:
    """Yield whether this process uses a SQLite that keeps what it wrote (RELIABILITY.md 2.1)."""
    driver = engines.sqlite_driver()
    said = f"SQLite {driver.sqlite_version} ({driver.__name__})"
    if engines.wal_is_safe():
        yield fine("library", said)
        return
    yield CheckRow(
        check="library",
        severity="error",
        detail=f"{said} can damage a write-ahead log when two programs put it away at once; "
        "bvinv's own take turns, others do not",
        mend="pip install 'pysqlite3>=0.6.1'",
    )


def settings(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield what is not set as bvinv sets it."""
    wanted: dict[str, Any] = engines.PRAGMAS | {
        "journal_mode": "wal",
        "application_id": engines.APPLICATION_ID,
    }
    wrong = []
    with engine.connect() as wire:
        for name, value in wanted.items():
            found = wire.exec_driver_sql(f"PRAGMA {name}").scalar()
            if found != value:
                wrong.append(f"{name} is {found}, not {value}")
    if wrong:
        yield CheckRow(
            check="settings",
            severity="error",
            detail="; ".join(wrong),
            mend=f"bvinv --db {database} init",
        )
    else:
        yield fine("settings", f"{len(wanted)} read back")


def pages(database: Database, engine: Engine, *, quick: bool) -> Iterator[CheckRow]:
    """Yield whether every page is what it should be; with `quick` without the indexes."""
    name = "quick_check" if quick else "integrity_check"
    with snapshot(database, engine) as session:
        said = session.wire.exec_driver_sql(f"PRAGMA {name}({_MOST})").scalars().all()
    faults = [str(one) for one in said if one != "ok"]
    for fault in faults:
        yield CheckRow(
            check="pages",
            severity="error",
            detail=" ".join(fault.split()),
            mend=RESTORE,
        )
    if not faults:
        yield fine("pages", "quick_check: ok" if quick else "integrity_check: ok")


def references(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield the rows that refer to rows which are not there."""
    with snapshot(database, engine) as session:
        orphans = session.wire.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_MOST)
    for table, row, target, _ in orphans:
        yield CheckRow(
            check="references",
            severity="error",
            detail=f"row {row} of {table} refers to a row of {target} that is not there",
            mend=RESTORE,
        )
    if not orphans:
        yield fine("references", "every row that is referred to is there")


def guards(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield the triggers that are missing."""
    with snapshot(database, engine) as session:
        names = session.wire.exec_driver_sql(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).scalars()
        absent = sorted(GUARDS - set(names))
    if absent:
        yield missing(absent)
    else:
        yield fine("guards", f"{len(GUARDS)} triggers stand before the ledger and the catalogue")
