"""The HTTP API for the tests: `api.get("/stock/HX-1")` asks the real application, in process.

The whole of `serve.create_app` runs on an event loop in a thread, its writer and readers too; what
is missing is the socket. The clock is the database's.
"""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

import pytest

from bvinv.core import keys
from bvinv.core.db import Database, Session
from bvinv.serve import create_app
from bvinv.settings import Settings
from bvinv.web.worker import Task
from tests import books

# Who asks: a role, or `other`, a second service; and what they are called.
CALLERS = {
    "viewer": "web",
    "service": "svc",
    "other": "svc-2",
    "staff": "sam",
    "manager": "mia",
    "admin": "ada",
}
PATIENCE = 60  # seconds, after which something hangs


class Answer(NamedTuple):
    """What came back; `headers` by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return what the body says, after seeing that it says it well."""
        assert self.headers["content-type"] in ("application/json", "application/problem+json")
        return json.loads(self.body)

    def refused(self, status: int, code: str) -> dict[str, Any]:
        """Return the problem, after seeing that it is this one."""
        assert self.status == status, self
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.body)
        assert (problem["status"], problem["code"]) == (status, code), problem
        return problem


class Stream:
    """An answer that is still coming."""

    def __init__(self, api: "Api", scope: dict[str, Any]) -> None:
        self._api = api
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.has_ended = False
        self._news = threading.Condition()
        self._gone = api.run(_event())
        self._running = api.start(self._serve(scope))

    def read(self, until: int | bytes, seconds: float = 10.0) -> bytes:
        """Return the body so far, once it has so many bytes, or these, or has ended."""

        def is_there() -> bool:
            enough = until in self.body if isinstance(until, bytes) else len(self.body) >= until
            return self.has_ended or enough

        with self._news:
            assert self._news.wait_for(is_there, seconds), (until, self.body)
            return self.body

    def close(self) -> None:
        """Go away as a client does, and see that the application notices."""
        self._api.call(self._gone.set)
        self._running.result(PATIENCE)

    async def _serve(self, scope: dict[str, Any]) -> None:
        asked = False

        async def receive() -> Any:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            with self._news:
                if message["type"] == "http.response.start":
                    self.status = message["status"]
                    self.headers = _headers(message["headers"])
                else:
                    self.body += message.get("body", b"")
                    self.has_ended = not message.get("more_body", False)
                self._news.notify_all()

        try:
            await self._api.app(scope, receive, send)
        finally:
            with self._news:
                self.has_ended = True
                self._news.notify_all()


