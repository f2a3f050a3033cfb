"""Suppliers and their terms."""

import pytest

from bvinv.core import catalog
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.purchasing import supplier_terms, suppliers
from tests import books
from tests.books import act, ask, events, fetch, snapshot
from tests.purchasing_books import add_supplier, cancel, draft, order, terms


def change(database, code, **fields):
    return act(database, lambda s: suppliers.change(s, supplier=code, fields=fields))


def test_a_supplier_has_a_currency_and_a_lead_time(database):
    row = add_supplier(database, "harbour", minimum_order="75", email="o@h.example")

    assert row.record() | {"created_at": "", "updated_at": ""} == {
        "code": "HARBOUR",
        "name": "Harbour",
        "currency": "GBP",
        "lead_time_days": 3,
        "minimum_order": "75.00",
        "over_receipt_percent": 0,
        "email": "o@h.example",
        "products": 0,
        "created_at": "",
        "updated_at": "",
    }
    assert events(database) == [("supplier.created", "HARBOUR")]
    assert "o@h.example" not in fetch(database, "SELECT data FROM event")[0][0]


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"name": " "}, "a supplier needs a name"),
        ({"currency": "POUND"}, "'POUND' is not a currency"),
        (
            {"lead_time_days": "-1"},
            "the lead time in days must be a whole number from 0 to 3650, not '-1'",
        ),
        ({"minimum_order": "7,50"}, "'7,50' is not an amount of money in GBP"),
        (
            {"over_receipt_percent": "1001"},
            "the over-receipt percentage must be a whole number from 0 to 1000, not '1001'",
        ),
        ({"email": "nobody"}, "'nobody' is not an email address"),
    ],
)
def test_what_no_supplier_has_is_refused(database, fields, detail):
    before = snapshot(database)
    with pytest.raises(InvalidInput) as refused:
        add_supplier(database, **fields)
    assert refused.value.detail == detail
    assert snapshot(database) == before


def test_a_code_is_taken_once(database):
    add_supplier(database)
    before = snapshot(database)
    with pytest.raises(Conflict, match="there is a supplier HARBOUR already"):
        add_supplier(database, "Harbour")
    assert snapshot(database) == before


def test_a_supplier_changes_in_what_is_named(database):
    add_supplier(database, minimum_order="75")

    row = change(database, "harbour", lead_time_days="5", minimum_order="")

    assert (row.name, row.lead_time_days, row.minimum_order) == ("Harbour", 5, None)
    before = snapshot(database)
    assert change(database, "HARBOUR", lead_time_days="5") == row
    assert snapshot(database) == before


def test_a_currency_stays_once_there_are_costs_in_it(stocked):
    add_supplier(stocked)
    assert change(stocked, "HARBOUR", currency="EUR").currency == "EUR"
    terms(stocked, "HX-1", cost="5.66")
    before = snapshot(stocked)

    with pytest.raises(Conflict, match="HARBOUR has costs and orders in EUR"):
        change(stocked, "HARBOUR", currency="GBP")

    assert snapshot(stocked) == before


def test_a_minimum_order_does_not_change_its_currency_silently(database):
    add_supplier(database, minimum_order="75")
    with pytest.raises(InvalidInput, match="the minimum order of HARBOUR is in GBP"):
        change(database, "HARBOUR", currency="EUR")
    assert change(database, "HARBOUR", currency="EUR", minimum_order="80").minimum_order == "80.00"


def test_suppliers_are_listed_page_by_page(database):
    for code in ("C", "A", "B"):
        add_supplier(database, code)

    first, cursor = ask(database, lambda s: suppliers.page(s, limit=2))
    rest, end = ask(database, lambda s: suppliers.page(s, limit=2, after=cursor))

    assert [row.code for row in [*first, *rest]] == ["A", "B", "C"]
    assert (cursor, end) == ("B", None)


