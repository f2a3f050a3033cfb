"""The one table of what an error means to a shell and to an HTTP client, and its one shape."""

from typing import Any, NamedTuple

from bvinv.core import errors


class Outcome(NamedTuple):
    """The exit code of the command line and the status of the HTTP API."""

    exit_code: int
    status: int


OUTCOMES: dict[type[Exception], Outcome] = {
    errors.InventoryError: Outcome(1, 500),
    errors.InvalidInput: Outcome(2, 422),
    errors.NotFound: Outcome(3, 404),
    errors.Conflict: Outcome(4, 409),
    errors.InsufficientStock: Outcome(5, 409),
    errors.VersionMoved: Outcome(4, 412),
    errors.NotPermitted: Outcome(6, 403),
    errors.Partial: Outcome(7, 200),
    errors.VerificationFailed: Outcome(8, 200),
    errors.Busy: Outcome(9, 503),
}


def outcome(error: errors.InventoryError) -> Outcome:
    """Return the row for the error's nearest class in the table."""
    return next(OUTCOMES[cls] for cls in type(error).__mro__ if cls in OUTCOMES)


def foreseen(error: Exception) -> errors.InventoryError:
    """Return the error as one of ours: what nobody foresaw is a bug, and says so."""
    if isinstance(error, errors.InventoryError):
        return error
    # What tempfile raises when no disk takes a byte; it has no error of its own for that.
    if isinstance(error, FileNotFoundError) and "No usable temporary directory" in str(error):
        return errors.Busy(
            "no folder for scratch files can be written to",
            hint="make room in /tmp, or name another folder: TMPDIR=FOLDER",
        )
    bug = errors.InventoryError(
        f"{type(error).__name__}: {error}"[:500],
        hint="this is a bug; run it again with BVINV_DEBUG=1 and report what it prints",
    )
    bug.__cause__ = error
    return bug


def problem(error: errors.InventoryError) -> dict[str, Any]:
    """Return the error as the object that both doors send (RFC 9457, section 3)."""
    body: dict[str, Any] = {
        "type": f"urn:bvinv:error:{error.code}",
        "title": error.title,
        "status": outcome(error).status,
        "code": error.code,
        "detail": error.detail,
    }
    if error.hint:
        body["hint"] = error.hint
    if error.errors:
        body["errors"] = error.errors
    return body | {name: value for name, value in error.numbers.items() if name not in body}
