"""Reservations over HTTP: their life, whose they are, and repeating that harms nobody."""

import json
import subprocess
import sys
from typing import Any

from bvinv.core import instants
from tests import books
from tests.routes import doors as both

doors = both.doors

ONE = {"reservation_id": "SO-1", "sku": "HX-1", "quantity": 3}
TWO = {
    "reservation_id": "SO-2",
    "lines": [{"sku": "HX-2", "quantity": 5}, {"sku": "HX-1", "quantity": 1, "warehouse": "MAIN"}],
}


def test_a_reservation_lives_alike_behind_either_door(doors):
    doors.change("reserve create SO-1 HX-1=3", "/stock/reserve", ONE, 201)
    assert doors.api.post("/stock/reserve", ONE).json["replayed"] is True
    terms = {"ttl_seconds": 60, "strategy": "most-stock"}
    doors.change(
        "reserve create SO-3 HX-2=5 --ttl 60s --strategy most-stock",
        "/products/HX-2/reserve",
        {"reservation_id": "SO-3", "quantity": 5} | terms,
        201,
    )
    waits = {"reservation_id": "SO-4", "quantity": 2, "backorder": True, "warehouse": "NORTH"}
    doors.change(
        "reserve create SO-4 HX-3=2 --backorder --warehouse NORTH",
        "/books/HX-3/reserve",
        waits,
        201,
    )
    for line, path, body in (
        ("create SO-1 HX-1=4", "/stock/reserve", ONE | {"quantity": 4}),
        ("create SO-9 HX-1=99", "/stock/reserve", ONE | {"reservation_id": "SO-9", "quantity": 99}),
        ("create SO-9 HX-9=1", "/books/HX-9/reserve", {"reservation_id": "SO-9", "quantity": 1}),
        (
            "create SO-9 HX-1=1 --strategy odd",
            "/books/HX-1/reserve",
            {"reservation_id": "SO-9", "quantity": 1, "strategy": "odd"},
        ),
        (
            "create SO-9 HX-1=1 --channel NO",
            "/books/HX-1/reserve",
            {"reservation_id": "SO-9", "quantity": 1, "channel": "NO"},
        ),
        ("extend SO-1 --ttl 1s", "/stock/extend", {"reservation_id": "SO-1", "ttl_seconds": 1}),
        ("release SO-9", "/stock/release", {"reservation_id": "SO-9"}),
        ("commit SO-4", "/stock/commit", {"reservation_id": "SO-4"}),
        (
            "commit SO-1 HX-1=9",
            "/stock/commit",
            {"reservation_id": "SO-1", "lines": [{"sku": "HX-1", "quantity": 9}]},
        ),
    ):
        doors.refuse(f"reserve {line}", path, body)
    more = {"reservation_id": "SO-1", "ttl_seconds": 7200}
    doors.change("reserve extend SO-1 --ttl 2h", "/stock/extend", more)
    some = {"reservation_id": "SO-1", "lines": [{"sku": "HX-1", "quantity": 1}]}
    doors.change("reserve commit SO-1 HX-1=1", "/stock/commit", some)
    rest = some | {"close": True}
    doors.change("reserve commit SO-1 HX-1=1 --close", "/stock/commit", rest)
    doors.refuse("reserve commit SO-1", "/stock/commit", {"reservation_id": "SO-1"})
    doors.change("reserve release SO-3", "/stock/release", {"reservation_id": "SO-3"})
    doors.refuse("reserve release SO-3", "/stock/release", {"reservation_id": "SO-3"})

    for line, path in (
        ("show SO-1", "/reservations/SO-1"),
        ("show SO-4", "/reservations/SO-4"),
        ("show SO-9", "/reservations/SO-9"),
        ("list", "/reservations"),
        ("list --status released --limit 1", "/reservations?status=released&limit=1"),
        ("list --status odd", "/reservations?status=odd"),
        ("list --after SO-3", "/reservations?after=SO-3"),
        ("list --after SO-9", "/reservations?after=SO-9"),
    ):
        doors.look(f"reserve {line}", path)
    assert doors.bvinv.level("HX-1", "MAIN") == (8, 0, 8, 0)


