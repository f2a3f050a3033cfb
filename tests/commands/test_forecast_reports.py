"""`bvinv forecast classes`, `overstock`, `turnover`, `stock-outs`: what they print and refuse."""

import pytest

from tests.commands.shell import assert_refused


@pytest.fixture
def shop(bvinv):
    """Return a shell whose HX-1 and HX-2 sell out today; HX-2 has no price, and a supplier."""
    bvinv("reserve create SO-1 HX-1=4 HX-2=4 --warehouse MAIN")
    bvinv("reserve commit SO-1")
    return bvinv


def test_classes_are_listed(shop):
    ran = shop("forecast classes --as-of 2020-01-31")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "sku   warehouse  abc  xyz  quadrant  revenue  currency  service_level\n"
        "HX-1  MAIN       C                      0.00  GBP                 0.9\n"
        "HX-2  MAIN       C                                                0.9\n"
        "HX-2  NORTH      C                                                0.9\n"
    )


def test_programs_get_all_of_a_class(shop):
    [row] = shop("forecast classes HX-1 --as-of 2020-01-31 --format json").json
    assert row == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "abc": "C",
        "xyz": None,
        "quadrant": None,
        "revenue": "0.00",
        "currency": "GBP",
        "share": 0.0,
        "sold": 0,
        "service_level": 0.9,
    }


def test_classes_are_counted(shop):
    ran = shop("forecast classes --as-of 2020-01-31 --summary")
    assert ran.stdout == (
        "abc  x  y  z  unknown  total\n"
        "A    0  0  0        0      0\n"
        "B    0  0  0        0      0\n"
        "C    0  0  0        3      3\n"
    )


def test_overstock_is_listed_and_what_has_no_cost_is_said(shop):
    shop("stock set HX-2 --warehouse NORTH --max-stock 2")
    shop("stock set HX-1 --warehouse MAIN --max-stock 1")
    shop("purchase supplier add HARBOUR --name Harbour --currency GBP --lead-time-days 3")
    shop("purchase supplier terms HARBOUR HX-1 --cost 5.66")
    ran = shop("forecast overstock")
    assert ran.exit_code == 0
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert " ".join(lines[0]) == "sku warehouse kind excess last_sold_on money currency"
    assert [line[:4] for line in lines[1:]] == [
        ["HX-1", "MAIN", "overstock", "5"],
        ["HX-2", "NORTH", "overstock", "4"],
    ]
    assert lines[1][5:] == ["28.30", "GBP"]
    assert ran.stderr == (
        "without a cost: no supplier's terms and no order says what a piece costs\n"
    )
    assert shop("forecast overstock --summary").stdout == (
        "kind       levels  excess  money  currency\n"
        "overstock       1       5  28.30  GBP\n"
        "overstock       1       4\n"
    )


def test_turnover_is_listed(shop):
    ran = shop("forecast turnover --warehouse MAIN --limit 1")
    header, row = [line.split() for line in ran.stdout.splitlines()]
    assert " ".join(header) == ("sku warehouse sold average_on_hand turnover on_hand days_of_cover")
    assert (row[:3], row[5]) == (["HX-1", "MAIN", "4"], "6")
    assert ran.stderr == "more: --after HX-1=MAIN\n"
    [row] = shop("forecast turnover --warehouse MAIN --after HX-1=MAIN --format json").json
    assert (row["sku"], row["sold"], row["on_hand"], row["days"]) == ("HX-2", 4, 0, 0.0)


def test_stock_outs_are_listed_and_said_to_be_estimates(shop):
    ran = shop("forecast stock-outs")
    header, row = [line.split() for line in ran.stdout.splitlines()]
    assert " ".join(header) == ("sku warehouse times days_out last_on lost_sales lost_revenue")
    assert (row[:4], row[5]) == (["HX-2", "MAIN", "1", "0.0"], "0.0")
    assert ran.stderr == "lost sales are estimated: days out by what a day in stock sold\n"


@pytest.mark.parametrize("command", ["overstock", "turnover", "stock-outs"])
def test_nothing_to_report_is_no_error(bvinv, command):
    ran = bvinv(f"forecast {command} --warehouse NORTH --format json")
    rows = [row["sku"] for row in ran.json]
    assert (rows, ran.stderr) == (["HX-2"] if command == "turnover" else [], "")


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "overstock --days 0",
            2,
            "the number of days must be a whole number from 1 to 3650, not '0'",
            None,
        ),
        (
            "turnover --since 2026-03-01T00:00:00Z --until 2026-02-01T00:00:00Z",
            2,
            "--until lies before --since",
            None,
        ),
        (
            "stock-outs --since 2999-01-01T00:00:00Z",
            2,
            "2999-01-01T00:00:00Z is still to come",
            "name a time that has been",
        ),
        (
            "turnover --after HX-1=SHOP",
            2,
            "the report does not have 'HX-1=SHOP' any more",
            "begin anew",
        ),
        ("classes NOPE", 3, "there is no product 'NOPE'", "see: bvinv products list"),
        (
            "stock-outs --warehouse NOPE",
            3,
            "there is no warehouse NOPE",
            "see: bvinv warehouse list",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(shop, line, code, detail, hint):
    assert_refused(shop, f"forecast {line}", code, detail, hint)
