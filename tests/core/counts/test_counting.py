"""Counting while goods move: whatever happens between counting and posting, the bin is right."""

import pytest

from bvinv.core import adjustments, items, levels, undo, warehouses
from bvinv.core.counts import counting
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from bvinv.core.fulfilment import picking
from bvinv.core.ledger import ADJUSTMENT, posting
from tests import books
from tests.books import (
    act,
    adjust,
    ask,
    bins,
    commit,
    counts,
    events,
    fetch,
    level,
    receive,
    reserve,
    snapshot,
)
from tests.conftest import mostly_on_sqlite
from tests.count_books import count, open_count, post, posted, show


def refuses(database, error, said, action):
    """See that an action is refused with these words and changes nothing; return the error."""
    before = snapshot(database)
    with pytest.raises(error, match=said) as found:
        action()
    assert snapshot(database) == before
    return found.value


def test_what_differs_is_posted_from_where_it_was_counted(stocked):
    number = open_count(stocked, tolerance=5)
    assert number == "CT-1"
    assert count(stocked, number, "HX-1", 8).state == "counted"
    assert count(stocked, number, "HX-2", 5).state == "counted"

    row = post(stocked, number)

    assert (row.status, row.posted, row.found, row.lost, row.uncounted) == ("posted", 2, 1, 2, 0)
    assert posted(stocked) == [
        ("SHELF", "adjustment", 2, "lost", "CT-1"),
        ("adjustment", "SHELF", 1, "found", "CT-1"),
    ]
    assert counts(stocked, "HX-1", "MAIN") == (8, 0, 8, 0)
    assert counts(stocked, "HX-2", "MAIN") == (5, 0, 5, 0)
    assert [(line.sku, line.difference, line.movement) for line in row.lines] == [
        ("HX-1", -2, 2),
        ("HX-2", 1, 2),
    ]
    assert events(stocked)[-4:] == [
        ("count.opened", "CT-1"),
        ("count.counted", "CT-1"),
        ("count.counted", "CT-1"),
        ("count.posted", "CT-1"),
    ]


def test_count_then_sell_one_then_post_is_right(stocked):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    reserve(stocked, "SO-1", "HX-1=1@MAIN")
    commit(stocked, "SO-1")
    receive(stocked, "HX-1", 3, "MAIN", bin="SHELF")

    post(stocked, number)

    assert bins(stocked, "MAIN")["SHELF"] == 8 - 1 + 3 + 4
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)


def test_two_people_who_count_the_same_bin_do_not_add_their_errors(stocked):
    first, second = open_count(stocked, tolerance=9), open_count(stocked, tolerance=9)
    count(stocked, first, "HX-1", 8, actor="ann")
    count(stocked, second, "HX-1", 8, actor="bob")
    receive(stocked, "HX-1", 1, "MAIN", bin="SHELF")

    post(stocked, first)
    row = post(stocked, second)

    assert counts(stocked, "HX-1", "MAIN") == (9, 0, 9, 0)
    assert [(line.difference, line.movement) for line in row.lines] == [(0, None)]
    assert len(posted(stocked)) == 1


def test_two_counts_that_disagree_leave_what_was_posted_last(stocked):
    first, second = open_count(stocked, tolerance=9), open_count(stocked, tolerance=9)
    count(stocked, first, "HX-1", 8)
    count(stocked, second, "HX-1", 7)

    post(stocked, second)
    post(stocked, first)

    assert counts(stocked, "HX-1", "MAIN")[0] == 8
    assert posted(stocked)[-1][2:4] == (1, "found")


def test_two_people_in_one_session_do_not_add_up(stocked):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 9, actor="ann", more=True)
    row = count(stocked, number, "HX-1", 8, actor="bob", more=True)

    assert (row.counted, row.attempts) == (8, 2)
    assert post(stocked, number).lost == 2


@pytest.mark.parametrize(
    ("reason", "change", "left"), [("miscount", -2, 8), ("opening", 3, 8), ("damaged", -2, 6)]
)
def test_a_corrected_record_is_not_corrected_again_and_goods_that_left_have_left(
    stocked, reason, change, left
):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    adjust(stocked, "HX-1", "MAIN", change, reason=reason, bin="SHELF")

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN")[0] == left


def test_a_count_is_possible_while_something_is_reserved(stocked):
    reserve(stocked, "SO-1", "HX-1=7@MAIN")
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN") == (8, 7, 1, 0)


