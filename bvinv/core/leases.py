"""Leases: a job that two must not do at once belongs to one holder, for a while.

Whoever crashes gives nothing back. On the machine of the crash the next one sees that at once;
elsewhere the lease runs out, and then the next one takes it.
"""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from bvinv.core import holders, instants
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Busy, InventoryError
from bvinv.core.models.log import Command

_TAKE = Sql("""
    INSERT INTO job_lease (name, holder, expires_at) VALUES (:name, :holder, :until)
        ON CONFLICT (name) DO UPDATE
       SET holder = excluded.holder, expires_at = excluded.expires_at
     WHERE job_lease.expires_at <= :now OR job_lease.holder = excluded.holder
""")
_TAKE_OVER = Sql("""
    UPDATE job_lease SET holder = :holder, expires_at = :until WHERE name = :name AND holder = :dead
""")
_FIND = Sql("SELECT holder, expires_at FROM job_lease WHERE name = :name")
_RENEW = Sql("UPDATE job_lease SET expires_at = :until WHERE name = :name AND holder = :holder")
_GIVE_BACK = Sql("DELETE FROM job_lease WHERE name = :name AND holder = :holder")


def take(session: Session, *, name: str, holder: str, seconds: int) -> None:
    """Take the lease for so many seconds, unless somebody else has it; one's own is prolonged.

    One whose holder is known to have ended counts as given back. Raises Busy, naming who has it.
    """
    values = {"name": name, "holder": holder, "until": _until(session, seconds)}
    if session.send(_TAKE, [values | {"now": session.now}]) == 1:
        return
    found = session.ask(_FIND, name=name)
    dead = found and holders.is_dead(found[0].holder)
    if not dead or session.send(_TAKE_OVER, [values | {"dead": found[0].holder}]) != 1:
        raise _busy(name, found[0] if found else None)


def is_free(session: Session, *, name: str) -> bool:
    """Tell whether the lease could be taken at this moment."""
    found = session.ask(_FIND, name=name)
    return not found or found[0].expires_at <= session.now or holders.is_dead(str(found[0].holder))


def renew(session: Session, *, name: str, holder: str, seconds: int) -> None:
    """Prolong one's own lease. Raises Busy when somebody else has it by now, or took it back."""
    values = {"name": name, "holder": holder, "until": _until(session, seconds)}
    if session.send(_RENEW, [values]) != 1:
        found = session.ask(_FIND, name=name)
        raise _busy(name, found[0] if found else None)


def give_back(session: Session, *, name: str, holder: str) -> bool:
    """Let others have it at once; tell whether it was still one's own."""
    return session.send(_GIVE_BACK, [{"name": name, "holder": holder}]) == 1


@contextmanager
def held(database: Database, asked: Command, *, name: str, seconds: int) -> Iterator[None]:
    """Hold the lease while the block runs, however long that takes.

    It is prolonged in the background, and again by every transaction that the block writes on this
    database: one that finds the lease in other hands is rolled back. Raises Busy then, and at the
    beginning, when somebody else has it.
    """
    asked = replace(asked, key=None)
    named: dict[str, Any] = {"name": name, "holder": holders.named(database.clock())}
    prolong = partial(renew, **named, seconds=seconds)
    database.run(partial(take, **named, seconds=seconds), replace(asked))
    ended = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(database.twin(), prolong, asked, seconds / 4, ended), daemon=True
    )
    keeper.start()
    database.before_commit = prolong
    try:
        yield
    finally:
        database.before_commit = None
        ended.set()
        # What was done is done, and what went wrong is told by the block. The rest heals itself.
        with suppress(InventoryError):
            database.run(partial(give_back, **named), replace(asked))
        keeper.join(1)


def _keep(
    database: Database, prolong: Any, asked: Command, rest: float, ended: threading.Event
) -> None:
    """Prolong a lease again and again, until it has ended or somebody else has it."""
    with closing(database):
        while not ended.wait(rest):
            try:
                database.run(prolong, replace(asked))
            except Busy as error:
                if "job" in error.numbers:
                    return
            except Exception:  # noqa: S112 - the next time may be better; if none is, it runs out
                continue


def _until(session: Session, seconds: int) -> int:
    # Not the transaction's instant: it may have been at work for longer than the lease.
    return max(session.clock(), session.now) + seconds * 1_000_000


def _busy(name: str, found: Any) -> Busy:
    if found is None:
        return Busy(
            f"the lease of {name} was given back meanwhile",
            hint="run it again",
            job=name,
            holder="",
        )
    holder, until = holders.parsed(found.holder), instants.display(found.expires_at)
    since = f" since {instants.display(holder.since)}" if holder else ""
    return Busy(
        f"{holder or found.holder} has been doing {name}{since}",
        hint=f"let it finish; should it have crashed, others can go on after {until}",
        job=name,
        holder=found.holder,
        until=until,
    )
