"""A shell for the tests: `bvinv("reserve create SO-1 HX-1=7")` runs the real program in process."""

import json
import os
import shlex
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from bvinv import cli
from bvinv.core import catalog, engines
from bvinv.core.db import Database
from bvinv.core.errors import InventoryError
from tests import books

HEX = {
    "sku": "HX-1",
    "title": "Hex",
    "isbn": "9780141439518",
    "author": "Ann Author",
    "price": "12.99",
    "currency": "GBP",
    "barcode": "5012345678900",
}


class Ran(NamedTuple):
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        assert self.exit_code == 0, self.stderr
        return json.loads(self.stdout)

    @property
    def problem(self) -> Any:
        assert self.stdout == ""
        return json.loads(self.stderr)

    def refused(self, code: int) -> str:
        """Return what a refusal says, after seeing that it is one."""
        assert (self.exit_code, self.stdout) == (code, ""), self
        return self.stderr


class Shell:
    """Runs commands on a database of its own: 10 of HX-1 at MAIN, 4 of HX-2 at MAIN and 6 at NORTH,
    none of HX-3."""

    def __init__(self, path: Path, unforeseen: list[BaseException]) -> None:
        self.path = path
        self.unforeseen = unforeseen

    def __call__(self, line: str, *more: str, stdin: str | bytes | None = None) -> Ran:
        """Run a command line; an error that nobody foresaw fails the test with its traceback."""
        words = [*shlex.split(line), *more]
        ran = CliRunner().invoke(cli.app, words, input=stdin, catch_exceptions=False)
        if self.unforeseen:
            raise self.unforeseen.pop()
        return Ran(ran.exit_code, ran.stdout, ran.stderr)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table but of those that say how far imports have come."""
        tables = [table for table in books.TABLES if table not in books.RUNS]
        with closing(engines.sqlite_driver().connect(self.path)) as connection:
            return {table: list(connection.execute(f"SELECT * FROM {table}")) for table in tables}

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(engines.sqlite_driver().connect(self.path)) as connection:
            return list(connection.execute(statement))

    def level(self, ref: str, warehouse: str) -> tuple[int, int, int, int]:
        """Return on hand, reserved, available, backordered."""
        with closing(Database(self.path)) as database:
            return books.counts(database, ref, warehouse)


@pytest.fixture(scope="session")
def shop_template(sqlite_template, tmp_path_factory) -> Path:
    """Return a stocked database to copy; nothing has it open."""
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(path)
    books.add_warehouses(database, "MAIN", "NORTH")
    books.add_bin(database, "MAIN", "QUAR", "quarantine")
    books.act(database, lambda session: catalog.add(session, fields=HEX))
    books.add_products(database, "HX-2", "HX-3")
    for ref, quantity, warehouse in (
        ("HX-1", 10, "MAIN"),
        ("HX-2", 4, "MAIN"),
        ("HX-2", 6, "NORTH"),
    ):
        books.receive(database, ref, quantity, warehouse, bin="SHELF")
    database.close()
    assert not path.with_name("shop.db-wal").exists()
    return path


@pytest.fixture
def plain_environment(monkeypatch, tmp_path) -> None:
    """Hide the developer's own settings, and the folder that the tests run in."""
    for name in list(os.environ):
        if name.startswith(("BVINV_", "_BVINV")) or name in ("FORCE_COLOR", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BVINV_ACTOR", "tester")
    monkeypatch.setenv("BVINV_DB", str(tmp_path / "shop.db"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bvinv(plain_environment, monkeypatch, shop_template, tmp_path) -> Shell:
    """Return a shell on a stocked database."""
    path = tmp_path / "shop.db"
    shutil.copyfile(shop_template, path)
    path.chmod(0o600)
    unforeseen: list[BaseException] = []
    really = cli._end

    def end(error: Exception, args: Any) -> int:
        if not isinstance(error, (InventoryError, typer.TyperException)) and (
            type(error).__name__ != "NoArgsIsHelpError"
        ):
            unforeseen.append(error)
        return really(error, args)

    monkeypatch.setattr(cli, "_end", end)
    return Shell(path, unforeseen)


TITLES = {
    2: ("invalid-input", "Invalid input", 422),
    3: ("not-found", "Not found", 404),
    4: ("conflict", "Conflict", 409),
    5: ("insufficient-stock", "Not enough stock", 409),
}


def assert_refused(bvinv: Shell, line: str, exit_code: int, detail: str, hint: str | None) -> None:
    """See that a command line is refused, to people and to programs, and that nothing changed."""
    before = bvinv.dump()
    said = f"error[{TITLES[exit_code][0]}]: {detail}\n" + (f"hint: {hint}\n" if hint else "")
    assert bvinv(line).refused(exit_code) == said
    problem = bvinv(f"{line} --format json").problem
    code, title, status = TITLES[exit_code]
    expected = {
        "type": f"urn:bvinv:error:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
    }
    assert {key: problem.pop(key) for key in expected} == expected
    assert problem.pop("hint", None) == hint
    assert bvinv.dump() == before


def assert_only_tried(bvinv: Shell, line: str) -> Any:
    """See that a dry run answers what the command would, and keeps nothing; return the answer."""
    before = bvinv.dump()
    ran = bvinv(f"{line} --dry-run --format json")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stderr.endswith("dry run: nothing was changed\n")
    assert bvinv.dump() == before
    answer = json.loads(ran.stdout)
    assert answer["dry_run"] is True
    return answer


def assert_replays(bvinv: Shell, line: str, other: str) -> None:
    """See that a key answers the same request once more, changes nothing, and refuses another."""
    first = bvinv(f"{line} --key K-1 --format json").json
    before = bvinv.dump()
    again = bvinv(f"{line} --key K-1 --format json")
    assert again.json == first | {"replayed": True}
    assert again.stderr == "answered from the key: nothing was changed\n"
    assert_refused(
        bvinv,
        f"{other} --key K-1",
        4,
        "the key K-1 was used for another request",
        "repeat the first request exactly, or use a new key",
    )
    assert bvinv.dump() == before
