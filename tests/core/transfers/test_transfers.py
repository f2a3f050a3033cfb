"""Goods go from one warehouse to another: nothing is lost on the way that nobody names."""

import pytest

from bvinv.core import catalog, dates
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from bvinv.core.transfers import transfers
from tests import books
from tests.books import HOUR, MINUTE, START, act, bins, counts, reserve, snapshot
from tests.lots_books import DAY, find_lot, lots, track_lots
from tests.transfer_books import (
    arrive,
    cancel,
    close,
    draft,
    parts,
    send,
    ship,
    show,
    stands,
    undo_document,
)

TODAY = dates.of(START)


def test_a_draft_holds_nothing_and_equal_lines_add_up(stocked):
    number = draft(stocked, "HX-1=2 HX-2=1 HX-1=3", note="weekly")

    row = show(stocked, number)
    assert (row.transfer, row.status, row.note) == ("TR-1", "draft", "weekly")
    assert (row.from_warehouse, row.to_warehouse) == ("MAIN", "NORTH")
    assert parts(row) == [("HX-1", "", 5, 0, 0, 0, 0, 0), ("HX-2", "", 1, 0, 0, 0, 0, 0)]
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)
    assert books.events(stocked)[-1] == ("transfer.created", "TR-1")


def test_what_is_shipped_is_in_transit_and_both_warehouses_see_it(stocked):
    number = send(stocked, "HX-1=4 HX-2=3")

    assert stands(stocked, "HX-1") == [("MAIN", 6, 0), ("NORTH", 0, 4)]
    assert stands(stocked, "HX-2") == [("MAIN", 1, 0), ("NORTH", 6, 3)]
    assert show(stocked, number).status == "shipped"
    assert show(stocked, number).shipped_at == show(stocked, number).updated_at
    for warehouse in ("MAIN", "NORTH"):
        [row], cursor = books.ask(stocked, lambda s, w=warehouse: transfers.page(s, warehouse=w))
        assert (row.transfer, cursor) == (number, None)
    assert books.events(stocked)[-1] == ("transfer.shipped", number)


def test_goods_arrive_in_parts_and_the_last_part_closes(stocked):
    number = send(stocked, "HX-1=4 HX-2=3")

    row = arrive(stocked, number, "HX-1=3")
    assert (row.status, row.closed_at) == ("partly-received", None)
    assert stands(stocked, "HX-1") == [("MAIN", 6, 0), ("NORTH", 3, 1)]
    assert bins(stocked, "NORTH") == {"DOCK": 3, "SHELF": 6}

    row = arrive(stocked, number, bin="SHELF")
    assert row.status == "closed"
    assert row.closed_at is not None
    assert parts(row) == [("HX-1", "", 4, 4, 4, 0, 0, 0), ("HX-2", "", 3, 3, 3, 0, 0, 0)]
    assert stands(stocked, "HX-2") == [("MAIN", 1, 0), ("NORTH", 9, 0)]
    assert bins(stocked, "NORTH") == {"DOCK": 3, "SHELF": 10}


def test_what_arrives_goes_to_whoever_waits(stocked):
    reserve(stocked, "SO-1", "HX-1=2@NORTH", backorder=True)
    number = send(stocked, "HX-1=4")

    arrive(stocked, number)

    assert counts(stocked, "HX-1", "NORTH") == (4, 2, 2, 0)


def test_closing_names_what_was_lost_and_what_came_back(stocked):
    number = send(stocked, "HX-1=5 HX-2=2")
    arrive(stocked, number, "HX-1=1")

    row = close(stocked, number, lost="HX-1=1", returned="HX-1=3 HX-2=1", rest="lost")

    assert row.status == "closed"
    assert parts(row) == [("HX-1", "", 5, 5, 1, 1, 3, 0), ("HX-2", "", 2, 2, 0, 1, 1, 0)]
    assert stands(stocked, "HX-1") == [("MAIN", 8, 0), ("NORTH", 1, 0)]
    assert bins(stocked, "MAIN") == {"DOCK": 4, "SHELF": 7}
    [(told,)] = books.fetch(stocked, "SELECT data FROM event ORDER BY id DESC LIMIT 1")
    assert told == (
        '{"lost":[["HX-1",1],["HX-2",1]],"returned":[["HX-1",3],["HX-2",1]],"bin":"DOCK"}'
    )


