"""`bvinv purchase`: what it prints, what it refuses."""

import json

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

SUPPLIER = (
    "purchase supplier add HARBOUR --name 'Harbour & Quill' --currency GBP --lead-time-days 3 "
    "--minimum-order 20 --over-receipt 10"
)


@pytest.fixture
def shop(bvinv):
    """Return a shell whose HARBOUR sells HX-1 in fives at 5.66 and HX-2 at 2.00."""
    bvinv(SUPPLIER)
    bvinv("purchase supplier terms HARBOUR HX-1 --cost 5.66 --pack-size 5 --supplier-sku HQ1")
    bvinv("purchase supplier terms HARBOUR HX-2 --cost 2")
    return bvinv


def test_a_supplier_is_added_changed_and_shown(bvinv):
    ran = bvinv(SUPPLIER)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "code                  HARBOUR\n"
        "name                  Harbour & Quill\n"
        "currency              GBP\n"
        "lead_time_days        3\n"
        "minimum_order         20.00\n"
        "over_receipt_percent  10\n"
        "products              0\n"
    )
    row = bvinv("purchase supplier update harbour --lead-time-days 5 --format json").json
    assert (row["lead_time_days"], row["minimum_order"]) == (5, "20.00")
    assert bvinv("purchase supplier show HARBOUR --format json").json == row | {"terms": []}
    assert [one["code"] for one in bvinv("purchase supplier list --format json").json] == [
        "HARBOUR"
    ]


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "add X --name X --currency GBP",
            2,
            "Missing option '--lead-time-days'.",
            "see: bvinv purchase supplier add --help",
        ),
        ("update HARBOUR", 2, "nothing to change", "for example: --lead-time-days 4"),
        (
            "show NOBODY",
            3,
            "there is no supplier NOBODY",
            "see: bvinv purchase supplier list, or add it: bvinv purchase supplier add",
        ),
        (
            "terms HARBOUR HX-3",
            3,
            "HARBOUR has no terms for HX-3",
            "set them: bvinv purchase supplier terms HARBOUR HX-3 --cost 5.66",
        ),
        (
            "terms HARBOUR --cost 5",
            2,
            "name the product",
            "bvinv purchase supplier terms HARBOUR REF",
        ),
        (
            "terms HARBOUR HX-1 --cost 5 --remove",
            2,
            "terms are set or removed, not both",
            None,
        ),
    ],
)
def test_what_cannot_be_about_suppliers_is_refused(shop, line, code, detail, hint):
    assert_refused(shop, f"purchase supplier {line}", code, detail, hint)


def test_terms_are_listed_shown_and_removed(shop):
    listed = shop("purchase supplier terms HARBOUR --format json").json
    assert [(row["sku"], row["cost"], row["pack_size"]) for row in listed] == [
        ("HX-1", "5.66", 5),
        ("HX-2", "2.00", 1),
    ]
    assert shop("purchase supplier terms HARBOUR hx-1 --format json").json == listed[0]
    first = shop("purchase supplier terms HARBOUR --limit 1")
    assert first.stderr == "more: --after HX-1\n"
    assert shop("purchase supplier terms HARBOUR HX-1 --remove").exit_code == 0
    listed = shop("purchase supplier terms HARBOUR --format json").json
    assert [row["sku"] for row in listed] == ["HX-2"]


