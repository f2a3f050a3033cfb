"""Which operation a path and a method name; what it is called, and who is let in without a name."""

from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match, Route
from starlette.types import Scope

from bvinv.core import access
from bvinv.web.asked import SLASH
from bvinv.web.problems import MethodNotAllowed, NoSuchPath

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Router(APIRouter):
    """A router of operations; a name in their paths may have slashes in it, sent as %2F."""

    def __init__(self, *tags: str) -> None:
        """Begin without any; all of them have these tags."""
        super().__init__(tags=[*tags], route_class=_Slashed)


class _Slashed(APIRoute):
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        if match is not Match.NONE and SLASH in scope["path"]:
            names: dict[str, str] = found["path_params"]
            found["path_params"] = {
                name: value.replace(SLASH, "/") for name, value in names.items()
            }
        return match, found


class Path(NamedTuple):
    """An operation: its path as documented, and the command that it is, empty for open ones."""

    path: str
    name: str
    route: Route
    roles: frozenset[str]
    is_open: bool
    streams: bool


class Paths:
    """The operations of an application by the first part of their paths."""

    def __init__(self, app: FastAPI) -> None:
        """Look at all routes. Raises KeyError for one whose command nobody may give."""
        self._by_part: dict[str, list[Path]] = {}
        self._exact: dict[str, list[Path]] = {}
        for route in app.router.routes:
            if isinstance(route, Route):
                extra: dict[str, Any] = getattr(route, "openapi_extra", None) or {}
                is_open = "x-role" not in extra
                name = "" if is_open else route.name
                roles = frozenset(
                    role for role in access.ROLES if is_open or access.permits(role, name)
                )
                streams = bool(extra.get("x-streams"))
                found = Path(route.path, name, route, roles, is_open, streams)
                self._by_part.setdefault(route.path.split("/")[1], []).append(found)
                if "{" not in route.path:
                    self._exact.setdefault(route.path, []).append(found)

    def find(self, method: str, path: str) -> Path:
        """Return the operation. Raises NoSuchPath, MethodNotAllowed with the methods there are."""
        allowed: set[str] = set()
        # What is written out is meant before what any name fits: no product is called `feed` here.
        for one in self._exact.get(path) or self._by_part.get(path[1:].partition("/")[0], []):
            # The whole of it: `$` alone would also match before a line feed at the end.
            if one.route.path_regex.fullmatch(path):
                methods = one.route.methods or set()
                if method in methods:
                    return one
                allowed |= methods
        if not allowed:
            raise NoSuchPath("there is no such path", hint="see: /docs")
        if "GET" in allowed:
            allowed.add("HEAD")
        said = ", ".join(one for one in METHODS if one in allowed)
        raise MethodNotAllowed(
            f"this path knows {said}", headers=[(b"allow", said.encode())], allowed=said
        )
