"""Each kind of work with a scanner: for an order, put away, picked, counted, transferred."""

import pytest

from bvinv.core import documents
from bvinv.core.counts import counting
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.fulfilment import picking
from bvinv.core.purchasing import receipt_rows
from bvinv.core.scanning import sessions, unknown
from bvinv.core.transfers import transfers
from tests import books
from tests.purchasing_books import add_supplier, order
from tests.scan_books import (
    CASE,
    EAN,
    begin,
    close,
    draft,
    name,
    open_count,
    outcomes,
    resume,
    scan,
    shop,
)


@pytest.fixture
def floor(database):
    return shop(database)


def progress(floor, desk, line):
    row = scan(floor, desk, line)
    return row.outcome, row.detail, row.progress


# --- for an order -------------------------------------------------------------------------------


@pytest.fixture
def ordered(floor):
    """Return the number of an order of 4 of HX-1 and 2 of HX-2 at MAIN, of which 25 % more may
    come."""
    add_supplier(floor)
    return order(floor, "HX-1=4 HX-2=2", percent=25)


def test_what_is_left_of_an_order_is_said_with_each_scan(floor, ordered):
    desk = begin(floor, warehouse="", document=ordered)

    assert (
        scan(floor, desk, "*LEFT").detail
        == "4 left of 4  HX-1 Book HX-1\n2 left of 2  HX-2 Book HX-2"
    )
    assert progress(floor, desk, EAN) == ("accepted", "+1 → DOCK", "1 of 4 received, 3 left")
    assert outcomes(floor, desk, f"*QTY 3|HX-1|HX-1|HX-1|HX-3|{CASE}") == [
        "accepted 0",
        "accepted 3",
        "accepted 1",
        "refused 0",
        "refused 0",
        "refused 0",
    ]
    assert scan(floor, desk, "*UNDO").detail == "HX-1 -1 undone (scan 4, HX-1)"
    assert scan(floor, desk, "*LEFT").detail == "2 left of 2  HX-2 Book HX-2"
    assert books.bins(floor, "MAIN") == {"DOCK": 4}


def test_an_unknown_code_of_an_order_counts_for_it_once_it_is_resolved(floor, ordered):
    desk = begin(floor, document=ordered)
    outcomes(floor, desk, "*QTY 2|5012345678900")
    books.act(floor, lambda s: unknown.resolve(s, code="5012345678900", to="HX-2"))

    assert scan(floor, desk, "*LEFT").detail == "4 left of 4  HX-1 Book HX-1"


@pytest.mark.parametrize(
    ("document", "warehouse", "error"),
    [("PO-9", "MAIN", NotFound), ("PO-1", "NORTH", Conflict), ("TR-1", "", InvalidInput)],
)
def test_an_order_that_is_not_there_is_not_scanned(floor, ordered, document, warehouse, error):
    before = books.snapshot(floor)
    with pytest.raises(error):
        begin(floor, warehouse=warehouse, document=document)
    assert books.snapshot(floor) == before


# --- put away -----------------------------------------------------------------------------------


@pytest.fixture
def arrived(floor):
    for ref, pieces in (("HX-1", 30), ("HX-2", 4)):
        books.receive(floor, ref, pieces, "MAIN")
    return begin(floor, "put-away")


def test_items_go_into_the_hand_and_then_to_the_bin(floor, arrived):
    assert progress(floor, arrived, EAN) == (
        "accepted",
        "1 in hand",
        "put into A-01 (empty), 29 more in DOCK",
    )
    assert outcomes(floor, arrived, f"*QTY 2|{CASE}") == ["accepted 0", "accepted 24"]
    row = scan(floor, arrived, "A-02")
    assert (row.sku, row.quantity, row.bin, row.left) == ("HX-1", 25, "A-02", 5)
    assert books.bins(floor, "MAIN") == {"A-02": 25, "DOCK": 9}
    row = close(floor, arrived)
    assert (row.accepted, row.pieces, row.in_hand_pieces) == (3, 25, 0)