def test_the_lean_way_to_reserve_answers_like_the_ordinary_one(api):
    ordinary = "/stock/reserve?dry_run=false"  # what has a question mark is not plain
    bodies = (ONE, TWO, ONE | {"quantity": 4}, {"reservation_id": "X", "sku": "NO", "quantity": 1})
    for number, body in enumerate([*bodies, TWO | {"backorder": True}, {"reservation_id": "X"}]):
        ways = ("/stock/reserve", ordinary) if number % 2 else (ordinary, "/stock/reserve")
        first, second = (api.post(path, body, "service") for path in ways)
        if first.status == 201:
            assert (second.status, second.json) == (200, first.json | {"replayed": True})
        else:
            assert (second.status, second.body) == (first.status, first.body)
        names = {*first.headers} - {"x-request-id"}
        assert names == {*second.headers} - {"x-request-id"}
    assert books.counts(api.database, "HX-1", "MAIN") == (10, 4, 6, 0)


NONSENSE: tuple[dict[str, Any], ...] = (
    {},
    {"sku": "HX-1"},
    {"sku": "HX-1", "quantity": 1, "lines": [{"sku": "HX-1", "quantity": 1}]},
    {"lines": []},
    {"lines": [{"sku": "HX-1", "quantity": 0}]},
    {"lines": [{"sku": "HX-1", "quantity": 1, "held": 1}]},
    {"sku": "HX-1", "quantity": 1.5},
    {"sku": "HX-1", "quantity": "1"},
    {"sku": "HX-1", "quantity": 1, "ttl_seconds": 0},
    {"sku": "HX-1", "quantity": 1, "ttl_seconds": 10**12},
    {"sku": "HX-1", "quantity": 1, "ttl_seconds": 9, "expires_at": "2026-03-02T00:00:00Z"},
    {"sku": "HX-1", "quantity": 1, "expires_at": "2026-03-02"},
    {"sku": "HX-1", "quantity": 1, "expires_at": "2026-03-02T00:00:00"},
    {"sku": "HX-1", "quantity": 1, "expires_at": "2026-02-31T00:00:00Z"},
    {"sku": "HX-1", "quantity": 1, "expires_at": "2026-02-01T00:00:00Z"},
    {"sku": "HX-1", "quantity": 1, "owner": "root"},
    {"sku": "HX-1", "quantity": 1, "warehouse": "MAIN", "strategy": "priority"},
)


def test_a_reservation_that_makes_no_sense_is_refused(api):
    before = books.snapshot(api.database)
    for wrong in NONSENSE:
        said = api.post("/stock/reserve", {"reservation_id": "X"} | wrong)
        assert said.refused(422, "invalid-input"), wrong
    assert books.snapshot(api.database) == before


def test_a_reservation_ends_when_that_is_said(api, clock):
    body = ONE | {"expires_at": "2026-03-01T10:00:00+00:30"}
    assert api.post("/stock/reserve", body, "service").json["expires_at"] == "2026-03-01T09:30:00Z"
    until = {"reservation_id": "SO-1", "expires_at": "2026-03-01T12:00:00Z"}
    assert api.post("/stock/extend", until, "service").json["expires_at"] == "2026-03-01T12:00:00Z"
    sooner = until | {"expires_at": "2026-03-01T11:00:00Z"}
    assert api.post("/stock/extend", sooner, "service").refused(409, "conflict")
    past = until | {"expires_at": "2026-03-01T08:00:00Z"}
    assert api.post("/stock/extend", past, "service").refused(422, "invalid-input")
    far = until | {"expires_at": "2036-03-01T08:00:00Z"}
    assert api.post("/stock/extend", far, "service").refused(422, "invalid-input")
    assert api.get("/stock/HX-1").json["available"] == 7
    clock.advance(4 * books.HOUR)
    assert api.get("/stock/HX-1").json["available"] == 10
    assert api.get("/reservations/SO-1", "service").json["status"] == "expired"
    commit = {"reservation_id": "SO-1"}
    assert api.post("/stock/commit", commit, "service").refused(409, "conflict")


