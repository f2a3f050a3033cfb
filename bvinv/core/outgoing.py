"""Connections that bvinv itself opens: to the public Internet and to nowhere else, never for long.

A name is resolved once, every address that it stands for must be public, and the connection goes
to one of these: a second answer of the name server changes nothing. No redirect is followed, no
proxy asked. Hosts that the operator names with their port are spoken to wherever they are.
"""

import io
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, NamedTuple
from urllib.parse import quote

from bvinv.core import hosts, text
from bvinv.core.errors import InvalidInput

SECONDS = 10.0  # for everything: the name, the connection, the request, the answer
LARGEST_ANSWER = 1 << 16  # bytes that are read of an answer's body, and thrown away
LONGEST_WAIT = 86_400  # seconds that somebody may ask us to wait
_BLOCK = 1 << 16
_LONGEST_URL = 2_000
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([1-9][0-9]{0,4})")
_HOSTS_HINT = "BVINV_WEBHOOK_HOSTS names hosts with their ports: shop.internal:8080,127.0.0.1:9000"

Address = tuple[str, int]
Lookup = Callable[..., list[Any]]


class Failed(Exception):
    """It cannot be had; the text says why."""


class Refused(Failed):
    """It must not be had."""


class Deadline:
    """The moment at which the whole exchange has to be over, however slowly bytes drip."""

    def __init__(self, seconds: float) -> None:
        """Begin to count."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Goal(NamedTuple):
    """Where a URL leads. `is_named` is true for a host that the operator named with its port."""

    host: str
    port: int
    target: str
    is_secure: bool
    is_named: bool

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        usual = 443 if self.is_secure else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"


class Answer(NamedTuple):
    """What a server answered: its status, or None and why there is none.

    `retry_after` is for how many seconds it wants to be left alone.
    """

    status: int | None
    detail: str = ""
    retry_after: int | None = None


def named_hosts(said: str) -> tuple[str, ...]:
    """Return the hosts of a list with commas: `shop.internal:8080,127.0.0.1:9000`.

    Raises InvalidInput, also where a port is missing.
    """
    found = []
    for one in filter(None, (part.strip(" ") for part in said.split(","))):
        parts = _HOST_AND_PORT.fullmatch(one)
        if not parts or int(parts[2]) > 65_535:
            raise InvalidInput(f"{text.quoted(one)} is not a host with its port", hint=_HOSTS_HINT)
        found.append(one.lower())
    return tuple(found)


def goal(url: str, named: Sequence[str]) -> Goal:
    """Return where a URL leads, as far as it shows that.

    https on port 443 of a public host, or any port, http too, of a host in `named`, see
    `named_hosts`. Raises InvalidInput.
    """
    if len(url) > _LONGEST_URL:
        raise InvalidInput(f"the URL has {len(url)} characters; at most {_LONGEST_URL} are allowed")
    checked = text.line(url, what="URL", maximum=_LONGEST_URL)
    parts = _URL.fullmatch(checked.partition("#")[0])
    if not parts:
        raise InvalidInput(f"the URL must begin with https://, not {text.quoted(url)}")
    if " " in checked or "\\" in checked:
        raise InvalidInput(f"the URL has a space or a backslash in it: {text.quoted(url)}")
    is_secure = parts[1].lower() == "https"
    path = parts[3] if parts[3].startswith("/") else f"/{parts[3]}"
    target = quote(path, safe="%/:?&=+$,;@!*'()[]~-._|")
    own = _named(parts[2].lower(), 443 if is_secure else 80)
    if own and f"{own[0]}:{own[1]}" in named:
        return Goal(*own, target, is_secure, is_named=True)
    if not is_secure:
        raise InvalidInput(
            f"the URL must begin with https://, not {text.quoted(url)}", hint=_HOSTS_HINT
        )
    return Goal(hosts.public(parts[2]), 443, target, is_secure, is_named=False)


def _named(authority: str, port: int) -> Address | None:
    """Return the host and the port of an authority as it may stand in the operator's list."""
    parts = _HOST_AND_PORT.fullmatch(authority) or _HOST_AND_PORT.fullmatch(f"{authority}:{port}")
    return (parts[1], int(parts[2])) if parts else None


