"""What changes stock by hand, and what a level looks like then, before and later."""

import pytest

from bvinv.core import stock
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from bvinv.core.purchasing import suppliers
from tests import books
from tests.books import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    act,
    add_bin,
    adjust,
    ask,
    bins,
    commit,
    counts,
    events,
    expire,
    fetch,
    kinds,
    level,
    parts,
    put_away,
    receive,
    reserve,
    show,
    snapshot,
)


def configure(database, ref, warehouse, **settings):
    return act(
        database, lambda s: stock.configure(s, ref=ref, warehouse=warehouse, settings=settings)
    )


def refused(database, error, said, action):
    """Assert that the action is refused with these words, and that nothing changed."""
    before = snapshot(database)
    with pytest.raises(error) as found:
        action()
    assert found.value.detail == said
    assert snapshot(database) == before
    return found.value


# --- receive ------------------------------------------------------------------------------------


def test_a_receipt_lands_at_the_dock(stocked):
    fields = {"name": "Ingram", "currency": "USD", "lead_time_days": "9"}
    act(stocked, lambda s: suppliers.add(s, name_code="INGRAM", fields=fields))
    row = receive(stocked, "hx-1", 5, "main", document="D-7", supplier="Ingram")

    assert (row.sku, row.warehouse, row.on_hand, row.available) == ("HX-1", "MAIN", 15, 15)
    assert bins(stocked, "MAIN") == {"DOCK": 5, "SHELF": 14}
    assert kinds(stocked, "HX-1") == [("receive", 10, 10, 0), ("receive", 5, 15, 0)]
    assert fetch(
        stocked, "SELECT from_bin, to_bin, document FROM movement ORDER BY id DESC LIMIT 1"
    ) == [("supplier", "DOCK", "D-7")]
    assert events(stocked)[-1] == ("stock.received", "HX-1")


def test_a_receipt_fills_the_oldest_backorder_first(stocked):
    for number, wanted in ((1, 8), (2, 5), (3, 4)):
        reserve(stocked, f"SO-{number}", f"HX-1={wanted}@MAIN", backorder=True)
    assert counts(stocked, "HX-1", "MAIN") == (10, 10, -7, 7)

    receive(stocked, "HX-1", 5, "MAIN")

    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 5, 0, 0, 0)]
    assert parts(show(stocked, "SO-3")) == [("HX-1", "MAIN", 2, 2, 0, 0)]
    assert counts(stocked, "HX-1", "MAIN") == (15, 15, -2, 2)
    assert events(stocked)[-3:] == [
        ("reservation.filled", "SO-2"),
        ("reservation.filled", "SO-3"),
        ("stock.received", "HX-1"),
    ]


def test_a_receipt_passes_over_a_backorder_that_ran_out(stocked, clock):
    reserve(stocked, "SO-1", "HX-3=2@MAIN", backorder=True, ttl=MINUTE)
    reserve(stocked, "SO-2", "HX-3=3@MAIN", backorder=True, ttl=HOUR)
    clock.advance(2 * MINUTE)

    receive(stocked, "HX-3", 4, "MAIN")

    assert counts(stocked, "HX-3", "MAIN") == (4, 3, 1, 0)
    assert show(stocked, "SO-1").status == "expired"
    assert parts(show(stocked, "SO-2")) == [("HX-3", "MAIN", 3, 0, 0, 0)]


def test_a_receipt_into_quarantine_promises_nothing(stocked):
    add_bin(stocked, "MAIN", "Q-1", "quarantine")
    reserve(stocked, "SO-1", "HX-3=2@MAIN", backorder=True)

    row = receive(stocked, "HX-3", 4, "MAIN", bin="Q-1")

    assert (row.on_hand, row.unsellable, row.reserved, row.backordered) == (0, 4, 0, 2)


