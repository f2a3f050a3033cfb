"""`bvinv forecast import` and `forecast calendar`: what they print, what they refuse."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

FILE = "sku,date,quantity\nHX-1,2026-02-01,4\nHX-1,2026-02-01,3\nHX-2,2026-02-03,1\n"
FAIR = "forecast calendar add Fair --from 2026-10-14 --until 2026-10-18"


def test_demand_is_imported_from_stdin(bvinv):
    row = bvinv("forecast import - --format json", stdin=FILE).json
    row.pop("seconds")
    assert row == {
        "rows": 3,
        "created": 3,
        "updated": 0,
        "skipped": 0,
        "rejected": 0,
        "rejects_file": None,
        "errors": [],
        "replayed": False,
        "kind": "CSV, UTF-8, comma",
        "price_requests": 0,
    }
    assert bvinv.fetch("SELECT day_on, quantity FROM demand_day ORDER BY 1") == [
        (20260201, 7),
        (20260203, 1),
    ]


def test_a_dry_run_of_an_import_keeps_nothing(bvinv, tmp_path):
    (tmp_path / "sales.csv").write_text(FILE)
    row = assert_only_tried(bvinv, "forecast import sales.csv")
    assert (row["rows"], row["created"], row["dry_run"]) == (3, 3, True)


def test_rejected_rows_make_exit_code_7_and_a_file(bvinv, tmp_path):
    (tmp_path / "sales.csv").write_text(f"{FILE}NOPE,2026-02-01,1\nHX-1,9999-01-01,1\n")
    ran = bvinv("forecast import sales.csv --rejects refused.csv")
    assert ran.exit_code == 7
    assert ran.stderr.splitlines()[-4:] == [
        "error[partial]: 2 of 5 rows were rejected",
        "  line 5, sku: there is no product NOPE",
        "  line 6, date: '9999-01-01' is still to come",
        "hint: see refused.csv",
    ]
    assert (tmp_path / "refused.csv").read_text().count("\n") == 3
    assert bvinv.fetch("SELECT count(*) FROM demand_day") == [(2,)]


def test_a_promotion_is_added_listed_and_removed(bvinv):
    ran = bvinv(f"{FAIR} --lift 150% --sku HX-1 --warehouse MAIN")
    assert ran.stdout == (
        "id         1\n"
        "name       Fair\n"
        "kind       lift\n"
        "begins_on  2026-10-14\n"
        "ends_on    2026-10-18\n"
        "percent    150\n"
        "sku        HX-1\n"
        "warehouse  MAIN\n"
    )
    assert bvinv("forecast calendar list").stdout == (
        "id  name  begins_on   ends_on     demand  of\n"
        " 1  Fair  2026-10-14  2026-10-18  150%    HX-1 at MAIN\n"
    )
    assert bvinv("forecast calendar remove 1 --format json").json["removed_at"]
    assert bvinv("forecast calendar list --format json").json == []
    assert bvinv("forecast calendar list --all").stdout == (
        "id  name  begins_on   ends_on     demand         of\n"
        " 1  Fair  2026-10-14  2026-10-18  150%, removed  HX-1 at MAIN\n"
    )


def test_an_entry_can_be_tried_and_repeated(bvinv):
    assert_only_tried(bvinv, f"{FAIR} --mask")
    assert_replays(bvinv, f"{FAIR} --mask", f"{FAIR} --lift 90%")


@pytest.mark.parametrize(
    ("line", "detail", "hint"),
    [
        (
            FAIR,
            "days are either lifted or masked",
            "say one of them: --lift 150% or --mask",
        ),
        (
            f"{FAIR} --lift 20000%",
            "a lift is from 1% to 10000% of the usual demand, not 20000%",
            "150% is half as much again, 50% half of it; --mask says that nothing is known",
        ),
        (
            f"{FAIR} --lift 1.5",
            "'1.5' is not a lift",
            "percent of the usual demand: --lift 150%",
        ),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(bvinv, line, detail, hint):
    assert_refused(bvinv, line, 2, detail, hint)


def test_an_entry_is_named_by_its_number(bvinv):
    detail = "the ID must be a whole number from 1 to 1000000000, not 'fair'"
    assert_refused(bvinv, "forecast calendar remove fair", 2, detail, None)
