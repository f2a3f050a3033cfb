"""Scanning what comes in: each line is a transaction, and every line is accounted for."""

import pytest

from bvinv.core import catalog, documents, lots, undo
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.scanning import lines, listing, unknown
from tests import books
from tests.scan_books import CASE, EAN, begin, close, name, outcomes, resume, scan, shop


@pytest.fixture
def floor(database):
    return shop(database)


@pytest.fixture
def desk(floor):
    return begin(floor)


REFUSED = [
    "*QTY",
    "*QTY 0",
    "*QTY -1",
    "*QTY 1.5",
    "*QTY x",
    "*QTY 100000",
    "*QTY 9780141439518",
    "*QTY 1 2 3",
    "*FOO",
    "*",
    "*BIN",
    "*BIN B-99",
    "*ITEM",
    "*ITEM nothing",
    "*LOT L 2026-13-01",
    "*LOT L 2020-01-01",
    "*SHORT",
    "*UNDO",
    "*UNDO 3",
    "9780141439519",
    "036000291453",
    "0141439514",
    "97801414395189780141439518",
    "a,b",
    "a=b",
    "a  b",
    "x" * 101,
    "\x00\x07x\x1b[31m",
]


def bins(floor, warehouse="MAIN"):
    return books.bins(floor, warehouse)


def test_each_item_is_received_where_one_stands(floor, desk):
    assert outcomes(floor, desk, f"{EAN}|A-01|hx-1|0141439513|HX-2") == [
        "accepted 1",
        "accepted 0",
        "accepted 1",
        "accepted 1",
        "accepted 1",
    ]
    assert bins(floor) == {"DOCK": 1, "A-01": 3}
    row = close(floor, desk)
    assert (row.accepted, row.pieces, row.refused, row.receipt) == (4, 4, 0, "RC-1")
    assert [kind for kind, *_ in books.kinds(floor, "HX-1")] == ["receive"] * 3


def test_a_case_is_its_pieces_and_a_quantity_is_for_the_next_item_only(floor, desk):
    assert outcomes(floor, desk, f"*qty 3|A-01|{CASE}|HX-1") == [
        "accepted 0",
        "accepted 0",
        "accepted 36",
        "accepted 1",
    ]
    assert bins(floor) == {"A-01": 37}


def test_a_refused_scan_keeps_the_quantity_for_the_next_one(floor, desk):
    assert outcomes(floor, desk, "*QTY 5|9780141439519|HX-1|HX-1") == [
        "accepted 0",
        "refused 0",
        "accepted 5",
        "accepted 1",
    ]


def test_what_is_refused_changes_nothing_but_is_written_down(floor, desk):
    before = books.snapshot(floor)

    for place, line in enumerate(REFUSED, start=1):
        row = scan(floor, desk, line)
        assert (row.outcome, row.seq, desk.waiting) == ("refused", place, 0), line
        assert row.detail

    after = books.snapshot(floor)
    assert len(after.pop("scan")) == len(REFUSED)
    for table in ("scan", "scan_session"):
        before.pop(table)
        after.pop(table, None)
    assert after == before


def test_a_hundred_thousand_is_asked_about(floor, desk):
    assert outcomes(floor, desk, "*QTY 99999|*QTY 100000|*QTY 100000 yes|HX-1") == [
        "accepted 0",
        "refused 0",
        "accepted 0",
        "accepted 100000",
    ]
    # Few cases may be many pieces.
    assert scan(floor, desk, "*QTY 9000").outcome == "accepted"
    row = scan(floor, desk, CASE)
    assert (row.outcome, row.progress) == ("refused", "*QTY 9000 YES")


def test_a_bin_goes_before_a_product_of_the_same_code(floor, desk):
    books.add_products(floor, "A-02")

    assert outcomes(floor, desk, "A-02|HX-1|*ITEM A-02|*BIN a-01|HX-1") == [
        "accepted 0",
        "accepted 1",
        "accepted 1",
        "accepted 0",
        "accepted 1",
    ]
    assert bins(floor) == {"A-02": 2, "A-01": 1}


