"""The house keeps its rules: who imports whom, and where each thing may be said."""

import ast
import functools
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "bvinv"
CORE = ROOT / "core"
DOORS = {"bvinv.cli", "bvinv.commands", "bvinv.door", "bvinv.output", "bvinv.outcomes"}
HTTP = {"fastapi", "starlette", "uvicorn", "jwt", "prometheus_client", "limits", "orjson"}
SHELL = {"typer", "rich", "tabulate", "bvinv.cli", "bvinv.commands", "bvinv.door"}
FORBIDDEN = {
    "core": DOORS | HTTP | {"bvinv.settings", "bvinv.web", "typer", "rich", "tabulate"},
    "commands": {"sqlalchemy", "sqlmodel", "rich", "tabulate", "bvinv.cli", "bvinv.outcomes"},
    "routes": SHELL | {"sqlalchemy", "sqlmodel", "bvinv.output", "bvinv.outcomes"},
    "web": SHELL | {"sqlalchemy", "sqlmodel", "bvinv.routes", "bvinv.serve"},
}
# The processes of the server say on stderr what a command would: that they cannot start.
TELL = {"server.py", "supervisor.py"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imported(path: Path) -> set[str]:
    """Return every module that a file names in an import, with its parents."""
    return names_of(ast.walk(parsed(path)))


def names_of(nodes: Iterable[ast.AST]) -> set[str]:
    """Return what the imports among these name."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {".".join(name.split(".")[:size]) for name in names for size in (1, 2, 3)}


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def commands() -> set[str]:
    """Return the names of the command modules and packages."""
    return {path.stem for path in (ROOT / "commands").glob("[!_]*")}


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_nothing_above_it(layer):
    for path in (ROOT / layer).rglob("*.py"):
        assert not imported(path) & FORBIDDEN[layer], path


def test_core_imports_nothing_of_bvinv_outside_core():
    for path in CORE.rglob("*.py"):
        outside = {
            name
            for name in imported(path)
            if name.startswith("bvinv.") and not name.startswith("bvinv.core")
        }
        assert not outside, path


def test_commands_do_not_import_each_other():
    for path in (ROOT / "commands").rglob("*.py"):
        own = path.relative_to(ROOT / "commands").parts[0].removesuffix(".py")
        others = {f"bvinv.commands.{name}" for name in commands() - {own}}
        assert not imported(path) & others, path


def test_routes_do_not_import_each_other():
    from bvinv.routes import ROUTES

    folder = ROOT / "routes"
    for name in ROUTES:
        others = {f"bvinv.routes.{other}" for other in ROUTES if other != name}
        assert not imported(folder / f"{name}.py") & others, name
    shared = {path.stem for path in folder.glob("[!_]*.py")} - {*ROUTES}
    assert shared == {"product_bodies", "searching", "twice"}


def test_of_the_http_door_only_the_server_prints():
    for path in (ROOT / "web").glob("*.py"):
        assert path.name in TELL or "bvinv.output" not in imported(path), path


def test_http_is_loaded_by_nobody_who_does_not_serve():
    for path in sources():
        if not {"web", "routes"} & {*path.parts} and path.name != "serve.py":
            tree = parsed(path)
            first = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
            assert not names_of(first) & (HTTP | {"bvinv.web", "bvinv.routes"}), path


def test_only_the_database_modules_know_a_dialect():
    known = {
        "db.py",
        "engines.py",
        "postgresql.py",
        "schema.py",
        "session.py",
        "sqlite_checkups.py",
        "sqlite_copies.py",
        "sqlite_side.py",
        "watching.py",
    }
    for path in CORE.rglob("*.py"):
        if path.name not in known and not {"migrations", "models"} & {*path.parts}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"sqlite3|psycopg|dialect\b|PRAGMA", text), path


def test_only_output_and_the_root_print():
    for path in sources():
        if path.name in ("output.py", "cli.py"):
            continue
        tree = parsed(path)
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"], (
            path
        )


def test_the_table_of_commands_is_the_folder_of_commands():
    from bvinv.commands import COMMANDS

    assert set(COMMANDS) == commands()


def test_no_file_and_no_function_is_too_long():
    too_long = []
    for path in sources():
        if "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LONGEST_FILE:
            too_long.append(path.name)
        too_long += [
            f"{path.name}:{node.name}"
            for node in ast.walk(parsed(path))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and (node.end_lineno or 0) - node.lineno > LONGEST_FUNCTION
        ]
    assert too_long == []


def test_nothing_is_named_after_nothing():
    empty = {"utils", "helpers", "services", "repositories", "managers", "misc", "common"}
    assert not {path.stem for path in sources()} & empty


def test_schema_constant_is_the_newest_migration():
    from bvinv.core.db import SCHEMA

    versions = sorted(path.name[:4] for path in (CORE / "migrations/versions").glob("[0-9]*.py"))
    assert versions[-1] == SCHEMA
