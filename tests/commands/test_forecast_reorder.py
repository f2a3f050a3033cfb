"""`bvinv forecast reorder` and `why`: exit codes, what is printed where, and nothing else."""

import subprocess
import sys

import pytest


@pytest.fixture
def shop(bvinv):
    """Return a shell of a shop that is to order HX-1, and HX-2 that nobody sells."""
    bvinv("purchase supplier add QUAY --name Quay --currency GBP --lead-time-days 4")
    bvinv("purchase supplier terms QUAY HX-1 --cost 5.66 --pack-size 6")
    bvinv("stock set HX-1 --warehouse MAIN --reorder-point 20")
    bvinv("stock set HX-2 --warehouse MAIN --reorder-point 5")
    return bvinv


NO_FORECAST = (
    "nothing is forecast yet, so only typed reorder points count; run: bvinv forecast run\n"
)


def test_the_report_reads_well_and_changes_nothing(shop):
    before = shop.dump()
    ran = shop("forecast reorder")
    assert (ran.exit_code, ran.stderr) == (0, NO_FORECAST)
    assert ran.stdout.splitlines() == [
        "sku   warehouse  position  quantity  from  gone_by  about",
        "HX-1  MAIN       10 < 20         12  QUAY           packs of 6",
        "HX-2  MAIN       4 < 5            2                 nobody sells it: set terms",
    ]
    assert shop.dump() == before


def test_the_keys_are_those_of_the_contract(shop):
    [first, _] = shop("forecast reorder --format json").json
    assert list(first)[:10] == [
        *("sku", "warehouse", "available", "inventory_position", "reorder_point", "order_up_to"),
        *("suggested_quantity", "supplier", "lead_time_days", "reason"),
    ]
    assert first["suggested_quantity"] == 12


def test_who_waits_and_what_is_moved_are_seen_at_a_glance(shop):
    shop("reserve create SO-1 HX-1=12 --warehouse MAIN --backorder")
    shop("stock set HX-2 --warehouse NORTH --reorder-point 3")
    ran = shop("forecast reorder --transfer-first")
    owed, moved = (line.split() for line in ran.stdout.splitlines()[1:])
    assert owed[:7] == ["HX-1", "MAIN", "-2", "<", "20", "24", "QUAY"]
    assert owed[8:] == ["2", "are", "owed;", "packs", "of", "6"]  # behind today
    assert moved == ["HX-2", "MAIN", "4", "<", "5", "2", "NORTH", "transfer"]


def test_pages_say_how_to_go_on(shop):
    ran = shop("forecast reorder --limit 1 --format json")
    assert [row["sku"] for row in ran.json] == ["HX-1"]
    assert ran.stderr.splitlines()[0] == "more: --after 1=99999999=MAIN=~=hx-1"
    rest = shop("forecast reorder --after 1=99999999=MAIN=~=hx-1 --format json").json
    assert [row["sku"] for row in rest] == ["HX-2"]


def test_orders_are_tried_written_and_not_written_twice(shop):
    before = shop.dump()
    tried = shop("forecast reorder --create-orders --dry-run --format json")
    assert [(row["sku"], row["order"], row["dry_run"]) for row in tried.json] == [
        ("HX-1", "PO-1", True),
        ("HX-2", None, True),
    ]
    assert shop.dump() == before
    ran = shop("forecast reorder --create-orders --key night-1")
    assert [line.split() for line in ran.stdout.splitlines()[1:]] == [
        ["HX-1", "MAIN", "12", "QUAY", "PO-1"],
        ["HX-2", "MAIN", "2"],
    ]
    unsold = "set terms: bvinv purchase supplier terms SUPPLIER HX-2 --cost 5.66\n"
    assert ran.stderr == f"nobody sells HX-2; {unsold}{NO_FORECAST}"
    replayed = shop("forecast reorder --create-orders --key night-1 --format json").json
    assert [(row["order"], row["replayed"]) for row in replayed] == [("PO-1", True), (None, True)]
    again = shop("forecast reorder --create-orders --format json").json
    assert [(row["sku"], row["order"]) for row in again] == [("HX-2", None)]


def test_why_prints_one_thing_or_many(shop):
    one = shop("forecast why HX-1 --warehouse MAIN --format json").json
    assert one["arithmetic"] == "10 < 20: order up to 21: 11, rounded up to packs of 6: 12"
    assert [row["warehouse"] for row in shop("forecast why HX-2 --format json").json] == [
        "MAIN",
        "NORTH",
    ]
    told = shop("forecast why HX-1 --format table").stdout
    assert max(map(len, told.splitlines())) <= 80
    assert "10 < 20: order up to 21: 11, rounded up to packs of 6: 12" in told
    assert shop("forecast why NO").refused(3)


def test_what_lies_nowhere_is_said_to(shop):
    shop("products add HX-9 --title Nowhere --price 5.00 --currency GBP")
    ran = shop("forecast why HX-9")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert "it lies nowhere and is forecast nowhere" in ran.stderr
    assert shop("forecast why HX-9 --format json").json == []


def test_nothing_here_waits_for_numpy():
    code = (
        "import sys\n"
        "from bvinv.commands.forecast import reorder\n"
        "from bvinv.core.replenishment import explain, reorder, shortfalls, telling\n"
        "assert 'numpy' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