def test_undo_goes_back_scan_by_scan_and_skips_what_moved_nothing(floor, desk):
    outcomes(floor, desk, "HX-1|*QTY 4|HX-2|A-01|nothing")

    assert [scan(floor, desk, "*UNDO").detail for _ in range(3)] == [
        "-1 off the list of unknown codes (scan 5, nothing)",
        "HX-2 -4 undone (scan 3, HX-2)",
        "HX-1 -1 undone (scan 1, HX-1)",
    ]
    assert scan(floor, desk, "*UNDO").outcome == "refused"
    assert bins(floor) == {}
    row = close(floor, desk)
    assert (row.accepted, row.pieces, row.unknown, row.undone, row.refused) == (0, 0, 0, 3, 1)
    assert books.ask(floor, unknown.page) == ([], None)


def test_undo_of_a_quantity_forgets_it_first(floor, desk):
    outcomes(floor, desk, "HX-1|*QTY 4")

    assert scan(floor, desk, "*UNDO").detail == "*QTY 4 is forgotten"
    assert scan(floor, desk, "HX-2").quantity == 1
    assert scan(floor, desk, "*UNDO").detail == "HX-2 -1 undone (scan 4, HX-2)"


def test_goods_that_moved_on_are_not_undone(floor, desk):
    scan(floor, desk, "HX-1")
    books.reserve(floor, "SO-1", "HX-1=1")

    row = scan(floor, desk, "*UNDO")

    assert row.outcome == "refused"
    assert books.counts(floor, "HX-1", "MAIN") == (1, 1, 0, 0)


def test_what_somebody_else_undid_counts_as_undone(floor, desk):
    from bvinv.core import undo

    scan(floor, desk, "HX-1")
    [(level, seq)] = books.fetch(floor, "SELECT level_id, level_seq FROM scan")
    books.act(floor, lambda s: undo.reverse(s, level_id=level, level_seq=seq))

    assert scan(floor, desk, "*UNDO").detail == "HX-1 -1 was undone already (scan 1, HX-1)"
    assert books.counts(floor, "HX-1", "MAIN") == (0, 0, 0, 0)


def test_where_says_where_a_product_lies_and_where_it_should_go(floor, desk):
    outcomes(floor, desk, "A-01|HX-1|*BIN DOCK|*QTY 2|HX-1")
    before = books.snapshot(floor)

    row = scan(floor, desk, "*WHERE")
    assert (row.outcome, row.detail) == (
        "answered",
        "HX-1 Book HX-1: 1 in A-01, 2 in DOCK; put into A-01 (lies there)",
    )
    assert scan(floor, desk, "*where hx-2").detail.startswith("HX-2 Book HX-2: none at MAIN; put")
    assert scan(floor, desk, "*HELP").outcome == "answered"
    assert scan(floor, desk, "*LEFT").outcome == "answered"
    assert books.snapshot(floor) == before


def test_a_question_about_nothing_is_refused(floor, desk):
    assert scan(floor, desk, "*WHERE").detail == "nothing was scanned yet"
    assert scan(floor, desk, "*WHERE HX-9").outcome == "refused"


def test_where_means_the_last_known_product_also_after_an_unknown_code(floor, desk):
    scan(floor, desk, "HX-1")
    before = scan(floor, desk, "*WHERE")
    assert scan(floor, desk, "NOBODY-KNOWS").outcome == "unknown"

    after = scan(floor, desk, "*WHERE")

    assert (after.outcome, after.detail) == ("answered", before.detail)
    assert after.detail.startswith("HX-1 Book HX-1: 1 in DOCK")


def test_a_product_with_lots_wants_its_lot_first(floor, desk):
    name(floor, "HX-3", tracks_lots="true")

    assert outcomes(floor, desk, "HX-3|*LOT l-1 2027-05|HX-3|HX-1|HX-3|*LOT|HX-3") == [
        "refused 0",
        "accepted 0",
        "accepted 1",
        "accepted 1",
        "accepted 1",
        "accepted 0",
        "refused 0",
    ]
    found = books.fetch(floor, "SELECT code, expires_on FROM lot")
    assert found == [("L-1", 20270531)]
    assert books.fetch(floor, "SELECT lot, quantity FROM bin_level ORDER BY lot") == [
        ("", 1),
        ("L-1", 2),
    ]
    assert lots.code("l-1") == "L-1"


