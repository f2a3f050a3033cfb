"""Who may do what over HTTP: every operation of the document, in every role, and as nobody."""

import re
from typing import Any

import pytest

from bvinv.core import keys
from bvinv.core.access import ROLES
from tests import books
from tests.api import Answer, Api, api

__all__ = ["api"]

OPEN = {"/healthz", "/readyz", "/metrics"}
# The contract's own paths, by hand: who has at least this role may, nobody below. `/books` is
# `/products` in each of them.
CONTRACT = """
GET /products viewer
GET /products/{ref} viewer
GET /products/search viewer
GET /products/suggest viewer
GET /products/{ref}/availability viewer
GET /stock/{sku} viewer
POST /stock/availability viewer
POST /products admin
PUT /products/{ref} admin
PATCH /products/{ref} admin
DELETE /products/{ref} admin
POST /products/{ref}/reserve service
POST /stock/reserve service
POST /stock/release service
POST /stock/commit service
POST /stock/extend service
GET /reservations/{reservation_id} service
GET /products/feed service
GET /events service
POST /stock/adjust staff
POST /stock/receive staff
POST /stock/transfer staff
POST /stock/batch staff
GET /stock/{sku}/history staff
GET /warehouses staff
GET /warehouses/{code} staff
GET /warehouses/{code}/bins staff
GET /purchase-orders staff
GET /purchase-orders/{order} staff
GET /transfers staff
GET /reorder staff
GET /forecasts/{sku} staff
GET /transfers/{transfer} staff
POST /purchase-orders staff
POST /purchase-orders/{order}/place manager
POST /products/{ref}/price manager
POST /price-requests/{id}/approve manager
POST /categories admin
POST /warehouses admin
"""
# A shop's pages show these to everybody; the contract lets staff see them, and names nobody else.
SHOWN_TO_ALL = ("/categories", "/categories/{slug}")
# What would stream is asked for what makes no sense: the role is looked at before.
STREAMS = {"/events": "?after=x", "/products/feed": "?after=x", "/books/feed": "?after=x"}


def document(api: Api) -> dict[tuple[str, str], Any]:
    """Return the operations of the document by method and path."""
    paths = api.get("/openapi.json", None).json["paths"]
    return {
        (method.upper(), path): operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def asked(api: Api, method: str, path: str, operation: Any, role: str | None) -> Answer:
    """Ask for an operation with names that are nowhere, and a body that says nothing."""
    place = re.sub(r"{id}", "99", path)
    place = re.sub(r"{\w+}", "NOWHERE", place) + STREAMS.get(path, "")
    body = {} if "requestBody" in operation else None
    return api.send(method, place, role, json=body)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_who_may_gets_through_and_who_may_not_is_told_so_and_changes_nothing(api, stocked):
    books.act(stocked, lambda session: [keys.revoke(session, name="svc-2")])
    before = books.snapshot(stocked)
    for (method, path), operation in document(api).items():
        least = operation.get("x-role")
        assert (least is None) == (path in OPEN), path
        for role in (*ROLES, None, "other"):  # the key of the other service is revoked
            said = asked(api, method, path, operation, role)
            case = (method, path, role, said.status)
            if least is None:
                assert said.status == 200, case
            elif role not in ROLES:
                assert said.refused(401, "unauthenticated"), case
                assert said.headers["www-authenticate"].startswith("Bearer"), case
            elif ROLES.index(role) < ROLES.index(least):
                problem = said.refused(403, "not-permitted")
                assert (problem["role"], problem["needed"]) == (role, least), case
            else:
                assert said.status in (200, 404, 422, 428), case
    assert books.snapshot(stocked) == before


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_the_document_has_the_roles_of_the_contract(api):
    said = {key: operation.get("x-role") for key, operation in document(api).items()}
    for line in CONTRACT.split("\n")[1:-1]:
        method, path, role = line.split()
        assert said[method, path] == role, line
        if path.startswith("/products"):
            assert said[method, path.replace("/products", "/books", 1)] == role, line
    for path in SHOWN_TO_ALL:
        assert said["GET", path] == "viewer"
    for path in OPEN:
        assert said["GET", path] is None
        assert api.get(path, None).status == 200
    assert api.get("/docs", None).status == 200