@pytest.mark.parametrize("quantity", [0, -1, 10**9 + 1, 2**63, True, 1.5, "1_000", " 7 ", "x"])
def test_a_quantity_is_a_whole_number_of_pieces(stocked, quantity):
    before = snapshot(stocked)

    with pytest.raises(InvalidInput, match="the quantity must be a whole number from 1 to"):
        receive(stocked, "HX-1", quantity, "MAIN")

    assert snapshot(stocked) == before


def test_a_name_that_is_not_there_is_not_found(stocked):
    refused(
        stocked, NotFound, "there is no product 'HX-9'", lambda: receive(stocked, "HX-9", 1, "MAIN")
    )
    refused(
        stocked, NotFound, "there is no warehouse EAST", lambda: receive(stocked, "HX-1", 1, "EAST")
    )
    refused(
        stocked,
        NotFound,
        "there is no bin A-9 in MAIN",
        lambda: receive(stocked, "HX-1", 1, "MAIN", bin="A-9"),
    )


# --- adjust -------------------------------------------------------------------------------------


def test_a_change_needs_a_reason_and_says_it(stocked):
    row = adjust(stocked, "HX-1", "MAIN", -2, reason=" Damaged ", note="wet")

    assert row.on_hand == 8
    assert fetch(
        stocked,
        "SELECT kind, reason, quantity, from_bin, to_bin FROM movement ORDER BY id DESC LIMIT 1",
    ) == [("adjust", "damaged", 2, "SHELF", "adjustment")]
    refused(
        stocked,
        InvalidInput,
        "an adjustment needs a reason",
        lambda: adjust(stocked, "HX-1", "MAIN", -2, reason=" "),
    )


def test_found_goods_go_to_the_shelf(stocked):
    adjust(stocked, "HX-3", "NORTH", 4, reason="found")

    assert bins(stocked, "NORTH") == {"SHELF": 10}
    assert counts(stocked, "HX-3", "NORTH") == (4, 0, 4, 0)


def test_a_removal_of_more_than_there_is_is_refused_not_clamped(stocked):
    error = refused(
        stocked,
        InsufficientStock,
        "only 4 of HX-2 lie in MAIN, 10 wanted",
        lambda: adjust(stocked, "HX-2", "MAIN", -10),
    )
    assert error.numbers == {"sku": "HX-2", "warehouse": "MAIN", "wanted": 10, "available": 4}


def test_a_count_with_the_expected_number_sets_the_difference(stocked):
    assert adjust(stocked, "HX-1", "MAIN", to=7, expect=10).on_hand == 7
    assert adjust(stocked, "HX-1", "MAIN", to=9, expect=7).on_hand == 9
    assert kinds(stocked, "HX-1")[-2:] == [("adjust", 3, 7, 0), ("adjust", 2, 9, 0)]


def test_two_people_who_count_at_once_do_not_add_up_their_errors(stocked):
    adjust(stocked, "HX-1", "MAIN", to=8, expect=10)
    error = refused(
        stocked,
        Conflict,
        "8 of HX-1 stand in MAIN, not 10",
        lambda: adjust(stocked, "HX-1", "MAIN", to=8, expect=10),
    )
    assert error.numbers == {"expected": 10, "on_hand": 8}


def test_a_count_that_finds_what_was_expected_changes_nothing(stocked):
    before = snapshot(stocked)

    assert adjust(stocked, "HX-1", "MAIN", to=10, expect=10).on_hand == 10

    assert snapshot(stocked) == before


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "say either the change or the count"),
        ({"change": 1, "to": 2, "expect": 1}, "say either the change or the count"),
        ({"to": 2}, "a count needs the number that stood there before"),
        ({"change": 0}, "a change of 0 changes nothing"),
    ],
)
def test_an_adjustment_says_one_thing(stocked, how, said):
    refused(stocked, InvalidInput, said, lambda: adjust(stocked, "HX-1", "MAIN", **how))


