"""Lots: what expires first goes first, and what has expired is neither given nor promised."""

import pytest

from bvinv.core import catalog, items, product_rows
from bvinv.core import lots as stock_lots
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from tests import books
from tests.books import (
    act,
    add_bin,
    adjust,
    ask,
    commit,
    counts,
    damage,
    fetch,
    findings,
    level,
    parts,
    release,
    reserve,
    show,
    snapshot,
)
from tests.importers import load
from tests.lots_books import DAY, find_lot, lots, track_lots, update

YEAR = 365 * DAY


@pytest.fixture
def tea(stocked):
    """Return a stocked database with two lots of HX-3 at MAIN: 4 pieces that are good until March
    1st, which is today, and 5 until the 2nd."""
    track_lots(stocked, "HX-3")
    add_bin(stocked, "MAIN", "A-1")
    find_lot(stocked, "HX-3", 5, "LATE", 20260302, bin="A-1")
    find_lot(stocked, "HX-3", 4, "SOON", 20260301)
    return stocked


def refused(database, error, said, action):
    before = snapshot(database)
    with pytest.raises(error, match=said) as found:
        action()
    assert snapshot(database) == before
    return found.value


def given(database):
    """Return the lots and pieces that left, in their order."""
    return fetch(
        database,
        "SELECT lot, quantity FROM movement WHERE to_bin IN ('customer', 'adjustment') ORDER BY id",
    )


def test_the_lot_that_expires_first_goes_first(tea):
    reserve(tea, "SO-1", "HX-3=6")
    commit(tea, "SO-1")

    assert given(tea) == [("SOON", 4), ("LATE", 2)]
    assert lots(tea, "HX-3") == [("MAIN", "LATE", 3, False)]


def test_pieces_without_a_last_day_go_last(tea):
    number = ask(tea, lambda s: items.one(s, "HX-3")).id
    ever = {"product_id": number, "sku": "HX-3", "lot": "EVER", "expires_on": None}
    act(tea, lambda s: [stock_lots.arriving(s, **ever)][1:])
    find_lot(tea, "HX-3", 2, "EVER", None)
    adjust(tea, "HX-3", "MAIN", -10)

    assert given(tea) == [("SOON", 4), ("LATE", 5), ("EVER", 1)]


def test_a_lot_is_good_until_its_last_day_has_ended(tea, clock):
    clock.at = books.START + 15 * books.HOUR - books.SECOND  # a second before midnight UTC
    assert counts(tea, "HX-3", "MAIN") == (9, 0, 9, 0)

    clock.advance(books.SECOND)
    row = level(tea, "HX-3", "MAIN")
    assert (row.on_hand, row.expired, row.available) == (9, 4, 5)
    item = ask(tea, lambda s: items.one(s, "HX-3"))
    assert ask(tea, lambda s: product_rows.available(s, [item.id])) == {item.id: 5}
    assert lots(tea, "HX-3") == [("MAIN", "SOON", 4, True), ("MAIN", "LATE", 5, False)]


def test_what_has_expired_is_never_promised(tea, clock):
    clock.advance(DAY)

    refused(
        tea,
        InsufficientStock,
        "only 5 of HX-3 available at all warehouses, 6 wanted",
        lambda: reserve(tea, "SO-1", "HX-3=6"),
    )
    assert reserve(tea, "SO-1", "HX-3=5").status == "held"


def test_a_hold_whose_pieces_expired_cannot_be_committed_and_says_why(tea, clock):
    reserve(tea, "SO-1", "HX-3=7", ttl=YEAR)
    clock.advance(DAY)

    error = refused(
        tea,
        InsufficientStock,
        r"only 5 of HX-3 lie in MAIN, 7 wanted; expired: lot SOON \(4\)",
        lambda: commit(tea, "SO-1"),
    )
    assert error.numbers["available"] == 5
    assert parts(commit(tea, "SO-1", "HX-3=5")) == [("HX-3", "MAIN", 2, 0, 5, 0)]
    assert given(tea) == [("LATE", 5)]