def test_an_unknown_supplier_is_not_found(database):
    with pytest.raises(NotFound, match="there is no supplier NOBODY"):
        change(database, "nobody", name="X")
    with pytest.raises(NotFound):
        ask(database, lambda s: suppliers.show(s, supplier="NOBODY"))


def test_terms_are_set_and_changed_field_by_field(stocked):
    add_supplier(stocked)
    first = terms(stocked, "hx-1", cost="5.66", pack_size="5", supplier_sku="HQ1")
    again = terms(stocked, "HX-1", cost="6", minimum_quantity="10")

    assert (first.cost, first.pack_size, first.minimum_quantity) == ("5.66", 5, 1)
    assert (again.cost, again.pack_size, again.minimum_quantity) == ("6.00", 5, 10)
    assert again.supplier_sku == "HQ1"
    assert terms(stocked, "HX-1", cost="").cost is None
    row = ask(stocked, lambda s: suppliers.show(s, supplier="HARBOUR"))
    assert (row.products, [one.sku for one in row.terms]) == (1, ["HX-1"])


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"cost": "5.666"}, "'5.666' has more decimals than GBP, which has 2"),
        (
            {"pack_size": "0"},
            "the pack size must be a whole number from 1 to 1000000000, not '0'",
        ),
        (
            {"minimum_quantity": "x"},
            "the minimum quantity must be a whole number from 1 to 1000000000, not 'x'",
        ),
    ],
)
def test_terms_that_cannot_be_are_refused(stocked, fields, detail):
    add_supplier(stocked)
    before = snapshot(stocked)
    with pytest.raises(InvalidInput) as refused:
        terms(stocked, "HX-1", **fields)
    assert refused.value.detail == detail
    assert snapshot(stocked) == before


def test_terms_are_removed_and_then_not_found(stocked):
    add_supplier(stocked)
    terms(stocked, "HX-1", cost="5.66")

    def remove(session):
        return supplier_terms.remove(session, suppliers.find(session, "HARBOUR"), ref="HX-1")

    assert act(stocked, remove).cost == "5.66"
    with pytest.raises(NotFound, match="HARBOUR has no terms for HX-1"):
        act(stocked, remove)
    assert fetch(stocked, "SELECT count(*) FROM supplier_term") == [(0,)]


def test_terms_are_listed_page_by_page(stocked):
    add_supplier(stocked)
    for ref in ("HX-3", "HX-1", "HX-2"):
        terms(stocked, ref, cost="1")

    def page(session, after=None):
        seller = suppliers.find(session, "HARBOUR")
        return supplier_terms.page(session, seller, limit=2, after=after)

    first, cursor = ask(stocked, page)
    rest, end = ask(stocked, lambda s: page(s, cursor))
    assert [row.sku for row in [*first, *rest]] == ["HX-1", "HX-2", "HX-3"]
    assert (cursor, end) == ("HX-2", None)


def test_terms_go_with_a_product_that_was_never_used(database):
    books.add_products(database, "HX-9")
    add_supplier(database)
    terms(database, "HX-9", cost="1")

    act(database, lambda s: catalog.remove(s, ref="HX-9"))

    assert fetch(database, "SELECT count(*) FROM product") == [(0,)]
    assert fetch(database, "SELECT count(*) FROM supplier_term") == [(0,)]


def test_a_product_that_is_on_order_stays(stocked):
    add_supplier(stocked)
    number = draft(stocked, "HX-3=2").order
    before = snapshot(stocked)

    with pytest.raises(Conflict, match=f"HX-3 is on {number}"):
        act(stocked, lambda s: catalog.remove(s, ref="HX-3"))

    assert snapshot(stocked) == before


def test_a_product_that_was_ordered_once_is_discontinued(stocked):
    add_supplier(stocked)
    number = order(stocked, "HX-3=2")
    cancel(stocked, number)

    assert act(stocked, lambda s: catalog.remove(s, ref="HX-3")).status == "discontinued"
