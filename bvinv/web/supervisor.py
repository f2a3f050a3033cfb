"""Several workers on one port: started, watched, replaced, stopped together."""

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress

from bvinv import output
from bvinv.core.errors import InvalidInput
from bvinv.web.server import FOLDER, GRACE, NUMBER, Plan

PATIENCE = GRACE + 3  # seconds for workers to stop, then they are killed
PAUSE = 1.0  # seconds, before a worker that lived for less is replaced


class Child:
    """A worker's process, and the parent's end of the tie."""

    def __init__(self, plan: Plan, listener: socket.socket, number: int, folder: str) -> None:
        """Start it."""
        self.number = number
        self.began = time.monotonic()
        self.serves = False
        self.tie, theirs = socket.socketpair()
        with theirs:
            order = {"plan": plan._asdict(), "tie": theirs.fileno(), "listener": listener.fileno()}
            self.process = subprocess.Popen(  # noqa: S603 - this program itself
                # -P: what lies in the working folder is not to be imported.
                [sys.executable, "-P", "-m", "bvinv.web.server", json.dumps(order)],
                pass_fds=(theirs.fileno(), listener.fileno()),
                env={**os.environ, NUMBER: str(number), FOLDER: folder},
            )

    def close(self) -> int:
        """Wait for its end, a killed one's if need be; return its exit code."""
        self.tie.close()
        try:
            return self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Supervisor:
    """The parent of the workers of one port."""

    def __init__(
        self, plan: Plan, listener: socket.socket, count: int, on_started: Callable[[], None]
    ) -> None:
        """Prepare. Raises InvalidInput where a port cannot be handed to another process."""
        if os.name != "posix":
            raise InvalidInput("several workers need Linux or macOS", hint="leave --workers out")
        self.plan = plan
        self.listener = listener
        self.count = count
        self.on_started: Callable[[], None] | None = on_started
        self.children: dict[int, Child] = {}
        self.due: dict[int, float] = {}  # worker's number -> when it is started
        self.selector = selectors.DefaultSelector()
        self.signals: list[int] = []

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, or until a worker cannot start: then exit with its code.

        Raises KeyboardInterrupt after SIGINT."""
        folder = tempfile.mkdtemp(prefix="bvinv-serve-")
        ear, mouth = socket.socketpair()
        ear.setblocking(False)
        mouth.setblocking(False)
        self.selector.register(ear, selectors.EVENT_READ, None)
        told = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        kept = {one: signal.signal(one, lambda number, _: self.signals.append(number))
                for one in told}  # fmt: skip
        wakeup = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        self.due = dict.fromkeys(range(self.count), 0.0)
        try:
            self._watch(folder, ear)
        finally:
            self._stop()
            signal.set_wakeup_fd(wakeup)
            for one, handler in kept.items():
                signal.signal(one, handler)
            self.selector.close()
            ear.close()
            mouth.close()
            shutil.rmtree(folder, ignore_errors=True)
        if signal.SIGINT in self.signals:
            raise KeyboardInterrupt

    def _watch(self, folder: str, ear: socket.socket) -> None:
        while not self._is_told_to_stop():
            now = time.monotonic()
            for number in [number for number, at in self.due.items() if at <= now]:
                del self.due[number]
                child = Child(self.plan, self.listener, number, folder)
                self.children[number] = child
                self.selector.register(child.tie, selectors.EVENT_READ, child)
            wait = min(self.due.values(), default=now + 3600) - time.monotonic()
            for key, _ in self.selector.select(max(0, wait)):
                if key.data is None:
                    with suppress(BlockingIOError):
                        ear.recv(64)
                else:
                    self._hear(key.data)

    def _hear(self, child: Child) -> None:
        with suppress(ConnectionResetError):
            if child.tie.recv(16):
                child.serves = True
                if (
                    self.on_started
                    and sum(one.serves for one in self.children.values()) == self.count
                ):
                    self.on_started()
                    self.on_started = None
                return
        self._bury(child)

    def _bury(self, child: Child) -> None:
        self.selector.unregister(child.tie)
        del self.children[child.number]
        code = child.close()
        if self._is_told_to_stop():
            return
        if not child.serves and self.on_started:  # what it said tells why
            sys.exit(code if code > 0 else 1)
        output.note(f"worker {child.process.pid} died ({code}); another takes its place")
        lived = time.monotonic() - child.began
        self.due[child.number] = time.monotonic() + (
            PAUSE if lived < PAUSE or not child.serves else 0
        )

    def _is_told_to_stop(self) -> bool:
        return any(one in (signal.SIGTERM, signal.SIGINT) for one in self.signals)

    def _stop(self) -> None:
        """Stop the workers, at once when it takes too long or Ctrl-C comes again."""
        self.listener.close()
        for child in self.children.values():
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while any(child.process.poll() is None for child in self.children.values()):
            if time.monotonic() > end or self.signals.count(signal.SIGINT) > 1:
                for child in self.children.values():
                    child.process.kill()
                break
            time.sleep(0.02)
        for child in self.children.values():
            child.close()
