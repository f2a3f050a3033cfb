"""GET /events: where it begins, what it tells, and what it refuses."""

import json

from bvinv.core import events
from tests import books


def ids(body: bytes) -> list[int]:
    return [int(line[4:]) for line in body.decode().split("\n") if line.startswith("id: ")]


def test_without_a_cursor_it_tells_what_happens_from_now_on(api):
    with api.stream("/events") as stream:
        stream.read(b"retry: 2000\n\n")
        books.reserve(api.database, "R", "HX-1=1")
        body = stream.read(b"reservation.created")
    assert ids(body) == [books.fetch(api.database, "SELECT max(id) FROM event")[0][0]]
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["cache-control"] == "no-store"
    assert stream.headers["x-content-type-options"] == "nosniff"
    assert stream.headers["x-request-id"]


def test_from_the_beginning_it_tells_everything_in_order_as_the_command_does(api, bvinv):
    books.reserve(api.database, "R", "HX-1=1 HX-2=2")
    wanted = [row[0] for row in books.fetch(api.database, "SELECT id FROM event ORDER BY id")]
    with api.stream("/events?after=0") as stream:
        body = stream.read(b"id: %d\n" % wanted[-1])
        body = stream.read(b"reservation.created")
    assert ids(body) == wanted
    told = [json.loads(line[6:]) for line in body.decode().split("\n") if line[:6] == "data: "]
    where = api.database.path or str(api.database.url).replace("+psycopg", "")
    said = bvinv(f"--db {where} events tail --after 0 --limit 1000 --format json")
    assert told == json.loads(said.stdout)


def test_the_last_id_that_was_seen_goes_before_the_cursor_of_the_address(api):
    for said in ({"last_event_id": "5"}, {}):
        path = "/events?after=0" if said else "/events?after=5"
        with api.stream(path, **said) as stream:
            body = stream.read(b"id: 6\n")
        assert ids(body)[0] == 6


def test_it_tells_only_what_is_asked_for(api):
    books.reserve(api.database, "R", "HX-1=1")
    books.release(api.database, "R")
    books.reserve(api.database, "S", "HX-2=1")
    newest = books.fetch(api.database, "SELECT max(id) FROM event")[0][0]
    for query, wanted in (
        ("type=reservation.released", {"reservation.released"}),
        ("type=reservation.*&type=warehouse.created", {"reservation.", "warehouse.created"}),
        ("sku=hx-1&type=reservation.*", {"reservation."}),
    ):
        with api.stream(f"/events?after=0&{query}") as stream:
            body = stream.read(b"id: %d\n" % newest).decode()
        found = {line[7:] for line in body.split("\n") if line.startswith("event: ")}
        assert found and all(one.startswith(tuple(wanted)) for one in found), query
        assert ("HX-2" in body) == (query[:4] == "type" and "released" not in query)


def test_what_it_does_not_understand_is_refused_before_it_begins(api):
    end = books.ask(api.database, events.newest)
    for path, headers, status, code in (
        ("/events?after=-1", {}, 422, "invalid-input"),
        ("/events?after=1_0", {}, 422, "invalid-input"),
        ("/events?after=9223372036854775808", {}, 422, "invalid-input"),
        (f"/events?after={end + 1}", {}, 422, "invalid-input"),
        ("/events?after=1&after=2", {}, 422, "invalid-input"),
        ("/events?since=1", {}, 422, "invalid-input"),
        ("/events?type=stock", {}, 422, "invalid-input"),
        ("/events?type=stock.*.x", {}, 422, "invalid-input"),
        ("/events?type=", {}, 422, "invalid-input"),
        ("/events?sku=", {}, 422, "invalid-input"),
        ("/events?sku=NOPE", {}, 404, "not-found"),
        ("/events", {"last_event_id": "x"}, 422, "invalid-input"),
        ("/events", {"last_event_id": "-1"}, 422, "invalid-input"),
        ("/events", {"last_event_id": "9" * 5_000}, 422, "invalid-input"),
        ("/events", {"last_event_id": "\xb2"}, 422, "invalid-input"),
        ("/events", {"last_event_id": str(end + 1)}, 422, "invalid-input"),
    ):
        refused = api.get(path, "service", **headers)
        refused.refused(status, code)
        assert refused.headers["content-length"] == str(len(refused.body))
        assert refused.headers["x-request-id"]
    assert api.worker.pulse.streams == 0


def test_it_is_for_services_and_those_above(api):
    api.get("/events", "viewer").refused(403, "not-permitted")
    api.get("/events", None).refused(401, "unauthenticated")
