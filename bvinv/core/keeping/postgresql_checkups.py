"""What a PostgreSQL server says of itself and of this database."""

import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from bvinv.core.db import Database, Sql
from bvinv.core.keeping.findings import CheckRow, fine, missing, snapshot

GUARDS = frozenset(
    {
        *("movement_refuses_change", "movement_refuses_truncate"),
        *("event_refuses_change", "event_refuses_truncate", "event_is_told"),
        *("movement_has_a_known_reason", "reason_stays"),
        *("category_refuses_cycle", "product_stays_published"),
    }
)
_LEAST_VERSION = 140_000
_APART = 2.0  # seconds between two clocks
_ROOM = 10  # connections that should be left
_OURS = "CAST(current_schema() AS regnamespace)"
_SERVER = Sql("""
    SELECT CAST(current_setting('server_version_num') AS integer) AS number
         , current_setting('server_version') AS version
         , current_setting('fsync') AS fsync
         , current_setting('full_page_writes') AS full_page_writes
         , current_setting('synchronous_commit') AS synchronous_commit
         , pg_is_in_recovery() AS is_standby
""")
_CONNECTIONS = Sql("""
    SELECT CAST(current_setting('max_connections') AS integer)
           - CAST(current_setting('superuser_reserved_connections') AS integer) AS most
         , (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used
""")
_CLOCK = Sql("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now")
_LONG = Sql("""
    SELECT pid, coalesce(usename, '') AS who, coalesce(application_name, '') AS program, state
         , CAST(extract(epoch FROM clock_timestamp() - xact_start) AS bigint) AS seconds
      FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND xact_start < clock_timestamp() - make_interval(secs => :seconds)
     ORDER BY xact_start LIMIT 5
""")
_TRIGGERS = Sql(f"""
    SELECT t.tgname AS name, c.relname AS table_name, t.tgenabled AS enabled
      FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
     WHERE c.relnamespace = {_OURS} AND NOT (t.tgisinternal AND t.tgenabled IN ('O', 'A'))
""")
_INDEXES = Sql(f"""
    SELECT c.relname AS name FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
     WHERE c.relnamespace = {_OURS} AND NOT (i.indisvalid AND i.indisready)
""")
_SEQUENCES = Sql(f"""
    SELECT t.relname AS table_name, a.attname AS column_name
         , coalesce(pg_sequence_last_value(s.oid), 0) AS last
      FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
           JOIN pg_class AS t ON t.oid = d.refobjid
           JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
     WHERE d.deptype IN ('a', 'i') AND t.relnamespace = {_OURS} ORDER BY t.relname
""")


