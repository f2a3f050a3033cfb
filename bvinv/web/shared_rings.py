"""The rings of `limits` in PostgreSQL: one count for all the servers of a database.

One clock, too: that of the database's machine. While one question is under way the next requests
gather, and are asked about together; a caller's row is locked for 0.1 ms. Where the database does
not answer soon everybody is let in, as `limits` says; a crash of PostgreSQL, or another server that
takes its place, begins to count anew (the tables are unlogged).
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from bvinv.core.db import Database

PATIENCE = 1.0  # seconds for an answer; then whoever waits is let in
_FIRST = 3.0  # seconds for a connection and the first answer
_REST = 1.0  # seconds in which nobody is asked about, once the database was away
_TOLD_AFTER = 60.0  # seconds between two lines of the log that say so
_MOST = 64  # requests that are asked about together
_SWEPT_AFTER = 10.0  # seconds between two looks at what has run out
_BATCH = 10_000  # of what has run out
_ASK = "SELECT * FROM rate_waits(%s::text[], %s::text[], %s::bigint[], %s::double precision[])"
_SWEEP = "SELECT rate_sweep(%s)"

_log = logging.getLogger(__name__)


class SharedRings:
    """Counts the requests of one process together with those of all others."""

    def __init__(self, url: str, rules: Sequence[tuple[str, int, int]]) -> None:
        """Count by these rules (key, amount, seconds). Nothing is opened before it is needed."""
        self._database = Database(url, patience=PATIENCE, connections=1)
        found = sorted(rules)
        self._rules = tuple(list(one) for one in zip(*found, strict=True))
        self._line: Any = None
        self._wire: Any = None
        self._swept = 0.0
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[str, asyncio.Future[float]]] = []
        self._asking: asyncio.Task[None] | None = None
        self._given_up: asyncio.Future[list[float]] | None = None
        self._ill_until = 0.0
        self._told = -_TOLD_AFTER

    async def acquire(self, caller: str) -> float:
        """Count a request if each of the rules lets it in.

        Return 0.0 if they do, else the seconds until they would. Never raises, and takes no longer
        than `PATIENCE` or so, once there is a connection.
        """
        if self._is_ill:
            return 0.0
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((caller, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_for_all())
        return await answer

    def open(self) -> None:
        """Connect before the first request comes, which would else wait for that."""
        with suppress(Exception):  # away: the first request tries it again
            self._connect()

    def close(self) -> None:
        """Let go of the database; the next request connects again."""
        if self._thread:
            self._thread.shutdown()
            self._thread = None
        self._hang_up()
        self._database.close()

    @property
    def _is_ill(self) -> bool:
        """Tell whether nobody is to be asked at this moment."""
        if self._given_up is not None and not self._given_up.done():
            return True
        return time.monotonic() < self._ill_until

    async def _ask_for_all(self) -> None:
        loop = asyncio.get_running_loop()
        self._thread = self._thread or ThreadPoolExecutor(1, "bvinv-limits")
        while self._waiting:
            some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            waits = [0.0] * len(some)
            if not self._is_ill:
                some.sort(key=lambda one: one[0])  # locked in this order by everybody
                asked = loop.run_in_executor(self._thread, self._ask, [one for one, _ in some])
                patience = PATIENCE if self._wire is not None else _FIRST
                await asyncio.wait([asked], timeout=patience)
                if asked.done() and not asked.exception():
                    waits = asked.result()
                else:
                    self._give_up(asked)
            for (_, answer), wait in zip(some, waits, strict=True):
                if not answer.done():  # whoever asked has gone
                    answer.set_result(wait)

    def _give_up(self, asked: asyncio.Future[list[float]]) -> None:
        self._ill_until = time.monotonic() + _REST
        self._given_up = asked
        why = asked.exception() if asked.done() else "no answer"
        asked.add_done_callback(lambda one: one.exception())  # else asyncio complains
        now = time.monotonic()
        if now - self._told > _TOLD_AFTER:
            self._told = now
            _log.warning("rate limits: everybody is let in: %s", why)

    def _ask(self, callers: list[str]) -> list[float]:
        if self._wire is not None:
            try:
                return self._answers(callers)
            except Exception:
                if not self._wire.closed:
                    raise
        self._connect()
        return self._answers(callers)

    def _connect(self) -> None:
        self._hang_up()
        self._line = self._database.engine.raw_connection()
        self._wire = self._line.driver_connection
        self._wire.autocommit = True
        self._wire.execute("SET synchronous_commit = off")

    def _answers(self, callers: list[str]) -> list[float]:
        if time.monotonic() - self._swept > _SWEPT_AFTER:
            self._wire.execute(_SWEEP, (_BATCH,))
            self._swept = time.monotonic()
        found = self._wire.execute(_ASK, (callers, *self._rules), prepare=True)
        return [float(wait) for (wait,) in found.fetchall()]

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._line.invalidate()
            self._wire = None
