"""Warehouses and bins over HTTP."""

from tests.routes import doors as both

doors = both.doors


def test_both_doors_show_the_same_places(doors):
    doors.look("warehouse list", "/warehouses")
    doors.look("warehouse show main", "/warehouses/main")
    doors.look("warehouse show NOWHERE", "/warehouses/NOWHERE")
    doors.look("warehouse bins MAIN", "/warehouses/MAIN/bins")
    doors.look("warehouse bins MAIN --kind storage", "/warehouses/MAIN/bins?kind=storage")
    doors.look("warehouse bins MAIN --kind box", "/warehouses/MAIN/bins?kind=box")
    doors.look("warehouse bin show MAIN SHELF", "/warehouses/MAIN/bins/SHELF")
    doors.look("warehouse bin show MAIN NO", "/warehouses/MAIN/bins/NO")
    at = "2020-01-01T00:00:00Z"
    [dock, *_] = doors.look(
        f"warehouse bins MAIN --as-of {at}", f"/warehouses/MAIN/bins?as_of={at}"
    )
    assert (dock["bin"], dock["quantity"]) == ("DOCK", 0)


def test_both_doors_add_places_alike(doors):
    line = "warehouse add east --name 'East side' --priority 7"
    body = {"code": "east", "name": "East side", "priority": 7}
    assert doors.change(line, "/warehouses", body, 201)["code"] == "EAST"
    doors.refuse(line, "/warehouses", body)
    line = "warehouse bin add EAST C-01 --kind staging --pick-sequence 3 --capacity 40"
    body = {"code": "C-01", "kind": "staging", "pick_sequence": 3, "capacity": 40}
    doors.change(line, "/warehouses/EAST/bins", body, 201)
    doors.refuse(line, "/warehouses/EAST/bins", body)
    doors.refuse("warehouse bin add NO C-01", "/warehouses/NO/bins", {"code": "C-01"})
    doors.refuse("warehouse bin add EAST supplier", "/warehouses/EAST/bins", {"code": "supplier"})


def test_places_are_added_by_those_who_may(api):
    new = {"code": "EAST", "name": "East"}
    assert (
        api.post("/warehouses", new, "manager").refused(403, "not-permitted")["needed"] == "admin"
    )
    assert api.get("/warehouses/MAIN", "service").status == 403
    assert api.post("/warehouses/MAIN/bins", {"code": "B"}, "staff").status == 403
    assert api.post("/warehouses/MAIN/bins", {"code": "B"}, "manager").status == 201
    wrong = {"code": "C", "kind": "box"}
    assert api.post("/warehouses/MAIN/bins", wrong).refused(422, "invalid-input")
    assert api.post("/warehouses", new | {"id": 7}).refused(422, "invalid-input")
    assert [row["code"] for row in api.get("/warehouses", "staff").json] == ["MAIN", "NORTH"]
