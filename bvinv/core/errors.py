"""What can go wrong, as a tree. Each error knows its code and carries its numbers.

    InventoryError
     ├ InvalidInput            the request makes no sense as it stands
     ├ NotFound                a named thing is not there
     ├ Conflict                the state of things does not allow it
     │  ├ InsufficientStock    too little is available
     │  └ VersionMoved         somebody else has changed it meanwhile
     ├ NotPermitted            the caller may not
     ├ Partial                 done, but for some rows
     ├ VerificationFailed      the books do not balance
     └ Busy                    somebody else is at it, or the database is away: try again

Exit codes and HTTP statuses belong to `bvinv.outcomes`.
"""

from typing import Any, ClassVar


class InventoryError(Exception):
    """The root: one sentence for a person, a code for a program, the numbers for both."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something unforeseen happened"

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        errors: list[dict[str, Any]] | None = None,
        **numbers: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.errors = errors
        self.numbers = numbers


class InvalidInput(InventoryError):
    """The request makes no sense as it stands, whatever the database holds."""

    code = "invalid-input"
    title = "Invalid input"


class NotFound(InventoryError):
    """A thing that was named does not exist."""

    code = "not-found"
    title = "Not found"


class Conflict(InventoryError):
    """A duplicate, a wrong state, an id reused with other terms, a version that moved."""

    code = "conflict"
    title = "Conflict"


class InsufficientStock(Conflict):
    """Too little is available. `errors` has one entry per short line, in the caller's order."""

    code = "insufficient-stock"
    title = "Not enough stock"


class VersionMoved(Conflict):
    """A thing is not at the version that a change was made for."""


class NotPermitted(InventoryError):
    """The caller's role does not allow it, or it needs somebody's approval."""

    code = "not-permitted"
    title = "Not permitted"


class Partial(InventoryError):
    """Some rows of an import were rejected; the others stand."""

    code = "partial"
    title = "Some rows were rejected"


class VerificationFailed(InventoryError):
    """The ledger and what is derived from it disagree. `errors` names what was found."""

    code = "verification-failed"
    title = "Verification failed"


class Busy(InventoryError):
    """A lock was not free in time, or the database is away. Trying again may help."""

    code = "busy"
    title = "Busy"
