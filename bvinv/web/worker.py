"""What one serving process has: the database, its writer, its readers, and what it remembers."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from bvinv.core import outgoing, replica
from bvinv.core.db import Database, Session
from bvinv.core.groups import Job
from bvinv.core.quotas import Quota
from bvinv.core.replica_monitor import Monitor
from bvinv.core.search import state as search_state
from bvinv.core.search.index import Index
from bvinv.core.watching import Watch
from bvinv.settings import Settings
from bvinv.web.access_log import AccessLog
from bvinv.web.cache import Cache
from bvinv.web.callers import Caller, Callers
from bvinv.web.dispatch import Dispatch
from bvinv.web.limits import Limiter
from bvinv.web.looks import Looks
from bvinv.web.metrics import Metrics
from bvinv.web.pulse import Horizon, Pulse
from bvinv.web.tally import Tally
from bvinv.web.tokens import Tokens
from bvinv.web.writer import LOCKED, PATIENCE, Writer

T = TypeVar("T")
READERS = 3  # threads for questions that take their time
_APART = 2  # connections to the replica beside theirs: for a feed, and for the monitor
_ANSWERS = 30.0  # seconds for a statement of a request, however many others may take


@dataclass(frozen=True, slots=True)
class Task:
    """What `bvinv serve` tells its workers, through the environment."""

    db: str
    loopback: bool = True

    @classmethod
    def told(cls) -> "Task":
        """Return what the parent said in BVINV_SERVE."""
        return cls(**json.loads(os.environ["BVINV_SERVE"]))


class Worker:
    """One process's share of serving. Opened and closed by the application's lifespan."""

    def __init__(self, task: Task, settings: Settings) -> None:
        """Prepare; nothing is opened before `open`. Raises InvalidInput for bad settings."""
        self.settings = settings
        limit = min(settings.statement_timeout, _ANSWERS)
        self.database = Database(
            task.db, patience=PATIENCE, connections=READERS + 6, statement_timeout=limit
        )
        # The writer's own, so that the pages that it wrote are still at hand for the next.
        jump = settings.jump()
        self.books, self.held = (
            Database(task.db, patience=PATIENCE, connections=1, jump=jump, statement_timeout=limit)
            for _ in range(2)
        )
        if self.books.url:
            self.books.patience = LOCKED
        self.tokens = Tokens.of(settings)
        anybody = Caller(settings.who(), settings.role) if task.loopback else None
        self.callers = Callers(self.tokens, anybody)
        self.cache = Cache(settings.cache_size)
        cache = settings.search_cache()
        self.index = Index(
            search_state.folder(self.database, chosen=settings.search_dir, cache=cache),
            patience=PATIENCE,
        )
        beside = search_state.folder(self.database, chosen="", cache=cache)
        limits = beside.with_suffix(".limits")
        self.limiter = Limiter(self.database, limits, settings.rate_limit)
        self.logins = Limiter(self.database, limits, settings.login_limit, "BVINV_LOGIN_LIMIT")
        named = outgoing.named_hosts(settings.webhook_hosts)
        self.errands = Database(task.db, jump=jump, statement_timeout=settings.statement_timeout)
        # The last: these have threads, which nobody would stop if the settings made no sense.
        self.metrics = Metrics()
        self.log = AccessLog.of(settings.access_log)
        self.dispatch = Dispatch(self.errands, named=named, note=self.metrics.delivery)

    def open(self) -> None:
        """Open the database and start the writer. Raises what `Database` raises; then all that was
        opened is closed again."""
        with ExitStack() as opened:
            for one in (self.log, self.metrics, self.logins, self.limiter, self.books, self.held):
                opened.callback(one.close)
            opened.callback(self.database.close)
            self.limiter.open()
            self.watch = Watch(self.database)
            opened.callback(self.watch.close)
            self.watch.follow(self.books, self.errands)
            tally = Tally()
            self.watch.join(tally.count, tally.total)
            self.monitor = self._monitored()
            if self.monitor:
                opened.callback(self.monitor.close)
            self.pulse = Pulse(self.watch)
            # One at a time: a feed of a large catalogue takes as long as a thousand other answers.
            self.feeds = ThreadPoolExecutor(1, "bvinv-feed")
            opened.callback(self.feeds.shutdown)
            self.readers = ThreadPoolExecutor(READERS, "bvinv-reader")
            opened.callback(self.readers.shutdown)
            self.looks = None if self.watch.is_instant else Looks(self.database)
            if self.looks:
                opened.callback(self.looks.close)
            self.horizon = Horizon(self.database, self.watch, self.readers)
            quota = Quota(self.settings.reservation_quota)
            patient = None
            if self.books.url:
                patient = Writer(self.held, Quota(quota.most), self._committed)
                opened.callback(patient.close)
            self.writer = Writer(self.books, quota, self._committed, patient=patient)
            opened.callback(self.writer.close)
            self.dispatch.start()
            opened.callback(self.dispatch.stop)
            self._opened = opened.pop_all()

    def _monitored(self) -> Monitor | None:
        if not self.settings.db_replica:
            return None
        standby = replica.named(
            self.settings.db_replica, self.database, connections=READERS + _APART
        )
        most = self.settings.replica_lag
        return Monitor(self.database, standby, self.watch, most_behind=most)

    def close(self) -> None:
        """Finish what waits, and let go of everything, in the opposite order."""
        self._opened.close()

    def _committed(self, jobs: list[Job], seconds: float, waited: float) -> None:
        if self.monitor:
            self.monitor.wrote(job.command for job in jobs)
        self.watch.moved()
        self.metrics.group(len(jobs), seconds, waited)
        self.dispatch.wake()

    async def read(self, action: Callable[[Session], T]) -> T:
        """Run the action on one snapshot, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.readers, partial(self._read, action))

    def _read(self, action: Callable[[Session], T]) -> T:
        with self.database.read() as session:
            return action(session)

    async def consult(self, ask: Callable[[Database], T], inside: Executor, who: str | None) -> T:
        """Ask about the catalogue, in a thread: the replica, where it shows all that the caller of
        this name may know of, else the primary, as for those without one."""
        loop = asyncio.get_running_loop()
        if self.monitor is None:
            return await loop.run_in_executor(inside, ask, self.database)
        work = partial(self.monitor.consult, ask, who)
        found, told = await loop.run_in_executor(inside, work)
        self.metrics.replica(told)
        return found

    async def glance(self, action: Callable[[Session], T]) -> T:
        """Run the action, one statement or a few that need not agree, where it is fastest: at once
        on SQLite, in a thread on PostgreSQL, together with what others ask."""
        if self.looks is None:
            return action(self.watch.glance)
        return await self.looks.ask(action)

    async def caller(self, key: bytes, token: bytes, version: int) -> Caller:
        """Return who shows this. Raises Unauthenticated."""
        now = time.time()
        return await self.glance(
            lambda session: self.callers.find(session, key, token, version, now)
        )


def current(scope: Any) -> Worker:
    """Return the worker that serves a request."""
    worker: Worker = scope["app"].state.worker
    return worker