def test_what_is_held_beyond_the_good_pieces_leaves_less_than_nothing_available(tea, clock):
    reserve(tea, "SO-1", "HX-3=7", ttl=YEAR)
    clock.advance(DAY)

    assert counts(tea, "HX-3", "MAIN") == (9, 7, -2, 0)
    release(tea, "SO-1")
    assert counts(tea, "HX-3", "MAIN") == (9, 0, 5, 0)


def test_backorders_get_no_expired_pieces(tea, clock):
    reserve(tea, "SO-1", "HX-3=5", ttl=YEAR)
    reserve(tea, "SO-2", "HX-3=6", ttl=YEAR, backorder=True)
    clock.advance(DAY)
    release(tea, "SO-1")

    assert parts(show(tea, "SO-2")) == [("HX-3", "MAIN", 5, 1, 0, 0)]
    assert level(tea, "HX-3", "MAIN").reserved == 5
    find_lot(tea, "HX-3", 1, "NEW", 20270101)
    assert parts(show(tea, "SO-2")) == [("HX-3", "MAIN", 6, 0, 0, 0)]


def test_good_pieces_do_not_leave_while_holds_need_them(tea, clock):
    reserve(tea, "SO-1", "HX-3=4", ttl=YEAR)
    clock.advance(DAY)

    refused(
        tea,
        InsufficientStock,
        r"only 1 of HX-3 can leave MAIN, 2 wanted; held by SO-1 \(4\)",
        lambda: adjust(tea, "HX-3", "MAIN", -2, reason="damaged"),
    )
    adjust(tea, "HX-3", "MAIN", -2, reason="damaged", break_newest=True)
    assert counts(tea, "HX-3", "MAIN") == (7, 3, -1, 1)


def test_an_expired_lot_is_scrapped_by_naming_it(tea, clock):
    reserve(tea, "SO-1", "HX-3=5", ttl=YEAR)
    clock.advance(DAY)

    refused(
        tea,
        InsufficientStock,
        r"only 0 of HX-3 lie in SHELF at MAIN, 4 wanted; expired: lot SOON \(4\)",
        lambda: adjust(tea, "HX-3", "MAIN", -4, bin="SHELF", reason="expired"),
    )
    row = adjust(tea, "HX-3", "MAIN", -4, lot="soon", reason="expired")
    assert (row.on_hand, row.expired, row.available) == (5, 0, 0)
    assert given(tea) == [("SOON", 4)]


def test_scrapping_what_is_held_breaks_the_hold_or_is_refused(tea, clock):
    reserve(tea, "SO-1", "HX-3=7", ttl=YEAR)
    clock.advance(DAY)

    refused(
        tea,
        InsufficientStock,
        r"only 2 of HX-3 can leave MAIN, 4 wanted; held by SO-1 \(7\)",
        lambda: adjust(tea, "HX-3", "MAIN", -4, lot="SOON", reason="expired"),
    )
    adjust(tea, "HX-3", "MAIN", -4, lot="SOON", reason="expired", break_newest=True)
    assert parts(show(tea, "SO-1")) == [("HX-3", "MAIN", 5, 2, 0, 0)]


@pytest.mark.parametrize(
    ("terms", "error", "said"),
    [
        ({}, InvalidInput, "HX-3 has lots: of which are these pieces?"),
        ({"lot": "L-9"}, InvalidInput, "lot L-9 of HX-3 is new: until when is it good?"),
        (
            {"lot": "L-9", "expires_on": 20260228},
            InvalidInput,
            "lot L-9 of HX-3 has expired, on 2026-02-28",
        ),
        (
            {"lot": "soon", "expires_on": 20260401},
            Conflict,
            "lot SOON of HX-3 is known with another date, 2026-03-01",
        ),
        ({"lot": "A\nB"}, InvalidInput, "the lot has a control character"),
    ],
)
def test_what_cannot_be_found_of_a_product_with_lots(tea, terms, error, said):
    refused(tea, error, said, lambda: adjust(tea, "HX-3", "MAIN", 1, **terms))


