"""The README is true: its examples run, and its reference is what `--help` says."""

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from bvinv.cli import app

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = re.compile(r"  # exit (\d+)$")


def help_of(path: list[str]) -> str:
    result = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).invoke(app, [*path, "--help"])
    assert result.exit_code == 0, path
    return result.stdout.strip()


def paths() -> Iterator[list[str]]:
    """Yield every command with its groups, as they stand in the tables."""

    def below(command, path):
        yield path
        if isinstance(command, TyperGroup):
            for name in command.commands:
                context = command.make_context("bvinv", [name], resilient_parsing=True)
                found = command.resolve_command(context, [name])[1]
                yield from below(found, [*path, name])

    yield from below(get_command(app), [])


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
            assert f"Example: bvinv {' '.join(path)}" in " ".join(said.split()), path


def test_the_examples_do_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BVINV_DB", str(tmp_path / "shop.db"))
    monkeypatch.setenv("BVINV_ACTOR", "ann")
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
            assert words[0] == "bvinv", command
            words, piped = (words[:-2], words[-1]) if "<" in words else (words, "")
            typed = Path(piped).read_bytes() if piped else None
            result = CliRunner().invoke(app, words[1:], input=typed)
            said = result.stdout + result.stderr
            assert result.exit_code == code, f"{command}\n{said}"
            options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert not printed or checker.check_output(printed, said, options), (
                f"{command}\n--- README\n{printed}--- really\n{said}"
            )
            ran += 1
    assert ran >= 20


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
