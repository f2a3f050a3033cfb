"""A transaction: what is asked and sent in it, by whom, and at what instant."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import Connection

from bvinv.core import clocks
from bvinv.core.models.log import Command
from bvinv.core.sql import Sql, as_json, row_maker

_POSITIONS = {
    "event": Sql("SELECT coalesce(max(id), 0) + 1 AS at FROM event"),
    "movement": Sql("SELECT coalesce(max(id), 0) + 1 AS at FROM movement"),
}
_HORIZON = Sql("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS at")
_GIVEN = Sql("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS id FROM event_id_seq")
_WRITERS = Sql("""
    SELECT virtualtransaction AS name FROM pg_locks
     WHERE locktype = 'relation' AND relation = CAST('event' AS regclass)
       AND mode = 'RowExclusiveLock' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
_TURN = Sql("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || :name, 0))")
LAST_RECORDED = Sql("SELECT recorded_at FROM command_log ORDER BY id DESC LIMIT 1")


class Session:
    """A transaction that knows who asks (`command`) and what time it is (`now`).

    `wire` is SQLAlchemy's connection, for statements that are put together piece by piece. There
    is no ORM below: nothing here needs it, and loading it doubles the time that a look-up takes.
    """

    command: Command

    def __init__(
        self,
        wire: Connection,
        clock: Callable[[], int],
        command: Command | None = None,
        *,
        jump: int = 0,
    ) -> None:
        """Wrap a connection in a transaction; only a writer has a command. For `jump` see
        `clocks.check`."""
        self.wire = wire
        self.clock = clock
        self.jump = jump
        self.behind = 0  # microseconds that a writer's clock is behind the last change
        # A writer's instants go up by one at least, and what it reads is locked.
        self.step = 0 if command is None else 1
        if command is not None:
            self.command = command
        # Level id -> counts before, and the level; kept by the ledger.
        self.touched: dict[int, Any] = {}

    @cached_property
    def now(self) -> int:
        """The instant of this transaction: it never steps back behind what is recorded.

        Raises Busy for a writer whose clock is too far ahead of that.
        """
        clock, found = self.clock(), self.ask(LAST_RECORDED)
        last = found[0].recorded_at if found else 0
        if found and self.step:
            clocks.check(clock, last, self.jump)
            self.behind = last - clock
        return max(clock, last + self.step)

    def not_before(self, instant: int) -> None:
        """Let the instant of this transaction be this one at least: somebody whose lock it waited
        for, on PostgreSQL, may have begun later than it did."""
        self.now = max(self.now, instant)

    def position(self, table: Literal["event", "movement"]) -> int:
        """Return where a reader of the table goes on who has read all that this snapshot shows.

        What commits later never lies before it; what committed just now may lie behind it once
        more, on PostgreSQL, where ids are not in the order of commits. Source: PostgreSQL's
        documentation, 9.27.8, "Transaction ID and Snapshot Information Functions".
        """
        [row] = self.ask(_POSITIONS[table] if self._is_sqlite else _HORIZON)
        return int(row.at)

    def horizon(self) -> tuple[int, frozenset[str]] | None:
        """Return the last id that an event was given, and then who has events not committed yet.

        None where ids are in the order of commits. Whoever writes events holds the table's lock
        from before the first id until the end (PostgreSQL's documentation, 13.3.1, pg_locks).
        """
        if self._is_sqlite:
            return None
        [given] = self.ask(_GIVEN)
        return int(given.id), frozenset(row.name for row in self.ask(_WRITERS))

    def ask(self, sql: Sql, **values: Any) -> list[Any]:
        """Return the rows of a query, their columns as attributes."""
        cursor = self._send(sql, values)
        if sql.row is None:
            sql.row = row_maker(cursor.description)
        return [sql.row(row) for row in cursor.fetchall()]

    def stream(self, sql: Sql, **values: Any) -> Iterator[Sequence[Any]]:
        """Yield the rows of a long answer as plain tuples, in flat memory."""
        if self._is_sqlite:
            cursor = self._send(sql, values)
        else:
            cursor = self._driver.cursor(name="stream")
            cursor.itersize = 5000
            cursor.execute(sql.on_postgresql, values)
        try:
            yield from cursor
        finally:
            cursor.close()

    def send(self, sql: Sql, rows: Sequence[dict[str, Any]]) -> int:
        """Run the statement once for each of these values; return how many rows it changed."""
        if not rows:
            return 0
        cursor = self._driver.cursor()
        if self._is_sqlite:
            cursor.executemany(sql.on_sqlite, [sql.values(row) for row in rows])
        elif len(rows) == 1:
            cursor.execute(sql.on_postgresql, rows[0])
        elif sql.copied:
            with cursor.copy(sql.copied) as copy:
                for row in rows:
                    copy.write_row(sql.values(row))
        elif sql.joined:
            cursor.execute(sql.joined, {"rows": as_json(rows)})
        else:
            cursor.executemany(sql.on_postgresql, rows)
        return int(cursor.rowcount)

    def insert(self, sql: Sql, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Insert rows with a statement that ends in RETURNING; return what it returns.

        Of many rows on PostgreSQL that is ids, in the order of the rows: it counts them up in that
        of the SELECT which it inserts from, but returns them in an order that it does not promise.
        """
        if self._is_sqlite:
            return [self._send(sql, row).fetchone()[0] for row in rows]
        if sql.joined and len(rows) > 1:
            cursor = self._driver.execute(sql.joined, {"rows": as_json(rows)})
            return sorted(row[0] for row in cursor.fetchall())
        return [self._driver.execute(sql.on_postgresql, row).fetchone()[0] for row in rows]

    def unhurried(self) -> None:
        """Let each statement until the end of the transaction take as long as it takes."""
        if not self._is_sqlite:
            self._driver.execute("SET LOCAL statement_timeout = 0")

    def hurry(self, seconds: float) -> None:
        """Wait for each lock no longer than so, until the end of the transaction. On SQLite there
        is none to wait for."""
        if not self._is_sqlite:
            self._driver.execute(f"SET LOCAL lock_timeout = {max(1, int(seconds * 1000))}")

    def take_turns(self, name: str) -> None:
        """Wait until no other transaction is between this line, with this name, and its end. On
        SQLite writers take turns anyway. Source: PostgreSQL's documentation, 9.27.10."""
        if not self._is_sqlite:
            self.ask(_TURN, name=name)

    def survey(self, *tables: str) -> None:
        """Let PostgreSQL look at what a bulk load has put into these tables: until its autovacuum
        gets there, if it does, its plans are those for tables of a few pages. It passes over one
        that somebody else is cleaning up."""
        if not self._is_sqlite:
            self._driver.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(tables)}")

    def fork(self, command: Command) -> "Session":
        """Return a session of another command in the same transaction."""
        return Session(self.wire, self.clock, command, jump=self.jump)

    def mark(self, statement: str) -> None:
        """Set a savepoint, go back to it or forget it."""
        self._driver.execute(statement)

    @property
    def is_ordered(self) -> bool:
        """Tell whether positions are counted up one by one, as SQLite's only writer does."""
        return self._is_sqlite

    def _send(self, sql: Sql, values: dict[str, Any]) -> Any:
        if self._is_sqlite:
            for name, value in values.items():
                if isinstance(value, list):
                    values[name] = json.dumps(value)
            return self._driver.execute(sql.on_sqlite, sql.values(values))
        return self._driver.execute(sql.locked if self.step else sql.on_postgresql, values)

    @cached_property
    def _driver(self) -> Any:
        return self.wire.connection.driver_connection

    @cached_property
    def _is_sqlite(self) -> bool:
        return self.wire.dialect.name == "sqlite"
