"""Instants and durations, both as integer microseconds; instants since 1970-01-01T00:00:00Z.

Instants of any origin compare as integers; text with offsets would sort wrongly.
"""

import re
import time
from datetime import datetime, timedelta
from datetime import time as clock_time

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_SECOND, _MINUTE, _HOUR, _DAY = 10**6, 60 * 10**6, 3600 * 10**6, 86400 * 10**6
_LAST = (datetime.max - _EPOCH) // _MICROSECOND
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_INSTANT_HINT = "write 2026-11-21T01:30:00Z, or 2026-11-20 for the end of that day"
_DURATION = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in "wdhms"))
_DURATION_HINT = "write for example 90s, 15m, 2h, 1h30m, 7d or 2w"
_UNITS = {"w": 7 * _DAY, "d": _DAY, "h": _HOUR, "m": _MINUTE, "s": _SECOND}


def now() -> int:
    """Return the current instant by the system clock, in microseconds."""
    return time.time_ns() // 1000


def parse(text: str, *, beginning: bool = False) -> int:
    """Return the instant that a text in RFC 3339 or ISO 8601 names, in microseconds.

    Without an offset it is the local time of this machine: the first of the two when the clocks
    go back, as if they had not moved when they go forward. A bare date is the last microsecond of
    that day here, so that `--as-of 2026-11-20` has all of the day in it, or with `beginning` its
    first, for `--since`. Digits after the
    microseconds are dropped. Raises InvalidInput, also for years other than 1970 to 9999 in UTC.
    """
    found = _INSTANT.fullmatch(text.strip())
    if not found:
        raise InvalidInput(f"{quoted(text)} is not a time", hint=_INSTANT_HINT)
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        # Of a last hour that comes twice, fold=1 is the second; of one that is left out, what the
        # clock jumps from (PEP 495).
        moment = datetime(int(year), int(month), int(day), 23, 59, 59, 999_999, fold=1)
        if beginning and not hour:
            moment = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if hour:
            microsecond = int((fraction or "").ljust(6, "0")[:6])
            clock = (int(hour), int(minute), int(second or 0), microsecond)
            moment = datetime.combine(moment, clock_time(*clock))
        shift = _offset(offset) if offset else 0
    except ValueError as error:
        detail = f"{quoted(text)} is not a time: {error}"
        raise InvalidInput(detail, hint=_INSTANT_HINT) from None
    us = (moment - _EPOCH) // _MICROSECOND - shift if offset else _from_local(moment)
    if not 0 <= us <= _LAST:
        raise InvalidInput(f"{quoted(text)} is not in the years 1970 to 9999 (UTC)")
    return us


def parse_beginning(text: str) -> int:
    """Return what `parse` does, a bare date as the first microsecond of that day here."""
    return parse(text, beginning=True)


def display(us: int) -> str:
    """Return an instant in microseconds as RFC 3339 in UTC, with `Z`; a fraction if there is one.

    Raises InvalidInput if it is not in the years 1970 to 9999.
    """
    if not 0 <= us <= _LAST:
        raise InvalidInput(f"{quoted(us)} microseconds are not in the years 1970 to 9999")
    return f"{(_EPOCH + us * _MICROSECOND).isoformat()}Z"


def duration(text: str, *, longest: int = 366 * _DAY) -> int:
    """Return a duration such as 90s, 15m, 2h, 1h30m, 7d or 2w in microseconds.

    From one second to the longest, 366 days, both included. Raises InvalidInput.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or not text.strip():
        reason = ": the unit is missing" if text.strip().isdigit() else ""
        raise InvalidInput(f"{quoted(text)} is not a duration{reason}", hint=_DURATION_HINT)
    parts = zip(found.groups(), _UNITS.values(), strict=True)
    us = sum(int(number) * unit for number, unit in parts if number)
    if not _SECOND <= us <= longest:
        raise InvalidInput(f"a duration is from 1s to {longest // _DAY}d, not {quoted(text)}")
    return us


def display_duration(us: int) -> str:
    """Return a duration in microseconds as people say it, in its two largest units: 3d4h.

    What is shorter than a second is 0s.
    """
    parts = []
    for unit, size in _UNITS.items():
        count, us = divmod(us, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2]) or "0s"


def _from_local(moment: datetime) -> int:
    """Return the instant of a local time, or -1 if the system cannot tell."""
    # `timestamp()` looks a day around it, which would leave the years that Python has. The
    # calendar, and with it the rules of daylight saving, repeat every 400 years (146,097 days).
    cycle = 400 if moment.year == 9999 else 0
    if moment.year < 1969:
        return -1
    whole = moment.replace(year=moment.year - cycle, microsecond=0)
    try:
        # Whole seconds are exact in a float; `astimezone()` would be wrong in a skipped hour.
        seconds = int(whole.timestamp()) + (146_097 * 86_400 if cycle else 0)
    except OSError:  # Windows, before 1970.
        return -1
    return seconds * _SECOND + moment.microsecond


def _offset(text: str) -> int:
    """Return an offset from UTC (`Z`, `+05:30`, `-0800`, `+01`) in microseconds."""
    if text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("the offset must be below 24:00")
    size = hours * _HOUR + minutes * _MINUTE
    return -size if text[0] == "-" else size
