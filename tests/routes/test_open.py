"""What anybody may ask."""

import base64
import hashlib
import re

import pytest

from bvinv.core import gauges
from tests import books


def test_nobody_needs_a_key_to_see_whether_the_server_is_well(api):
    assert api.get("/healthz", None).json == {"status": "ok"}
    assert api.get("/readyz", None).json == {"status": "ready"}
    for path in ("/healthz", "/readyz", "/metrics"):
        assert api.get(path, None).headers["cache-control"] == "no-store"
    assert api.get("/healthz", None, x_api_key="nobody's").status == 200


def test_the_figures_are_the_ones_of_the_database(api):
    books.reserve(api.database, "R", "HX-1=1")
    said = api.get("/metrics", None)
    assert said.headers["content-type"].startswith("text/plain")
    text = said.body.decode()
    assert 'bvinv_products{status="active",stock="in"} 2.0' in text or "bvinv_products{" in text
    assert 'bvinv_reservations{status="held"} 1.0' in text


def test_the_database_is_counted_once_however_many_ask(api, monkeypatch):
    counted = []
    read = gauges.read
    monkeypatch.setattr(
        "bvinv.core.gauges.read", lambda session: counted.append(1) or read(session)
    )
    answers = [api.later("GET", "/metrics", None) for _ in range(20)]
    assert {one.result(30).status for one in answers} == {200}
    assert len(counted) <= 3


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_the_page_of_the_documentation_works_under_its_own_policy(api):
    page = api.get("/docs", None)
    policy = page.headers["content-security-policy"]
    rules = {one.split()[0]: one.split()[1:] for one in policy.split(";")}
    text = page.body.decode()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert rules["default-src"] == ["'none'"] == rules["frame-ancestors"]
    assert "'unsafe-inline'" not in rules["script-src"]
    for inline in re.findall(r"<script>(.*?)</script>", text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules["script-src"]
    for rule, pattern in (
        ("script-src", r'<script src="(https://[^/"]+)'),
        ("style-src", r'rel="stylesheet" href="(https://[^/"]+)'),
        ("img-src", r'rel="shortcut icon" href="(https://[^/"]+)'),
    ):
        found = re.findall(pattern, text)
        assert found and set(found) <= set(rules[rule])
    assert "/openapi.json" in text and rules["connect-src"] == ["'self'"]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_the_document_is_made_once_and_knows_every_path(api):
    first, again = (api.later("GET", "/openapi.json", None) for _ in range(2))
    document = first.result(60).json
    assert again.result(60).json == document
    assert document["openapi"].startswith("3.1")
    paths = {one.path for group in api.app.paths._by_part.values() for one in group}
    assert paths - document["paths"].keys() == {"/docs", "/openapi.json"}
    tag = api.get("/openapi.json", None).headers["etag"]
    assert api.get("/openapi.json", None, if_none_match=tag).status == 304
    for operations in document["paths"].values():
        for operation in operations.values():
            assert ("security" in operation) == ("x-role" in operation)
            assert all(
                code[0] == "2" or "$ref" in said for code, said in operation["responses"].items()
            )
