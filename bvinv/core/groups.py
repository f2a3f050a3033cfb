"""Many callers' commands in one transaction, each as if it had come alone: group commit.

Nobody gets an answer before the commit that holds their change. A refusal, or whatever goes wrong
with one command, undoes that one (SQL's SAVEPOINT) and not its neighbours.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import inf
from typing import Any

from bvinv.core import command_log, engines, reservations
from bvinv.core.command_log import Answer, Result
from bvinv.core.db import Database, Session
from bvinv.core.errors import Busy, InventoryError
from bvinv.core.models.log import Command
from bvinv.core.quotas import Quota
from bvinv.core.requests import Request

_LEAST = 0.5  # seconds to wait for the gate, however late it is
_GLIMPSE = 0.03  # seconds to wait for a row, once one has kept a whole group waiting


@dataclass(slots=True)
class Job:
    """One command of a caller: an action, or a reservation, which shares its look-ups with others.

    `answer` is there when `commit` is done: what the command answers, or its error. What has not
    begun at `until`, in seconds of `time.monotonic`, is refused as Busy.
    """

    command: Command
    act: Callable[[Session], Result] | Request
    dry_run: bool = False
    answer: Answer | Exception | None = None
    until: float = inf
    about: Any = field(default=None)  # whatever whoever made the job wants to find again

    @property
    def shares(self) -> bool:
        """Tell whether it may be answered together with its neighbours."""
        return isinstance(self.act, Request) and self.command.key is None and not self.dry_run

    @property
    def is_late(self) -> bool:
        """Tell whether nobody should begin it any more."""
        return time.monotonic() > self.until


def commit(
    database: Database, jobs: Sequence[Job], group: Command, *, quota: Quota | None = None
) -> None:
    """Do the jobs in their order, in one transaction, and set each one's answer.

    A transaction that PostgreSQL asks to repeat, or that fails as a whole, is done again job by
    job, each with the errors of its own. Not so one of which it is unknown whether it was
    committed, because the server's word was lost: then that is the answer of all.

    Whoever needs a row that somebody else holds for long (PostgreSQL) is answered `engines.Held`
    and has changed nothing; its neighbours go on alone, and hardly wait for such rows.
    """
    answers: list[Answer | Exception] = []
    try:
        _hurry(database, jobs)
        _together(database, jobs, answers, group, quota)
    except Exception as error:
        if quota:
            quota.forget()
        is_unsure = len(answers) == len(jobs)  # it was the commit that failed
        # Where one gate leads in, whoever did not get in together gets in alone no sooner.
        is_shut = database.gate is not None and isinstance(error, Busy)
        is_final = (is_unsure or len(jobs) == 1) and not isinstance(error, engines.Again)
        if is_shut or is_final:
            for job in jobs:
                job.answer = error
            return
        is_held = isinstance(error, engines.Held)
        for job in jobs:
            # Who waited for a lock together must not wait for it again, one after the other.
            job.answer = _late() if job.is_late else _alone(database, job, quota, is_held=is_held)
        return
    for job, answer in zip(jobs, answers, strict=True):
        job.answer = answer


def _together(
    database: Database,
    jobs: Sequence[Job],
    answers: list[Answer | Exception],
    group: Command,
    quota: Quota | None,
) -> None:
    """Do the jobs and commit, each answer added as soon as there is one."""
    with database.write(group) as session:
        ends = min((job.until for job in jobs if not job.is_late), default=inf)
        if (left := ends - time.monotonic()) < database.patience:
            session.hurry(left)
        for shares, some in groupby(jobs, key=lambda job: job.shares and not job.is_late):
            if shares:
                answers += _reserved(session, list(some), quota)
            else:
                answers += [_late() if job.is_late else _one(session, job, quota) for job in some]


def _hurry(database: Database, jobs: Sequence[Job]) -> None:
    """Wait for the gate no longer than the first of the jobs can."""
    until = min(job.until for job in jobs)
    if database.gate and until < inf:
        database.gate.patience = max(_LEAST, round(until - time.monotonic(), 1))


def _late() -> Busy:
    return Busy("the change had to wait for too long", hint="try again in a second")


def _reserved(
    session: Session, jobs: Sequence[Job], quota: Quota | None
) -> list[Answer | Exception]:
    requests = [_request(job) for job in jobs]
    found = reservations.create_many(session.fork(session.command), requests, quota=quota)
    return [
        one if isinstance(one, Exception) else Answer(one.record(), replayed=False, changes=[])
        for one in found
    ]


def _one(session: Session, job: Job, quota: Quota | None) -> Answer | Exception:
    job.command.id = None
    own = session.fork(job.command)
    session.mark("SAVEPOINT job")
    try:
        answer: Answer | Exception = command_log.once(own, _action(job, quota), job.command)
    except Exception as error:
        # Fails where the whole transaction is gone, a full disk say; then nobody's counts.
        session.mark("ROLLBACK TO SAVEPOINT job")
        plain = error if isinstance(error, InventoryError) else engines.plain(error, "the database")
        if isinstance(plain, (engines.Again, engines.Held)):
            raise plain from error
        answer = plain or error
    else:
        if job.dry_run:
            session.mark("ROLLBACK TO SAVEPOINT job")
    session.mark("RELEASE SAVEPOINT job")
    return answer


def _alone(
    database: Database, job: Job, quota: Quota | None, *, is_held: bool
) -> Answer | Exception:
    _hurry(database, [job])
    act = _action(job, quota)

    def glimpse(session: Session) -> Result:
        session.hurry(_GLIMPSE)
        return act(session)

    action = glimpse if is_held else act
    try:
        return command_log.execute(database, action, job.command, dry_run=job.dry_run)
    except Exception as error:
        return error


def _action(job: Job, quota: Quota | None) -> Callable[[Session], Result]:
    if not isinstance(job.act, Request):
        return job.act
    request = _request(job)
    return lambda session: reservations.create(session, request, quota=quota)


def _request(job: Job) -> Request:
    assert isinstance(job.act, Request)
    job.command.id = None  # of an attempt that was undone
    job.act.command = job.command
    return job.act
