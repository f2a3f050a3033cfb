"""Forecasts over HTTP: what the last night stored, and an outlook that is made when it is asked."""

from datetime import UTC, datetime, timedelta

import pytest

from bvinv.core import instants
from bvinv.core.db import Sql
from tests import books
from tests.demand_books import sold_before
from tests.routes import doors as both

doors = both.doors

_RUN = Sql.insert(
    "forecast_run",
    *("as_of_on", "period", "version", "settings", "levels", "command_id", "recorded_at"),
    after="RETURNING id",
)
_LEVEL = Sql("""
    INSERT INTO forecast_level
    SELECT p.id, w.id, :run, NULL, 7, 7, 2, 9500, 'cycle', 16125, 4031, 23480, 23, 7, 31
         , 'combined', 'A', 'X', 'smooth', '{}'
      FROM product AS p, warehouse AS w WHERE p.sku = 'HX-1'
""")


@pytest.fixture
def selling(doors):
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=1 + 7 * week) for week in range(20)]
    sold_before(doors.api.database, *(f"HX-1,{day},4" for day in days))
    return doors


def night(database) -> None:
    """Store what a night would."""

    def action(session):
        values = {"as_of_on": 20260301, "period": "week", "version": "1", "settings": "{}"}
        values |= {"levels": 2, "command_id": 1, "recorded_at": books.START}
        [run] = session.insert(_RUN, [values])
        session.send(_LEVEL, [{"run": run}])
        return []

    books.act(database, action)


def test_without_a_horizon_the_last_night_answers(selling):
    empty = selling.api.get("/forecasts/HX-1", "staff")
    assert (empty.status, empty.json) == (200, {"sku": "HX-1", "nightly": [], "outlook": []})
    night(selling.api.database)
    said = selling.api.get("/forecasts/HX-1?warehouse=main", "staff").json
    assert said["nightly"] == [
        {
            "warehouse": "MAIN",
            "as_of": "2026-03-01",
            "recorded_at": instants.display(books.START),
            "period": "week",
            "supplier": None,
            "lead_time_days": 7,
            "review_days": 7,
            "periods": 2,
            "service_level": 0.95,
            "service_kind": "cycle",
            "mean": 16.125,
            "deviation": 4.031,
            "level": 23.48,
            "reorder_point": 23,
            "safety_stock": 7,
            "order_up_to": 31,
            "method": "combined",
            "abc": "A",
            "xyz": "X",
            "quadrant": "smooth",
        }
    ]
    both_sites = selling.api.get("/forecasts/9780141439518", "staff").json["nightly"]
    assert [row["warehouse"] for row in both_sites] == ["MAIN", "NORTH"]


def test_an_outlook_is_what_the_command_line_prints(selling):
    for words, query in (
        ("--horizon 8w", "horizon=8w"),
        ("--horizon 30d --level 0.8 --level 95% -w MAIN",
         "horizon=30d&level=0.8&level=95%25&warehouse=MAIN"),
        ("--horizon 2m --period month", "horizon=2m&period=month"),
    ):  # fmt: skip
        printed = selling.bvinv(f"forecast demand HX-1 {words} --format json").json
        assert selling.api.get(f"/forecasts/HX-1?{query}", "staff").json["outlook"] == printed


def test_an_outlook_is_made_anew_when_the_history_changes(selling):
    path = "/forecasts/HX-1?horizon=4w"
    before = selling.api.get(path, "staff")
    assert selling.api.get(path, "staff").body == before.body
    day = datetime.now(UTC).date() - timedelta(days=1)
    with selling.api.moved():
        sold_before(selling.api.database, f"HX-1,{day},400")
    assert selling.api.get(path, "staff").json["outlook"][0]["history"][-1] == 400


def test_what_makes_no_sense_is_refused_as_at_the_command_line(selling):
    for words, path in (
        ("NO --horizon 8w", "NO?horizon=8w"),
        ("HX-1 --horizon 0w", "HX-1?horizon=0w"),
        ("HX-1 --horizon 105w", "HX-1?horizon=105w"),
        ("HX-1 --horizon 1w --level 95", "HX-1?horizon=1w&level=95"),
        ("HX-1 --warehouse NO", "HX-1?horizon=1w&warehouse=NO"),
    ):
        problem = selling.bvinv(f"forecast demand {words} --format json").problem
        assert selling.api.get(f"/forecasts/{path}", "staff").json == problem
    for query in ("level=0.9", "period=week", "horizon=1y", "horizon=1w&period=day", "days=3"):
        assert selling.api.get(f"/forecasts/HX-1?{query}", "staff").refused(422, "invalid-input")


def test_forecasts_are_for_staff(selling):
    assert selling.api.get("/forecasts/HX-1", "staff").status == 200
    assert selling.api.get("/forecasts/HX-1", "service").refused(403, "not-permitted")
