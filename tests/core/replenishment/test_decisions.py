"""What is ordered: whole numbers that a person can check with a pencil."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.replenishment import decisions
from bvinv.core.replenishment.decisions import Decision

TERMS = {"reorder_point": 10, "order_up_to": 20}


@pytest.mark.parametrize(
    ("position", "quantity"), [(11, 0), (10, 0), (9, 11), (0, 20), (-5, 25), (10**12, 0)]
)
def test_an_order_is_due_below_the_reorder_point_and_never_at_it(position, quantity):
    assert decisions.order_quantity(position, **TERMS) == Decision(quantity, "")


@pytest.mark.parametrize(
    ("terms", "quantity", "note"),
    [
        ({"pack_size": 6}, 12, "rounded up to packs of 6"),
        ({"pack_size": 11}, 11, ""),
        ({"minimum_quantity": 11}, 11, ""),
        ({"minimum_quantity": 30}, 30, "raised to the minimum of 30"),
        (
            {"minimum_quantity": 30, "pack_size": 8},
            32,
            "raised to the minimum of 30; rounded up to packs of 8",
        ),
        ({"max_stock": 20}, 11, ""),
        ({"max_stock": 19}, 10, "reduced by max_stock"),
        ({"max_stock": 20, "pack_size": 6}, 6, "reduced by max_stock"),
        ({"max_stock": 20, "pack_size": 12}, 0, "blocked by max_stock"),
        ({"max_stock": 20, "minimum_quantity": 12}, 0, "blocked by max_stock"),
        ({"max_stock": 9}, 0, "blocked by max_stock"),
        ({"max_stock": 0}, 0, "blocked by max_stock"),
    ],
)
def test_packs_minimums_and_max_stock_are_obeyed(terms, quantity, note):
    assert decisions.order_quantity(9, **TERMS, **terms) == Decision(quantity, note)


def test_where_nothing_is_to_be_stocked_only_what_is_owed_is_ordered():
    assert decisions.order_quantity(0, reorder_point=0, order_up_to=0).quantity == 0
    assert decisions.order_quantity(-2, reorder_point=0, order_up_to=0).quantity == 2


@pytest.mark.parametrize(
    ("demand", "order_cost", "rate", "cost", "quantity"),
    [
        # Harris: 2 x 1,000 pieces x 15.00, over 25 % of 6.00: the root of 20,000.
        (1_000_000, 1500, 2500, 600, 141),
        (1_000, 1500, 2500, 600, 4),  # the root of 20 is 4.47
        (1_025, 1500, 2500, 600, 5),  # that of 20.5 is 4.53
        (0, 1500, 2500, 600, 1),
        (1_000_000, 0, 2500, 600, 1),
        (10**15, 10**15, 1, 1, 10**9),
    ],
)
def test_the_economic_quantity_is_the_root_of_ordering_over_holding(
    demand, order_cost, rate, cost, quantity
):
    assert decisions.economic_quantity(demand, order_cost, rate, cost) == quantity


def test_no_quantity_is_economic_where_holding_costs_nothing():
    with pytest.raises(ValueError, match="where holding costs nothing"):
        decisions.economic_quantity(1_000, 1500, 2500, 0)


@pytest.mark.parametrize(
    ("smoothed", "mean", "quantity", "max_stock", "expected"),
    [
        (5_222, 2_295, 4, None, (5, 3, 9, "")),
        (5_500, 2_295, 4, None, (6, 4, 10, "")),
        (5_499, 2_295, 0, None, (5, 3, 6, "")),  # at least one piece is ordered
        (2_000, 9_000, 4, None, (2, 0, 6, "")),  # safety stock is never negative
        (499, 300, 4, None, (0, 0, 0, "do not stock")),
        (0, 0, 0, None, (0, 0, 0, "do not stock")),
        (5_222, 2_295, 4, 9, (5, 3, 9, "")),
        (5_222, 2_295, 4, 7, (5, 3, 7, "cut to max_stock")),
        (5_222, 2_295, 4, 3, (3, 1, 3, "cut to max_stock")),
        (5_222, 2_295, 4, 0, (0, 0, 0, "cut to max_stock")),
    ],
)
def test_levels_follow_from_the_demand_to_be_covered(smoothed, mean, quantity, max_stock, expected):
    found = decisions.levels(smoothed, mean=mean, order_quantity=quantity, max_stock=max_stock)
    assert found == expected


pieces = st.integers(0, 300)
packs = st.integers(1, 40)
maximum = st.none() | pieces


@given(st.integers(-200, 300), pieces, pieces, packs, packs, maximum)
def test_whatever_is_asked_an_order_keeps_to_its_terms(position, point, more, pack, least, most):
    found = decisions.order_quantity(
        position,
        reorder_point=point,
        order_up_to=point + more,
        pack_size=pack,
        minimum_quantity=least,
        max_stock=most,
    )

    assert found.quantity % pack == 0
    if position >= point:
        assert found == Decision(0, "")
    elif found.quantity == 0:
        assert found.note == "blocked by max_stock"
    else:
        assert found.quantity >= least
        if most is not None:
            assert position + found.quantity <= most
        if found.note != "reduced by max_stock":
            assert position + found.quantity >= point + more


@given(st.integers(-200, 300), pieces, pieces, st.integers(0, 50), packs, packs, maximum)
def test_more_service_never_orders_less(position, level, more, quantity, pack, least, most):
    ordered = []
    for thousandths in (level * 1000, (level + more) * 1000):
        levels = decisions.levels(
            thousandths, mean=level * 500, order_quantity=quantity, max_stock=most
        )
        assert 0 <= levels.reorder_point <= levels.order_up_to
        assert most is None or levels.order_up_to <= most
        decision = decisions.order_quantity(
            position,
            reorder_point=levels.reorder_point,
            order_up_to=levels.order_up_to,
            pack_size=pack,
            minimum_quantity=least,
            max_stock=most,
        )
        ordered.append((levels.reorder_point, levels.safety_stock, decision.quantity))
    assert all(less <= than for less, than in zip(*ordered, strict=True))
