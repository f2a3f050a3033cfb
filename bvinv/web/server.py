"""How the server runs: uvicorn in this process, or in several that share the port.

A worker is a process of its own (`python -m bvinv.web.server`), tied to its parent by a socket
pair: the worker says that it accepts connections, and whichever end closes tells the other of a
death. A worker that dies is replaced; one whose parent dies stops, so that the port is free again.

All accept from one socket. One each (SO_REUSEPORT) would share out better among many, but it loses
what waits for a worker that dies, and lets two servers have one port without a word.

SIGTERM and SIGINT stop everything, after what is in flight is answered. Whoever streams learns of
it from `scope["state"]["stopping"]`, an `asyncio.Event` in every scope, lifespan's too.
"""

import asyncio
import errno
import importlib
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import uvicorn

from bvinv.core.errors import Busy, InvalidInput
from bvinv.web.protocol import Protocol

GRACE = 20  # seconds for what is in flight
BACKLOG = 2_048  # connections that wait to be accepted
FILES = 8_192  # that one process may have open, where the system lets us say so
NUMBER = "BVINV_WORKER"  # 0, 1, …: the same for whoever takes a dead worker's place
FOLDER = "BVINV_WORKER_FOLDER"  # where the workers of one server meet


class Plan(NamedTuple):
    """What a worker has to know; `factory` is `module:function`, called without arguments."""

    factory: str
    certificate: str = ""
    key: str = ""
    protocol: str = "bvinv.web.protocol:Protocol"


