"""While the database is away requests are told to wait, and when it is back all goes on."""

import time
from contextlib import closing

import pytest

from bvinv.core import engines
from tests import books
from tests.api import Answer, Api
from tests.web import serving
from tests.web.sound import WISH
from tests.web.wires import wires


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_while_the_file_is_away_requests_wait_and_then_go_on(stocked):
    api = Api(stocked)
    elsewhere = stocked.path.with_name("elsewhere.db")
    try:
        with api.stream("/events?after=0") as stream:
            stream.read(b"product.created")
            stocked.path.rename(elsewhere)
            try:
                _wait(0.11)
                for answer in (
                    api.get("/stock/HX-1"),
                    api.get("/products?limit=2"),
                    api.post("/stock/reserve", WISH, "service"),
                    api.get("/readyz"),
                    api.get("/events", "service"),
                ):
                    _refused_while_away(answer)
                assert api.get("/healthz").status == 200
                assert "bvinv_http_requests_total" in api.get("/metrics").body.decode()
                serving.eventually(lambda: stream.has_ended)
            finally:
                elsewhere.rename(stocked.path)
        assert api.get("/stock/HX-1").json["available"] == 10
        assert api.post("/stock/reserve", WISH, "service").status == 201
        assert books.show(stocked, "R-1").status == "held"
    finally:
        api.close()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_file_that_took_the_place_of_another_is_the_database(stocked):
    api = Api(stocked)
    beside = stocked.path.with_name("beside.db")
    try:
        first = WISH | {"reservation_id": "R-0", "quantity": 2}
        assert api.post("/stock/reserve", first, "service").status == 201
        with closing(books.raw(stocked)) as wire:
            wire.execute(f"VACUUM INTO '{beside}'")
            wire.execute(f"ATTACH '{beside}' AS beside")
            wire.execute(f"PRAGMA beside.application_id = {engines.APPLICATION_ID}")
            wire.execute("PRAGMA beside.journal_mode = wal")
            wire.execute("DETACH beside")
        stocked.close()
        beside.replace(stocked.path)
        for end in ("-wal", "-shm"):
            stocked.path.with_name(f"bvinv.db{end}").unlink(missing_ok=True)
        assert api.post("/stock/reserve", WISH, "service").status == 201
        assert api.get("/stock/HX-1").json["available"] == 7
        assert books.counts(stocked, "HX-1", "MAIN")[:3] == (10, 3, 7)
    finally:
        api.close()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_a_damaged_file_answers_is_no_bug_and_says_nothing(stocked):
    api = Api(stocked)
    try:
        with closing(books.raw(stocked)) as wire:
            wire.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [[size]] = wire.execute("PRAGMA page_size")
        stocked.close()
        assert api.get("/readyz", None).status == 200
        sound = stocked.path.read_bytes()
        stocked.path.write_bytes(sound[:size] + b"\x07" * (len(sound) - size))
        for path in ("/stock/HX-1", "/products/HX-1", "/stock"):
            _refused_while_away(api.get(path, "staff"))
        stocked.path.write_bytes(sound)
    finally:
        api.close()


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_after_the_server_has_dropped_every_connection_requests_go_on(stocked):
    books.counts(stocked, "HX-1", "MAIN")
    others = wires()
    api = Api(stocked)
    try:
        for _ in range(3):
            assert api.get("/stock/HX-1").status == 200
        dropped = [one.info.backend_pid for one in wires() - others]
        with closing(books.raw(stocked)) as wire:
            for pid in dropped:
                wire.execute("SELECT pg_terminate_backend(%s)", [pid])
        answers = [api.get("/stock/HX-1") for _ in range(20)]
        for answer in answers:
            if answer.status != 200:
                _refused_while_away(answer)
        serving.eventually(lambda: api.get("/stock/HX-1").status == 200)
        serving.eventually(lambda: api.post("/stock/reserve", WISH, "service").status in (200, 201))
        serving.eventually(lambda: api.worker.watch.version() == api.worker.watch.version())
        assert books.show(stocked, "R-1").status == "held"
    finally:
        api.close()


def _wait(seconds: float) -> None:
    """Wait until the worker looks at its file again, which it does ten times a second."""
    time.sleep(seconds)


def _refused_while_away(answer: Answer) -> None:
    answer.refused(503, "busy")
    assert answer.headers["retry-after"] == "1"
    for secret in ("bvinv.db", "5432", "127.0.0.1", "postgres", "terminat", "Traceback"):
        assert secret not in answer.body.decode()
