"""The door: files in and out, and what every command shares."""

import io
import os
import shlex
import subprocess
import sys
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from bvinv import door
from bvinv.cli import app
from bvinv.core.errors import InvalidInput, NotFound
from tests.commands import shell
from tests.programs import running

bvinv, plain_environment, shop_template = shell.bvinv, shell.plain_environment, shell.shop_template


def test_a_file_is_opened_and_closed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\nb\nc")

    with door.opened(str(path)) as source:
        assert source.read() == b"a\nb\nc"
    assert source.closed


def test_a_dash_is_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"rows")))

    with door.opened("-") as source:
        assert source.read() == b"rows"


def test_whoever_types_a_file_is_told_how_to_end_it(monkeypatch, capsys):
    typed = io.TextIOWrapper(io.BytesIO(b"rows"))
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)

    with door.opened("-") as source:
        assert source.read() == b"rows"
    assert capsys.readouterr().err == "reading what is typed; Ctrl-D ends it\n"


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("missing", NotFound, "there is no file missing"),
        (".", InvalidInput, ". is a folder, not a file"),
        ("a\0b", InvalidInput, "cannot be read"),
        ("x" * 300, InvalidInput, "cannot be read"),
    ],
)
def test_what_cannot_be_opened_is_said_plainly(tmp_path, monkeypatch, name, error, said):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error, match=said), door.opened(name):
        pass


def test_the_option_goes_before_the_variable_and_the_nearer_option_before_the_other(
    bvinv, monkeypatch
):
    monkeypatch.setenv("BVINV_ACTOR", "env")
    line = "receive HX-1 --qty 1 -w MAIN"
    bvinv(line)
    bvinv(f"--actor root {line}")
    bvinv(f"--actor root {line} --actor own")

    actors = [row["actor"] for row in bvinv("stock history HX-1 -f json").json]
    assert actors == ["own", "root", "env", "tester"]
    assert bvinv.fetch("SELECT actor FROM command_log ORDER BY id DESC LIMIT 3") == [
        ("own",),
        ("root",),
        ("env",),
    ]


def test_an_actor_has_to_be_a_name(bvinv):
    before = bvinv.dump()
    ran = bvinv("receive HX-1 --qty 1 -w MAIN --actor 'a\x07'")
    assert ran.refused(2).startswith("error[invalid-input]: the actor has a control character")
    assert bvinv.dump() == before


def test_a_key_belongs_to_one_command_of_one_name(bvinv):
    bvinv("receive HX-1 --qty 1 -w MAIN --key K")
    ran = bvinv("stock adjust HX-1 -w MAIN --change 1 --reason found --key K")
    assert ran.refused(4).startswith("error[conflict]: the key K was used for another request")


def test_a_wrong_format_in_the_environment_is_found_before_anything_is_changed(bvinv, monkeypatch):
    before = bvinv.dump()
    monkeypatch.setenv("BVINV_FORMAT", "xml")

    assert bvinv("receive HX-1 --qty 1 -w MAIN").refused(2) == (
        "error[invalid-input]: BVINV_FORMAT is 'xml'; it can be table, plain, json, jsonl, csv,"
        " tsv, markdown\n"
    )
    assert bvinv.dump() == before


