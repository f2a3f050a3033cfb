"""Promises on stock: all or nothing, once, and never more than there is."""

import pytest

from bvinv.core import catalog, command_log, instants, levels, reservation_rows, reservations
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, InventoryError, NotFound
from bvinv.core.reservations import LONGEST, Line, Request
from tests import books
from tests.books import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    act,
    add_products,
    adjust,
    ask,
    commit,
    counts,
    events,
    kinds,
    lines,
    parts,
    receive,
    release,
    reserve,
    show,
    snapshot,
)


def refused(database, error, said, reservation_id, wanted, **terms):
    """Assert that it is refused with these words, and that nothing changed."""
    before = snapshot(database)
    with pytest.raises(error) as found:
        reserve(database, reservation_id, wanted, **terms)
    assert found.value.detail == said
    assert snapshot(database) == before
    return found.value


def test_a_reservation_sets_stock_aside(stocked):
    row = reserve(stocked, "SO-1", "HX-1=7")

    assert row.record() == {
        "reservation_id": "SO-1",
        "status": "held",
        "expires_at": instants.display(row.expires_at),
        "lines": [
            {
                "sku": "HX-1",
                "warehouse": "MAIN",
                "quantity": 7,
                "held": 7,
                "backordered": 0,
                "committed": 0,
                "released": 0,
            }
        ],
        "created_at": instants.display(row.created_at),
        "replayed": False,
        "channel": None,
    }
    assert row.expires_at - row.created_at == 15 * MINUTE
    assert counts(stocked, "HX-1", "MAIN") == (10, 7, 3, 0)
    assert kinds(stocked, "HX-1")[-1] == ("hold", 7, 10, 7)
    assert events(stocked)[-1] == ("reservation.created", "SO-1")
    assert show(stocked, "SO-1") == row


def test_more_than_is_available_is_refused_with_who_holds_it(stocked):
    reserve(stocked, "SO-1", "HX-1=7")

    error = refused(
        stocked,
        InsufficientStock,
        "only 3 of HX-1 available at all warehouses, 4 wanted; held by SO-1 (7)",
        "SO-2",
        "HX-1=4",
    )
    assert error.numbers == {
        "sku": "HX-1",
        "warehouse": None,
        "wanted": 4,
        "available": 3,
        "holders": [{"reservation_id": "SO-1", "held": 7}],
    }
    assert error.errors is None


def test_a_request_is_all_or_nothing_and_names_every_short_line(stocked):
    error = refused(
        stocked,
        InsufficientStock,
        "2 lines are short: HX-3, HX-1",
        "SO-1",
        "HX-2=1 HX-3=1 HX-1=11@MAIN",
    )
    assert {(e["sku"], e["warehouse"], e["wanted"], e["available"]) for e in error.errors} == {
        ("HX-3", None, 1, 0),
        ("HX-1", "MAIN", 11, 10),
    }


def test_two_lines_of_one_sku_count_together(stocked):
    refused(
        stocked,
        InsufficientStock,
        "only 10 of HX-1 available at all warehouses, 12 wanted",
        "SO-1",
        "HX-1=6 hx-1=6",
    )
    row = reserve(stocked, "SO-1", "HX-1=6 HX-1=4")
    assert parts(row) == [("HX-1", "MAIN", 10, 0, 0, 0)]


def test_two_names_of_one_product_count_together(stocked):
    act(
        stocked,
        lambda s: catalog.change(s, ref="HX-1", fields={"isbn": "9780306406157", "barcode": "77"}),
    )

    refused(
        stocked,
        InsufficientStock,
        "only 10 of HX-1 available at all warehouses, 11 wanted",
        "SO-1",
        "HX-1=4 0-306-40615-2=4 77=3",
    )


def test_a_named_warehouse_and_any_warehouse_do_not_get_the_same_pieces(stocked):
    row = reserve(stocked, "SO-1", "HX-2=5 HX-2=4@MAIN")

    assert parts(row) == [("HX-2", "MAIN", 4, 0, 0, 0), ("HX-2", "NORTH", 5, 0, 0, 0)]
    refused(
        stocked,
        InsufficientStock,
        "only 1 of HX-2 available at all warehouses, 2 wanted; held by SO-1 (9)",
        "SO-2",
        "HX-2=2",
    )


def test_the_same_request_again_gets_the_first_answer(stocked):
    first = reserve(stocked, "SO-1", "HX-1=7 HX-2=1")
    before = snapshot(stocked)

    again = reserve(stocked, "SO-1", "HX-2=1 hx-1=7")

    assert again.replayed and again.model_copy(update={"replayed": False}) == first
    assert snapshot(stocked) == before


