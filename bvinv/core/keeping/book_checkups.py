"""What the rows themselves say: the clock, the books, what should have been tidied up by now."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from bvinv.core import instants, verification
from bvinv.core.db import LAST_RECORDED, Database, Sql
from bvinv.core.keeping.findings import CheckRow, fine, snapshot

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_BEHIND = 2 * _SECOND
_QUIET = 30 * _DAY  # without a change; a shop that sells has some
_OVERDUE = """
    SELECT count(*) AS holds, min(expires_at) AS oldest FROM reservation
     WHERE status = 'held' AND expires_at < :before
"""
_HOLDS = Sql(_OVERDUE)
_LEASES = Sql(
    "SELECT name, holder, expires_at FROM job_lease WHERE expires_at < :now ORDER BY name"
)


def clock(database: Database, engine: Engine, jump: int) -> Iterator[CheckRow]:
    """Yield how the clock of this machine stands to the last change; `jump` microseconds ahead of
    it, 0 for any distance, nothing is written any more."""
    with snapshot(database, engine) as session:
        found = session.ask(LAST_RECORDED)
    now = database.clock()
    if not found:
        yield fine("clock", f"{_minute(now)}, and nothing is recorded yet")
        return
    last = int(found[0].recorded_at)
    ahead = instants.display_duration(abs(now - last))
    if last - now >= _BEHIND:
        yield CheckRow(
            check="clock",
            severity="warning",
            detail=f"this machine's clock says {_minute(now)}, {ahead} before the last change "
            f"({_minute(last)}): time stands still until it has caught up",
            mend="timedatectl set-ntp true",
        )
    elif jump and now - last > jump:
        yield CheckRow(
            check="clock",
            severity="warning",
            detail=f"this machine's clock says {_minute(now)}, {ahead} after the last change "
            f"({_minute(last)}): nothing will be written",
            mend=f"timedatectl set-ntp true, or BVINV_CLOCK_JUMP={(now - last) // _DAY + 1}d",
        )
    elif now - last > _QUIET:
        yield CheckRow(
            check="clock",
            severity="info",
            detail=f"the last change was {ahead} ago ({_minute(last)}); is the clock right?",
        )
    else:
        yield fine("clock", f"{_minute(now)}; the last change was at {_minute(last)}")


def books(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield whether the ledger and every count agree."""
    with snapshot(database, engine) as session:
        row = verification.verify(session)
    if row.sound:
        yield fine("books", f"{row.movements:,} movements on {row.levels:,} levels balance")
        return
    first = row.findings[0]
    where = f"{first.sku} at {first.warehouse}" if first.sku else first.subject
    more = f", and {len(row.findings) - 1} more" if row.findings[1:] else ""
    yield CheckRow(
        check="books",
        severity="error",
        detail=f"{where}: {first.detail}{more}",
        mend=f"bvinv --db {database} stock verify",
    )


def holds(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield the reservations that ran out more than a day ago and were not closed: nobody sweeps.

    They hold nothing any more; only the record of that is missing.
    """
    with snapshot(database, engine) as session:
        [found] = session.ask(_HOLDS, before=database.clock() - _DAY)
    if found.holds:
        yield CheckRow(
            check="holds",
            severity="warning",
            detail=f"{found.holds:,} reservations ran out more than a day ago and were not "
            f"closed, the first at {_minute(int(found.oldest))}: is cron at work?",
            mend="bvinv cron, which prints what to install; now: bvinv reserve expire",
        )
    else:
        yield fine("holds", "none ran out more than a day ago without being closed")


def leases(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield the jobs that ended without giving their lease back; the next run takes it."""
    now = database.clock()
    with snapshot(database, engine) as session:
        found = session.ask(_LEASES, now=now)
    for row in found:
        yield CheckRow(
            check="leases",
            severity="info",
            detail=f"{row.name}: {row.holder} has not given it back; it ran out at "
            f"{_minute(int(row.expires_at))}, the next run takes it",
        )
    if not found:
        yield fine("leases", "no job ended without giving back its lease")


def search(database: Database, engine: Engine, folder: Path) -> Iterator[CheckRow]:
    """Yield whether the search index is of this database; what is wrong, the next search mends."""
    from bvinv.core.search import state as index_state

    found = index_state.load(folder)
    if found is None:
        if not folder.exists():
            yield fine("search", "there is no index yet; the first search builds it")
            return
        detail = f"the state of the index in {folder} cannot be read"
    elif not index_state.is_intact(folder / found.build, found):
        detail = f"files of the index in {folder} are missing, or were changed"
    else:
        with snapshot(database, engine) as session:
            if index_state.is_of(session, found):
                yield fine("search", f"the index has {found.products:,} products")
                return
        detail = f"the index in {folder} is of another database, or of this one before a restore"
    yield CheckRow(
        check="search",
        severity="info",
        detail=f"{detail}; the next search builds it anew",
        mend=f"bvinv --db {database} search --reindex",
    )


def _minute(us: int) -> str:
    return instants.display(us - us % _SECOND)
