"""What to order, over HTTP."""

import pytest

from tests.routes import doors as both

doors = both.doors


@pytest.fixture
def quay(doors):
    """Return both doors of a shop that has to order."""
    doors.bvinv("purchase supplier add QUAY --name Quay --currency GBP --lead-time-days 4")
    doors.bvinv("purchase supplier terms QUAY HX-1 --cost 5.66 --pack-size 6")
    doors.bvinv("stock set HX-1 --warehouse MAIN --reorder-point 20")
    doors.bvinv("stock set HX-2 --warehouse MAIN --reorder-point 5")
    doors.bvinv("stock set HX-2 --warehouse NORTH --reorder-point 3")
    return doors


def test_both_doors_say_what_to_order(quay):
    rows = quay.look("forecast reorder", "/reorder")
    assert [(row["sku"], row["suggested_quantity"]) for row in rows] == [("HX-1", 12), ("HX-2", 2)]
    assert quay.look("forecast reorder --supplier QUAY", "/reorder?supplier=quay") == rows[:1]
    assert quay.look("forecast reorder --warehouse NORTH", "/reorder?warehouse=NORTH") == []
    moved = quay.look("forecast reorder --transfer-first", "/reorder?transfer_first=true")
    assert [row["transfer_from"] for row in moved] == [None, "NORTH"]
    quay.look("forecast reorder --supplier NO", "/reorder?supplier=NO")
    quay.look("forecast reorder --after x", "/reorder?after=x")


def test_pages_lead_to_the_next_one(quay):
    first = quay.api.get("/reorder?limit=1", "staff")
    assert [row["sku"] for row in first.json] == ["HX-1"]
    rest = quay.api.get("/reorder?after=1%3D99999999%3DMAIN%3D~%3Dhx-1", "staff")
    assert [row["sku"] for row in rest.json] == ["HX-2"]
    assert "after=1%3D99999999%3DMAIN" in first.headers["link"]


def test_it_is_for_staff(quay):
    assert quay.api.get("/reorder", "service").refused(403, "not-permitted")
    assert quay.api.get("/reorder", None).refused(401, "unauthenticated")