def test_a_bin_that_is_chosen_first_gets_its_items_at_once(floor, arrived):
    outcomes(floor, arrived, "A-01|HX-1|HX-2|A-01|HX-2")

    assert books.bins(floor, "MAIN") == {"A-01": 2, "DOCK": 32}
    assert (arrived.thing.sku, arrived.pieces, arrived.bin) == ("HX-2", 1, None)


def test_only_one_product_is_in_hand_and_no_more_than_there_are(floor, arrived):
    assert outcomes(floor, arrived, "HX-2|HX-1|*QTY 4|HX-2|*DONE|HX-3") == [
        "accepted 1",
        "refused 0",
        "accepted 0",
        "refused 0",
        "refused 0",
        "refused 0",
    ]
    assert (arrived.thing.sku, arrived.pieces) == ("HX-2", 1)
    found = resume(floor, mode="put-away")
    assert found == arrived


def test_undo_brings_pieces_back_into_the_hand_and_out_of_it(floor, arrived):
    outcomes(floor, arrived, "HX-1|HX-1|A-01|A-02|HX-2")

    assert scan(floor, arrived, "*UNDO").detail == "HX-2 -1 undone (scan 5, HX-2)"
    assert arrived.thing is None
    assert scan(floor, arrived, "*UNDO").detail == "HX-1 -2 undone, 2 in hand again (scan 3, A-01)"
    assert (arrived.thing.sku, arrived.pieces) == ("HX-1", 2)
    assert scan(floor, arrived, "*UNDO").detail == "HX-1 -1 1 in hand (scan 2, HX-1)"
    assert scan(floor, arrived, "*UNDO").detail == "HX-1 -1 nothing in hand (scan 1, HX-1)"
    assert arrived.thing is None
    assert books.bins(floor, "MAIN") == {"DOCK": 34}


def test_goods_are_taken_from_another_bin_when_it_is_named(floor, arrived):
    books.put_away(floor, "HX-2", 3, "MAIN", "A-02")

    assert outcomes(floor, arrived, "*FROM A-02|HX-2|*FROM DOCK|A-01|HX-1|*FROM B-9") == [
        "accepted 0",
        "accepted 1",
        "refused 0",
        "accepted 1",
        "refused 0",
        "refused 0",
    ]
    assert books.bins(floor, "MAIN") == {"A-01": 1, "A-02": 2, "DOCK": 31}


def test_a_named_lot_is_the_one_that_is_put_away(floor):
    name(floor, "HX-3", tracks_lots="true")
    desk = begin(floor)
    outcomes(floor, desk, "*LOT OLD 2027-01-01|HX-3|*LOT NEW 2028-01-01|HX-3")
    desk = begin(floor, "put-away")
    outcomes(floor, desk, "*LOT NEW|HX-3|A-01")

    found = books.fetch(
        floor,
        "SELECT b.code, l.lot FROM bin_level AS l JOIN bin AS b ON b.id = l.bin_id "
        "WHERE l.quantity > 0 ORDER BY b.code",
    )
    assert found == [("A-01", "NEW"), ("DOCK", "OLD")]


# --- pick ---------------------------------------------------------------------------------------


@pytest.fixture
def walk(floor):
    books.receive(floor, "HX-1", 3, "MAIN", bin="A-01")
    books.receive(floor, "HX-2", 5, "MAIN", bin="A-02")
    books.reserve(floor, "SO-1", "HX-1=2 HX-2=3")
    return begin(floor, "pick", warehouse="", document="SO-1")


def test_a_pick_goes_bin_by_bin_and_says_the_next_stop(floor, walk):
    assert books.ask(floor, lambda s: sessions.next_step(s, walk)) == (
        "0 of 5 picked; next: A-01, 2 of HX-1"
    )
    assert progress(floor, walk, "A-01") == ("accepted", "at A-01", "pick 2 of HX-1 Book HX-1")
    assert progress(floor, walk, "HX-1") == (
        "accepted",
        "1 from A-01",
        "1 of 5 picked; next: A-01, 1 of HX-1",
    )
    outcomes(floor, walk, "HX-1|A-02|*QTY 3")
    assert progress(floor, walk, "HX-2") == (
        "accepted",
        "3 from A-02",
        "5 of 5 picked; everything is picked",
    )
    assert books.bins(floor, "MAIN") == {"A-01": 1, "A-02": 2, "STAGING": 5}


