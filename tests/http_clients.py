"""Clients that load a server and forget nothing: what they meant to do, and what was acknowledged.

An intent is noted before its request is sent; an acknowledgement is a whole answer with a 2xx. What
broke off is neither: it may have happened or not.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 30.0  # seconds, for every single answer


class Lost(Exception):
    """The connection ended before the whole answer was there."""


class Answer(NamedTuple):
    """A whole answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One connection, kept alive from request to request; each shows the key, if there is one."""

    def __init__(self, port: int, key: str = "") -> None:
        self.always = {"X_API_Key": key} if key else {}
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request and return its whole answer. Raises Lost."""
        self.send(method, path, body, **headers)
        return self.receive()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ask("POST", path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        try:
            self.socket.sendall(request(method, path, body, **self.always, **headers))
        except OSError as error:
            raise Lost(str(error)) from None

    def receive(self) -> Answer:
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        size = int(headers.get("content-length", 0))  # a 304 has none
        while len(self.rest) < size:
            self.rest += self.more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return Answer(int(first.split()[1]), headers, body)

    def more(self) -> bytes:
        """Return what came. Raises Lost at the end."""
        try:
            part = self.socket.recv(65_536)
        except OSError as error:
            raise Lost(str(error)) from None
        if not part:
            raise Lost("closed")
        return part


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Return the bytes of a request; `Idempotency_Key=` is the header Idempotency-Key."""
    said = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(said)}"]
    return "\r\n".join([*lines, "", ""]).encode() + said


class Stream:
    """A reader of /events, who can stop at any byte and go on behind the last whole event."""

    def __init__(self, port: int, after: int, *, buffer: int = 0, key: str = "") -> None:
        self.port = port
        self.always = {"X_API_Key": key} if key else {}
        self.seen: list[int] = []
        self.after = after
        self.buffer = buffer
        self.connect()

    @property
    def last(self) -> int:
        return self.seen[-1] if self.seen else self.after

    def connect(self) -> None:
        """Go on behind the last whole event."""
        self.socket = socket.socket()
        if self.buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", self.port))
        headers = self.always | {"Last_Event_ID": str(self.last)}
        self.socket.sendall(request("GET", "/events", **headers))
        self.raw = b""
        self.text: bytes | None = None  # None until the head has been read

    def kill(self) -> None:
        """Go away without a word."""
        self.socket.close()

    def read(self, size: int = 65_536) -> bool:
        """Take some bytes; tell whether the stream goes on."""
        try:
            part = self.socket.recv(size)
        except ConnectionError:
            part = b""
        self.raw += part
        if self.text is None:
            head, found, rest = self.raw.partition(b"\r\n\r\n")
            if not found:
                return bool(part)
            assert head.startswith(b"HTTP/1.1 200 "), head
            self.text, self.raw = b"", rest
        self._unchunk()
        *events, self.text = self.text.split(b"\n\n")
        for event in events:
            fields = dict(one.split(b": ", 1) for one in event.split(b"\n") if b": " in one)
            if b"data" in fields:
                number = int(fields[b"id"])
                assert int(json.loads(fields[b"data"])["id"]) == number
                self.seen.append(number)
        return bool(part)

    def _unchunk(self) -> None:
        assert self.text is not None
        while True:
            size, found, rest = self.raw.partition(b"\r\n")
            if not found or len(rest) < int(size, 16) + 2:
                return
            self.text += rest[: int(size, 16)]
            self.raw = rest[int(size, 16) + 2 :]

    def read_to(self, last: int, size: Callable[[], int] = lambda: 65_536) -> None:
        """Read until this event is there, over new connections where one ends, and for no longer
        than it may take: signs of life come for ever."""
        end = time.monotonic() + 2 * PATIENCE
        while self.last < last:
            assert time.monotonic() < end, f"at {self.last} of {last}"
            if not self.read(size()):
                self.kill()
                self.connect()


@dataclass
class Intent:
    """What a client meant to do, and the answer if all of it came."""

    path: str
    body: dict[str, Any]
    key: str = ""
    answer: Answer | None = None
    seconds: float = 0.0

    @property
    def acknowledged(self) -> bool:
        return self.answer is not None and 200 <= self.answer.status < 300

    @property
    def refused(self) -> bool:
        return self.answer is not None and self.answer.status >= 300


@dataclass
class Log:
    """Everything that a crowd of clients meant to do; they only ever add to it."""

    intents: list[Intent] = field(default_factory=list)

    def post(self, wire: Wire, path: str, body: dict[str, Any], key: str = "") -> Answer:
        """Note the intent, send it, note the answer. Raises Lost."""
        intent = Intent(path, body, key)
        self.intents.append(intent)
        began = time.monotonic()
        headers = {"Idempotency_Key": key} if key else {}
        intent.answer = wire.post(path, body, **headers)
        intent.seconds = time.monotonic() - began
        return intent.answer

    def of(self, path: str) -> Iterator[Intent]:
        return (one for one in self.intents if one.path == path)

    def statuses(self) -> set[int]:
        return {one.answer.status for one in self.intents if one.answer}


class Crowd:
    """Clients in threads; each does its work over a connection of its own until the work ends, the
    server goes away, or it is told to stop. What else goes wrong fails the test."""

    def __init__(
        self, port: int, work: Callable[..., None], arguments: Sequence[Any], key: str = ""
    ) -> None:
        self.port = port
        self.key = key
        self.work = work
        self.log = Log()
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self.threads = [
            threading.Thread(target=self._run, args=(one,), daemon=True) for one in arguments
        ]
        for thread in self.threads:
            thread.start()

    def _run(self, argument: Any) -> None:
        try:
            with suppress(Lost, ConnectionError), Wire(self.port, self.key) as wire:
                self.work(self, wire, argument)
        except BaseException as error:
            self.errors.append(error)

    def join(self) -> Log:
        """Wait for all of them; return what they did."""
        for thread in self.threads:
            thread.join(4 * PATIENCE)
            assert not thread.is_alive()
        assert self.errors == []
        return self.log

    def wait_for(self, count: int) -> None:
        """Wait until this many intents are acknowledged."""
        end = time.monotonic() + 2 * PATIENCE
        while sum(one.acknowledged for one in list(self.log.intents)) < count:
            assert time.monotonic() < end, self.errors
            time.sleep(0.005)


class Thief:
    """A proxy on a port of its own that passes requests on and does not give the answers back.

    `keeps` of an answer's bytes are let through; None: it does not even wait for the answer.
    """

    def __init__(self, port: int, keeps: int | None) -> None:
        self.port = port
        self.keeps = keeps
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own = int(self.listener.getsockname()[1])
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self) -> "Thief":
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with suppress(Lost), client, Wire(self.port) as server:
                client.settimeout(PATIENCE)
                server.socket.sendall(self._whole(client))
                if self.keeps is not None:
                    client.sendall(server.more()[: self.keeps])

    @staticmethod
    def _whole(client: socket.socket) -> bytes:
        said = b""
        while True:
            head, found, body = said.partition(b"\r\n\r\n")
            if found and len(body) == int(head.lower().partition(b"content-length: ")[2]):
                return said
            part = client.recv(65_536)
            if not part:
                raise Lost("closed")
            said += part


# --- Which process is at the other end ----------------------------------------------------------


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that has ended waits to be buried by whoever started it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files(pid: int) -> list[str]:
    """Return what the descriptors of a process lead to."""
    found = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(one.readlink()))
    return found


def serves(pid: int, wire: Wire) -> bool:
    """Tell whether this process has the other end of a connection."""
    ours, theirs = wire.socket.getsockname()[1], wire.socket.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ends = tuple(int(one.rpartition(":")[2], 16) for one in fields[1:3])
        if ends == (theirs, ours) and fields[3] == "01":
            return f"socket:[{fields[9]}]" in open_files(pid)
    return False


def one_each(port: int, pids: Sequence[int]) -> list[Wire]:
    """Return a connection to each of these processes, which share the port."""
    found: dict[int, Wire] = {}
    spare = []
    end = time.monotonic() + PATIENCE
    while len(found) < len(pids):
        assert time.monotonic() < end, "a worker accepts nothing"
        wire = Wire(port)
        assert wire.get("/healthz").status == 200
        [pid] = [one for one in pids if serves(one, wire)]
        if pid in found:
            spare.append(wire)
        else:
            found[pid] = wire
    for wire in spare:
        wire.socket.close()
    return [found[pid] for pid in pids]
