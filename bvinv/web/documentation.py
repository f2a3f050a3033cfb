"""The OpenAPI document: FastAPI's, with the problems, the keys and the headers that all share."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from bvinv.web import problems

_ABOUT = """The same rules, rows and errors as the command line's.

Show a key (`X-API-Key`) or a token (`Authorization: Bearer`); `x-role` is the least role that an
operation needs: viewer, service, staff, manager, admin. Errors are RFC 9457. A list goes on at its
`Link`. In a path, a slash in a name is `%2F`. `?dry_run=true` does everything, and keeps nothing.
"""
_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457); more members carry the numbers of the case.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:bvinv:error:insufficient-stock"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["insufficient-stock"]},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "errors": {"type": ["array", "null"], "items": {"type": "object"}},
    },
}
_SECURITY = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating the request with the same key answers the same and changes nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": 'The ETag of what is changed, or its version: "7"; * for any.',
    "schema": {"type": "string"},
}


def documented(app: FastAPI) -> dict[str, Any]:
    """Return the document, made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=_ABOUT,
            routes=app.routes,
        )
        parts = found.setdefault("components", {})
        parts.setdefault("schemas", {})["Problem"] = _PROBLEM
        parts["responses"] = {f"Problem{code}": _response(code) for code in problems.STATUSES}
        parts["securitySchemes"] = _SECURITY
        for path in found["paths"].values():
            for method, operation in path.items():
                _complete(method, operation)
        app.openapi_schema = found
    return app.openapi_schema


_NAMES: dict[Callable[..., Any], frozenset[str]] = {}  # by a route's endpoint; see below


def documented_names(route: APIRoute) -> frozenset[str]:
    """Return every name that an operation reads, in its path, query, head and body."""
    found = _NAMES.get(route.endpoint)
    if found is None:
        found = _NAMES[route.endpoint] = _names(route)
    return found


def _names(route: APIRoute) -> frozenset[str]:
    names: set[str] = set()
    waiting = [route.dependant]
    while waiting:
        one = waiting.pop()
        waiting += one.dependencies
        for group in (one.path_params, one.query_params, one.header_params):
            names |= {field.alias for field in group}
    if route.body_field:
        said: Any = route.body_field.field_info.annotation
        _collect(TypeAdapter(said).json_schema(), names)
    return frozenset(names)


def _collect(schema: Any, names: set[str]) -> None:
    if isinstance(schema, dict):
        found = schema.get("properties")
        if isinstance(found, dict):
            names.update(found)
        # A union that is told apart by a value says the value where a field would stand.
        if isinstance(schema.get("const"), str):
            names.add(schema["const"])
        for one in schema.values():
            _collect(one, names)
    elif isinstance(schema, list):
        for one in schema:
            _collect(one, names)


def _response(code: int) -> dict[str, Any]:
    return {
        "description": problems.MEANINGS[code],
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Say what every operation of a kind shares: who may call it, and which headers it reads."""
    if "x-role" not in operation:
        return
    operation["security"] = [{"key": []}, {"token": []}]
    shared = [_KEY] if method == "post" and "409" in operation["responses"] else []
    if "428" in operation["responses"]:
        shared.append(_MATCH)
    if shared:
        operation["parameters"] = [*operation.get("parameters", []), *shared]
