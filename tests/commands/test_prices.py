"""`bvinv products price`, `price-requests`, `approve`, `reject`."""

import json

import pytest

from tests.commands.shell import (
    assert_only_tried,
    assert_refused,
    assert_replays,
)

WAITS = "price request 1 waits for somebody else's decision: bvinv products approve 1\n"


@pytest.fixture
def asked(bvinv):
    """Return a shell in which ann asks for 14.50 instead of 12.99 GBP for HX-1: request 1."""
    bvinv("--actor ann products price HX-1 14.50")
    return bvinv


def test_the_price_of_an_active_product_waits_for_somebody_else(bvinv):
    ran = bvinv("products price HX-1 14.50 --format json")

    assert ran.stderr == WAITS
    row = ran.json
    assert (row["price"], row["currency"]) == ("12.99", "GBP")
    request = row["price_request"]
    assert request.pop("requested_at").endswith("Z")
    assert request == {"id": 1, "price": "14.50", "currency": "GBP", "requested_by": "tester"}
    assert bvinv("products show HX-1 -f json").json["price_request"]["id"] == 1
    assert bvinv("products show HX-2 -f json").json["price_request"] is None


def test_an_update_changes_the_rest_at_once_and_says_so(bvinv):
    ran = bvinv("products update HX-1 --price 14.50 --title Hexagon -f json")

    assert ran.stderr == WAITS
    row = ran.json
    assert (row["title"], row["price"], row["price_request"]["price"]) == (
        "Hexagon",
        "12.99",
        "14.50",
    )
    again = bvinv("products update HX-1 --title Hex -f json")
    assert (again.stderr, again.json["price_request"]["id"]) == ("", 1)


def test_a_first_price_counts_and_nothing_waits(bvinv):
    ran = bvinv("products price HX-2 5 --currency JPY -f json")
    assert ran.stderr == ""
    assert (ran.json["price"], ran.json["currency"], ran.json["price_request"]) == (
        "5",
        "JPY",
        None,
    )


def test_a_manager_approves_and_the_price_counts(asked):
    before = asked("products price-requests").stdout
    ran = asked("products approve 1")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0].split() == [
        "id",
        "sku",
        "old_price",
        "price",
        "currency",
        "state",
        "stale",
        "requested_by",
        "age",
    ]
    assert ran.stdout.splitlines()[1].split() == [
        "1",
        "HX-1",
        "12.99",
        "14.50",
        "GBP",
        "approved",
        "false",
        "ann",
        "0s",
    ]
    assert before.splitlines()[1].split()[:6] == ["1", "HX-1", "12.99", "14.50", "GBP", "requested"]
    assert asked("products price HX-1 -f json").json["price"] == "14.50"
    assert asked("products price-requests -f json").json == []
    assert asked("products price-requests --state approved -f json").json[0]["decided_by"] == (
        "tester"
    )


def test_one_s_own_request_is_refused(asked):
    assert_refused_as_forbidden(
        asked,
        "--actor ANN products approve 1",
        "price request 1 is ann's own: somebody else decides it",
        "to withdraw it, ask for the price that HX-1 has",
    )


@pytest.mark.parametrize("line", ["products approve 1", "products reject 1 --reason no"])
def test_deciding_needs_the_role_of_a_manager(asked, monkeypatch, line):
    monkeypatch.setenv("BVINV_ROLE", "staff")
    name = " ".join(line.split()[:2])
    assert_refused_as_forbidden(
        asked,
        line,
        f"{name} needs the role manager, and tester has staff",
        "ask somebody who has it",
    )
    monkeypatch.setenv("BVINV_ROLE", "manager")
    assert asked(line).exit_code == 0


def assert_refused_as_forbidden(bvinv, line, detail, hint):
    before = bvinv.dump()
    said = bvinv(line).refused(6)
    assert said == f"error[not-permitted]: {detail}\nhint: {hint}\n"
    problem = bvinv(f"{line} -f json").problem
    assert (problem["status"], problem["code"], problem["detail"]) == (
        403,
        "not-permitted",
        detail,
    )
    assert bvinv.dump() == before


