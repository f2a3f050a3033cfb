"""A real pseudo-terminal with a program in it, as a scanner's user has one."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress

PATIENCE = 20  # seconds
PROMPT = "> "


class Terminal:
    """Runs a program on a terminal of its own, 80 columns wide; what it printed is `seen`."""

    def __init__(self, *command: str, env: Mapping[str, str], columns: int = 80) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bvinv", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={name: value for name, value in env.items() if name != "COLUMNS"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)
        self.seen = ""

    def until(self, text: str) -> str:
        """Read until a text appears; return what was printed up to it."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            read = self._read(end)
            assert read, f"it ended before {text!r} was printed: {self.seen!r}"
            self.seen += read.decode()
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def type(self, line: str) -> str:
        """Type a line; return what was printed before the next prompt, without the echo."""
        os.write(self.master, f"{line}\n".encode())
        self.until("\n")
        return self.until(PROMPT)

    def send(self, text: str) -> None:
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C, and again if nothing comes of it: Python hears one only afterwards that
        falls between its last look for signals and its wait for what is typed."""
        self.send("\x03")
        self.until("^C")
        if not select.select([self.master], [], [], 5)[0]:
            self.send("\x03")

    def hang_up(self) -> None:
        """Close the terminal, as a connection that drops does."""
        os.close(self.master)
        self.master = -1

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def ended(self) -> int:
        """Return the exit code."""
        while self.master >= 0 and (read := self._read(time.monotonic() + PATIENCE)):
            self.seen += read.decode()
        return self.process.wait(PATIENCE)

    def _read(self, end: float) -> bytes:
        """Return what is printed next, nothing once the program has ended."""
        ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
        assert ready, f"nothing more was printed, but {self.seen!r}"
        try:
            return os.read(self.master, 65536)
        except OSError:
            return b""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.master >= 0:
            os.close(self.master)
        if self.process.poll() is None:
            self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
