"""Which warehouse gives what, as pure arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.allocation import STRATEGIES, plan

# Two products, three warehouses by priority.
P, Q = 1, 2
A, B, C = 10, 20, 30
ORDER = [A, B, C]


def test_the_first_warehouse_gives_first():
    available = {(P, A): 3, (P, B): 5, (P, C): 9}

    assert plan({(P, None): 7}, available, ORDER, "priority") == ({(P, A): 3, (P, B): 4}, {})


def test_the_fullest_warehouse_gives_first():
    available = {(P, A): 3, (P, B): 5, (P, C): 9}

    assert plan({(P, None): 11}, available, ORDER, "most-stock") == ({(P, C): 9, (P, B): 2}, {})


def test_of_two_equally_full_warehouses_the_first_by_priority_gives():
    available = {(P, B): 5, (P, A): 5}

    assert plan({(P, None): 4}, available, ORDER, "most-stock") == ({(P, A): 4}, {})


def test_one_warehouse_that_has_everything_is_preferred_to_two():
    available = {(P, A): 9, (Q, A): 1, (P, B): 2, (Q, B): 2}
    wanted = {(P, None): 2, (Q, None): 2}

    assert plan(wanted, available, ORDER, "fewest-splits") == ({(P, B): 2, (Q, B): 2}, {})


def test_the_fewest_splits_take_the_rest_from_the_next_best():
    available = {(P, A): 1, (P, B): 5, (P, C): 4}

    assert plan({(P, None): 8}, available, ORDER, "fewest-splits") == ({(P, B): 5, (P, C): 3}, {})


def test_a_named_warehouse_gives_and_no_other():
    available = {(P, A): 9, (P, B): 1}

    assert plan({(P, B): 3}, available, ORDER, "priority") == ({(P, B): 1}, {(P, B): 2})


def test_named_warehouses_are_served_before_the_others():
    available = {(P, A): 3, (P, B): 3}

    assert plan({(P, None): 3, (P, A): 3}, available, ORDER, "priority") == (
        {(P, A): 3, (P, B): 3},
        {},
    )


def test_what_is_owed_already_gives_nothing():
    assert plan({(P, None): 2}, {(P, A): -4, (P, B): 1}, ORDER, "priority") == (
        {(P, B): 1},
        {(P, None): 1},
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_where_there_is_nothing_all_is_short(strategy):
    assert plan({(P, None): 2, (Q, A): 1}, {}, ORDER, strategy) == (
        {},
        {(P, None): 2, (Q, A): 1},
    )
    assert plan({(P, None): 2}, {}, [], strategy) == ({}, {(P, None): 2})


PRODUCTS, SITES = st.sampled_from([1, 2, 3]), st.sampled_from(ORDER)


@given(
    wanted=st.dictionaries(
        st.tuples(PRODUCTS, st.one_of(st.none(), SITES)), st.integers(1, 20), max_size=6
    ),
    available=st.dictionaries(st.tuples(PRODUCTS, SITES), st.integers(-5, 20)),
    order=st.permutations(ORDER),
    strategy=st.sampled_from(STRATEGIES),
)
def test_nothing_is_given_twice_and_nothing_is_lost(wanted, available, order, strategy):
    before = dict(wanted), dict(available)
    given, short = plan(wanted, available, order, strategy)

    assert (wanted, available) == before
    assert all(0 < part <= available[key] for key, part in given.items())
    assert all(0 < missing <= wanted[want] for want, missing in short.items())
    for product in {product for product, _ in wanted}:
        asked = sum(n for (one, _), n in wanted.items() if one == product)
        came = sum(n for (one, _), n in given.items() if one == product)
        missing = sum(n for (one, _), n in short.items() if one == product)
        assert came + missing == asked
        if (product, None) in short:  # then nothing of it is left anywhere
            for site in order:
                left = available.get((product, site), 0) - given.get((product, site), 0)
                assert left <= 0
    for (product, site), missing in short.items():
        if site is not None and missing:
            assert given.get((product, site), 0) == max(available.get((product, site), 0), 0)