def test_an_adjustment_of_a_bin_is_about_that_bin(stocked):
    add_bin(stocked, "MAIN", "A-1")
    put_away(stocked, "HX-1", 3, "MAIN", "A-1", origin="SHELF")

    adjust(stocked, "HX-1", "MAIN", -1, bin="A-1")
    assert bins(stocked, "MAIN") == {"A-1": 2, "SHELF": 11}
    adjust(stocked, "HX-1", "MAIN", to=5, expect=2, bin="A-1")
    assert bins(stocked, "MAIN") == {"A-1": 5, "SHELF": 11}
    refused(
        stocked,
        InsufficientStock,
        "only 5 of HX-1 lie in A-1 at MAIN, 6 wanted",
        lambda: adjust(stocked, "HX-1", "MAIN", -6, bin="A-1"),
    )
    assert counts(stocked, "HX-1", "MAIN") == (12, 0, 12, 0)


def test_goods_leave_staging_first_then_the_shelves_then_the_dock(stocked):
    add_bin(stocked, "MAIN", "S-1", "staging")
    add_bin(stocked, "MAIN", "A-1")
    add_bin(stocked, "MAIN", "Q-1", "quarantine")
    receive(stocked, "HX-3", 2, "MAIN")
    for name in ("S-1", "A-1", "Q-1", "SHELF"):
        receive(stocked, "HX-3", 2, "MAIN", bin=name)

    adjust(stocked, "HX-3", "MAIN", -7)

    taken = fetch(
        stocked, "SELECT from_bin, quantity FROM movement WHERE kind = 'adjust' ORDER BY id"
    )
    assert taken == [("S-1", 2), ("A-1", 2), ("SHELF", 2), ("DOCK", 1)]
    row = level(stocked, "HX-3", "MAIN")
    assert (row.on_hand, row.unsellable) == (1, 2)


def test_an_adjustment_below_what_is_reserved_names_the_holders(stocked):
    reserve(stocked, "SO-1", "HX-1=3")
    reserve(stocked, "SO-2", "HX-1=4")

    error = refused(
        stocked,
        InsufficientStock,
        "only 3 of HX-1 can leave MAIN, 4 wanted; held by SO-2 (4), SO-1 (3)",
        lambda: adjust(stocked, "HX-1", "MAIN", -4),
    )
    assert error.hint == "release a hold, or use --break newest"
    assert error.numbers["holders"] == [
        {"reservation_id": "SO-2", "held": 4},
        {"reservation_id": "SO-1", "held": 3},
    ]
    assert adjust(stocked, "HX-1", "MAIN", -3).available == 0


def test_break_newest_turns_the_newest_holds_into_backorders(stocked):
    reserve(stocked, "SO-1", "HX-1=3")
    reserve(stocked, "SO-2", "HX-1=4")

    row = adjust(stocked, "HX-1", "MAIN", -8, break_newest=True)

    assert (row.on_hand, row.reserved, row.available, row.backordered) == (2, 2, -5, 5)
    assert parts(show(stocked, "SO-1")) == [("HX-1", "MAIN", 2, 1, 0, 0)]
    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 0, 4, 0, 0)]
    assert ("reservation.broken", "SO-2") in events(stocked)

    receive(stocked, "HX-1", 3, "MAIN")
    assert parts(show(stocked, "SO-1")) == [("HX-1", "MAIN", 3, 0, 0, 0)]
    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 2, 2, 0, 0)]


def test_break_newest_breaks_nothing_that_needs_no_breaking(stocked):
    reserve(stocked, "SO-1", "HX-1=3")

    row = adjust(stocked, "HX-1", "MAIN", -7, break_newest=True)

    assert (row.on_hand, row.reserved, row.backordered) == (3, 3, 0)


def test_a_hold_that_ran_out_is_in_nobodys_way(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=9", ttl=MINUTE)
    clock.advance(2 * MINUTE)

    assert adjust(stocked, "HX-1", "MAIN", -10).on_hand == 0
    assert show(stocked, "SO-1").status == "expired"
    assert expire(stocked) == (1, 0)


def test_what_an_adjustment_finds_run_out_goes_to_those_who_wait(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10", ttl=MINUTE)
    reserve(stocked, "SO-2", "HX-1=3@MAIN", backorder=True)
    clock.advance(2 * MINUTE)

    adjust(stocked, "HX-1", "MAIN", -1)

    assert counts(stocked, "HX-1", "MAIN") == (9, 3, 6, 0)
    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 3, 0, 0, 0)]