def test_a_retry_is_answered_although_the_stock_is_gone(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10")
    assert reserve(stocked, "SO-1", "HX-1=10").replayed

    clock.advance(HOUR)
    assert reserve(stocked, "SO-1", "HX-1=10").status == "expired"
    reserve(stocked, "SO-2", "HX-1=10")
    commit(stocked, "SO-2")
    assert reserve(stocked, "SO-2", "HX-1=10").status == "committed"


@pytest.mark.parametrize(
    ("wanted", "terms"),
    [
        ("HX-1=6", {}),
        ("HX-2=7", {}),
        ("HX-1=7 HX-2=1", {}),
        ("HX-1=7@MAIN", {}),
        ("HX-1=7", {"ttl": MINUTE}),
        ("HX-1=7", {"strategy": "most-stock"}),
        ("HX-1=7", {"backorder": True}),
        ("HX-1=7", {"expires_at": START + HOUR}),
    ],
)
def test_the_same_id_with_other_terms_is_a_conflict(stocked, wanted, terms):
    reserve(stocked, "SO-1", "HX-1=7")

    error = refused(
        stocked, Conflict, "reservation SO-1 exists with other terms", "SO-1", wanted, **terms
    )
    assert error.hint == "see: bvinv reserve show SO-1"


def test_a_refused_id_is_free_for_the_next_attempt(stocked):
    with pytest.raises(InsufficientStock):
        reserve(stocked, "SO-1", "HX-3=1")
    receive(stocked, "HX-3", 1, "MAIN")

    assert not reserve(stocked, "SO-1", "HX-3=1").replayed
    assert counts(stocked, "HX-3", "MAIN") == (1, 1, 0, 0)


def test_an_id_is_known_by_its_exact_letters(stocked):
    reserve(stocked, "SO-1", "HX-1=1")

    assert not reserve(stocked, "so-1", "HX-1=2").replayed


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("priority", [("HX-2", "MAIN", 4, 0, 0, 0), ("HX-2", "NORTH", 1, 0, 0, 0)]),
        ("most-stock", [("HX-2", "NORTH", 5, 0, 0, 0)]),
        ("fewest-splits", [("HX-2", "NORTH", 5, 0, 0, 0)]),
    ],
)
def test_a_strategy_chooses_the_warehouse(stocked, strategy, expected):
    assert parts(reserve(stocked, "SO-1", "HX-2=5", strategy=strategy)) == expected


def test_an_order_split_over_two_warehouses_moves_each_part_once(stocked):
    reserve(stocked, "SO-1", "HX-2=9")

    assert kinds(stocked, "HX-2")[-2:] in (
        [("hold", 4, 4, 4), ("hold", 5, 6, 5)],
        [("hold", 5, 6, 5), ("hold", 4, 4, 4)],
    )
    assert counts(stocked, "HX-2", "MAIN") == (4, 4, 0, 0)
    assert counts(stocked, "HX-2", "NORTH") == (6, 5, 1, 0)


def test_a_backorder_is_made_only_when_asked_for(stocked):
    row = reserve(stocked, "SO-1", "HX-2=12 HX-3=1", backorder=True)

    assert parts(row) == [
        ("HX-2", "MAIN", 4, 2, 0, 0),
        ("HX-2", "NORTH", 6, 0, 0, 0),
        ("HX-3", "MAIN", 0, 1, 0, 0),
    ]
    assert counts(stocked, "HX-2", "MAIN") == (4, 4, -2, 2)
    assert show(stocked, "SO-1") == row
    assert reserve(stocked, "SO-1", "HX-2=12 HX-3=1", backorder=True).replayed


def test_a_backorder_at_a_named_warehouse_waits_there(stocked):
    row = reserve(stocked, "SO-1", "HX-2=9@NORTH", backorder=True)

    assert parts(row) == [("HX-2", "NORTH", 6, 3, 0, 0)]
    receive(stocked, "HX-2", 3, "MAIN")
    assert parts(show(stocked, "SO-1")) == [("HX-2", "NORTH", 6, 3, 0, 0)]


def test_who_comes_later_does_not_get_what_somebody_waits_for(stocked):
    reserve(stocked, "SO-1", "HX-1=12@MAIN", backorder=True)
    reserve(stocked, "SO-2", "HX-1=1@MAIN", backorder=True)

    release(stocked, "SO-1")

    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 1, 0, 0, 0)]
    assert counts(stocked, "HX-1", "MAIN") == (10, 1, 9, 0)


