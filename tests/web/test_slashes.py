"""Names with a slash in them: %2F in a path parts nothing."""

import pytest

from tests.web.sound import WISH

NEW = {"sku": "A/B 1", "title": "Both sides", "category": None}


def test_a_product_with_a_slash_is_where_its_location_says(api):
    made = api.post("/products", NEW)
    assert made.headers["location"] == "/products/A%2FB%201"
    shown = api.get(made.headers["location"])
    assert (shown.status, shown.json["sku"]) == (200, "A/B 1")
    assert api.get("/books/a%2fb%201?html=false").json["sku"] == "A/B 1"
    assert api.get("/products/A/B 1").refused(404, "not-found")
    for path in ("/stock/A%2FB 1", "/stock/A%2FB 1?as_of=2025-01-01T00:00:00Z"):
        assert (api.get(path).status, api.get(path).json["sku"]) == (200, "A/B 1"), path

    for change in (1, 1):
        body = {"sku": "A/B 1", "warehouse": "MAIN", "reason": "found", "change": change}
        assert api.post("/stock/adjust", body).status == 200
    page = api.get("/stock/A%2FB 1/history?limit=1", "staff")
    assert page.headers["link"].startswith("</stock/A%2FB%201/history?limit=1&after=")
    rest = api.get(page.headers["link"].partition(">")[0][1:], "staff")
    assert [row["sku"] for row in page.json + rest.json] == ["A/B 1", "A/B 1"]
    changed = api.patch("/products/A%2FB 1", {"rating": 4.0}, if_match="*")
    assert (changed.status, changed.json["rating"]) == (200, 4.0)
    wish = {"reservation_id": "WEB/1", "quantity": 1}
    assert api.post("/books/A%2FB 1/reserve", wish, "service").status == 201
    assert api.get("/reservations/WEB%2F1", "service").json["lines"][0]["sku"] == "A/B 1"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_slash_in_a_name_leads_to_no_other_operation(api):
    for path in ("/stock%2FHX-1", "/products%2ffeed", "%2Fhealthz", "/stock/HX-1%2Fhistory"):
        assert api.get(path, "viewer").refused(404, "not-found"), path
    assert api.get("/products/%252F").refused(404, "not-found")["detail"].endswith("'%2F'")
    assert api.post("/stock%2Freserve", WISH, "service").refused(404, "not-found")
