"""Warehouses and bins: what they may be called, and what lies in them."""

import pytest

from bvinv.core import bins, warehouses
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from tests.books import act, add_bin, ask, events, put_away, receive, snapshot


def add(database, code, name="A house", priority=100):
    return act(database, lambda s: warehouses.add(s, name_code=code, name=name, priority=priority))


def bins_of(database, code):
    rows = ask(database, lambda s: bins.bins(s, warehouse=code))
    return [(row.bin, row.kind, row.skus, row.quantity) for row in rows]


def test_a_warehouse_is_born_with_a_dock_and_a_shelf(database):
    row = add(database, " west ", "West End", 3)

    assert (row.code, row.name, row.priority) == ("WEST", "West End", 3)
    assert (row.bins, row.skus, row.on_hand) == (2, 0, 0)
    assert bins_of(database, "west") == [("DOCK", "dock", 0, 0), ("SHELF", "storage", 0, 0)]
    assert events(database) == [("warehouse.created", "WEST")]


def test_warehouses_are_listed_in_the_order_in_which_they_are_asked(database):
    for code, priority in (("C", 2), ("B", 1), ("A", 2)):
        add(database, code, priority=priority)

    assert [row.code for row in ask(database, warehouses.warehouses)] == ["B", "A", "C"]


def test_a_warehouse_knows_what_stands_in_it(stocked):
    rows = ask(stocked, warehouses.warehouses)

    assert [(row.code, row.bins, row.skus, row.on_hand) for row in rows] == [
        ("MAIN", 2, 2, 14),
        ("NORTH", 2, 1, 6),
    ]
    assert ask(stocked, lambda s: warehouses.show(s, name="north")) == rows[1]


def test_a_code_that_is_taken_is_refused_whatever_its_case(stocked):
    before = snapshot(stocked)

    with pytest.raises(Conflict, match="there is a warehouse MAIN already"):
        add(stocked, "main")

    assert snapshot(stocked) == before


@pytest.mark.parametrize("code", ["", "A=B", "A,B", "A  B", "A\nB", "x" * 33, "\ud800"])
def test_a_code_that_cannot_be_typed_is_refused(stocked, code):
    before = snapshot(stocked)

    with pytest.raises(InvalidInput, match="the warehouse"):
        add(stocked, code)

    assert snapshot(stocked) == before


@pytest.mark.parametrize(("name", "priority"), [("", 1), ("Name", -1), ("Name", 10_001)])
def test_a_name_and_a_priority_have_to_make_sense(stocked, name, priority):
    with pytest.raises(InvalidInput):
        add(stocked, "WEST", name, priority)


def test_what_is_not_there_is_not_found(stocked):
    for question in (
        lambda s: warehouses.show(s, name="east"),
        lambda s: warehouses.site(s, "east"),
        lambda s: bins.bins(s, warehouse="east"),
    ):
        with pytest.raises(NotFound, match="there is no warehouse EAST") as refused:
            ask(stocked, question)
        assert refused.value.hint == "see: bvinv warehouse list"


def test_a_bin_is_added_with_its_kind(stocked):
    add_bin(stocked, "main", "q-1", "quarantine")
    receive(stocked, "HX-1", 2, "MAIN", bin="Q-1")

    assert bins_of(stocked, "MAIN") == [
        ("DOCK", "dock", 0, 0),
        ("Q-1", "quarantine", 1, 2),
        ("SHELF", "storage", 2, 14),
    ]
    assert events(stocked)[-2] == ("warehouse.bin-created", "MAIN")


def test_an_emptied_bin_counts_no_sku(stocked):
    add_bin(stocked, "MAIN", "A-1")
    put_away(stocked, "HX-1", 3, "MAIN", "A-1", origin="SHELF")
    put_away(stocked, "HX-1", 3, "MAIN", "SHELF", origin="A-1")

    assert bins_of(stocked, "MAIN")[0] == ("A-1", "storage", 0, 0)


def test_two_warehouses_may_have_bins_of_one_name(stocked):
    add_bin(stocked, "MAIN", "A-1")
    add_bin(stocked, "NORTH", "A-1")
    before = snapshot(stocked)

    with pytest.raises(Conflict, match="there is a bin A-1 in MAIN already"):
        add_bin(stocked, "MAIN", "a-1")

    assert snapshot(stocked) == before


@pytest.mark.parametrize("name", ["supplier", "Customer", "ADJUSTMENT", "transit"])
def test_a_bin_has_not_the_name_of_a_virtual_end(stocked, name):
    with pytest.raises(InvalidInput, match="is where goods come from or go to, not a bin"):
        add_bin(stocked, "MAIN", name)


def test_a_bin_has_a_known_kind(stocked):
    with pytest.raises(InvalidInput, match=r"a bin is one of storage, dock, .*, not 'roof'"):
        add_bin(stocked, "MAIN", "A-1", "roof")


def test_a_bin_of_another_warehouse_is_not_found_here(stocked):
    add_bin(stocked, "NORTH", "A-1")

    with pytest.raises(NotFound, match="A-1 is a bin of NORTH, not of MAIN") as refused:
        receive(stocked, "HX-1", 1, "MAIN", bin="A-1")

    assert refused.value.hint == "see: bvinv warehouse bins MAIN"
