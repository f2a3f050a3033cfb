"""PostgreSQL servers of a test's own: a primary and its standbys, to be stopped, killed and lost.

Each lies in a folder of its own, listens on a free port of 127.0.0.1 and on a socket in that
folder, trusts everybody, and is gone when the block that started it ends. Processes are ended by
their ids. PostgreSQL refuses to run as root, so root starts them as the user `postgres`.
"""

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest

STARTS = 30.0  # seconds, after which a server does not start
OPTIONS = {
    "shared_buffers": "16MB",
    "max_connections": "60",
    "wal_level": "replica",
    "hot_standby": "on",
    "max_wal_senders": "8",
    "wal_keep_size": "256MB",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "100ms",
    "max_standby_streaming_delay": "0",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "log_min_messages": "warning",
}
_PREFIX, _LOCK = "bvinv-pg-", "lock"
_STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


def programs() -> Path:
    """Return the folder of PostgreSQL's server programs; skips the test where there are none."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        places.append(Path(said.stdout.strip()))
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if all((place / name).exists() for name in ("initdb", "postgres", "pg_basebackup")):
            return place
    pytest.skip("no PostgreSQL server programs")


class Cluster:
    """One server: its folder and its port stay the same however often it is started."""

    def __init__(self, bin: Path, folder: Path, options: dict[str, str]) -> None:
        self.bin = bin
        self.folder = folder
        self.data = folder / "data"
        self.options = OPTIONS | options
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of its database `postgres`, for its owner."""
        return self.address()

    def address(self, user: str = "postgres", password: str = "", database: str = "") -> str:
        """Return the URL for a user and a database of its own."""
        who = f"{user}:{password}" if password else user
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database or 'postgres'}"

    def connect(self, **terms: Any) -> psycopg.Connection[Any]:
        """Return a connection of the test's own, which commits by itself."""
        return psycopg.Connection.connect(
            self.url, autocommit=True, connect_timeout=5, application_name="test", **terms
        )

    def ask(self, statement: str) -> list[Any]:
        """Return the rows of one statement on a connection of its own."""
        with self.connect() as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def start(self, *, wait: bool = True) -> None:
        """Start the server; return when it answers."""
        settings = self.options | {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
        }
        said = [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_dies_with_us(), str(self.bin / "postgres"), "-D", str(self.data), *said],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                **_owner(),
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return when the server answers. Fails with its log when it has ended, or never does."""
        end = time.monotonic() + STARTS
        while True:
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"PostgreSQL does not start:\n{self.log()}")
            with suppress(psycopg.OperationalError):
                self.connect().close()
                return
            time.sleep(0.02)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server as pg_ctl does, unless it has ended; return when it has."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
                self.process.send_signal(_STOPS[mode])
            try:
                self.process.wait(STARTS)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def kill(self) -> None:
        """Kill the server and each of its processes at once (SIGKILL), as if the power had gone,
        but for what the operating system still holds."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)  # it starts nobody new meanwhile
            for child in children(self.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self.process.kill()
        self.process.wait(STARTS)
        self.process = None

    def pause(self) -> None:
        """Let every process of the server stand still: it is connected to, and never answers."""
        assert self.process is not None
        for one in (self.process.pid, *children(self.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a server that stood still go on."""
        assert self.process is not None
        for one in (*children(self.process.pid), self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "log").read_text(errors="replace")

    @contextmanager
    def standby(self, **options: str) -> Iterator["Cluster"]:
        """Yield a streaming standby of this server, caught up and open for reading."""
        with _cluster(self.bin, self.options | options) as found:
            _run(
                found.folder,
                self.bin / "pg_basebackup",
                f"--dbname={self.url}?application_name=standby",
                f"--pgdata={found.data}",
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
            )
            found.start()
            found.catch_up(self)
            yield found

    def catch_up(self, primary: "Cluster", seconds: float = 10.0) -> None:
        """Return when this standby has replayed what the primary has written until now."""
        # Something new: behind a page's end the primary names a place that no record reaches yet.
        [(position,)] = primary.ask("SELECT pg_logical_emit_message(true, 'test', '')::text")
        question = f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"
        end = time.monotonic() + seconds
        while self.ask(question) != [(True,)]:
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)


@contextmanager
def cluster(*, host_rules: str = "", **options: str) -> Iterator[Cluster]:
    """Yield a new, empty server that runs. Options are those of postgresql.conf; fsync is on.

    `host_rules` are lines that go first in pg_hba.conf.
    """
    with _cluster(programs(), options) as found:
        _run(
            found.folder,
            found.bin / "initdb",
            f"--pgdata={found.data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        )
        if host_rules:
            rules = found.data / "pg_hba.conf"
            rules.write_text(f"{host_rules}\n{rules.read_text()}")
        found.start()
        yield found


@contextmanager
def _cluster(bin: Path, options: dict[str, str]) -> Iterator[Cluster]:
    # Not pytest's own folder: only root could go there, and a socket's path must be short.
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        # The lock is the test process's, and goes with it: see _sweep.
        fcntl.flock(ends.enter_context((folder / _LOCK).open("wb")), fcntl.LOCK_EX)
        if _owner():
            shutil.chown(folder, "postgres", "postgres")
        found = Cluster(bin, folder, options)
        ends.callback(found.kill)
        yield found


def _sweep() -> None:
    """Remove the folders of test processes that were killed: nobody has their locks any more."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), lock.open("rb") as file:
            if lock.stat().st_mtime < time.time() - STARTS:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)


def children(process: int) -> list[int]:
    """Return the ids of the processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in brackets, may hold anything; the parent is the second field after it.
            if int(status.read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(status.parent.name))
    return found


def _run(folder: Path, *command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        **_owner(),
    )
    assert done.returncode == 0, done.stderr


def _owner() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("no user postgres to run a PostgreSQL server as")
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


def _dies_with_us() -> list[str]:
    """Return what makes the server stop when the test process is killed (prctl(2))."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "QUIT"] if found else []


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
