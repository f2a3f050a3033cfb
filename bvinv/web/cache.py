"""Answers kept in the process for as long as the database has not moved, and no longer."""

import gzip
from collections import OrderedDict

from bvinv.web.answers import Answer

Key = tuple[str, bytes]  # path, query string
_OVERHEAD = 700  # bytes that an entry costs beside its body
_LARGE = 2048  # bytes of a body that is kept compressed: to unpack it takes 30 µs


class Cache:
    """Answers by what was asked. `size` bytes at most; all of it goes when the database moves."""

    def __init__(self, size: int) -> None:
        """Begin empty."""
        self._size = size
        self._left = size
        self._version: object = None
        # Not a dict: to find the oldest one that is left takes it longer and longer.
        self._kept: OrderedDict[Key, Answer] = OrderedDict()

    def get(self, key: Key, version: int, now: int) -> Answer | None:
        """Return the answer that was kept in this state of the database, if it is true now."""
        if version != self._version:
            self._kept.clear()
            self._left = self._size
            self._version = version
            return None
        found = self._kept.get(key)
        return found if found is not None and now < found.until else None

    def keep(self, key: Key, version: int, answer: Answer) -> None:
        """Keep an answer that was made in this state or a later one; the oldest make room."""
        answer = _small(answer)
        cost = _cost(key, answer)
        if version != self._version or cost > self._size:
            return
        if key in self._kept:
            self._left += _cost(key, self._kept.pop(key))
        while cost > self._left:
            self._left += _cost(*self._kept.popitem(last=False))
        self._kept[key] = answer
        self._left -= cost


def _small(answer: Answer) -> Answer:
    """Return an answer that takes as little memory as it can."""
    if len(answer.body) >= _LARGE:
        return answer._replace(body=b"", packed=gzip.compress(answer.body, 1, mtime=0))
    # orjson's bytes hold on to ten times the memory that they need; a copy does not.
    return answer._replace(body=bytes(memoryview(answer.body)))


def _cost(key: Key, answer: Answer) -> int:
    return len(answer.body) + len(answer.packed) + len(key[0]) + len(key[1]) + _OVERHEAD