def test_a_known_lot_is_found_without_its_day(tea):
    adjust(tea, "HX-3", "MAIN", 2, lot="soon")

    assert lots(tea, "HX-3") == [("MAIN", "SOON", 6, False), ("MAIN", "LATE", 5, False)]


def test_only_what_lies_of_a_lot_is_taken_of_it(tea):
    refused(
        tea,
        InsufficientStock,
        "only 4 of HX-3 lie in MAIN, 5 wanted",
        lambda: adjust(tea, "HX-3", "MAIN", -5, lot="SOON"),
    )
    refused(
        tea, NotFound, "there is no lot L-9 of", lambda: adjust(tea, "HX-3", "MAIN", -1, lot="L-9")
    )


def test_a_lot_is_counted_alone(tea):
    row = adjust(tea, "HX-3", "MAIN", to=3, expect=5, bin="A-1", lot="LATE")
    assert row.on_hand == 7
    row = adjust(tea, "HX-3", "MAIN", to=5, expect=4, lot="SOON")
    assert row.on_hand == 8
    refused(
        tea,
        Conflict,
        "5 of HX-3 stand in MAIN, not 4",
        lambda: adjust(tea, "HX-3", "MAIN", to=3, expect=4, lot="SOON"),
    )


def test_a_product_without_lots_takes_none(stocked):
    refused(
        stocked,
        InvalidInput,
        "HX-1 has no lots",
        lambda: adjust(stocked, "HX-1", "MAIN", 1, lot="L-1", expires_on=20270101),
    )


def test_lots_are_not_turned_off_while_pieces_lie_of_them(tea):
    error = refused(
        tea,
        Conflict,
        "4 pieces of HX-3 are of lot SOON, at MAIN|5 pieces of HX-3 are of lot LATE, at MAIN",
        lambda: update(tea, "HX-3", tracks_lots="false"),
    )
    assert error.hint == "see: bvinv stock lots HX-3"

    adjust(tea, "HX-3", "MAIN", -9)
    update(tea, "HX-3", tracks_lots="false")
    row = ask(tea, lambda s: catalog.show(s, ref="HX-3"))
    assert (row.tracks_lots, row.protects_safety_stock, row.version) == (False, False, 3)


def test_an_import_of_products_leaves_the_flags_alone(tea):
    row = load(tea, "sku,title\nHX-3,Another title\n")

    assert row.updated == 1
    shown = ask(tea, lambda s: catalog.show(s, ref="HX-3"))
    assert (shown.title, shown.tracks_lots) == ("Another title", True)


DAMAGE = {
    "a movement's lot was changed": (
        ["UPDATE movement SET lot = 'SOON' WHERE lot = 'LATE'"],
        ["HX-3@MAIN#1 it was changed after it was written: its hash does not fit"],
    ),
    "a movement lost its lot": (
        ["UPDATE movement SET lot = '' WHERE lot = 'LATE'"],
        ["HX-3@MAIN#1 it was changed after it was written: its hash does not fit"],
    ),
    "pieces changed their lot": (
        ["UPDATE bin_level SET lot = 'LATE' WHERE lot = 'SOON'"],
        [
            "HX-3@MAIN#0 a bin has 0, its movements add up to 4",
            "HX-3@MAIN#0 a bin has 4, which no movement brought",
        ],
    ),
    "a lot is gone": (
        ["DELETE FROM lot WHERE code = 'SOON'"],
        [
            "HX-3#0 pieces lie there of a lot that its product does not have",
            "5#0 a movement is of a lot that its product does not have",
        ],
    ),
    "the product forgot its lots": (
        ["UPDATE product SET tracks_lots = 0"],
        ["HX-3#0 it has no lots, and pieces of one lie there"],
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_to_lots_is_found(tea, kind):
    statements, expected = DAMAGE[kind]
    assert findings(tea) == []

    damage(tea, *statements)

    assert findings(tea) == expected
