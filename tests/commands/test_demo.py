"""`bvinv demo`: the story goes as it is told, leaves nothing behind, and fits a terminal."""

import re
import time

import pytest

from bvinv.commands import demo


def test_the_story_is_told_to_its_end(bvinv, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = bvinv.dump()
    began = time.monotonic()

    ran = bvinv("demo")

    assert ran.exit_code == 0, ran.stderr
    assert time.monotonic() - began < 10
    steps = re.findall(r"^ ?(\d+)\. ", ran.stdout, re.MULTILINE)
    assert steps == [str(number) for number in range(1, len(demo.STORY) + 1)]
    assert "Done in " in ran.stdout
    refused = re.findall(r"\(exit code (\d+)\)", ran.stderr)
    assert refused == ["6", "5", "4", "4"]
    assert "answered as before: nothing was changed\n" in ran.stderr
    assert [line.split() for line in ran.stdout.rstrip().splitlines()[-6:-2]] == [
        ["MUG-01", "SHOP", "23", "0", "23", "0"],
        ["PRIDE-01", "MAIN", "4", "0", "4", "0"],
        ["PRIDE-01", "NORTH", "3", "0", "3", "0"],
        ["PRIDE-01", "SHOP", "3", "0", "3", "0"],
    ]
    assert bvinv.dump() == before
    assert not list(tmp_path.glob("bvinv-demo-*"))


def test_what_it_prints_fits_80_columns():
    told = [f"00. {step}" for step, _ in demo.STORY]
    prompts = [
        f"$ bvinv {command.format(**demo.NAMES | {'barcode': '0' * 13, 'data': 'data'})}"
        for _, commands in demo.STORY
        for command in commands
    ]
    assert [line for line in told + prompts if len(line) > 95] == []


def test_a_step_that_does_not_go_as_told_ends_it(bvinv, monkeypatch):
    monkeypatch.setattr(demo, "STORY", (("Nothing is there.", ["stock list"]),))

    ran = bvinv("demo")

    assert ran.exit_code == 3
    assert "Done in" not in ran.stdout


@pytest.mark.parametrize("refused", demo.REFUSED)
def test_what_is_refused_is_in_the_story(refused):
    assert any(refused in commands for _, commands in demo.STORY)
