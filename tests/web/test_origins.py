"""Pages of other origins. Source: Fetch Standard, 3.2 (CORS protocol)."""

import pytest

from tests.api import Api

SHOP = "https://shop.example"
pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


def test_without_the_setting_no_page_may_read_anything(api):
    answer = api.get("/stock/HX-1", origin=SHOP)
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = api.send(
        "OPTIONS", "/stock/HX-1", None, origin=SHOP, access_control_request_method="GET"
    )
    preflight.refused(405, "method-not-allowed")


def test_a_page_of_an_origin_that_is_named_may_ask_and_read(stocked):
    api = Api(stocked, cors_origins=f"{SHOP}, http://localhost:3000")
    try:
        said = {
            "origin": SHOP,
            "access_control_request_method": "POST",
            "access_control_request_headers": "x-api-key, content-type",
        }
        preflight = api.send("OPTIONS", "/stock/reserve", None, **said)
        assert (preflight.status, preflight.body) == (204, b"")
        assert preflight.headers["access-control-allow-origin"] == SHOP
        assert "POST" in preflight.headers["access-control-allow-methods"]
        for name in ("X-API-Key", "Authorization", "If-Match", "Idempotency-Key"):
            assert name in preflight.headers["access-control-allow-headers"]

        for path, role in (("/stock/HX-1", "viewer"), ("/nope", None), ("/stock/HX-1", None)):
            answer = api.get(path, role, origin=SHOP)
            assert answer.headers["access-control-allow-origin"] == SHOP
            assert "ETag" in answer.headers["access-control-expose-headers"]
            assert "Origin" in answer.headers["vary"]
            assert "access-control-allow-credentials" not in answer.headers
        with api.stream("/events", origin=SHOP) as stream:
            stream.read(b"retry")
            assert stream.headers["access-control-allow-origin"] == SHOP
    finally:
        api.close()


def test_a_page_of_another_origin_may_not(stocked):
    api = Api(stocked, cors_origins=SHOP)
    try:
        for origin in (f"{SHOP}.evil", "http://shop.example", "null", f"{SHOP}:8443", "", "*"):
            answer = api.get("/stock/HX-1", origin=origin)
            assert "access-control-allow-origin" not in answer.headers
            assert "Origin" in answer.headers["vary"]
            said = {"origin": origin, "access_control_request_method": "GET"}
            refused = api.send("OPTIONS", "/stock/HX-1", None, **said)
            refused.refused(403, "not-permitted")
            assert not origin or origin not in refused.body.decode() or origin == "*"
        assert "access-control-allow-origin" not in api.get("/stock/HX-1").headers
    finally:
        api.close()


def test_any_origin_is_any_and_still_brings_no_credentials(stocked):
    api = Api(stocked, cors_origins="*")
    try:
        answer = api.get("/stock/HX-1", origin="https://anybody.example")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    finally:
        api.close()
