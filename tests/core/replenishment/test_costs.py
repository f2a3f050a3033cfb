"""The cheapest service level: what stock costs against what lost sales cost."""

import numpy as np
import pytest

from bvinv.core import catalog
from bvinv.core.errors import InvalidInput
from bvinv.core.replenishment import costs, demand, sourcing
from tests.books import act, ask
from tests.night_books import sell
from tests.purchasing_books import add_supplier, terms


@pytest.fixture
def shop(stocked):
    """Return a stocked database in which HX-5, at 10.00, sold 0 to 12 pieces a week for a year."""
    fields = {"sku": "HX-5", "title": "Five", "price": "10.00", "currency": "GBP"}
    act(stocked, lambda s: catalog.add(s, fields=fields))
    add_supplier(stocked, lead_time_days="7")
    sell(stocked, "HX-5", np.random.default_rng(0).negative_binomial(2, 0.4, 60).tolist())
    return stocked


def cheapest(database, holding_rate=2_500, abc="C"):
    def question(session):
        panel = demand.panel(session)
        return costs.cheapest(
            session,
            panel,
            abc=dict.fromkeys(panel.keys, abc),
            offers=sourcing.offers(session),
            lead_times=sourcing.lead_times(session),
            review_days=7,
            holding_rate=holding_rate,
        )

    return ask(database, question)


def test_the_more_a_sale_earns_the_more_service_is_cheapest(shop):
    found = []
    for cost in ("9.90", "9.00", "2.00"):
        terms(shop, "HX-5", cost=cost)
        [row] = cheapest(shop)
        assert (row.abc, row.currency, row.series) == ("C", "GBP", 1)
        found.append(row.service_level)
    assert found == sorted(found)
    assert found[0] < found[-1]
    assert costs.by_class([row]) == {"C": round(found[-1] * 10_000)}


def test_the_more_holding_costs_the_less_service_is_cheapest(shop):
    terms(shop, "HX-5", cost="5.00")
    levels = [cheapest(shop, holding_rate=rate)[0].service_level for rate in (100, 100_000)]
    assert levels[0] > levels[1]


def test_without_a_cost_and_a_price_no_level_is_the_cheapest(shop):
    with pytest.raises(InvalidInput, match="no product has a cost and a price in one currency"):
        cheapest(shop)
    add_supplier(shop, "YEN", currency="JPY")
    terms(shop, "HX-5", "YEN", cost="200")
    with pytest.raises(InvalidInput, match="no product has a cost and a price in one currency"):
        cheapest(shop)


def test_a_short_history_cannot_be_replayed(stocked):
    fields = {"sku": "HX-5", "title": "Five", "price": "10.00", "currency": "GBP"}
    act(stocked, lambda s: catalog.add(s, fields=fields))
    add_supplier(stocked, lead_time_days="700")
    terms(stocked, "HX-5", cost="5.00")
    sell(stocked, "HX-5", [3] * 20)
    with pytest.raises(InvalidInput, match="the history is too short to be replayed"):
        cheapest(stocked)
