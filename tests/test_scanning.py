"""The scan mode as people have it: on a terminal, in a pipe, cut off, and several at once."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from bvinv.core import isbn
from bvinv.core.errors import NotFound
from bvinv.core.gate import Gate
from bvinv.core.scanning import lines, unknown
from tests import books, importers, scan_books, workers
from tests.conftest import mostly_on_sqlite, shared_data
from tests.programs import running
from tests.purchasing_books import add_supplier, order
from tests.scan_books import EAN, begin, resume, scan, shop
from tests.terminal import PROMPT, Terminal

RED, BELL, PLAIN = "\x1b[1;31m", "\a", "\x1b[0m"
RECEIVE = ("receive", "--scan", "--warehouse", "MAIN")


@pytest.fixture
def floor(database):
    return shop(database)


@pytest.fixture
def env(where):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BVINV_") and name not in ("NO_COLOR", "TERM", "COLUMNS")
    }
    return kept | {
        "BVINV_DB": where,
        "BVINV_ACTOR": "tester",
        "TERM": "xterm",
        "PYTHONIOENCODING": "utf-8",
    }


def piped(env, said, *command):
    """Pipe lines into the program; return exit code, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "bvinv", *command],
        input=said.encode(),
        env=env,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def scans(floor):
    """Return outcome and code of every line that was written down."""
    return books.fetch(floor, "SELECT outcome, code FROM scan ORDER BY session_id, seq")


# --- the real log -------------------------------------------------------------------------------


OUTCOMES = ("accepted", "unknown", "refused")


@mostly_on_sqlite
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (150, (119, 31, 0)),
        pytest.param(1784, (1523, 254, 7), marks=pytest.mark.slow),
    ],
)
def test_every_line_of_a_real_log_is_accounted_for(database, env, lines, expected):
    """1,784 scans over the library's 1,587 books: what is no misread is received if the library
    has that ISBN, and on the list of unknown codes if not."""
    logged = dict(zip(OUTCOMES, expected, strict=True))
    books.add_warehouses(database, "MAIN")
    importers.load(
        database,
        shared_data("scans/books.csv"),
        mapping={"publish_date": "publication_date", "openlibrary_medcover_url": "image_url"},
        ignore_unknown=True,
    )
    with shared_data("scans/scan_log.csv").open() as file:
        scanned = [row["barcode"] for row in csv.DictReader(file)][:lines]
    said = "".join(f"{code}\r\n" for code in scanned)

    code, out, err = piped(env, said, *RECEIVE, "--format", "jsonl")

    assert code == 7
    *rows, total = [json.loads(line) for line in out.splitlines()]
    assert [row["code"] for row in rows] == scanned
    assert [row["seq"] for row in rows] == [*range(1, lines + 1)]
    found = Counter(row["outcome"] for row in rows)
    assert found == Counter(logged)
    owned = {number for (number,) in books.fetch(database, "SELECT isbn FROM product")}
    assert sum(isbn.find(code) in owned for code in scanned) == logged["accepted"]
    assert tuple(total[outcome] for outcome in OUTCOMES) == expected
    assert (total["status"], total["pieces"]) == ("done", logged["accepted"])
    assert json.loads(err[err.index("{") :])["code"] == "partial"
    [(on_hand,)] = books.fetch(database, "SELECT sum(on_hand) FROM stock_level")
    [(listed,)] = books.fetch(database, "SELECT sum(quantity) FROM unknown_barcode")
    assert (on_hand, listed) == (logged["accepted"], logged["unknown"])
    assert Counter(scans(database)) == Counter((row["outcome"], row["code"]) for row in rows)
    again = piped(env, said, *RECEIVE)
    assert again[0] == 7
    assert Counter(line.split()[1] for line in again[1].splitlines()) == Counter(logged)


# --- a pipe -------------------------------------------------------------------------------------


def test_a_pipe_has_a_line_for_each_scan_and_nothing_else(floor, env):
    code, out, err = piped(env, f"{EAN}\na-01\n\n*QTY 2\nHX-2\n*DONE\nHX-3\n", *RECEIVE)

    assert code == 0
    assert out == (
        f"1 accepted {EAN}  HX-1 Book HX-1  +1 → DOCK  1 in this session\n"
        "2 accepted a-01  at A-01\n"
        "3 accepted *QTY 2  the next item counts 2 times\n"
        "4 accepted HX-2  HX-2 Book HX-2  +2 → A-01  2 in this session\n"
    )
    assert err == (
        "SC-1 begins; *HELP says what can be typed, *DONE ends it\n"
        "SC-1 (RC-1): 2 scans, 3 pieces; done\n"
    )
    assert books.bins(floor, "MAIN") == {"DOCK": 1, "A-01": 2}