def test_what_others_hold_is_not_taken_unless_the_newest_holds_are_broken(stocked):
    reserve(stocked, "SO-1", "HX-1=5@MAIN")
    reserve(stocked, "SO-2", "HX-1=4@MAIN")
    number = open_count(stocked)
    count(stocked, number, "HX-1", 6)
    count(stocked, number, "HX-1", 6)

    error = refuses(stocked, InsufficientStock, "held by", lambda: post(stocked, number))
    assert error.detail == "1 line of CT-1 is not to be posted; held by SO-2 (4), SO-1 (5)"
    assert error.errors == [
        {
            "sku": "HX-1",
            "bin": "SHELF",
            "lot": None,
            "detail": "HX-1 in SHELF: 4 are missing, and 9 of the 10 are reserved",
        }
    ]
    assert error.hint == "count again, or post with --skip or --break newest"

    assert post(stocked, number, break_newest=True).status == "posted"
    assert counts(stocked, "HX-1", "MAIN") == (6, 6, -3, 3)
    assert books.parts(books.show(stocked, "SO-2")) == [("HX-1", "MAIN", 1, 3, 0, 0)]


def test_holds_that_ran_out_stand_in_nobodys_way(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=9@MAIN", ttl=books.MINUTE)
    clock.advance(books.HOUR)
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 4)

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN") == (4, 0, 4, 0)


def test_pieces_in_another_bin_than_on_record_take_nothing_from_anybody(stocked):
    books.add_bin(stocked, "MAIN", "A-01")
    reserve(stocked, "SO-1", "HX-1=10@MAIN")
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 6)
    count(stocked, number, "HX-1", 4, "A-01")

    post(stocked, number)

    assert bins(stocked, "MAIN") == {"A-01": 4, "SHELF": 6 + 4}
    assert counts(stocked, "HX-1", "MAIN") == (10, 10, 0, 0)


def test_what_is_found_goes_to_who_waits(stocked):
    reserve(stocked, "SO-1", "HX-1=12@MAIN", backorder=True)
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 11)

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN") == (11, 11, -1, 1)


def test_a_product_may_lie_where_no_record_has_it(stocked):
    number = open_count(stocked)
    assert count(stocked, number, "HX-3", 2, "DOCK").state == "recount"
    assert count(stocked, number, "HX-3", 2, "DOCK").state == "counted"

    post(stocked, number)

    assert counts(stocked, "HX-3", "MAIN") == (2, 0, 2, 0)
    assert posted(stocked) == [("adjustment", "DOCK", 2, "found", "CT-1")]


def test_goods_in_quarantine_are_counted_too(stocked):
    books.add_bin(stocked, "MAIN", "QUAR", "quarantine")
    receive(stocked, "HX-1", 5, "MAIN", bin="QUAR")
    reserve(stocked, "SO-1", "HX-1=10@MAIN")
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 3, "QUAR")

    post(stocked, number)

    row = level(stocked, "HX-1", "MAIN")
    assert (row.on_hand, row.reserved, row.unsellable) == (10, 10, 3)


def test_uncounted_is_not_zero_and_none_is_a_count(stocked):
    books.add_bin(stocked, "MAIN", "A-01")
    receive(stocked, "HX-1", 3, "MAIN", bin="A-01")
    number = open_count(stocked, tolerance=9)
    assert (show(stocked, number).uncounted, len(show(stocked, number).left)) == (3, 3)
    count(stocked, number, "HX-2", 0)
    row = show(stocked, number)
    assert [(one.bin, one.sku) for one in row.left] == [("A-01", "HX-1"), ("SHELF", "HX-1")]

    row = post(stocked, number)

    assert row.uncounted == 2
    assert counts(stocked, "HX-2", "MAIN")[0] == 0
    assert counts(stocked, "HX-1", "MAIN")[0] == 13
    assert (show(stocked, number).uncounted, show(stocked, number).left) == (None, [])


def test_a_large_difference_is_counted_again_until_two_counts_agree(stocked):
    number = open_count(stocked, tolerance=1)
    states = [count(stocked, number, "HX-1", pieces).state for pieces in (11, 7, 6, 6)]
    assert states == ["counted", "recount", "recount", "counted"]
    assert show(stocked, number).lines[0].attempts == 4

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN")[0] == 6