def test_a_hold_past_its_time_stops_counting_although_nobody_swept(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10", ttl=MINUTE)
    clock.advance(2 * MINUTE)

    assert reserve(stocked, "SO-2", "HX-1=10").status == "held"
    assert show(stocked, "SO-1").status == "expired"
    assert parts(show(stocked, "SO-1")) == [("HX-1", "MAIN", 0, 0, 0, 10)]
    assert kinds(stocked, "HX-1")[-2:] == [("expire", 10, 10, 0), ("hold", 10, 10, 10)]


def test_what_runs_out_goes_to_those_who_wait_before_the_next_who_asks(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10", ttl=MINUTE)
    reserve(stocked, "SO-2", "HX-1=8@MAIN", backorder=True)
    clock.advance(2 * MINUTE)

    refused(
        stocked,
        InsufficientStock,
        "only 2 of HX-1 available at all warehouses, 3 wanted; held by SO-2 (8)",
        "SO-3",
        "HX-1=3",
    )
    reserve(stocked, "SO-3", "HX-1=2")
    assert parts(show(stocked, "SO-2")) == [("HX-1", "MAIN", 8, 0, 0, 0)]


@pytest.mark.parametrize("quantity", [0, -1, 10**9 + 1, 2**70, True, 1.5])
def test_a_line_wants_whole_pieces(stocked, quantity):
    before = snapshot(stocked)

    with pytest.raises(InvalidInput, match="the quantity must be a whole number from 1 to"):
        act(
            stocked,
            lambda s: reservations.create(s, Request("SO-1", [Line("HX-1", quantity)])),
        )

    assert snapshot(stocked) == before


def test_a_request_has_to_make_sense(stocked):
    for number in ("", "A=B", "x" * 129, "a\nb"):
        with pytest.raises(InvalidInput, match="the reservation id"):
            reserve(stocked, number, "HX-1=1")
    refused(stocked, InvalidInput, "a reservation needs a line", "SO-1", "")
    refused(
        stocked,
        InvalidInput,
        "the strategy is one of priority, most-stock, fewest-splits",
        "SO-1",
        "HX-1=1",
        strategy="cheapest",
    )
    refused(stocked, NotFound, "there is no product 'HX-9', 'HX-8'", "SO-1", "HX-9=1 HX-8=1 HX-1=1")
    refused(stocked, NotFound, "there is no warehouse EAST", "SO-1", "HX-1=1@east")


@pytest.mark.parametrize("ttl", [0, -1, SECOND - 1, LONGEST + 1, 10**18])
def test_a_reservation_lasts_from_a_second_to_a_year(stocked, ttl):
    with pytest.raises(InvalidInput, match="the ttl"):
        reserve(stocked, "SO-1", "HX-1=1", ttl=ttl)


@pytest.mark.parametrize("expires_at", [START - 1, START, START + LONGEST + HOUR])
def test_a_reservation_ends_in_the_future_within_a_year(stocked, expires_at):
    refused(
        stocked,
        InvalidInput,
        "a reservation expires in the future, within 366 days",
        "SO-1",
        "HX-1=1",
        expires_at=expires_at,
    )


def test_a_reservation_may_end_at_an_instant(stocked):
    row = reserve(stocked, "SO-1", "HX-1=1", expires_at=START + HOUR)

    assert row.expires_at == START + HOUR
    assert reserve(stocked, "SO-1", "HX-1=1", expires_at=START + HOUR).replayed


def test_a_product_without_warehouses_is_short(database):
    add_products(database, "HX-1")
    refused(
        database,
        InsufficientStock,
        "only 0 of HX-1 available at all warehouses, 1 wanted",
        "SO-1",
        "HX-1=1",
    )


def test_a_reservation_that_is_not_there_is_not_found(stocked):
    with pytest.raises(NotFound, match="there is no reservation SO-1"):
        show(stocked, "SO-1")


# --- many at once -------------------------------------------------------------------------------


def many(database, *requests):
    return act_many(database, [Request(number, lines(said)) for number, said in requests])


def act_many(database, requests):
    kept = []

    def action(session):
        kept[:] = reservations.create_many(session, requests)
        return [row for row in kept if not isinstance(row, InventoryError)]

    act(database, action)
    return kept


def test_many_requests_are_answered_as_if_each_had_come_alone(stocked):
    answers = many(
        stocked,
        ("SO-1", "HX-1=6"),
        ("SO-2", "HX-1=6"),
        ("SO-3", "HX-1=4"),
        ("SO-1", "HX-1=6"),
        ("SO-1", "HX-1=5"),
        ("SO-4", "HX-9=1"),
        ("", "HX-1=1"),
    )

    assert [getattr(answer, "code", "held") for answer in answers] == [
        "held",
        "insufficient-stock",
        "held",
        "held",
        "conflict",
        "not-found",
        "invalid-input",
    ]
    assert [answers[0].replayed, answers[3].replayed] == [False, True]
    assert counts(stocked, "HX-1", "MAIN") == (10, 10, 0, 0)


def test_each_of_many_requests_has_its_own_command(stocked):
    requests = [
        Request(f"SO-{n}", lines("HX-1=1"), command=command_log.command("reserve", actor=who))
        for n, who in enumerate(("ann", "bob"))
    ]
    act_many(stocked, requests)

    assert books.fetch(
        stocked, "SELECT document, actor FROM movement WHERE kind = 'hold' ORDER BY id"
    ) == [("SO-0", "ann"), ("SO-1", "bob")]


def test_many_requests_that_find_something_run_out_leave_sound_books(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10", ttl=MINUTE)
    clock.advance(2 * MINUTE)
    requests = [
        Request("SO-2", lines("HX-1=4"), command=command_log.command("reserve", actor="ann")),
        Request("SO-3", lines("HX-1=7"), command=command_log.command("reserve", actor="bob")),
    ]

    answers = act_many(stocked, requests)

    assert [getattr(answer, "code", "held") for answer in answers] == ["held", "insufficient-stock"]
    assert counts(stocked, "HX-1", "MAIN") == (10, 4, 6, 0)
    assert books.findings(stocked) == []


def test_many_refusals_that_find_something_run_out_leave_sound_books(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=10", ttl=MINUTE)
    clock.advance(2 * MINUTE)

    [answer] = many(stocked, ("SO-2", "HX-1=11"))

    assert answer.code == "insufficient-stock"
    assert books.findings(stocked) == []


# --- list ---------------------------------------------------------------------------------------


def page(database, **filters):
    rows, cursor = ask(database, lambda s: reservation_rows.page(s, **filters))
    return [row.reservation_id for row in rows], cursor


def test_reservations_are_listed_the_newest_first_page_by_page(stocked):
    for number in range(5):
        reserve(stocked, f"SO-{number}", "HX-1=1")

    assert page(stocked) == (["SO-4", "SO-3", "SO-2", "SO-1", "SO-0"], None)
    assert page(stocked, limit=2) == (["SO-4", "SO-3"], "SO-3")
    assert page(stocked, limit=2, after="SO-3") == (["SO-2", "SO-1"], "SO-1")
    assert page(stocked, limit=2, after="SO-1") == (["SO-0"], None)


def test_reservations_are_listed_by_what_is_true_now(stocked, clock):
    for number in range(4):
        reserve(stocked, f"SO-{number}", "HX-1=1", ttl=HOUR if number else MINUTE)
    commit(stocked, "SO-2")
    release(stocked, "SO-3")
    clock.advance(2 * MINUTE)

    assert page(stocked, status="held") == (["SO-1"], None)
    assert page(stocked, status="expired") == (["SO-0"], None)
    assert page(stocked, status="committed") == (["SO-2"], None)
    assert page(stocked, status="released") == (["SO-3"], None)
    with pytest.raises(InvalidInput, match="the status is one of held, committed"):
        page(stocked, status="lost")
    with pytest.raises(NotFound, match="there is no reservation SO-9"):
        page(stocked, after="SO-9")


def test_a_count_is_possible_while_something_is_reserved(stocked):
    reserve(stocked, "SO-1", "HX-1=4")

    assert adjust(stocked, "HX-1", "MAIN", to=9, expect=10).available == 5


def test_a_backorder_without_any_warehouse_is_refused(database):
    add_products(database, "HX-1")

    with pytest.raises(NotFound, match="there is no warehouse yet"):
        reserve(database, "SO-1", "HX-1=1", backorder=True)


def test_a_backorder_locks_its_levels_in_one_go(stocked, monkeypatch):
    lock, locked = levels.lock, []

    def noted(session, products, sites=None):
        locked.append(sites)
        return lock(session, products, sites)

    # In two it would hold the first warehouse's level and wait for one that comes before it.
    monkeypatch.setattr(levels, "lock", noted)
    row = reserve(stocked, "SO-1", "HX-3=2 HX-1=12", backorder=True)

    assert locked == [None]
    assert [one.backordered for one in row.lines] == [2, 2]