@mostly_on_sqlite
def test_a_pipe_that_was_not_all_accepted_ends_with_7(floor, env):
    code, out, err = piped(env, "HX-1\n9780141439519\nnothing\n", *RECEIVE)

    assert code == 7
    assert out.splitlines()[1:] == [
        "2 refused 9780141439519  a misread: the check digit is off  scan it again",
        "3 unknown nothing  +1 on the list of unknown codes",
    ]
    assert err.splitlines()[1:] == [
        "SC-1 (RC-1): 1 scan, 1 piece, 1 unknown, 1 refused; done",
        "unknown codes wait for their product: bvinv scan unknown",
        "error[partial]: 2 of 3 lines were not accepted: 1 unknown, 1 refused",
        "hint: see: bvinv scan show SC-1",
    ]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_terminal_without_the_letters_gets_others(floor, env):
    code, out, _ = piped(env | {"PYTHONIOENCODING": "ascii"}, "HX-1\n", *RECEIVE)

    assert (code, out) == (
        0,
        "1 accepted HX-1  HX-1 Book HX-1  +1 -> DOCK  1 in this session\n",
    )


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dry-run"], "--dry-run is for one command"),
        (["--key", "K-1"], "--key is for one command"),
        (["--format", "csv"], "not as csv"),
    ],
)
def test_what_is_for_one_command_is_refused(floor, env, options, said):
    before = books.snapshot(floor)
    code, out, err = piped(env, "HX-1\n", *RECEIVE, *options)

    assert (code, out) == (2, "")
    assert said in err
    assert books.snapshot(floor) == before


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "said", [b"\xff\xfe\x00\n", b"A" * 10_000 + b"\n", b"\x1b[2J\x07\n", "ﬀ\u202e\n".encode()]
)
def test_rubbish_is_refused_or_unknown_and_never_drives_the_terminal(floor, env, said):
    done = subprocess.run(
        [sys.executable, "-m", "bvinv", *RECEIVE],
        input=said + b"HX-1\n",
        env=env,
        capture_output=True,
        timeout=30,
        check=False,
    )
    out = done.stdout.decode()
    assert done.returncode == 7
    assert "HX-1 Book HX-1  +1 → DOCK" in out
    assert all(line.isprintable() for line in out.splitlines())


# --- a terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_terminal_has_a_prompt_a_bell_and_a_red_line(floor, env):
    with Terminal(*RECEIVE, env=env) as terminal:
        begun = terminal.until(PROMPT)
        assert begun.endswith("receive MAIN DOCK> ")
        assert terminal.type(EAN) == (
            "\x1b[32m✓\x1b[0m HX-1 Book HX-1   +1 → DOCK   1 in this session\r\nreceive MAIN DOCK> "
        )
        assert terminal.type("*QTY 12").endswith("receive MAIN DOCK x12> ")
        assert terminal.type("A-01").endswith("receive MAIN A-01 x12> ")
        assert terminal.type("9780141439519") == (
            f"{BELL}{RED}✗ 9780141439519   a misread: the check digit is off   scan it again"
            f"{PLAIN}\r\n"
            "receive MAIN A-01 x12> "
        )
        assert BELL not in terminal.type("HX-1")
        assert terminal.type("nothing").startswith(BELL)
        terminal.send("*DONE\n")
        assert terminal.ended() == 0
        assert "SC-1 (RC-1): 2 scans, 13 pieces, 1 unknown, 1 refused; done" in terminal.seen
    assert books.bins(floor, "MAIN") == {"DOCK": 1, "A-01": 12}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_lines_fit_into_eighty_columns_and_colour_can_be_refused(floor, env):
    scan_books.name(floor, "HX-2", title="漢字の題 " + "a very long title " * 10)
    with Terminal(*RECEIVE, env=env | {"NO_COLOR": "1"}) as terminal:
        terminal.until(PROMPT)
        said = terminal.type("HX-2").partition("\r\n")[0]
        assert said.startswith("✓ HX-2 漢字の題 a very")
        assert said.endswith("…   +1 → DOCK   1 in this session")
        assert len(said) + 4 <= 80
        assert "\x1b" not in terminal.type("9780141439519")
        terminal.send("*DONE\n")
        assert terminal.ended() == 0