def test_a_wrong_bin_and_a_wrong_item_are_refused(floor, walk):
    assert outcomes(floor, walk, "HX-1|DOCK|A-02|HX-1|*QTY 4|HX-2|*SHORT x|HX-3") == [
        "refused 0",
        "refused 0",
        "accepted 0",
        "refused 0",
        "accepted 0",
        "refused 0",
        "refused 0",
        "refused 0",
    ]
    assert books.bins(floor, "MAIN") == {"A-01": 3, "A-02": 5}


def test_a_pick_is_taken_back_scan_by_scan(floor, walk):
    outcomes(floor, walk, "A-02|HX-2|*QTY 2|HX-2")

    assert scan(floor, walk, "*UNDO").detail == "HX-2 -2 back in its bin (scan 4, HX-2)"
    assert books.bins(floor, "MAIN") == {"A-01": 3, "A-02": 4, "STAGING": 1}
    assert outcomes(floor, walk, "*QTY 2|HX-2|HX-2") == ["accepted 0", "accepted 2", "refused 0"]
    for _ in range(2):
        scan(floor, walk, "*UNDO")
    assert books.bins(floor, "MAIN") == {"A-01": 3, "A-02": 5}


def test_a_list_that_was_picked_is_open_again_after_an_undo(floor, walk):
    for line in books.act(floor, lambda s: picking.start(s, reservation_id="SO-1")).lines:
        outcomes(floor, walk, f"{line.bin}|*QTY {line.quantity}|{line.sku}")
    assert books.fetch(floor, "SELECT status FROM pick") == [("picked",)]

    assert scan(floor, walk, "*UNDO").outcome == "accepted"

    assert books.fetch(floor, "SELECT status FROM pick") == [("open",)]


def test_what_is_missing_is_reported_and_comes_from_elsewhere(floor, walk):
    books.receive(floor, "HX-1", 5, "MAIN", bin="SHELF")
    outcomes(floor, walk, "A-01|HX-1")

    row = scan(floor, walk, "*SHORT")

    assert (row.outcome, row.sku, row.detail) == ("accepted", "HX-1", "1 short in A-01")
    assert "SHELF  1 of HX-1" in scan(floor, walk, "*LEFT").detail
    assert scan(floor, walk, "*UNDO").outcome == "refused"


def test_a_reservation_that_is_over_is_not_scanned(floor, walk):
    picks = books.act(floor, lambda s: picking.cancel(s, reservation_id="SO-1"))
    assert picks.reservation_id == "SO-1"
    books.release(floor, "SO-1")

    assert scan(floor, walk, "A-01").outcome == "refused"
    for document in ("SO-1", "SO-2", ""):
        with pytest.raises((Conflict, NotFound, InvalidInput)):
            begin(floor, "pick", document=document)


# --- count --------------------------------------------------------------------------------------


@pytest.fixture
def counted(floor):
    books.receive(floor, "HX-1", 3, "MAIN", bin="A-01")
    return begin(floor, "count", warehouse="", document=open_count(floor))


def lines_of(floor):
    return books.fetch(
        floor,
        "SELECT b.code, p.sku, c.counted, c.state FROM stock_count_line AS c "
        "JOIN bin AS b ON b.id = c.bin_id JOIN stock_level AS l ON l.id = c.level_id "
        "JOIN product AS p ON p.id = l.product_id ORDER BY b.code, p.sku",
    )


