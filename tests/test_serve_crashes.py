"""Servers killed, stopped and starved under load: what was acknowledged is there, with its content,
the books are sound, and the next server finds its port free (RELIABILITY.md, C)."""

import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bvinv.core import instants
from bvinv.core.db import Database
from tests import books, oracle
from tests.books import counts, fetch, raw
from tests.http_clients import Crowd, Intent, Log, Wire, children, one_each, runs
from tests.web import serving

on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
CLIENTS = 12


def own(number: int) -> str:
    return f"OWN-{number}"


@pytest.fixture
def shop(where) -> Iterator[Database]:
    """Yield a database by the real clock, with a product for each client and one for all."""
    with closing(Database(where)) as found:
        books.add_warehouses(found, "MAIN")
        skus = ["ALL", *map(own, range(CLIENTS))]
        books.add_products(found, *skus)
        for sku in skus:
            books.receive(found, sku, 100_000, "MAIN")
        yield found
        assert_sound(found)


def assert_sound(database: Database) -> None:
    assert books.findings(database) == []
    assert oracle.faults(database, instants.now()) == []
    if database.path:
        with closing(raw(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def trade(crowd: Crowd, wire: Wire, argument: tuple[str, int]) -> None:
    """Reserve, release and adjust until the server is gone, or it is told to stop."""
    turn, number = argument
    chance = random.Random(f"{turn}-{number}")
    held: list[str] = []
    step = 0
    while not crowd.stop.is_set():
        step += 1
        name = f"{turn}-{number}-{step}"
        match chance.randrange(4):
            case 0 if held:
                name = held.pop(chance.randrange(len(held)))
                crowd.log.post(wire, "/stock/release", {"reservation_id": name})
            case 1:
                change = chance.choice([-2, -1, 1, 2, 3])
                body = {"sku": own(number), "warehouse": "MAIN", "change": change}
                crowd.log.post(wire, "/stock/adjust", body | {"reason": "found"}, key=name)
            case _:
                lines = [
                    {"sku": "ALL", "quantity": 1},
                    {"sku": own(number), "quantity": chance.randint(1, 3)},
                ]
                body = {"reservation_id": name, "lines": lines, "ttl_seconds": 3600}
                if crowd.log.post(wire, "/stock/reserve", body).status == 201:
                    held.append(name)


def assert_kept(database: Database, wire: Wire, log: Log) -> int:
    """See that every acknowledged write is there as it was acknowledged (I8), that none happened
    twice, and that what was refused has left nothing; return how many were acknowledged."""
    for one in log.intents:
        assert one.answer is None or one.answer.status in (200, 201, 503), one
    released = {one.body["reservation_id"]: one for one in log.of("/stock/release")}
    there = {name for (name,) in fetch(database, "SELECT id FROM reservation")}
    for one in log.of("/stock/reserve"):
        name = one.body["reservation_id"]
        if one.acknowledged:
            assert_content(wire, one, released.get(name))
        assert not (one.refused and name in there), one
    assert_adjusted(database, log)
    return sum(one.acknowledged for one in log.intents)


def assert_content(wire: Wire, made: Intent, released: Intent | None) -> None:
    name = made.body["reservation_id"]
    answer = wire.get(f"/reservations/{name}")
    assert answer.status == 200, made
    shown = answer.json
    if released is None:
        states = {"held"}
    elif released.acknowledged:
        states = {"released"}
    else:
        states = {"held", "released"} if released.answer is None else {"held"}
    assert shown["status"] in states, (made, released, shown)
    for field in ("reservation_id", "expires_at", "created_at"):
        assert shown[field] == made.answer.json[field]
    if shown["status"] == "held":
        assert shown["lines"] == made.answer.json["lines"]


def assert_adjusted(database: Database, log: Log) -> None:
    """See that the acknowledged adjustments happened, and each that did happened once."""
    keys = {key for (key,) in fetch(database, "SELECT key FROM command_log WHERE key IS NOT NULL")}
    moved: Counter[str] = Counter()
    on_hand: Counter[str] = Counter()
    for one in log.of("/stock/adjust"):
        happened = f"tester/{one.key}" in keys
        assert happened or not one.acknowledged, one
        assert not (happened and one.refused), one
        if happened:
            sku, change = one.body["sku"], one.body["change"]
            moved[sku] += abs(change)
            on_hand[sku] += change
    found = fetch(
        database,
        "SELECT p.sku, sum(m.quantity) FROM movement AS m "
        "JOIN stock_level AS l ON l.id = m.level_id JOIN product AS p ON p.id = l.product_id "
        "WHERE m.kind = 'adjust' GROUP BY p.sku",
    )
    assert {sku: int(quantity) for sku, quantity in found} == moved
    for number in range(CLIENTS):
        assert counts(database, own(number), "MAIN")[0] == 100_000 + on_hand[own(number)]


def ready(served: serving.Served) -> None:
    """Wait until it is ready for requests."""
    served.listen()
    with Wire(served.port) as wire:
        assert wire.get("/readyz").json == {"status": "ready"}


def kill(pids: list[int]) -> None:
    """End processes with SIGKILL, in any order, all at once."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


# --- C-01 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives_the_death_of_the_whole_server(
    shop, where, rounds, tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # nobody is left who would tidy up
    log = Log()
    chance = random.Random(rounds)
    port = 0
    for turn in range(rounds + 1):
        began = time.monotonic()
        with serving.bvinv(where, "--workers", "2", port=port) as served:
            ready(served)
            print(f"round {turn}: ready in {time.monotonic() - began:.2f} s")
            port = served.port
            if log.intents:
                with Wire(port) as wire:
                    print(f"{assert_kept(shop, wire, log)} of {len(log.intents)} acknowledged")
            if turn == rounds:
                assert served.stop() == 0
                break
            crowd = Crowd(port, trade, [(f"T{turn}", number) for number in range(CLIENTS)])
            crowd.wait_for(10 * CLIENTS)
            time.sleep(chance.uniform(0, 0.5))
            pids = [served.process.pid, *children(served.process.pid)]
            assert len(pids) == 3
            chance.shuffle(pids)
            kill(pids)
            log.intents += crowd.join().intents
            served.process.wait(serving.PATIENCE)
        assert_sound(shop)


@on_sqlite
def test_workers_follow_their_parent_and_one_is_replaced(shop, where):
    with serving.bvinv(where, "--workers", "2") as served:
        ready(served)
        parent = served.process.pid
        first, second = children(parent)

        crowd = Crowd(served.port, trade, [("ONE", number) for number in range(CLIENTS)])
        crowd.wait_for(10 * CLIENTS)
        kill([first])
        killed_at = len(crowd.log.intents)
        served.line(f"worker {first} died")
        with Wire(served.port) as wire:  # the other one goes on
            body = {"reservation_id": "BETWEEN", "sku": "ALL", "quantity": 1}
            assert wire.post("/stock/reserve", body).status == 201
        serving.eventually(lambda: len(children(parent)) == 2)
        assert second in children(parent)
        serving.eventually(lambda: len(crowd.log.intents) > killed_at)
        crowd.stop.set()
        log = crowd.join()
        # Whose connection went to the dead one has been told nothing; everybody else was.
        assert log.statuses() <= {200, 201}
        left = children(parent)
        for wire in one_each(served.port, left):  # the new one serves, too
            wire.socket.close()
        with Wire(served.port) as wire:
            assert_kept(shop, wire, log)
        kill([parent])
        served.process.wait(serving.PATIENCE)
        killed = time.monotonic()
        serving.eventually(lambda: not any(map(runs, left)))
        print(f"workers ended {time.monotonic() - killed:.2f} s after their parent")
        socket.create_server(("127.0.0.1", served.port)).close()


def test_workers_that_start_when_their_parent_dies_end_without_a_word(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving.server(workers=2) as served:
        parent = served.process.pid
        serving.eventually(lambda: len(children(parent)) == 2)
        left = children(parent)
        kill([parent])
        served.process.wait(serving.PATIENCE)
        serving.eventually(lambda: not any(map(runs, left)))
        served.reader.join()
        # On a busy machine one of them may serve already, and closes.
        assert {*served.said} <= {"closed"}
    assert list(tmp_path.iterdir()) == []


# --- C-08 ---------------------------------------------------------------------------------------


def write_once(crowd: Crowd, wire: Wire, number: int) -> None:
    """Write one thing after the other, over a connection that stays open."""
    for step in range(1_000):
        name = f"C8-{number}-{step}"
        crowd.log.post(
            wire, "/stock/reserve", {"reservation_id": name, "sku": "ALL", "quantity": 1}
        )


@on_sqlite
@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_sigterm_ends_a_server_after_what_is_in_flight(shop, where, rounds):
    log = Log()
    port = 0
    for _ in range(rounds):
        with serving.bvinv(where, "--workers", "2", port=port) as served:
            ready(served)
            port = served.port
            base = 100 * len(log.intents)
            crowd = Crowd(port, write_once, range(base, base + 32))
            crowd.wait_for(64)
            began = time.monotonic()
            assert served.stop() == 0
            took = time.monotonic() - began
            print(f"stopped in {took:.2f} s after {len(crowd.log.intents)} writes")
            assert took < 20
            log.intents += crowd.join().intents
            served.reader.join()
            assert served.said == [f"bvinv serves http://127.0.0.1:{port}"]
    assert log.statuses() <= {201, 503}
    acknowledged = {one.body["reservation_id"] for one in log.intents if one.acknowledged}
    lost = {one.body["reservation_id"] for one in log.intents if one.answer is None}
    kept = {name for (name,) in fetch(shop, "SELECT id FROM reservation")}
    assert acknowledged <= kept <= acknowledged | lost
    print(f"{len(acknowledged)} acknowledged, {len(kept - acknowledged)} kept without a word")
    assert counts(shop, "ALL", "MAIN")[1] == len(kept)
    with serving.bvinv(where, port=port) as served:
        ready(served)
        assert served.stop() == 0


# --- C-07 ---------------------------------------------------------------------------------------


def limit_files(pids: list[int], size: int) -> None:
    """Let no file of these processes grow beyond this many bytes."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def until_full(crowd: Crowd, wire: Wire, number: int) -> None:
    """Trade until there are refusals, and on, until the test says stop."""
    trade(crowd, wire, ("FULL", number))


@on_sqlite
def test_a_disk_without_room_puts_writers_off_and_nothing_is_lost(shop, where):
    """The limit of a file's size is a disk that is full for whoever has it."""
    with serving.bvinv(where) as served:
        ready(served)
        pids = [served.process.pid]
        crowd = Crowd(served.port, until_full, range(CLIENTS))
        crowd.wait_for(100)
        limit_files(pids, 4096)
        try:
            serving.eventually(
                lambda: sum(one.refused for one in list(crowd.log.intents)) > 5 * CLIENTS
            )
            with Wire(served.port) as wire:
                assert wire.get("/stock/ALL").status == 200
                assert wire.get("/reservations?limit=10").status == 200
                assert wire.get("/healthz").status == 200
        finally:
            limit_files(pids, resource.RLIM_INFINITY)
        freed = time.monotonic()
        with Wire(served.port) as wire:
            body = {"reservation_id": "AGAIN", "sku": "ALL", "quantity": 1}
            while wire.post("/stock/reserve", body).status != 201:
                assert time.monotonic() < freed + 5
        print(f"writes again {time.monotonic() - freed:.2f} s after there is room")
        crowd.stop.set()
        log = crowd.join()
        refused = [one.answer for one in log.intents if one.refused]
        assert {(one.status, one.json["code"]) for one in refused} == {(503, "busy")}
        with Wire(served.port) as wire:
            assert_kept(shop, wire, log)
        assert served.stop() == 0


ON_SMALL_DISK = """
mount -t tmpfs -o size=8m,mode=0700 none "$1" && shift && cp "$1" "$2" && chmod 600 "$2" &&
exec "$3" -m bvinv --db "$2" serve --port 0
"""


def fill(path: Path) -> None:
    """Take all the room that is left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))


@on_sqlite
def test_a_full_disk_puts_writers_off_until_there_is_room(shop, where, tmp_path):
    if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk of their own")
    shop.close()
    disk = tmp_path / "disk"
    disk.mkdir()
    started = subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", ON_SMALL_DISK, "sh", str(disk), where,
         str(disk / "bvinv.db"), sys.executable],
        cwd=serving.ROOT,
        env={**os.environ, "BVINV_ACCESS_LOG": "off", "BVINV_ACTOR": "tester"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    served = serving.Served(started)
    try:
        served.listen()
        # The disk is in the server's world only; this is the way in.
        inside = Path(f"/proc/{started.pid}/root{disk}")
        crowd = Crowd(served.port, until_full, range(CLIENTS))
        crowd.wait_for(100)
        fill(inside / "filler")
        serving.eventually(
            lambda: sum(one.refused for one in list(crowd.log.intents)) > 5 * CLIENTS
        )
        with Wire(served.port) as wire:
            assert wire.get("/stock/ALL").status == 200
            (inside / "filler").unlink()
            freed = time.monotonic()
            body = {"reservation_id": "AGAIN", "sku": "ALL", "quantity": 1}
            while wire.post("/stock/reserve", body).status != 201:
                assert time.monotonic() < freed + 5
            print(f"writes again {time.monotonic() - freed:.2f} s after there is room")
            crowd.stop.set()
            log = crowd.join()
            refused = [one.answer for one in log.intents if one.refused]
            assert {(one.status, one.json["code"]) for one in refused} == {(503, "busy")}
            assert wire.get("/readyz").status == 200
            assert_all_is_there(wire, log)
        assert served.stop() == 0
    finally:
        if started.poll() is None:
            started.kill()
            started.wait()
        served.reader.join(serving.PATIENCE)


def assert_all_is_there(wire: Wire, log: Log) -> None:
    """See over HTTP what was acknowledged: nobody else reaches this disk."""
    released = {one.body["reservation_id"]: one for one in log.of("/stock/release")}
    for one in log.of("/stock/reserve"):
        if one.acknowledged:
            assert_content(wire, one, released.get(one.body["reservation_id"]))
        elif one.refused:
            assert wire.get(f"/reservations/{one.body['reservation_id']}").status == 404
    for number in range(CLIENTS):
        changes = [
            one.body["change"]
            for one in log.of("/stock/adjust")
            if one.acknowledged and one.body["sku"] == own(number)
        ]
        assert wire.get(f"/stock/{own(number)}").json["on_hand"] == 100_000 + sum(changes)
