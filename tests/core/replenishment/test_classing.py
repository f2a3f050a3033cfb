"""Classes: what earns most, and how steadily it sells.

It is Sunday, 1 March 2026: the 52 weeks that count begin with 2 March 2025.
"""

import pytest

from bvinv.core import catalog
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.stock_report import ClassRow, ClassSummary
from bvinv.core.replenishment import classing
from tests import books, pick_books
from tests.demand_books import at, bring, sell, sold_before
from tests.report_books import night, priced


@pytest.fixture
def shop(database):
    """Return a database of four products, of which `NONE` has no price; nothing is in stock."""
    books.add_warehouses(database, "MAIN", "NORTH")
    priced(database, "BIG=10.00 MID=5.00 LOW=1.00 NONE=")
    return database


def abc(database, **more):
    """Return `SKU@WAREHOUSE` with its class, in their order."""
    named = {
        row[:2]: f"{row[2]}@{row[3]}"
        for row in books.fetch(
            database, "SELECT p.id, w.id, p.sku, w.code FROM product AS p CROSS JOIN warehouse AS w"
        )
    }
    found = books.ask(database, lambda s: classing.abc(s, **more))
    return dict(sorted((named[pair], name) for pair, name in found.items()))


def page(database, **more):
    return books.ask(database, lambda s: classing.page(s, **more))


def test_few_make_most_of_the_revenue(shop):
    sold_before(shop, "BIG,2026-02-01,80", "MID,2026-02-01,30", "LOW,2026-02-01,50")
    assert abc(shop) == {"BIG@MAIN": "A", "LOW@MAIN": "C", "MID@MAIN": "B"}


def test_each_warehouse_has_its_own_classes(shop):
    content = "sku,date,quantity,warehouse\nBIG,2026-02-01,99,MAIN\nLOW,2026-02-01,1,NORTH\n"
    bring(shop, f"{content}LOW,2026-02-01,1,MAIN\n")
    assert abc(shop) == {"BIG@MAIN": "A", "LOW@MAIN": "C", "LOW@NORTH": "A"}


def test_currencies_are_classed_apart(shop):
    priced(shop, "EURO=1.00", currency="EUR")
    sold_before(shop, "BIG,2026-02-01,99", "EURO,2026-02-01,1")
    assert abc(shop) == {"BIG@MAIN": "A", "EURO@MAIN": "A"}


def test_what_has_no_price_is_c_however_much_is_sold(shop):
    sold_before(shop, "NONE,2026-02-01,1000", "LOW,2026-02-01,1")
    assert abc(shop) == {"LOW@MAIN": "A", "NONE@MAIN": "C"}


def test_what_is_in_stock_and_never_sold_is_c(shop):
    books.receive(shop, "BIG", 5, "MAIN")
    assert abc(shop) == {"BIG@MAIN": "C"}


def test_52_weeks_count_and_no_day_more(shop):
    sold_before(shop, "BIG,2025-03-01,1", "LOW,2025-03-02,1")
    assert abc(shop) == {"BIG@MAIN": "C", "LOW@MAIN": "A"}
    assert abc(shop, as_of=20260227) == {"BIG@MAIN": "A", "LOW@MAIN": "B"}


def test_today_counts_when_it_is_asked_for(shop):
    books.receive(shop, "LOW", 5, "MAIN")
    sell(shop, "SO-1", "LOW=1")
    assert abc(shop) == {"LOW@MAIN": "C"}
    assert abc(shop, as_of=20260301) == {"LOW@MAIN": "A"}


def test_imported_demand_counts_until_the_ledger_sells(shop, clock):
    at(clock, "2026-03-10")
    books.receive(shop, "BIG", 9, "MAIN")
    sell(shop, "SO-1", "BIG=2")
    at(clock, "2026-03-20")
    sold_before(shop, "BIG,2026-03-09,3")
    sold_before(shop, "BIG,2026-03-10,50", "BIG,2026-03-11,50")
    [row], _ = page(shop)
    assert row.sold == 5


def test_returns_are_taken_off(shop, clock):
    books.receive(shop, "BIG", 9, "MAIN")
    sell(shop, "SO-1", "BIG=5")
    pick_books.come_back(shop, "BIG", 2)
    at(clock, "2026-03-05")
    [row], _ = page(shop)
    assert (row.sold, row.revenue) == (3, "30.00")


def test_more_returns_than_sales_make_no_share(shop, clock):
    books.receive(shop, "BIG", 9, "MAIN")
    pick_books.come_back(shop, "BIG", 2)
    at(clock, "2026-03-05")
    [row], _ = page(shop)
    assert (row.abc, row.sold, row.revenue, row.share) == ("C", -2, "-20.00", 0.0)


