"""Errors as HTTP sends them: RFC 9457, whatever went wrong and wherever."""

import logging
from collections.abc import Collection, Sequence
from typing import Any

from bvinv import outcomes
from bvinv.core.errors import Busy, InvalidInput, InventoryError

_log = logging.getLogger(__name__)
CONTENT_TYPE = b"application/problem+json"


class HttpError(InventoryError):
    """What only HTTP knows: a status, and headers that say what to do."""

    status = 400

    def __init__(self, detail: str, *, headers: Sequence[tuple[bytes, bytes]] = (), **more: Any):
        super().__init__(detail, **more)
        self.headers = tuple(headers)


class Unauthenticated(HttpError):
    """Nobody is known by this key or token, or there is none."""

    code, title, status = "unauthenticated", "Not authenticated", 401


class NoSuchPath(HttpError):
    """The API has no such path."""

    code, title, status = "not-found", "Not found", 404


class MethodNotAllowed(HttpError):
    """The path does not know this method."""

    code, title, status = "method-not-allowed", "Method not allowed", 405


class TooSlow(HttpError):
    """The request did not arrive in time."""

    code, title, status = "request-timeout", "The request took too long", 408


class TooLarge(HttpError):
    """The body is over the limit."""

    code, title, status = "too-large", "Too large", 413


class UnsupportedMediaType(HttpError):
    """The body is of a kind that this path does not read."""

    code, title, status = "unsupported-media-type", "Unsupported media type", 415


class PreconditionRequired(HttpError):
    """A change has to say which version it is of (RFC 6585, section 3)."""

    code, title, status = "precondition-required", "Precondition required", 428


class TooMany(HttpError):
    """The caller's rate limit is reached."""

    code, title, status = "rate-limited", "Too many requests", 429


MEANINGS = {
    400: "The body is not JSON that anybody should send.",
    401: "Nobody is known by this key or token, or there is none.",
    403: "The caller may not do this.",
    404: "What is named is not there.",
    408: "The request did not arrive in time.",
    409: "The state of things does not allow it.",
    412: "It has changed since: look again.",
    413: "The body is over the limit.",
    415: "The body is not application/json.",
    422: "The request makes no sense as it stands.",
    428: "A change has to say which version it is of.",
    429: "Too many requests; Retry-After says when to try again.",
    503: "The database is busy or away; Retry-After says when to try again.",
}
STATUSES = tuple(MEANINGS)


def body(error: InventoryError) -> dict[str, Any]:
    """Return the problem that both doors tell; what only HTTP knows has the same shape."""
    said = outcomes.problem(error)
    return {**said, "status": status(error)}


def status(error: InventoryError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, HttpError):
        return error.status
    if error.code == "malformed":
        return 400
    found = outcomes.outcome(error).status
    # What an operation finds is its answer; an error that ends one is none.
    return found if found >= 400 or error.errors else 500


def headers(error: InventoryError) -> list[tuple[bytes, bytes]]:
    """Return what the answer's head says about an error."""
    if isinstance(error, HttpError):
        return list(error.headers)
    return [(b"retry-after", b"1")] if status(error) == 503 else []


def told(error: InventoryError, database: str) -> InventoryError:
    """Return the error as strangers may read it: where the database lies, or who holds it, is not
    their business; that it cannot be used now, is."""
    if database not in error.detail and "BVINV_" not in (error.hint or ""):
        return error
    _log.error("%s", error.detail)
    return Busy("the database is busy, or away", hint="try again in a second")


def unforeseen() -> InventoryError:
    """Return the error for a bug."""
    return InventoryError("something unforeseen happened; the server's log says what")


def invalid(found: Sequence[Any], known: Collection[str]) -> InvalidInput:
    """Return the error for a request that is not as documented; what was sent is not repeated.

    `known` are the names that the operation reads; others come from whoever asks.
    """
    errors = [{"field": _field(one, known), "detail": _said(one)} for one in found[:20]]
    first = errors[0]
    return InvalidInput(f"{first['field']}: {first['detail']}", errors=errors)


def _field(one: Any, known: Collection[str]) -> str:
    place, *inner = one["loc"]
    parts = [str(part) if isinstance(part, int) or part in known else "?" for part in inner]
    return ".".join(parts) or str(place)


def _said(one: Any) -> str:
    match one["type"]:
        case "extra_forbidden":
            return "this name is not known here"
        case "union_tag_invalid" | "union_tag_not_found":
            return f"say which: {one.get('ctx', {}).get('expected_tags', 'see /docs')}"
    said: str = one["msg"]
    return said.removeprefix("Value error, ")