def test_a_second_count_repeats_the_first_also_when_goods_moved_between_them(stocked):
    number = open_count(stocked)
    assert count(stocked, number, "HX-1", 7).state == "recount"
    receive(stocked, "HX-1", 5, "MAIN", bin="SHELF")
    adjust(stocked, "HX-1", "MAIN", 1, reason="found", bin="SHELF")
    assert count(stocked, number, "HX-1", 7).state == "recount"
    assert count(stocked, number, "HX-1", 12).state == "recount"
    assert count(stocked, number, "HX-1", 12).state == "counted"

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN")[0] == 12


def test_a_second_count_repeats_the_first_also_when_the_record_was_corrected_between(stocked):
    number = open_count(stocked)
    assert count(stocked, number, "HX-1", 7).state == "recount"
    adjust(stocked, "HX-1", "MAIN", -1, reason="miscount", bin="SHELF")
    assert count(stocked, number, "HX-1", 7).state == "counted"


def test_scans_agree_with_a_record_that_was_corrected_between_them(stocked):
    number = open_count(stocked)
    count(stocked, number, "HX-1", 4)
    adjust(stocked, "HX-1", "MAIN", -1, reason="miscount", bin="SHELF")
    assert count(stocked, number, "HX-1", 5, more=True).state == "counted"

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN")[0] == 9


def test_a_second_count_that_agrees_with_the_record_settles_it(stocked):
    number = open_count(stocked)
    assert count(stocked, number, "HX-1", 7).state == "recount"
    assert count(stocked, number, "HX-1", 10).state == "counted"
    assert post(stocked, number).lines[0].movement is None
    assert posted(stocked) == []


def test_lines_that_wait_for_a_recount_are_named_unless_accepted(stocked):
    number = open_count(stocked)
    count(stocked, number, "HX-1", 7)
    count(stocked, number, "HX-2", 4)

    error = refuses(stocked, Conflict, "to be counted again", lambda: post(stocked, number))
    assert error.errors == [
        {
            "sku": "HX-1",
            "bin": "SHELF",
            "lot": None,
            "detail": "HX-1 in SHELF: 7 counted, which differs",
        }
    ]
    assert (error.numbers, type(error)) == ({"count": "CT-1", "recount": 1}, Conflict)

    assert post(stocked, number, accept=True).lost == 3


def test_what_cannot_be_posted_may_wait_while_the_rest_is_posted(stocked):
    number = open_count(stocked)
    count(stocked, number, "HX-1", 7)
    count(stocked, number, "HX-2", 4)

    row = post(stocked, number, skip=True)
    assert (row.status, row.posted, row.recount, row.closed_at) == ("open", 1, 1, None)

    again = refuses(stocked, Conflict, "was posted", lambda: count(stocked, number, "HX-2", 4))
    assert again.detail == "HX-2 in SHELF was posted with CT-1 already"
    count(stocked, number, "HX-1", 7)
    row = post(stocked, number)
    assert (row.status, row.posted, row.lost) == ("posted", 2, 3)


def test_more_that_left_than_was_counted_is_a_wrong_count(stocked):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 2)
    reserve(stocked, "SO-1", "HX-1=5@MAIN")
    commit(stocked, "SO-1")
    receive(stocked, "HX-1", 9, "MAIN", bin="SHELF")

    error = refuses(stocked, InsufficientStock, "not to be posted", lambda: post(stocked, number))
    assert error.errors[0]["detail"] == "HX-1 in SHELF: 2 were counted, and 5 have left since"
    assert error.hint == "count again, or post with --skip"

    assert post(stocked, number, skip=True).recount == 1
    assert count(stocked, number, "HX-1", 14).state == "counted"
    post(stocked, number)
    assert counts(stocked, "HX-1", "MAIN")[0] == 14


def test_an_undone_entry_from_before_the_count_makes_it_be_counted_again(stocked):
    """Nobody can tell whether the goods walked back or never were there."""
    adjust(stocked, "HX-1", "MAIN", -3, reason="damaged")
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 10)
    undo_last(stocked, "HX-1")

    refuses(stocked, Conflict, "to be counted again", lambda: post(stocked, number))
    assert count(stocked, number, "HX-1", 10).state == "counted"
    post(stocked, number)
    assert counts(stocked, "HX-1", "MAIN")[0] == 10


