"""`bvinv forecast run`, `service` and `override`: what they answer, and what they refuse."""

from datetime import date, timedelta

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

LAST = date(2025, 6, 28)
NIGHT = "forecast run --as-of 2025-06-28"
LEVEL_HINT = "for example 0.95, or 95%"
SET = "forecast override set HX-1 -w MAIN --reorder-point 40 --until 2099-12-31 --reason school"


@pytest.fixture
def shop(bvinv):
    """Return a shell in whose shop three pieces of HX-1 were sold each week until LAST."""
    days = [LAST - timedelta(days=7 * back) for back in range(30)]
    lines = ["sku,date,quantity,warehouse", *(f"HX-1,{day},3,MAIN" for day in days)]
    for line, stdin in (
        ("purchase supplier add HARBOUR --name Harbour --currency GBP --lead-time-days 7", None),
        ("purchase supplier terms HARBOUR HX-1 --cost 6.00", None),
        ("forecast import -", "\n".join(lines)),
    ):
        ran = bvinv(line, stdin=stdin)
        assert ran.exit_code == 0, ran.stderr
    return bvinv


def test_a_night_says_what_it_did(shop):
    ran = shop(f"{NIGHT} --warehouse MAIN")

    lines = ran.stdout.splitlines()
    assert lines[:5] == [
        "as_of        2025-06-28",
        "period       week",
        "series       2",
        "levels       1",
        "suggestions  0",
    ]
    assert lines[5].startswith("seconds      ")
    assert lines[6:] == ["version      0.1.0"]
    # Three a week for two weeks, and class A's chance of 97 %.
    assert shop.fetch("SELECT mean, reorder_point FROM forecast_level") == [(6_000, 10)]


def test_the_cheapest_service_level_of_each_class_is_told(shop):
    said = f"{NIGHT} --optimise-cost --order-cost 15 --holding-rate 25%"
    [chosen] = shop(f"{said} --format json").json["chosen"]

    # Where each week is like the last one, what is sold on average is enough.
    assert chosen == {
        "abc": "A",
        "service_level": 0.5,
        "cost": "0.00",
        "currency": "GBP",
        "series": 1,
    }
    assert shop.fetch("SELECT DISTINCT service_level FROM forecast_level") == [(5_000,)]


def test_a_night_can_be_tried_and_repeated(shop):
    assert assert_only_tried(shop, NIGHT)["levels"] == 1
    assert_replays(shop, NIGHT, f"{NIGHT} --review 14d")


@pytest.mark.parametrize(
    ("option", "detail", "hint"),
    [
        (
            "--service-level 95",
            "a level is from 0.5 to 0.9999 in steps of 0.0001, not '95'",
            LEVEL_HINT,
        ),
        (
            "--service-level 1",
            "a level is from 0.5 to 0.9999 in steps of 0.0001, not '1'",
            LEVEL_HINT,
        ),
        (
            "--service-level 0",
            "a level is from 0.5 to 0.9999 in steps of 0.0001, not '0'",
            LEVEL_HINT,
        ),
        (
            "--review 0d",
            "'0d' is not a time between 1 and 3650 days",
            "days, weeks or months, for example 7d, 2w or 1m",
        ),
        (
            "--lead-time 4000d",
            "'4000d' is not a time between 0 and 3650 days",
            "days, weeks or months, for example 7d, 2w or 1m",
        ),
        (
            "--order-cost 15 --holding-rate 0%",
            "the holding rate is from 0.01% to 1000%, not '0%'",
            "for example 25%",
        ),
        (
            "--order-cost 15",
            "what an order costs and what holding costs are only of use together",
            "for example: --order-cost 15.00 --holding-rate 25%",
        ),
        (
            "--optimise-cost",
            "the cheapest service level needs the costs",
            "for example: --optimise-cost --order-cost 15.00 --holding-rate 25%",
        ),
    ],
)
def test_a_night_without_sense_is_refused(shop, option, detail, hint):
    assert_refused(shop, f"{NIGHT} {option}", 2, detail, hint)


def test_times_are_days_weeks_or_months(shop):
    for said, days in (("3d", 3), ("2w", 14), ("1m", 30), ("3M", 91)):
        assert shop(f"{NIGHT} --review {said}").exit_code == 0
        assert shop.fetch("SELECT review_days FROM forecast_level") == [(days,)]


def test_service_levels_are_set_listed_and_removed(shop):
    row = shop("forecast service set 95% --format json").json
    assert row.pop("updated_at")
    assert row == {"scope": "all", "subject": None, "service_level": 0.95, "kind": "cycle"}
    assert shop("forecast service set 0.98 --sku HX-1 --kind fill").exit_code == 0
    assert shop("forecast service set .975 --class a").exit_code == 0

    rows = shop("forecast service list --format json").json
    assert [(one["scope"], one["subject"], one["service_level"], one["kind"]) for one in rows] == [
        ("all", None, 0.95, "cycle"),
        ("class", "A", 0.975, "cycle"),
        ("product", "HX-1", 0.98, "fill"),
    ]
    assert shop("forecast service remove --class A --format json").json["service_level"] == 0.975
    assert shop(NIGHT).exit_code == 0
    assert shop.fetch("SELECT service_level, service_kind FROM forecast_level") == [(9800, "fill")]


@pytest.mark.parametrize("said", ["0", "1", "95", "0.49", "0.99999", "100%", "nan", "0.9x", "-0.9"])
def test_a_service_level_out_of_range_is_refused(bvinv, said):
    assert_refused(
        bvinv,
        f"forecast service set -- {said}",
        2,
        f"a level is from 0.5 to 0.9999 in steps of 0.0001, not '{said}'",
        LEVEL_HINT,
    )


def test_a_service_level_is_for_one_thing(bvinv):
    assert_refused(
        bvinv,
        "forecast service set 0.9 --sku HX-1 --class A",
        2,
        "a service level is for a product, a category or a class",
        "name one of them",
    )
    assert_refused(
        bvinv,
        "forecast service remove --class B",
        3,
        "class B has no service level of its own",
        "see: bvinv forecast service list",
    )


def test_an_override_is_set_listed_and_removed(bvinv):
    row = bvinv(f"{SET} --order-up-to 60 --format json").json
    assert row.pop("created_at")
    assert row == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "reorder_point": 40,
        "order_up_to": 60,
        "reason": "school",
        "until_on": "2099-12-31",
        "live": True,
    }
    assert bvinv("forecast override list").stdout.splitlines() == [
        "sku   warehouse  reorder_point  order_up_to  until_on    live  reason",
        "HX-1  MAIN                  40           60  2099-12-31  true  school",
    ]
    removed = bvinv("forecast override remove HX-1 -w MAIN").stdout.splitlines()
    assert [line.split()[0] for line in removed] == [
        *("sku", "warehouse", "reorder_point", "order_up_to", "until_on", "live", "reason"),
    ]
    assert bvinv("forecast override list --format json").json == []


def test_an_override_can_be_tried_and_repeated(bvinv):
    assert assert_only_tried(bvinv, SET)["reorder_point"] == 40
    assert_replays(bvinv, SET, f"{SET} --order-up-to 90")


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ("--order-up-to 39", "order up to 39 is less than the reorder point, 40"),
        ("--reason ' '", "the reason is empty"),
    ],
)
def test_an_override_without_sense_is_refused(bvinv, more, detail):
    assert_refused(bvinv, f"{SET} {more}", 2, detail, None)
