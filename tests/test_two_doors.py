"""Two doors, one answer: each operation that both have, tried at both, right and wrong.

Nothing is kept: changes are dry runs. What a change then does is compared in tests/routes.
"""

from typing import Any, NamedTuple

import pytest

from tests.api import Answer
from tests.commands.shell import bvinv, plain_environment, shop_template
from tests.routes.doors import Doors, doors, steady

__all__ = ["bvinv", "doors", "plain_environment", "shop_template"]

PREPARED = (
    "products category add poetry",
    "products category add haiku --parent poetry",
    "products update HX-2 --category poetry",
    "products price HX-1 14.50",
    "warehouse bin add MAIN C-01",
    "purchase supplier add QUAY --name Quay --currency GBP --lead-time-days 4",
    "purchase supplier terms QUAY HX-1 --cost 5.66",
    "purchase order create QUAY HX-1=5 --warehouse MAIN",
    "purchase order create QUAY HX-1=5 --warehouse MAIN --place",
    "receive --order PO-2 HX-1=1",
    "transfer create HX-1=1 --from MAIN --to NORTH",
    "transfer create HX-1=2 --from MAIN --to NORTH --ship",
    "reserve create SO-1 HX-2=3",
    "stock set HX-1 --warehouse MAIN --reorder-point 30",
)


class Case(NamedTuple):
    """An operation as both doors have it; `wrong` is what both refuse."""

    operation: str
    line: str
    path: str
    wrong: tuple[str, str] | None  # the same with what makes no sense, or is not there
    body: Any = None
    wrong_body: Any = None


ONE = {"sku": "HX-1", "quantity": 1}
ADJUST = {"warehouse": "MAIN", "reason": "found", "change": 1}
TRANSFER = {"from": "MAIN", "to": "NORTH", "lines": [ONE]}
ORDER = {"supplier": "QUAY", "warehouse": "MAIN", "lines": [ONE]}

