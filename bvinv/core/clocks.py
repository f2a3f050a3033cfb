"""Clocks that are wrong: one that jumped ahead writes nothing, one that is behind is waited for.

What is recorded never goes back in time: behind a clock that was ahead, writers count on by a
microsecond each until the others have caught up with it.
"""

from bvinv.core import instants
from bvinv.core.errors import Busy, InvalidInput

_DAY = 86_400 * 1_000_000
_LONGEST = 36_600 * _DAY  # a hundred years
TOLD_FROM = 60 * 1_000_000  # microseconds that a clock is behind before anybody is told


def bound(said: str) -> int:
    """Return how far a clock may be ahead of the last change, in microseconds; 0 is any distance.

    `said` is what BVINV_CLOCK_JUMP says: 0, or a duration up to 36600d. Raises InvalidInput.
    """
    if said.strip() == "0":
        return 0
    try:
        return instants.duration(said, longest=_LONGEST)
    except InvalidInput as error:
        raise InvalidInput(
            f"BVINV_CLOCK_JUMP: {error.detail}", hint="write for example 400d; 0 is any distance"
        ) from None


def check(clock: int, last: int, jump: int) -> None:
    """Raise Busy when the clock is further ahead of the last change than `jump`, in microseconds;
    with 0 never."""
    ahead = clock - last
    if not jump or ahead <= jump:
        return
    days = ahead // _DAY + 1
    raise Busy(
        f"the clock says {_second(clock)}, {_span(ahead)} after the last "
        f"change ({_second(last)}): nothing was changed",
        hint=f"set this machine's clock; if it is right, say so once: BVINV_CLOCK_JUMP={days}d",
        clock=instants.display(clock),
        last_recorded=instants.display(last),
        ahead_seconds=ahead // 1_000_000,
    )


def lag(behind: int) -> str:
    """Return what to tell of a clock that is so many microseconds behind the last change; nothing
    of one that is less than a minute behind."""
    if behind < TOLD_FROM:
        return ""
    return (
        f"this machine's clock is {_span(behind)} behind the last change; "
        "until it has caught up, time stands still: see bvinv db check"
    )


def _span(us: int) -> str:
    """Return a duration, in days where it is long: 3650d says more than 521w3d."""
    return f"{us // _DAY}d" if us >= 14 * _DAY else instants.display_duration(us)


def _second(us: int) -> str:
    return instants.display(us - us % 1_000_000)