def test_what_comes_back_goes_to_whoever_waits_at_the_sender(stocked):
    number = send(stocked, "HX-1=10")
    reserve(stocked, "SO-1", "HX-1=2@MAIN", backorder=True)

    close(stocked, number, rest="returned")

    assert counts(stocked, "HX-1", "MAIN") == (10, 2, 8, 0)


def test_nothing_stays_in_transit_unnamed(stocked):
    number = send(stocked, "HX-1=5 HX-2=2")
    before = snapshot(stocked)

    with pytest.raises(Conflict) as refused:
        close(stocked, number, lost="HX-1=2")

    assert refused.value.detail == (
        "5 pieces of TR-1 would be in transit for ever: say what became of 3 of HX-1, 2 of HX-2"
    )
    assert snapshot(stocked) == before


def test_a_transfer_to_itself_or_of_nothing_is_refused(stocked):
    before = snapshot(stocked)
    with pytest.raises(InvalidInput, match="not from MAIN to itself"):
        draft(stocked, "HX-1=1", "MAIN", "main")
    with pytest.raises(InvalidInput, match="a transfer needs a line"):
        draft(stocked, "")
    with pytest.raises(NotFound, match="there is no product 'HX-9'"):
        draft(stocked, "HX-9=1")
    with pytest.raises(NotFound, match="there is no warehouse MOON"):
        draft(stocked, "HX-1=1", "MAIN", "MOON")
    with pytest.raises(InvalidInput, match="not 0"):
        draft(stocked, "HX-1=0")
    assert snapshot(stocked) == before


def test_shipping_what_is_not_there_names_every_short_line_and_ships_nothing(stocked):
    reserve(stocked, "SO-1", "HX-1=7")
    number = draft(stocked, "HX-1=4 HX-2=5 HX-3=1")
    before = snapshot(stocked)

    with pytest.raises(InsufficientStock) as refused:
        ship(stocked, number)

    assert refused.value.detail == "3 lines are short: HX-1, HX-2, HX-3"
    assert [error["detail"] for error in refused.value.errors or []] == [
        "only 3 of HX-1 can leave MAIN, 4 wanted; held by SO-1 (7)",
        "only 4 of HX-2 can leave MAIN, 5 wanted",
        "only 0 of HX-3 can leave MAIN, 1 wanted",
    ]
    assert snapshot(stocked) == before


def test_a_hold_that_ran_out_does_not_keep_goods_back(stocked, clock):
    reserve(stocked, "SO-1", "HX-1=7", ttl=MINUTE)
    clock.advance(HOUR)

    send(stocked, "HX-1=10")

    assert stands(stocked, "HX-1") == [("MAIN", 0, 0), ("NORTH", 0, 10)]


def test_quarantine_does_not_travel(stocked):
    books.add_bin(stocked, "MAIN", "QUAR", "quarantine")
    books.put_away(stocked, "HX-1", 4, "MAIN", "QUAR", origin="SHELF")
    with pytest.raises(InsufficientStock, match="only 6 of HX-1 can leave MAIN, 7 wanted"):
        send(stocked, "HX-1=7")


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("HX-1=3", "only 2 of HX-1 are in transit on TR-1, 3 named: 4 shipped, 2 received"),
        ("HX-1=2 HX-1=1", "only 2 of HX-1 are in transit on TR-1, 3 named: 4 shipped, 2 received"),
        ("HX-1=9 HX-2=9", "2 lines name more than is in transit on TR-1"),
    ],
)
def test_more_than_was_shipped_is_not_received(stocked, said, detail):
    number = send(stocked, "HX-1=4 HX-2=1")
    arrive(stocked, number, "HX-1=2")
    before = snapshot(stocked)

    with pytest.raises(Conflict) as refused:
        arrive(stocked, number, said)

    assert refused.value.detail == detail
    if refused.value.errors is None:
        assert {k: refused.value.numbers[k] for k in ("wanted", "shipped", "received")} == {
            "wanted": 3,
            "shipped": 4,
            "received": 2,
        }
    assert snapshot(stocked) == before


