"""Leases: a job that two must not do at once belongs to one holder, for a while.

Whoever crashes gives nothing back; the lease runs out, and the next one takes it.
"""

import os
import secrets
import socket

from bvinv.core import instants
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Busy

_TAKE = Sql("""
    INSERT INTO job_lease (name, holder, expires_at) VALUES (:name, :holder, :until)
        ON CONFLICT (name) DO UPDATE
       SET holder = excluded.holder, expires_at = excluded.expires_at
     WHERE job_lease.expires_at <= :now OR job_lease.holder = excluded.holder
""")
_FIND = Sql("SELECT holder, expires_at FROM job_lease WHERE name = :name")
_RENEW = Sql("UPDATE job_lease SET expires_at = :until WHERE name = :name AND holder = :holder")
_GIVE_BACK = Sql("DELETE FROM job_lease WHERE name = :name AND holder = :holder")


def me() -> str:
    """Return a name for this holder, one that no other process and no other thread has."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"


def take(session: Session, *, name: str, holder: str, seconds: int) -> None:
    """Take the lease for so many seconds, unless somebody else has it; one's own is prolonged.

    Raises Busy, naming who has it.
    """
    until = session.now + seconds * 1_000_000
    values = {"name": name, "holder": holder, "until": until, "now": session.now}
    if session.send(_TAKE, [values]) != 1:
        found = session.ask(_FIND, name=name)
        raise _busy(name, found[0] if found else None)


def is_free(session: Session, *, name: str) -> bool:
    """Tell whether nobody has the lease at this moment."""
    found = session.ask(_FIND, name=name)
    return not found or found[0].expires_at <= session.now


def renew(session: Session, *, name: str, holder: str, seconds: int) -> None:
    """Prolong one's own lease. Raises Busy when somebody else has it by now, or took it back."""
    until = session.now + seconds * 1_000_000
    if session.send(_RENEW, [{"name": name, "holder": holder, "until": until}]) != 1:
        found = session.ask(_FIND, name=name)
        raise _busy(name, found[0] if found else None)


def give_back(session: Session, *, name: str, holder: str) -> bool:
    """Let others have it at once; tell whether it was still one's own."""
    return session.send(_GIVE_BACK, [{"name": name, "holder": holder}]) == 1


def _busy(name: str, found: object) -> Busy:
    holder = str(getattr(found, "holder", "nobody"))
    until = getattr(found, "expires_at", None)
    limit = f" until {instants.display(until)} at the latest" if until else ""
    return Busy(
        f"{holder} is doing {name} already{limit}",
        hint="let it finish, or try again later",
        job=name,
        holder=holder,
    )
