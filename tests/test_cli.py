"""The root of the command line: what starts, how it ends, and what nobody ever sees."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bvinv import __version__, cli
from bvinv.commands import COMMANDS
from bvinv.core import engines
from bvinv.core.gate import Gate
from tests.commands import shell

bvinv, plain_environment, shop_template = shell.bvinv, shell.plain_environment, shell.shop_template
BVINV = [sys.executable, "-m", "bvinv"]


def start(*words: str, **environ: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*BVINV, *words],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_version(bvinv):
    assert bvinv("--version") == (0, f"bvinv {__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command_with_its_summary(bvinv, flag):
    ran = bvinv(flag)
    assert (ran.exit_code, ran.stderr) == (0, "")
    for name, summary in COMMANDS.items():
        assert f"  {name:9}  {summary}\n" in ran.stdout


def test_no_command_line_of_the_help_is_cut_short(bvinv):
    inner = {
        "products": ("category", "image", "mapping"),
        "warehouse": ("bin",),
        "purchase": ("supplier", "order", "receipt"),
        "scan": (),
        "stock": ("count", "reason"),
        "transfer": (),
        "reserve": ("channel",),
        "returns": (),
    }
    below = [f"{group} {name}" for group, names in inner.items() for name in names]
    for group in ("", *inner, *below):
        lines = bvinv(f"{group} --help").stdout.splitlines()[1:]
        assert [line for line in lines if line.endswith("...")] == [], group


@pytest.mark.parametrize(
    ("group", "first"),
    [
        ("stock", ["show", "list", "put-away"]),
        ("reserve", ["create", "show", "list"]),
        ("purchase order", ["create", "place", "show"]),
        ("transfer", ["create", "ship", "receive"]),
    ],
)
def test_what_is_used_most_comes_first_in_the_help(bvinv, group, first):
    listed = bvinv(f"{group} --help").stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed[: len(first)]] == first


def test_without_a_command_the_help_is_on_stderr(bvinv):
    for line in ("", "stock"):
        ran = bvinv(line)
        assert ran.refused(2).startswith("Usage: bvinv")


@pytest.mark.parametrize(
    ("line", "detail", "hint"),
    [
        ("stok", "No such command 'stok'. Did you mean 'stock'?", "see: bvinv --help"),
        (
            "stock shw",
            "No such command 'shw'. Did you mean 'show'?",
            "see: bvinv stock --help",
        ),
        ("list", "No such command 'list'.", "see: bvinv --help"),
        ("stock show", "Missing argument 'REF'.", "see: bvinv stock show --help"),
        (
            "stock show HX-1 --colour",
            "No such option: --colour",
            "see: bvinv stock show --help",
        ),
        (
            "--format xml stock list",
            "Invalid value for '--format' / '-f': 'xml' is not one of table, plain, json, jsonl,"
            " csv, tsv, markdown",
            "see: bvinv --help",
        ),
        (
            "stock list --format xml",
            "Invalid value for '--format' / '-f': 'xml' is not one of 'table', 'plain', 'json',"
            " 'jsonl', 'csv', 'tsv', 'markdown'.",
            "see: bvinv stock list --help",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_one_line_and_a_hint(bvinv, line, detail, hint):
    assert bvinv(line).refused(2) == f"error[invalid-input]: {detail}\nhint: {hint}\n"


@pytest.mark.parametrize(
    "line",
    [
        "stok --format json",
        "--format json stok",
        "-f json stok",
        "-fjson stok",
        "stok --format=jsonl",
    ],
)
def test_a_program_gets_an_object_even_when_the_line_cannot_be_read(bvinv, line):
    assert bvinv(line).problem == {
        "type": "urn:bvinv:error:invalid-input",
        "title": "Invalid input",
        "status": 422,
        "code": "invalid-input",
        "detail": "No such command 'stok'. Did you mean 'stock'?",
        "hint": "see: bvinv --help",
    }


def test_an_unforeseen_error_is_one_line_too(bvinv, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("bvinv.core.stock.show", broken)
    hint = "this is a bug; run it again with BVINV_DEBUG=1 and report what it prints"

    said = CliRunner().invoke(cli.app, ["stock", "show", "HX-1"])
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == f"error[internal]: ZeroDivisionError: boom\nhint: {hint}\n"

    said = CliRunner().invoke(cli.app, ["stock", "show", "HX-1", "-f", "json"])
    problem = json.loads(said.stderr)
    assert (problem["code"], problem["status"], problem["hint"]) == ("internal", 500, hint)

    monkeypatch.setenv("BVINV_DEBUG", "1")
    said = CliRunner().invoke(cli.app, ["stock", "show", "HX-1"])
    assert said.exit_code == 1
    assert "Traceback (most recent call last):" in said.stderr


def test_who_holds_the_lock_is_named(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_LOCK_TIMEOUT", "0.3")
    gate = Gate(Path(f"{bvinv.path}.lock"), patience=1)
    before = bvinv.dump()

    with closing(gate), gate.hold("stock import"):
        said = bvinv("receive HX-1 --qty 1 -w MAIN").refused(9)
        assert bvinv("stock show HX-1").exit_code == 0  # readers wait for nobody

    assert said == (
        f"error[busy]: the database has been locked by process {os.getpid()} (stock import)"
        " for 0.3 s\nhint: try again, or raise BVINV_LOCK_TIMEOUT (seconds)\n"
    )
    assert bvinv.dump() == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see it wait")
def test_ctrl_c_ends_a_wait_for_the_lock(bvinv):
    gate = Gate(Path(f"{bvinv.path}.lock"), patience=1)
    with closing(gate), gate.hold("test"):
        waiting = start("receive", "HX-1", "--qty", "1", "-w", "MAIN")
        until(lambda: opened_by(waiting.pid, "shop.db.lock"))
        time.sleep(0.2)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=20)

    assert (waiting.returncode, out, err.strip()) == (130, b"", b"interrupted")
    assert bvinv.level("HX-1", "MAIN") == (10, 0, 10, 0)


def test_ctrl_c_in_an_import_keeps_whole_chunks_and_it_goes_on(bvinv, tmp_path):
    rows = 40_000
    (tmp_path / "many.csv").write_text(
        "sku,title\n" + "".join(f"M-{number},Many {number}\n" for number in range(rows))
    )
    many = "SELECT count(*) FROM product WHERE sku LIKE 'M-%'"

    def stored():
        with closing(engines.sqlite_driver().connect(bvinv.path)) as connection:
            return connection.execute(many).fetchone()[0]

    importing = start("products", "import", "many.csv")
    until(stored)
    importing.send_signal(signal.SIGINT)
    out, err = importing.communicate(timeout=30)

    kept = stored()
    assert 0 < kept < rows and kept % 2000 == 0
    assert (importing.returncode, out) == (130, b"")
    assert err.decode().splitlines() == [
        "reading many.csv: CSV, UTF-8, comma",
        f"the first {kept:,} rows are done; go on with the same command and --resume",
        "interrupted",
    ]
    row = bvinv("products import many.csv --resume --format json").json
    assert (row["created"], row["skipped"]) == (rows, 0)


def until(happens):
    end = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


def opened_by(pid: int, name: str) -> bool:
    try:
        links = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.endswith(name) for link in links)


@pytest.mark.parametrize("fmt", ["plain", "jsonl", "table"])
def test_a_reader_that_has_seen_enough_hears_no_complaint(bvinv, fmt):
    producer = start("stock", "list", "--format", fmt)
    assert producer.stdout is not None
    producer.stdout.close()
    producer.stdout = None
    _, err = producer.communicate(timeout=20)

    assert err == b""
    assert producer.returncode == 141


def test_no_letter_that_a_terminal_lacks_hides_what_was_done(bvinv):
    done = start("products", "update", "HX-1", "--title", "日本", PYTHONIOENCODING="ascii")
    out, err = done.communicate(timeout=20)

    assert (done.returncode, err) == (0, b"")
    assert rb"\u65e5\u672c" in out


def test_the_completion_script_of_bash():
    shown = subprocess.run(
        [*BVINV, "--show-completion", "bash"],
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_BVINV_COMPLETE=complete_bash" in shown.stdout
    assert shown.stdout.rstrip().endswith("complete -o default -F _bvinv_completion bvinv")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("bvinv ", list(COMMANDS)),
        ("bvinv st", ["stock"]),
        ("bvinv stock h", ["history"]),
        ("bvinv products category ", ["add", "list", "show", "move", "rename", "delete"]),
        ("bvinv stock list --form", ["--format"]),
        ("bvinv stock list --format js", ["json", "jsonl"]),
    ],
)
def test_completion(words, offered):
    environ = {
        "_BVINV_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    ran = subprocess.run(
        BVINV, env={**os.environ, **environ}, capture_output=True, text=True, check=True
    )
    assert (ran.stdout.split(), ran.stderr) == (offered, "")


def modules(*words: str) -> set[str]:
    """Return the packages that a command imports, asked in a process of its own."""
    code = (
        "import sys; from bvinv.cli import app\n"
        f"try: app({list(words)!r})\n"
        "except SystemExit as stop: assert not stop.code, stop\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def test_help_imports_cheap_modules_only():
    heavy = {"sqlmodel", "sqlalchemy", "pydantic", "rich", "alembic", "psycopg", "tabulate"}
    assert modules("--help") & (heavy | {"numpy"}) == set()


def test_a_look_at_the_stock_imports_no_more_than_it_needs(bvinv):
    heavy = {"rich", "alembic", "psycopg", "iso4217", "numpy"}
    assert modules("stock", "show", "HX-1") & heavy == set()
    assert modules("stock", "show", "HX-1", "-f", "json") & (heavy | {"tabulate"}) == set()