def test_a_service_sees_and_touches_only_what_it_made(api):
    assert api.post("/stock/reserve", ONE, "service").status == 201
    assert api.post("/stock/reserve", TWO, "other").status == 201
    before = books.snapshot(api.database)
    own = {"reservation_id": "SO-1"}
    refusals = [
        api.get("/reservations/SO-1", "other"),
        api.post("/stock/reserve", ONE, "other"),
        api.post("/books/HX-1/reserve", own | {"quantity": 3}, "other"),
        api.post("/stock/extend", own, "other"),
        api.post("/stock/commit", own, "other"),
        api.post("/stock/release", own, "other"),
    ]
    for said in refusals:
        problem = said.refused(403, "not-permitted")
        assert problem["detail"].startswith("reservation SO-1 is somebody else's"), problem
    assert books.snapshot(api.database) == before
    assert api.get("/reservations/SO-1", "service").json["reservation_id"] == "SO-1"
    assert api.get("/reservations/SO-2", "staff").json["reservation_id"] == "SO-2"
    assert api.get("/reservations", "service").refused(403, "not-permitted")
    assert [row["reservation_id"] for row in api.get("/reservations", "staff").json] == [
        *("SO-2", "SO-1"),
    ]
    assert api.post("/stock/commit", own, "service").json["status"] == "committed"
    assert api.post("/stock/release", {"reservation_id": "SO-2"}, "staff").status == 200
    assert api.post("/stock/reserve", ONE | {"reservation_id": "V"}, "viewer").status == 403


def test_a_list_of_reservations_has_pages(api):
    for number in range(5):
        api.post("/stock/reserve", {"reservation_id": f"R {number}", "sku": "HX-1", "quantity": 1})
    seen, path = [], "/reservations?limit=2"
    while path:
        page = api.get(path, "staff")
        seen += [row["reservation_id"] for row in page.json]
        path = page.headers.get("link", "").partition(">")[0].lstrip("<")
    assert seen == ["R 4", "R 3", "R 2", "R 1", "R 0"]


CHANGES = {
    "/stock/reserve": ONE,
    "/books/HX-1/reserve": {"reservation_id": "SO-8", "quantity": 1},
    "/stock/extend": {"reservation_id": "OPEN", "ttl_seconds": 7200},
    "/stock/commit": {"reservation_id": "OPEN", "lines": [{"sku": "HX-2", "quantity": 1}]},
    "/stock/release": {"reservation_id": "OPEN"},
    "/stock/adjust": {"sku": "HX-1", "warehouse": "MAIN", "change": 2, "reason": "found"},
    "/stock/receive": {"sku": "HX-1", "warehouse": "MAIN", "quantity": 2},
    "/stock/put-away": {"sku": "HX-1", "warehouse": "MAIN", "from": "SHELF", "to": "DOCK"},
    "/stock/transfer": {"from": "MAIN", "to": "NORTH", "lines": [{"sku": "HX-1", "quantity": 1}]},
    "/stock/batch": {
        "changes": [{"op": "receive", "sku": "HX-1", "warehouse": "MAIN", "quantity": 2}]
    },
    "/transfers": {"from": "MAIN", "to": "NORTH", "lines": [{"sku": "HX-1", "quantity": 1}]},
    "/warehouses": {"code": "EAST", "name": "East"},
    "/warehouses/MAIN/bins": {"code": "A-01"},
}


def test_every_change_has_one_effect_for_one_key(api):
    api.post(
        "/stock/reserve",
        {"reservation_id": "OPEN", "sku": "HX-2", "quantity": 2, "warehouse": "MAIN"},
    )
    for number, (path, body) in enumerate(CHANGES.items()):
        key = f"key {number}"
        first = api.post(path, body, idempotency_key=key)
        assert first.status in (200, 201), (path, first)
        before = books.snapshot(api.database)
        for _ in range(2):
            again = api.post(path, body, idempotency_key=key)
            assert (again.status, again.json) == (200, first.json | {"replayed": True}), path
        wrong = api.post("/stock/release", {"reservation_id": "ELSE"}, idempotency_key=key)
        assert wrong.refused(409, "conflict")["detail"].endswith("was used for another request")
        assert books.snapshot(api.database) == before


