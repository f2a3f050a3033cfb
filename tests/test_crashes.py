"""Killed at any moment: what was acknowledged is there, the books are sound, others go on."""

import random
import shutil
import subprocess
import sys
import time
from contextlib import closing

import pytest

from bvinv.core.errors import InsufficientStock
from bvinv.core.purchasing import receiving
from tests import books, workers
from tests.books import fetch, raw

ROUNDS = 25


def reserve_for_ever(database, tell, first):
    """Reserve, and tell the id after each command that was committed."""
    number = first
    while True:
        try:
            books.reserve(database, f"SO-{number}", "HX-1=1 HX-2=1")
            tell(f"SO-{number}")
        except InsufficientStock:
            books.receive(database, "HX-1", 50, "MAIN")
            books.receive(database, "HX-2", 50, "MAIN")
        number += 1


def test_what_was_acknowledged_survives_a_kill_at_any_moment(database, where, engine_name):
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1", "HX-2")
    chance = random.Random(20260301)
    acknowledged: list[str] = []

    for turn in range(ROUNDS if engine_name == "sqlite" else 8):
        process, told = workers.start(where, reserve_for_ever, turn * 100_000)
        acknowledged.append(told.recv())
        ends_at = time.monotonic() + chance.uniform(0, 0.06)
        while (left := ends_at - time.monotonic()) > 0:
            if told.poll(left):
                acknowledged.append(told.recv())
        process.kill()
        killed_at = time.monotonic()
        books.receive(database, "HX-1", 1, "MAIN")
        waited = time.monotonic() - killed_at
        try:
            while True:
                acknowledged.append(told.recv())
        except (EOFError, OSError):
            told.close()
        process.join()
        assert waited < 1, f"the next writer waited {waited:.3f} s in round {turn}"
        if database.path:
            with closing(raw(database)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert books.findings(database) == []

    kept = {number for (number,) in fetch(database, "SELECT id FROM reservation")}
    assert len(acknowledged) == len(set(acknowledged)) > ROUNDS // 3
    assert set(acknowledged) <= kept
    # At most one command a round was committed and killed before it was told.
    assert len(kept - set(acknowledged)) <= ROUNDS


def hold_the_door(database, tell):
    """Begin a command, change something, and never come to its end."""

    def action(session):
        receiving.receive(session, ref="HX-1", quantity=7, warehouse="MAIN")
        tell("inside")
        time.sleep(600)

    books.act(database, action)


def test_a_command_that_dies_half_way_leaves_nothing_behind(stocked, where):
    before = books.snapshot(stocked)
    process, told = workers.start(where, hold_the_door)
    assert told.recv() == "inside"
    assert books.snapshot(stocked) == before

    process.kill()
    killed_at = time.monotonic()
    assert books.receive(stocked, "HX-1", 1, "MAIN").on_hand == 11
    assert time.monotonic() - killed_at < 1
    process.join()
    told.close()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_each_command_is_on_the_disk_before_it_is_acknowledged(stocked, where, tmp_path):
    """FULL: a kill never tells it from NORMAL, so the calls themselves are counted."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace")
    log = tmp_path / "calls"
    done = subprocess.run(
        [
            "strace",
            "-f",
            "-e",
            "trace=fsync,fdatasync",
            "-o",
            str(log),
            sys.executable,
            "-c",
            SYNCS,
        ],
        check=False,
        env={"WHERE": where, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "ptrace" in done.stderr:
        pytest.skip("this machine lets nobody trace")

    assert done.returncode == 0, done.stderr
    assert log.read_text().count("sync(") >= 20


SYNCS = """
import os
from bvinv.core.db import Database
from tests import books
database = Database(os.environ["WHERE"])
for number in range(20):
    books.reserve(database, f"SO-{number}", "HX-2=1" if number < 10 else "HX-1=1")
os._exit(0)
"""
