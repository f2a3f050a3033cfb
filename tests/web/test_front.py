"""What holds for every request, whatever it asks. Source: RELIABILITY.md, groups F, G, H and I."""

import asyncio

import pytest

from bvinv.core.errors import InvalidInput
from bvinv.serve import create_app
from bvinv.settings import Settings
from bvinv.web.worker import Task
from tests import books
from tests.api import Answer, Api, _exchange
from tests.web.sound import MARK, WISH, sound

# --- H-01: numbers --------------------------------------------------------------------------------

NUMBERS = [
    *("0", "-1", "-0", "1.5", "5.0", "true", "false", '"5"', '"1_000"', '" 7 "', "1e2", "1E400"),
    *(str(2**53 + 1), str(2**63 - 1), str(2**63), str(10**30), "9" * 5_000, "-" + "9" * 5_000),
    *("1e400", "-1e400", "NaN", "Infinity", "-Infinity", "[]", "{}", "[5]", '""', "1e-400"),
    *("1000000001", "5." + "0" * 5_000, "0x10", "٣", "+1", "05", ".5", "5."),
]


@pytest.mark.parametrize(
    "template",
    [
        '{"reservation_id": "R", "sku": "HX-1", "quantity": %s}',
        '{"reservation_id": "R", "lines": [{"sku": "HX-1", "quantity": %s}]}',
        '{"reservation_id": "R", "sku": "HX-1", "quantity": 1, "ttl_seconds": %s}',
    ],
)
def test_a_number_outside_of_what_is_documented_is_refused(api, template):
    before = books.snapshot(api.database)
    for number in NUMBERS:
        body = (template % number).encode()
        refused = sound(api.post("/stock/reserve", body=body, role="service"))
        if "ttl" in template and number in ("1000000001", str(2**53 + 1)):
            assert refused.status == 422
        assert refused.status in (400, 422), number
    missing = template % "null" if "ttl" not in template else '{"reservation_id": "R"}'
    assert sound(api.post("/stock/reserve", body=missing.encode())).status == 422
    assert books.snapshot(api.database) == before
    assert sound(api.post("/stock/reserve", body=(template % 5).encode())).status == 201


# --- H-05: bodies ---------------------------------------------------------------------------------


def sent(api: Api, parts: list[bytes], **headers: str) -> Answer:
    """Send a body in these chunks."""
    said = {"content_type": "application/json", "x_api_key": api.keys["service"], **headers}
    scope = api._scope("POST", "/stock/reserve", None, said)

    async def go() -> Answer:
        coming = [
            {"type": "http.request", "body": part, "more_body": place + 1 < len(parts)}
            for place, part in enumerate(parts)
        ]
        kept: list[object] = []

        async def receive() -> object:
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message: object) -> None:
            kept.append(message)

        await api.app(scope, receive, send)
        return await _exchange(_Replayed(kept), {}, b"")

    return api.run(go())


class _Replayed:
    def __init__(self, kept: list[object]) -> None:
        self.kept = kept

    async def __call__(self, _scope, _receive, send) -> None:
        for message in self.kept:
            await send(message)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_body_of_the_limit_is_read_and_one_more_byte_is_not(stocked):
    api = Api(stocked, body_limit=1_000)
    try:
        said = b'{"reservation_id": "R-1", "sku": "HX-1", "quantity": 1}'
        fits = said + b" " * (1_000 - len(said))
        assert sound(sent(api, [fits])).status == 201
        assert sound(sent(api, [fits[:400], b"", fits[400:]])).status == 200
        for parts in ([fits + b" "], [fits, b" "], [b" "] * 1_001, [b"", b" " * 5_000_000]):
            over = sound(sent(api, parts))
            over.refused(413, "too-large")
            assert (over.json["limit"], over.headers["connection"]) == (1_000, "close")
        for stated in ("1001", "9" * 5_000, "18446744073709551616"):
            sound(sent(api, [fits], content_length=stated)).refused(413, "too-large")
        for stated in ("-1", "1e3", "0x10", "", "10, 10", "\xb2"):
            sound(sent(api, [fits], content_length=stated)).refused(400, "malformed")
        sound(sent(api, [fits, b" "], content_length="5")).refused(413, "too-large")
    finally:
        api.close()


