"""The way in and out of the HTTP API: every request passes here, and no answer leaves another way.

Around FastAPI, because what holds for every request is decided before any route: who asks, how
much and how fast, what a body may be. What is asked most does not go through FastAPI at all
(`hot`), and answers that are still true are not made again (`cache`).
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import FastAPI

from bvinv.core import access, engines
from bvinv.core.errors import InventoryError, NotPermitted
from bvinv.settings import Settings
from bvinv.web import answers, hot, paths, peers, problems, strict
from bvinv.web.answers import Answer
from bvinv.web.asked import SLASH, Asked
from bvinv.web.origins import Cors
from bvinv.web.peers import Peers
from bvinv.web.worker import Worker

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_log = logging.getLogger(__name__)
_CHARSET = re.compile(rb'charset\s*=\s*"?([^";\s]*)')
BODY_SECONDS = 10  # for a whole body to arrive


class Front:
    """The ASGI application that the server runs."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Stand before the application, whose lifespan opens its worker.

        Raises InvalidInput for settings that make no sense.
        """
        self.app = app
        self.paths = paths.Paths(app)
        self.peers = Peers(settings.trusted_proxies)
        self.cors = Cors(settings.cors_origins)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request, whatever happens."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        scope["app"] = self.app
        worker: Worker = self.app.state.worker
        asked = Asked(scope)
        more = [(b"x-request-id", asked.id)]
        if self.cors.is_on:
            more += self.cors.head(asked)
        status, size = 500, 0
        try:
            streamed = _Streamed(send, more, is_head=asked.method == "HEAD")
            answer = await self._answer(worker, asked, receive, streamed)
            if answer is None:
                status, size = streamed.status, streamed.size
            else:
                reads = asked.method in ("GET", "HEAD")
                answer = answers.fitted(answer, asked.headers, reads=reads)
                status, size = answer.status, len(answer.body)
                await _send(answer, asked, more, send)
        finally:
            took = time.perf_counter() - began
            method = asked.method
            known = method if method in paths.METHODS else "other"
            worker.metrics.observe(asked.route, known, status, took)
            name = asked.caller.name if asked.caller else "-"
            worker.log.note(
                method, asked.path.replace(SLASH, "%2F"), asked.query, status, size, took, name,
                asked.id, self.peers.address(scope),
            )  # fmt: skip

    async def _answer(
        self, worker: Worker, asked: Asked, receive: Receive, streamed: "_Streamed"
    ) -> Answer | None:
        """Return the answer, or None where it was streamed."""
        try:
            return await self._found(worker, asked, receive, streamed)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if streamed.has_ended:
                _log.exception("request %s", asked.id.decode())
                return None
            if streamed.status:  # the client has to notice that the rest is missing
                raise
            # What is asked without a transaction (`Watch.glance`) fails as the driver says it.
            name = str(worker.database)
            said = error if isinstance(error, InventoryError) else engines.plain(error, name)
            if said is not None:
                return answers.problem(problems.told(said, name))
            _log.exception("request %s", asked.id.decode())
            return answers.problem(problems.unforeseen())

    async def _found(
        self, worker: Worker, asked: Asked, receive: Receive, streamed: "_Streamed"
    ) -> Answer | None:
        if asked.query or not asked.path.isascii():
            asked.refuse_garbled()
        if asked.method == "OPTIONS" and (preflight := self.cors.preflight(asked)):
            return preflight
        method = "GET" if asked.method == "HEAD" else asked.method
        if b"webhook-signature" in asked.headers:
            raise NotPermitted("webhooks are sent from here, and not received")
        route = self.paths.find(method, asked.path)
        asked.route = route.path
        if route.is_open:
            return await self._routed(asked, receive, streamed, route)
        version = worker.watch.version(surely=method != "GET")
        await self._admit(worker, asked, route, version)
        if method == "GET":
            key = (asked.path, asked.query)
            kept = worker.cache.get(key, version, worker.watch.glance.now)
            worker.metrics.cache("answers", kept is not None)
            if kept is not None:
                return kept
            quick = await hot.get(worker, asked, route)
            answer = quick or await self._routed(asked, receive, streamed, route)
            if answer is not None and answer.until:
                worker.cache.keep(key, version, answer)
            return answer
        body = await _body(asked, receive, worker.settings.body_limit)
        said = strict.loads(body) if body else None
        quick = await hot.post(worker, asked, route, said)
        return quick or await self._routed(asked, _again(body), streamed, route)

    async def _admit(self, worker: Worker, asked: Asked, route: paths.Path, version: int) -> None:
        """Raise unless the caller is known, within limits, and may do this."""
        key, token = asked.credentials()
        try:
            caller = worker.callers.known(key, token, version, time.time())
            asked.caller = caller or await worker.caller(key, token, version)
        except problems.Unauthenticated:
            who = peers.household(self.peers.address(asked.scope))
            if (key or token) and (wait := await worker.logins.hit(who)):
                raise _too_many(wait) from None
            raise
        if not (key or token):
            self.cors.refuse_strangers(asked)
        if wait := await worker.limiter.hit(asked.caller.name):
            raise _too_many(wait)
        if asked.caller.role not in route.roles:
            access.check(asked.caller.role, route.name, asked.caller.name)

    async def _routed(
        self, asked: Asked, receive: Receive, streamed: "_Streamed", route: paths.Path
    ) -> Answer | None:
        """Let FastAPI answer; return its answer whole, unless it is a stream."""
        # Not the server's own scope: it has to go on knowing that a HEAD was asked.
        method = "GET" if asked.method == "HEAD" else asked.method
        scope = {**asked.scope, "bvinv": asked, "method": method, "path": asked.path}
        if route.streams:
            await streamed.run(self.app(scope, receive, streamed))
            return None
        captured = _Captured()
        await self.app(scope, receive, captured)
        return Answer(
            captured.status, answers.safe(captured.headers), b"".join(captured.parts), asked.until
        )


class _Captured:
    """Takes an answer in instead of sending it."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: answers.Headers = []
        self.parts: list[bytes] = []

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (name.lower(), value)
                for name, value in message["headers"]
                if name.lower() != b"content-length"
            ]
        else:
            self.parts.append(message.get("body", b""))


