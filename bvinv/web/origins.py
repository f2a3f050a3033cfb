"""Pages of other origins: which of them may read answers (CORS), and none where no key is needed.

Where the door is open to whoever is on this machine, a browser on it is, too, and runs what any
site sends. Such a page comes under its own site's name (DNS rebinding), or says whose it is.
Sources: Fetch Standard, 3.2 and 3.3; RFC 9110, 7.2.
"""

from urllib.parse import urlsplit

from bvinv.core.errors import InvalidInput, NotPermitted
from bvinv.web.answers import Answer, Headers
from bvinv.web.asked import Asked
from bvinv.web.openness import is_loopback

_EXPOSED = b"ETag, Link, Location, Retry-After, X-Request-ID"
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_READ = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
    b"X-API-Key, X-Request-ID"
)
_KEPT = b"600"  # seconds that a browser need not ask again


class Cors:
    """The origins whose pages may read answers. None of them sends a browser's own credentials."""

    def __init__(self, origins: str) -> None:
        """Allow these, with commas between them; `*` is any. Raises InvalidInput."""
        said = {one.strip() for one in origins.split(",") if one.strip()}
        self._any = "*" in said
        self._origins = {_origin(one) for one in said - {"*"}}
        self.is_on = bool(said)

    def allows(self, origin: bytes) -> bool:
        """Tell whether pages of this origin may read answers."""
        return self._any or origin in self._origins

    def head(self, asked: Asked) -> Headers:
        """Return what an answer's head says to browsers."""
        origin = asked.headers.get(b"origin")
        vary: Headers = [] if self._any else [(b"vary", b"Origin")]
        if origin is None or not self.allows(origin):
            return vary
        said = b"*" if self._any else origin
        return [
            (b"access-control-allow-origin", said),
            (b"access-control-expose-headers", _EXPOSED),
            *vary,
        ]

    def preflight(self, asked: Asked) -> Answer | None:
        """Answer a browser that asks before it sends; None for any other request.

        Raises NotPermitted.
        """
        origin = asked.headers.get(b"origin")
        if not (
            self.is_on
            and asked.method == "OPTIONS"
            and origin is not None
            and b"access-control-request-method" in asked.headers
        ):
            return None
        if not self.allows(origin):
            raise NotPermitted("pages of this origin may not ask here")
        return Answer(
            204,
            [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _READ),
                (b"access-control-max-age", _KEPT),
            ],
            b"",
        )

    def refuse_strangers(self, asked: Asked) -> None:
        """Raise NotPermitted for what a page of another site may have sent; for the open door."""
        host = asked.headers.get(b"host", b"")
        if not _is_here(host):
            raise NotPermitted(
                "without a key this server is only called localhost, 127.0.0.1 or [::1]",
                hint="bvinv keys create --name YOU --role admin, and send X-API-Key",
            )
        origin = asked.headers.get(b"origin")
        if origin is None or origin.partition(b"://")[2] == host or self.allows(origin):
            return
        raise NotPermitted(
            "without a key, pages of other origins may not ask here",
            hint="bvinv keys create --name YOU --role admin, and send X-API-Key",
        )


def _is_here(host: bytes) -> bool:
    """Tell whether a Host header names this machine, as nobody else can be called."""
    name = host.decode("latin-1")
    if name.startswith("["):
        name, closes, port = name[1:].partition("]")
        sound = bool(closes) and (not port or port.startswith(":"))
        return sound and ":" in name and is_loopback(name)
    name, _, port = name.partition(":")
    return (not port or port.isdigit()) and is_loopback(name)


def _origin(said: str) -> bytes:
    parts = urlsplit(said)
    written = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or said != written.lower() or not said.isascii():
        raise InvalidInput(
            f"BVINV_CORS_ORIGINS says {said[:100]!r}, which is no origin",
            hint="write for example https://shop.example,http://localhost:3000, or *",
        )
    return said.encode("ascii")