def test_only_what_is_on_it_arrives_in_bins_of_the_receiver(stocked):
    books.add_bin(stocked, "MAIN", "A-01")
    number = send(stocked, "HX-1=4")
    with pytest.raises(NotFound, match="HX-2 is not on TR-1"):
        arrive(stocked, number, "HX-2=1")
    with pytest.raises(NotFound, match="A-01 is a bin of MAIN, not of NORTH"):
        arrive(stocked, number, "HX-1=1", bin="A-01")
    with pytest.raises(NotFound, match="there is no transfer TR-9"):
        arrive(stocked, "TR-9")


def test_each_step_is_refused_in_the_wrong_state(stocked):
    number = draft(stocked, "HX-1=4")
    for step in (arrive, close):
        with pytest.raises(Conflict, match="nothing of TR-1 is in transit: it is a draft"):
            step(stocked, number)
    ship(stocked, number)
    for step, verb in ((ship, "shipped"), (cancel, "cancelled")):
        with pytest.raises(Conflict, match=f"TR-1 is shipped already; only a draft can be {verb}"):
            step(stocked, number)
    with pytest.raises(Conflict) as refused:
        cancel(stocked, number)
    assert refused.value.hint == "let it come back: bvinv transfer close TR-1 --rest returned"
    arrive(stocked, number)
    for step in (arrive, close):
        with pytest.raises(Conflict, match="nothing of TR-1 is in transit: it is closed"):
            step(stocked, number)
    cancelled = draft(stocked, "HX-1=1")
    assert cancel(stocked, cancelled).status == "cancelled"
    with pytest.raises(Conflict, match="TR-2 is cancelled already"):
        ship(stocked, cancelled)


def test_a_draft_is_changed_until_it_leaves(stocked):
    number = draft(stocked, "HX-1=4 HX-2=1")

    row = act(
        stocked,
        lambda s: transfers.update(
            s, transfer=number, lines=[("HX-1", 2)], remove=["HX-2"], note="less"
        ),
    )
    assert (parts(row), row.note) == ([("HX-1", "", 2, 0, 0, 0, 0, 0)], "less")
    with pytest.raises(Conflict, match="HX-2 is not on TR-1"):
        act(stocked, lambda s: transfers.update(s, transfer=number, remove=["HX-2"]))
    ship(stocked, number)
    with pytest.raises(Conflict, match="only a draft can be changed"):
        act(stocked, lambda s: transfers.add(s, transfer=number, ref="HX-1", quantity=1))


def test_scans_add_to_a_draft_take_off_and_arrive_one_by_one(stocked):
    number = draft(stocked, "", may_be_empty=True)
    with pytest.raises(Conflict, match="TR-1 has no lines"):
        ship(stocked, number)
    add = lambda n: act(  # noqa: E731
        stocked, lambda s: transfers.add(s, transfer=number, ref="HX-1", quantity=n)
    )
    assert [add(1).asked, add(2).asked, add(-1).asked] == [1, 3, 2]
    with pytest.raises(Conflict, match="only 2 of HX-1 are on TR-1, 3 to be taken off"):
        add(-3)
    ship(stocked, number)

    row = act(stocked, lambda s: transfers.arrive(s, transfer=number, ref="HX-1", quantity=1))
    assert (row.warehouse, row.bin, row.quantity) == ("NORTH", "DOCK", 1)
    assert (row.shipped, row.received, row.in_transit, row.left) == (2, 1, 1, 1)
    assert books.fetch(
        stocked,
        "SELECT kind, document FROM movement "
        f"WHERE level_id = {row.level_id} AND level_seq = {row.level_seq}",
    ) == [("arrive", number)]


