"""Every format once, exactly; and what must never reach a terminal or a script."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bvinv.core.errors import InvalidInput
from bvinv.output import Format, default_format, note, progress, show, show_error

LEVELS = [
    {"sku": "HX-1", "warehouse": "MAIN", "on_hand": 10, "available": 7, "in_transit": None},
    {"sku": "0012", "warehouse": "ÉAST", "on_hand": 123456, "available": 0, "in_transit": 5},
]
RESERVATION = {
    "reservation_id": "SO-1",
    "status": "held",
    "expires_at": "2026-03-01T09:45:00.123456Z",
    "lines": [{"sku": "HX-1", "quantity": 7}, {"sku": "1e5", "quantity": 12}],
    "replayed": False,
}
SHORT = {
    "code": "insufficient-stock",
    "detail": "only 3 available",
    "errors": [{"sku": "HX-1", "wanted": 7}, {"sku": "Z", "detail": "Z is unknown"}],
    "hint": "try --backorder",
}
HOSTILE = "[bold]x[/] [/] :smile: \x1b[31mred\x9b0m\r\u202e"
TAMED = r"[bold]x[/] [/] :smile: \x1b[31mred\x9b0m\r\u202e"


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    for name in ("BVINV_FORMAT", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def shown(capsys):
    """Return what a result prints, without the blanks that fill up a line."""

    def run(result: Any, fmt: str | None, **options: Any) -> str:
        show(result, Format(fmt) if fmt else None, **options)
        out, err = capsys.readouterr()
        assert err == ""
        return "".join(line.rstrip(" ") + "\n" for line in out.splitlines())

    return run


@pytest.fixture
def terminal(capsys, monkeypatch):
    """Let stdout and stderr be a terminal, as far as anyone can tell."""
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)


def test_json_is_one_document_as_utf8(shown):
    assert shown(LEVELS[1], "json") == (
        '{\n  "sku": "0012",\n  "warehouse": "ÉAST",\n  "on_hand": 123456,\n'
        '  "available": 0,\n  "in_transit": 5\n}\n'
    )
    assert json.loads(shown(LEVELS, "json", columns=["sku"])) == LEVELS
    assert shown([], "json") == "[]\n"


def test_json_cannot_drive_a_terminal(shown):
    out = shown({"title": HOSTILE}, "json")
    assert json.loads(out) == {"title": HOSTILE}
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


def test_jsonl_is_one_row_a_line(shown):
    assert shown(LEVELS, "jsonl") == (
        '{"sku":"HX-1","warehouse":"MAIN","on_hand":10,"available":7,"in_transit":null}\n'
        '{"sku":"0012","warehouse":"ÉAST","on_hand":123456,"available":0,"in_transit":5}\n'
    )
    assert shown({"a": 1}, "jsonl") == '{"a":1}\n'
    assert shown([], "jsonl") == ""


def test_csv_has_all_keys_and_lf_line_ends(capsys):
    show([{"a": 'x"y', "b": None}, {"a": True, "c": [{"d": 1}]}], Format.csv, columns=["a"])
    assert capsys.readouterr().out == 'a,b,c\n"x""y",,\ntrue,,"[{""d"":1}]"\n'


def test_csv_comes_back_as_it_went(capsys):
    values = ["a,b", "two\nlines", "lone\rreturn", "crlf\r\n", " 0012", "1e5", "日本", '"', ""]
    show([{"value": value} for value in values], Format.csv)
    rows = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
    assert [value for [value] in rows] == ["value", *values]


def test_tsv(shown):
    assert shown([{"a": "x\ty", "b": False}], "tsv") == 'a\tb\n"x\ty"\tfalse\n'


def test_an_empty_list_in_csv_still_has_its_header(shown):
    assert shown([], "csv", columns=["sku", "title"]) == "sku,title\n"
    assert shown([], "csv") == ""


def test_plain(shown):
    assert shown(LEVELS, "plain") == (
        "sku   warehouse  on_hand  available  in_transit\n"
        "HX-1  MAIN            10          7\n"
        "0012  ÉAST        123456          0           5\n"
    )
    assert shown(RESERVATION, "plain") == (
        "reservation_id  SO-1\n"
        "status          held\n"
        "expires_at      2026-03-01T09:45:00.123456Z\n"
        "replayed        false\n"
        "\n"
        "lines:\n"
        "sku   quantity\n"
        "HX-1         7\n"
        "1e5         12\n"
    )
    assert (
        shown(LEVELS[1], "plain", columns=["on_hand", "sku"]) == "on_hand  123456\nsku      0012\n"
    )


@pytest.mark.parametrize("fmt", ["plain", "table", "markdown"])
def test_what_has_no_value_is_left_out_for_people(shown, fmt):
    empty = {"isbn": None, "author": "", "lines": [], "options": {}}
    assert shown({"sku": "A", "n": 0, "ok": False} | empty, fmt) == shown(
        {"sku": "A", "n": 0, "ok": False}, fmt
    )


def test_programs_get_what_has_no_value_too(shown):
    assert shown({"sku": "A", "isbn": None, "lines": []}, "jsonl") == (
        '{"sku":"A","isbn":null,"lines":[]}\n'
    )


def test_strings_that_look_like_numbers_stay_as_they_are(shown):
    odd = ["0012", "1e5", "9780306406157", "1_000", "nan", "+1", "1."]
    assert shown([{"code": code} for code in odd], "plain").split() == ["code", *odd]
    prices = [{"price": "9.99"}, {"price": "12.50"}, {"price": None}]
    assert shown(prices, "plain") == "price\n 9.99\n12.50\n\n"


def test_markdown(shown):
    assert shown([{"title": "a|b\nc", "n": 1.5}, {"title": "x", "n": 10}], "markdown") == (
        "| title  |   n |\n|--------|-----|\n| a\\|b c | 1.5 |\n| x      |  10 |\n"
    )
    assert shown({"sku": "0012", "n": 3}, "markdown") == (
        "| key | value |\n|-----|-------|\n| sku | 0012  |\n| n   | 3     |\n"
    )


def test_table(shown):
    assert shown(LEVELS, "table") == (
        "sku   warehouse  on hand  available  in transit\n"
        "───────────────────────────────────────────────\n"
        "HX-1  MAIN            10          7\n"
        "0012  ÉAST        123456          0           5\n"
    )
    assert shown(LEVELS, "table", columns=["on_hand", "sku"]) == (
        "on hand  sku\n─────────────\n     10  HX-1\n 123456  0012\n"
    )


def test_a_table_of_one_thing_has_its_rows_below(shown):
    assert shown(RESERVATION, "table") == (
        "reservation id  SO-1\n"
        "status          held\n"
        "expires at      2026-03-01 09:45:00Z\n"
        "replayed        false\n"
        "\n"
        "lines\n"
        "  sku   quantity\n"
        "  ──────────────\n"
        "  HX-1         7\n"
        "  1e5         12\n"
    )


def test_long_titles_give_way_to_numbers_and_names(shown):
    row = {"sku": "A-VERY-LONG-SKU-0001", "title": "word " * 40, "author": "日本 " * 20}
    lines = shown([row | {"price": "1234567.89", "n": 1_000_000_000}], "table").splitlines()
    assert len(lines) == 3
    assert "A-VERY-LONG-SKU-0001" in lines[2]
    assert lines[2].endswith("…  1234567.89  1000000000") or lines[2].endswith(
        "… 1234567.89 1000000000"
    )


def test_a_table_that_cannot_fit_becomes_blocks(shown):
    row = {f"quantity_{number}": 1_000_000_000 for number in range(10)}
    out = shown([row, row], "table").splitlines()
    assert out[:2] == ["quantity 0  1000000000", "quantity 1  1000000000"]
    assert (len(out), out[10]) == (21, "")


def test_movements_lose_nothing_at_80_columns(shown):
    row = {"id": 1204, "recorded_at": "2026-03-01T09:30:00.5Z", "kind": "receipt", "reason": None}
    row |= {"quantity": 100, "from_bin": "supplier", "to_bin": "DOCK", "on_hand": 100}
    row |= {"reserved": 3, "document": "PO-26-12", "actor": "alice"}
    out = shown([row], "table")
    assert "…" not in out
    assert out.splitlines()[1].split()[:2] == ["id", "at"]
    assert "2026-03-01" in out.splitlines()[3] and "09:30:00Z" in out.splitlines()[4]


@pytest.mark.parametrize("fmt", ["table", "plain"])
@pytest.mark.parametrize("many", [True, False])
def test_data_is_neither_markup_nor_control(shown, fmt, many):
    record = {"title": HOSTILE, "[red]key[/red]": 1}
    out = shown([record] if many else record, fmt)
    assert TAMED in out and "[red]key[/red]" in out
    assert not {"\x1b", "\x9b", "\r", "\u202e"} & set(out)


def test_lines_of_a_description_stay_lines_in_a_table_of_one_thing(shown):
    assert shown({"description": "one\r\n\ntwo\t"}, "table") == (
        "description  one\n\n             two\\t\n"
    )


@pytest.mark.parametrize("fmt", ["table", "plain", "markdown", "jsonl"])
def test_an_empty_list_prints_nothing(shown, fmt):
    assert shown([], fmt, columns=["sku"]) == ""


def test_an_empty_list_is_remarked_on_to_a_terminal(terminal, capsys):
    show([], None)
    out, err = capsys.readouterr()
    assert (out, "nothing to show" in err) == ("", True)


def test_the_default_format(monkeypatch, terminal):
    assert default_format() is Format.table
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: False)
    assert default_format() is Format.plain
    monkeypatch.setenv("BVINV_FORMAT", "tsv")
    assert default_format() is Format.tsv
    monkeypatch.setenv("BVINV_FORMAT", "xml")
    with pytest.raises(InvalidInput, match="'xml'; it can be table, plain, json, jsonl, csv, tsv"):
        default_format()


def test_colours_are_for_terminals(monkeypatch, terminal, capsys):
    rows = [{"status": "held", "available": 0}, {"status": "x", "available": 2}]
    show(rows, Format.table)
    out = capsys.readouterr().out
    assert "\x1b[33mheld" in out and "\x1b[31m" in out and "\x1b[1mstatus" in out
    monkeypatch.setenv("NO_COLOR", "1")
    show(rows, Format.table)
    out = capsys.readouterr().out
    assert "\x1b[33m" not in out and "\x1b[31m" not in out


def test_an_error_for_people(capsys):
    show_error(SHORT, Format.plain)
    assert capsys.readouterr() == (
        "",
        "error[insufficient-stock]: only 3 available\n"
        "  sku=HX-1, wanted=7\n"
        "  Z is unknown\n"
        "hint: try --backorder\n",
    )


@pytest.mark.parametrize("fmt", [Format.json, Format.jsonl, None])
def test_an_error_for_programs(monkeypatch, capsys, fmt):
    monkeypatch.setenv("BVINV_FORMAT", "json")
    show_error(SHORT, fmt)
    out, err = capsys.readouterr()
    assert (out, json.loads(err)) == ("", SHORT)


def test_an_error_can_be_about_the_format_itself(monkeypatch, capsys):
    monkeypatch.setenv("BVINV_FORMAT", "xml")
    show_error({"code": "invalid-input", "detail": "no xml"}, None)
    assert capsys.readouterr().err == "error[invalid-input]: no xml\n"


def test_an_error_on_a_terminal_is_red_and_its_data_harmless(terminal, capsys):
    show_error({"code": "conflict", "detail": HOSTILE}, None)
    err = capsys.readouterr().err
    assert err == f"\x1b[1;31merror[conflict]:\x1b[0m {TAMED}\n"


def test_notes_go_to_stderr(capsys):
    note("noted [b]")
    assert capsys.readouterr() == ("", "noted [b]\n")


def test_progress_is_silent_in_a_pipe(capsys):
    with progress("import") as advance:
        advance(5, 0.5)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_leaves_stdout_alone(terminal, capsys):
    with progress("import [b]") as advance:
        advance(1500, 0.5)
        print("a result")
        note("by the way")
    out, err = capsys.readouterr()
    assert out == "a result\n"
    assert "import [b]" in err and "by the way" in err
    assert "1,500 rows" in err


def run(code: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    script = f"import sys; from bvinv.output import *; {code}"
    root = Path(__file__).parents[1]
    env = {**os.environ, **environ}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=env, capture_output=True, check=True
    )


def test_importing_and_json_need_neither_rich_nor_tabulate():
    code = "show({'a': 'é'}, None); sys.exit(bool({'rich', 'tabulate'} & set(sys.modules)))"
    # Machine formats are UTF-8 whatever the locale says.
    ran = run(code, BVINV_FORMAT="jsonl", PYTHONIOENCODING="latin-1")
    assert ran.stdout == '{"a":"é"}\n'.encode()


def test_inner_columns_that_stand_empty_are_left_out_for_people(shown):
    lines = [{"sku": "HX-1", "lot": None, "quantity": 0}, {"sku": "HX-2", "lot": "", "quantity": 1}]

    said = shown({"order": "PO-1", "lines": lines}, "plain")

    assert said == "order  PO-1\n\nlines:\nsku   quantity\nHX-1         0\nHX-2         1\n"
    assert '"lot": null' in shown({"order": "PO-1", "lines": lines}, "json")


def test_a_list_keeps_its_empty_columns_in_a_pipe_and_leaves_them_out_of_a_table(shown):
    rows = [{"sku": "HX-1", "reorder_point": None}]
    assert shown(rows, "plain") == "sku   reorder_point\nHX-1\n"
    assert "reorder" not in shown(rows, "table")


def test_what_a_line_is_about_is_not_cut_short(shown):
    rows = [{"id": 1, "title": "T" * 90, "about": " ".join(["SHELF to STAGING SO-1001"] * 4)}]
    said = shown(rows, "table")
    assert said.split().count("SO-1001") == 4
    assert max(map(len, said.splitlines())) <= 80


def test_there_is_no_ansi_in_a_pipe():
    code = f"show({LEVELS!r}, Format.table); show_error({SHORT!r}, None); note('x')"
    ran = run(code)
    assert b"HX-1" in ran.stdout and ran.stderr.endswith(b"x\n")
    assert b"\x1b" not in ran.stdout + ran.stderr
