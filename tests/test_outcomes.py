"""One table says what an error means, and one function gives it its shape."""

import inspect
import json

import pytest

from bvinv import outcomes
from bvinv.core import errors
from bvinv.core.errors import Conflict, InsufficientStock, InventoryError, VersionMoved

CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, InventoryError)
]


@pytest.mark.parametrize(
    ("cls", "code", "exit_code", "status"),
    [
        (errors.InventoryError, "internal", 1, 500),
        (errors.InvalidInput, "invalid-input", 2, 422),
        (errors.NotFound, "not-found", 3, 404),
        (errors.Conflict, "conflict", 4, 409),
        (errors.InsufficientStock, "insufficient-stock", 5, 409),
        (errors.VersionMoved, "conflict", 4, 412),
        (errors.NotPermitted, "not-permitted", 6, 403),
        (errors.Partial, "partial", 7, 200),
        (errors.VerificationFailed, "verification-failed", 8, 200),
        (errors.Busy, "busy", 9, 503),
    ],
)
def test_the_table_is_that_of_the_design(cls, code, exit_code, status):
    assert (cls.code, outcomes.OUTCOMES[cls]) == (code, (exit_code, status))


def test_every_error_has_its_own_row():
    assert set(outcomes.OUTCOMES) == set(CLASSES)
    # A version that moved is a conflict to a shell; HTTP has a status for it.
    exits = [row.exit_code for cls, row in outcomes.OUTCOMES.items() if cls is not VersionMoved]
    assert sorted(exits) == list(range(1, 10))


def test_a_class_without_a_row_has_its_nearest_ancestor_s():
    class Duplicate(Conflict):
        pass

    assert outcomes.outcome(Duplicate("x")) == outcomes.OUTCOMES[Conflict]


def test_a_problem_is_the_object_of_rfc_9457_with_the_numbers_behind_it():
    error = InsufficientStock(
        "only 2 left", hint="wait", errors=[{"sku": "A"}], sku="A", available=2
    )
    assert json.dumps(outcomes.problem(error)) == json.dumps(
        {
            "type": "urn:bvinv:error:insufficient-stock",
            "title": "Not enough stock",
            "status": 409,
            "code": "insufficient-stock",
            "detail": "only 2 left",
            "hint": "wait",
            "errors": [{"sku": "A"}],
            "sku": "A",
            "available": 2,
        }
    )


def test_a_problem_without_hint_and_errors_does_not_mention_them():
    assert list(outcomes.problem(Conflict("no"))) == ["type", "title", "status", "code", "detail"]


def test_a_number_cannot_take_the_place_of_the_status():
    assert outcomes.problem(Conflict("over", status="expired"))["status"] == 409


def test_a_machine_without_room_for_scratch_files_is_no_bug():
    # What tempfile says (CPython, Lib/tempfile.py, _get_default_tempdir).
    said = FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/var/tmp']")
    told = outcomes.problem(outcomes.foreseen(said))
    assert (told["code"], told["status"]) == ("busy", 503)
    assert told["hint"] == "make room in /tmp, or name another folder: TMPDIR=FOLDER"
    assert outcomes.problem(outcomes.foreseen(FileNotFoundError(2, "x")))["code"] == "internal"
