"""Prices over HTTP: asked for by one, decided by another."""

from tests.routes import doors as both

doors = both.doors


def told(row):
    """Return a request without its age, and without who asked."""
    return {name: one for name, one in row.items() if name not in ("age", "requested_by")}


def test_a_price_is_asked_for_listed_and_approved(doors):
    api, bvinv = doors.api, doors.bvinv
    said = api.post("/products/HX-1/price", {"price": "13.99"}, "manager")
    printed = bvinv("products price HX-1 --format json").json
    assert (said.status, said.json) == (200, printed)
    api.post("/books/HX-2/price", {"price": "5", "currency": "JPY"}, "manager")
    assert api.get("/products/HX-2").json["price"] == "5"  # a first price counts at once
    bvinv("products price HX-2 6")
    first, second = [row["id"] for row in api.get("/price-requests", "staff").json]
    for line, query in (("", ""), ("--state all --limit 1", "?state=all&limit=1")):
        rows = bvinv(f"products price-requests {line} --format json").json
        found = api.get(f"/price-requests{query}", "staff")
        assert [told(row) for row in found.json] == [told(row) for row in rows]
    link = found.headers["link"]
    assert link == f'</price-requests?state=all&limit=1&after={first}>; rel="next"'
    api.get("/price-requests", "service").refused(403, "not-permitted")

    own = api.post(f"/price-requests/{first}/approve", role="manager")
    assert own.refused(403, "not-permitted")["detail"].endswith("own: somebody else decides it")
    tried = api.post(f"/price-requests/{first}/approve?dry_run=true", role="admin")
    assert (tried.json["state"], tried.json["dry_run"]) == ("approved", True)
    done = api.post(f"/price-requests/{first}/approve", role="admin")
    assert (done.status, done.json["state"], done.json["decided_by"]) == (200, "approved", "ada")
    assert api.get("/products/HX-1").json["price"] == "13.99"
    again = api.post(f"/price-requests/{first}/approve", role="admin").refused(409, "conflict")
    problem = bvinv(f"products approve {first} --format json").problem
    assert again == problem
    reason = {"reason": "not before the fair"}
    done = api.post(f"/price-requests/{second}/reject", reason, "manager")
    assert (done.json["state"], done.json["reason"]) == ("rejected", "not before the fair")
    assert api.get("/price-requests", "staff").json == []


def test_both_doors_refuse_the_same_prices(doors):
    for line, path, body in (
        ("price HX-9 1", "/products/HX-9/price", {"price": "1"}),
        ("price HX-1 x", "/products/HX-1/price", {"price": "x"}),
        ("price HX-1 1.999", "/products/HX-1/price", {"price": "1.999"}),
        ("price HX-1 1 --currency XXX", "/products/HX-1/price", {"price": "1", "currency": "XXX"}),
        ("approve 99", "/price-requests/99/approve", None),
        ("reject 99 --reason no", "/price-requests/99/reject", {"reason": "no"}),
    ):
        doors.refuse(f"products {line}", path, body)
    api = doors.api
    for body in ({}, {"price": 1.5}, {"price": "1", "on": "x"}, None):
        api.post("/products/HX-1/price", body).refused(422, "invalid-input")
    for path in ("x", "0", "1.0", "-1", "9" * 19, "9" * 30):
        api.post(f"/price-requests/{path}/approve").refused(422, "invalid-input")
    api.post("/price-requests/1/reject", {"reason": ""}).refused(422, "invalid-input")
    api.get("/price-requests?state=new", "staff").refused(422, "invalid-input")
    api.post("/products/HX-1/price", {"price": "1"}, "staff").refused(403, "not-permitted")
    taken = api.post("/products/HX-1/price", {"price": None}, "manager").json["price_request"]
    assert (taken["price"], taken["currency"]) == (None, None)
