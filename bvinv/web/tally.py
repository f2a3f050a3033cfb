"""How often the workers of one server have committed, in memory that they share (a file of 8 bytes
each, in the folder where they meet).

PostgreSQL tells each of them what the others commit, a moment later. Whoever asks one worker for
what another one has just acknowledged must not have to wait for that.
"""

import mmap
import os
import threading
from pathlib import Path

from bvinv.web.server import FOLDER, NUMBER

_MOST = 64  # workers


class Tally:
    """Counts this worker's commits, and adds up those of all; alone it counts nothing."""

    def __init__(self) -> None:
        """Go on where the last worker of this number stopped."""
        self._one_at_a_time = threading.Lock()
        self._number = int(os.environ.get(NUMBER, "0"))
        self._counts: memoryview | None = None
        folder = os.environ.get(FOLDER)
        if not folder:
            return
        descriptor = os.open(Path(folder) / "commits", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            os.ftruncate(descriptor, 8 * _MOST)
            self._counts = memoryview(mmap.mmap(descriptor, 8 * _MOST)).cast("Q")
        finally:
            os.close(descriptor)

    def count(self) -> None:
        """Count a commit, before it is acknowledged. From any thread."""
        if self._counts is not None:
            with self._one_at_a_time:
                self._counts[self._number] += 1

    def total(self) -> int:
        """Return how often all of them have committed."""
        return sum(self._counts) if self._counts is not None else 0