def test_an_unknown_code_goes_on_the_list_with_its_pieces(floor, desk):
    other = begin(floor, warehouse="NORTH", actor="nina")

    assert outcomes(floor, desk, "5012345678900|*QTY 3|5012345678900|dump") == [
        "unknown 1",
        "accepted 0",
        "unknown 3",
        "unknown 1",
    ]
    assert outcomes(floor, other, "5012345678900") == ["unknown 1"]
    rows, _ = books.ask(floor, unknown.page)
    assert [(row.code, row.warehouse, row.quantity, row.scans) for row in rows] == [
        ("5012345678900", "MAIN", 4, 2),
        ("5012345678900", "NORTH", 1, 1),
        ("dump", "MAIN", 1, 1),
    ]
    first, cursor = books.ask(floor, lambda s: unknown.page(s, limit=1))
    rest, _ = books.ask(floor, lambda s: unknown.page(s, limit=5, after=cursor))
    assert first + rest == rows


def test_what_a_scanner_adds_to_a_code_is_not_listed(floor, desk):
    assert outcomes(floor, desk, "]E05012345678900|5012345678900 51299|501234567890051299") == [
        "unknown 1",
        "unknown 1",
        "unknown 1",
    ]
    [row], _ = books.ask(floor, unknown.page)
    assert (row.code, row.quantity) == ("5012345678900", 3)


def test_a_resolved_code_is_a_barcode_and_its_pieces_are_received(floor, desk):
    other = begin(floor, warehouse="NORTH", actor="nina")
    outcomes(floor, desk, "*QTY 3|5012345678900|5012345678900")
    outcomes(floor, other, "5012345678900")

    row = books.act(floor, lambda s: unknown.resolve(s, code="5012345678900", to="HX-1", pack=2))

    assert (row.sku, row.scans, row.pieces, row.warehouses) == ("HX-1", 3, 10, ("MAIN", "NORTH"))
    assert bins(floor) == {"DOCK": 8}
    assert bins(floor, "NORTH") == {"DOCK": 2}
    assert books.ask(floor, unknown.page) == ([], None)
    assert scan(floor, desk, "5012345678900").quantity == 2
    assert scan(floor, desk, CASE).quantity == 12
    before = books.snapshot(floor)
    with pytest.raises(NotFound):
        books.act(floor, lambda s: unknown.resolve(s, code="5012345678900", to="HX-1"))
    assert books.snapshot(floor) == before


def test_a_code_that_was_resolved_is_not_undone_by_scanning(floor, desk):
    scan(floor, desk, "5012345678900")
    books.act(floor, lambda s: unknown.dismiss(s, code="5012345678900"))

    assert scan(floor, desk, "*UNDO").detail == "somebody has decided on this code already"
    rows, _ = books.ask(floor, lambda s: unknown.page(s, state="dismissed"))
    assert [row.code for row in rows] == ["5012345678900"]


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"code": "HX-1", "to": "HX-1"}, NotFound),
        ({"code": "5012345678900", "to": "HX-9"}, NotFound),
        ({"code": "5012345678900", "to": "HX-1", "pack": 0}, InvalidInput),
    ],
)
def test_a_code_is_resolved_to_a_product_or_not_at_all(floor, desk, terms, error):
    scan(floor, desk, "5012345678900")
    before = books.snapshot(floor)
    with pytest.raises(error):
        books.act(floor, lambda s: unknown.resolve(s, **terms))
    assert books.snapshot(floor) == before


