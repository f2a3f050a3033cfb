"""A read replica: a streaming standby of PostgreSQL that answers questions about the catalogue.

A standby repeats what the primary has written, a moment later, and says how far it has come: a
position in the write-ahead log (PostgreSQL's documentation, 9.27.3 and 27.2.5). Whoever asked the
primary for its position first, and finds that the standby has passed it, reads nothing older than
that moment. A standby that is away, behind, or none of this primary's is never an error: the
primary is asked instead.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeVar

from sqlalchemy import Engine

from bvinv.core import db, engines, postgresql
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Busy, InvalidInput, InventoryError
from bvinv.core.models.base import Row

T = TypeVar("T")
_WAITS = 0.2  # seconds in which a standby may still come to what has just been written
_LOOKS = 0.01  # seconds between looks whether it has
_PAGE = 8192  # bytes of a page of the write-ahead log
_SHORT, _LONG = 24, 40  # bytes of a page's head, and of that of a segment's first page

# A primary that is itself a standby, which a look does no harm to, has what it has replayed.
_WRITTEN = Sql("""
    SELECT CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                     ELSE pg_current_wal_insert_lsn() END - '0/0' AS bigint) AS at
         , pg_size_bytes(current_setting('wal_segment_size')) AS segment
         , extract(epoch FROM clock_timestamp()) AS now
