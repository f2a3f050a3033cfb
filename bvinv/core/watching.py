"""Whether anything was committed since somebody last looked, and reading at a glance.

What a process keeps in memory is good for as long as the database has not moved. SQLite counts the
commits of others (`PRAGMA data_version`), which costs 2 µs to ask; PostgreSQL tells who listens.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

from bvinv.core import engines
from bvinv.core.db import LAST_RECORDED, Database, Session, Sql
from bvinv.core.errors import Busy

_log = logging.getLogger(__name__)
_SAY = Sql("SELECT pg_notify('bvinv', :token)")
_LOOK = 0.1  # seconds between looks at whether the file is still there
_DEAF = 0.2  # seconds until the next attempt to hear
_LISTEN = "LISTEN bvinv"
_ECHO = 2.0  # seconds in which a line that hears has to hear what it is told for a trial
_TRUSTED = 2.0  # seconds after the server's last word: a line that was cut is as silent as no news


class Glance(Session):
    """A session without a transaction, for questions of one statement each; used again and again.

    `now` is asked for anew each time and never steps back behind what is recorded.
    """

    last = 0

    @property
    def now(self) -> int:
        """The instant of the question."""
        return max(self.clock(), self.last)


class Watch:
    """Tells by a number that the database has moved: equal numbers, nothing was committed.

    For one thread, which owns `glance`. Where `is_instant` is false (PostgreSQL), a commit is
    known as soon as its notification has come, 2 s later at most where the line is cut, and
    glances are as slow as the network.
    """

    glance: Glance

    def __init__(self, database: Database) -> None:
        """Watch a database, which exists and has this program's schema."""
        self._database = database
        self._followers: tuple[Database, ...] = ()
        self.is_instant = bool(database.path)
        self._file = _identity(database)
        self._seen = -1  # what SQLite counts, on this connection
        self._count = 0
        self._next_look = 0.0
        self._tell: Callable[[], None] = lambda: None
        self._total: Callable[[], int] = lambda: 0
        self._open()
        self._ear = None if self.is_instant else _Ear(database)

    def version(self, *, surely: bool = False) -> int:
        """Return the number of the present state. Raises Busy while the database is away.

        Whether the file is still there is looked at ten times a second; `surely` now, which takes
        2 µs, and is for whoever is about to write.
        """
        if self._ear is not None:
            return self._ear.version() + self._total()
        now = time.monotonic()
        if surely or now >= self._next_look:
            self._look(now)
        try:
            seen: int = self._ask("PRAGMA data_version").fetchone()[0]
            if seen != self._seen:
                found = self.glance.ask(LAST_RECORDED)
                self.glance.last = found[0].recorded_at if found else 0
                self._seen = seen
                self._count += 1
        except Exception as error:
            if not hasattr(error, "sqlite_errorcode"):
                raise
            self._next_look = 0.0
            raise _away(self._database) from error
        return self._count

    def follow(self, *others: Database) -> None:
        """Let others of the same file go to the one that takes its place, too."""
        self._followers += others

    def join(self, count: Callable[[], None], total: Callable[[], int]) -> None:
        """Let other processes know at once what this one commits, and hear of theirs: `count` one
        commit, return the `total` of all. For PostgreSQL, whose news takes a moment."""
        self._tell, self._total = count, total

    def moved(self) -> None:
        """Say, from any thread, that this process has committed something: on PostgreSQL the news
        of it comes a moment later than the answer to whoever asked for it."""
        if self._ear is not None:
            self._ear.count()
            self._tell()

    @property
    def catalogue_at(self) -> float:
        """The instant (`time.monotonic`) at which the catalogue was last said to have changed, by
        anybody; infinity while nobody can be heard."""
        return self._ear.catalogue_at() if self._ear is not None else inf

    def catalogue_moved(self) -> None:
        """Say, from any thread, that this process has changed the catalogue."""
        if self._ear is not None:
            self._ear.note_catalogue()

    def close(self) -> None:
        """Let go of the connection."""
        if self._ear is not None:
            self._ear.close()
        self._wire.close()

    def _open(self) -> None:
        self._wire = self._database.engine.connect()
        last, self.glance = self.__dict__.get("glance"), Glance(self._wire, self._database.clock)
        if last is not None:
            self.glance.clock = last.clock
        if self.is_instant:
            self._ask: Callable[[str], Any] = self.glance._driver.execute

    def _look(self, now: float) -> None:
        """See that the file is still the one that is open: a file that was removed goes on to be
        read and written by whoever has it open, and all of it is lost.

        Once another lies in its place, that is the database. Raises Busy while none does.
        """
        self._next_look = 0.0
        there = _identity(self._database)
        if there is None:
            raise _away(self._database)
        if there != self._file:
            try:
                self._wire.close()
                for one in (self._database, *self._followers):
                    if engine := one.__dict__.pop("engine", None):
                        engine.dispose()
                self._open()
            except Exception as error:
                raise _away(self._database) from error
            self._file = there
            self._seen = -1
            self._count += 1
        self._next_look = now + _LOOK