OTHER_KINDS = [
    *("", "text/json", "application/xml", "text/plain", "application/jsonp", "\xff", MARK),
    *("application/json; charset=latin-1", "application/json;charset=utf-16"),
    *("application/merge-patch+json", "multipart/form-data; boundary=x"),
]
NO_JSON = [
    *(b"[" * 100_000, b"{", b"{} {}", b'{"OPEN-SESAME": 1, "OPEN-SESAME": 1}'),
    *(b'"OPEN-SESAME\xff"', '{"OPEN-SESAME": 1}'.encode("utf-16"), b"\x1f\x8b\x08"),
]
NO_SENSE = [
    *(b"", b"null", b"[]", b"1", b'"a"', b"{}", b"[{}]", b"true", b'{"OPEN-SESAME": 1}'),
    b'{"reservation_id": ["OPEN-SESAME"], "lines": {"OPEN-SESAME": 1}}',
    b'{"reservation_id": "R", "lines": [{"OPEN-SESAME": 1}], "expires_at": "OPEN-SESAME"}',
    b'{"reservation_id": "R", "lines": ["OPEN-SESAME"], "backorder": "OPEN-SESAME"}',
    b'{"reservation_id": "R", "sku": "HX-1", "quantity": 1, "OPEN-SESAME": {"OPEN-SESAME": 1}}',
]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_body_has_to_be_sound_json_of_the_kind_it_says(api):
    good = b'{"reservation_id": "R-1", "sku": "HX-1", "quantity": 1}'
    before = books.snapshot(api.database)
    for kind in OTHER_KINDS:
        refused = sound(api.post("/stock/reserve", body=good, role="service", content_type=kind))
        refused.refused(415, "unsupported-media-type")
        assert refused.headers["accept"] == "application/json"
    for coding in ("gzip", "br", "deflate", "gzip, gzip", "x", MARK):
        refused = api.post("/stock/reserve", body=good, role="service", content_encoding=coding)
        sound(refused).refused(415, "unsupported-media-type")
    for body in NO_JSON:
        refused = sound(api.post("/stock/reserve", body=body, role="service"))
        refused.refused(400, "malformed")
    for body in NO_SENSE:
        refused = sound(api.post("/stock/reserve", body=body, role="service"))
        refused.refused(422, "invalid-input")
    assert books.snapshot(api.database) == before
    for kind in ("application/json", 'Application/JSON ; charset="UTF-8"', "application/json;x=1"):
        assert api.post("/stock/reserve", body=good, content_type=kind).status in (200, 201)


def test_what_is_unknown_is_named_by_its_place_alone(api):
    body = WISH | {MARK: 1, "lines": [{"sku": "HX-1", "quantity": 0, MARK: 2}]}
    refused = sound(api.post("/stock/reserve", body, "service")).refused(422, "invalid-input")
    assert [one["field"] for one in refused["errors"]] == ["lines.0.quantity", "lines.0.?", "?"]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_body_that_ends_early_or_never_comes_is_not_acted_upon(api, monkeypatch):
    assert api.worker.settings.body_limit == 1_000_000
    monkeypatch.setattr("bvinv.web.front.BODY_SECONDS", 0.05)
    before = books.snapshot(api.database)

    async def slow() -> Answer:
        said = {"content_type": "application/json", "x_api_key": api.keys["service"]}
        kept: list[object] = []

        async def receive() -> object:
            return await asyncio.sleep(30)

        async def send(message: object) -> None:
            kept.append(message)

        await api.app(api._scope("POST", "/stock/reserve", None, said), receive, send)
        return await _exchange(_Replayed(kept), {}, b"")

    late = sound(api.run(slow()))
    late.refused(408, "request-timeout")
    assert late.headers["connection"] == "close"
    assert books.snapshot(api.database) == before


# --- How answers leave ----------------------------------------------------------------------------


def test_a_head_is_that_of_the_answer_without_its_body(api):
    for path in ("/stock/HX-1", "/products?limit=2", "/healthz", "/docs", "/nope", "/openapi.json"):
        for asked in ({}, {"accept_encoding": "gzip"}):
            whole, head = api.get(path, **asked), api.send("HEAD", path, **asked)
            assert (head.status, head.body) == (whole.status, b"")
            names = whole.headers.keys() - {"x-request-id"}
            assert [head.headers[one] for one in names] == [whole.headers[one] for one in names]


def test_the_server_still_knows_that_a_head_was_asked(api):
    """uvicorn looks at the scope when the answer is sent: a GET would owe it a body."""
    for path in ("/products?limit=2", "/events", "/stock/HX-1"):
        scope = api._scope("HEAD", path, "service", {})
        api.run(_exchange(api.app, scope, b""))
        assert scope["method"] == "HEAD"


def test_other_methods_are_told_which_there_are(api):
    for method, path, allowed in (
        ("OPTIONS", "/stock/HX-1", "GET, HEAD"),
        ("TRACE", "/healthz", "GET, HEAD"),
        ("POST", "/events", "GET, HEAD"),
        ("BREW", "/docs", "GET, HEAD"),
        ("DELETE", "/stock/HX-1", "GET, HEAD"),
    ):
        refused = sound(api.send(method, path))
        refused.refused(405, "method-not-allowed")
        assert refused.headers["allow"] == allowed


def test_of_what_is_not_there_nobody_is_asked_for_a_key(api):
    for path in ("/nope", "/", "*", "/stock/HX-1/", f"/{MARK}", "/healthz/"):
        for method in ("GET", "POST", "OPTIONS", "HEAD"):
            refused = api.send(method, path, None)
            assert (refused.status, MARK.encode() in refused.body) == (404, False)
    assert sound(api.send("TRACE", "/stock/HX-1", None)).status == 405