""")
# On a server that is no standby the position may be missing.
_REPLAYED = Sql("""
    SELECT pg_is_in_recovery() AS is_standby
         , CAST(coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0' AS bigint) AS at
         , extract(epoch FROM pg_last_xact_replay_timestamp()) AS last
""")
# A standby has the same tables under the same numbers; another schema, or server, has others.
_IDENTITY = Sql("""
    SELECT CAST(system_identifier AS text) AS system
         , CAST(CAST('event' AS regclass) AS oid) AS events
      FROM pg_control_system()
""")


class ReplicaRow(Row):
    """How a replica does: what is not known is None, and `detail` says what is wrong, if anything.

    `lag_seconds` is how long ago the primary committed what the replica replayed last; 0 when it
    has replayed all there is. `lag_bytes` is how much of the write-ahead log it lacks.
    """

    up: bool
    is_standby: bool | None = None
    same_system: bool | None = None
    schema_version: str | None = None
    lag_seconds: float | None = None
    lag_bytes: int | None = None
    detail: str = ""


class Written(NamedTuple):
    """How far the primary had written at an instant of its own clock (seconds)."""

    at: int
    now: float


class Replayed(NamedTuple):
    """How far a standby has come, and when what it replayed last was committed (seconds)."""

    is_standby: bool
    at: int
    last: float | None


class Standby(Database):
    """The database as a standby has it. Whoever reads it can be interrupted, from any thread: a
    server that stands still says nothing at all, and nobody is to wait for it."""

    def __init__(self, where: str, primary: Database, *, connections: int = 2) -> None:
        """Name a standby by its URL; nothing is opened yet. Raises InvalidInput."""
        super().__init__(
            where,
            patience=primary.patience,
            clock=primary.clock,
            connections=connections,
            statement_timeout=primary.statement_timeout,
        )
        self._reading: dict[int, int] = {}  # by its session's id: the socket
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session on one snapshot."""
        with super().read() as session:
            driver = session.wire.connection.driver_connection
            assert driver is not None
            with self._one_at_a_time:
                self._reading[id(session)] = driver.fileno()
            try:
                yield session
            finally:
                with self._one_at_a_time:
                    del self._reading[id(session)]

    def interrupt(self) -> None:
        """Cut the connections of all who read: what they wait for fails at once."""
        with self._one_at_a_time:
            for descriptor in self._reading.values():
                with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

    def connect(self) -> Engine:
        """Return an engine that gives up soon: there is another server to ask."""
        return postgresql.engine(
            str(self.url),
            self.patience,
            self.connections,
            self.statement_timeout,
            connect_timeout=2,
            tcp_user_timeout=2_000,
        )


def named(where: str, primary: Database, *, connections: int = 2) -> Standby:
    """Return the standby that BVINV_DB_REPLICA names; nothing is opened yet.

    Raises InvalidInput for what is no URL of PostgreSQL, or where the primary is a file.
    """
    if primary.path:
        raise InvalidInput(
            "BVINV_DB_REPLICA is for PostgreSQL, and the database is a file",
            hint="unset it, or name a PostgreSQL database: BVINV_DB",
        )
    try:
        if db.sqlite_path(where):
            raise InvalidInput("a file is no replica of PostgreSQL", hint="name its URL")
        return Standby(where, primary, connections=connections)
    except InvalidInput as error:
        raise InvalidInput(f"BVINV_DB_REPLICA: {error.detail}", hint=error.hint) from None


def consult(
    primary: Database,
    where: str,
    ask: Callable[[Database], T],
    *,
    say: Callable[[str], None],
) -> T:
    """Ask the replica if it has replayed all that the primary has written by now, or does so within
    0.2 s, else the primary; with no replica named, the primary.

    `say` is told why a replica was not asked, or could not answer; then the question comes twice.
    Raises InvalidInput for a replica that cannot be one, and what the question does on the primary.
    """
    if not where:
        return ask(primary)
    standby = named(where, primary)
    try:
        with primary.read() as session:
            position, identity = written(session), identified(session)
        try:
            if refusal := _awaited(standby, position, identity):
                say(f"read from the primary: {refusal}")
            else:
                return ask(standby)
        except InvalidInput:
            raise
        except InventoryError as error:
            # What is not found there is not found here either; who is away is to be told of.
            if isinstance(error, (Busy, engines.Again)):
                say(f"read from the primary: {error.detail}")
    finally:
        standby.close()
    return ask(primary)


def _awaited(standby: Standby, position: Written, identity: tuple[str, int]) -> str:
    """Return nothing once the standby has come this far, else why it may not be read."""
    end = time.monotonic() + _WAITS
    while True:
        with standby.read() as session:
            state = replayed(session)
            if refusal := wrong(standby, identity, identified(session), state):
                return refusal
        if state.at >= position.at:
            return ""
        if time.monotonic() >= end:
            return f"the replica {standby} lacks {position.at - state.at} bytes of what is written"
        time.sleep(_LOOKS)


def measure(primary: Database, standby: Database) -> ReplicaRow:
    """Return how a replica does at this moment, measured from outside.

    A replica that is away, or wrong, is said in `detail`; raises what the primary does.
    """
    with primary.read() as session:
        position, identity = written(session), identified(session)
    try:
        with standby.read() as session:
            state, own = replayed(session), identified(session)
    except InventoryError as error:
        return ReplicaRow(up=False, detail=error.detail)
    # A primary that nobody writes to is never behind itself, however long ago the last commit was.
    lacks = max(0, position.at - state.at)
    seconds: float | None = 0.0
    if lacks:
        seconds = None if state.last is None else max(0.0, round(position.now - state.last, 3))
    detail = wrong(standby, identity, own, state)
    is_comparable = not detail
    return ReplicaRow(
        up=True,
        is_standby=state.is_standby,
        same_system=own == identity,
        schema_version=db.SCHEMA,
        lag_seconds=seconds if is_comparable else None,
        lag_bytes=lacks if is_comparable else None,
        detail=detail,
    )


def wrong(
    standby: Database, primary: tuple[str, int], own: tuple[str, int], state: Replayed
) -> str:
    """Return why a server is no replica of the primary, nothing where it is one."""
    if own != primary:
        return f"{standby} is no replica of this database: it has another one's tables"
    if not state.is_standby:
        return f"{standby} is no standby: it is a server that is written to"
    return ""


def written(session: Session) -> Written:
    """Return how far the primary has written, as the end of its last record."""
    [row] = session.ask(_WRITTEN)
    # Where a record ends with its page, the primary names the place behind the next page's head,
    # and a standby that has replayed all stays before it until there is more.
    head = _LONG if row.at % row.segment < _PAGE else _SHORT
    return Written(row.at - head if row.at % _PAGE == head else row.at, float(row.now))


def replayed(session: Session) -> Replayed:
    """Return how far a standby has come."""
    [row] = session.ask(_REPLAYED)
    last = None if row.last is None else float(row.last)
    return Replayed(row.is_standby, row.at, last)


def identified(session: Session) -> tuple[str, int]:
    """Return what a primary and its standbys have in common, and nobody else has."""
    [row] = session.ask(_IDENTITY)
    return row.system, int(row.events)
