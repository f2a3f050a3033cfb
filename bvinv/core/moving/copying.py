"""A database copied into another one, on either engine: resumed where it was cut off, and proven
equal before anybody can use it."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from time import perf_counter
from typing import Any, ClassVar

from bvinv.core import db, verification
from bvinv.core.db import Database
from bvinv.core.errors import Conflict, InvalidInput, NotFound, VerificationFailed
from bvinv.core.models.base import Row
from bvinv.core.moving import lines, targets
from bvinv.core.moving.lines import Batch
from bvinv.core.moving.notes import Notes
from bvinv.core.moving.sides import Side
from bvinv.core.moving.tables import Table, moved
from bvinv.core.moving.watch import Watch

__all__ = ["CopyRow", "Watch", "copy"]
# Rows a transaction of the target's, and rows in all above which indexes are made afterwards.
CHUNK = 100_000
_WEBHOOKS = "the webhooks came along: serve one of the two databases only, or both deliver"


class CopyRow(Row):
    """What a copy did. `head` is the digest of all chain heads, the same on both sides."""

    columns: ClassVar[tuple[str, ...]] = (
        *("source", "target", "tables", "rows", "seconds", "rows_per_second"),
        *("head", "resumed", "verified"),
    )

    source: str
    target: str
    tables: int
    rows: int
    seconds: float
    rows_per_second: int | None
    head: str
    resumed: bool
    verified: bool


def copy(
    source: Database,
    target: Database,
    *,
    watch: Watch | None = None,
    dry_run: bool = False,
    books: bool = True,
    chunk: int = CHUNK,
) -> CopyRow:
    """Copy every row of one database into another, which is absent or empty, and prove it.

    The source is read in one snapshot, and goes on being used. The target is no database to any
    other program until every table has the same digest, the chains end in the same heads, and
    `verification` finds it sound. Killed at any moment, the same call goes on: with a table whose
    rows so far are those of the source still, where it was; with one that changed, from its
    beginning. A transaction takes `chunk` rows. Without `books` rows and heads are compared, and
    books that do not balance are copied as they are.

    Raises NotFound without a source, InvalidInput where both are the same, Conflict for a target
    that holds anything or another schema, Busy when somebody else copies into it, and
    VerificationFailed when what arrived is not what was sent, or does not balance.
    """
    began = perf_counter()
    watch = watch or Watch()
    _require_source(source)
    with source.read() as session:
        origin = targets.side(source, session.wire)
        origin.calm()
        head = verification.head(session)
        counts = {table.name: origin.count(table) for table in moved()}
        rows = sum(counts.values())
        resumed = False
        if not dry_run or targets.exists(target):
            with targets.opened(target, who="db copy", dry_run=dry_run) as goal:
                copied = _Copy(origin, goal, watch, chunk, rows)
                resumed = copied.begin(dry_run=dry_run)
                if not dry_run:
                    copied.carry()
                    copied.prove(head, counts, books=books)
                    if counts["webhook"]:
                        watch.says(_WEBHOOKS)
    seconds = perf_counter() - began
    return CopyRow(
        source=str(source),
        target=str(target),
        tables=len(counts),
        rows=rows,
        seconds=round(seconds, 3),
        rows_per_second=None if dry_run else round(rows / seconds),
        head=head,
        resumed=resumed,
        verified=not dry_run,
    )


def _require_source(source: Database) -> None:
    """Raise NotFound, without the advice to make an empty one, where there is no source."""
    try:
        source.engine  # noqa: B018
    except NotFound as error:
        raise NotFound(error.detail, hint="name the database that is to be copied") from None


class _Copy:
    """One copy on its way."""

    def __init__(self, origin: Side, goal: Side, watch: Watch, chunk: int, rows: int) -> None:
        self.origin = origin
        self.goal = goal
        self.notes = Notes(goal)
        self.watch = watch
        self.chunk = chunk
        self.wholly = rows > chunk  # by far the most of the time goes into indexes kept in step
        self.work = max(1, 2 * rows)  # what is written is read again
        self.done = 0
        self.stripped = 0  # 1: of its triggers, 2: of foreign keys and indexes too
        self.digests: dict[str, Any] = {}

    def begin(self, *, dry_run: bool) -> bool:
        """Make the target ours; tell whether a copy of before goes on. Raises Conflict."""
        with self.goal.transaction():
            if self.origin.identity() == self.goal.identity():
                raise InvalidInput(f"{self.goal.name} cannot be copied onto itself")
            version = self.goal.version()
            if not dry_run:
                self.goal.keep_out()
            if version == db.COPYING:
                if (before := self.notes.source()) != self.origin.name:
                    raise Conflict(
                        f"{self.goal.name} is being copied into from {before}",
                        hint="go on with that, or name a place where nothing is yet",
                    )
                if (schema := self.notes.schema()) != db.SCHEMA:
                    raise Conflict(
                        f"the copy to {self.goal.name} was begun with schema {schema}, this "
                        f"program's is {db.SCHEMA}",
                        hint="name a place where nothing is yet",
                    )
                return True
            if version is None:
                return False
            targets.require_empty(self.goal)
            if not dry_run:
                self.goal.say_version(db.COPYING)
                self.notes.begin(self.origin.name)
                self._strip(wholly=self.wholly)
                targets.clear_seeds(self.goal, moved())
            return False

    def carry(self) -> None:
        """Bring every row that is not there yet, and then back what was put out of the way."""
        with self.goal.transaction():
            places = self.notes.places()
        for table in moved():
            self.digests[table.name] = hashlib.sha256()
            rows, key = places.get(table.name, (0, None))
            if key is not None and not self._stands(table, key):
                self.watch.says(f"{table.name} has changed meanwhile: it is copied again")
                with self.goal.transaction():
                    self._strip(wholly=True)  # others may refer to its rows
                    self.goal.clear(table)
                    self.notes.restart(table)
                rows, key = 0, None
            elif key is not None:
                self.watch.says(f"{table.name}: {rows:,} rows are there")
            self._told(rows)
            self._bring(table, rows, key)
        with self.goal.transaction():
            owed = self.notes.owed()
        for name, statement in owed:
            with self.goal.transaction():
                self.goal.driver.execute(statement)
                self.notes.paid(name)

    def prove(self, head: str, counts: dict[str, int], *, books: bool) -> None:
        """Compare every table, with `books` replay every chain, and make the target a database
        like others."""
        with self.goal.transaction():
            self.goal.settle()
            for table in moved():
                self._compare(table, counts[table.name])
            if faults := self.goal.faults():
                raise VerificationFailed(f"{self.goal.name}: {faults[0]}")
            if books:
                found = verification.verify(self.goal.session)
                verification.require_sound(found)
            arrived = found.head if books else verification.head(self.goal.session)
            if arrived != head:
                raise VerificationFailed(
                    f"the chains of {self.goal.name} end in {arrived}, not in {head}"
                )
            # From here on nothing can fail.
            self.notes.end()
            self.goal.let_in()
            self.goal.say_version(db.SCHEMA)

    def _strip(self, *, wholly: bool) -> None:
        """Put out of the way what would slow the rows down, or refuse them, once."""
        if 1 + wholly > self.stripped:
            self.notes.owe(self.goal.strip(wholly=wholly))
            self.goal.keep_out()  # whose trigger went with the others
            self.stripped = 1 + wholly

    def _stands(self, table: Table, key: lines.Key) -> bool:
        """Tell whether the rows that arrived are those that the source has up to this key."""
        sent, arrived = self.digests[table.name], hashlib.sha256()
        for batch in self.origin.batches(table, upto=key):
            sent.update(batch.block)
        with self.goal.transaction():
            for batch in self.goal.batches(table):
                arrived.update(batch.block)
        if sent.digest() == arrived.digest():
            return True
        self.digests[table.name] = hashlib.sha256()
        return False

    def _bring(self, table: Table, rows: int, key: lines.Key | None) -> None:
        """Write the rows after this key, a chunk in each transaction."""
        digest = self.digests[table.name]
        with closing(self.origin.batches(table, after=key)) as batches:
            ahead = next(batches, None)
            while ahead:
                chunk = _Chunk(ahead, batches, self.chunk)
                with self.goal.transaction():
                    self._strip(wholly=self.wholly)
                    self.goal.insert(table, chunk.blocks(digest))
                    rows += chunk.rows
                    self.notes.reach(table, rows, lines.key(table, chunk.last))
                ahead = chunk.ahead
                self._told(chunk.rows)

    def _compare(self, table: Table, rows: int) -> None:
        digest, count = hashlib.sha256(), 0
        for batch in self.goal.batches(table):
            digest.update(batch.block)
            count += batch.rows
            self._told(batch.rows)
        if count == rows and digest.digest() == self.digests[table.name].digest():
            return
        raise VerificationFailed(
            f"{table.name} is not what it is in {self.origin.name}: "
            f"{_first_difference(table, self.origin, self.goal)}",
            hint="run the same db copy again, or name a place where nothing is yet",
        )

    def _told(self, rows: int) -> None:
        self.done += rows
        self.watch.took(min(self.done, self.work // 2), min(1.0, self.done / self.work))


class _Chunk:
    """The batches that go into one transaction, the first of which has been read already."""

    def __init__(self, first: Batch, batches: Iterator[Batch], most: int) -> None:
        self.rows = 0
        self.last = b""
        self.ahead: Batch | None = first
        self._batches = batches
        self._most = most

    def blocks(self, digest: Any) -> Iterator[bytes]:
        """Yield the lines, hashed on their way."""
        while self.ahead and self.rows < self._most:
            digest.update(self.ahead.block)
            self.rows += self.ahead.rows
            self.last = self.ahead.last
            yield self.ahead.block
            self.ahead = next(self._batches, None)


def _first_difference(table: Table, origin: Side, goal: Side) -> str:
    """Return which row is the first that differs, by its key."""
    for sent, arrived in zip_longest(_rows(table, origin), _rows(table, goal)):
        if sent == arrived:
            continue
        keys = [lines.key(table, line) for line in (sent, arrived) if line is not None]
        first = ", ".join(
            f"{name} {value}" for name, value in zip(table.key, min(keys), strict=True)
        )
        if sent is None or (arrived is not None and keys[0] > keys[1]):
            return f"{first} is too many"
        if arrived is None or keys[0] < keys[1]:
            return f"{first} is missing"
        return f"{first} differs"
    return "it changed while it was compared"


def _rows(table: Table, side: Side) -> Iterator[bytes]:
    for batch in side.batches(table):
        yield from batch.block.split(b"\n")[:-1]