@pytest.mark.parametrize("before", [True, False])
def test_an_undone_correction_is_a_correction(stocked, before):
    number = open_count(stocked, tolerance=9)
    if before:
        adjust(stocked, "HX-1", "MAIN", -3)
        count(stocked, number, "HX-1", 8)
    else:
        count(stocked, number, "HX-1", 8)
        adjust(stocked, "HX-1", "MAIN", -3)
    undo_last(stocked, "HX-1")

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN")[0] == 8


def test_what_was_done_and_undone_since_it_was_counted_is_nothing(stocked):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    adjust(stocked, "HX-1", "MAIN", -3, reason="damaged")
    undo_last(stocked, "HX-1")

    post(stocked, number)

    assert counts(stocked, "HX-1", "MAIN")[0] == 8


def undo_last(database, ref):
    """Reverse the product's last movement."""
    [(kind, reason, quantity, origin, target, seq)] = fetch(
        database,
        "SELECT m.kind, m.reason, m.quantity, m.from_bin, m.to_bin, m.level_seq "
        "FROM movement AS m ORDER BY id DESC LIMIT 1",
    )

    def action(session):
        item, site = items.one(session, ref), warehouses.site(session, "MAIN")
        [at] = levels.create(session, [(item, site)]).values()
        levels.load_places(session, [at])
        ends = {"adjustment": ADJUSTMENT, "SHELF": warehouses.place(session, site, "SHELF")}
        with posting(session) as current:
            current.post(
                at,
                kind,
                quantity,
                origin=ends[target],
                target=ends[origin],
                reason=reason,
                reverses=seq,
            )
            current.tell("movement.undone", item.sku, {})
        return []

    act(database, action)


def test_scans_add_up_and_the_first_of_a_bin_begins_anew(stocked):
    number = open_count(stocked)
    assert count(stocked, number, "HX-1", 4).counted == 4
    assert count(stocked, number, "HX-1", 5, more=True).counted == 9
    assert count(stocked, number, "HX-1", 1, more=True).state == "counted"

    again = count(stocked, number, "HX-1", 1)
    assert (again.counted, again.attempts, again.state) == (1, 2, "recount")
    last = [count(stocked, number, "HX-1", 3, more=True) for _ in range(3)][-1]
    assert (last.counted, last.attempts, last.state) == (10, 2, "counted")


def test_goods_that_move_between_two_scans_of_a_line_make_it_be_counted_again(stocked):
    number = open_count(stocked)
    count(stocked, number, "HX-1", 4)
    reserve(stocked, "SO-1", "HX-1=1@MAIN")
    assert count(stocked, number, "HX-1", 1, more=True).state == "recount"
    commit(stocked, "SO-1")
    last = [count(stocked, number, "HX-1", 1, more=True) for _ in range(5)]
    assert {row.state for row in last} == {"recount"}

    assert count(stocked, number, "HX-1", 9).state == "counted"
    post(stocked, number)
    assert counts(stocked, "HX-1", "MAIN")[0] == 9


def test_a_scan_that_is_taken_back_was_not_counted(stocked):
    number = open_count(stocked)
    count(stocked, number, "HX-1", 9)
    count(stocked, number, "HX-1", 2, more=True)

    assert take_back(stocked, number, 1).state == "counted"
    refuses(stocked, Conflict, "only 10 of HX-1 were", lambda: take_back(stocked, number, 11))
    gone = take_back(stocked, number, 10)
    assert (gone.counted, gone.state) == (0, "uncounted")
    assert show(stocked, number).lines == []
    refuses(stocked, Conflict, "nothing was counted in CT-1", lambda: post(stocked, number))


def test_a_recount_that_is_taken_back_still_has_to_be_made(stocked):
    number = open_count(stocked)
    count(stocked, number, "HX-1", 0)
    count(stocked, number, "HX-1", 2)

    row = take_back(stocked, number, 2)

    assert (row.counted, row.attempts, row.state) == (0, 2, "recount")


def take_back(database, number, quantity):
    return act(
        database,
        lambda s: counting.take_back(s, count=number, ref="HX-1", bin="SHELF", quantity=quantity),
    )


def test_a_blind_count_says_nothing_of_the_record_before_it_is_posted(stocked):
    number = open_count(stocked, tolerance=9)
    row = count(stocked, number, "HX-1", 8)
    [line] = show(stocked, number).lines
    assert (row.expected, row.difference) == (line.expected, line.difference) == (None, None)

    post(stocked, number)

    [line] = show(stocked, number).lines
    assert (line.expected, line.difference) == (10, -2)