def test_pieces_are_counted_bin_by_bin(floor, counted):
    assert scan(floor, counted, "HX-1").outcome == "refused"
    outcomes(floor, counted, f"A-01|HX-1|*QTY 2|{EAN}|A-02|HX-2")

    assert lines_of(floor) == [("A-01", "HX-1", 3, "counted"), ("A-02", "HX-2", 1, "recount")]
    row = close(floor, counted)
    assert (row.accepted, row.pieces) == (3, 4)
    assert books.kinds(floor, "HX-2") == []


def test_a_count_is_blind_until_one_leaves_the_bin(floor, counted):
    outcomes(floor, counted, "A-01")
    assert progress(floor, counted, "HX-1") == ("accepted", "+1 in A-01", "1 counted")
    assert progress(floor, counted, "A-02") == (
        "accepted",
        "counting A-02",
        "not counted yet; once more in A-01: HX-1",
    )
    assert scan(floor, counted, "*LEFT").detail == "once more in A-01: HX-1 Book HX-1"
    # Coming back, it is counted anew.
    outcomes(floor, counted, "A-01|HX-1|HX-1|HX-1")
    assert lines_of(floor) == [("A-01", "HX-1", 3, "counted")]


def test_none_is_counted_by_saying_so(floor, counted):
    assert outcomes(floor, counted, "*ZERO HX-1|A-01|*ZERO|*ZERO HX-2|*UNDO") == [
        "refused 0",
        "accepted 0",
        "refused 0",
        "accepted 0",
        "refused 0",
    ]
    assert lines_of(floor) == [("A-01", "HX-2", 0, "counted")]


def test_counted_pieces_are_taken_back(floor, counted):
    outcomes(floor, counted, "A-01|HX-1|*QTY 5|HX-1")

    assert scan(floor, counted, "*UNDO").detail == "HX-1 -5 1 counted in A-01 (scan 4, HX-1)"
    assert lines_of(floor) == [("A-01", "HX-1", 1, "recount")]
    assert scan(floor, counted, "*UNDO").detail == "HX-1 -1 0 counted in A-01 (scan 2, HX-1)"
    assert lines_of(floor) == []


def test_a_count_that_is_closed_is_not_scanned(floor, counted):
    books.act(floor, lambda s: counting.cancel(s, count=counted.document))

    assert outcomes(floor, counted, "A-01|HX-1") == ["accepted 0", "refused 0"]
    for document in (counted.document, "CT-9", ""):
        with pytest.raises((Conflict, NotFound, InvalidInput)):
            begin(floor, "count", document=document)


# --- transfer -----------------------------------------------------------------------------------


def test_a_draft_grows_by_what_is_scanned(floor):
    books.receive(floor, "HX-1", 20, "MAIN")
    desk = begin(floor, "transfer", warehouse="", document=draft(floor, ("HX-1", 1)))

    assert progress(floor, desk, CASE) == ("accepted", "+12 on TR-1", "13 on TR-1")
    assert outcomes(floor, desk, "HX-2|A-01") == ["accepted 1", "refused 0"]
    assert scan(floor, desk, "*UNDO").detail == "HX-2 -1 0 on TR-1 (scan 2, HX-2)"
    assert scan(floor, desk, "*LEFT").detail == "13 of HX-1 Book HX-1"
    assert books.bins(floor, "MAIN") == {"DOCK": 20}
    books.act(floor, lambda s: transfers.ship(s, transfer="TR-1"))
    assert scan(floor, desk, "HX-1").outcome == "refused"


def test_what_is_scanned_of_a_shipped_transfer_has_arrived(floor):
    books.receive(floor, "HX-1", 20, "MAIN")
    number = draft(floor, ("HX-1", 3))
    books.act(floor, lambda s: transfers.ship(s, transfer=number))
    desk = begin(floor, "transfer", warehouse="", document=number)

    assert desk.site.code == "NORTH"
    assert progress(floor, desk, EAN) == ("accepted", "+1 → DOCK", "1 of 3 arrived, 2 left")
    assert outcomes(floor, desk, "SHELF|*QTY 3|HX-1|*QTY 2|HX-1|HX-1|HX-2") == [
        "accepted 0",
        "accepted 0",
        "refused 0",
        "accepted 0",
        "accepted 2",
        "refused 0",
        "refused 0",
    ]
    assert books.bins(floor, "NORTH") == {"DOCK": 1, "SHELF": 2}
    assert scan(floor, desk, "*UNDO").detail == "HX-1 -2 undone (scan 6, HX-1)"
    assert books.bins(floor, "NORTH") == {"DOCK": 1}
    with pytest.raises(Conflict):
        begin(floor, "transfer", warehouse="MAIN", document=number)
    with pytest.raises(InvalidInput):
        begin(floor, "transfer")


