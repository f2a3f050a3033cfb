"""Old databases upgraded by many at once, and by some who die of it (RELIABILITY.md J-06): the
schema is the old one or the new one, never one between, and what was in it is still there."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing

import psycopg
import pytest

from bvinv.core import db, schema
from bvinv.core.db import Database
from tests import connections
from tests.core.test_schema import copy_into
from tests.crash import oracle, tracing
from tests.crash.conftest import Mornings
from tests.crash.test_kills import CALLS, spread

pytestmark = pytest.mark.crash
POINTS = 20


@pytest.fixture(params=["0001", "0005"])
def earlier(request, engine_name, morning_file, tmp_path) -> Mornings:
    """Return where databases come from that an earlier release has filled."""
    version = request.param
    template = tmp_path / f"old{version}.db"
    server = None
    if engine_name == "sqlite":
        old, new = Database(template), Database(shutil.copyfile(morning_file, tmp_path / "new.db"))
    else:
        server = request.getfixturevalue("quick_server")
        server.ask(f'DROP DATABASE IF EXISTS "{template.stem}"')
        server.ask(f'CREATE DATABASE "{template.stem}"')
        old = Database(server.address(database=template.stem))
        new = Database(server.address(database="morning"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "SCHEMA", version)
        schema.upgrade(old)
    copy_into(old, new)
    for one in (old, new):
        one.close()
    connections.forget(template.stem)
    connections.forget("morning")
    return Mornings(tmp_path, template, server)


def shape(where: str) -> Counter[str]:
    """Return every table, column, index, trigger and check that there is."""
    if "://" not in where:
        with closing(oracle.sqlite3.connect(where)) as wire:
            found = wire.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
            found += wire.execute("SELECT version_num FROM alembic_version").fetchall()
        return Counter(map(repr, found))
    with psycopg.Connection.connect(where) as connection:
        found = connection.execute("""
            SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
             WHERE table_schema = 'public'
            UNION ALL SELECT 'index', indexname, indexdef, '' FROM pg_indexes
             WHERE schemaname = 'public'
            UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid), '' FROM pg_trigger
             WHERE NOT tgisinternal
            UNION ALL SELECT 'check', conname, pg_get_constraintdef(oid), '' FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'function', proname, prosrc, '' FROM pg_proc
             WHERE pronamespace = 'public'::regnamespace
            UNION ALL SELECT 'version', version_num, '', '' FROM alembic_version
        """).fetchall()
    return Counter(map(repr, found))


def rows(where: str) -> dict[str, int]:
    """Return how many rows there are of what both schemas have."""
    names = ("product", "movement", "event", "command_log", "reservation_line", "stock_level")
    asked = ", ".join(f"(SELECT count(*) FROM {name})" for name in names)
    if "://" not in where:
        with closing(oracle.sqlite3.connect(where)) as wire:
            [found] = wire.execute(f"SELECT {asked}").fetchall()
    else:
        with psycopg.Connection.connect(where) as connection:
            [found] = connection.execute(f"SELECT {asked}").fetchall()
    return dict(zip(names, found, strict=True))


@tracing.needs_strace
def test_an_upgrade_that_dies_leaves_the_old_schema_or_the_new(
    earlier, stable, engine_name, tmp_path
):
    where = earlier.new()
    asked = {"log": str(tmp_path / "log"), "folder": str(tmp_path), "words": ["init"]}
    old, held = shape(where), rows(where)
    code, lines = stable.watched(CALLS[engine_name], where=where, **asked)
    assert code == 0
    new = shape(where)
    assert new != old
    seen: Counter[str] = Counter()
    points = []
    for line in lines:
        name = line.partition("(")[0]
        seen[name] += 1
        points.append((name, seen[name]))
    ended: Counter[str] = Counter()
    for name, number in spread(points, POINTS) if len(points) > POINTS else points:
        where = earlier.new()
        inject = f"{name}:signal=SIGKILL:when={number}"
        assert stable.watched([name], inject, where=where, **asked)[0] in (-9, 0)
        if engine_name == "sqlite":
            # Looked at in a copy: whoever comes next finds what the dead have left.
            copy = str(shutil.copyfile(where, tmp_path / "copy"))
            if (log := tmp_path / "day.db-wal").exists():
                shutil.copyfile(log, f"{copy}-wal")
        else:
            copy = where
        found = shape(copy)
        assert found in (old, new), f"killed at {name} {number}"
        ended["new" if found == new else "old"] += 1
        for end in ("", "-wal", "-shm"):
            (tmp_path / f"copy{end}").unlink(missing_ok=True)
        assert stable.run(where=where, **asked) == 0
        assert shape(where) == new
        assert rows(where) == held
        assert oracle.faults(where) == []
    print(len(points), "calls", ended)
    assert ended["old"] > POINTS // 4


def test_four_who_upgrade_at_once_are_one_who_does_and_three_who_wait(earlier):
    where = earlier.new()
    before = rows(where)
    environment = {name: v for name, v in os.environ.items() if not name.startswith("BVINV_")}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "bvinv", "--db", where, "init", "--format", "json"],
            cwd=tracing.ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [one.communicate(timeout=tracing.PATIENCE) for one in started]
    assert [one.returncode for one in started] == [0] * 4, said
    actions = sorted(json.loads(stdout)["action"] for stdout, _ in said)
    assert actions == ["nothing"] * 3 + ["upgraded"]
    assert rows(where) == before
    assert oracle.faults(where) == []
