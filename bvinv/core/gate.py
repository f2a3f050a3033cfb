"""The gate: one writer at a time per SQLite file, in the order they came.

An advisory lock on `<db>.lock` around each write transaction. SQLite's own busy handler lets one
process take 2,167 of 2,175 turns and others wait 4.9 s; the kernel's queue for `flock` is fair
(RELIABILITY.md 2.3). The lock file says who is inside, so that a wait that runs out can name them.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bvinv.core.errors import Busy, NotPermitted

try:
    import fcntl
except ImportError:  # Windows: SQLite's own lock and its busy timeout serve alone
    fcntl = None  # type: ignore[assignment]


class Gate:
    """The door to one file. Usable from many threads and many processes."""

    def __init__(self, path: Path, *, patience: float) -> None:
        """Guard with the file at `path`; wait `patience` seconds before giving up."""
        self.path = path
        self.patience = patience
        self._inside = threading.Lock()
        self._descriptor: int | None = None
        self.waited = 0.0  # seconds that the last who came in stood in line

    @contextmanager
    def hold(self, who: str) -> Iterator[None]:
        """Be the only one inside until the block ends. Raises Busy when patience runs out."""
        if not self._inside.acquire(timeout=self.patience):
            raise self._busy()
        try:
            if fcntl is None:
                yield
                return
            began = time.perf_counter()
            descriptor = self._open()
            self._lock(descriptor)
            self.waited = time.perf_counter() - began
            try:
                with suppress(OSError):  # a full disk: whoever waits is not told whom for
                    os.pwrite(descriptor, f"{os.getpid()} {who}".encode()[:200].ljust(200), 0)
                yield
            finally:
                if self._descriptor is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._inside.release()

    def close(self) -> None:
        """Let go of the lock file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            try:
                self._descriptor = os.open(self.path, flags, 0o600)
            except OSError as error:
                said = f"{self.path} cannot be opened: {error.strerror}"
                raise NotPermitted(said, hint="it is made by the first who writes") from None
        return self._descriptor

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pass
        # Only a blocking flock stands in the kernel's queue, and it has no timeout: a thread
        # stands there for us. If we leave first, whoever comes last closes what we left behind.
        granted = threading.Event()
        left = threading.Event()
        one_at_a_time = threading.Lock()
        failed: list[OSError] = []

        def stand_in_line() -> None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                failed.append(error)
            with one_at_a_time:
                granted.set()
                if left.is_set():
                    os.close(descriptor)

        threading.Thread(target=stand_in_line, daemon=True).start()
        try:
            if not granted.wait(self.patience):
                raise self._busy()
        except BaseException:
            self._descriptor = None
            with one_at_a_time:
                left.set()
                if granted.is_set():
                    os.close(descriptor)
            raise
        if failed:
            raise failed[0]

    def _busy(self) -> Busy:
        holder = ""
        if self._descriptor is not None:
            holder = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
        process, _, what = holder.partition(" ")
        by = f" by process {process} ({what})" if what else ""
        return Busy(
            f"the database has been locked{by} for {self.patience:g} s",
            hint="try again, or raise BVINV_LOCK_TIMEOUT (seconds)",
        )