class Server(uvicorn.Server):
    """A server that says when it stops, and why."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        """Prepare; `on_started` is called once connections are accepted."""
        super().__init__(config)
        self.on_started = on_started
        self.stopping = asyncio.Event()
        self.interrupted = False
        self.is_orphan = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen. As uvicorn does it, but for two things: a deadline for
        TLS handshakes, and the news for the application that the server stops."""
        self.lifespan.state["stopping"] = self.stopping
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise Busy("the application did not start", hint="what is said above tells why")
        loop = asyncio.get_running_loop()
        shakes = self.config.ssl is not None
        self.servers = [
            await loop.create_server(
                self._connection,
                sock=listener,
                ssl=self.config.ssl,
                backlog=BACKLOG,
                ssl_handshake_timeout=10 if shakes else None,
                ssl_shutdown_timeout=2 if shakes else None,
            )
            for listener in sockets or []
        ]
        self.started = True
        self.on_started()

    def _connection(self) -> asyncio.Protocol:
        found: type[Protocol] = self.config.http_protocol_class  # type: ignore[assignment]
        return found(self.config, self.server_state, self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams end, answer what is in flight, and let the application close."""
        for server in self.servers:
            server.close()
        self.stopping.set()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop gracefully; at once when a second Ctrl-C says so. uvicorn would die of the signal
        in the end, which is no success to whoever started us."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.interrupted = self.interrupted or sig == signal.SIGINT
        self.should_exit = True


def run(
    factory: str,
    *,
    host: str,
    port: int,
    workers: int = 1,
    certificate: str = "",
    key: str = "",
    on_started: Callable[[str], None],
    protocol: str = Plan._field_defaults["protocol"],
) -> None:
    """Serve until SIGTERM, or SIGINT, which raises KeyboardInterrupt once all is stopped.

    `on_started` is told the URL. Port 0 is any free one. Raises Busy for a port that is taken,
    InvalidInput for an address that is not ours or a certificate that cannot be read, and what
    the factory raises.
    """
    plan = Plan(factory, certificate, key, protocol)
    _tls(plan)
    with _listener(host, port) as listener:
        _allow_files()
        said = listener.getsockname()
        shown = f"[{said[0]}]" if ":" in said[0] else said[0]
        url = f"{'https' if certificate else 'http'}://{shown}:{said[1]}"
        if workers == 1:
            server = _server(plan, lambda: on_started(url))
            server.run([listener])
            if server.interrupted:
                raise KeyboardInterrupt
            return
        from bvinv.web.supervisor import Supervisor

        Supervisor(plan, listener, workers, lambda: on_started(url)).run()


def _server(plan: Plan, on_started: Callable[[], None]) -> Server:
    """Return a server with its application made."""
    _configure_log()
    # Made here, so that its errors are ours to tell, and before there is an event loop.
    made = _found(plan.factory)()
    config = uvicorn.Config(
        app=lambda: made,
        factory=True,
        http=_found(plan.protocol),
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE,
        ssl_context_factory=(lambda *_: _tls(plan)) if plan.certificate else None,
    )
    return Server(config, on_started)


def _found(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def _tls(plan: Plan) -> ssl.SSLContext:
    """Return TLS 1.2 or later with the certificate. Raises InvalidInput."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not plan.certificate and not plan.key:
        return context
    if not plan.certificate:
        raise InvalidInput("a TLS key needs its certificate", hint="say --tls-certificate too")
    for name in filter(None, (plan.certificate, plan.key)):
        if not Path(name).is_file():
            raise InvalidInput(f"there is no file {name}")
    try:
        context.load_cert_chain(plan.certificate, plan.key or None, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise InvalidInput(
            f"the certificate cannot be used: {error}",
            hint="it takes two PEM files, the key without a password and of this certificate",
        ) from None
    return context


def _no_password() -> str:
    raise ValueError("the key has a password")


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket bound to the address; it listens once the server does."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise InvalidInput(f"there is no address {host}", hint="try --host 127.0.0.1") from None
    # Of a name's addresses IPv4's: who says localhost mostly means 127.0.0.1.
    family, kind, number, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    with socket.socket(family, kind, number) as listener:
        if os.name == "posix":  # on Windows it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except PermissionError:
            raise InvalidInput(
                f"port {port} is not yours to use", hint="choose one above 1023: --port 8000"
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Busy(
                    f"another program serves port {port} of {host}",
                    hint="stop it, or choose another: --port N, or 0 for any",
                ) from None
            raise InvalidInput(f"{host} is no address of this machine") from None
        listener.setblocking(False)
        yield listener


def _allow_files() -> None:
    """Raise the number of open files to what a thousand connections need."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Plain(logging.Formatter):
    """One line an event; a traceback only where BVINV_DEBUG asks for it."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return super().formatException(ei) if os.environ.get("BVINV_DEBUG") else ""

    def format(self, record: logging.LogRecord) -> str:
        said = super().format(record).strip()
        if os.environ.get("BVINV_DEBUG"):
            return said
        error = record.exc_info[1] if record.exc_info else None
        # Starlette sends a traceback as the reason why an application does not start.
        last = said.splitlines()[-1] if said else said
        return f"{last}: {type(error).__name__}: {error}" if error else last


def _configure_log() -> None:
    """Let uvicorn say only what is wrong with us; what clients do wrong would fill a disk."""
    log = logging.getLogger("uvicorn.error")
    log.setLevel(logging.ERROR)
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
    log.handlers[0].setFormatter(_Plain("server: %(message)s"))


def _work(said: str) -> int:
    """Be a worker until the parent says SIGTERM, or is no more; return the exit code."""
    from bvinv import outcomes, output
    from bvinv.core.errors import InventoryError

    order = json.loads(said)
    parent = socket.socket(fileno=order["tie"])
    # Ctrl-C reaches the whole group; when to stop is for the parent to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server: Server | None = None

    def tell() -> None:
        with suppress(OSError):  # the parent has just died: `follow` sees to that
            parent.sendall(b"+")

    def follow() -> None:
        with suppress(OSError):
            while parent.recv(1):
                pass
        if server is None or not server.started:  # nothing is in flight, but the port is held
            shutil.rmtree(os.environ[FOLDER], ignore_errors=True)
            os._exit(1)
        server.should_exit = server.is_orphan = True

    threading.Thread(target=follow, daemon=True).start()
    try:
        server = _server(Plan(**order["plan"]), tell)
        with socket.socket(fileno=order["listener"]) as listener:
            server.run([listener])
        if server.is_orphan:  # nobody else tidies up
            shutil.rmtree(os.environ[FOLDER], ignore_errors=True)
    except InventoryError as error:
        output.show_error(outcomes.problem(error), None)
        return outcomes.outcome(error).exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_work(sys.argv[1]))