def test_an_order_is_written_placed_received_and_looked_at(shop):
    ran = shop("purchase order create HARBOUR HX-1=10 HX-3=2 --warehouse main --note 'by van'")
    assert ran.stdout == (
        "order      PO-1\n"
        "status     draft\n"
        "supplier   HARBOUR\n"
        "warehouse  MAIN\n"
        "total      56.60\n"
        "currency   GBP\n"
        "note       by van\n"
        'warnings   ["HARBOUR gave no cost for HX-3"]\n'
        "\n"
        "lines:\n"
        "sku   ordered  received  outstanding  tolerance  state  cost\n"
        "HX-1       10         0            0          0  open   5.66\n"
        "HX-3        2         0            0          0  open\n"
    )
    assert shop("purchase order place PO-1 --format json").json["status"] == "placed"
    assert shop("stock show HX-1 -w MAIN --format json").json["on_order"] == 10

    ran = shop("receive --order PO-1 HX-1=11 --document DN-1")
    assert ran.stdout == (
        "receipt    RC-4\n"
        "order      PO-1\n"
        "status     partly-received\n"
        "supplier   HARBOUR\n"
        "warehouse  MAIN\n"
        "document   DN-1\n"
        "pieces     11\n"
        "\n"
        "lines:\n"
        "sku   ordered  before  quantity  outstanding  difference  bin\n"
        "HX-1       10       0        11            0  over        DOCK\n"
        "\n"
        "missing:\n"
        "sku   ordered  outstanding\n"
        "HX-3        2            2\n"
    )
    assert shop("receive --order 1 --all --format json").json["status"] == "received"
    lines = shop("purchase order show 1 --format json").json["lines"]
    assert [(line["sku"], line["received"], line["state"]) for line in lines] == [
        ("HX-1", 11, "over"),
        ("HX-3", 2, "complete"),
    ]
    listed = shop("purchase receipt list --order PO-1 --format json").json
    assert [(row["receipt"], row["document"], row["pieces"]) for row in listed] == [
        ("RC-5", None, 2),
        ("RC-4", "DN-1", 11),
    ]
    shown = shop("purchase receipt show RC-4 --format json").json
    assert (shown["actor"], shown["lines"][0]["difference"]) == ("tester", "over")


def test_an_order_can_be_placed_at_once(shop):
    line = "purchase order create HARBOUR HX-1=10 --warehouse MAIN --format json"
    row = shop(f"{line} --place --over-receipt 50 --expected-on 2026-12-24").json
    assert (row["status"], row["expected_on"], row["lines"][0]["tolerance"]) == (
        "placed",
        "2026-12-24",
        5,
    )
    assert shop("purchase order list --open --format json").json[0]["order"] == "PO-1"


def test_an_order_changes_and_is_cancelled(shop):
    shop("purchase order create HARBOUR HX-1=10 HX-2=3 --warehouse MAIN")
    row = shop("purchase order update PO-1 HX-2=9 --remove HX-1 --format json").json
    assert [(line["sku"], line["ordered"]) for line in row["lines"]] == [("HX-2", 9)]
    assert shop("purchase order cancel PO-1 --format json").json["status"] == "cancelled"
    listed = shop("purchase order list --status cancelled")
    cells = listed.stdout.splitlines()[1].split()
    assert cells == ["PO-1", "cancelled", "HARBOUR", "MAIN", "1", "9", "0"]


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "create HARBOUR HX-1=7 --warehouse MAIN",
            2,
            "HARBOUR sells HX-1 in packs of 5, not 7",
            "order HX-1=10; or --exact, when it is agreed",
        ),
        (
            "create HARBOUR HX-1 --warehouse MAIN",
            2,
            "line 1, 'HX-1': there is no '='",
            "write SKU=QTY, for example HX-1=3",
        ),
        (
            "create HARBOUR HX-2=1000000 --warehouse MAIN",
            2,
            "1,000,000 pieces: is that meant?",
            "say so: --yes",
        ),
        (
            "create HARBOUR HX-2=1 --warehouse MAIN --over-receipt 5",
            2,
            "the tolerance is fixed when an order is placed",
            "say --place too, or: bvinv purchase order place ORDER --over-receipt 10",
        ),
        (
            "create HARBOUR HX-2=1 --warehouse MAIN --place --over-receipt x",
            2,
            "the over-receipt percentage must be a whole number from 0 to 1000, not 'x'",
            None,
        ),
        (
            "update PO-1",
            2,
            "nothing to change",
            "for example: --expected-on 2026-04-02",
        ),
        (
            "show PO-7",
            3,
            "there is no purchase order PO-7",
            "see: bvinv purchase order list",
        ),
        (
            "show TR-7",
            2,
            "'TR-7' is not the number of a purchase order",
            "for example: PO-12",
        ),
        (
            "place PO-1",
            4,
            "PO-1 is placed already",
            "see: bvinv purchase order show PO-1",
        ),
    ],
)
def test_what_cannot_be_about_orders_is_refused(shop, line, code, detail, hint):
    shop("purchase order create HARBOUR HX-1=10 --warehouse MAIN --place")
    assert_refused(shop, f"purchase order {line}", code, detail, hint)


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "--order PO-1 HX-1=12",
            4,
            "HX-1: 10 ordered, 0 received before, 12 more are 1 too many (tolerance 1)",
            "no more than 11 of HX-1 is expected for PO-1; receive the rest without the order, "
            "or send it back",
        ),
        ("--order PO-1", 2, "say what came", "SKU=QTY of each product, or --all"),
        ("--order PO-1 HX-1=1 --all", 2, "say what came", "SKU=QTY of each product, or --all"),
        (
            "--order PO-1 HX-1 --qty 1",
            2,
            "an order knows its supplier, and each of its products has its own number",
            "bvinv receive --order PO-1 SKU=QTY",
        ),
        (
            "--order PO-1 HX-1=1000000",
            2,
            "1,000,000 pieces: is that meant?",
            "say so: --yes",
        ),
        (
            "--order PO-1 --all -w NORTH",
            4,
            "PO-1 comes to MAIN, not to NORTH",
            "receive it at MAIN",
        ),
        (
            "--order PO-9 --all",
            3,
            "there is no purchase order PO-9",
            "see: bvinv purchase order list",
        ),
        ("--all -w MAIN", 2, "all of which order?", "bvinv receive --order PO-12 --all"),
        ("-w MAIN", 2, "what came?", "see: bvinv receive --help"),
        (
            "HX-1=3 -w MAIN",
            2,
            "without an order, one product comes at a time",
            "bvinv receive HX-1 --qty N --warehouse W; or name the --order",
        ),
        ("--resume -w MAIN", 2, "only a scanner goes on", "say --scan too"),
        (
            "--scan HX-1 -w MAIN",
            2,
            "the scanner names goods, bins and quantities",
            "leave them out, or --scan",
        ),
        (
            "--scan",
            2,
            "Missing option '--warehouse' / '-w'.",
            "see: bvinv receive --help",
        ),
        (
            "HX-1 --qty 1 -w MAIN --lot L-1 --expires-on 2027-01-31",
            2,
            "no lots are kept of HX-1",
            "leave --lot out, or receive what has lots apart from it",
        ),
    ],
)
def test_what_cannot_come_is_refused(shop, line, code, detail, hint):
    shop("purchase order create HARBOUR HX-1=10 --warehouse MAIN --place")
    assert_refused(shop, f"receive {line}", code, detail, hint)


