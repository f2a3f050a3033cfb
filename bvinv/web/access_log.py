"""The access log: one line a request on stderr, for people or as JSON.

Whatever a client sends, a request is one line without control characters. Of the query, values that
may be secrets are left out; headers are not in it at all. A request only adds to a list; a thread
writes four times a second, and everything that is there when the worker stops.
"""

import atexit
import json
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote_to_bytes

_EVERY = 0.25  # seconds
_MOST = 200_000  # lines that wait for a stderr that nobody reads; later ones are dropped
_LONGEST = 400  # characters of what a client chooses
_BATCH = 100  # lines; then whoever waits for the interpreter has it
_WHOLE = 4_096  # bytes that a pipe takes as one (PIPE_BUF), so that workers do not mix lines
_SECRET = re.compile(rb"key|token|secret|password|signature|auth(?!or\b)", re.IGNORECASE)
_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without the space and the backslash

# When (ns), method, path, query, status, bytes, seconds, caller, request id, address.
Note = tuple[int, str, str, bytes, int, int, float, str, bytes, str]


class AccessLog:
    """The lines of one worker."""

    def __init__(self, line: Callable[[Note], str], descriptor: int = 2) -> None:
        """Write to a file by its number, 2 for stderr, what `line` makes of a request."""
        self._line = line
        self._descriptor = descriptor
        # Not a list to swap: what is added to it during the swap would be lost.
        self._notes: deque[Note] = deque()
        self._dropped = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="bvinv-access-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @classmethod
    def of(
        cls, style: Literal["text", "json", "off"], descriptor: int = 2
    ) -> "AccessLog | Silence":
        """Return the log in this style."""
        if style == "off":
            return Silence()
        return cls(as_json if style == "json" else as_text, descriptor)

    def note(
        self,
        method: str,
        path: str,
        query: bytes,
        status: int,
        size: int,
        seconds: float,
        caller: str,
        request: bytes,
        address: str,
    ) -> None:
        """Remember a request, to be written soon; `size` is of the answer's body, in bytes."""
        if len(self._notes) < _MOST:
            self._notes.append(
                (time.time_ns(), method, path, query, status, size, seconds, caller, request,
                 address)
            )  # fmt: skip
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what is left."""
        atexit.unregister(self.close)
        self._ends.set()
        self._thread.join(5)  # no longer: it may wait for whoever should read stderr

    def _keep(self) -> None:
        while not self._ends.wait(_EVERY):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while waiting := len(self._notes):
            batch = [self._notes.popleft() for _ in range(min(waiting, _BATCH))]
            self._write(map(self._line, batch))
            time.sleep(0)
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._write([f"{dropped} lines of the access log were dropped: nobody read them"])

    def _write(self, lines: Iterable[str]) -> None:
        with suppress(OSError):  # stderr is closed: serving goes on
            for part in _parts(lines):
                written = 0
                while written < len(part):
                    try:
                        written += os.write(self._descriptor, part[written:])
                    except BlockingIOError:
                        time.sleep(0.005)


class Silence:
    """No log at all."""

    def note(self, *_: object, **__: object) -> None:
        """Forget a request."""

    def close(self) -> None:
        """Do nothing."""


def as_text(note: Note) -> str:
    """Return the line that people read; what would break it is escaped as Python does it."""
    at, method, path, query, status, size, seconds, caller, request, address = note
    asked = f"{_word(path)}?{_word(_without_secrets(query))}" if query else _word(path)
    return (
        f"{_second(at // 10**9)}.{at // 10**6 % 1000:03}Z {_word(address)} {_word(caller)} "
        f"{_word(method)} {asked} {status} {seconds * 1000:.1f}ms {size}B "
        f"req={_plain(request.decode('latin-1'))}"
    )


def as_json(note: Note) -> str:
    """Return the object that programs read."""
    at, method, path, query, status, size, seconds, caller, request, address = note
    return (
        f'{{"at":"{_second(at // 10**9)}.{at // 10**6 % 1000:03}Z","address":{_quoted(address)},'
        f'"caller":{_quoted(caller)},"method":{_quoted(method)},"path":{_quoted(path)},'
        f'"query":{_quoted(_without_secrets(query))},"status":{status},'
        f'"milliseconds":{seconds * 1000:.3f},"bytes":{size},'
        f'"request_id":{json.dumps(request.decode("latin-1"))}}}'
    )


def _parts(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield whole lines in pieces that are written as one."""
    part = b""
    for line in lines:
        said = line.encode("ascii", "backslashreplace") + b"\n"
        if part and len(part) + len(said) > _WHOLE:
            yield part
            part = b""
        part += said
    yield part


@lru_cache(4)
def _second(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _plain(text: str) -> str:
    text = _short(text)
    if _PLAIN.fullmatch(text):
        return text
    return text.encode("unicode_escape").decode("ascii").replace(" ", "\\x20") or "-"


_word = lru_cache(2_048)(_plain)  # the same few callers and paths come again and again


@lru_cache(2_048)
def _quoted(text: str) -> str:
    # json escapes every control character but this one.
    return json.dumps(_short(text)).replace("\x7f", "\\u007f")


@lru_cache(1_024)
def _without_secrets(query: bytes) -> str:
    parts = []
    for part in query.split(b"&"):
        name, equals, value = part.partition(b"=")
        hidden = equals and value and _SECRET.search(unquote_to_bytes(name))
        parts.append(name + b"=***" if hidden else part)
    return b"&".join(parts).decode("latin-1")
