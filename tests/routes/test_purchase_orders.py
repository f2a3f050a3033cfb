"""Purchase orders, receipts and suppliers over HTTP."""

import pytest

from tests.routes import doors as both

doors = both.doors

LINES = [{"sku": "HX-1", "quantity": 10}, {"sku": "HX-2", "quantity": 4}]
ORDER = {"supplier": "QUAY", "warehouse": "MAIN", "lines": LINES}


@pytest.fixture
def quay(doors):
    """Return both doors of a shop that has a supplier."""
    doors.bvinv("purchase supplier add QUAY --name Quay --currency GBP --lead-time-days 4")
    doors.bvinv("purchase supplier terms QUAY HX-1 --cost 5.66 --pack-size 5")
    return doors


def test_an_order_goes_its_way_through_either_door(quay):
    line = "purchase order create QUAY HX-1=10 HX-2=4 --warehouse MAIN"
    more = {"expected_on": "2030-04-02", "note": "first"}
    assert (
        quay.change(
            f"{line} --expected-on 2030-04-02 --note first", "/purchase-orders", ORDER | more, 201
        )["order"]
        == "PO-1"
    )
    quay.change(
        f"{line} --place --over-receipt 50",
        "/purchase-orders",
        ORDER | {"place": True, "over_receipt": 50},
        201,
    )
    odd = ORDER | {"lines": [{"sku": "HX-1", "quantity": 7}]}
    quay.refuse("purchase order create QUAY HX-1=7 --warehouse MAIN", "/purchase-orders", odd)
    quay.change(
        "purchase order create QUAY HX-1=7 --warehouse MAIN --exact",
        "/purchase-orders",
        odd | {"exact": True},
        201,
    )
    quay.change("purchase order cancel PO-3", "/purchase-orders/PO-3/cancel")
    quay.change("purchase order place PO-1", "/purchase-orders/PO-1/place")
    quay.refuse("purchase order place PO-1", "/purchase-orders/PO-1/place")

    some = {"lines": [{"sku": "HX-1", "quantity": 6}], "document": "DN-1"}
    line = "receive --order PO-1 HX-1=6 --document DN-1"
    quay.change(line, "/purchase-orders/PO-1/receive", some)
    quay.refuse(line, "/stock/receive", some | {"order": "PO-1"})
    much = {"lines": [{"sku": "HX-1", "quantity": 60}]}
    quay.refuse("receive --order PO-1 HX-1=60", "/purchase-orders/PO-1/receive", much)
    rest = {"order": "PO-1", "all": True}
    assert quay.change("receive --order PO-1 --all", "/stock/receive", rest)["missing"] == []
    assert quay.bvinv.level("HX-1", "MAIN")[0] == 20

    quay.look("purchase order show PO-1", "/purchase-orders/PO-1")
    quay.look("purchase order show PO-9", "/purchase-orders/PO-9")
    past = "2020-01-01T00:00:00Z"
    quay.look(f"purchase order show 1 --as-of {past}", f"/purchase-orders/1?as_of={past}")
    assert len(quay.look("purchase order list", "/purchase-orders")) == 3
    assert len(quay.look("purchase order list --open", "/purchase-orders?open=true")) == 1
    quay.look(
        "purchase order list --supplier QUAY --warehouse MAIN --status received",
        "/purchase-orders?supplier=QUAY&warehouse=MAIN&status=received",
    )
    quay.look("purchase receipt list --order PO-1", "/receipts?order=PO-1")
    quay.look("purchase receipt show RC-1", "/receipts/RC-1")
    quay.look("purchase receipt show RC-9", "/receipts/RC-9")
    quay.look("purchase supplier list", "/suppliers")
    quay.look("purchase supplier show quay", "/suppliers/quay")
    quay.look("purchase supplier show NO", "/suppliers/NO")


def test_who_orders_may_not_place(quay):
    api = quay.api
    assert api.post("/purchase-orders", ORDER, "service").refused(403, "not-permitted")
    assert api.post("/purchase-orders", ORDER, "staff").status == 201
    placed = api.post("/purchase-orders", ORDER | {"place": True}, "staff")
    assert placed.refused(403, "not-permitted")["needed"] == "manager"
    assert api.post("/purchase-orders/PO-1/place", None, "staff").refused(403, "not-permitted")
    assert api.post("/purchase-orders/PO-1/place", {}, "manager").json["status"] == "placed"
    assert len(api.get("/purchase-orders", "staff").json) == 1


def test_an_order_says_what_it_means(quay):
    api = quay.api
    for wrong in (
        ORDER | {"over_receipt": 5},
        ORDER | {"place": True, "over_receipt": 100_000},
        ORDER | {"expected_on": "2030-02-31"},
        ORDER | {"lines": [{"sku": "HX-1", "quantity": 0}]},
        ORDER | {"total": "0.01"},
    ):
        assert api.post("/purchase-orders", wrong).refused(422, "invalid-input"), wrong
    api.post("/purchase-orders", ORDER | {"place": True})
    for wrong in ({}, {"all": True, "lines": LINES}, {"all": False}):
        assert api.post("/purchase-orders/PO-1/receive", wrong).refused(422, "invalid-input")
    both_ways = {"order": "PO-1", "all": True, "sku": "HX-1", "quantity": 1, "warehouse": "MAIN"}
    assert api.post("/stock/receive", both_ways).refused(422, "invalid-input")
    assert api.get("/receipts?order=PO-1", "staff").json == []
