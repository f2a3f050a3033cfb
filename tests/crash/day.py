"""A day's work of twenty commands, each through bvinv's own command line, acknowledged one by one.

A day runs in a process of its own that was forked from one which has everything imported and no
database open, so that three hundred days cost minutes. What is asked, what was answered and what
was refused is written to a file, a JSON object a line: `asked` before the command, `done` or
`failed` after it. A command that was asked and not answered may have happened or not.
"""

import ctypes
import functools
import importlib
import io
import json
import os
import pkgutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Name of the step -> what is typed. {step.field} is of an earlier answer. Repeating any of them
# is harmless: each has the key `day/<name>`.
STEPS = {
    "product": "products add HX-9 --title Nine --price 9.99 --currency GBP --status active",
    "price": "products price HX-9 12.50 --actor ann",
    "approval": "products approve --all --actor bob",
    "receipt": "receive HX-9 --qty 20 --warehouse MAIN --document DN-9",
    "shelf": "stock put-away HX-9 --warehouse MAIN --qty 12 --to SHELF",
    "order": "reserve create SO-1 HX-9=4 HX-2=2 --warehouse MAIN --ttl 1h",
    "longer": "reserve extend SO-1 --ttl 3h",
    "commit": "reserve commit SO-1 HX-9=1",
    "transfer": "transfer create HX-9=3 HX-1=2 --from MAIN --to NORTH",
    "ship": "transfer ship {transfer.transfer}",
    "arrive": "transfer receive {transfer.transfer} HX-9=2",
    "damage": "stock adjust HX-9 --warehouse MAIN --change -2 --reason damaged",
    "count": "stock count open HX-1 --warehouse MAIN --tolerance 5",
    "counted": "stock count add {count.count} HX-1 --bin SHELF --qty 7",
    "posted": "stock count post {count.count}",
    "more": "receive HX-3 --qty 5 --warehouse NORTH",
    "undo": "stock undo {count.count}",
    "levels": "stock import {folder}/levels.csv",
    "titles": "products import {folder}/titles.csv",
    "expiry": "reserve expire",
    "release": "reserve release SO-1",
}
LEVELS = "sku,warehouse,quantity,reason\nHX-3,MAIN,30,\nHX-1,NORTH,9,found\nHX-9,NORTH,-1,lost\n"
TITLES = "sku,title,author\nHX-1,Hexagons,Ann\nHX-9,Nine Lives,Bob\nHX-11,Eleven,Cat\n"


def bring(folder: Path) -> None:
    """Put the files that the day imports into a folder."""
    (folder / "levels.csv").write_text(LEVELS)
    (folder / "titles.csv").write_text(TITLES)


def read(log: Path) -> list[dict[str, Any]]:
    """Return what a day has written so far; a line that was cut off is left out."""
    if not log.exists():
        return []
    lines = log.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1]]


def answers(log: Path) -> dict[str, Any]:
    """Return the acknowledged answers by the names of their steps."""
    return {one["done"]: one["result"] for one in read(log) if "done" in one}


def acks(log: Path) -> dict[str, Any]:
    """Return the acknowledged answers by the keys of their commands, as the oracle wants them."""
    return {f"day/{name}": result for name, result in answers(log).items()}


def failures(log: Path) -> list[dict[str, Any]]:
    """Return what was refused: each with its exit code, and what it said."""
    return [one for one in read(log) if "failed" in one]


def pace(log: Path) -> tuple[float, float]:
    """Return the seconds that a day took, and of those the most that one command took."""
    lines = read(log)
    asked = {one["asked"]: one["at"] for one in lines if "asked" in one}
    slowest = max(one["at"] - asked[one["done"]] for one in lines if "done" in one)
    return lines[-1]["at"] - lines[0]["at"], slowest


# --- In the process of the day ------------------------------------------------------------------