def test_a_key_is_its_callers_own(api):
    body = {"reservation_id": "A", "sku": "HX-1", "quantity": 1}
    assert api.post("/stock/reserve", body, "service", idempotency_key="K").status == 201
    mine = body | {"reservation_id": "B"}
    assert api.post("/stock/reserve", mine, "other", idempotency_key="K").status == 201
    assert api.post("/stock/reserve", mine, "service", idempotency_key="K").status == 409
    again = api.post("/stock/reserve", body, "service", idempotency_key="K")
    assert (again.status, again.json["replayed"]) == (200, True)


def test_a_refusal_is_not_kept_under_its_key(api):
    much = ONE | {"quantity": 12}
    key = {"idempotency_key": "K"}
    assert api.post("/stock/reserve", much, "service", **key).refused(409, "insufficient-stock")
    assert api.post("/stock/reserve", much, "viewer", **key).refused(403, "not-permitted")
    assert api.post("/stock/reserve", much, None, **key).refused(401, "unauthenticated")
    assert api.post("/stock/reserve", much | {"x": 1}, "service", **key).status == 422
    assert api.post("/stock/reserve", body=b"{", role="service", **key).status == 400
    books.receive(api.database, "HX-1", 5, "MAIN")
    assert api.post("/stock/reserve", much, "service", **key).status == 201
    again = api.post("/stock/reserve", much, "service", **key)
    assert (again.status, again.json["replayed"]) == (200, True)
    assert books.counts(api.database, "HX-1", "MAIN") == (15, 12, 3, 0)
    # The id alone makes repeating harmless, too, and keeps no refusal either.
    more = {"reservation_id": "SO-2", "sku": "HX-1", "quantity": 4}
    assert api.post("/stock/reserve", more, "service").refused(409, "insufficient-stock")
    books.receive(api.database, "HX-1", 1, "MAIN")
    assert api.post("/stock/reserve", more, "service").status == 201
    assert api.post("/stock/reserve", more, "service").json["replayed"] is True


def test_a_key_is_1_to_255_printable_characters(api):
    before = books.snapshot(api.database)
    bad = ("", " ", "k" * 256, "k" * 10_000, "a\0b", "a\tb", "\u00e4", "\x7f")
    for key in bad:
        said = api.post("/stock/reserve", ONE, "service", idempotency_key=key)
        assert said.refused(422, "invalid-input"), key
    assert books.snapshot(api.database) == before
    for number, key in enumerate(("k", "k" * 255, "'; DROP TABLE product; --")):
        body = {"reservation_id": f"K-{number}", "sku": "HX-1", "quantity": 1}
        assert api.post("/stock/reserve", body, "service", idempotency_key=key).status == 201


def test_a_reservation_that_is_asked_for_50_times_at_once_is_made_once(api, where, clock):
    clock.at = instants.now()  # that of the other processes
    body = {"reservation_id": "SO-1", "lines": [{"sku": "HX-1", "quantity": 3}]}
    line = ["--db", where, "reserve", "create", "SO-1", "HX-1=3", "--actor", "svc", "-f", "json"]
    shells = [
        subprocess.Popen(
            [sys.executable, "-m", "bvinv", *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    coming = []
    for number in range(47):
        path = "/books/HX-1/reserve" if number % 3 else "/stock/reserve"
        wanted: Any = {"reservation_id": "SO-1", "quantity": 3} if number % 3 else body
        coming.append(api.later("POST", path, "service", json=wanted))
    said = [one.result(60) for one in coming]
    rows = [one.json for one in said]
    assert {one.status for one in said} <= {200, 201}, said
    for shell in shells:
        printed, complaint = shell.communicate(timeout=60)
        assert shell.returncode == 0, complaint
        rows.append(json.loads(printed))
    assert sorted(row.pop("replayed") for row in rows) == [False] + [True] * 49
    assert all(row == rows[0] for row in rows)
    assert books.kinds(api.database, "HX-1") == [("receive", 10, 10, 0), ("hold", 3, 10, 3)]
    assert books.events(api.database).count(("reservation.created", "SO-1")) == 1
