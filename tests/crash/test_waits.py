"""A writer that stands still (RELIABILITY.md C-10): the others wait, or are told so in time, and
nobody sells what it holds."""

import os
import random
import signal
import time

import pytest

from bvinv.core.db import Database
from bvinv.core.errors import Busy, InsufficientStock
from tests import books, workers
from tests.crash import oracle

pytestmark = pytest.mark.crash
PATIENCE = 0.3  # seconds that the others wait for a lock
STOPS = 50


def sell(database, tell, first, patience):
    """Reserve one piece after the other; tell what was committed, and how long it took."""
    database = Database(database.path or str(database.url), patience=patience)
    assert database.engine
    number = first
    while True:
        began = time.monotonic()
        try:
            books.reserve(database, f"SO-{number}", "HX-1=1")
            tell((f"SO-{number}", time.monotonic() - began))
        except Busy:
            tell(("", time.monotonic() - began))
        except InsufficientStock:
            tell(("sold out", 0.0))
            return
        number += 1


def test_nobody_waits_for_ever_for_a_writer_who_stands_still(database, where, engine_name):
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1")
    books.receive(database, "HX-1", 1_000_000, "MAIN")
    database.close()
    chance = random.Random(10)
    victim, victims = workers.start(where, sell, 0, 30.0)
    others = [workers.start(where, sell, (n + 1) * 10_000_000, PATIENCE) for n in range(2)]
    told: list[tuple[str, float]] = []

    def listen(seconds: float, *pipes) -> list[tuple[str, float]]:
        end, heard = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            for pipe in pipes:
                heard += [pipe.recv()] if pipe.poll(min(left, 0.01)) else []
        told.extend(heard)
        return heard

    try:
        listen(1.0, victims, *(pipe for _, pipe in others))
        stops = [0.1] * (STOPS - 1) + [10.0]
        for seconds in stops:
            listen(chance.uniform(0.02, 0.06), victims, *(pipe for _, pipe in others))
            os.kill(victim.pid, signal.SIGSTOP)
            waits = listen(seconds, *(pipe for _, pipe in others))
            os.kill(victim.pid, signal.SIGCONT)
            assert all(took < PATIENCE + 3 for _, took in waits), waits
            if seconds > 5:
                assert waits, "the others neither wrote nor were told why not"
        assert listen(2.0, victims), "whoever stood still goes on"
    finally:
        for process, pipe in [(victim, victims), *others]:
            process.kill()
            process.join()
            while pipe.poll(0):
                try:
                    told.append(pipe.recv())
                except EOFError:
                    break
            pipe.close()
    sold = {name for name, _ in told if name}
    print(f"{len(sold)} sold, {sum(not name for name, _ in told)} put off")
    assert sold <= {row["id"] for row in oracle.Books(where).rows["reservation"]}
    assert oracle.faults(where) == []