def server(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield what server that is, and whether it keeps what it has acknowledged."""
    with snapshot(database, engine) as session:
        [row] = session.ask(_SERVER)
    if row.number < _LEAST_VERSION:
        yield CheckRow(
            check="server",
            severity="error",
            detail=f"PostgreSQL {row.version} is older than 14",
            mend="upgrade the server: pg_upgrade",
        )
    else:
        yield fine("server", f"PostgreSQL {row.version}")
    if row.is_standby:
        yield CheckRow(
            check="standby",
            severity="error",
            detail="this server is a standby: nothing can be written",
            mend="name the primary in BVINV_DB, and this one in BVINV_DB_REPLICA",
        )
    yield from _kept(row)


def connections(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield whether the server has room for more clients."""
    with snapshot(database, engine) as session:
        [row] = session.ask(_CONNECTIONS)
    said = f"{row.used} of {row.most} connections are in use"
    if row.most - row.used < _ROOM:
        yield CheckRow(
            check="connections",
            severity="warning",
            detail=said,
            mend=_psql(f"ALTER SYSTEM SET max_connections = {2 * row.most}") + ", and restart",
        )
    else:
        yield fine("connections", said)


def clock(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield how far the server's clock and this machine's are apart."""
    with snapshot(database, engine) as session:
        session.ask(_CLOCK)  # the way is known from here on
        before = time.time()
        theirs = float(session.ask(_CLOCK)[0].now)
        apart = theirs - (before + time.time()) / 2
    if abs(apart) > _APART:
        yield CheckRow(
            check="server-clock",
            severity="warning",
            detail=f"the server's clock is {abs(apart):,.1f} s "
            f"{'ahead of' if apart > 0 else 'behind'} this machine's",
            mend="timedatectl set-ntp true, on both",
        )
    else:
        yield fine("server-clock", f"{abs(apart):.1f} s from this machine's")


def transactions(database: Database, engine: Engine, *, seconds: int = 300) -> Iterator[CheckRow]:
    """Yield the transactions that have been open for longer: nothing is tidied up behind them."""
    with snapshot(database, engine) as session:
        found = session.ask(_LONG, seconds=seconds)
    for row in found:
        yield CheckRow(
            check="transactions",
            severity="warning",
            detail=f"process {row.pid} of {row.who} ({row.program or 'unnamed'}) has a transaction "
            f"open for {row.seconds:,} s, {row.state}",
            mend=_psql(f"SELECT pg_terminate_backend({row.pid})"),
        )
    if not found:
        yield fine("transactions", f"none is open for longer than {seconds} s")


def guards(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield the triggers that are missing or switched off."""
    with snapshot(database, engine) as session:
        found = session.ask(_TRIGGERS)
    absent = sorted(GUARDS - {row.name for row in found})
    if absent:
        yield missing(absent)
    off = [row for row in found if row.enabled not in ("O", "A")]
    for table in sorted({row.table_name for row in off}):
        names = ", ".join(sorted(row.name for row in off if row.table_name == table))
        yield CheckRow(
            check="guards",
            severity="error",
            detail=f"switched off on {table}: {names}",
            mend=_psql(f"ALTER TABLE {table} ENABLE TRIGGER ALL"),
        )
    if not absent and not off:
        yield fine("guards", f"{len(GUARDS)} triggers stand before the ledger and the catalogue")


def indexes(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield the indexes that the server does not trust."""
    with snapshot(database, engine) as session:
        found = session.ask(_INDEXES)
    for row in found:
        yield CheckRow(
            check="indexes",
            severity="error",
            detail=f"{row.name} is not valid: it was not built to its end",
            mend=_psql(f"REINDEX INDEX {row.name}"),
        )
    if not found:
        yield fine("indexes", "every index is valid")


def sequences(database: Database, engine: Engine) -> Iterator[CheckRow]:
    """Yield the tables whose next id would be one that is given already."""
    behind = []
    with snapshot(database, engine) as session:
        for row in session.ask(_SEQUENCES):
            most = session.wire.exec_driver_sql(
                f'SELECT max("{row.column_name}") FROM "{row.table_name}"'
            ).scalar()
            if most is not None and most > row.last:
                behind.append((row, most))
    for row, most in behind:
        named = f"'{row.table_name}', '{row.column_name}'"
        yield CheckRow(
            check="sequences",
            severity="error",
            detail=f"{row.table_name} counts from {row.last}, and has ids up to {most}",
            mend=_psql(f"SELECT setval(pg_get_serial_sequence({named}), {most})"),
        )
    if not behind:
        yield fine("sequences", "no id would be given twice")


def _kept(row: Any) -> Iterator[CheckRow]:
    """Yield whether what is acknowledged survives a power cut."""
    wrong = [name for name in ("fsync", "full_page_writes") if getattr(row, name) == "off"]
    for name in wrong:
        yield CheckRow(
            check="durability",
            severity="error",
            detail=f"{name} is off: a power cut can destroy the database",
            mend=_psql(f"ALTER SYSTEM SET {name} = on"),
        )
    if row.synchronous_commit == "off":
        yield CheckRow(
            check="durability",
            severity="warning",
            detail="synchronous_commit is off: what was acknowledged last is lost in a power cut",
            mend=_psql("ALTER SYSTEM SET synchronous_commit = on"),
        )
    elif not wrong:
        yield fine("durability", "fsync, full_page_writes and synchronous_commit are on")


def _psql(statement: str) -> str:
    return f'psql -c "{statement}"'
