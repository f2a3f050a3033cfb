"""Whether the replica may answer now: a thread that asks both servers how far they have come.

Each time it notes the instant, then asks the primary for its position, then the replica. Once the
replica has passed a position, it shows all that was committed before that instant: it is "caught
up" to it. What was heard or written later than that is asked of the primary.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

from bvinv.core import replica
from bvinv.core.db import Database
from bvinv.core.errors import Busy, InvalidInput, InventoryError
from bvinv.core.models.log import Command
from bvinv.core.replica import ReplicaRow, Standby
from bvinv.core.watching import Watch

T = TypeVar("T")

_log = logging.getLogger(__name__)
_EVERY = 0.25  # seconds between two looks
_AGAIN = 1.0  # seconds until a replica that was lost is looked for again
_FRESH = 1.5  # seconds for which a look counts
_ANSWERS = 2.0  # seconds, after which a replica that says nothing stands still
_POSITIONS = 1000  # that wait to be reached: four minutes of them; then every other is forgotten
_WRITERS = 10_000  # callers whose last change is remembered

NEVER = float("-inf")


class Monitor:
    """Watches over one replica for one process, and shares questions out."""

    def __init__(
        self, primary: Database, standby: Standby, watch: Watch, *, most_behind: float
    ) -> None:
        """Begin to look; the replica is used while it is `most_behind` seconds behind at most."""
        self._primary = primary
        self._standby = standby
        self._watch = watch
        self._most_behind = most_behind
        self._waiting: deque[tuple[float, int]] = deque()  # instants, and positions at them
        self._caught_up = NEVER
        self._looked = NEVER  # the last instant at which the replica answered
        self._asked = float("inf")  # since when it has been asked, while it is
        self._wrote: dict[str, float] = {}  # by caller
        self._said = ""
        self.row = ReplicaRow(up=False, detail="not looked at yet")
        self._ends = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("bvinv-replica", self._run), ("bvinv-replica-guard", self._guard))
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop looking, and let go of the replica."""
        self._ends.set()
        self._standby.interrupt()
        for thread in self._threads:
            thread.join(3)
        self._standby.close()

    def wrote(self, commands: Iterable[Command]) -> None:
        """Note what this process has just committed; before anybody is told."""
        now = time.monotonic()
        if len(self._wrote) > _WRITERS:
            self._wrote = {who: at for who, at in self._wrote.items() if at > self._caught_up}
        for command in commands:
            self._wrote[command.actor] = now
            if command.changes_catalogue:
                self._watch.catalogue_moved()

    def may_answer(self, who: str) -> bool:
        """Tell whether the replica shows all that this caller may know of."""
        caught_up = self._caught_up
        return (
            time.monotonic() - self._looked < _FRESH
            and self._watch.catalogue_at < caught_up
            and self._wrote.get(who, NEVER) < caught_up
            and (self.row.lag_seconds or 0.0) <= self._most_behind
        )

    def consult(
        self, ask: Callable[[Database], T], who: str | None
    ) -> tuple[T, Literal["replica", "primary"]]:
        """Ask the replica where it may answer this caller, else the primary, as for nobody. Return
        the answer, and who gave it: the primary, too, for whatever fails on the replica."""
        if who is not None and self.may_answer(who):
            try:
                return ask(self._standby), "replica"
            except InvalidInput:
                raise
            except InventoryError as error:
                # Not there yet, cancelled, lost: whatever it is, the primary knows better.
                if isinstance(error, Busy):
                    self._looked = NEVER
        return ask(self._primary), "primary"

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                if refusal := self._begin():
                    self._lose(ReplicaRow(up=True, detail=refusal))
                else:
                    while not self._ends.wait(_EVERY):
                        self._look()
            except Exception as error:  # away, it or the primary; whatever it is, look again
                detail = error.detail if isinstance(error, InventoryError) else repr(error)
                self._lose(ReplicaRow(up=False, detail=detail))
            self._ends.wait(_AGAIN)

    def _begin(self) -> str:
        """See that the replica is one of this primary's; return why not."""
        self._waiting.clear()
        with self._primary.read() as session:
            identity = replica.identified(session)
        self._asked = time.monotonic()
        with self._standby.read() as session:
            own, state = replica.identified(session), replica.replayed(session)
        self._asked = float("inf")
        return replica.wrong(self._standby, identity, own, state)

    def _look(self) -> None:
        began = time.monotonic()
        with self._primary.read() as session:
            position = replica.written(session)
        self._waiting.append((began, position.at))
        self._asked = time.monotonic()
        with self._standby.read() as session:
            state = replica.replayed(session)
        self._asked = float("inf")
        if not state.is_standby:
            raise Busy(f"{self._standby} is no standby any more")
        while self._waiting and self._waiting[0][1] <= state.at:
            self._caught_up, _ = self._waiting.popleft()
        if len(self._waiting) > _POSITIONS:
            self._waiting = deque(list(self._waiting)[::2])
        self._looked = time.monotonic()
        lacks = max(0, position.at - state.at)
        behind = self._behind(began, position, state) if lacks else 0.0
        self.row = ReplicaRow(
            up=True, is_standby=True, same_system=True, lag_seconds=behind, lag_bytes=lacks
        )
        if behind > self._most_behind:
            self._say("the replica is too far behind: ", str(self._standby))
        else:
            self._say("")

    def _behind(self, began: float, position: replica.Written, state: replica.Replayed) -> float:
        """Return how many seconds behind it is: known by what it has passed here, or, while it has
        passed nothing yet, by the primary's clock when it committed what was replayed last."""
        if self._caught_up != NEVER:
            return began - self._caught_up
        return max(0.0, position.now - state.last) if state.last is not None else float("inf")

    def _guard(self) -> None:
        """Interrupt whoever waits for a replica that stands still, this one's thread included."""
        while not self._ends.wait(_EVERY):
            if time.monotonic() - self._asked > _ANSWERS:
                self._looked = NEVER
                self._standby.interrupt()

    def _lose(self, row: ReplicaRow) -> None:
        self._asked = float("inf")
        self._looked = self._caught_up = NEVER
        self.row = row
        if not self._ends.is_set():
            self._say("the replica is not used: ", row.detail)
        self._standby.close()

    def _say(self, what: str, more: str = "") -> None:
        """Say what is wrong with the replica, once for as long as it lasts, and when it is over."""
        if what and what != self._said:
            _log.warning("%s%s", what, more)
        elif not what and self._said:
            _log.warning("the replica is used again: %s", self._standby)
        self._said = what