class _Streamed:
    """Sends a stream on as it comes, with the head that every answer bears; for HEAD only that."""

    def __init__(self, send: Send, more: answers.Headers, *, is_head: bool) -> None:
        self._send = send
        self._more = more
        self._is_head = is_head
        self._enough: asyncio.Event | None = None
        self.status = 0
        self.size = 0
        self.has_ended = False

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Let the application stream, until it has ended or nobody wants more."""
        if not self._is_head:
            await work
            return
        self._enough = asyncio.Event()
        streaming = asyncio.ensure_future(work)
        enough = asyncio.ensure_future(self._enough.wait())
        try:
            await asyncio.wait({streaming, enough}, return_when=asyncio.FIRST_COMPLETED)
            if streaming.done() and not streaming.cancelled():
                streaming.result()
        finally:
            for one in (streaming, enough):
                one.cancel()
            await asyncio.gather(streaming, enough, return_exceptions=True)

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            head = [*answers.safe(message["headers"]), *self._more]
            await self._send({**message, "headers": head})
            if self._is_head:
                self.has_ended = True
                await self._send({"type": "http.response.body", "body": b""})
                if self._enough:
                    self._enough.set()
            return
        if not self._is_head:
            self.size += len(message.get("body", b""))
            self.has_ended = not message.get("more_body", False)
            await self._send(message)


async def _send(answer: Answer, asked: Asked, more: answers.Headers, send: Send) -> None:
    if answers.WHOLE in asked.scope.get("extensions", ()):
        await send(answers.whole(answer, more, is_head=asked.method == "HEAD"))
        return
    head = answers.head(answer, more)
    await send({"type": "http.response.start", "status": answer.status, "headers": head})
    body = b"" if asked.method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _body(asked: Asked, receive: Receive, most: int) -> bytes:
    """Return the whole body, which is JSON if it is anything.

    Raises TooLarge, TooSlow, UnsupportedMediaType, Malformed.
    """
    stated = asked.headers.get(b"content-length", b"0")
    if not stated.isdigit():
        raise strict.Malformed("the length of the body is no number")
    if len(stated) > 15 or int(stated) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise problems.TooSlow("the request ended before its body")
                body += message.get("body", b"")
                if len(body) > most:
                    raise _too_large(most)
                more = message.get("more_body", False)
    except TimeoutError:
        raise problems.TooSlow(
            f"the body did not arrive within {BODY_SECONDS} s", headers=[(b"connection", b"close")]
        ) from None
    if body:
        _refuse_other_kinds(asked)
    return bytes(body)


def _refuse_other_kinds(asked: Asked) -> None:
    kind, _, more = asked.headers.get(b"content-type", b"").lower().partition(b";")
    charset = _CHARSET.search(more)
    if kind.strip() != b"application/json" or (charset and charset[1] not in (b"utf-8", b"utf8")):
        raise problems.UnsupportedMediaType(
            "the body has to be application/json, in UTF-8",
            headers=[(b"accept", b"application/json")],
        )
    if asked.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise problems.UnsupportedMediaType(
            "the body must not be compressed", headers=[(b"accept-encoding", b"identity")]
        )


def _too_large(most: int) -> problems.TooLarge:
    return problems.TooLarge(
        f"the body has more than {most} bytes", headers=[(b"connection", b"close")], limit=most
    )


def _too_many(wait: float) -> problems.TooMany:
    seconds = max(1, -int(-wait // 1))
    return problems.TooMany(
        f"too many requests; try again in {seconds} s",
        headers=[(b"retry-after", str(seconds).encode())],
    )


def _again(body: bytes) -> Receive:
    """Return what gives a body that was read to whoever reads it next."""

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