def test_what_a_put_away_finds_run_out_goes_to_those_who_wait(stocked, clock):
    add_bin(stocked, "MAIN", "Q-1", "quarantine")
    reserve(stocked, "SO-1", "HX-1=10", ttl=MINUTE)
    reserve(stocked, "SO-2", "HX-1=3@MAIN", backorder=True)
    clock.advance(2 * MINUTE)

    put_away(stocked, "HX-1", 1, "MAIN", "Q-1", origin="SHELF")

    assert counts(stocked, "HX-1", "MAIN") == (9, 3, 6, 0)


def test_found_goods_fill_backorders_too(stocked):
    reserve(stocked, "SO-1", "HX-1=12@MAIN", backorder=True)

    adjust(stocked, "HX-1", "MAIN", 1, reason="found")

    assert parts(show(stocked, "SO-1")) == [("HX-1", "MAIN", 11, 1, 0, 0)]


# --- put away -----------------------------------------------------------------------------------


def test_put_away_moves_pieces_and_changes_no_count(stocked):
    receive(stocked, "HX-1", 5, "MAIN")
    add_bin(stocked, "MAIN", "A-1")
    before = level(stocked, "HX-1", "MAIN")

    row = put_away(stocked, "HX-1", 4, "main", "a-1")

    assert (row.quantity, row.from_bin, row.to_bin) == (4, "DOCK", "A-1")
    after = level(stocked, "HX-1", "MAIN")
    assert after.model_copy(update={"version": 2, "updated_at": before.updated_at}) == before
    assert bins(stocked, "MAIN") == {"A-1": 4, "DOCK": 1, "SHELF": 14}
    assert kinds(stocked, "HX-1")[-1] == ("move", 4, 15, 0)
    assert events(stocked)[-1] == ("stock.moved", "HX-1")


def test_reserved_goods_may_be_moved_between_shelves(stocked):
    reserve(stocked, "SO-1", "HX-1=10")
    add_bin(stocked, "MAIN", "A-1")

    put_away(stocked, "HX-1", 10, "MAIN", "A-1", origin="SHELF")
    commit(stocked, "SO-1")

    assert bins(stocked, "MAIN") == {"SHELF": 4}


def test_goods_in_quarantine_are_not_on_hand_and_come_back(stocked):
    add_bin(stocked, "MAIN", "Q-1", "quarantine")
    reserve(stocked, "SO-1", "HX-1=6")

    row = put_away(stocked, "HX-1", 4, "MAIN", "Q-1", origin="SHELF")
    assert (row.on_hand, row.unsellable, row.reserved, row.available) == (6, 4, 6, 0)
    refused(
        stocked,
        InsufficientStock,
        "only 0 of HX-1 can leave MAIN, 1 wanted; held by SO-1 (6)",
        lambda: put_away(stocked, "HX-1", 1, "MAIN", "Q-1", origin="SHELF"),
    )

    reserve(stocked, "SO-2", "HX-1=3@MAIN", backorder=True)
    row = put_away(stocked, "HX-1", 4, "MAIN", "SHELF", origin="Q-1")
    assert (row.on_hand, row.unsellable, row.reserved, row.available) == (10, 0, 9, 1)
    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 3, 0, 0, 0)]


def test_put_away_takes_only_what_lies_there(stocked):
    refused(
        stocked,
        InsufficientStock,
        "only 0 of HX-1 lie in DOCK at MAIN, 1 wanted",
        lambda: put_away(stocked, "HX-1", 1, "MAIN", "SHELF"),
    )
    refused(
        stocked,
        InvalidInput,
        "the goods lie in DOCK already",
        lambda: put_away(stocked, "HX-1", 1, "MAIN", "DOCK"),
    )
    refused(
        stocked,
        NotFound,
        "there is no bin A-1 in MAIN",
        lambda: put_away(stocked, "HX-1", 1, "MAIN", "A-1"),
    )


