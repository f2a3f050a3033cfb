"""A shell for the tests: `bvinv("reserve create SO-1 HX-1=7")` runs the real program in process."""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from bvinv import cli
from bvinv.core import catalog
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
        """Return every row of every table."""
        return self._ask(books.snapshot)

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        return self._ask(lambda database: books.fetch(database, statement))

    def level(self, ref: str, warehouse: str) -> tuple[int, int, int, int]:
        """Return on hand, reserved, available, backordered."""
        return self._ask(lambda database: books.counts(database, ref, warehouse))

    def _ask(self, question: Callable[[Database], Any]) -> Any:
        database = Database(self.path)
        try:
            return question(database)
        finally:
            database.close()


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
    for ref, quantity, warehouse in (("HX-1", 10, "MAIN"), ("HX-2", 4, "MAIN"), ("HX-2", 6, "NORTH")):
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
