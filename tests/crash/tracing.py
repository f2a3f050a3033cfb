"""Days that are watched by strace: their calls counted, failed, or the last that they make."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds


def can_trace() -> str:
    """Return why nothing can be traced here, nothing where it can."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        return "there is no strace"
    done = subprocess.run(
        ["strace", "-o", os.devnull, "true"], check=False, capture_output=True, text=True
    )
    return "" if done.returncode == 0 else f"nobody may trace here: {done.stderr.strip()}"


class Stable:
    """The process that days are forked from, see `day.main`. One day at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        assert self._line() == "ready"

    def begin(self, **asked: Any) -> int:
        """Fork a day, which stands still; return its process."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked).encode())
        self._process.stdin.flush()
        number = int(self._line())
        _await_state(number, "T")
        return number

    def end(self) -> int:
        """Wait until the day is over; return how it ended: minus a signal, else its exit code."""
        return int(self._line())

    def run(self, **asked: Any) -> int:
        """Do a day, watched by nobody; return how it ended."""
        os.kill(self.begin(**asked), signal.SIGCONT)
        return self.end()

    def watched(
        self, calls: Sequence[str], *inject: str, more: Sequence[str] = (), **asked: Any
    ) -> tuple[int, list[str]]:
        """Do a day under strace; return how it ended, and the calls of these names that it made.

        `inject` are strace's expressions, such as `fdatasync:error=EIO:when=5`.
        """
        number = self.begin(**asked)
        trace = Path(asked["folder"]) / "trace"
        with attached(number, trace, calls, *inject, more=more):
            os.kill(number, signal.SIGCONT)
            code = self.end()
        lines = trace.read_text(errors="replace").splitlines()
        return code, [line.partition(" ")[2].strip() for line in lines if "(" in line]

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().decode().strip()


@contextmanager
def attached(
    number: int, trace: Path, calls: Sequence[str], *inject: str, more: Sequence[str] = ()
) -> Iterator["subprocess.Popen[str]"]:
    """Watch a process that stands still, and whatever it starts; yields when it is watched."""
    said = ["strace", "-f", *more, "-o", str(trace), "-e", f"trace={','.join(calls)}"]
    for one in inject:
        said += ["-e", f"inject={one}"]
    strace = subprocess.Popen([*said, "-p", str(number)], stderr=subprocess.PIPE, text=True)
    assert strace.stderr
    said_first = strace.stderr.readline()
    assert "attached" in said_first, said_first
    try:
        yield strace
    finally:
        try:
            strace.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            strace.kill()
            strace.wait()
            raise


def _await_state(number: int, state: str) -> None:
    end = time.monotonic() + PATIENCE
    while Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != state:
        assert time.monotonic() < end, f"process {number} never got to {state}"
        time.sleep(0.001)


@contextmanager
def stable(preload: str = "", **environment: str) -> Iterator[Stable]:
    """Yield a process to fork days from; `preload` is a shared library for it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BVINV_")}
    if preload:
        inherited["LD_PRELOAD"] = preload
    process: subprocess.Popen[bytes] = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.crash.day"],
        cwd=ROOT,
        env=inherited | {"OPENBLAS_NUM_THREADS": "1"} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Stable(process)
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.kill()
        process.wait()


needs_strace = pytest.mark.skipif(bool(can_trace()), reason=can_trace() or "-")
