"""The courier: spreads what happened over the webhooks, sends what is due, records the answers.

Nothing is sent inside a transaction. Killed between a sending and its record, the event is sent
again with the same id. A lease sees to it that there is one courier at a time.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bvinv.core import events, holders, leases, outgoing
from bvinv.core.db import Database, Session
from bvinv.core.models.log import Command
from bvinv.core.outgoing import Answer
from bvinv.core.webhooks import deliveries, signing
from bvinv.core.webhooks.deliveries import Hook, Parcel

T = TypeVar("T")

LEASE = "webhooks"
LEASE_SECONDS = 30
_RENEWED_AFTER = 10.0  # seconds
_PRUNED_AFTER = 3_600.0  # seconds; a courier of `bvinv serve` is at work for months
AT_ONCE = 32  # sendings
AT_ONCE_EACH = 8  # to one webhook, each about another subject
# Events that are passed over before that is written down: each commit costs the caches of `serve`.
_UNWRITTEN = 1_000


class Courier:
    """Delivers, turn by turn, while it holds the lease. For one thread; sendings have their own.

    `woken` is set when an answer has come; set it to have the next turn at once.
    """

    def __init__(
        self,
        database: Database,
        asked: Command,
        *,
        named: Sequence[str] = (),
        woken: threading.Event | None = None,
    ) -> None:
        """Prepare; nothing is done before `begin`. `named` as in `outgoing.goal`."""
        self.woken = woken or threading.Event()
        self.has_hooks = True
        self.counted = {"delivered": 0, "failed": 0, "dead": 0}
        self.started = 0
        self._database = database
        self._asked = replace(asked, key=None)
        self._named = named
        self._holder = holders.named(database.clock())
        self._renewed = 0.0
        self._pruned = 0.0
        self._mark = events.Watermark()
        self._seen: dict[int, int] = {}  # webhook -> the last event that was looked at
        self._flying: set[tuple[int, str]] = set()
        self._landed: queue.SimpleQueue[tuple[Parcel, Answer]] = queue.SimpleQueue()
        self._unwritten: list[tuple[Parcel, Answer]] = []

    def begin(self) -> None:
        """Take the lease. Raises Busy when another courier has it."""
        self._write(partial(leases.take, name=LEASE, holder=self._holder, seconds=LEASE_SECONDS))
        self._renewed = time.monotonic()
        self._prune()

    def end(self) -> None:
        """Record what has been answered, and give the lease back. What is still on its way will
        be sent again."""
        self._record()
        self._write(partial(leases.give_back, name=LEASE, holder=self._holder))

    def turn(self, *, limit: int | None = None) -> bool:
        """Do what can be done now, starting no sending beyond `limit`; tell whether that was
        anything. Raises Busy when the lease was lost."""
        if time.monotonic() - self._renewed > _RENEWED_AFTER:
            self._write(
                partial(leases.renew, name=LEASE, holder=self._holder, seconds=LEASE_SECONDS)
            )
            self._renewed = time.monotonic()
        if time.monotonic() - self._pruned > _PRUNED_AFTER:
            self._prune()
        recorded = self._record()
        with self._database.read() as session:
            until = self._mark.look(session)
            hooks = deliveries.hooks(session)
            self.has_hooks = bool(hooks)
            behind = [hook for hook in hooks if self._has_news(session, hook, until)]
            parcels = [parcel for hook in hooks for parcel in self._due(session, hook)]
        for hook in behind:
            after = self._seen.get(hook.id, hook.position)
            self._seen[hook.id] = self._write(
                partial(deliveries.spread, webhook=hook.id, after=after, until=until)
            )
        # Whoever has the fewest on their way first: a few that never answer must not take all.
        for parcel in sorted(parcels, key=lambda one: self._flying_to(one.webhook)):
            if len(self._flying) < AT_ONCE and (limit is None or self.started < limit):
                self._send(parcel)
        return bool(recorded or behind or parcels)

    @property
    def is_flying(self) -> bool:
        """Tell whether an answer is waited for, or not recorded yet."""
        return bool(self._flying)

    @property
    def is_waiting(self) -> bool:
        """Tell whether an event may commit late, for which it is worth looking again soon."""
        return self._mark.is_behind

    def due(self) -> int:
        """Return how many events are left that could be sent at this moment."""
        with self._database.read() as session:
            return sum(len(self._due(session, hook)) for hook in deliveries.hooks(session))

    def _prune(self) -> None:
        self._write(deliveries.prune)
        self._pruned = time.monotonic()

    def _has_news(self, session: Session, hook: Hook, until: int) -> bool:
        """Look at a page of events, remember how far that was, and tell whether to write."""
        after = max(self._seen.get(hook.id, 0), hook.position)
        if after >= until:
            return False
        rows, cursor = deliveries.news(session, hook, after=after, until=until)
        if rows:
            return True
        self._seen[hook.id] = cursor
        return cursor - hook.position > _UNWRITTEN

    def _due(self, session: Session, hook: Hook) -> list[Parcel]:
        flying = self._flying_to(hook.id)
        if not hook.pending or flying >= AT_ONCE_EACH:
            return []
        found = deliveries.due(session, webhook=hook.id, limit=AT_ONCE_EACH)
        left = [one for one in found if (one.webhook, one.subject) not in self._flying]
        return left[: AT_ONCE_EACH - flying]

    def _flying_to(self, webhook: int) -> int:
        return sum(one == webhook for one, _ in self._flying)

    def _send(self, parcel: Parcel) -> None:
        self.started += 1
        self._flying.add((parcel.webhook, parcel.subject))
        at = self._database.clock() // 1_000_000

        def fly() -> None:
            # Whatever goes wrong, it lands: else nobody would ever send of its subject again.
            answer = Answer(None, "it cannot be sent: report this")
            with suppress(Exception):
                answer = send(parcel, at=at, named=self._named)
            self._landed.put((parcel, answer))
            self.woken.set()

        # Not of a pool: the end of the program must not wait for a receiver.
        threading.Thread(target=fly, name="bvinv-webhook", daemon=True).start()

    def _record(self) -> int:
        while not self._landed.empty():
            self._unwritten.append(self._landed.get())
        sent = list(self._unwritten)
        if sent:
            counted = self._write(lambda session: deliveries.record(session, sent))
            for outcome, number in counted.items():
                self.counted[outcome] += number
            self._unwritten.clear()
            self._flying -= {(parcel.webhook, parcel.subject) for parcel, _ in sent}
        return len(sent)

    def _write(self, action: Callable[[Session], T]) -> T:
        return self._database.run(action, replace(self._asked))


def send(parcel: Parcel, *, at: int, named: Sequence[str]) -> Answer:
    """Send an event to a webhook, signed for the instant `at` (seconds); return the answer."""
    try:
        headers = signing.headers(parcel.secret, event=parcel.event, at=at, body=parcel.body)
    except ValueError:
        return Answer(None, "the webhook's secret cannot be read")
    return outgoing.post(parcel.url, headers=headers, body=parcel.body, named=named)