@mostly_on_sqlite
def test_ctrl_c_and_ctrl_d_leave_the_session_open(floor, env):
    with Terminal(*RECEIVE, env=env) as terminal:
        terminal.until(PROMPT)
        terminal.type("HX-1")
        terminal.type("A-01")
        terminal.interrupt()
        assert terminal.ended() == 130
        assert "SC-1 stays open after line 2: --resume goes on with it" in terminal.seen
    with Terminal(*RECEIVE, "--resume", env=env) as terminal:
        assert "SC-1 (RC-1): 1 scan, 1 piece; goes on after line 2, A-01: at A-01" in (
            terminal.until("receive MAIN A-01> ")
        )
        terminal.type("HX-1")
        terminal.send("\x04")
        assert terminal.ended() == 0
        assert "SC-1 stays open after line 3" in terminal.seen
    with Terminal(*RECEIVE, env=env) as terminal:
        assert "SC-1 is still open too; --resume goes on with it" in terminal.until(PROMPT)
        terminal.send("*DONE\n")
        assert terminal.ended() == 0
    assert books.bins(floor, "MAIN") == {"DOCK": 1, "A-01": 1}


@mostly_on_sqlite
def test_a_terminal_that_is_closed_loses_nothing(floor, env):
    with Terminal(*RECEIVE, env=env) as terminal:
        terminal.until(PROMPT)
        terminal.type("*QTY 4")
        terminal.type("HX-1")
        terminal.type("*QTY 3")
        terminal.hang_up()
        assert terminal.ended() in (-1, 129)  # killed by SIGHUP
    assert books.bins(floor, "MAIN") == {"DOCK": 4}

    with Terminal(*RECEIVE, "--resume", env=env) as terminal:
        terminal.until("receive MAIN DOCK x3> ")
        terminal.type("HX-1")
        terminal.send("*DONE\n")
        assert terminal.ended() == 0
    assert books.bins(floor, "MAIN") == {"DOCK": 7}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_hang_up_that_is_ignored_ends_quietly(floor, env):
    """Under nohup the terminal goes away without a signal."""
    import signal

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Terminal(*RECEIVE, env=env) as terminal:
            terminal.until(PROMPT)
            terminal.type("HX-1")
            terminal.hang_up()
            assert terminal.ended() in (0, 129)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert resume(floor).seq == 1


@mostly_on_sqlite
def test_a_put_away_that_is_cut_off_has_its_pieces_in_hand_again(floor, env):
    books.receive(floor, "HX-1", 5, "MAIN")
    command = ("stock", "put-away", "--scan", "--warehouse", "MAIN")
    with Terminal(*command, env=env) as terminal:
        terminal.until("put-away MAIN DOCK> ")
        terminal.type("HX-1")
        assert terminal.type("HX-1").endswith("put-away MAIN DOCK [2 HX-1]> ")
        terminal.hang_up()
    with Terminal(*command, "--resume", env=env) as terminal:
        assert "2 of HX-1 are in hand" in terminal.until("put-away MAIN DOCK [2 HX-1]> ")
        assert "✗" in terminal.type("*DONE")
        assert "2 DOCK → A-01" in terminal.type("A-01")
        terminal.send("*DONE\n")
        assert terminal.ended() == 0
    assert books.bins(floor, "MAIN") == {"DOCK": 3, "A-01": 2}


# --- cut off, and several at once ---------------------------------------------------------------