def test_a_count_that_is_not_blind_shows_both(stocked):
    number = open_count(stocked, blind=False)
    row = count(stocked, number, "HX-1", 8)
    [line] = show(stocked, number).lines
    assert (row.expected, row.difference) == (line.expected, line.difference) == (10, -2)


def test_the_goods_were_gone_when_they_were_counted_not_when_it_was_posted(stocked, clock):
    clock.advance(books.HOUR)
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    counted = clock.at
    clock.advance(48 * books.HOUR)
    post(stocked, number)

    assert level(stocked, "HX-1", "MAIN", as_of=counted - books.MINUTE).on_hand == 10
    assert level(stocked, "HX-1", "MAIN", as_of=counted + books.MINUTE).on_hand == 8


def test_the_reason_can_be_said(stocked):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    refuses(stocked, InvalidInput, "no reason 'x'", lambda: post(stocked, number, reason="x"))

    post(stocked, number, reason="Theft")

    assert posted(stocked) == [("SHELF", "adjustment", 2, "theft", "CT-1")]


SCOPES = [
    ({"bins": "a-01..a-03"}, "bins A-01..A-03", ["A-01", "A-02"], "bin SHELF"),
    ({"bins": "A-02"}, "bin A-02", ["A-02"], "bin A-01"),
    ({"refs": ["HX-2", "hx-2"]}, "HX-2", ["SHELF"], "HX-1"),
    ({}, "everything", ["A-01", "A-02", "SHELF", "SHELF"], None),
]


@pytest.mark.parametrize(("asked", "said", "left", "outside"), SCOPES)
def test_a_count_is_about_its_bins_or_products(stocked, asked, said, left, outside):
    for name in ("A-01", "A-02", "B-01"):
        books.add_bin(stocked, "MAIN", name)
    for name in ("A-01", "A-02"):
        receive(stocked, "HX-1", 1, "MAIN", bin=name)
    number = open_count(stocked, **asked)
    row = show(stocked, number)

    assert (row.scope, [one.bin for one in row.left], row.uncounted) == (said, left, len(left))
    if outside is None:
        return
    bin = outside.removeprefix("bin ") if outside.startswith("bin") else "SHELF"
    error = refuses(
        stocked, InvalidInput, "is not in CT-1", lambda: count(stocked, number, "HX-1", 1, bin)
    )
    assert error.detail == f"{outside} is not in CT-1, which counts {said}"


def test_a_class_is_of_what_sold_when_the_count_began(stocked):
    receive(stocked, "HX-3", 20, "MAIN", bin="SHELF")
    for number, said in enumerate(("HX-3=16@MAIN", "HX-1=4@MAIN")):
        reserve(stocked, f"SO-{number}", said)
        commit(stocked, f"SO-{number}")
    a, b, c = (open_count(stocked, class_=name) for name in "AbC")

    assert [[one.sku for one in show(stocked, each).left] for each in (a, b, c)] == [
        ["HX-3"],
        ["HX-1"],
        ["HX-2"],
    ]
    error = refuses(stocked, InvalidInput, "not of class A", lambda: count(stocked, a, "HX-1", 1))
    assert error.detail == "HX-1 (not of class A) is not in CT-1, which counts class A"


WRONG = [
    ({"bins": "A-09..A-01"}, InvalidInput, "A-09 comes after A-01"),
    ({"bins": "Z-01..Z-09"}, InvalidInput, "MAIN has no bin from Z-01 to Z-09"),
    ({"bins": "Z-01"}, NotFound, "no bin Z-01 in MAIN"),
    ({"bins": "DOCK", "class_": "A"}, InvalidInput, "about bins, a class, or products"),
    ({"class_": "D"}, InvalidInput, "the class is A, B or C, not 'D'"),
    ({"class_": "A"}, InvalidInput, "no product is of class A"),
    ({"refs": ["HX-9"]}, NotFound, "no product 'HX-9'"),
    ({"refs": ["HX-1"] * 1001}, InvalidInput, "1000 products at most, not 1001"),
    ({"tolerance": -1}, InvalidInput, "the tolerance must be"),
    ({"warehouse": "MOON"}, NotFound, "no warehouse MOON"),
]


@pytest.mark.parametrize(("asked", "error", "said"), WRONG)
def test_what_is_no_count(stocked, asked, error, said):
    refuses(stocked, error, said, lambda: open_count(stocked, **asked))