def test_all_are_approved_at_once_but_one_s_own(asked):
    asked("products add HX-9 --title T --price 1")
    asked("products price HX-9 2")
    rows = asked("products approve --all -f json").json
    assert [row["sku"] for row in rows] == ["HX-1"]
    assert asked("products approve --all -f json").json == []


def test_a_rejection_keeps_its_reason(asked):
    [row] = asked('products reject 1 --reason "not before the fair" -f json').json
    assert (row["state"], row["reason"]) == ("rejected", "not before the fair")
    [past] = asked("products price HX-1 -f json").json["history"]
    assert (past["state"], past["reason"], past["decided_by"]) == (
        "rejected",
        "not before the fair",
        "tester",
    )


def test_what_it_cost_is_asked_by_time(bvinv):
    bvinv("products price HX-2 5")
    row = bvinv("products price HX-2 --on 9999-12-31 -f json").json
    assert (row["sku"], row["price"], row["currency"]) == ("HX-2", "5.00", "USD")
    assert set(row) == {"sku", "at", "price", "currency", "since"}
    said = bvinv("products price HX-2 --on 2020-01-01").refused(3)
    assert said.startswith("error[not-found]: HX-2 was not in the catalogue then: it came at 20")


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("price HX-1 --currency EUR", 2, "a currency needs a price beside it", None),
        (
            "price HX-1 5 --on 2026-01-01",
            2,
            "--on asks what a product cost: leave the new price out",
            None,
        ),
        (
            "price HX-1 12.999",
            2,
            "'12.999' has more decimals than GBP, which has 2",
            None,
        ),
        ("price NOPE 1", 3, "there is no product 'NOPE'", "see: bvinv products list"),
        ("approve", 2, "name the price requests, or say --all", None),
        ("approve 1 --all", 2, "name the price requests, or say --all", None),
        (
            "approve 7",
            3,
            "there is no price request 7",
            "see: bvinv products price-requests",
        ),
    ],
)
def test_what_cannot_be_is_refused(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"products {line}", code, detail, hint)


@pytest.mark.parametrize(
    "line",
    ["products approve x", "products approve 0", "products reject 1", "products price HX-1 --on x"],
)
def test_what_cannot_be_read_is_refused_before_anything_is_done(bvinv, line):
    before = bvinv.dump()
    bvinv(line).refused(2)
    assert bvinv.dump() == before


def test_a_dry_run_shows_the_request_and_keeps_nothing(bvinv):
    answer = assert_only_tried(bvinv, "products price HX-1 14.50")
    assert answer["price_request"]["price"] == "14.50"


def test_a_key_makes_an_approval_harmless_to_repeat(asked):
    first = asked("products approve 1 --key K-1 -f json").json
    again = asked("products approve 1 --key K-1 -f json")
    assert again.json == [row | {"replayed": True} for row in first]


def test_a_key_makes_a_request_harmless_to_repeat(bvinv):
    assert_replays(bvinv, "products price HX-1 15", "products price HX-1 16")


def test_a_product_with_a_price_history_is_discontinued_not_deleted(bvinv):
    bvinv("products price HX-3 5")
    ran = bvinv("products delete HX-3 -f json")
    assert ran.json["status"] == "discontinued"
    assert ran.stderr == "discontinued: it has history, which is never deleted\n"


def test_the_pages_of_requests_follow_each_other(bvinv):
    for number in range(3):
        bvinv(f"products add P-{number} --title T --price 1")
        bvinv(f"--actor ann products price P-{number} 2")
    first = bvinv("products price-requests --limit 2 -f json")
    assert [row["sku"] for row in first.json] == ["P-0", "P-1"]
    assert first.stderr == "more: --after 2\n"
    rest = bvinv("products price-requests --after 2 -f json")
    assert ([row["sku"] for row in rest.json], rest.stderr) == (["P-2"], "")
    assert json.loads(bvinv("products price-requests -f jsonl").stdout.splitlines()[2])["id"] == 3
