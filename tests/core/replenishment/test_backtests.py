"""Backtests: the methods side by side on what was sold."""

import random

import pytest

from bvinv.core import catalog
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.forecasting.backtesting import COMPARED
from bvinv.core.replenishment import backtests, horizons
from tests import books
from tests.core.replenishment.test_outlook import weekly
from tests.demand_books import at, sold_before


def scores(database, *refs: str, horizon: str = "2w", **more):
    terms = {"origins": 4, "horizon": horizons.parse(horizon)} | more
    return books.ask(database, lambda s: backtests.backtest(s, refs=refs, **terms))


@pytest.fixture
def selling(stocked, clock):
    """Return a shop in which HX-1 and HX-2 sold something else each week for half a year."""
    at(clock, "2026-03-30")
    chance = random.Random(1)
    for sku in ("HX-1", "HX-2"):
        sold_before(stocked, *weekly(sku, *(chance.randrange(9) for _ in range(26))))
    return stocked


def test_every_method_is_scored_on_all_and_on_each_class_best_first(selling):
    rows = scores(selling)
    groups = {row.group for row in rows}
    assert rows[0].group == "all"
    assert groups <= {"all", "smooth", "intermittent", "erratic", "lumpy"}
    for group in groups:
        own = [row for row in rows if row.group == group]
        assert {row.method for row in own} == {*COMPARED}
        assert [row.pinball for row in own] == sorted(row.pinball for row in own)
        assert [row.best for row in own] == [True] + [False] * 4
    first = rows[0].record()
    assert (first["series"], first["origins"], first["horizon"], first["level"]) == (
        2,
        4,
        "2w",
        0.95,
    )
    assert all(0 <= first[name] <= 1 for name in ("cov50", "cov90", "cov95", "service"))


def test_only_what_is_named_is_scored(selling):
    rows = scores(selling, "HX-2")
    assert {(row.group, row.series) for row in rows} == {("asked for", 1)}
    assert {row.series for row in scores(selling, warehouse="MAIN")} == {2}


def test_classes_can_be_those_of_revenue(selling):
    for sku, price in (("HX-1", "9.00"), ("HX-2", "0.01")):
        books.act(
            selling,
            lambda s, sku=sku, price=price: catalog.change(
                s, ref=sku, fields={"price": price, "currency": "GBP"}
            ),
        )
    found = {row.group for row in scores(selling, by="abc")}
    assert "all" in found
    assert found <= {"all", "A", "B", "C"}


def test_demand_that_never_varies_has_no_scale_to_be_scored_in(stocked, clock):
    at(clock, "2026-03-30")
    sold_before(stocked, *weekly("HX-1", *([4] * 26)))
    with pytest.raises(InvalidInput, match="too even"):
        scores(stocked)


def test_a_history_that_is_too_short_is_refused_with_what_to_do(stocked, clock):
    at(clock, "2026-03-30")
    with pytest.raises(InvalidInput, match="too short") as refused:
        scores(stocked)
    assert "--horizon" in str(refused.value.hint)
    sold_before(stocked, *weekly("HX-1", 1, 2, 3))
    with pytest.raises(InvalidInput, match="too short"):
        scores(stocked)


def test_what_is_not_there_is_not_found_and_origins_have_their_bounds(selling):
    with pytest.raises(NotFound):
        scores(selling, "NO")
    for origins in (0, 53):
        with pytest.raises(InvalidInput):
            scores(selling, origins=origins)
