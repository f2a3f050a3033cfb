"""How often a caller may ask: rules such as `600/minute;20/second`, over all workers together.

A moving window, exactly: a request is let in when the one that was let in `amount` requests ago is
older than the window. That one is found by its place in a ring, so a request costs the same
whatever the amount: 40 µs or so. The rings are in a small SQLite file beside the database (those of
PostgreSQL in the database itself: `shared_rings`), whose loss costs nobody anything: it is not
synced, it is made again when it is damaged, and where even that fails everybody is let in (a shop
must not close because its doorman is ill; what a caller may do is decided elsewhere). What was
counted survives a restart.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.storage.base import MovingWindowSupport

from bvinv.core import engines
from bvinv.core.db import Database
from bvinv.core.errors import InvalidInput
from bvinv.web.shared_rings import SharedRings

MOST = 1_000_000  # requests in a window
LONGEST = 31 * 86_400  # seconds
_PATIENCE = 0.2  # seconds for another worker, whose turn takes 0.00003
_EVERY = 1.0  # seconds between two looks at what has run out, and whether the file is still there
_BATCH = 500  # of what has run out
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS ring (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
        count INTEGER NOT NULL, until INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS ring_until ON ring (until);
    CREATE TABLE IF NOT EXISTS hit (
        ring INTEGER NOT NULL, place INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (ring, place)
    ) STRICT, WITHOUT ROWID;
"""
_FIND = """
    SELECT r.id, r.count, r.until, h.at
      FROM ring AS r LEFT JOIN hit AS h ON h.ring = r.id AND h.place = r.count % ?
     WHERE r.key = ?
"""
_CREATE = "INSERT INTO ring (key, count, until) VALUES (?, 1, ?) RETURNING id"
_COUNT = "UPDATE ring SET count = ? WHERE id = ?"
_PROLONG = "UPDATE ring SET until = ? WHERE id = ?"
_HIT = "INSERT INTO hit VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at"
_WINDOW = """
    SELECT min(h.at), count(h.at) FROM ring AS r JOIN hit AS h ON h.ring = r.id
     WHERE r.key = ? AND h.at > ?
"""


def parse(rules: str, variable: str) -> list[RateLimitItem]:
    """Return the rules of a setting, none of an empty one. Raises InvalidInput that names it."""
    if not rules.strip():
        return []
    with suppress(ValueError):
        found = parse_many(rules)
        if all(0 < one.amount <= MOST and one.get_expiry() <= LONGEST for one in found):
            return found
    raise InvalidInput(
        f"{variable} is {rules[:100]!r}, which is no limit",
        hint="write for example 600/minute;20/second, or nothing for no limit",
    )


class Limiter:
    """The limits of one kind of request."""

    def __init__(
        self, database: Database, path: Path, rules: str, variable: str = "BVINV_RATE_LIMIT"
    ) -> None:
        """Apply rules, which keep their counts apart from those of other variables.

        Those of PostgreSQL are shared by all servers of the database, others by all who name this
        file. Nothing is opened before the first request; no rules, no limit. Raises InvalidInput
        that names the variable.
        """
        self._rules = [
            (rule.key_for(variable, ""), rule.amount, rule.get_expiry())
            for rule in parse(rules, variable)
        ]
        self._shared = self._rings = None
        if self._rules and database.url:
            self._shared = SharedRings(database.url, self._rules)
        elif self._rules:
            self._rings = Rings.of(path)

    def open(self) -> None:
        """Connect, where there is anything to connect to, before the first request comes."""
        if self._shared is not None:
            self._shared.open()

    async def hit(self, caller: str) -> float:
        """Count a request; return 0.0 if it is let in, else the seconds until one would be.

        Never raises. For the event loop.
        """
        if self._shared is not None:
            return await self._shared.acquire(caller)
        if self._rings is not None:
            return self._rings.acquire(
                [(key + caller, most, age) for key, most, age in self._rules]
            )
        return 0.0

    def close(self) -> None:
        """Let go of the file or the connection; the next request opens it again."""
        for rings in (self._rings, self._shared):
            if rings is not None:
                rings.close()


