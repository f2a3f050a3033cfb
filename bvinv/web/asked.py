"""What a request says, as far as everybody needs it: parsed once, at the front."""

import itertools
import os
import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from bvinv.core.errors import InvalidInput
from bvinv.web.callers import Caller
from bvinv.web.strict import Malformed

_WANTED = frozenset(
    {
        *(b"x-api-key", b"authorization", b"x-request-id", b"content-type", b"content-length"),
        *(b"content-encoding", b"if-none-match", b"if-match", b"accept-encoding"),
        *(b"idempotency-key", b"last-event-id", b"host", b"origin"),
        *(b"access-control-request-method", b"webhook-signature"),
    }
)
UNKNOWN = "-"  # the route of a path that is none
# What stands for %2F in a path that was read: a slash in a name, which parts nothing. It is no
# character of Unicode, so no name has it.
SLASH = "\ufdd0"
_SLASHED = re.compile(rb"%2[fF]")
_GOOD_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_count = itertools.count(1)
_process = os.urandom(5).hex()


def new_id() -> bytes:
    """Return the id of a request that brings none: no other has it, in any process."""
    return f"{_process}{next(_count):06x}".encode()


class Asked:
    """A request's head, and who asks once that is known."""

    __slots__ = ("caller", "headers", "id", "method", "path", "query", "route", "scope", "until")

    def __init__(self, scope: Any) -> None:
        """Read the head."""
        self.scope = scope
        self.method: str = scope["method"]
        raw = scope.get("raw_path")
        self.path: str = _parted(raw) if raw and b"%2" in raw else scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers = {name: value for name, value in scope["headers"] if name in _WANTED}
        said = self.headers.get(b"x-request-id", b"")
        fits = said and _GOOD_ID.fullmatch(said)
        self.id: bytes = said if fits else new_id()
        self.caller: Caller | None = None
        self.route = UNKNOWN
        self.until = 0  # how long the answer may be kept, see Answer

    @property
    def address(self) -> str:
        """The path as it stands in an address."""
        return quote(self.path).replace(quote(SLASH), "%2F")

    def refuse_garbled(self) -> None:
        """Raise Malformed where the path or the query is not UTF-8: what stands for what cannot be
        read would be taken for a character that somebody means."""
        if "\ufffd" in self.path:
            _refuse_garbled(self.scope.get("raw_path") or self.path.encode())
        if b"%" in self.query or not self.query.isascii():
            _refuse_garbled(self.query)

    def credentials(self) -> tuple[bytes, bytes]:
        """Return the API key and the token that are shown; a key may come as a bearer, too."""
        key = self.headers.get(b"x-api-key", b"")
        scheme, _, token = self.headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            token = b""
        token = token.strip()
        return (token, b"") if token.startswith(b"bvinv_") and not key else (key, token)

    def expected_version(self) -> int | None:
        """Return the version of If-Match: that of an entity tag of ours, or `"7"`; None for `*`.

        A weak tag, or one of something else, is no version: -1. Raises InvalidInput where there is
        no If-Match; see `problems.PreconditionRequired`.
        """
        said = self.headers.get(b"if-match", b"").strip()
        if said == b"*":
            return None
        found = re.fullmatch(rb'"([0-9]{1,15})(?:-[0-9a-f]+)?(?:-gzip)?"', said)
        return int(found[1]) if found else -1


def _parted(raw: bytes) -> str:
    """Return a path without its escapes, where a slash that was escaped is no other slash."""
    said = unquote_to_bytes(_SLASHED.sub(SLASH.encode(), raw))
    return said.decode("utf-8", "replace")


def _refuse_garbled(said: bytes) -> None:
    try:
        unquote_to_bytes(said).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the path and the query have to be UTF-8 text") from None


def text(value: bytes, what: str) -> str:
    """Return a header's value. Raises InvalidInput for what is not printable ASCII."""
    said = value.decode("latin-1")
    if not (said.isascii() and said.isprintable()):
        raise InvalidInput(f"{what} is not printable ASCII")
    return said
