"""Backups, restores, copies and replays that die half-way, and backups under load (RELIABILITY.md
J-01, J-02, J-03): what bears the name is complete, and the same command again completes it."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bvinv.core.db import Database
from tests import books, workers
from tests.crash import oracle, tracing
from tests.crash.test_kills import spread
from tests.test_crashes import reserve_for_ever
from tests.web import serving

pytestmark = pytest.mark.crash
on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
POINTS = 20
CALLS = ["pwrite64", "write", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "link"]
TALKS = ["sendto", "recvfrom"]


class Job(NamedTuple):
    """A command that makes a database out of another one: what is typed, with which database as
    its own, and what it makes."""

    words: list[str]
    where: str
    made: str


@pytest.fixture(params=["backup", "restore", "copy", "replay"])
def job(request, mornings, stable, engine_name, tmp_path) -> Callable[[], Job]:
    """Return a function that returns a job of this kind, of which nothing has been done yet."""
    source = mornings.new()
    folder = tmp_path / "made"
    backup, log = tmp_path / "kept.db", tmp_path / "kept.jsonl"
    target = str(folder / "new.db")
    asked = {"where": source, "log": str(tmp_path / "said"), "folder": str(tmp_path)}
    if request.param == "restore":
        assert stable.run(words=["db", "backup", str(backup)], **asked) == 0
    if request.param == "replay":
        assert stable.run(words=["db", "log", "export", str(log)], **asked) == 0

    def make() -> Job:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        match request.param:
            case "backup":
                return Job(["db", "backup", target], source, target)
            case "restore":
                return Job(["db", "restore", str(backup)], target, target)
            case "copy":
                return Job(["db", "copy", source, target], source, target)
        return Job(["db", "log", "replay", str(log)], target, target)

    make.source = source  # type: ignore[attr-defined]
    return make


@tracing.needs_strace
def test_what_dies_half_way_leaves_nothing_of_that_name_or_all_of_it(
    job, stable, request, engine_name, tmp_path
):
    kind = request.node.callspec.params["job"]
    expected = oracle.state(job.source)
    asked: dict[str, Any] = {"log": str(tmp_path / "said"), "folder": str(tmp_path)}
    one = job()
    calls = CALLS + (TALKS if engine_name == "postgresql" else [])
    code, lines = stable.watched(calls, words=one.words, where=one.where, **asked)
    assert code == 0, (tmp_path / "said").read_text()
    assert oracle.state(one.made) == expected
    whole = {file.name for file in Path(one.made).parent.iterdir()}
    seen: Counter[str] = Counter()
    points = []
    for line in lines:
        name = line.partition("(")[0]
        seen[name] += 1
        points.append((name, seen[name]))
    ended: Counter[str] = Counter()
    for name, number in spread(points, POINTS):
        one = job()
        asked_now = asked | {"words": one.words, "where": one.where}
        inject = f"{name}:signal=SIGKILL:when={number}"
        assert stable.watched([name], inject, **asked_now)[0] in (-9, 0)
        what = f"{kind} killed at {name} {number}"
        if complete := is_complete(stable, kind, one.made, tmp_path):
            assert oracle.faults(one.made) == [], what
            assert oracle.state(one.made) == expected, what
        ended["complete" if complete else "nothing"] += 1
        code = stable.run(**asked_now)
        # Nothing is done over one that is complete; what is not is gone on with, or done again.
        said = (tmp_path / "said").read_text()
        assert code in ((0, 4) if complete else (0,)), (what, said)
        assert oracle.faults(one.made) == [], what
        assert oracle.state(one.made) == expected, what
        left = {file.name for file in Path(one.made).parent.iterdir()} - whole
        # A second name of the complete file may stay where the command was refused, no more.
        mine = {name for name in left if name.endswith(".unfinished")} if code else set()
        assert len(mine) <= 1, what
        assert left - mine <= {f"{Path(one.made).name}.lock"}, what
    print(kind, len(points), "calls", ended)
    assert ended["nothing"] >= POINTS // 4


def is_complete(stable, kind: str, made: str, tmp_path: Path) -> bool:
    """Tell whether there is a database; who refuses to use what is there says plainly why."""
    if not Path(made).exists() or kind == "backup":
        return Path(made).exists()
    asked: dict[str, Any] = {"log": str(tmp_path / "used"), "folder": str(tmp_path)}
    if code := stable.run(where=made, words=["stock", "list", "--format", "json"], **asked):
        said = json.loads((tmp_path / "used").read_text())
        assert code in (2, 3, 4, 9), said
        assert json.loads(said["stderr"])["code"] != "internal", said
        return False
    # One in which nothing ever happened is as good as none.
    return bool(oracle.Books(made).rows["command_log"])


# --- J-01 ---------------------------------------------------------------------------------------


def bvinv(where: str, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "bvinv", "--db", where, *words],
        cwd=tracing.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_twenty_backups_under_load_each_have_all_that_was_acknowledged(where, tmp_path):
    """Three write, one imports; a backup has everything that was acknowledged before it began."""
    with closing(Database(where)) as database:
        books.add_warehouses(database, "MAIN")
        books.add_products(database, "HX-1", "HX-2")
    goods = tmp_path / "titles.csv"
    rows = "".join(f"T-{number},Title {number}\n" for number in range(60_000))
    goods.write_text(f"sku,title\n{rows}")
    writers = [workers.start(where, reserve_for_ever, turn * 1_000_000) for turn in range(3)]
    importing = bvinv(where, "products", "import", str(goods), "--format", "json")
    told: set[str] = set()

    def listen() -> None:
        for _, pipe in writers:
            while pipe.poll(0):
                told.add(pipe.recv())

    began = time.monotonic()
    during = 0
    try:
        for turn in range(20):
            listen()
            before = set(told)
            during += importing.poll() is None
            target = str(tmp_path / f"{turn}.db")
            taking = bvinv(where, "db", "backup", target, "--format", "json")
            while taking.poll() is None:
                listen()
                time.sleep(0.01)
            stdout, stderr = taking.communicate()
            assert taking.returncode == 0, stderr
            row = json.loads(stdout)
            assert row["sha256"] == hashlib.sha256(Path(target).read_bytes()).hexdigest()
            copy = oracle.Books(target)
            assert oracle.faults(target, came_from_many="://" in where) == [], turn
            assert before <= {one["id"] for one in copy.rows["reservation"]}, turn
            Path(target).unlink()
        stdout, stderr = importing.communicate(timeout=600)
        assert importing.returncode == 0, stderr
        assert json.loads(stdout)["created"] == 60_000
    finally:
        for process, pipe in writers:
            process.kill()
            process.join()
            pipe.close()
        importing.kill()
    took = time.monotonic() - began
    print(f"{len(told)} reservations beside 20 backups in {took:.1f} s, {during} beside the import")
    assert during > 0
    assert len(told) > 20


# --- J-03 ---------------------------------------------------------------------------------------


@on_sqlite
def test_a_log_that_somebody_left_is_not_replayed_into_what_is_restored(
    mornings, stable, engine_name, tmp_path
):
    source, kept = mornings.new(), tmp_path / "kept.db"
    asked: dict[str, Any] = {"log": str(tmp_path / "said"), "folder": str(tmp_path)}
    assert stable.run(where=source, words=["db", "backup", str(kept)], **asked) == 0
    expected = oracle.state(source)
    # Somebody who died left a log of the database that was at this place.
    target = tmp_path / "new.db"
    shutil.copyfile(source, target)
    with closing(oracle.sqlite3.connect(target)) as wire:
        wire.execute("UPDATE product SET title = 'another'")
        wire.commit()
        stale = Path(f"{target}-wal").read_bytes()
    target.unlink()
    for end in ("-wal", "-shm"):
        Path(f"{target}{end}").write_bytes(stale if end == "-wal" else bytes(32_768))

    code = stable.run(where=str(target), words=["db", "restore", str(kept)], **asked)

    said = json.loads((tmp_path / "said").read_text())
    if code:
        assert (code, said["stdout"]) == (4, ""), said
        assert not target.exists()
        for end in ("-wal", "-shm"):
            Path(f"{target}{end}").unlink()
        assert stable.run(where=str(target), words=["db", "restore", str(kept)], **asked) == 0
    assert oracle.faults(str(target)) == []
    assert oracle.state(str(target)) == expected


@on_sqlite
def test_nothing_is_restored_over_a_database_that_is_served(
    mornings, stable, engine_name, tmp_path
):
    source, kept = mornings.new(), tmp_path / "kept.db"
    asked: dict[str, Any] = {"log": str(tmp_path / "said"), "folder": str(tmp_path)}
    assert stable.run(where=source, words=["db", "backup", str(kept)], **asked) == 0
    with serving.bvinv(source) as served:
        served.listen()
        code = stable.run(where=source, words=["db", "restore", str(kept)], **asked)
        said = json.loads((tmp_path / "said").read_text())
        assert code == 4, said
        assert served.stop() == 0
    assert oracle.faults(source) == []