def test_a_row_says_what_a_product_earns_and_how_it_sells(shop):
    weekly = [f"MID,2026-{month:02}-{day:02},7" for month in (1, 2) for day in (3, 10, 17, 24)]
    sold_before(shop, *weekly, "LOW,2026-02-01,20", "NONE,2026-02-01,2")
    rows, cursor = page(shop)
    assert rows == [
        ClassRow(
            sku="MID",
            warehouse="MAIN",
            abc="A",
            xyz="X",
            quadrant="smooth",
            revenue="280.00",
            currency="GBP",
            share=0.9333,
            sold=56,
            service_level=0.97,
        ),
        ClassRow(
            sku="LOW",
            warehouse="MAIN",
            abc="B",
            xyz="Y",
            quadrant="intermittent",
            revenue="20.00",
            currency="GBP",
            share=0.0667,
            sold=20,
            service_level=0.95,
        ),
        ClassRow(
            sku="NONE",
            warehouse="MAIN",
            abc="C",
            xyz="Y",
            quadrant="intermittent",
            revenue=None,
            currency=None,
            share=0.0,
            sold=2,
            service_level=0.9,
        ),
    ]
    assert cursor is None


def test_the_last_night_says_how_it_sells_unless_another_day_is_asked_for(shop):
    sold_before(shop, "LOW,2026-02-01,20")
    night(shop, "LOW", xyz="X", quadrant="erratic")
    [row], _ = page(shop)
    assert (row.xyz, row.quadrant) == ("X", "erratic")
    [row], _ = page(shop, as_of=20260228)
    assert (row.xyz, row.quadrant) == ("Y", "intermittent")


def test_of_what_never_sold_nobody_knows_how_it_sells(shop):
    books.receive(shop, "BIG", 5, "MAIN")
    [row], _ = page(shop)
    assert (row.xyz, row.quadrant, row.revenue, row.sold) == (None, None, "0.00", 0)


def test_classes_come_in_pages_of_the_products_and_the_warehouse_asked_for(shop):
    lines = ("BIG,2026-02-01,9", "MID,2026-02-01,9", "LOW,2026-02-01,9")
    sold_before(shop, *lines)
    bring(shop, "sku,date,quantity,warehouse\nLOW,2026-02-01,1,NORTH\n")
    first, cursor = page(shop, warehouse="MAIN", limit=2)
    assert ([row.sku for row in first], cursor) == (["BIG", "MID"], "MID=MAIN")
    rest, cursor = page(shop, warehouse="MAIN", limit=2, after=cursor)
    assert ([row.sku for row in rest], cursor) == (["LOW"], None)
    named, _ = page(shop, refs=["low"])
    assert [(row.warehouse, row.share) for row in named] == [("NORTH", 1.0), ("MAIN", 0.0625)]


def test_the_summary_counts_the_classes(shop):
    sold_before(shop, "BIG,2026-02-01,80", "MID,2026-02-01,30", "LOW,2026-02-01,50")
    night(shop, "MID", xyz="X")
    books.receive(shop, "NONE", 5, "MAIN")
    assert books.ask(shop, classing.summary) == [
        ClassSummary(abc="A", x=0, y=1, z=0, unknown=0, total=1),
        ClassSummary(abc="B", x=1, y=0, z=0, unknown=0, total=1),
        ClassSummary(abc="C", x=0, y=1, z=0, unknown=1, total=2),
    ]


def test_of_many_products_the_discontinued_are_counted_too(shop, monkeypatch):
    monkeypatch.setattr(classing, "MANY", 1)
    days = ("2026-02-01", "2026-02-08", "2026-02-15", "2026-02-22")
    sold_before(shop, *(f"{sku},{day},20" for sku in ("BIG", "LOW") for day in days))
    books.act(shop, lambda s: catalog.change(s, ref="LOW", fields={"status": "discontinued"}))
    rows, _ = page(shop)
    assert [(row.sku, row.xyz) for row in rows] == [("BIG", "X"), ("LOW", "X")]


def test_an_empty_shop_has_no_classes(shop):
    assert page(shop) == ([], None)
    assert [row.total for row in books.ask(shop, classing.summary)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"as_of": 20260302}, InvalidInput, "2026-03-02 is not a day that the ledger can know"),
        ({"as_of": 10101}, InvalidInput, "0001-01-01 is not a day that the ledger can know"),
        ({"refs": ["NOPE"]}, NotFound, "there is no product 'NOPE'"),
        ({"warehouse": "NOPE"}, NotFound, "there is no warehouse NOPE"),
        ({"after": "X=Y"}, InvalidInput, "the report does not have 'X=Y' any more"),
    ],
)
def test_what_cannot_be_asked_is_refused(shop, asked, error, said):
    with pytest.raises(error) as refused:
        page(shop, **asked)
    assert refused.value.detail == said