READS = [
    Case("/products", "products list --category poetry", "/products?category=poetry",
         ("products list --sort no", "/products?sort=no")),
    Case("/products/search", "search hex --facets", "/products/search?q=hex&facets=true",
         ("search hex --min-price x", "/products/search?q=hex&min_price=x")),
    Case("/products/suggest", "search --suggest boo", "/products/suggest?q=boo", None),
    Case("/products/{ref}", "products show HX-1", "/products/9780141439518?html=true",
         ("products show NO", "/products/NO")),
    Case("/categories", "products category list", "/categories", None),
    Case("/categories/{slug}", "products category show poetry", "/categories/poetry",
         ("products category show no", "/categories/no")),
    Case("/price-requests", "products price-requests", "/price-requests", None),
    Case("/stock", "stock list --warehouse NORTH", "/stock?warehouse=NORTH",
         ("stock list --warehouse NO", "/stock?warehouse=NO")),
    Case("/stock/{sku}/history", "stock history HX-1", "/stock/HX-1/history",
         ("stock history NO", "/stock/NO/history")),
    Case("/stock/{sku}/why", "stock why HX-1 -w MAIN", "/stock/HX-1/why?warehouse=MAIN",
         ("stock why NO -w MAIN", "/stock/NO/why?warehouse=MAIN")),
    Case("/stock/{sku}/lots", "stock lots HX-1", "/stock/HX-1/lots",
         ("stock lots NO", "/stock/NO/lots")),
    Case("/reservations", "reserve list", "/reservations",
         ("reserve list --status odd", "/reservations?status=odd")),
    Case("/reservations/{reservation_id}", "reserve show SO-1", "/reservations/SO-1",
         ("reserve show NO", "/reservations/NO")),
    Case("/warehouses", "warehouse list", "/warehouses", None),
    Case("/warehouses/{code}", "warehouse show MAIN", "/warehouses/MAIN",
         ("warehouse show NO", "/warehouses/NO")),
    Case("/warehouses/{code}/bins", "warehouse bins MAIN", "/warehouses/MAIN/bins",
         ("warehouse bins NO", "/warehouses/NO/bins")),
    Case("/warehouses/{code}/bins/{bin}", "warehouse bin show MAIN C-01",
         "/warehouses/MAIN/bins/C-01", ("warehouse bin show MAIN NO", "/warehouses/MAIN/bins/NO")),
    Case("/transfers", "transfer list", "/transfers",
         ("transfer list --status odd", "/transfers?status=odd")),
    Case("/transfers/{transfer}", "transfer show TR-2", "/transfers/TR-2",
         ("transfer show TR-9", "/transfers/TR-9")),
    Case("/purchase-orders", "purchase order list", "/purchase-orders",
         ("purchase order list --supplier NO", "/purchase-orders?supplier=NO")),
    Case("/purchase-orders/{order}", "purchase order show PO-2", "/purchase-orders/PO-2",
         ("purchase order show PO-9", "/purchase-orders/PO-9")),
    Case("/reorder", "forecast reorder --warehouse MAIN", "/reorder?warehouse=MAIN",
         ("forecast reorder --supplier NO", "/reorder?supplier=NO")),
    Case("/receipts", "purchase receipt list", "/receipts",
         ("purchase receipt list --order PO-9", "/receipts?order=PO-9")),
    Case("/receipts/{receipt}", "purchase receipt show RC-1", "/receipts/RC-1",
         ("purchase receipt show RC-9", "/receipts/RC-9")),
    Case("/suppliers", "purchase supplier list", "/suppliers", None),
    Case("/suppliers/{supplier}", "purchase supplier show QUAY", "/suppliers/QUAY",
         ("purchase supplier show NO", "/suppliers/NO")),
]  # fmt: skip
CHANGES = [
    Case("POST /products", "products add N-1 --title N", "/products",
         ("products add HX-1 --title N", "/products"),
         {"sku": "N-1", "title": "N"}, {"sku": "HX-1", "title": "N"}),
    Case("PATCH /products/{ref}", "products update HX-1 --rating 4", "/products/HX-1",
         ("products update NO --rating 4", "/products/NO"), {"rating": 4.0}, {"rating": 4.0}),
    Case("DELETE /products/{ref}", "products delete HX-3", "/products/HX-3",
         ("products delete NO", "/products/NO")),
    Case("POST /products/{ref}/price", "products price HX-1 15", "/products/HX-1/price",
         ("products price NO 15", "/products/NO/price"), {"price": "15"}, {"price": "15"}),
    Case("POST /price-requests/{id}/approve", "products approve 1", "/price-requests/1/approve",
         ("products approve 9", "/price-requests/9/approve")),
    Case("POST /price-requests/{id}/reject", "products reject 1 --reason no",
         "/price-requests/1/reject", ("products reject 9 --reason no", "/price-requests/9/reject"),
         {"reason": "no"}, {"reason": "no"}),
    Case("POST /categories", "products category add prose", "/categories",
         ("products category add poetry", "/categories"), {"slug": "prose"}, {"slug": "poetry"}),
    Case("PATCH /categories/{slug}", "products category rename haiku Haikus", "/categories/haiku",
         ("products category rename no No", "/categories/no"), {"name": "Haikus"}, {"name": "No"}),
    Case("POST /categories/{slug}/move", "products category move haiku --top",
         "/categories/haiku/move",
         ("products category move poetry --parent haiku", "/categories/poetry/move"),
         {"parent": None}, {"parent": "haiku"}),
    Case("DELETE /categories/{slug}", "products category delete haiku", "/categories/haiku",
         ("products category delete poetry", "/categories/poetry")),
    Case("POST /warehouses", "warehouse add EAST --name East", "/warehouses",
         ("warehouse add MAIN --name East", "/warehouses"),
         {"code": "EAST", "name": "East"}, {"code": "MAIN", "name": "East"}),
    Case("POST /warehouses/{code}/bins", "warehouse bin add MAIN C-02", "/warehouses/MAIN/bins",
         ("warehouse bin add MAIN C-01", "/warehouses/MAIN/bins"),
         {"code": "C-02"}, {"code": "C-01"}),
    Case("POST /stock/adjust", "stock adjust HX-1 -w MAIN --reason found --change 1",
         "/stock/adjust", ("stock adjust NO -w MAIN --reason found --change 1", "/stock/adjust"),
         ADJUST | {"sku": "HX-1"}, ADJUST | {"sku": "NO"}),
    Case("POST /stock/receive", "receive HX-1 --qty 1 -w MAIN", "/stock/receive",
         ("receive HX-1 --qty 1 -w NO", "/stock/receive"),
         ONE | {"warehouse": "MAIN"}, ONE | {"warehouse": "NO"}),
    Case("POST /stock/put-away", "stock put-away HX-1 -w MAIN --qty 1 --from SHELF --to C-01",
         "/stock/put-away",
         ("stock put-away HX-1 -w MAIN --qty 99 --from SHELF --to C-01", "/stock/put-away"),
         ONE | {"warehouse": "MAIN", "from": "SHELF", "to": "C-01"},
         {"sku": "HX-1", "quantity": 99, "warehouse": "MAIN", "from": "SHELF", "to": "C-01"}),
    Case("POST /stock/reserve", "reserve create SO-2 HX-1=1", "/stock/reserve",
         ("reserve create SO-1 HX-1=1", "/stock/reserve"),
         ONE | {"reservation_id": "SO-2"}, ONE | {"reservation_id": "SO-1"}),
    Case("POST /products/{ref}/reserve", "reserve create SO-2 HX-1=1", "/products/HX-1/reserve",
         ("reserve create SO-2 HX-1=99", "/products/HX-1/reserve"),
         {"reservation_id": "SO-2", "quantity": 1}, {"reservation_id": "SO-2", "quantity": 99}),
    Case("POST /stock/release", "reserve release SO-1", "/stock/release",
         ("reserve release NO", "/stock/release"),
         {"reservation_id": "SO-1"}, {"reservation_id": "NO"}),
    Case("POST /stock/commit", "reserve commit SO-1 HX-2=1", "/stock/commit",
         ("reserve commit SO-1 HX-2=9", "/stock/commit"),
         {"reservation_id": "SO-1", "sku": "HX-2", "quantity": 1},
         {"reservation_id": "SO-1", "lines": [{"sku": "HX-2", "quantity": 9}]}),
    Case("POST /stock/extend", "reserve extend SO-1 --ttl 1h", "/stock/extend",
         ("reserve extend NO --ttl 1h", "/stock/extend"),
         {"reservation_id": "SO-1", "ttl_seconds": 3600},
         {"reservation_id": "NO", "ttl_seconds": 3600}),
    *(Case(f"POST {path}", "transfer create HX-1=1 --from MAIN --to NORTH", path,
           ("transfer create HX-1=1 --from MAIN --to NO", path), TRANSFER, TRANSFER | {"to": "NO"})
      for path in ("/transfers", "/stock/transfer")),
    Case("POST /transfers/{transfer}/ship", "transfer ship TR-1", "/transfers/TR-1/ship",
         ("transfer ship TR-2", "/transfers/TR-2/ship")),
    Case("POST /transfers/{transfer}/receive", "transfer receive TR-2", "/transfers/TR-2/receive",
         ("transfer receive TR-1", "/transfers/TR-1/receive")),
    Case("POST /transfers/{transfer}/close", "transfer close TR-2 --rest lost",
         "/transfers/TR-2/close", ("transfer close TR-1 --rest lost", "/transfers/TR-1/close"),
         {"rest": "lost"}, {"rest": "lost"}),
    Case("POST /transfers/{transfer}/cancel", "transfer cancel TR-1", "/transfers/TR-1/cancel",
         ("transfer cancel TR-2", "/transfers/TR-2/cancel")),
    Case("POST /purchase-orders", "purchase order create QUAY HX-1=1 -w MAIN", "/purchase-orders",
         ("purchase order create NO HX-1=1 -w MAIN", "/purchase-orders"),
         ORDER, ORDER | {"supplier": "NO"}),
    Case("POST /purchase-orders/{order}/place", "purchase order place PO-1",
         "/purchase-orders/PO-1/place",
         ("purchase order place PO-2", "/purchase-orders/PO-2/place")),
    Case("POST /purchase-orders/{order}/cancel", "purchase order cancel PO-1",
         "/purchase-orders/PO-1/cancel",
         ("purchase order cancel PO-9", "/purchase-orders/PO-9/cancel")),
    Case("POST /purchase-orders/{order}/receive", "receive --order PO-2 --all",
         "/purchase-orders/PO-2/receive",
         ("receive --order PO-1 --all", "/purchase-orders/PO-1/receive"),
         {"all": True}, {"all": True}),
]  # fmt: skip
# What one door alone has, or says in its own form; the last are compared in tests/routes.
OTHERWISE = {
    "POST /stock/batch",
    "PUT /products/{ref}",
    "GET /stock/{sku}",
    "GET /products/{ref}/availability",
    "POST /stock/availability",
    "GET /forecasts/{sku}",
    "GET /products/feed",
    "GET /events",
    *("GET /healthz", "GET /readyz", "GET /metrics"),
}