def test_whatever_was_answered_is_there_after_a_kill(floor, env):
    chance = random.Random(20260301)
    answered = 0
    for turn in range(4):
        with running(
            *(sys.executable, "-m", "bvinv", *RECEIVE, "--format", "jsonl"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
        ) as process:
            process.stdin.write(b"HX-1\n" * 400)
            process.stdin.flush()
            told = [json.loads(process.stdout.readline())]
            end = time.monotonic() + chance.uniform(0.01, 0.15)
            while time.monotonic() < end:
                told.append(json.loads(process.stdout.readline()))
            process.kill()
            rest = process.stdout.read().decode().splitlines(keepends=True)
            told += [json.loads(line) for line in rest if line.endswith("\n")]
        [(kept, pieces)] = books.fetch(
            floor,
            "SELECT count(*), sum(quantity) FROM scan WHERE outcome = 'accepted' AND session_id = "
            f"{turn + 1}",
        )
        assert told[-1]["seq"] <= kept <= told[-1]["seq"] + 1
        assert [row["seq"] for row in told] == [*range(1, told[-1]["seq"] + 1)]
        answered += pieces
    assert books.counts(floor, "HX-1", "MAIN")[0] == answered
    assert resume(floor).id == 4


def scan_together(database, number, lines_of, document):
    desk = begin(database, document=document, actor=f"scanner-{number}")
    return [scan(database, desk, line).outcome for line in lines_of.split("|")]


def test_two_who_scan_for_one_order_share_what_is_left(floor, where):
    add_supplier(floor)
    number = order(floor, "HX-1=10 HX-2=3")
    said = "|".join(["HX-1"] * 8 + ["HX-2", "A-01"])

    answers = workers.together(where, scan_together, [(one, said, number) for one in range(2)])

    found = Counter(outcome for one in answers for outcome in one)
    assert found == {"accepted": 10 + 2 + 2, "refused": 6}
    assert books.counts(floor, "HX-1", "MAIN")[0] == 10
    assert books.fetch(floor, "SELECT received FROM purchase_order_line ORDER BY quantity") == [
        (2,),
        (10,),
    ]


def test_many_who_scan_into_one_bin_lose_nothing(floor, where):
    said = "|".join(["A-01", *["HX-1", "HX-2"] * 10])
    workers.together(where, scan_together, [(one, said, "") for one in range(4)])

    assert books.bins(floor, "MAIN") == {"A-01": 80}


def go_on(database, number):
    desk = resume(database)
    done = 0
    try:
        for _ in range(20):
            done += scan(database, desk, "HX-1").outcome == "accepted"
    except lines.Elsewhere:
        return done, True
    return done, False


def test_a_session_that_two_resume_is_one_s(floor, where):
    scan(floor, begin(floor), "HX-1")

    answers = workers.together(where, go_on, [(1,), (2,)])

    assert sorted(answers) in ([(0, True), (20, False)],)
    assert books.counts(floor, "HX-1", "MAIN")[0] == 21
    assert len(scans(floor)) == 21


def resolve(database, number):
    try:
        row = books.act(database, lambda s: unknown.resolve(s, code="nothing", to=f"HX-{number}"))
    except NotFound:
        return 0
    return row.pieces


def test_of_two_who_resolve_a_code_one_does(floor, where):
    desk = begin(floor)
    for _ in range(3):
        scan(floor, desk, "nothing")

    answers = workers.together(where, resolve, [(1,), (2,)])

    assert sorted(answers) == [0, 3]
    assert books.bins(floor, "MAIN") == {"DOCK": 3}


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_connection_that_is_lost_costs_no_scan(floor):
    desk = begin(floor)
    scan(floor, desk, "HX-1")
    [(pid,)] = books.fetch(floor, "SELECT pg_backend_pid()")
    with closing(books.raw(floor)) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])

    assert scan(floor, desk, "HX-1").seq == 2
    assert books.counts(floor, "HX-1", "MAIN")[0] == 2


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_lock_that_another_holds_costs_one_scan_and_no_session(floor, env, where):
    with Terminal(*RECEIVE, env=env | {"BVINV_LOCK_TIMEOUT": "0.2"}) as terminal:
        terminal.until(PROMPT)
        with Gate(Path(f"{where}.lock"), patience=10).hold("a long import"):
            for said in ("HX-1", "*DONE"):
                assert "(a long import) for 0.2 s" in " ".join(terminal.type(said).split())
        assert "+1 → DOCK" in terminal.type("HX-1")
        terminal.send("*DONE\n")
        assert terminal.ended() == 0
    assert books.bins(floor, "MAIN") == {"DOCK": 1}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_lines_that_end_with_a_cr_are_all_read_and_one_too_long_is_one_line(floor, env):
    said = "HX-1\r" * 1000 + "*LEFT " + 5000 * "x" + "HX-2\r" + "HX-1"

    code, out, _ = piped(env, said, *RECEIVE)

    assert code == 7
    assert Counter(line.split()[1] for line in out.splitlines()) == {"accepted": 1001, "refused": 1}
    assert books.bins(floor, "MAIN") == {"DOCK": 1001}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_delivery_note_goes_with_what_is_scanned_and_is_refused_at_once(floor, env):
    add_supplier(floor)
    delivered = (*RECEIVE, "--supplier", "HARBOUR", "--document", "DN-4711")

    assert piped(env, "HX-1\nHX-2\n", *delivered)[0] == 0
    code, out, err = piped(env, "HX-1\n", *delivered)

    assert (code, out) == (4, "")
    assert "DN-4711 of HARBOUR was received already, as RC-1" in err
    assert books.bins(floor, "MAIN") == {"DOCK": 2}