def test_a_million_is_taken_when_it_is_meant(shop):
    shop("purchase order create HARBOUR HX-2=1000000 --warehouse MAIN --place --yes")
    assert shop("receive --order 1 HX-2=1000000 --yes --format json").json["pieces"] == 1_000_000


def test_dry_runs_only_tell(shop):
    line = "purchase order create HARBOUR HX-1=10 --warehouse MAIN --place"
    assert assert_only_tried(shop, line)["order"] == "PO-1"
    shop(line)
    answer = assert_only_tried(shop, "receive --order PO-1 --all")
    assert (answer["status"], answer["changes"][0]["on_hand"]) == ("received", 20)
    assert assert_only_tried(shop, "purchase order cancel PO-1")["status"] == "cancelled"
    assert_only_tried(shop, "purchase supplier terms HARBOUR HX-1 --cost 6")


def test_keys_make_repeating_harmless(shop):
    line = "purchase order create HARBOUR HX-1={} --warehouse MAIN --place"
    assert_replays(shop, line.format(10), line.format(15))
    assert shop.fetch("SELECT count(*) FROM purchase_order") == [(1,)]


def test_a_key_makes_receiving_harmless_to_repeat(shop):
    shop("purchase order create HARBOUR HX-1=10 --warehouse MAIN --place")
    assert_replays(shop, "receive --order PO-1 HX-1=4", "receive --order PO-1 HX-1=5")
    assert shop.level("HX-1", "MAIN") == (14, 0, 14, 0)


def test_an_order_is_shown_as_of_a_moment(shop):
    shop("purchase order create HARBOUR HX-1=10 --warehouse MAIN --place")
    placed = shop("purchase order show 1 --format json").json["placed_at"]
    shop("receive --order PO-1 --all")
    row = shop(f"purchase order show 1 --as-of {placed} --format json").json
    assert (row["status"], row["lines"][0]["outstanding"]) == ("placed", 10)


def test_a_product_that_keeps_lots_says_which(shop):
    shop("products add HX-L --title Ink --lots")
    ran = shop("receive HX-L --qty 3 -w MAIN --lot l-7 --expires-on 2031-05 --format json")
    assert ran.json["on_hand"] == 3
    moved = json.loads(shop("stock history HX-L --format json").stdout)
    assert moved[0]["lot"] == "L-7"
    assert shop.fetch("SELECT code, expires_on FROM lot") == [("L-7", 20310531)]
