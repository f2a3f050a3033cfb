"""Whether the replica follows: reachable, of the same system, not too far behind."""

from collections.abc import Iterator

from bvinv.core import replica
from bvinv.core.db import Database
from bvinv.core.keeping.findings import CheckRow, fine

_DAY = 86_400  # seconds


def follows(database: Database, where: str, most: float) -> Iterator[CheckRow]:
    """Yield how the replica at a URL does; from `most` seconds behind nobody reads there."""
    standby = replica.named(where, database)
    try:
        row = replica.measure(database, standby)
    finally:
        standby.close()
    lag = row.lag_seconds or 0.0
    behind = f"{lag:,.1f} s and {row.lag_bytes or 0:,} bytes behind"
    if not row.up or not row.is_standby or not row.same_system:
        yield CheckRow(
            check="replica",
            severity="error" if row.up else "warning",
            detail=row.detail or "it is no standby of this server",
            mend="check BVINV_DB_REPLICA; the primary is asked meanwhile",
        )
    elif lag > _DAY:
        yield CheckRow(
            check="replica",
            severity="error",
            detail=f"the replica is {behind}: more than a day",
            mend="see the standby's log, or make it anew: pg_basebackup -R",
        )
    elif lag > most:
        yield CheckRow(
            check="replica",
            severity="warning",
            detail=f"the replica is {behind}; the primary is asked meanwhile",
            mend="see the standby's log",
        )
    else:
        yield fine("replica", behind)
