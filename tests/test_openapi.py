"""What the OpenAPI document says is what the server does: schemathesis asks, in each role."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bvinv.core import keys, sample, schema
from bvinv.core.access import ROLES
from bvinv.core.db import Database, Session
from bvinv.core.purchasing import orders
from bvinv.core.transfers import transfers
from tests.books import act, reserve
from tests.web.serving import Served, bvinv

# A change without If-Match is 428 (RFC 6585), of another version 412. What fits the schema may
# still make no sense: a code that nobody gave out, two ways to say one thing, a status of no kind.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422"]
[checks.missing_required_header]
expected-statuses = ["401", "403", "422", "428"]
"""


@contextmanager
def serving_shop(folder: Path) -> Iterator[tuple[Served, dict[str, str]]]:
    """Yield a server of the sample shop with a document of each kind, and a key for each role."""
    database = Database(folder / "shop.db")
    sample.load(database, schema=schema.upgrade(database), actor="tester")
    reserve(database, "SO-1001", "DUNE-01=2")
    made: dict[str, str] = {}

    def prepare(session: Session) -> list[object]:
        lines = [("DUNE-01", 10)]
        orders.create(session, supplier="HARBOUR", warehouse="MAIN", lines=lines, exact=True)
        transfers.create(session, origin="MAIN", target="NORTH", lines=[("DUNE-01", 1)])
        for role in ROLES:
            made[role] = keys.create(session, name=role, role=role).key.get_secret_value()
        return []

    act(database, prepare)
    database.close()
    with bvinv(str(database.path), BVINV_LOGIN_LIMIT="") as served:
        yield served.listen(), made


def found_by(folder: Path, *more: str, role: str) -> str:
    """Return what schemathesis prints, if it finds anything."""
    (folder / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    with serving_shop(folder) as (served, keys):
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
            *("run", f"{served.url}/openapi.json", "--checks", "all", "--no-color"),
            *("--header", f"X-API-Key: {keys[role]}", "--warnings", "off", "--seed", "7"),
            *more,
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert served.get("/readyz") == {"status": "ready"}
    return "" if done.returncode == 0 else done.stdout[-6000:] + done.stderr[-2000:]


def test_the_server_does_what_its_document_says(tmp_path):
    few = ("--phases", "examples,fuzzing", "--max-examples", "1")

    assert found_by(tmp_path, *few, role="admin") == ""


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_the_server_does_what_its_document_says_for_minutes(tmp_path, role):
    # One at a time: several workers trip over a defect of Python 3.11's parser.
    phases = ("--phases", "examples,coverage,fuzzing,stateful", "--max-time", "300")

    assert found_by(tmp_path, *phases, role=role) == ""


def test_every_operation_says_which_role_it_needs(tmp_path):
    with serving_shop(tmp_path) as (served, _):
        document = served.get("/openapi.json")

    open_ones = {"/healthz", "/readyz", "/metrics"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert (operation.get("x-role") in ROLES) != (path in open_ones), path
    assert document["openapi"].startswith("3.1")
    assert json.dumps(document).count('"#/components/responses/Problem422"') > 50