def test_the_environment_may_say_the_format(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_FORMAT", "json")

    assert bvinv("stock show HX-1 -w MAIN").json["sku"] == "HX-1"
    assert bvinv("stock show HX-9").problem["code"] == "not-found"
    assert bvinv("stock show HX-1 -w MAIN -f plain").stdout.startswith("sku          HX-1\n")
    assert bvinv("--format csv stock show HX-1").stdout.startswith("sku,warehouse,on_hand,")


@pytest.mark.parametrize("fmt", ["table", "plain", "json", "jsonl", "csv", "tsv", "markdown"])
def test_every_format_prints_every_level(bvinv, fmt):
    ran = bvinv(f"stock list --format {fmt}")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.count("HX-2") == 2


def test_a_key_that_was_only_tried_is_not_used_up(bvinv):
    line = "receive HX-1 --qty 3 -w MAIN --key K --format json"
    assert bvinv(f"{line} --dry-run").json["on_hand"] == 13
    assert "replayed" not in bvinv(line).json
    assert bvinv(line).json["replayed"] is True
    assert bvinv.level("HX-1", "MAIN") == (13, 0, 13, 0)


MANY = "error[invalid-input]: 1,000,000 pieces: is that meant?\nhint: say so: --yes\n"


@pytest.mark.parametrize(
    "line",
    [
        "stock adjust HX-1 -w MAIN --change 1000000 --reason found",
        "stock adjust HX-1 -w MAIN --to 1000000 --expect 10 --reason found",
        "reserve create SO-1 HX-1=2 HX-2=1000000 --backorder",
        "stock put-away HX-1 -w MAIN --qty 1000000 --to SHELF",
    ],
)
def test_a_million_pieces_are_asked_about(bvinv, line):
    before = bvinv.dump()
    assert bvinv(line).refused(2) == MANY
    assert bvinv.dump() == before


def test_a_million_pieces_are_meant_where_that_is_said(bvinv):
    line = "stock adjust HX-1 -w MAIN --change 1000000 --reason found"
    assert bvinv(f"{line} --dry-run --format json").json["on_hand"] == 1_000_010
    assert bvinv(f"{line} --yes --key K --format json").json["on_hand"] == 1_000_010
    # Whether it was asked is no part of what was asked for.
    assert bvinv(f"{line} --yes --key K --format json").json["replayed"] is True
    assert bvinv("stock adjust HX-1 -w MAIN --change -99999 --reason lost").exit_code == 0


def ask_on_a_terminal(bvinv, answer):
    """Return the exit code, and what the terminal showed."""
    ours, theirs = os.openpty()
    words = shlex.split("stock adjust HX-1 -w MAIN --change 1000000 --reason found -f json")
    command = (sys.executable, "-m", "bvinv", *words)
    with running(*command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as asking:
        os.close(theirs)
        shown = b""
        while not shown.endswith(b"[y/N] "):
            shown += os.read(ours, 1000)
        os.write(ours, answer)
        asking.communicate(timeout=30)
    with suppress(OSError):  # Linux says EIO where the other end is closed
        shown += os.read(ours, 1000)
    os.close(ours)
    return asking.returncode, shown.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(
    ("answer", "code", "on_hand"),
    [(b"y\n", 0, 1_000_010), (b"n\n", 130, 10), (b"\x04", 130, 10)],
    ids=["yes", "no", "end of input"],
)
def test_a_million_pieces_are_asked_about_on_a_terminal(bvinv, answer, code, on_hand):
    ended, shown = ask_on_a_terminal(bvinv, answer)

    assert shown.startswith("1,000,000 pieces: is that meant? [y/N] ")
    assert ended == code
    assert "Traceback" not in shown
    assert bvinv.level("HX-1", "MAIN")[0] == on_hand


def test_the_same_commands_say_the_same_on_either_engine(plain_environment, where):
    def run(line, code=0):
        ran = CliRunner().invoke(app, ["--db", where, *shlex.split(line)])
        assert ran.exit_code == code, ran.stderr
        return ran.stdout, ran.stderr

    run("init")
    run("warehouse add MAIN --name Main")
    run("products add HX-1 --title Hex --price 12.99")
    run("receive HX-1 --qty 10 --warehouse MAIN")
    run("reserve create SO-1 HX-1=7")
    assert run("reserve create SO-2 HX-1=4", 5) == (
        "",
        "error[insufficient-stock]: only 3 of HX-1 available at all warehouses, 4 wanted;"
        " held by SO-1 (7)\n"
        "hint: reserve less, or let the rest wait for goods: --backorder\n",
    )
    assert run("stock adjust HX-1 -w MAIN --change 2 --reason found --dry-run")[1] == (
        "would change HX-1 at MAIN: on hand 10 → 12, reserved 7 → 7\ndry run: nothing was changed\n"
    )
    assert run("stock show HX-1 --format csv")[0].splitlines()[1].startswith("HX-1,MAIN,10,7,3,0,")
    assert run("stock show HX-9", 3)[0] == ""
    assert run("stock verify")[0].splitlines()[:4] == [
        "levels        1",
        "movements     2",
        "reservations  1",
        "sound         true",
    ]