def test_what_cannot_be_counted(stocked):
    number = open_count(stocked)
    for error, said, action in (
        (NotFound, "no count CT-7", lambda: count(stocked, "CT-7", "HX-1", 1)),
        (InvalidInput, "'TR-1' is not", lambda: count(stocked, "TR-1", "HX-1", 1)),
        (NotFound, "no product 'HX-9'", lambda: count(stocked, number, "HX-9", 1)),
        (NotFound, "no bin A-99 in MAIN", lambda: count(stocked, number, "HX-1", 1, "A-99")),
        (InvalidInput, "quantity must be", lambda: count(stocked, number, "HX-1", -1)),
        (InvalidInput, "quantity must be", lambda: count(stocked, number, "HX-1", 0, more=True)),
        (NotFound, "no lot L-1 of HX-1", lambda: count(stocked, number, "HX-1", 1, lot="l-1")),
        (Conflict, "nothing was counted in CT-1", lambda: post(stocked, number)),
    ):
        refuses(stocked, error, said, action)


@pytest.mark.parametrize("close", [counting.cancel, counting.post])
def test_a_closed_count_is_closed(stocked, close):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    row = act(stocked, lambda s: close(s, count=number))
    assert row.closed_at is not None
    said = f"CT-1 is {row.status} already"
    for action in (
        lambda: count(stocked, number, "HX-1", 8),
        lambda: take_back(stocked, number, 1),
        lambda: post(stocked, number),
        lambda: act(stocked, lambda s: counting.cancel(s, count=number)),
    ):
        refuses(stocked, Conflict, said, action)


def test_a_cancelled_count_changes_nothing(stocked):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)

    row = act(stocked, lambda s: counting.cancel(s, count=number))

    assert (row.status, row.counted) == ("cancelled", 1)
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)
    assert events(stocked)[-1] == ("count.cancelled", "CT-1")


def test_counts_are_listed_the_newest_first(stocked):
    for site in ("MAIN", "NORTH", "MAIN"):
        open_count(stocked, site)
    count(stocked, "CT-3", "HX-1", 8)
    count(stocked, "CT-3", "HX-2", 4)
    act(stocked, lambda s: counting.cancel(s, count="CT-1"))

    rows, cursor = ask(stocked, lambda s: counting.page(s, limit=2))
    assert [(row.count, row.counted, row.recount) for row in rows] == [
        ("CT-3", 1, 1),
        ("CT-2", 0, 0),
    ]
    rest, end = ask(stocked, lambda s: counting.page(s, after=cursor))
    assert ([row.count for row in rest], end) == (["CT-1"], None)
    main, _ = ask(stocked, lambda s: counting.page(s, warehouse="main", status="open"))
    assert [row.count for row in main] == ["CT-3"]
    refuses(stocked, InvalidInput, "status is one of", lambda: ask_page(stocked, "new"))


def ask_page(database, status):
    return ask(database, lambda s: counting.page(s, status=status))


def test_a_case_counts_as_its_pieces(stocked):
    case = "INSERT INTO barcode (code, product_id, pack_quantity) SELECT 'CASE', id, 5 FROM product"
    with stocked.write(books.command_log.command("t", actor="t")) as session:
        session.wire.exec_driver_sql(f"{case} WHERE sku = 'HX-1'")
    number = open_count(stocked)

    assert count(stocked, number, "CASE", 2).counted == 10


@pytest.fixture
def lots(stocked):
    """Return a database with 3 of lot L-1 and 4 of lot L-2 of HX-3 in SHELF at MAIN."""
    with stocked.write(books.command_log.command("t", actor="t")) as session:
        session.wire.exec_driver_sql("UPDATE product SET tracks_lots = 1 WHERE sku = 'HX-3'")
    for lot, quantity in (("L-1", 3), ("L-2", 4)):
        more = {"bin": "SHELF", "lot": lot, "expires_on": 20270331}
        receive(stocked, "HX-3", quantity, "MAIN", **more)
    return stocked


