"""Whom a product is ordered from, and how long they take."""

import pytest

from bvinv.core import catalog, items, undo
from bvinv.core.replenishment import sourcing
from bvinv.core.replenishment.sourcing import LeadTime
from tests import books
from tests.books import act, ask
from tests.purchasing_books import add_supplier, cancel, deliver, draft, order, terms

DAY = 24 * books.HOUR


@pytest.fixture
def shop(stocked):
    """Return a stocked database with the suppliers ABE, BOB and CAL, who have no terms yet."""
    for code in ("CAL", "ABE", "BOB"):
        add_supplier(stocked, code)
    return stocked


def number(database, ref="HX-1"):
    return ask(database, lambda session: items.one(session, ref).id)


def chosen(database, ref="HX-1"):
    """Return the code of the supplier whom a product is ordered from."""
    product = number(database, ref)
    one = ask(database, lambda session: sourcing.offers(session, [product]))
    assert one.get(product) == ask(database, sourcing.offers).get(product)
    return one[product].supplier if one else None


def lead_time(database, supplier="ABE"):
    [(found,)] = books.fetch(database, f"SELECT id FROM supplier WHERE code = '{supplier}'")
    return ask(database, sourcing.lead_times)[found]


def test_an_offer_says_what_the_supplier_asks(shop):
    terms(shop, "HX-1", "ABE", cost="5.66", pack_size="6", minimum_quantity="12")

    found = ask(shop, lambda session: sourcing.offers(session, [number(shop)]))[number(shop)]
    assert found[1:] == ("ABE", "GBP", 3, 566, 6, 12)


def test_a_product_without_terms_has_no_offer(shop):
    assert chosen(shop) is None
    assert ask(shop, lambda session: sourcing.offers(session, [])) == {}


def test_the_cheapest_is_taken_then_the_first_by_code(shop):
    terms(shop, "HX-1", "CAL", cost="")
    assert chosen(shop) == "CAL"
    terms(shop, "HX-1", "BOB", cost="5.00")
    assert chosen(shop) == "BOB"
    terms(shop, "HX-1", "ABE", cost="5.00")
    assert chosen(shop) == "ABE"
    terms(shop, "HX-1", "CAL", cost="4.99")
    assert chosen(shop) == "CAL"


def test_amounts_of_two_currencies_are_not_compared(shop):
    add_supplier(shop, "YEN", currency="JPY")
    fields = {"sku": "HX-5", "title": "Five", "price": "9.99", "currency": "GBP"}
    act(shop, lambda s: catalog.add(s, fields=fields))
    terms(shop, "HX-5", "YEN", cost="2")
    terms(shop, "HX-5", "CAL", cost="8.00")

    assert chosen(shop, "HX-5") == "CAL"


def test_who_took_the_last_order_is_asked_again(shop, clock):
    for code, cost in (("ABE", "5"), ("BOB", "6"), ("CAL", "4")):
        terms(shop, "HX-1", code, cost=cost)
    order(shop, "HX-1=3", supplier="ABE")
    clock.advance(DAY)
    order(shop, "HX-1=3", supplier="BOB")
    assert chosen(shop) == "BOB"

    draft(shop, "HX-1=3", supplier="CAL")
    assert chosen(shop) == "BOB"


def test_an_order_that_was_cancelled_does_not_count(shop, clock):
    terms(shop, "HX-1", "ABE", cost="5")
    terms(shop, "HX-1", "BOB", cost="6")
    order(shop, "HX-1=3", supplier="ABE")
    clock.advance(DAY)
    cancel(shop, order(shop, "HX-1=3", supplier="BOB"))

    assert chosen(shop) == "ABE"


def test_few_receipts_leave_the_lead_time_as_it_was_typed(shop, clock):
    terms(shop, "HX-1", "ABE")
    assert lead_time(shop) == LeadTime(3.0, 0.0, 0)
    for _ in range(4):
        placed = order(shop, "HX-1=1", supplier="ABE")
        clock.advance(9 * DAY)
        deliver(shop, placed)
    assert lead_time(shop) == LeadTime(3.0, 0.0, 0)


def test_five_receipts_say_how_long_a_supplier_takes(shop, clock):
    terms(shop, "HX-1", "ABE")
    for days in (9, 7, 5, 8, 6):
        placed = order(shop, "HX-1=1", supplier="ABE")
        clock.advance(days * DAY)
        deliver(shop, placed)

    assert lead_time(shop) == LeadTime(7.0, 2.5, 5)
    assert lead_time(shop, "BOB") == LeadTime(3.0, 0.0, 0)


def test_each_part_of_an_order_that_came_counts_and_what_was_undone_does_not(shop, clock):
    terms(shop, "HX-1", "ABE")
    placed = order(shop, "HX-1=10", supplier="ABE")
    for _ in range(5):
        clock.advance(2 * DAY)
        last = deliver(shop, placed, "HX-1=1")
    assert lead_time(shop) == LeadTime(6.0, 10.0, 5)

    act(shop, lambda s: undo.document(s, number=last.receipt))
    assert lead_time(shop) == LeadTime(3.0, 0.0, 0)
