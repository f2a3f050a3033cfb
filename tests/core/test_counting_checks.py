"""Damage to counts is found and named."""

import pytest

from tests import books
from tests.books import damage, findings
from tests.count_books import count, open_count, post


@pytest.fixture
def counted(stocked):
    """Return a database with a posted count of HX-1, movement 2 of its level, and an open one."""
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    count(stocked, number, "HX-2", 4)
    post(stocked, number)
    count(stocked, open_count(stocked), "HX-1", 8)
    return stocked


LINE = "UPDATE stock_count_line SET"
ANOTHER = "CT-1#0 a count's line has another movement than it says"


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (
            [f"{LINE} state = 'counted' WHERE count_id = 1 AND posted_seq = 0"],
            ["CT-1#0 a posted count has a line that was not posted"],
        ),
        (
            ["UPDATE stock_count SET closed_at = NULL WHERE id = 1"],
            ["CT-1#0 a count is closed without its time"],
        ),
        (
            ["UPDATE stock_count SET status = 'cancelled' WHERE id = 2"],
            ["CT-2#0 a count is closed without its time"],
        ),
        (
            ["UPDATE stock_count SET warehouse_id = 2 WHERE id = 2"],
            ["CT-2#0 a count has a line of another warehouse"],
        ),
        (
            [f"{LINE} posted_seq = 1 WHERE count_id = 1 AND posted_seq = 2"],
            [ANOTHER, "5#0 a movement of a count has no line there"],
        ),
        ([f"{LINE} posted_seq = 2 WHERE count_id = 2"], [ANOTHER.replace("1", "2", 1)]),
        (
            ["DELETE FROM stock_count_line WHERE count_id = 1 AND posted_seq = 2"],
            ["5#0 a movement of a count has no line there"],
        ),
    ],
)
def test_damage_to_a_count_is_named(counted, statements, found):
    [(last,)] = books.fetch(counted, "SELECT max(id) FROM movement")
    damage(counted, *statements)

    assert sorted(findings(counted)) == sorted(one.replace("5#0", f"{last}#0") for one in found)
