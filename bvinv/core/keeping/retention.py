"""Which backups are kept: the newest of each of the last days, weeks, months and years.

The rules are those of restic's `forget --keep-daily 7 --keep-weekly 4 …` (restic's manual,
"Removing backup snapshots"): a day counts only if it has a backup, so that a machine that was off
for a month loses nothing; and what one rule keeps is kept.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

Policy = Mapping[str, int]
MOST = 9999
_RULE = re.compile(r"([0-9]{1,4})([dwmy])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# In UTC, as the names of the backups are; weeks are those of ISO 8601, from Monday on.
_PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "d": lambda at: (at.year, at.month, at.day),
    "w": lambda at: tuple(at.isocalendar()[:2]),
    "m": lambda at: (at.year, at.month),
    "y": lambda at: (at.year,),
}


def parse(text: str) -> Policy:
    """Return the policy of a text such as 7d,4w,12m,3y: days, weeks, months, years.

    Raises InvalidInput for another text, a number that is not from 1 to 9999, and a unit twice.
    """
    policy: dict[str, int] = {}
    for part in text.split(","):
        found = _RULE.fullmatch(part.strip())
        if not found or not int(found[1]) or found[2] in policy:
            raise InvalidInput(
                f"{quoted(text)} does not say which backups to keep",
                hint="write for example 7d,4w,12m: of 7 days, 4 weeks and 12 months",
            )
        policy[found[2]] = int(found[1])
    return policy


def kept(instants: Iterable[int], policy: Policy) -> set[int]:
    """Return which of these instants (microseconds since 1970) the policy keeps.

    Of each of the last N days (weeks, months, years) that have an instant, the newest; so the
    newest of all is always kept, and with an instant more or less the others stay what they are.
    """
    newest_first = sorted(set(instants), reverse=True)
    found: set[int] = set()
    for unit, count in policy.items():
        periods: dict[tuple[int, ...], int] = {}
        for instant in newest_first:
            at = _EPOCH + timedelta(microseconds=instant)
            periods.setdefault(_PERIODS[unit](at), instant)
        found.update(list(periods.values())[:count])
    return found
