"""The thread of `bvinv serve` that tells webhooks what happened, in one process at a time."""

import logging
import threading
from collections.abc import Callable, Sequence

from bvinv.core import command_log, leases
from bvinv.core.db import Database
from bvinv.core.errors import Busy
from bvinv.core.webhooks import courier, deliveries
from bvinv.core.webhooks.courier import Courier

ACTOR = "webhooks"
_EACH = 1.0  # seconds between two looks, where nobody says that something happened
_SOON = 0.02  # while an event may commit late
_PATIENCE = 5.0  # seconds of rest after an error, and while another process delivers

_log = logging.getLogger(__name__)


class Dispatch:
    """Delivers to webhooks from `start` to `stop`; an error is logged, and it goes on.

    The database is its own: it waits for locks, and nobody else shall wait for it. A sending that
    is under way at the stop is given up, and sent again by whoever comes next.
    """

    def __init__(
        self,
        database: Database,
        *,
        named: Sequence[str] = (),
        note: Callable[[str, int], None] | None = None,
    ) -> None:
        """Prepare; `named` are the hosts that need not be public, see `outgoing.goal`. `note` is
        told how many deliveries had each result."""
        self._note = note
        self._database = database
        self._named = named
        self._ends = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._live, name="bvinv-dispatch", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something may have happened. From any thread; costs nothing."""
        self._woken.set()

    def stop(self) -> None:
        """End, within 2 seconds or so, and let others deliver."""
        self._ends.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def _live(self) -> None:
        while not self._ends.is_set():
            try:
                if self._is_needed():
                    self._deliver()
                    continue
                self._rest(_EACH)
            except Busy:  # another process delivers, or the database is away
                self._ends.wait(_PATIENCE)
            except Exception:
                _log.exception("webhooks: an error; deliveries go on in %g s", _PATIENCE)
                self._ends.wait(_PATIENCE)
        self._database.close()

    def _is_needed(self) -> bool:
        with self._database.read() as session:
            if not deliveries.hooks(session):
                return False
            if not leases.is_free(session, name=courier.LEASE):
                raise Busy("another process delivers")
            return True

    def _deliver(self) -> None:
        """Deliver while there is anybody to deliver to, and the lease is ours."""
        asked = command_log.command("webhooks deliver", actor=ACTOR)
        at_work = Courier(self._database, asked, named=self._named, woken=self._woken)
        at_work.begin()
        try:
            while not self._ends.is_set():
                self._woken.clear()
                self._tell(at_work.counted)
                if not at_work.turn():
                    if not (at_work.has_hooks or at_work.is_flying):
                        return
                    self._rest(_SOON if at_work.is_waiting else _EACH)
        finally:
            at_work.end()

    def _tell(self, counted: dict[str, int]) -> None:
        """Pass on what was counted since the last time."""
        for result, count in counted.items():
            if count and self._note:
                self._note(result, count)
                counted[result] = 0

    def _rest(self, seconds: float) -> None:
        """Wait until somebody wakes us, now or since the last turn began."""
        if not self._ends.is_set():
            self._woken.wait(seconds)
            self._woken.clear()