# --- configure ----------------------------------------------------------------------------------


def test_settings_are_set_kept_and_taken_away(stocked):
    row = configure(stocked, "HX-1", "MAIN", reorder_point=5, max_stock=20, safety_stock=2)
    assert (row.reorder_point, row.max_stock, row.safety_stock, row.version) == (5, 20, 2, 2)

    row = configure(stocked, "HX-1", "MAIN", max_stock=None)
    assert (row.reorder_point, row.max_stock, row.safety_stock, row.version) == (5, None, 2, 3)
    assert events(stocked)[-1] == ("stock.configured", "HX-1")

    before = snapshot(stocked)
    configure(stocked, "HX-1", "MAIN", reorder_point=5)
    assert snapshot(stocked) == before


def test_a_reorder_point_above_the_maximum_is_refused(stocked):
    configure(stocked, "HX-1", "MAIN", max_stock=20)

    refused(
        stocked,
        InvalidInput,
        "a reorder point of 21 lies above the maximum 20",
        lambda: configure(stocked, "HX-1", "MAIN", reorder_point=21),
    )
    refused(stocked, InvalidInput, "nothing to set", lambda: configure(stocked, "HX-1", "MAIN"))
    with pytest.raises(InvalidInput, match="the reorder point must be a whole number from 0"):
        configure(stocked, "HX-1", "MAIN", reorder_point=-1)


def test_a_level_can_be_configured_before_anything_came(stocked):
    row = configure(stocked, "HX-3", "NORTH", reorder_point=3)

    assert (row.on_hand, row.reorder_point) == (0, 3)
    assert [one.sku for one in page(stocked, below_reorder_point=True)[0]] == ["HX-3"]


# --- show, list, as of --------------------------------------------------------------------------


def test_a_product_is_shown_by_warehouse_priority(stocked):
    rows = ask(stocked, lambda s: stock.show(s, ref="HX-2"))

    assert [(row.warehouse, row.on_hand) for row in rows] == [("MAIN", 4), ("NORTH", 6)]


def test_where_nothing_ever_was_there_is_nothing(stocked):
    row = level(stocked, "HX-3", "MAIN")

    assert (row.on_hand, row.available, row.version, row.updated_at) == (0, 0, 0, None)
    assert ask(stocked, lambda s: stock.show(s, ref="HX-3")) == []


def test_a_hold_stops_counting_the_moment_it_runs_out(stocked, clock):
    ends_at = START + HOUR
    reserve(stocked, "SO-1", "HX-1=4", expires_at=ends_at)
    reserve(stocked, "SO-2", "HX-3=2@MAIN", expires_at=ends_at, backorder=True)

    clock.at = ends_at - 1
    assert counts(stocked, "HX-1", "MAIN") == (10, 4, 6, 0)
    assert counts(stocked, "HX-3", "MAIN") == (0, 0, -2, 2)
    clock.advance(1)
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)
    assert counts(stocked, "HX-3", "MAIN") == (0, 0, 0, 0)


def page(database, **filters):
    return ask(database, lambda s: stock.page(s, **filters))


def test_levels_are_listed_page_by_page(stocked):
    everything, cursor = page(stocked)
    names = [(row.sku, row.warehouse) for row in everything]
    assert (names, cursor) == ([("HX-1", "MAIN"), ("HX-2", "MAIN"), ("HX-2", "NORTH")], None)

    for limit in (1, 2, 3):
        seen, cursor = [], None
        while True:
            rows, cursor = page(stocked, limit=limit, after=cursor)
            assert len(rows) <= limit
            seen += rows
            if cursor is None:
                break
        assert seen == everything


