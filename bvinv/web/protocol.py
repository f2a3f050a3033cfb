"""HTTP/1.1 with deadlines: uvicorn's protocol, which has none, and what it says when it refuses.

A head has to arrive within `HEAD_SECONDS` of the connection, or of its first byte, and a body
within `BODY_SECONDS` of its head; whoever does not read an answer has `READ_SECONDS`. Otherwise 200
slow connections would be enough to keep everybody out (Kludex/uvicorn#157; RELIABILITY.md 2.13). A
request that comes in one piece costs no timer.

An application that wants to know of these refusals puts `refused`, a function of the status and the
address, into its lifespan's state.

A body with both Content-Length and Transfer-Encoding, or with two lengths, is refused by llhttp.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from bvinv.web.answers import WHOLE
from bvinv.web.asked import new_id

_PROBLEMS = {
    400: ("malformed", "Malformed request", "the request is not HTTP/1.1 as RFC 9112 has it"),
    408: ("request-timeout", "The request took too long", "the request did not arrive in time"),
    431: ("head-too-large", "The head is too large", "the head of the request is too large"),
    503: ("busy", "Busy", "too many connections are open"),
}


def _answer(status: int) -> bytes:
    code, title, detail = _PROBLEMS[status]
    said = {"type": f"urn:bvinv:error:{code}", "title": title, "status": status, "code": code}
    body = json.dumps(said | {"detail": detail}).encode()
    again = b"retry-after: 1\r\n" if status == 503 else b""
    return (
        STATUS_LINE[status]
        + b"content-type: application/problem+json\r\ncache-control: no-store\r\n"
        + b"x-request-id: %s\r\n" % new_id()
        + again
        + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        + body
    )


_EXTENSIONS: dict[str, dict[object, object]] = {WHOLE: {}}
_NO_TRAILERS: deque[tuple[bytes, bytes]] = deque(maxlen=0)


class Stage(Enum):
    """What is being received."""

    NOTHING = auto()  # a message has ended, and nothing of the next is there
    HEAD = auto()
    BODY = auto()
    REFUSED = auto()  # whatever comes is thrown away


class _Way:
    """The transport as an answer knows it: when it closes, the rest of the request is let in.

    To close with something unread resets the connection, and the client may lose the answer
    (RFC 9112, section 9.6).
    """

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class Cycle(RequestResponseCycle):
    """One request and its answer, which may come whole: head and body in one message, and in one
    piece to the network. uvicorn's way takes two, and looks at each header twice."""

    async def send(self, message: Any) -> None:
        """Send what the application says."""
        if message["type"] != WHOLE:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        head = message["head"]
        if b"\nconnection: close\r" in head:
            self.keep_alive = False
        elif not self.keep_alive:
            head += b"connection: close\r\n"
        date = b"".join(b"%b: %b\r\n" % one for one in self.default_headers)
        line = STATUS_LINE[message["status"]]
        self.transport.write(b"".join((line, date, head, b"\r\n", message["body"])))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class Protocol(HttpToolsProtocol):
    """One connection."""

    HEAD_SECONDS: ClassVar[float] = 10.0
    BODY_SECONDS: ClassVar[float] = 12.0  # the application's own deadline of 10 s comes first
    READ_SECONDS: ClassVar[float] = 30.0  # in which a client has to take something of an answer
    LINGER_SECONDS: ClassVar[float] = 2.0  # for what a client still sends after its answer
    HEAD_BYTES: ClassVar[int] = 16_384
    CONNECTIONS: ClassVar[int] = 1_000

    _stage = Stage.HEAD
    _started = False  # whether a byte of this connection's first request has come
    _ended = False  # whether a message ended in the data at hand
    _head = 0  # bytes of it so far, or more
    _empty = 0  # bytes since the last of a body: what chunks and trailers say about themselves
    _why = 400
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse: more connections than this would leave no file for the others."""
        super().connection_made(transport)
        self._way = _Way(transport, self._leave)
        if len(self.connections) <= self.CONNECTIONS:
            self._expect(self.HEAD_SECONDS)
        elif len(self.connections) <= self.CONNECTIONS * 1.1:
            self._refuse(503)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clocks."""
        self._expect(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, and set the clock for what is still to come."""
        before = self._stage
        if before is Stage.REFUSED:
            return
        self._started, self._ended = True, False
        self._head = len(data) + (self._head if before is Stage.HEAD else 0)
        self._empty += len(data)
        super().data_received(data)
        stage = self._stage
        if stage is Stage.NOTHING and self._ended:
            if self._deadline is not None:
                self._expect(None)
        elif stage is Stage.BODY:
            if before is not Stage.BODY or self._ended:
                self._expect(self.BODY_SECONDS)
            elif self._empty > self.HEAD_BYTES:
                self._refuse(400)
        elif stage is not Stage.REFUSED:
            self._wait_for_head(before, len(data))

    def _wait_for_head(self, before: Stage, size: int) -> None:
        # An empty line before a request counts as its beginning: it must not stop the clock.
        if self._ended or before is Stage.NOTHING:
            self._expect(self.HEAD_SECONDS)
            # Of what came, the end of another message may be the larger part.
            self._head = 0 if self._ended else size
        self._stage = Stage.HEAD
        if self._head > self.HEAD_BYTES:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._stage = Stage.HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is too large."""
        if self._head > self.HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.HEAD_BYTES:
                self._why = 431
                raise ValueError("the head is too large")  # as httptools is told to stop
        hosts = [name for name, _ in self.headers if name == b"host"]
        if len(hosts) != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            raise ValueError("there is not one host")  # RFC 9112, section 3.2
        super().on_headers_complete()
        self._stage = Stage.BODY
        self.cycle.__class__ = Cycle  # which uvicorn has just made, and has not begun
        self.cycle.transport = self._way  # type: ignore[assignment]
        self.scope["extensions"] = _EXTENSIONS
        # Trailers would be added to a head that has been read.
        self.headers = _NO_TRAILERS  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Note that a body goes on."""
        self._empty = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is here."""
        self._stage = Stage.NOTHING
        self._ended = True
        self._empty = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request; what is still to come of this one has to come soon."""
        if self._stage is Stage.REFUSED:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self._stage is Stage.BODY and not self.pipeline and self.cycle.response_complete:
            self._expect(self.LINGER_SECONDS)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what the parser cannot read, or was told to refuse."""
        self._refuse(self._why)

    def _unsupported_upgrade_warning(self) -> None:
        """Answer in HTTP/1.1, and close: llhttp takes what follows for another protocol."""
        self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client reads."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing is asked, whether or not its answer is read."""
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() and self._unread is None:
            self._unread = self.loop.call_later(self.READ_SECONDS, self.transport.abort)
        self.transport.close()

    def _expect(self, seconds: float | None) -> None:
        """Set the clock for the rest of a message, or stop it."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self._run_out)

    def _run_out(self) -> None:
        self._deadline = None
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (answering and self._stage is Stage.HEAD):
            self._expect(self.HEAD_SECONDS)  # it is we who do not read, or have not answered
        elif self._stage is Stage.REFUSED or not self._started:
            self.transport.abort()
        elif self._stage is Stage.BODY and self.cycle.response_complete:
            self._leave()
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answer with a problem where that is possible, and close."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            own = self._stage is Stage.BODY and not self.pipeline and not cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
            if not own:  # another request's answer is under way
                self.transport.abort()
                return
        if not self.transport.is_closing():
            self.transport.write(_answer(status))
        if told := self.app_state.get("refused"):
            told(status, self.client[0] if self.client else "-")
        self._stage = Stage.BODY
        self._leave()

    def _leave(self) -> None:
        """Close, after the rest of an unfinished request if it comes soon."""
        unfinished = self._stage is Stage.BODY
        self._stage = Stage.REFUSED
        if unfinished and self.transport.can_write_eof() and not self.transport.is_closing():
            self.flow.resume_reading()
            self.transport.write_eof()
            self._expect(self.LINGER_SECONDS)
        else:
            self._expect(None)
            self.transport.close()