def test_packs_are_counted_in_pieces(stocked):
    fields = {"sku": "PK-1", "title": "Pack", "barcode": "5012345678900=6"}
    act(stocked, lambda s: catalog.add(s, fields=fields))
    books.receive(stocked, "PK-1", 20, "MAIN")

    number = send(stocked, "5012345678900=2 PK-1=1")

    assert parts(show(stocked, number)) == [("PK-1", "", 13, 13, 0, 0, 0, 13)]


def test_a_pack_that_is_taken_off_is_the_product_that_is_set(stocked):
    fields = {"sku": "PK-1", "title": "Pack", "barcode": "5012345678900=6"}
    act(stocked, lambda s: catalog.add(s, fields=fields))
    number = draft(stocked, "PK-1=2 HX-1=1")

    with pytest.raises(Conflict, match="PK-1 is not on TR-1, or is set as well"):
        act(
            stocked,
            lambda s: transfers.update(
                s, transfer=number, lines=[("PK-1", 3)], remove=["5012345678900"]
            ),
        )
    row = act(stocked, lambda s: transfers.update(s, transfer=number, remove=["5012345678900"]))
    assert parts(row) == [("HX-1", "", 1, 0, 0, 0, 0, 0)]


@pytest.fixture
def dated(stocked):
    """Return a database with two lots of HX-3 at MAIN, 4 that expire first in bin Z-1, 6 others."""
    books.add_bin(stocked, "MAIN", "Z-1")
    track_lots(stocked, "HX-3")
    find_lot(stocked, "HX-3", 6, "LATE", TODAY + 30)
    find_lot(stocked, "HX-3", 4, "SOON", TODAY + 3, bin="Z-1")
    return stocked


def test_lots_travel_by_their_dates_and_arrive_as_what_they_are(dated):
    number = send(dated, "HX-3=7")
    assert parts(show(dated, number)) == [
        ("HX-3", "LATE", 3, 3, 0, 0, 0, 3),
        ("HX-3", "SOON", 4, 4, 0, 0, 0, 4),
    ]

    arrive(dated, number, "HX-3=5")
    arrive(dated, number, "HX-3=1", lot="late", bin="SHELF")
    assert lots(dated, "HX-3") == [
        ("MAIN", "LATE", 3, False),
        ("NORTH", "SOON", 4, False),
        ("NORTH", "LATE", 2, False),
    ]
    with pytest.raises(Conflict, match="only 0 of HX-3 are in transit on TR-1, 1 named"):
        arrive(dated, number, "HX-3=1", lot="SOON")
    row = close(dated, number, rest="returned")
    assert parts(row)[0] == ("HX-3", "LATE", 3, 3, 2, 0, 1, 0)
    assert lots(dated, "HX-3")[0] == ("MAIN", "LATE", 4, False)


def test_a_shipment_of_lots_that_is_undone_is_a_draft_of_any_lot(dated):
    number = send(dated, "HX-3=7")
    sent = show(dated, number)

    undo_document(dated, number)

    assert parts(show(dated, number)) == [("HX-3", "", 7, 0, 0, 0, 0, 0)]
    assert parts(show(dated, number, as_of=sent.updated_at)) == parts(sent)
    assert lots(dated, "HX-3") == [("MAIN", "SOON", 4, False), ("MAIN", "LATE", 6, False)]
    assert parts(ship(dated, number))[0] == ("HX-3", "LATE", 3, 3, 0, 0, 0, 3)


def test_expired_pieces_stay_where_they_are(dated, clock):
    clock.advance(5 * DAY)
    with pytest.raises(InsufficientStock) as caught:
        send(dated, "HX-3=7")
    said = "only 6 of HX-3 can leave MAIN, 7 wanted; expired: lot SOON (4)"
    assert caught.value.detail == said
    assert parts(show(dated, send(dated, "HX-3=6"))) == [("HX-3", "LATE", 6, 6, 0, 0, 0, 6)]