class Api:
    """The application of one worker on a database; to be closed. Settings by their names."""

    def __init__(self, database: Database, *, keys: bool = True, **settings: Any) -> None:
        """Begin to serve; without `keys` everybody may come in, as on loopback."""
        self.database = database
        self.keys: dict[str, str] = {}
        if keys:
            books.act(database, self._make_keys)
        where = str(database.path or str(database.url).replace("+psycopg", ""))
        told = {"access_log": "off", "login_limit": "", "actor": "tester"} | settings
        self.app: Any = create_app(Task(db=where), Settings(**told))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api", daemon=True)
        self._thread.start()
        self._state: dict[str, Any] = {}
        self._lifespan: Any = self.run(_Lifespan.begun(self.app, self._state))
        self.worker = self.app.app.state.worker
        for one in (self.worker.database, self.worker.books, self.worker.held):
            one.clock = database.clock
        self.worker.watch.glance.clock = database.clock

    def _make_keys(self, session: Session) -> list[Any]:
        made = []
        for role, name in CALLERS.items():
            made.append(
                keys.create(session, name=name, role="service" if role == "other" else role)
            )
            self.keys[role] = made[-1].key.get_secret_value()
        return made

    def close(self) -> None:
        """Let the application shut down, and the loop with it."""
        try:
            self.run(self._lifespan.end())
        finally:
            self.call(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()

    # --- Requests -------------------------------------------------------------------------------

    def get(self, path: str, role: str | None = "viewer", **headers: str) -> Answer:
        """Ask; headers are named as Python names them: `if_none_match='"..."'`."""
        return self.send("GET", path, role, **headers)

    def post(self, path: str, json: Any = None, role: str | None = "admin", **more: Any) -> Answer:
        """Send `json`, or with `body` these very bytes."""
        return self.send("POST", path, role, json=json, **more)

    def put(self, path: str, json: Any = None, role: str | None = "admin", **more: Any) -> Answer:
        return self.send("PUT", path, role, json=json, **more)

    def patch(self, path: str, json: Any = None, role: str | None = "admin", **more: Any) -> Answer:
        return self.send("PATCH", path, role, json=json, **more)

    def delete(self, path: str, role: str | None = "admin", **more: Any) -> Answer:
        return self.send("DELETE", path, role, **more)

    def send(
        self,
        method: str,
        path: str,
        role: str | None = "viewer",
        *,
        json: Any = None,
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """Send a request, and wait for all of the answer."""
        return self.later(method, path, role, json=json, body=body, **headers).result(PATIENCE)

    def later(
        self,
        method: str,
        path: str,
        role: str | None = "viewer",
        *,
        json: Any = None,
        body: bytes | None = None,
        **headers: str,
    ) -> "Future[Answer]":
        """Send a request, whose answer comes when it comes: many may be under way at once."""
        if body is None:
            body = b"" if json is None else _written(json)
        if body:
            headers = {"content_type": "application/json"} | headers
        scope = self._scope(method, path, role, headers)
        return self.start(_exchange(self.app, scope, body))

    @contextmanager
    def stream(self, path: str, role: str | None = "service", **headers: str) -> Iterator[Stream]:
        """Yield an answer that goes on until the block ends."""
        stream = Stream(self, self._scope("GET", path, role, headers))
        try:
            yield stream
        finally:
            stream.close()

    @contextmanager
    def moved(self) -> Iterator[None]:
        """Let others write, and wait until the application knows: PostgreSQL tells it, which takes
        a moment."""
        before = self.run(self._version())
        yield
        ends = time.monotonic() + 10
        while self.run(self._version()) == before:
            assert time.monotonic() < ends, "nobody has told that the database moved"
            time.sleep(0.001)

    async def _version(self) -> int:
        version: int = self.worker.watch.version()
        return version

    # --- The loop -------------------------------------------------------------------------------

    def run(self, work: Awaitable[Any]) -> Any:
        """Run something on the application's loop, and wait for it."""
        return self.start(work).result(PATIENCE)

    def start(self, work: Awaitable[Any]) -> "Future[Any]":
        """Run something on the application's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)  # type: ignore[arg-type]

    def call(self, action: Callable[[], Any]) -> None:
        """Have the application's loop call something."""
        self._loop.call_soon_threadsafe(action)

    def stop(self) -> None:
        """Say that the server is about to stop, as `scope["state"]["stopping"]` does."""
        self.call(self._state["stopping"].set)

    def _scope(
        self, method: str, path: str, role: str | None, said: dict[str, str]
    ) -> dict[str, Any]:
        place, _, query = path.partition("?")
        # Without keys there is only one machine that may ask, and one name for it.
        headers = {"host": "bvinv.test" if self.keys else "localhost"} | {
            name.replace("_", "-").lower(): value for name, value in said.items()
        }
        if role is not None and self.keys:
            headers.setdefault("x-api-key", self.keys[role])
        raw = quote(place, safe="/%:@!$&'()*+,;=-._~")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("bvinv.test", 80),
            "client": ("127.0.0.1", 50000),
            "scheme": "http",
            "method": method,
            "root_path": "",
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
            "raw_path": raw.encode("ascii"),
            "query_string": quote(query, safe="=&%+-._~!$'()*,;:@/?").encode("ascii"),
            "headers": [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
            ],
            "state": dict(self._state),
        }


@pytest.fixture
def api(stocked) -> Iterator[Api]:
    """Yield the API of a stocked database."""
    found = Api(stocked)
    yield found
    found.close()


class _Lifespan:
    """The application's life, as a server has it."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Any] = asyncio.Queue()
        self._heard: asyncio.Queue[Any] = asyncio.Queue()

    @classmethod
    async def begun(cls, app: Any, state: dict[str, Any]) -> "_Lifespan":
        """Return a life that has begun."""
        life = cls()
        state["stopping"] = asyncio.Event()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
        life._task = asyncio.ensure_future(app(scope, life._said.get, life._heard.put))
        await life._pass("startup")
        return life

    async def end(self) -> None:
        """Shut down."""
        await self._pass("shutdown")
        await self._task

    async def _pass(self, what: str) -> None:
        await self._said.put({"type": f"lifespan.{what}"})
        heard = asyncio.ensure_future(self._heard.get())
        await asyncio.wait({heard, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            heard.cancel()
            await self._task
        assert heard.result() == {"type": f"lifespan.{what}.complete"}, heard.result()


async def _exchange(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    coming = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        if not coming:
            await asyncio.Event().wait()  # nobody goes away before the answer is there
        return coming.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    return Answer(
        start["status"],
        _headers(start["headers"]),
        b"".join(part.get("body", b"") for part in parts),
    )


async def _event() -> asyncio.Event:
    return asyncio.Event()


def _headers(raw: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        assert key not in found or key in ("vary", "link", "set-cookie"), (
            f"{key} stands there twice"
        )
        found[key] = f"{found[key]}, {value.decode()}" if key in found else value.decode("latin-1")
    return found


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
