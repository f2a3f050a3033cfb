"""What is wrong with picks, packages and returns is found and named."""

import pytest

from tests import books
from tests.books import damage, findings
from tests.pick_books import come_back, pack, pick, ready, ship, start


@pytest.fixture
def busy(stocked):
    """Return a database in which SO-1 was shipped as P-1, and came back with 1; SO-2 is picked
    with 3 of HX-1 and packed with 2 in P-2."""
    ready(stocked, "HX-1=4")
    ship(stocked)
    come_back(stocked, "HX-1", 1, reservation_id="SO-1")
    books.reserve(stocked, "SO-2", "HX-1=3")
    start(stocked, "SO-2")
    pick(stocked, "", "SO-2")
    pack(stocked, "P-2", "HX-1=2", "SO-2")
    return stocked


# Of HX-1 at MAIN, level 1, lie 3 in SHELF (bin 2), 3 in STAGING, 1 in QUARANTINE.
BIN = "(SELECT id FROM bin WHERE code = '{}' AND warehouse_id = 1)"
DAMAGE = {
    "pieces that left staging": (
        [
            f"UPDATE bin_level SET quantity = 2 WHERE bin_id = {BIN.format('STAGING')}",
        ],
        [
            "HX-1@MAIN#0 a bin has 2, its movements add up to 3",
            "SO-2#0 staging has less than was picked",
        ],
    ),
    "more picked than held": (
        ["UPDATE reservation_line SET held = 2, committed = 1 WHERE reservation_id = 'SO-2'"],
        [
            "HX-1@MAIN#0 reserved is 3, its reservations hold 2",
            "SO-2#0 more is picked for it than it holds",
        ],
    ),
    "a pick of a closed reservation": (
        ["UPDATE pick SET status = 'picked' WHERE reservation_id = 'SO-1'"],
        ["SO-1#0 somebody picks it although it is over"],
    ),
    "packed pieces without a package": (
        ["UPDATE pick_line SET packed = 3 WHERE pick_id = 2"],
        ["PK-2#0 its packages hold other pieces than were packed or shipped"],
    ),
    "a package without its movement": (
        ["UPDATE package_line SET level_seq = 1 WHERE package_id = 1"],
        ["SO-1 P-1#0 a shipped package has no movement that shipped it"],
    ),
    "a movement of a package that was not shipped": (
        ["UPDATE package_line SET level_seq = 1 WHERE package_id = 2"],
        ["SO-2 P-2#0 a package that was not shipped has a movement"],
    ),
    "too many decisions": (
        ["UPDATE customer_return SET scrapped = 2"],
        ["RT-1#0 more is decided of a return than came back"],
    ),
    "pieces that left quarantine": (
        [f"UPDATE bin_level SET quantity = 0 WHERE bin_id = {BIN.format('QUARANTINE')}"],
        [
            "HX-1@MAIN#0 a bin has 0, its movements add up to 1",
            "RT-1#0 quarantine has less than is undecided",
        ],
    ),
    "a return of what was not shipped": (
        ["UPDATE customer_return SET reservation_id = 'SO-2'"],
        ["SO-2#0 more came back than it shipped"],
    ),
    "a return that no movement brought": (
        ["UPDATE customer_return SET id = 7"],
        ["RT-7#0 a return has no movement that brought it"],
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found_and_named(busy, what):
    assert findings(busy) == []
    statements, found = DAMAGE[what]
    damage(busy, *statements)
    assert findings(busy) == found
