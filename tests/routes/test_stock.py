"""Stock over HTTP: levels, availability, the ledger, changes one by one and in batches."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from bvinv.core import catalog, glances, stock
from tests import books, lots_books, transfer_books
from tests import purchasing_books as buying
from tests.api import Api
from tests.routes import doors as both

doors = both.doors


def test_both_doors_show_the_same_levels(doors):
    for line, path in (
        ("stock list", "/stock"),
        ("stock list --warehouse north", "/stock?warehouse=north"),
        ("stock list --low", "/stock?low=true"),
        ("stock list --below-reorder-point", "/stock?below_reorder_point=true"),
        ("stock list --warehouse NO", "/stock?warehouse=NO"),
        ("stock list --after nonsense", "/stock?after=nonsense"),
        ("stock history HX-2", "/stock/HX-2/history"),
        ("stock history HX-2 -w NORTH --limit 1", "/stock/HX-2/history?warehouse=NORTH&limit=1"),
        ("stock history HX-9", "/stock/HX-9/history"),
        (
            "stock history HX-2 --since 2020-01-01T00:00:00Z --until 2020-01-02T00:00:00Z",
            "/stock/HX-2/history?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z",
        ),
        (
            "stock history HX-2 --since 2020-01-02T00:00:00Z --until 2020-01-01T00:00:00Z",
            "/stock/HX-2/history?since=2020-01-02T00:00:00Z&until=2020-01-01T00:00:00Z",
        ),
        ("stock why HX-2 -w MAIN", "/stock/HX-2/why?warehouse=MAIN"),
        ("stock why HX-2 -w NO", "/stock/HX-2/why?warehouse=NO"),
        ("stock lots HX-2", "/stock/HX-2/lots"),
        ("stock lots HX-9", "/stock/HX-9/lots"),
    ):
        doors.look(line, path)


def test_a_product_has_the_levels_that_the_command_line_shows_and_their_sums(doors):
    shown = doors.bvinv("stock show HX-2 --format json").json
    said = doors.api.get("/stock/HX-2").json
    assert said["levels"] == shown
    assert (said["sku"], said["on_hand"], said["available"]) == ("HX-2", 10, 10)
    assert doors.api.get("/books/HX-2/availability").json == said
    assert doors.api.get("/products/HX-2/availability").json == said

    one = doors.bvinv("stock show HX-2 --warehouse NORTH --format json").json
    said = doors.api.get("/stock/HX-2?warehouse=NORTH").json
    assert (said["levels"], said["on_hand"]) == ([one], 6)
    nothing = doors.api.get("/stock/HX-3?warehouse=NORTH").json
    assert (nothing["on_hand"], nothing["levels"][0]["version"]) == (0, 0)

    past = "2020-01-01T00:00:00Z"
    shown = doors.bvinv(f"stock show HX-2 --as-of {past} --format json").json
    said = doors.api.get(f"/stock/HX-2?as_of={past}").json
    assert said["levels"] == shown
    assert (said["on_hand"], said["backordered"], said["on_order"]) == (0, None, None)

    for line, path in (
        ("stock show HX-9", "/stock/HX-9"),
        ("stock show HX-9", "/books/HX-9/availability"),
        ("stock show HX-2 --warehouse NO", "/stock/HX-2?warehouse=NO"),
    ):
        assert doors.bvinv(f"{line} --format json").problem == doors.api.get(path).json
    assert doors.api.get("/stock/HX-2?as_of=yesterday").refused(422, "invalid-input")
    assert doors.api.get("/stock/HX-2?as_of=2020-01-01").refused(422, "invalid-input")


def fill(database: Any, clock: books.Clock) -> None:
    """Make levels of every kind, and names of every kind."""
    books.add_bin(database, "MAIN", "A-01")
    books.add_bin(database, "MAIN", "QUAR", "quarantine")
    fields = {"sku": "Straße 1", "title": "Street", "isbn": "9780141439518", "barcode": "4006381"}
    books.act(database, lambda s: catalog.add(s, fields=fields))
    books.add_products(database, "LOT-1", "WAIT-1")
    books.receive(database, "Straße 1", 9, "NORTH")
    lots_books.track_lots(database, "LOT-1")
    lots_books.find_lot(database, "LOT-1", 5, "OLD", 20260301)
    lots_books.find_lot(database, "LOT-1", 7, "NEW", 20301231)
    transfer_books.send(database, "HX-2=1")
    books.put_away(database, "HX-2", 1, "MAIN", "QUAR", origin="SHELF")
    books.reserve(database, "SO-1", "HX-1=4", ttl=books.MINUTE)
    books.reserve(database, "SO-2", "HX-1=3 HX-2=1@NORTH", ttl=books.HOUR)
    books.reserve(database, "SO-3", "WAIT-1=6 HX-2=40", backorder=True, ttl=2 * books.HOUR)
    buying.add_supplier(database)
    buying.order(database, "HX-1=25 WAIT-1=2")
    settings = {"reorder_point": 5, "max_stock": 50, "safety_stock": 2}
    books.act(
        database,
        lambda s: stock.configure(
            s, ref="HX-1", warehouse="MAIN", settings=settings, fixed_bin="A-01"
        ),
    )
    clock.advance(2 * books.MINUTE)


@pytest.fixture
def full(stocked, clock):
    """Return the API of a database with levels of every kind."""
    fill(stocked, clock)
    api = Api(stocked)
    yield api
    api.close()


NAMES = (
    *("HX-1", "hx-1", "HX-2", "HX-3", "WAIT-1", "LOT-1", "Straße 1", "STRASSE 1"),
    *("9780141439518", "0141439513", "978-0-14-143951-8", "4006381"),
)


def test_the_lean_answer_is_the_ordinary_one_to_the_byte(full, clock):
    lean = 0
    for later in (0, books.HOUR, 3 * books.HOUR, 400 * 24 * books.HOUR):
        clock.advance(later)
        for name in NAMES:
            quick = full.get(f"/stock/{quote(name)}")
            plain = full.get(f"/products/{quote(name)}/availability")
            assert quick.status == 200, name
            assert (quick.body, quick.headers["etag"]) == (plain.body, plain.headers["etag"]), name
            with full.database.read() as session:
                found = glances.stock(session, name) if session.is_ordered else None
                row = stock.total(session, ref=name)
            assert plain.json == row.record()
            lean += found is not None
            assert found is None or json.dumps(found[0]) == json.dumps(row.record())
    # SKUs whose levels have no lots; HX-3 has no levels. PostgreSQL is asked in the ordinary way.
    assert lean == (4 * 6 if full.database.path else 0)


def test_the_lean_answer_to_an_odd_name_is_the_ordinary_one(full):
    for name, status in (
        (" HX-1 ", 200),
        ("A=B", 422),
        ("a  b", 422),
        ("NO-1", 404),
        ("a\0b", 422),
    ):
        quick = full.get(f"/stock/{quote(name)}")
        plain = full.get(f"/products/{quote(name)}/availability")
        assert (quick.status, quick.body) == (plain.status, plain.body), name
        assert quick.status == status, name


def test_many_products_are_asked_about_at_once(full):
    said = full.post("/stock/availability", {"skus": [*NAMES, "HX-1"]}, "viewer")
    assert said.status == 200
    assert [row["sku"] for row in said.json] == [
        *("HX-1", "HX-1", "HX-2", "HX-3", "WAIT-1", "LOT-1", "Straße 1", "Straße 1"),
        *(["Straße 1"] * 4),
        "HX-1",
    ]
    for name, row in zip(NAMES, said.json, strict=False):
        assert row == full.get(f"/stock/{quote(name)}").json

    problem = full.post("/stock/availability", {"skus": ["HX-1", "NO-1", "NO-2"]}).refused(
        404, "not-found"
    )
    assert [one["sku"] for one in problem["errors"]] == ["NO-1", "NO-2"]
    assert full.post("/stock/availability", {"skus": []}).refused(422, "invalid-input")
    assert full.post("/stock/availability", {"skus": ["A"] * 1001}).refused(422, "invalid-input")
    assert full.post("/stock/availability", {"skus": [7]}).refused(422, "invalid-input")
    assert full.post("/stock/availability", {"skus": ["A=B"]}).refused(422, "invalid-input")


def test_a_list_of_levels_has_pages(full):
    rows, path = [], "/stock?limit=3"
    while path:
        page = full.get(path)
        rows += page.json
        path = page.headers.get("link", "").partition(">")[0].lstrip("<")
    assert rows == full.get("/stock").json
    assert [(row["sku"], row["warehouse"]) for row in rows][:4] == [
        ("HX-1", "MAIN"),
        ("HX-2", "MAIN"),
        ("HX-2", "NORTH"),
        ("LOT-1", "MAIN"),
    ]
    moves = full.get("/stock/HX-1/history?limit=2", "staff")
    rest = full.get(moves.headers["link"].partition(">")[0].lstrip("<"), "staff")
    assert moves.json + rest.json == full.get("/stock/HX-1/history", "staff").json


ADJUST = {"sku": "HX-1", "warehouse": "MAIN", "reason": "found"}


def test_stock_is_corrected_alike_through_either_door(doors):
    line = "stock adjust HX-1 --warehouse MAIN --reason found"
    doors.change(f"{line} --change 5", "/stock/adjust", ADJUST | {"change": 5})
    doors.change(
        f"{line} --to 12 --expect 15 --bin SHELF --note counted",
        "/stock/adjust",
        ADJUST | {"to": 12, "expect": 15, "bin": "SHELF", "note": "counted"},
    )
    for more, said in (
        ("--to 12 --expect 15", {"to": 12, "expect": 15}),
        ("--to 12", {"to": 12}),
        ("--change 0", {"change": 0}),
        ("--change 1 --to 2", {"change": 1, "to": 2}),
        ("", {}),
        ("--change -99", {"change": -99}),
        ("--change 1 --bin NO", {"change": 1, "bin": "NO"}),
        ("--change 1 --lot L", {"change": 1, "lot": "L"}),
    ):
        doors.refuse(f"{line} {more}", "/stock/adjust", ADJUST | said)
    other = ADJUST | {"reason": "fun", "change": 1}
    doors.refuse("stock adjust HX-1 -w MAIN --reason fun --change 1", "/stock/adjust", other)
    gone = {"sku": "HX-9", "warehouse": "MAIN", "reason": "found", "change": 1}
    doors.refuse("stock adjust HX-9 -w MAIN --reason found --change 1", "/stock/adjust", gone)

    doors.bvinv("reserve create SO-1 HX-1=10")
    less = ADJUST | {"change": -5, "reason": "lost"}
    line = "stock adjust HX-1 -w MAIN --change -5 --reason lost"
    doors.refuse(line, "/stock/adjust", less)
    broken = doors.change(f"{line} --break newest", "/stock/adjust", less | {"break": "newest"})
    assert (broken["on_hand"], broken["reserved"], broken["backordered"]) == (7, 7, 3)


def test_goods_come_in_and_go_to_their_bins_alike(doors):
    line = "receive HX-3 --qty 12 --warehouse NORTH --document DN-1"
    came = {"sku": "HX-3", "quantity": 12, "warehouse": "NORTH", "document": "DN-1"}
    doors.change(line, "/stock/receive", came)
    doors.refuse(
        "receive HX-3 --qty 1 --warehouse NO",
        "/stock/receive",
        came
        | {
            "quantity": 1,
            "warehouse": "NO",
            "document": None,
        },
    )
    doors.refuse(
        "receive HX-3 --qty 1 --warehouse NORTH --supplier NO",
        "/stock/receive",
        came | {"quantity": 1, "supplier": "NO", "document": None},
    )
    away = {"sku": "HX-3", "warehouse": "NORTH", "quantity": 5, "to": "SHELF"}
    line = "stock put-away HX-3 --warehouse NORTH"
    doors.change(f"{line} --qty 5 --to SHELF", "/stock/put-away", away)
    doors.change(line, "/stock/put-away", {"sku": "HX-3", "warehouse": "NORTH"})
    doors.refuse(f"{line} --qty 5 --to SHELF", "/stock/put-away", away)
    back = {"sku": "HX-3", "warehouse": "NORTH", "from": "SHELF", "to": "DOCK", "quantity": 1}
    doors.change(f"{line} --from SHELF --to DOCK --qty 1", "/stock/put-away", back)


NONSENSE: tuple[dict[str, Any], ...] = (
    {"change": 1.0},
    {"change": "1"},
    {"change": True},
    {"change": 10**9 + 1},
    {"change": 1, "on_hand": 5},
    {"change": 1, "break": "oldest"},
    {"change": 1, "break_": "newest"},
    {"change": 1, "note": "a\0b"},
    {"change": 1, "expires_on": "2030-02-31", "lot": "L"},
    {"change": 1, "sku": ""},
    {"change": 1, "sku": "\ud800"},
)


def test_a_correction_that_makes_no_sense_changes_nothing(api):
    before = books.snapshot(api.database)
    for wrong in NONSENSE:
        body = json.dumps(ADJUST | wrong).encode()
        assert api.post("/stock/adjust", body=body, role="staff").status in (400, 422), wrong
    assert books.snapshot(api.database) == before


def adjusted(sku: str, change: int, **more: Any) -> dict[str, Any]:
    return {
        "op": "adjust",
        "sku": sku,
        "warehouse": "MAIN",
        "reason": "found",
        "change": change,
    } | (more)


def test_a_batch_makes_all_of_its_changes(api):
    batch = {
        "changes": [
            adjusted("HX-1", 5),
            adjusted("HX-3", 8),
            {"op": "receive", "sku": "HX-3", "quantity": 2, "warehouse": "MAIN"},
            {"op": "put-away", "sku": "HX-3", "warehouse": "MAIN", "to": "SHELF"},
            {"op": "reserve", "reservation_id": "B-1", "sku": "HX-3", "quantity": 10},
            {"op": "reserve", "reservation_id": "B-2", "lines": [{"sku": "HX-1", "quantity": 1}]},
            {"op": "extend", "reservation_id": "B-1", "ttl_seconds": 3600},
            {"op": "commit", "reservation_id": "B-1", "lines": [{"sku": "HX-3", "quantity": 4}]},
            {"op": "release", "reservation_id": "B-2"},
            {"op": "configure", "sku": "HX-1", "warehouse": "MAIN", "reorder_point": 3},
        ]
    }
    assert api.post("/stock/batch", batch, "staff").refused(403, "not-permitted")["change"] == 9
    tried = api.post("/stock/batch?dry_run=true", batch, "manager").json
    assert (tried["dry_run"], len(tried["results"])) == (True, 10)
    assert books.counts(api.database, "HX-1", "MAIN") == (10, 0, 10, 0)
    done = api.post("/stock/batch", batch, "manager", idempotency_key="K").json
    assert [row.get("sku", row.get("reservation_id")) for row in done["results"]] == [
        *("HX-1", "HX-3", "HX-3", "HX-3", "B-1", "B-2", "B-1", "B-1", "B-2", "HX-1"),
    ]
    assert [row["status"] for row in done["results"] if "status" in row] == [
        *("held", "held", "held", "held", "released"),
    ]
    assert books.counts(api.database, "HX-3", "MAIN") == (6, 6, 0, 0)
    assert books.counts(api.database, "HX-1", "MAIN") == (15, 0, 15, 0)
    again = api.post("/stock/batch", batch, "manager", idempotency_key="K").json
    assert again == done | {"replayed": True}
    batch["changes"][9]["reorder_point"] = None
    other = api.post("/stock/batch", batch, "manager", idempotency_key="K")
    assert other.refused(409, "conflict")


REFUSED: tuple[tuple[dict[str, Any], int, str], ...] = (
    (adjusted("HX-9", 1), 404, "not-found"),
    (adjusted("HX-1", -99), 409, "insufficient-stock"),
    (adjusted("HX-1", 1, bin="NO"), 404, "not-found"),
    (adjusted("HX-1", 1, warehouse="NO"), 404, "not-found"),
    (adjusted("HX-1", 0), 422, "invalid-input"),
    (adjusted("A=B", 1), 422, "invalid-input"),
    (adjusted("HX-1", 1, reason="fun"), 422, "invalid-input"),
    (adjusted("HX-1", 1, lot="L", expires_on="2030-02-31"), 422, "invalid-input"),
    ({"op": "release", "reservation_id": "NO"}, 404, "not-found"),
    (
        {"op": "reserve", "reservation_id": "B", "sku": "HX-3", "quantity": 1},
        409,
        "insufficient-stock",
    ),
    ({"op": "receive", "sku": "HX-1", "quantity": 1, "warehouse": "NO"}, 404, "not-found"),
)


def test_a_batch_that_is_refused_says_where_and_changes_nothing(api):
    before = books.snapshot(api.database)
    for change, status, code in REFUSED:
        changes = [adjusted("HX-1", 5), adjusted("HX-2", -1), change, adjusted("HX-1", -99)]
        said = api.post("/stock/batch", {"changes": changes}, "staff")
        problem = said.refused(status, code)
        assert problem["change"] == 2, problem
        assert problem["detail"].startswith("changes.2: ")
        assert {one["field"] for one in problem["errors"]} == {"changes.2"}
    assert books.snapshot(api.database) == before


def test_a_batch_has_a_size_and_ops_that_there_are(api):
    for wrong in (
        {"changes": []},
        {"changes": [adjusted("HX-1", 1)] * 1001},
        {"changes": [adjusted("HX-1", 1) | {"op": "burn"}]},
        {"changes": [{"sku": "HX-1"}]},
        {"changes": [adjusted("HX-1", 1) | {"reserved": 0}]},
        {"changes": adjusted("HX-1", 1)},
        {},
    ):
        assert api.post("/stock/batch", wrong).refused(422, "invalid-input")
    said = api.post("/stock/batch", {"changes": [adjusted("HX-1", 1)] * 1000}, "staff")
    assert said.status == 200
    assert {row["on_hand"] for row in said.json["results"]} == {1010}
    assert api.post("/stock/batch", {"changes": [adjusted("HX-1", 1)]}, "service").status == 403


def test_who_may_change_stock(api):
    assert api.post("/stock/adjust", ADJUST | {"change": 1}, "service").status == 403
    assert api.post("/stock/adjust", ADJUST | {"change": 1}, "staff").status == 200
    assert api.get("/stock/HX-1/history", "service").status == 403
    assert api.get("/stock/HX-1", None).status == 401
    assert api.get("/stock/HX-1", "viewer").status == 200
    assert api.post("/stock/availability", {"skus": ["HX-1"]}, "viewer").status == 200
