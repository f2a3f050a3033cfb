"""Transfers over HTTP."""

from tests.routes import doors as both

doors = both.doors

LINES = [{"sku": "HX-1", "quantity": 3}, {"sku": "HX-2", "quantity": 2}]


def test_a_transfer_goes_its_way_through_either_door(doors):
    line = "transfer create HX-1=3 HX-2=2 --from MAIN --to NORTH --note soon"
    body = {"from": "MAIN", "to": "NORTH", "lines": LINES, "note": "soon"}
    assert doors.change(line, "/transfers", body, 201)["transfer"] == "TR-1"
    assert (
        doors.change(f"{line} --ship", "/stock/transfer", body | {"ship": True}, 201)["status"]
        == "shipped"
    )
    assert doors.bvinv.level("HX-1", "MAIN")[0] == 7

    doors.change("transfer ship TR-1", "/transfers/TR-1/ship")
    doors.refuse("transfer ship TR-1", "/transfers/TR-1/ship")
    doors.refuse("transfer cancel 1", "/transfers/1/cancel")
    some = {"lines": [{"sku": "HX-1", "quantity": 1}], "bin": "SHELF"}
    doors.change("transfer receive TR-1 HX-1=1 --bin SHELF", "/transfers/TR-1/receive", some)
    many = {"lines": [{"sku": "HX-1", "quantity": 9}]}
    doors.refuse("transfer receive TR-1 HX-1=9", "/transfers/TR-1/receive", many)
    end = {"lost": [{"sku": "HX-1", "quantity": 1}], "rest": "returned"}
    doors.refuse("transfer close TR-1", "/transfers/TR-1/close", {})
    doors.change("transfer close TR-1 --lost HX-1=1 --rest returned", "/transfers/TR-1/close", end)
    assert doors.change("transfer receive TR-2", "/transfers/TR-2/receive")["status"] == "closed"
    assert doors.bvinv.level("HX-2", "NORTH")[0] == 8

    again = {"from": "NORTH", "to": "MAIN", "lines": LINES[1:]}
    doors.change("transfer create HX-2=2 --from NORTH --to MAIN", "/transfers", again, 201)
    doors.change("transfer cancel TR-3", "/transfers/TR-3/cancel")
    short = again | {"lines": [{"sku": "HX-2", "quantity": 99}], "ship": True}
    doors.refuse("transfer create HX-2=99 --from NORTH --to MAIN --ship", "/stock/transfer", short)

    doors.look("transfer show TR-1", "/transfers/TR-1")
    doors.look("transfer show TR-9", "/transfers/TR-9")
    doors.look("transfer show PO-1", "/transfers/PO-1")
    past = "2020-01-01T00:00:00Z"
    doors.look(f"transfer show TR-1 --as-of {past}", f"/transfers/TR-1?as_of={past}")
    assert len(doors.look("transfer list", "/transfers")) == 3
    assert doors.look("transfer list --open", "/transfers?open=true") == []
    doors.look("transfer list --status closed -w NORTH", "/transfers?status=closed&warehouse=NORTH")
    doors.look("transfer list --status odd", "/transfers?status=odd")


def test_a_list_of_transfers_has_pages(api):
    body = {"from": "MAIN", "to": "NORTH", "lines": LINES[:1]}
    for _ in range(3):
        assert api.post("/transfers", body, "staff").status == 201
    first = api.get("/transfers?limit=2", "staff")
    assert [row["transfer"] for row in first.json] == ["TR-3", "TR-2"]
    assert first.headers["link"] == '</transfers?limit=2&after=TR-2>; rel="next"'
    rest = api.get("/transfers?limit=2&after=TR-2", "staff")
    assert [row["transfer"] for row in rest.json] == ["TR-1"]
    assert "link" not in rest.headers
    assert api.get("/transfers?after=x", "staff").refused(422, "invalid-input")
    assert api.get("/transfers?limit=0", "staff").refused(422, "invalid-input")


def test_a_transfer_needs_staff_and_sense(api):
    body = {"from": "MAIN", "to": "NORTH", "lines": LINES}
    assert api.post("/transfers", body, "service").refused(403, "not-permitted")
    for wrong in (
        body | {"lines": []},
        body | {"to": "MAIN"},
        body | {"status": "closed"},
        {"to": "NORTH", "lines": LINES},
    ):
        assert api.post("/transfers", wrong).refused(422, "invalid-input")
    assert api.get("/transfers").refused(403, "not-permitted")
    assert api.get("/transfers", "staff").json == []


def test_what_nobody_would_read_is_refused(api):
    api.post("/transfers", {"from": "MAIN", "to": "NORTH", "lines": LINES})
    said = api.post("/transfers/TR-1/ship", {"lines": LINES[:1]})
    assert said.refused(422, "invalid-input")["detail"] == "this operation reads no body"
    assert api.get("/transfers?open=1", "staff").refused(422, "invalid-input")
    assert api.get("/transfers/TR-1", "staff").json["status"] == "draft"
    assert api.post("/transfers/TR-1/ship", {}).json["status"] == "shipped"