def test_each_document_has_its_own_session(floor):
    numbers = [draft(floor, ("HX-1", 1)) for _ in range(2)]
    desks = [begin(floor, "transfer", document=number) for number in numbers]

    assert [documents.row_id("SC", desk.number) for desk in desks] == [1, 2]
    assert resume(floor, mode="transfer", document="tr-1") == desks[0]


# --- what is told, and of which lot -------------------------------------------------------------


@pytest.mark.parametrize(
    ("blind", "said"),
    [
        (True, "HX-1 Book HX-1: A-01 on record"),
        (False, "HX-1 Book HX-1: 3 in A-01; put into A-01 (lies there)"),
    ],
)
def test_a_blind_count_does_not_say_how_much_lies_where(floor, blind, said):
    books.receive(floor, "HX-1", 3, "MAIN", bin="A-01")
    desk = begin(floor, "count", warehouse="", document=open_count(floor, blind=blind))

    assert scan(floor, desk, "*WHERE HX-1").detail == said


def test_each_lot_is_counted_for_itself_and_taken_back_as_itself(floor):
    name(floor, "HX-1", tracks_lots="true")
    for lot in ("L-1", "L-2"):
        books.receive(floor, "HX-1", 2, "MAIN", bin="A-01", lot=lot, expires_on=20990101)
    number = open_count(floor)
    for lot in ("L-1", "L-2"):
        books.act(
            floor,
            lambda s, lot=lot: counting.add(
                s, count=number, ref="HX-1", bin="A-01", quantity=9, lot=lot
            ),
        )
    desk = begin(floor, "count", warehouse="", document=number)

    # The 9 of L-2 were counted before: they begin anew too, and L-1 goes on.
    outcomes(floor, desk, "A-01|*LOT L-1|HX-1|*LOT L-2|HX-1|HX-1|*LOT l-1|HX-1|HX-1|*LOT L-2|*UNDO")

    counted = "SELECT lot, counted FROM stock_count_line ORDER BY lot"
    assert books.fetch(floor, counted) == [("L-1", 2), ("L-2", 2)]


# --- a delivery note ----------------------------------------------------------------------------


def test_a_delivery_note_is_the_receipts_and_is_scanned_once(floor):
    add_supplier(floor)
    terms = {"supplier": "harbour", "delivery": "dn-1"}
    desk = begin(floor, **terms)
    resumed = resume(floor, **terms)
    assert resumed is not None
    outcomes(floor, resumed, "HX-1|HX-2")

    assert resume(floor, supplier="HARBOUR", delivery="DN-2") is None
    row = books.ask(floor, lambda s: receipt_rows.show(s, receipt="RC-1"))
    assert (row.supplier, row.document, row.pieces) == ("HARBOUR", "DN-1", 2)
    with pytest.raises(Conflict, match="DN-1 of HARBOUR was received already, as RC-1"):
        begin(floor, **terms)
    assert scan(floor, resumed, "*UNDO").outcome == "accepted"
    assert desk.number == resumed.number


def test_a_delivery_of_somebody_elses_order_is_refused(floor, ordered):
    add_supplier(floor, "QUAY")
    before = books.snapshot(floor)

    with pytest.raises(Conflict, match="PO-1 is HARBOUR's, not QUAY's"):
        begin(floor, warehouse="", document=ordered, supplier="QUAY", delivery="DN-1")
    assert books.snapshot(floor) == before
