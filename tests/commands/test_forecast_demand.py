"""`forecast demand` and `forecast backtest`: what is printed, drawn and refused."""

import csv
import io
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from time import sleep

import pytest

from bvinv.commands.forecast.group import patience
from tests.commands.shell import assert_refused


@pytest.fixture
def selling(bvinv, tmp_path):
    """Return a shop in which HX-1 sold 4 pieces, HX-2 2, in each of the last 20 weeks."""
    today = datetime.now(UTC).date()
    lines = [
        f"{sku},{today - timedelta(days=1 + 7 * week)},{quantity}"
        for sku, quantity in (("HX-1", 4), ("HX-2", 2))
        for week in range(20)
    ]
    (tmp_path / "sales.csv").write_text("\n".join(["sku,date,quantity", *lines]))
    assert bvinv("forecast import sales.csv").exit_code == 0
    return bvinv


def test_people_see_one_line_a_product_and_warehouse(selling):
    ran = selling("forecast demand -w MAIN")
    assert ran.stdout.splitlines() == [
        "sku   warehouse  horizon  mean  q50  q90  recent",
        "HX-1  MAIN       4w       16.0   16   20  █████████████",
        "HX-2  MAIN       4w        8.0    8   11  █████████████",
    ]
    [row] = selling("forecast demand -w NORTH --format json").json
    assert row["reason"].startswith("nothing was sold or stocked there until 2")


def test_one_product_is_drawn_below_its_line(selling):
    said = selling("forecast demand HX-1 --horizon 2w --level 0.8").stdout.splitlines()
    assert said[:2] == [
        "sku   warehouse  horizon  mean  q50  q80  recent",
        "HX-1  MAIN       2w        8.0    8   10  █████████████",
    ]
    assert said[3] == "HX-1 at MAIN, pieces a week"
    assert len(said) == 16
    assert max(map(len, said)) <= 80
    assert "█ sold  ─ median to come  ░ with a chance of 0.8" in said[-1]


def test_scripts_get_all_rows_and_people_pages(selling):
    rows = [*csv.DictReader(selling("forecast demand --format csv").stdout.splitlines())]
    assert [(row["sku"], row["mean"], row["q90"]) for row in rows] == [
        ("HX-1", "16.0", "20"),
        ("HX-2", "8.0", "11"),
        ("HX-2", "0.0", "0"),
    ]
    first = selling("forecast demand --limit 2")
    assert first.stderr == "more: --after HX-2=MAIN\n"
    rest = selling("forecast demand --after HX-2=MAIN --format json").json
    assert [(row["sku"], row["warehouse"]) for row in rest] == [("HX-2", "NORTH")]


def test_levels_and_days_are_taken_as_they_are_said(selling):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    [row] = selling(
        f"forecast demand HX-1 --horizon 14d --level 95% --level .975 --as-of {yesterday} -f json"
    ).json
    assert (row["horizon"], row["mean"], row["interval"]) == ("14d", 8.0, 0.975)
    assert [name for name in row if name.startswith("q")] == ["q50", "q95", "q97.5"]
    assert date.fromisoformat(row["ends_on"]) == yesterday + timedelta(days=14)


def test_a_plot_is_written_whole_or_not_at_all(selling, tmp_path):
    (tmp_path / "plot.svg").write_text("old")
    assert selling("forecast demand HX-1 --plot plot.svg --format json").json
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")
    (tmp_path / "folder.svg").mkdir()
    for name in ("plot.pdf", "folder.svg", "nowhere/plot.svg"):
        selling(f"forecast demand HX-1 --plot {name}").refused(2)
    assert {path.name for path in tmp_path.glob("*plot*")} == {"plot.svg"}


def test_what_makes_no_sense_is_refused(selling):
    for words, code, detail, hint in (
        ("NO", 3, "there is no product 'NO'", "see: bvinv products list"),
        ("--horizon 0w", 2, "a horizon is at least a day and at most two years, not 0w", None),
        ("--horizon soon", 2, "'soon' is not a horizon",
         "days, weeks or months, for example 30d, 8w or 2m"),
        ("--level 1", 2, "a level is from 0.5 to 0.9999 in steps of 0.0001, not '1'",
         "for example 0.95, or 95%"),
        ("--after HX-9=MAIN", 2, "the outlook does not have 'HX-9=MAIN' any more", "begin anew"),
    ):  # fmt: skip
        assert_refused(selling, f"forecast demand {words}", code, detail, hint)


def test_methods_stand_side_by_side_in_80_columns(selling, tmp_path):
    today = datetime.now(UTC).date()
    lines = [f"HX-3,{today - timedelta(days=1 + 7 * week)},{week % 5}" for week in range(26)]
    (tmp_path / "more.csv").write_text("\n".join(["sku,date,quantity", *lines]))
    assert selling("forecast import more.csv").exit_code == 0
    said = selling("forecast backtest --origins 4 --horizon 2w").stdout.splitlines()
    assert said[1].startswith("all: 1 series, 4 origins, 2w ahead; best: ")
    assert said[2].split() == [
        *("method", "rmsse", "mase", "pinball", "bias", "cov95", "service", "stock", "cost"),
    ]
    assert max(map(len, said)) <= 80
    rows = selling("forecast backtest --origins 4 --horizon 2w --format json").json
    assert [row["best"] for row in rows[:5]] == [True, False, False, False, False]
    assert {"cov50", "cov90", "level", "group"} <= {*rows[0]}


def test_a_history_that_is_too_short_is_said_to_be(bvinv):
    said = bvinv("forecast backtest").refused(2)
    assert "the history is too short" in said


def test_the_number_of_origins_is_a_whole_one(bvinv):
    said = bvinv("forecast backtest --origins few").refused(2)
    assert "the number of origins must be a whole number" in said


def test_a_terminal_is_told_what_takes_long(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    told = Terminal()
    monkeypatch.setattr(sys, "stderr", told)
    with patience("learning", seconds=0):
        for _ in range(500):
            if told.getvalue():
                break
            sleep(0.01)
    assert "learning …" in told.getvalue()


def test_what_is_quick_or_for_a_file_is_not_told(capsys):
    with patience("learning", seconds=0):
        sleep(0.02)
    assert capsys.readouterr().err == ""


def test_looking_at_stock_does_not_load_numpy():
    program = (
        "import sys; import bvinv.commands.forecast; from bvinv.cli import app; "
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