def test_an_answer_that_is_known_is_not_sent_again(api):
    for path in ("/stock/HX-1", "/products/HX-1", "/products?limit=100"):
        for asked in ({}, {"accept_encoding": "gzip"}):
            first = api.get(path, **asked)
            again = api.get(path, **asked, if_none_match=f'"x", W/{first.headers["etag"]}')
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["vary"] == first.headers["vary"]
    api.post("/stock/reserve", WISH, "service")
    wait = 'W/"nothing"'
    assert api.get("/stock/HX-1", if_none_match=wait).status == 200


def test_a_change_is_answered_whatever_the_client_has_already(api):
    for status in (201, 200):
        answer = api.post("/stock/reserve", WISH, "service", if_none_match="*")
        assert (answer.status, answer.json["reservation_id"]) == (status, "R-1")


def test_a_bug_is_an_error_that_says_nothing(api, monkeypatch, caplog):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT OPEN-SESAME FROM /tmp/secret.py")

    monkeypatch.setattr("bvinv.core.stock.total", fail)
    monkeypatch.setattr("bvinv.core.events.checked", fail)

    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr("bvinv.web.hot.get", none)
    for path in ("/stock/HX-1", "/events"):
        answer = api.get(path, "service")
        answer.refused(500, "internal")
        assert MARK.encode() not in answer.body
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"] in caplog.text
        caplog.clear()
    assert api.get("/healthz").status == 200


# --- Limits ---------------------------------------------------------------------------------------


def test_who_asks_too_often_waits_and_the_others_do_not(stocked):
    api = Api(stocked, rate_limit="3/minute")
    try:
        assert [api.get("/stock/HX-1").status for _ in range(5)] == [200, 200, 200, 429, 429]
        refused = sound(api.get("/nope-not-a-path", "viewer"))
        assert refused.status == 404
        refused = sound(api.post("/stock/reserve", WISH, "viewer"))
        refused.refused(429, "rate-limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert api.get("/stock/HX-1", "service").status == 200
        for path in ("/healthz", "/readyz", "/metrics", "/docs"):
            assert [api.get(path, "viewer").status for _ in range(5)] == [200] * 5
    finally:
        api.close()


def test_guesses_are_counted_by_address_and_good_keys_are_none(stocked):
    api = Api(stocked, login_limit="3/minute", trusted_proxies="10.0.0.0/8")
    try:
        tries = [
            api.get("/stock/HX-1", None, x_api_key=f"guess-{n}", x_forwarded_for=f"1.2.3.{n}")
            for n in range(5)
        ]
        assert [one.status for one in tries] == [401, 401, 401, 429, 429]
        assert "retry-after" in sound(tries[-1]).headers
        assert api.get("/stock/HX-1").status == 200
        assert api.get("/stock/HX-1", None).status == 401  # shows nothing: no guess
    finally:
        api.close()


def test_behind_a_trusted_proxy_guesses_are_counted_by_the_address_that_it_says(stocked):
    api = Api(stocked, login_limit="2/minute", trusted_proxies="127.0.0.1")
    try:
        for client, wanted in (("1.2.3.4", [401, 401, 429]), ("5.6.7.8", [401, 401, 429])):
            forged = f"9.9.9.9, {client}"
            got = [
                api.get("/stock/HX-1", None, x_api_key="guess", x_forwarded_for=forged).status
                for _ in range(3)
            ]
            assert got == wanted
    finally:
        api.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"trusted_proxies": "10.0.0.0/8,proxy.example"},
        {"cors_origins": "shop.example"},
        {"cors_origins": "https://shop.example/"},
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_is_served(wrong):
    with pytest.raises(InvalidInput, match="BVINV_"):
        create_app(Task(db="nowhere.db"), Settings(**wrong))


# --- What is told to others -----------------------------------------------------------------------


def test_the_figures_say_which_path_was_asked_and_not_what(api):
    for path in (f"/{MARK}", f"/stock/{MARK}", f"/stock/HX-1?q={MARK}", f"/nope/{MARK}/{MARK}"):
        api.get(path)
        api.send("BREW", path)
    said = api.get("/metrics").body.decode()
    assert MARK not in said and "BREW" not in said
    routes = {one.split('"')[1] for one in said.split("route=")[1:]}
    assert routes == {"-", "/stock/{sku}"}


def test_a_webhook_that_points_back_at_the_server_ends_there(api):
    before = books.snapshot(api.database)
    wish = {"reservation_id": "LOOP", "sku": "HX-1", "quantity": 1}

    refused = api.post("/stock/reserve", wish, "service", webhook_signature="v1,AAAA")

    refused.refused(403, "not-permitted")
    assert books.snapshot(api.database) == before
