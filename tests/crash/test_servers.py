"""PostgreSQL killed as a whole, again and again, under load: what was acknowledged is there, and
everybody goes on by themselves (RELIABILITY.md C-01, C-04 on PostgreSQL)."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from bvinv.core import schema
from bvinv.core.db import Database
from bvinv.core.errors import Busy, InsufficientStock, InventoryError
from tests import books, clusters, connections, workers
from tests.crash import day, oracle
from tests.http_clients import Crowd, Lost, Wire
from tests.web import serving

pytestmark = pytest.mark.crash
ROUNDS = 6
CLIENTS = 8


@pytest.fixture
def durable() -> Iterator[clusters.Cluster]:
    """Yield a server with a stocked shop that waits for its disk, as it is when it is new."""
    with clusters.cluster(fsync="on", synchronous_commit="on") as server:
        with closing(Database(server.url)) as found:
            schema.upgrade(found)
            books.add_warehouses(found, "MAIN")
            books.add_products(found, "HX-1", "HX-2")
            books.receive(found, "HX-1", 100_000, "MAIN")
            books.receive(found, "HX-2", 100_000, "MAIN")
        connections.forget(str(server.port))
        yield server


def write_through_it_all(database, tell, first):
    """Reserve and give back for ever; tell what was committed, and how long nobody answered."""
    number, away = first, 0.0
    while True:
        began = time.monotonic()
        try:
            books.reserve(database, f"SO-{number}", "HX-1=1 HX-2=1")
            tell(f"SO-{number}")
            number += 1
        except Busy:
            away += time.monotonic() - began
            time.sleep(0.02)
        except InsufficientStock:
            return
        except InventoryError as error:
            tell(f"error {error}")
            return


def order(crowd: Crowd, wire: Wire, number: int) -> None:
    """Reserve over HTTP until the test says stop; the same id once more when nobody knows."""
    step = 0
    while not crowd.stop.is_set():
        step += 1
        body = {"reservation_id": f"H-{number}-{step}", "sku": "HX-1", "quantity": 1}
        with suppress(Lost):
            if crowd.log.post(wire, "/stock/reserve", body).status == 503:
                time.sleep(0.02)


def test_what_was_acknowledged_survives_the_death_of_the_database_server(durable, tmp_path):
    where = durable.url
    writers = [workers.start(where, write_through_it_all, n * 1_000_000) for n in range(3)]
    told: list[str] = []

    def listen(seconds: float) -> int:
        end, heard = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            for _, pipe in writers:
                if pipe.poll(min(left, 0.01)):
                    told.append(pipe.recv())
                    heard += 1
        return heard

    try:
        with serving.bvinv(where, "--workers", "2") as served:
            served.listen()
            crowd = Crowd(served.port, order, range(CLIENTS))
            crowd.wait_for(5 * CLIENTS)
            for turn in range(ROUNDS):
                assert listen(0.7) > 0, f"nobody writes in round {turn}"
                seen = len(crowd.log.intents)
                durable.kill()
                listen(0.2)
                durable.start()
                back = time.monotonic()
                while not listen(0.1):
                    assert time.monotonic() < back + 10, "the writers do not go on"
                serving.eventually(
                    lambda seen=seen: any(
                        one.acknowledged for one in list(crowd.log.intents)[seen + CLIENTS :]
                    )
                )
                print(f"round {turn}: all go on {time.monotonic() - back:.2f} s after it is back")
            crowd.stop.set()
            log = crowd.join()
            assert served.stop() == 0
    finally:
        for process, pipe in writers:
            process.kill()
            process.join()
            while pipe.poll(0):
                try:
                    told.append(pipe.recv())
                except EOFError:
                    break
            pipe.close()
    assert [one for one in told if one.startswith("error")] == []
    assert log.statuses() <= {200, 201, 503}
    acknowledged = {*told, *(one.body["reservation_id"] for one in log.intents if one.acknowledged)}
    found = oracle.Books(where)
    assert acknowledged <= {one["id"] for one in found.rows["reservation"]}
    assert oracle.faults(where) == []
    print(f"{len(acknowledged)} acknowledged")


def test_a_command_whose_connection_is_cut_is_told_so_and_the_next_one_works(
    mornings, asked, stable, evening, quick_server, engine_name
):
    """Its own process on the server is killed, which ends every other one there as well."""
    if engine_name == "sqlite":
        pytest.skip("there is no server")
    for turn in range(10):
        where = mornings.new()
        number = stable.begin(**asked(where), tries=50)
        os.kill(number, signal.SIGCONT)
        time.sleep(0.05 + turn / 30)
        quick_server.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE "
            "'bvinv%'"
        )
        assert stable.end() == 0
        for failure in day.failures(mornings.log):
            assert (failure["code"], failure["stdout"]) == (9, ""), failure
        assert oracle.faults(where, day.acks(mornings.log)) == []
        assert oracle.state(where) == evening


def test_every_acknowledgement_is_on_the_disk_of_the_database_server(durable):
    """PostgreSQL itself counts its syncs."""
    asked = "SELECT wal_sync FROM pg_stat_wal"
    time.sleep(1.2)  # what a server counts is told once a second
    [(before,)] = durable.ask(asked)
    with closing(Database(durable.url)) as database:
        for number in range(100):
            books.reserve(database, f"SYNC-{number}", "HX-1=1")
    connections.forget(str(durable.port))
    serving.eventually(lambda: durable.ask(asked)[0][0] - before >= 100)
