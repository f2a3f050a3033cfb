"""A server whose clock has jumped writes nothing, and reads on."""

from contextlib import closing

from tests import books
from tests.api import Api


def test_a_server_whose_clock_jumped_refuses_writes_and_reads_on(stocked, clock, caplog):
    with closing(Api(stocked, clock_jump="400d")) as api:
        asked = {"reservation_id": "SO-1", "sku": "HX-1", "quantity": 1, "warehouse": "MAIN"}
        clock.advance(3_653 * 24 * books.HOUR)
        before = books.snapshot(stocked)
        problem = api.post("/stock/reserve", asked).refused(503, "busy")
        # Strangers need not know; the log does.
        assert problem["detail"] == "the database is busy, or away"
        assert "the clock says 2036-03-01T09:00:00Z, 3652d after the last change" in caplog.text
        assert api.get("/stock/HX-1").status == 200
        assert books.snapshot(stocked) == before

        clock.advance(-3_653 * 24 * books.HOUR)
        assert api.post("/stock/reserve", asked).status == 201
