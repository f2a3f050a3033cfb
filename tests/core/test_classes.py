"""Classes A, B and C: where they end, whatever the values."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core import classes
from bvinv.core.classes import Cuts


@pytest.mark.parametrize(
    ("values", "cuts", "named"),
    [
        ([80, 15, 5], (80, 15), "ABC"),
        ([79, 1, 15, 5], (15, 5), "ACAB"),
        ([50, 30, 10, 6, 4], (30, 6), "AABBC"),
        ([1000, 1, 1], (1000, 1000), "ACC"),
        ([10, 10, 10, 10, 10], (10, 10), "AAAAA"),
        ([7], (7, 7), "A"),
        ([7, 0, 0], (7, 7), "ACC"),
        ([0, 0], (1, 1), "CC"),
        ([3, -5], (3, 3), "AC"),
        ([], (1, 1), ""),
    ],
)
def test_the_few_that_make_most_are_a(values, cuts, named):
    found = classes.cuts(Counter(values))

    assert found == cuts
    assert "".join(map(found.class_of, values)) == named


def test_a_class_is_a_span_of_values():
    cuts = Cuts(30, 6)
    assert [cuts.span(name) for name in "ABC"] == [(30, None), (6, 29), (None, 5)]


@given(st.lists(st.integers(0, 10**12), max_size=60))
def test_a_and_b_make_their_shares_with_as_few_things_as_can_be(values):
    cuts = classes.cuts(Counter(values))
    total = sum(values)
    named = [(cuts.class_of(value), value) for value in values]
    a = sorted(value for name, value in named if name == "A")
    b = sorted(value for name, value in named if name == "B")

    if not total:
        assert {name for name, _ in named} <= {"C"}
        return
    assert sum(a) * 100 >= 80 * total
    assert sum(value for value in a if value > a[0]) * 100 < 80 * total
    assert (sum(a) + sum(b)) * 100 >= 95 * total
    assert not b or (sum(a) + sum(value for value in b if value > b[0])) * 100 < 95 * total