def test_lots_are_counted_one_by_one(lots):
    number = open_count(lots, refs=["HX-3"], tolerance=9)
    error = refuses(
        lots, InvalidInput, "the lot has to be named", lambda: count(lots, number, "HX-3", 7)
    )
    assert error.hint == "--lot, one of: L-1, L-2"
    count(lots, number, "HX-3", 2, lot="l-1")
    assert [one.lot for one in show(lots, number).left] == ["L-2"]
    count(lots, number, "HX-3", 6, lot="L-2")
    receive(lots, "HX-3", 1, "MAIN", bin="SHELF", lot="L-2")
    act(
        lots,
        lambda s: counting.add(s, count=number, ref="HX-3", bin="SHELF", quantity=7, lot="L-2"),
    )
    later = open_count(lots, tolerance=9)
    count(lots, later, "HX-3", 5, lot="L-2")

    post(lots, number)
    post(lots, later)

    assert fetch(lots, "SELECT lot, quantity FROM bin_level WHERE lot <> '' ORDER BY lot") == [
        ("L-1", 2),
        ("L-2", 5),
    ]


@mostly_on_sqlite
def test_five_thousand_lines_are_posted_in_a_few_statements(stocked):
    """One look-up and one write a table, whatever the number of lines."""
    skus = [f"P-{number:03}" for number in range(200)]
    books.add_products(stocked, *skus)
    number = open_count(stocked, tolerance=9)

    def all_of_them(session):
        return [
            counting.add(session, count=number, ref=sku, bin="SHELF", quantity=3) for sku in skus
        ]

    act(stocked, all_of_them)
    sent = []

    def counted(session):
        really, plain = session._send, session.send
        session._send = lambda *a: sent.append(1) or really(*a)
        session.send = lambda sql, rows: sent.extend(rows[:1]) or plain(sql, rows)
        return counting.post(session, count=number)

    row = act(stocked, counted)

    assert (row.posted, row.found) == (200, 600)
    assert len(sent) < 40


def test_an_adjustment_refuses_a_reason_that_is_not_there(stocked):
    refuses(
        stocked,
        InvalidInput,
        "there is no reason 'x'",
        lambda: act(
            stocked,
            lambda s: adjustments.adjust(s, ref="HX-1", warehouse="MAIN", reason="x", change=1),
        ),
    )


def pick_three(database):
    """Take three pieces of HX-1 from the shelf into staging, for SO-1."""
    reserve(database, "SO-1", "HX-1=3@MAIN", ttl=books.HOUR)
    act(database, lambda s: picking.start(s, reservation_id="SO-1"))
    act(database, lambda s: picking.pick(s, reservation_id="SO-1", everything=True))
    assert bins(database, "MAIN") == {"SHELF": 7 + 4, "STAGING": 3}


def test_what_is_picked_after_it_was_counted_has_left_the_bin(stocked):
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    pick_three(stocked)

    post(stocked, number)

    assert bins(stocked, "MAIN") == {"SHELF": 5 + 4, "STAGING": 3}
    assert counts(stocked, "HX-1", "MAIN") == (8, 3, 5, 0)


def test_what_stands_picked_for_a_parcel_is_not_counted_away(stocked):
    pick_three(stocked)
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 2, "STAGING")

    error = refuses(stocked, InsufficientStock, "not to be posted", lambda: post(stocked, number))

    said = "HX-1 in STAGING: 2 would be left, and 3 are picked for parcels"
    assert error.errors[0]["detail"] == said
    assert error.hint == "count again, or post with --skip"
    act(stocked, lambda s: picking.cancel(s, reservation_id="SO-1"))


def test_breaking_holds_is_for_the_lines_that_need_it(stocked):
    """What is reserved stays so where the count takes nothing from it."""
    reserve(stocked, "SO-1", "HX-1=10@MAIN")
    reserve(stocked, "SO-2", "HX-2=1@MAIN")
    number = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 9)
    count(stocked, number, "HX-2", 3)

    post(stocked, number, break_newest=True)

    assert books.parts(books.show(stocked, "SO-1")) == [("HX-1", "MAIN", 9, 1, 0, 0)]
    assert books.parts(books.show(stocked, "SO-2")) == [("HX-2", "MAIN", 1, 0, 0, 0)]


def test_what_a_count_posted_is_undone_and_can_be_counted_again(stocked):
    number = open_count(stocked, tolerance=9)
    later = open_count(stocked, tolerance=9)
    count(stocked, number, "HX-1", 8)
    post(stocked, number)
    count(stocked, later, "HX-1", 8)
    act(stocked, lambda s: undo.document(s, number=number))
    assert counts(stocked, "HX-1", "MAIN")[0] == 10

    post(stocked, later)

    assert counts(stocked, "HX-1", "MAIN")[0] == 8
