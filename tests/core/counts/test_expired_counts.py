"""Counting what has expired: it keeps nobody's promise, and what is good keeps it alone."""

import pytest

from bvinv.core.dates import of
from bvinv.core.errors import InsufficientStock
from tests import books
from tests.count_books import count, open_count, post
from tests.lots_books import DAY, find_lot, track_lots


@pytest.fixture
def tea(stocked, clock):
    """4 of lot OLD, which has expired, and 6 of lot NEW, all of them held."""
    books.add_products(stocked, "TEA")
    track_lots(stocked, "TEA")
    find_lot(stocked, "TEA", 4, "OLD", of(clock.at))
    find_lot(stocked, "TEA", 6, "NEW", of(clock.at + 90 * DAY))
    clock.advance(2 * DAY)
    books.reserve(stocked, "R-1", "TEA=6@MAIN")
    return stocked


def test_expired_pieces_that_are_missing_take_nothing_from_anybody(tea):
    number = open_count(tea, tolerance=9)
    count(tea, number, "TEA", 0, lot="OLD")

    assert post(tea, number).lost == 4
    assert books.counts(tea, "TEA", "MAIN")[:2] == (6, 6)


def test_good_pieces_that_are_missing_are_held_though_expired_ones_lie_there(tea):
    number = open_count(tea, tolerance=9)
    count(tea, number, "TEA", 5, lot="NEW")
    count(tea, number, "TEA", 3, lot="OLD")
    before = books.snapshot(tea)

    with pytest.raises(InsufficientStock, match="1 line of CT-1 is not to be posted"):
        post(tea, number)

    assert books.snapshot(tea) == before
    row = post(tea, number, skip=True)
    assert (row.status, row.recount, row.lost) == ("open", 1, 1)
    count(tea, number, "TEA", 6, lot="NEW")
    assert post(tea, number).lost == 1


def test_pieces_that_only_lie_elsewhere_are_no_loss_though_more_is_held_than_good(tea, clock):
    books.add_bin(tea, "MAIN", "B-09")
    clock.advance(120 * DAY)
    number = open_count(tea, tolerance=9)
    count(tea, number, "TEA", 5, lot="NEW")
    count(tea, number, "TEA", 1, "B-09", lot="NEW")

    row = post(tea, number)

    assert (row.found, row.lost) == (1, 1)