def work(where: str, log: str, folder: str, tries: int = 1) -> None:
    """Do what is left of the day; each command is tried so many times, then the day is over."""
    os.environ.update(BVINV_DB=where, BVINV_ACTOR="tester", HOME=folder, COLUMNS="80")
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    known = answers(Path(log))

    def tell(**what: Any) -> None:
        os.write(said, json.dumps(what).encode() + b"\n")

    for name, line in STEPS.items():
        if name in known:
            continue
        words = [*_filled(line, known | {"folder": folder}).split(), "--key", f"day/{name}"]
        for left in reversed(range(tries)):
            tell(asked=name, at=time.monotonic())
            code, stdout, stderr = run([*words, "--format", "json"])
            if code == 0:
                known[name] = json.loads(stdout)
                tell(done=name, result=known[name], at=time.monotonic())
                break
            tell(failed=name, code=code, stdout=stdout, stderr=stderr)
            if not left:
                return


def command(where: str, log: str, folder: str, words: list[str]) -> int:
    """Run one command line, not of the day; return its exit code."""
    os.environ.update(BVINV_DB=where, BVINV_ACTOR="tester", HOME=folder, COLUMNS="80")
    code, stdout, stderr = run(words)
    Path(log).write_text(json.dumps({"code": code, "stdout": stdout, "stderr": stderr}) + "\n")
    return code


def _filled(line: str, known: dict[str, Any]) -> str:
    words = []
    for word in line.split():
        if word.startswith("{") and word.endswith("}"):
            step, _, field = word[1:-1].partition(".")
            words.append(str(known[step][field]))
        else:
            words.append(word.replace("{folder}", str(known["folder"])))
    return " ".join(words)


# Ctrl-C is for the program alone, not for what is between two commands.
_open_to = {signal.SIGINT: False}


def _interrupt(number: int, _frame: object) -> None:
    if _open_to[signal.Signals(number)]:
        raise KeyboardInterrupt


def run(words: list[str]) -> tuple[int, str, str]:
    """Run one command line; return its exit code, and what it said on stdout and stderr."""
    from bvinv import cli

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    sys.stdout, sys.stderr = out, err
    code = 0
    try:
        try:
            _open_to[signal.SIGINT] = True
            cli.app(words)
        finally:
            _open_to[signal.SIGINT] = False
    except SystemExit as stop:
        code = int(stop.code or 0)
    except KeyboardInterrupt:  # just before the program began, or just after it had ended
        _open_to[signal.SIGINT] = False
        code = 130
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    said = []
    for one in (out, err):
        one.flush()
        said.append(one.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return code, said[0], said[1]


# --- In the process that days are forked from ---------------------------------------------------


def main() -> None:
    """Fork a day for each line on stdin. Each stops itself first, so that it can be watched from
    its first breath; its number is told, and, when it is over, how it ended."""
    import typer.main

    import bvinv.cli

    _die_with_parent()

    for found in pkgutil.walk_packages(bvinv.__path__, "bvinv."):
        if not found.name.endswith(("__main__", "migrations.env")):
            importlib.import_module(found.name)
    # The tree of commands, which takes three quarters of a command's time, is built once.
    typer.main.get_command = functools.cache(typer.main.get_command)  # type: ignore[assignment]
    signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = bvinv.cli.interrupt_again  # as `bvinv` itself does it
    print("ready", flush=True)
    for line in _lines():
        asked = json.loads(line)
        number = os.fork()
        if not number:
            _be_born(asked)
        print(number, flush=True)
        _, status = os.waitpid(number, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _lines() -> Iterator[str]:
    # Without Python's buffer, of which a child would have a copy.
    while line := os.read(0, 65_536):
        yield line.decode()


def _die_with_parent() -> None:
    """Be killed when whoever started this process is (prctl(2)), standing still or not."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG


def _be_born(asked: dict[str, Any]) -> None:
    try:
        _die_with_parent()
        # Where no other folder can be written, Python looks for a temporary one here.
        os.chdir(tempfile.gettempdir())
        os.kill(os.getpid(), signal.SIGSTOP)
        if "words" in asked:
            os._exit(command(**asked))
        work(**asked)
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc(file=sys.__stderr__)
        sys.__stderr__.flush()
        os._exit(99)


if __name__ == "__main__":
    main()
