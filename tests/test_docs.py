"""The README is true: its examples run, and its reference is what `--help` says."""

import doctest
import json
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from bvinv.cli import app
from tests.web import serving
from tests.web.serving import Served

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KEPT = re.compile(r"([A-Z]+)=\$\(bvinv (.*) \| jq -r \.key\)")
REFUSED = re.compile(r"  # exit (\d+)$")


def help_of(path: list[str]) -> str:
    result = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).invoke(app, [*path, "--help"])
    assert result.exit_code == 0, path
    return result.stdout.strip()


def paths() -> Iterator[list[str]]:
    """Yield every command with its groups, as they stand in the tables."""

    def below(command, path, parent):
        yield path
        if isinstance(command, TyperGroup):
            for name in command.commands:
                context = command.make_context("bvinv", [name], parent, resilient_parsing=True)
                found = command.resolve_command(context, [name])[1]
                yield from below(found, [*path, name], context)

    yield from below(get_command(app), [], None)


def reference() -> str:
    return "\n".join(
        f"#### `{' '.join(['bvinv', *path])}`\n\n```text\n{help_of(path)}\n```\n"
        for path in paths()
    )


def blocks() -> list[str]:
    return BLOCK.findall(README.read_text(encoding="utf-8"))


def examples(block: str) -> Iterator[tuple[str, int, str]]:
    """Yield each command of a block, the exit code it should end with, and what it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = part.replace("\\\n", " ").partition("\n")
        refused = REFUSED.search(command)
        yield REFUSED.sub("", command), int(refused[1]) if refused else 0, printed


def test_the_reference_is_what_help_says():
    text = README.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == reference().strip()


def test_every_command_has_an_example_in_its_help():
    for path in paths():
        said = help_of(path)
        if "COMMAND [ARGS]..." not in said:
            said = re.sub(r"(Example: bvinv) --db \S+", r"\1", " ".join(said.split()))
            assert f"Example: bvinv {' '.join(path)}" in said, path


class Typist:
    """Types the README's commands: bvinv's in this process, curl's to a server of this database,
    and `KEY=$(bvinv … | jq -r .key)`."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.database = str(folder / "shop.db")
        self.opened = opened
        self.keys: dict[str, str] = {}
        self.served: Served | None = None

    def type(self, command: str) -> tuple[int, str]:
        """Return the exit code and what is printed."""
        if kept := KEPT.fullmatch(command):
            result = CliRunner().invoke(app, shlex.split(kept[2]))
            self.keys[kept[1]] = json.loads(result.stdout)["key"]
            return result.exit_code, ""
        words = shlex.split(re.sub(r"\$([A-Z]+)\b", lambda name: self.keys[name[1]], command))
        if words[0] == "curl":
            return 0, self.curl(words[1:])
        assert words[0] == "bvinv", command
        words, piped = (words[:-2], words[-1]) if "<" in words else (words, "")
        typed = Path(piped).read_bytes() if piped else None
        result = CliRunner().invoke(app, words[1:], input=typed)
        return result.exit_code, result.stdout + result.stderr

    def curl(self, words: list[str]) -> str:
        """Ask as curl would; these words alone are known here."""
        if self.served is None:
            self.served = self.opened.enter_context(serving.bvinv(self.database)).listen()
        said = ArgumentParser()
        said.add_argument("-s", action="store_true")
        said.add_argument("-H", action="append", default=[])
        said.add_argument("-X", default="")
        said.add_argument("--json")
        said.add_argument("url")
        asked = said.parse_args(words)
        headers = dict(header.split(": ", 1) for header in asked.H)
        if asked.json is not None:
            headers["Content-Type"] = "application/json"
        host, _, path = asked.url.partition("/")
        assert host == "localhost:8000"
        wire = HTTPConnection("127.0.0.1", self.served.port, timeout=30)
        with closing(wire):
            body = asked.json.encode() if asked.json is not None else None
            wire.request(asked.X or ("POST" if body else "GET"), f"/{path}", body, headers)
            return wire.getresponse().read().decode()


def test_the_examples_do_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BVINV_DB", str(tmp_path / "shop.db"))
    monkeypatch.setenv("BVINV_ACTOR", "ann")
    with ExitStack() as opened:
        assert type_all(Typist(tmp_path, opened)) >= 20


def type_all(typist: Typist) -> int:
    checker = doctest.OutputChecker()
    ran = 0
    for block in blocks():
        for command, code, printed in examples(block):
            words = shlex.split(command)
            if words[0] == "cat":
                assert Path(words[1]).read_text(encoding="utf-8") == printed
                continue
            if words[0] == "printf":
                text, _, target = command.partition(" > ")
                written = shlex.split(text)[1].replace("\\n", "\n")
                Path(target).write_text(written, encoding="utf-8")
                continue
            ended, said = typist.type(command)
            assert ended == code, f"{command}\n{said}"
            options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert not printed or checker.check_output(printed, said, options), (
                f"{command}\n--- README\n{printed}--- really\n{said}"
            )
            ran += 1
    return ran


def test_ci_runs_the_two_commands_of_the_readme():
    text = README.read_text(encoding="utf-8")
    said = text.partition("<!-- ci: begin -->")[2].partition("<!-- ci: end -->")[0]
    commands = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    assert len(commands) == 2
    assert commands[0].endswith("bvinv demo")
    assert "pytest" in commands[1]


@pytest.mark.parametrize("name", ["catalogue.csv", "opening_stock.csv", "warehouses.csv"])
def test_the_sample_is_where_the_program_looks(name):
    from bvinv.core import sample

    assert (sample.folder() / name).is_file()


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n\n{reference()}\n{END}{after}", encoding="utf-8")
