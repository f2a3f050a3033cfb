"""Who holds a lease: a process's name, which nobody else ever has, and whether it is still alive.

A process number alone says little: numbers come again, and in two containers the same one is two
processes. With the boot, the namespace and the instant at which the process began, it is one.
"""

import os
import re
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(
    r"(?P<host>[^:]*):(?P<process>\d+):(?P<boot>[^:]+)/(?P<space>\d+)/(?P<began>\d+)"
    r":(?P<since>\d+):[0-9a-f]+"
)
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_GONE = ("Z", "X")  # states of what has ended and was not collected yet (proc(5))


class Place(NamedTuple):
    """Where process numbers mean the same: one boot of one machine, one namespace of numbers."""

    host: str
    boot: str
    space: str


class Holder(NamedTuple):
    """A process that holds something, as its name says it; `since` in microseconds."""

    place: Place
    process: int
    began: str
    since: int

    def __str__(self) -> str:
        return f"process {self.process} on {self.place.host}"


def named(since: int) -> str:
    """Return a name for this process, one that no other and no other thread has; it tells since
    when, in microseconds, the holder has what it is about to take."""
    place = _here()
    known = f"{place.boot}/{place.space}/{_began(os.getpid())[1] or 0}" if place else "unknown"
    host = place.host if place else _host()
    return f"{host}:{os.getpid()}:{known}:{since}:{secrets.token_hex(4)}"


def parsed(name: str) -> Holder | None:
    """Return what a name says; None for one that says less."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    place = Place(found["host"], found["boot"], found["space"])
    return Holder(place, int(found["process"]), found["began"], int(found["since"]))


def is_dead(name: str) -> bool:
    """Tell whether the holder is known to have ended. Of other machines, other containers, and
    where there is no /proc, nothing is known."""
    holder = parsed(name)
    if holder is None or holder.place != _here():
        return False
    try:
        # Asks only. /proc alone could not tell what has ended from what it hides (hidepid).
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    state, began = _began(holder.process)
    return state in _GONE or began not in ("", holder.began)


def _here() -> Place | None:
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").stat().st_ino)
    except (OSError, ValueError):
        return None
    return Place(_host(), boot, space)


def _host() -> str:
    return socket.gethostname().replace(":", "-")[:60] or "unknown"


def _began(process: int) -> tuple[str, str]:
    """Return the state of a process and when it began, in ticks since the boot: the fields 3 and
    22 of /proc/PID/stat (proc(5)); nothing where that cannot be read."""
    try:
        said = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return "", ""
    # The name, in parentheses, may have any of these letters in it.
    fields = said.rpartition(b")")[2].decode("ascii", "replace").split()
    return (fields[0], fields[19]) if len(fields) > 19 else ("", "")
