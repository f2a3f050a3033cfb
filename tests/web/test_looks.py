"""What is asked most, without FastAPI: it says what the route says, at a statement or two."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from bvinv.core import catalog, stock
from bvinv.core.session import Session
from tests import books
from tests.api import Api


@pytest.fixture
def api(stocked):
    books.reserve(stocked, "R-2", "HX-2=2", ttl=books.MINUTE)
    with closing(Api(stocked)) as found:
        yield found


@pytest.fixture
def statements(api, monkeypatch):
    """Return the statements about products that are sent from now on."""
    assert api.get("/products?limit=1").status == 200
    found: list[str] = []
    really = Session._send

    def send(self, sql, values):
        if "product" in sql.on_sqlite:  # the background asks about other things
            found.append(sql.on_sqlite)
        return really(self, sql, values)

    monkeypatch.setattr(Session, "_send", send)
    return found


@pytest.mark.parametrize("sku", ["HX-1", "HX-2", "HX-3", "hx-1"])
def test_stock_and_products_are_what_the_core_says(api, stocked, sku):
    with stocked.read() as session:
        level = stock.total(session, ref=sku).record()
        product = catalog.show(session, ref=sku).record()
    assert api.get(f"/stock/{sku}").json == level
    assert api.get(f"/products/{sku}").json == product


def test_a_hold_that_has_run_out_is_free_without_a_write(api, stocked):
    before = api.get("/stock/HX-2").json["available"]
    stocked.clock.advance(2 * books.MINUTE)
    assert api.get("/stock/HX-2").json["available"] == before + 2


def test_a_question_about_stock_takes_one_statement_and_one_about_holds_two(api, statements):
    for sku, most in (("HX-1", 1), ("HX-2", 2)):
        statements.clear()
        assert api.get(f"/stock/{sku}").status == 200
        assert len(statements) == most, statements


def test_a_product_that_is_kept_asks_nothing(api, statements):
    first = api.get("/products/HX-3")
    statements.clear()
    assert api.get("/products/HX-3").json == first.json
    assert statements == []


def test_many_who_ask_at_once_are_each_answered(api):
    wanted = ["HX-1", "HX-2", "HX-3", "NOWHERE"] * 10
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda sku: api.get(f"/stock/{sku}"), wanted))
    assert [one.json.get("sku", one.status) for one in answers] == [
        404 if sku == "NOWHERE" else sku for sku in wanted
    ]


def test_a_connection_that_was_ended_costs_one_answer_at_most(api, stocked):
    if stocked.path:
        pytest.skip("a file is not connected to")
    assert api.get("/stock/HX-1").status == 200
    waiting = api.worker.database.engine.pool._pool.queue
    with closing(stocked.twin()) as other, other.look() as session:
        for pid in [one.dbapi_connection.info.backend_pid for one in list(waiting)]:
            session.wire.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    assert api.get("/stock/HX-1").status in (200, 503)
    assert api.get("/stock/HX-1").status == 200
