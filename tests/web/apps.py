"""Small applications for the server's tests, started in processes of their own."""

import asyncio
import json
import os
import sys
from typing import Any

from bvinv.core.errors import NotFound
from bvinv.web.access_log import AccessLog
from bvinv.web.protocol import Protocol


class Hasty(Protocol):
    """A protocol whose deadlines tests can wait for."""

    HEAD_SECONDS = 0.6
    BODY_SECONDS = 0.9
    LINGER_SECONDS = 0.3
    READ_SECONDS = 0.5
    CONNECTIONS = 40


class App:
    """Answers `/pid`, `/echo`, `/close`, `/wait/SECONDS`, `/hold`, `/stream`, `/large`, and all
    else. What waits on /hold and /stream does so until the server stops."""

    def __init__(self) -> None:
        self.waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["refused"] = _say_refused
            await self._live(receive, send)
            return
        path = scope["path"]
        if path == "/stream":
            await self._stream(scope, send)
            return
        if path == "/large":
            await self._large(receive, send)
            return
        status, body = 200, b"{}"
        if path == "/close":
            status = 413
        elif path == "/pid":
            body = json.dumps(os.getpid()).encode()
        elif path == "/waiting":
            body = json.dumps([os.getpid(), self.waiting]).encode()
        elif path.startswith("/wait/"):
            await asyncio.sleep(float(path.rpartition("/")[2]))
        elif path == "/hold":
            self.waiting += 1
            await scope["state"]["stopping"].wait()
            await asyncio.sleep(0.3)
            body = json.dumps({"waited": True}).encode()
        elif path == "/echo":
            body = b""
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    print("disconnected", file=sys.stderr, flush=True)
                    return
                body += message["body"]
                if not message["more_body"]:
                    break
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if status == 413:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _large(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = {"type": "http.response.body", "body": b"a" * 1_000_000, "more_body": True}
        await receive()
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            await send(more)
            await asyncio.sleep(0)
        print("large: disconnected", file=sys.stderr, flush=True)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("closed", file=sys.stderr, flush=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _stream(self, scope: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello\n", "more_body": True})
        self.waiting += 1
        await scope["state"]["stopping"].wait()
        await send({"type": "http.response.body", "body": b"bye\n"})


def _say_refused(status: int, address: str) -> None:
    print(f"refused {status} {address}", file=sys.stderr, flush=True)


def create() -> App:
    return App()


def refuse() -> App:
    raise NotFound("there is no database at /nowhere", hint="run: bvinv init")


class Failing:
    """Does not start."""

    async def __call__(self, *_: Any) -> None:
        raise NotFound("there is nothing")


def fail() -> Failing:
    return Failing()


def logged() -> Any:
    """Return an application with an access log, which it closes when it stops."""
    app, log = App(), AccessLog.of("text")

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        if scope["type"] == "lifespan":
            log.close()
        else:
            log.note(
                scope["method"], scope["path"], b"", 200, 2, 0.001, "-", b"1", scope["client"][0]
            )

    return noted