def post(
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    named: Sequence[str] = (),
    seconds: float = SECONDS,
    lookup: Lookup = socket.getaddrinfo,
) -> Answer:
    """Send a body to a URL; say what was answered, or why nothing was. Raises nothing.

    What the answer says is read, 64 KB at most, and thrown away.
    """
    deadline = Deadline(seconds)
    try:
        where = goal(url, named)
        address = resolved(where.host, where.port, deadline, lookup=lookup, anywhere=where.is_named)
        request = _request(where, headers, body)
        with closing(connected(address, deadline)) as plain:
            if not where.is_secure:
                return _sent(plain, request, deadline)
            with secured(plain, where.host, deadline) as wire:
                return _sent(wire, request, deadline)
    except InvalidInput as error:
        return Answer(None, error.detail)
    except (Failed, HTTPException, OSError) as error:
        return Answer(None, why(error, deadline))


def why(error: Exception, deadline: Deadline) -> str:
    """Return what an exchange failed of, in a few words."""
    match error:
        case Failed():
            return str(error)
        case TimeoutError():
            return f"it took longer than {deadline.seconds:g} seconds"
        case ssl.SSLError():
            reason = getattr(error, "verify_message", "") or error.reason or "no TLS"
            return f"the connection is not secure: {short(reason)}"
        case IncompleteRead():
            return "it ends too early"
        case HTTPException():
            return f"the answer is not HTTP: {short(type(error).__name__)}"
        case OSError():
            return f"no connection: {short(error.strerror or error)}"
    return short(type(error).__name__)


def public_address(
    name: str, deadline: Deadline, *, lookup: Lookup = socket.getaddrinfo
) -> Address:
    """Return where to connect to for a host. It is refused unless all its addresses are public."""
    return resolved(name, 443, deadline, lookup=lookup)


def resolved(
    name: str,
    port: int,
    deadline: Deadline,
    *,
    lookup: Lookup = socket.getaddrinfo,
    anywhere: bool = False,
) -> Address:
    """Return the address of a host. Raises Refused unless all it has are public, or `anywhere`."""
    answers: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(lookup(name.strip("[]"), port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    # A thread, because a look-up cannot be interrupted; one that hangs is left behind.
    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if not isinstance(found, list):
        raise Failed(f"there is no host {name}")
    addresses = [entry[4][0] for entry in found]
    for address in addresses:
        if not anywhere and not hosts.is_public(address):
            raise Refused(f"{name} leads to {address}, which is not on the public Internet")
    if not addresses:
        raise Failed(f"there is no host {name}")
    return addresses[0], port


def connected(where: Address, deadline: Deadline) -> socket.socket:
    """Return a connection to an address."""
    return socket.create_connection(where, timeout=deadline.left())


def secured(plain: socket.socket, name: str, deadline: Deadline) -> ssl.SSLSocket:
    """Return the connection made secure, its other end being known to be `name`."""
    plain.settimeout(deadline.left())
    context = ssl.create_default_context()
    return context.wrap_socket(plain, server_hostname=name.strip("[]"))


def answered(wire: socket.socket, deadline: Deadline, method: str) -> HTTPResponse:
    """Return the answer on a connection, not begun to be read; each read ends by the deadline."""
    return HTTPResponse(_Drip(wire, deadline), method=method)  # type: ignore[arg-type]


def short(said: object) -> str:
    """Return the beginning of what a server said, as it may stand in a message."""
    return "".join(one if one.isprintable() else "?" for one in str(said)[:100])


class _Drip(io.RawIOBase):
    """Reads a socket, each time only for as long as is left in all."""

    def __init__(self, wire: socket.socket, deadline: Deadline) -> None:
        self._wire = wire
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wire.settimeout(self._deadline.left())
        return self._wire.recv_into(buffer)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return what `HTTPResponse` reads from."""
        return io.BufferedReader(self, _BLOCK)


def _request(where: Goal, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {where.target} HTTP/1.1",
        f"Host: {where.authority}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
        "User-Agent: bvinv",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _sent(wire: socket.socket, request: bytes, deadline: Deadline) -> Answer:
    wire.settimeout(deadline.left())
    wire.sendall(request)
    answer = answered(wire, deadline, "POST")
    try:
        answer.begin()
        with suppress(HTTPException, OSError):  # the status says all; the rest is politeness
            answer.read(LARGEST_ANSWER)
        return Answer(answer.status, _said(answer), _retry_after(answer))
    finally:
        answer.close()


def _said(answer: HTTPResponse) -> str:
    if 200 <= answer.status < 300:
        return ""
    if 300 <= answer.status < 400:
        return f"it redirects ({answer.status}), and redirects are not followed"
    return f"the server answers {answer.status}"


def _retry_after(answer: HTTPResponse) -> int | None:
    """Return the seconds that Retry-After names (RFC 9110, 10.2.3), a day at most."""
    said = (answer.headers.get("Retry-After") or "").strip()
    if said.isascii() and said.isdigit():
        return min(int(said[:9]), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return max(0, min(int(until - time.time()), LONGEST_WAIT))
