"""Plots: what a terminal, an SVG and a PNG show of the same picture."""

import importlib.util
import sys
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from bvinv.core.errors import InvalidInput
from bvinv.core.replenishment import plots
from bvinv.core.replenishment.plots import Picture

SVG = "{http://www.w3.org/2000/svg}"


def picture(history, median=(), low=(), high=(), title="HX-1 at MAIN") -> Picture:
    days = [
        date(2026, 1, 5) + timedelta(days=7 * week) for week in range(len(history) + len(median))
    ]
    return Picture(title, "week", days, history, [*median], [*low], [*high], 0.9)


def test_a_sparkline_has_a_bar_for_each_bucket():
    assert plots.sparkline([None, 0, 1, 4, 8]) == "·▁▂▅█"
    assert plots.sparkline([0, 0]) == "▁▁"
    assert plots.sparkline([]) == ""


def test_one_piece_beside_a_thousand_is_still_to_be_seen():
    assert plots.sparkline([0, 1, 1000]) == "▁▂█"


def test_a_plot_has_bars_then_the_median_in_its_interval():
    drawn = plots.terminal(picture([8, 4, None, 0], [4.0, 4.0], [2.0, 2.0], [6.0, 6.0]))
    assert drawn == [
        "HX-1 at MAIN",
        "8 ┤████            │",
        "  │████            │",
        "  │████            │░░░░░░░░",
        "  │████            │░░░░░░░░",
        "4 ┤████▄▄▄▄        │────────",
        "  │████████        │░░░░░░░░",
        "  │████████        │░░░░░░░░",
        "  │████████        │",
        "0 ┤████████····    │",
        "  └────────────────┴────────",
        "                    2026-02-02",
        "   █ sold  ─ median to come  ░ with a chance of 0.9  · not seen",
    ]


@pytest.mark.parametrize(("past", "ahead"), [(0, 1), (1, 1), (52, 4), (52, 104), (500, 8)])
def test_a_plot_fits_80_columns(past, ahead):
    many = [1234.0] * ahead
    drawn = plots.terminal(picture([9_999_999] * past, many, many, many))
    assert max(map(len, drawn)) <= 80
    assert len(drawn) <= 14


def test_nothing_sold_and_nothing_to_come_can_be_drawn():
    drawn = plots.terminal(picture([0, 0], [0.0], [0.0], [0.0]))
    assert drawn[1].startswith("2 ┤")
    assert "█" not in "".join(drawn[:-1])


def test_an_svg_is_well_formed_and_shows_every_bucket_that_sold():
    said = plots.svg([picture([3, 0, None, 5], [4.0], [1.0], [9.0])] * 2).decode()
    root = ElementTree.fromstring(said)
    assert root.tag == f"{SVG}svg"
    assert (root.get("width"), root.get("height")) == ("760", "520")
    bars = [
        one for one in root.iter(f"{SVG}rect") if "x" in one.attrib and one.get("width") != "10"
    ]
    assert len(bars) == 4
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert texts[0] == "HX-1 at MAIN"
    assert {"0", "2.5", "5", "7.5", "10", "2026-01-05"} <= {*texts}
    assert "script" not in said


def test_what_stands_in_a_name_stays_text_in_an_svg():
    name = "<script>&\"'\x00]]>\ufffe"
    root = ElementTree.fromstring(plots.svg([picture([1], title=name)]))
    assert next(one.text for one in root.iter(f"{SVG}text")) == "<script>&\"'\ufffd]]>\ufffd"
    assert root.find(f".//{SVG}script") is None


def test_a_file_of_another_kind_is_refused(tmp_path):
    assert plots.drawer(None) is None
    assert plots.drawer(tmp_path / "A.SVG") is plots.svg
    for name in ("a.pdf", "a", ".svg", "a.svg.gz"):
        with pytest.raises(InvalidInput, match=r"FILE\.svg or FILE\.png"):
            plots.drawer(tmp_path / name)


def test_a_file_shows_twelve_pictures_at_most_and_one_at_least():
    assert plots.svg([picture([1])] * 12)
    for many, said in ((0, "nothing to draw"), (13, "12 products in warehouses at most")):
        with pytest.raises(InvalidInput, match=said):
            plots.svg([picture([1])] * many)


def test_a_png_without_matplotlib_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InvalidInput) as refused:
        plots.png([picture([1])])
    assert "pip install 'bvinv[plot]'" in str(refused.value.hint)


@pytest.mark.skipif(not importlib.util.find_spec("matplotlib"), reason="no matplotlib here")
def test_a_png_is_one():
    drawn = plots.png([picture([3, None, 5], [4.0], [1.0], [9.0], title="$x_{")] * 2)
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