def test_a_session_goes_on_where_it_was_left(floor, desk):
    outcomes(floor, desk, "HX-1|A-01|*LOT L-1 2027-05-01|*QTY 7|9780141439519")

    found = resume(floor)

    assert found == desk
    assert (found.waiting, found.bin.code, found.lot, found.seq) == (7, "A-01", "L-1=2027-05-01", 5)
    assert scan(floor, found, "HX-1").quantity == 7
    assert resume(floor).waiting == 0
    assert resume(floor, actor="nina") is None
    assert resume(floor, warehouse="NORTH") is None
    assert resume(floor, mode="put-away") is None
    close(floor, found)
    assert resume(floor) is None


def test_a_session_that_went_on_elsewhere_takes_no_scan_here(floor, desk):
    scan(floor, desk, "HX-1")
    there = resume(floor)
    scan(floor, there, "HX-1")
    before = books.snapshot(floor)

    for line in ("HX-1", "A-01", "9780141439519"):
        with pytest.raises(lines.Elsewhere, match="SC-1 went on at another terminal"):
            scan(floor, desk, line)
    with pytest.raises(Conflict):
        close(floor, desk)

    assert books.snapshot(floor) == before
    close(floor, there)
    with pytest.raises(lines.Elsewhere, match="SC-1 was ended at another terminal"):
        scan(floor, there, "HX-1")


def test_sessions_are_listed_with_their_totals_and_shown_line_by_line(floor, desk):
    outcomes(floor, desk, "HX-1|nothing|9780141439519|*QTY 2|HX-2|*UNDO")
    begin(floor, "put-away", actor="nina")

    rows, cursor = books.ask(floor, listing.page)
    assert cursor is None
    assert [(row.session, row.mode, row.actor, row.accepted) for row in rows] == [
        ("SC-2", "put-away", "nina", 0),
        ("SC-1", "receive", "tester", 1),
    ]
    last = rows[1]
    assert (last.pieces, last.unknown, last.refused, last.undone) == (1, 1, 1, 1)
    detail, more = books.ask(floor, lambda s: listing.show(s, number="SC-1", limit=4))
    assert [(one.seq, one.outcome) for one in detail.scans] == [
        (1, "accepted"),
        (2, "unknown"),
        (3, "refused"),
        (4, "accepted"),
    ]
    assert more == 4
    only, _ = books.ask(floor, lambda s: listing.page(s, mode="receive", open=True, actor="tester"))
    assert only == [last]
    with pytest.raises(NotFound):
        books.ask(floor, lambda s: listing.show(s, number="SC-9"))


def test_a_quantity_that_was_used_or_forgotten_is_not_there_again_later(floor, desk):
    for said in ("*QTY 5|*QTY 6|*UNDO", "*QTY 5|HX-1|*UNDO", "* qty 5|nothing|*UNDO"):
        outcomes(floor, desk, said)
        assert desk.waiting == 0
        assert resume(floor).waiting == 0

    outcomes(floor, desk, "* qty 7")
    assert resume(floor).waiting == 7


@pytest.mark.parametrize("said", ["0", "-1", "x", "1.5", "1" + 30 * "0", "٣", "", "5 NO"])
def test_a_quantity_that_is_none_is_refused(floor, desk, said):
    assert scan(floor, desk, f"*QTY {said}").outcome == "refused"
    assert desk.waiting == 0


def test_a_web_address_is_refused_in_a_workers_words(floor, desk):
    row = scan(floor, desk, "https://example.org/?id=5")

    assert (row.outcome, row.detail, row.progress) == (
        "refused",
        "this is no product's code and no bin's",
        "scan the barcode itself",
    )


def test_a_product_that_was_scanned_is_discontinued_and_not_deleted(floor, desk):
    outcomes(floor, desk, "nothing|HX-2|*UNDO")
    books.act(floor, lambda s: unknown.resolve(s, code="nothing", to="HX-3"))
    undo_all = documents.number("RC", 2)
    books.act(floor, lambda s: undo.document(s, number=undo_all))

    for ref in ("HX-2", "HX-3"):
        row = books.act(floor, lambda s, ref=ref: catalog.remove(s, ref=ref))
        assert row.status == "discontinued"