def _identity(database: Database) -> tuple[int, int] | None:
    return engines.identity(database.path) if database.path else None


def _away(database: Database) -> Busy:
    return Busy(f"{database} is away", hint="try again")


class _Ear:
    """Listens to what PostgreSQL tells of one schema, in a thread of its own.

    While it cannot hear, every moment is a new state: nothing that is kept counts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = 0
        self._one_at_a_time = threading.Lock()
        self._hears_until = 0.0
        self._catalogue_at = inf
        self._is_deaf = False
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="bvinv-ear", daemon=True)
        self._thread.start()

    def version(self) -> int:
        if time.monotonic() >= self._hears_until:
            self.count()
        return self._count

    def count(self) -> None:
        with self._one_at_a_time:
            self._count += 1

    def catalogue_at(self) -> float:
        return self._catalogue_at if time.monotonic() < self._hears_until else inf

    def note_catalogue(self) -> None:
        self._catalogue_at = time.monotonic()

    def close(self) -> None:
        self._ends.set()
        self._thread.join(3)

    def _listen(self) -> None:
        while not self._ends.is_set():
            with suppress(Exception):  # away: what is kept does not count until it is back
                self._hear()
            self._ends.wait(_DEAF)

    def _hears(self, driver: Any) -> bool:
        """Say something on another connection, and tell whether it is heard on this one: behind a
        pool of connections that changes them with each transaction nobody hears anything."""
        token = f"echo {uuid.uuid4()}"
        with self._database.look() as session:
            session.ask(_SAY, token=token)
        if any(told.payload == token for told in driver.notifies(timeout=_ECHO)):
            return True
        if not self._is_deaf:
            self._is_deaf = True
            _log.warning(
                "%s does not pass on its notifications, as PgBouncer does not in its transaction "
                "mode: nothing is kept in memory",
                self._database,
            )
        return False

    def _hear(self) -> None:
        engine = self._database.engine
        wire = engine.raw_connection()
        try:
            driver: Any = wire.driver_connection
            driver.autocommit = True
            found = driver.execute("SELECT 'event'::regclass::oid::text").fetchone()
            driver.execute(_LISTEN)
            if not self._hears(driver):
                return
            self.note_catalogue()  # what happened while nobody listened
            self.count()
            while not self._ends.is_set():
                asked = time.monotonic()
                driver.execute("SELECT 1")
                self._hears_until = asked + _TRUSTED
                for told in driver.notifies(timeout=0.5):
                    schema, _, what = told.payload.partition(" ")
                    if schema == found[0]:
                        if what == "catalogue":  # before it counts: an answer that was made in
                            self.note_catalogue()  # between, on a replica, is not kept
                        self.count()
        finally:
            self._hears_until = 0.0
            wire.invalidate()