def test_levels_are_listed_by_warehouse_and_by_what_is_low(stocked):
    assert [row.sku for row in page(stocked, warehouse="north")[0]] == ["HX-2"]
    assert page(stocked, low=True) == ([], None)
    reserve(stocked, "SO-1", "HX-2=4@MAIN")
    configure(stocked, "HX-1", "MAIN", safety_stock=10, reorder_point=10)
    configure(stocked, "HX-2", "NORTH", reorder_point=7)

    assert [(r.sku, r.warehouse) for r in page(stocked, low=True)[0]] == [
        ("HX-1", "MAIN"),
        ("HX-2", "MAIN"),
    ]
    assert [(r.sku, r.warehouse) for r in page(stocked, below_reorder_point=True)[0]] == [
        ("HX-2", "NORTH")
    ]


@pytest.mark.parametrize("cursor", ["", "HX-1", "a\0=MAIN", "HX-1=\0", "\ud800=x"])
def test_a_cursor_that_was_not_given_out_is_refused(stocked, cursor):
    with pytest.raises(InvalidInput):
        page(stocked, after=cursor)


@pytest.mark.parametrize("limit", [0, -1, 10**9])
def test_a_page_has_a_size(stocked, limit):
    with pytest.raises(InvalidInput, match="the limit"):
        page(stocked, limit=limit)


def as_of(database, at, ref="HX-1", warehouse="MAIN"):
    row = level(database, ref, warehouse, as_of=at)
    return row.on_hand, row.reserved, row.available


def test_the_ledger_knows_how_it_was(stocked, clock):
    clock.advance(HOUR)
    receive(stocked, "HX-1", 5, "MAIN")
    clock.advance(HOUR)
    reserve(stocked, "SO-1", "HX-1=3")
    clock.advance(60 * SECOND)
    commit(stocked, "SO-1", "HX-1=2")

    assert as_of(stocked, START - 1) == (0, 0, 0)
    assert as_of(stocked, START + MINUTE) == (10, 0, 10)
    assert as_of(stocked, START + HOUR) == (15, 0, 15)
    assert as_of(stocked, START + 2 * HOUR) == (15, 3, 12)
    assert as_of(stocked, START + 2 * HOUR + MINUTE) == (13, 1, 12)
    row = level(stocked, "HX-1", "MAIN", as_of=START + HOUR)
    assert (row.backordered, row.reorder_point, row.unsellable) == (None, None, None)


def test_back_dating_changes_how_it_was_and_rewrites_nothing(stocked, clock):
    before = fetch(stocked, "SELECT * FROM movement ORDER BY id")
    clock.advance(HOUR)

    receive(stocked, "HX-1", 5, "MAIN", occurred_at=START - HOUR)
    adjust(stocked, "HX-1", "MAIN", -1, occurred_at=START + MINUTE)

    assert as_of(stocked, START - HOUR - 1) == (0, 0, 0)
    assert as_of(stocked, START - HOUR) == (5, 0, 5)
    assert as_of(stocked, START + MINUTE - 1) == (15, 0, 15)
    assert as_of(stocked, START + MINUTE) == (14, 0, 14)
    assert fetch(stocked, "SELECT * FROM movement ORDER BY id")[: len(before)] == before


@pytest.mark.parametrize("swept", [False, True])
def test_a_hold_ran_out_when_it_did_whether_or_not_it_was_swept(stocked, clock, swept):
    reserve(stocked, "SO-1", "HX-1=4", expires_at=START + MINUTE)
    clock.advance(HOUR)
    if swept:
        expire(stocked)

    assert as_of(stocked, START + MINUTE - 1) == (10, 4, 6)
    assert as_of(stocked, START + MINUTE) == (10, 0, 10)
    assert as_of(stocked, clock.at) == (10, 0, 10)


def test_a_level_that_is_named_is_shown_as_of_any_time(stocked):
    assert as_of(stocked, START, "HX-3", "NORTH") == (0, 0, 0)
    rows = ask(stocked, lambda s: stock.show(s, ref="HX-2", as_of=books.START + HOUR))
    assert [(row.warehouse, row.on_hand) for row in rows] == [("MAIN", 4), ("NORTH", 6)]