def test_pieces_may_expire_on_the_way_and_still_be_undone(dated, clock):
    number = send(dated, "HX-3=4")
    clock.advance(5 * DAY)
    arrive(dated, number)
    assert counts(dated, "HX-3", "NORTH") == (4, 0, 0, 0)

    undo_document(dated, number)

    assert counts(dated, "HX-3", "NORTH") == (0, 0, 0, 0)
    assert close(dated, number, rest="lost").status == "closed"


def test_the_past_of_a_transfer_is_read_from_the_ledger(stocked, clock):
    steps = []
    number = draft(stocked, "HX-1=5")
    clock.advance(MINUTE)
    steps.append(clock.at)
    for step in (
        lambda: ship(stocked, number),
        lambda: arrive(stocked, number, "HX-1=2"),
        lambda: close(stocked, number, lost="HX-1=1", rest="returned"),
    ):
        clock.advance(HOUR)
        step()
        clock.advance(MINUTE)
        steps.append(clock.at)

    past = [show(stocked, number, as_of=at) for at in steps]
    assert [row.status for row in past] == ["draft", "shipped", "partly-received", "closed"]
    assert [parts(row)[0][3:] for row in past] == [
        (0, 0, 0, 0, 0),
        (5, 0, 0, 0, 5),
        (5, 2, 0, 0, 3),
        (5, 2, 1, 2, 0),
    ]
    assert [row.closed_at is None for row in past] == [True, True, True, False]
    assert past[-1] == show(stocked, number)
    with pytest.raises(NotFound, match="there was no transfer TR-1 yet"):
        show(stocked, number, as_of=START - HOUR)


def test_lists_page_by_state_and_either_end(stocked):
    books.add_warehouses(stocked, "SHOP")
    one = send(stocked, "HX-1=1")
    two = draft(stocked, "HX-1=1", "MAIN", "SHOP")
    three = draft(stocked, "HX-2=1", "NORTH", "MAIN")
    cancel(stocked, two)

    def listed(**more):
        rows, cursor = books.ask(stocked, lambda s: transfers.page(s, **more))
        return [row.transfer for row in rows], cursor

    assert listed() == ([three, two, one], None)
    assert listed(limit=2) == ([three, two], two)
    assert listed(limit=2, after=two) == ([one], None)
    assert listed(open=True) == ([three, one], None)
    assert listed(warehouse="north") == ([three, one], None)
    assert listed(warehouse="SHOP", status="cancelled") == ([two], None)


DAMAGE = {
    "a level with other goods in transit": (
        "UPDATE stock_level SET in_transit = 9 WHERE id = 4",
        ["HX-1 at NORTH#0 what is in transit to it is not what its transfers say"],
    ),
    "a line that received more": (
        "UPDATE transfer_line SET received = 2",
        [
            "HX-1 at NORTH#0 what is in transit to it is not what its transfers say",
            "TR-1#0 a transfer's movements do not add up to its lines",
        ],
    ),
    "a line with more than was shipped": (
        "UPDATE transfer_line SET lost = 9",
        [
            "HX-1 at NORTH#0 what is in transit to it is not what its transfers say",
            "TR-1#0 a transfer's line has parts that do not add up",
            "TR-1#0 a transfer is on its way and nothing is in transit",
        ],
    ),
    "a closed transfer with goods in transit": (
        "UPDATE transfer SET status = 'closed', closed_at = 1",
        ["TR-1#0 a transfer that is not on its way has something in transit"],
    ),
    "a draft that left": (
        "UPDATE transfer SET status = 'draft'",
        [
            "TR-1#0 a transfer that is not on its way has something in transit",
            "TR-1#0 a transfer's times do not fit its status",
        ],
    ),
    "a transfer to somewhere else": (
        "UPDATE transfer SET from_id = 2, to_id = 1",
        ["TR-1#0 a transfer's line is about other places"],
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_transfers_is_found(stocked, damage):
    number = send(stocked, "HX-1=4")
    arrive(stocked, number, "HX-1=1")
    [(level,)] = books.fetch(stocked, "SELECT to_level_id FROM transfer_line")
    assert level == 4
    statement, expected = DAMAGE[damage]

    books.damage(stocked, statement)

    assert books.findings(stocked) == expected
