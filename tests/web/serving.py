"""Servers for the tests, each a process of its own, as people start them."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds


class Served:
    """A running server: where it is, and what it says on stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []  # all of it
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))
            self.lines.put(self.said[-1])
        self.lines.put(None)
        self.process.stderr.close()

    def line(self, beginning: str) -> str:
        """Wait for a line that begins so."""
        while (line := self.lines.get(timeout=PATIENCE)) is not None:
            if line.startswith(beginning):
                return line
        raise AssertionError(f"it never said {beginning}: {self.said}")

    def listen(self) -> "Served":
        """Wait until it serves."""
        self.url = self.line("bvinv serves ").rpartition(" ")[2]
        self.port = int(self.url.rpartition(":")[2])
        return self

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, said: bytes) -> bytes:
        """Send bytes as they are; return all that comes until the server closes."""
        with self.connect() as wire:
            wire.sendall(said)
            return rest(wire)

    def get(self, path: str) -> Any:
        answer = self.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it with a signal; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def rest(wire: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    parts = []
    try:
        while part := wire.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        parts.append(b"<reset>")
    return b"".join(parts)


def eventually(holds: Any) -> None:
    """Wait until it holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[Served]:
    """Yield `python ARGUMENTS` while it runs; killed afterwards if it still does."""
    started = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    served = Served(started)
    try:
        yield served
    finally:
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()
        served.reader.join(PATIENCE)
        stayed = served.reader.is_alive()  # a child of it still holds its stderr
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        served.reader.join()
        assert not stayed, "a process stayed behind"


@contextmanager
def server(factory: str = "create", **terms: Any) -> Iterator[Served]:
    """Yield a server of one of `apps`, not waited for."""
    terms = {"host": "127.0.0.1", "port": 0, **terms, "factory": f"tests.web.apps:{factory}"}
    with process("-m", "tests.web.serving", json.dumps(terms)) as served:
        yield served


@contextmanager
def bvinv(where: str, *options: str, port: int = 0, **environment: str) -> Iterator[Served]:
    """Yield `bvinv serve` on a database, not waited for; it logs no requests."""
    words = ("-m", "bvinv", "--db", where, "serve", "--port", str(port), *options)
    settings = {"BVINV_ACCESS_LOG": "off", "BVINV_ACTOR": "tester", **environment}
    with process(*words, **settings) as served:
        yield served


def main() -> int:
    from bvinv import outcomes, output
    from bvinv.core.errors import InventoryError
    from bvinv.web import server

    try:
        server.run(
            **json.loads(sys.argv[1]), on_started=lambda url: output.note(f"bvinv serves {url}")
        )
    except InventoryError as error:
        output.show_error(outcomes.problem(error), None)
        return outcomes.outcome(error).exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
