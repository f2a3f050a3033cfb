"""Take a safeguard away, and a test has to notice: who watches the watchmen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MIGRATION = "core/migrations/versions/0001_spine.py"
# What is taken away: the file, what stands there, what stands there then, who has to notice.
MUTANTS = {
    "nothing": ("core/db.py", "", "", "tests/core/test_db.py tests/core/test_schema.py"),
    "BEGIN IMMEDIATE": (
        "core/db.py",
        '"BEGIN IMMEDIATE"',
        '"BEGIN"',
        "tests/core/test_db.py",
    ),
    "reserved is on hand": (
        MIGRATION,
        'sa.CheckConstraint("reserved BETWEEN 0 AND on_hand", name="reserved_is_on_hand"),',
        "",
        "tests/core/test_schema.py",
    ),
    "recursive triggers": (
        "core/engines.py",
        '"recursive_triggers": 1,',
        '"recursive_triggers": 0,',
        "tests/core/test_db.py",
    ),
    "synchronous FULL": (
        "core/engines.py",
        '"synchronous": 2,',
        '"synchronous": 1,',
        "tests/core/test_db.py",
    ),
    "foreign keys": (
        "core/engines.py",
        '"foreign_keys": 1,',
        '"foreign_keys": 0,',
        "tests/core/test_schema.py",
    ),
}
WATCHED = (
    "sqlite and (setting_is_what or write_lock_is_taken or database_itself_refuses "
    "or never_rewritten)"
)


@pytest.mark.slow
@pytest.mark.parametrize("what", MUTANTS)
def test_a_test_notices_what_is_taken_away(tmp_path, what):
    name, before, after, tests = MUTANTS[what]
    for folder in ("bvinv", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    mutated = tmp_path / "bvinv" / name
    source = mutated.read_text()
    assert before in source
    mutated.write_text(source.replace(before, after))

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-k",
            WATCHED,
            *tests.split(),
        ],
        check=False,
        cwd=tmp_path,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "COV_"))
        }
        | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )

    expected = 0 if what == "nothing" else 1
    assert done.returncode == expected, f"{what}:\n{done.stdout}\n{done.stderr}"
    if what != "nothing":
        assert "1 failed" in done.stdout