@pytest.fixture
def prepared(doors: Doors) -> Doors:
    """Return both doors of a shop in which everything is under way."""
    for line in PREPARED:
        assert doors.bvinv(line).exit_code == 0, line
    return doors


def sent(doors: Doors, case: Case, path: str, body: Any) -> Answer:
    method = case.operation.split()[0]
    more = {"if_match": "*"} if method in ("PATCH", "DELETE") else {}
    return doors.api.send(method, path, "admin", json=body, **more)


def test_both_doors_show_the_same_and_refuse_to_in_the_same_words(prepared):
    for case in READS:
        prepared.look(case.line, case.path)
        if case.wrong:
            line, path = case.wrong
            assert prepared.look(line, path)["status"] >= 400, line


def test_both_doors_would_change_the_same_and_refuse_to_in_the_same_words(prepared):
    before = prepared.bvinv.dump()
    for case in CHANGES:
        printed = prepared.bvinv(f"{case.line} --dry-run --actor ada --format json").json
        if isinstance(printed, list):  # one of what the command takes many of
            [printed] = printed
        said = sent(prepared, case, f"{case.path}?dry_run=true", case.body)
        assert said.status == 200, (case, said)
        assert steady(said.json) == steady(printed), case
        assert case.wrong, case
        line, path = case.wrong
        problem = prepared.bvinv(f"{line} --format json").problem
        assert sent(prepared, case, path, case.wrong_body).json == problem, case
    assert prepared.bvinv.dump() == before


def test_no_operation_is_left_out(doors):
    document = doors.api.get("/openapi.json", None).json
    there = {
        f"{method.upper()} {path}".replace(" /books", " /products")
        for path, methods in document["paths"].items()
        for method in methods
    }
    compared = {f"GET {case.operation}" for case in READS} | {one.operation for one in CHANGES}
    assert there == compared | OTHERWISE
    assert not compared & OTHERWISE
