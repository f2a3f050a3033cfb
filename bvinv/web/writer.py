"""The one writer of a process: what waits is committed together (`core.groups`)."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable

from bvinv.core import command_log, engines, groups
from bvinv.core.command_log import Answer
from bvinv.core.db import Database
from bvinv.core.errors import Busy
from bvinv.core.groups import Job
from bvinv.core.quotas import Quota

PATIENCE = 5.0  # seconds for the database's locks; then 503
LOCKED = 0.3  # seconds that all wait for a row which one of them needs (PostgreSQL)
MOST = 64  # jobs a transaction
WAITING = 2_000  # jobs; more are refused


class Writer:
    """Takes jobs on the event loop, does them in a thread, and answers after the commit.

    Jobs that need a row which somebody else holds are left to another writer, the `patient` one,
    which has a connection and a thread of its own and waits for as long as the jobs can; so the
    others need not.
    """

    def __init__(
        self,
        database: Database,
        quota: Quota,
        note: Callable[[list[Job], float, float], None],
        *,
        patient: "Writer | None" = None,
    ) -> None:
        """Begin; `note` is told what was committed together, in how many seconds, and how many of
        these were spent waiting for other processes' writes (SQLite)."""
        self._patient = patient or self
        self._database = database
        self._quota = quota
        self._note = note
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting = 0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="bvinv-writer")
        self._thread.start()

    async def do(self, job: Job) -> Answer:
        """Do a job; return its answer once it is durable.

        Raises what the job raises, and Busy when too many wait, or it has waited for as long as
        the database's patience lasts.
        """
        if self._waiting >= WAITING:
            raise Busy("too many changes are waiting", hint="try again in a second")
        job.until = time.monotonic() + PATIENCE
        job.about = done = self._loop.create_future()
        self._take([job])
        answer: Answer = await done
        return answer

    def close(self) -> None:
        """Do what waits, and end."""
        self._jobs.put(None)
        self._thread.join()

    def _take(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._waiting += 1
            self._jobs.put(job)

    def _work(self) -> None:
        goes_on = True
        while goes_on:
            jobs: list[Job] = []
            try:
                while len(jobs) < MOST:
                    job = self._jobs.get() if not jobs else self._jobs.get_nowait()
                    if job is None:
                        goes_on = False
                        break
                    jobs.append(job)
            except queue.Empty:
                pass
            if jobs:
                self._commit(jobs)

    def _commit(self, jobs: list[Job]) -> None:
        began = time.perf_counter()
        group = command_log.command("serve", actor="serve")
        try:
            groups.commit(self._database, jobs, group, quota=self._quota)
        except BaseException as error:  # a bug: nobody waits for ever
            for job in jobs:
                job.answer = job.answer or RuntimeError(f"the writer failed: {type(error)}")
        gate = self._database.gate
        self._note(jobs, time.perf_counter() - began, gate.waited if gate else 0.0)
        self._loop.call_soon_threadsafe(self._tell, jobs)

    def _tell(self, jobs: list[Job]) -> None:
        self._waiting -= len(jobs)
        for job in jobs:
            if job.about.done():  # whoever asked has gone
                continue
            if isinstance(job.answer, engines.Held) and not job.is_late:
                self._patient._take([job])
            elif isinstance(job.answer, Exception):
                job.about.set_exception(job.answer)
            else:
                job.about.set_result(job.answer)
