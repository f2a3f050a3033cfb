"""When streams have something to read: the database has moved, and nothing before it is open."""

import asyncio
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

from bvinv.core import events
from bvinv.core.db import Database
from bvinv.core.errors import InventoryError
from bvinv.core.events import Watermark
from bvinv.core.watching import Watch

_LOOK = 0.02  # seconds between looks at whether the database has moved
_SHARE = 0.001  # more for each stream: 200 of them are woken four times a second, not fifty
_BEHIND = 0.03  # seconds for what has an id already and is about to be committed


class Pulse:
    """Wakes the streams of a worker when the database has moved; looks only while one waits."""

    def __init__(self, watch: Watch) -> None:
        """Watch for all of them."""
        self.watch = watch
        self.streams = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen = -1

    async def wait(self, seen: int, seconds: float, stopping: Any = None) -> None:
        """Return once the database is in another state than was seen, or time is up, or the server
        is about to stop."""
        if self._task is None or self._task.done():
            self._seen = seen
            self._task = asyncio.create_task(self._look(stopping))
        elif self._seen > seen:  # it moved while somebody read, and the others know
            await asyncio.sleep(_LOOK)
            return
        woken = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            await asyncio.wait([woken], timeout=seconds)
        finally:
            self._waiting.discard(woken)
            if not self._waiting and self._task:
                self._task.cancel()
                self._task = None

    async def _look(self, stopping: Any) -> None:
        while self._waiting:
            await asyncio.sleep(_LOOK + _SHARE * self.streams)
            version = -1  # away: whoever reads finds out
            with suppress(InventoryError):
                version = self.watch.version()
            if version == self._seen and not (stopping and stopping.is_set()):
                continue
            self._seen = version
            for woken in self._waiting:
                if not woken.done():
                    woken.set_result(None)
            self._waiting.clear()


class Horizon:
    """How far the streams of a worker may read; see `events.Watermark`."""

    def __init__(self, database: Database, watch: Watch, readers: Executor) -> None:
        """Begin; on SQLite everything that is visible counts."""
        self._database = database
        self._is_instant = watch.is_instant
        self._readers = readers
        self._mark = Watermark()
        self._looking: asyncio.Future[tuple[int, bool]] | None = None

    async def until(self) -> tuple[int | None, bool]:
        """Return the last event that may be read, and whether more is on its way."""
        if self._is_instant:
            return None, False
        # One look for all who ask meanwhile, and one thread: transactions that take long would
        # else keep every reader of this process waiting.
        if self._looking is None or self._looking.done():
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._readers, self._settled)
        return await asyncio.shield(self._looking)

    def _settled(self) -> tuple[int, bool]:
        end = events.settled(self._database, seconds=_BEHIND, mark=self._mark)
        return end, self._mark.is_behind