class Rings(Storage, MovingWindowSupport):
    """Rings of instants in a SQLite file, for the moving window of `limits` and nothing else."""

    STORAGE_SCHEME = None
    _of: dict[Path, "Rings"] = {}  # noqa: RUF012 - one connection a file and process

    def __init__(self, path: Path) -> None:
        """Keep the rings in a file, which is made when it is needed."""
        super().__init__()
        self.path = path
        self._driver: Any = engines.sqlite_driver()
        self._connection: Any = None
        self._file = 0
        self._looked = 0.0
        self._broken_until = 0.0

    @classmethod
    def of(cls, path: Path) -> "Rings":
        """Return the rings of a file, always the same in one process."""
        return cls._of.setdefault(path.absolute(), cls(path.absolute()))

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the storage may raise: nothing, see `acquire`."""
        found: type[Exception] = self._driver.Error
        return found

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Tell whether a request is let in, and count it. `amount` is one."""
        assert amount == 1
        return self.acquire([(key, limit, expiry)]) == 0.0

    def acquire(self, rules: Sequence[tuple[str, int, int]]) -> float:
        """Count a request if each of the rules (key, amount, seconds) lets it in.

        Return 0.0 if they do, else the seconds until they would. One that is refused counts for
        none of them. Never raises.
        """
        now = time.time()
        if now < self._broken_until <= now + _EVERY:
            return 0.0
        for _ in range(2):
            try:
                return self._acquire(rules, now)
            except self._driver.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in (5, 6):  # BUSY, LOCKED
                    return 0.0
                self._make_again()
            except (self._driver.Error, OSError):
                self._make_again()
        self._broken_until = now + _EVERY
        return 0.0

    def _acquire(self, rules: Sequence[tuple[str, int, int]], now: float) -> float:
        if not 0 <= now - self._looked < _EVERY:
            self._look(now)
        send = self._connection.execute
        self._begin(send)
        try:
            found = [send(_FIND, (limit, key)).fetchone() for key, limit, _ in rules]
            wait = 0.0
            for row, (_, _, expiry) in zip(found, rules, strict=True):
                # What lies in the future was written before somebody set the clock back.
                if row and row[3] is not None and now - expiry < row[3] <= now + 1:
                    wait = max(wait, row[3] + expiry - now)
            if wait == 0.0:
                for row, rule in zip(found, rules, strict=True):
                    self._count(send, row, rule, now)
            return wait
        finally:
            send("COMMIT")

    def _count(self, send: Any, row: Any, rule: tuple[str, int, int], now: float) -> None:
        key, limit, expiry = rule
        if row is None:
            until = int(now + 2 * expiry + 60)
            [ring] = send(_CREATE, (key, until)).fetchone()
            count = 0
        else:
            ring, count, until, _ = row
            send(_COUNT, (count + 1, ring))
        send(_HIT, (ring, count % limit, now))
        if until < now + expiry:  # seldom: `until` is in an index
            send(_PROLONG, (int(now + 2 * expiry + 60), ring))

    def _begin(self, send: Any) -> None:
        """Take the turn. SQLite's own patience sleeps for a millisecond; others need 30 µs.

        Raises the driver's OperationalError after `_PATIENCE`.
        """
        end = 0.0
        while True:
            try:
                send("BEGIN IMMEDIATE")
                return
            except self._driver.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != 5:
                    raise
                end = end or time.monotonic() + _PATIENCE
                if time.monotonic() > end:
                    raise
            time.sleep(0.00002)

    def _look(self, now: float) -> None:
        """Open the file, again if another worker has made it again; drop what has run out."""
        try:
            there = self.path.stat().st_ino
        except FileNotFoundError:
            there = 0
        if self._connection is None or there != self._file:
            self.close()
            self._open(there)
        send = self._connection.execute
        self._begin(send)
        try:
            gone = send("SELECT id FROM ring WHERE until < ? LIMIT ?", (now, _BATCH)).fetchall()
            for table, column in (("hit", "ring"), ("ring", "id")) if gone else ():
                self._connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", gone)
        finally:
            send("COMMIT")
        self._looked = now

    def _open(self, there: int) -> None:
        if not there:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
            with suppress(FileExistsError):  # another worker was faster
                os.close(os.open(self.path, flags, 0o600))
        self._connection = self._driver.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=1
        )
        for setting in ("journal_mode = WAL", "synchronous = OFF", "journal_size_limit = 1000000"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.executescript(_SCHEMA)
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._file = self.path.stat().st_ino

    def _make_again(self) -> None:
        """Put a damaged file away. Its counts are lost."""
        self.close()
        self._looked = 0.0
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self.path}{end}").unlink()

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            with suppress(self._driver.Error):
                self._connection.close()
            self._connection = None
            self._looked = 0.0

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """Return when the oldest request of the window was let in, and how many were."""
        now = time.time()
        self._look(now)
        oldest, count = self._connection.execute(_WINDOW, (key, now - expiry)).fetchone()
        return oldest or now, count

    def check(self) -> bool:
        """Tell whether the file can be used."""
        try:
            self._look(time.time())
        except (self._driver.Error, OSError):
            return False
        return True

    def reset(self) -> int | None:
        """Forget everything."""
        self._look(time.time())
        self._connection.execute("DELETE FROM hit")
        return int(self._connection.execute("DELETE FROM ring").rowcount)

    def clear(self, key: str) -> None:
        """Forget one caller's requests."""
        self._look(time.time())
        of = "(SELECT id FROM ring WHERE key = ?)"
        self._connection.execute(f"DELETE FROM hit WHERE ring IN {of}", (key,))

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Refuse: that is for fixed windows."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Refuse: that is for fixed windows."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Refuse: that is for fixed windows."""
        raise NotImplementedError
