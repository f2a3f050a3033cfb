"""How many reservations a caller may have open: who loses count does not empty the shop."""

from bvinv.core import access
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.models.log import Command

_OPEN = Sql("""
    SELECT count(*) AS open FROM reservation
     WHERE status = 'held' AND owner = :owner AND expires_at > :now
""")

_NEAR = 1_000  # reservations: what 15 writers at once can have open that the others do not see


class Quota:
    """So many open reservations a caller, at most; 0 is no limit. Kept by whoever writes.

    To count is as much work as there are reservations open, so it is done seldom: every
    reservation is an event, and a caller cannot have more open than were counted and events came
    since. On PostgreSQL there are several writers, who do not see what the others have not
    committed yet: near the limit they take turns, each until its transaction ends.
    """

    def __init__(self, most: int) -> None:
        """Allow so many."""
        self.most = most
        self._counted: dict[str, tuple[int, int]] = {}  # owner -> open, at this event
        self._at = 0

    def forget(self) -> None:
        """Count anew: what was counted last was undone, and its events with it."""
        self._counted.clear()

    def take(self, session: Session, command: Command, taken: int) -> None:
        """Let a caller have one more beside the `taken` ones of this transaction; staff have no
        quota.

        Raises Conflict.
        """
        owner = access.owner(role=command.role, actor=command.actor)
        if not self.most or owner is None:
            return
        at = session.position("event") if session.is_ordered else 0
        if at < self._at or len(self._counted) > 10_000:  # a backup was put back, or too many
            self.forget()
        self._at = at
        known = self._counted.get(owner)
        if known is not None and at and known[0] + at - known[1] + taken < self.most:
            return
        [row] = session.ask(_OPEN, owner=owner, now=session.now)
        if row.open + taken + _NEAR >= self.most and not session.is_ordered:
            session.take_turns(f"quota {owner}")
            [row] = session.ask(_OPEN, owner=owner, now=session.now)
        self._counted[owner] = (int(row.open), at)
        if row.open + taken >= self.most:
            raise Conflict(
                f"{owner} has {self.most} reservations open, which is the most",
                hint="release or commit some, or let them expire",
                quota=self.most,
            )
