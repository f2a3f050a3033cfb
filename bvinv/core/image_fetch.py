"""One image, fetched from the Internet and from nowhere else, within 5 seconds and 10 MB.

The name is resolved once, every address that it stands for must be public, and the connection goes
to one of these: a second answer of the name server changes nothing. No redirect is followed, no
proxy asked, nothing written to disk.
"""

import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any
from urllib.parse import quote

from bvinv.core import hosts
from bvinv.core.images import Finding, host

SECONDS = 5.0
LARGEST = 10_000_000  # bytes
_BLOCK = 1 << 16
# How the kinds of images begin, at which byte. Not SVG: it is a program as much as an image.
_BEGINNINGS = (
    ("image/png", 0, (b"\x89PNG\r\n\x1a\n",)),
    ("image/jpeg", 0, (b"\xff\xd8\xff",)),
    ("image/gif", 0, (b"GIF87a", b"GIF89a")),
    ("image/webp", 8, (b"WEBPVP8",)),
    ("image/avif", 4, (b"ftypavif", b"ftypavis")),
    ("image/heic", 4, (b"ftypheic", b"ftypheix", b"ftypmif1")),
    ("image/tiff", 0, (b"II*\0", b"MM\0*")),
    ("image/jxl", 0, (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")),
)

Address = tuple[str, int]
Lookup = Callable[..., list[Any]]


class _Failed(Exception):
    """The image cannot be had; the text says why."""


class _Refused(_Failed):
    """The image must not be had."""


def fetch(
    address: str,
    *,
    resolve: "Callable[[str, Deadline], Address] | None" = None,
    seconds: float = SECONDS,
) -> Finding:
    """Fetch what `product_fields.image_url` has let through; say what it is, or why it failed.

    `resolve` returns the IP address and port to connect to instead of the host's own.
    """
    deadline = Deadline(seconds)
    try:
        where = (resolve or public_address)(host(address), deadline)
        return _read(address, where, deadline)
    except _Refused as error:
        return Finding("refused", str(error))
    except _Failed as error:
        return Finding("failed", str(error))
    except TimeoutError:
        return Finding("failed", f"it took longer than {seconds:g} seconds")
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "no TLS"
        return Finding("failed", f"the connection is not secure: {_short(reason)}")
    except IncompleteRead:
        return Finding("failed", "it ends too early")
    except HTTPException as error:
        return Finding("failed", f"the answer is not HTTP: {_short(type(error).__name__)}")
    except OSError as error:
        return Finding("failed", f"no connection: {_short(error.strerror or error)}")


class Deadline:
    """The moment at which the whole fetch has to be over, however slowly bytes drip."""

    def __init__(self, seconds: float) -> None:
        """Begin to count."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def public_address(
    name: str, deadline: Deadline, *, lookup: Lookup = socket.getaddrinfo
) -> Address:
    """Return where to connect to for a host. It is refused unless all its addresses are public."""
    answers: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(lookup(name.strip("[]"), 443, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    # A thread, because a look-up cannot be interrupted; one that hangs is left behind.
    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if not isinstance(found, list):
        raise _Failed(f"there is no host {name}")
    addresses = [entry[4][0] for entry in found]
    for address in addresses:
        if not hosts.is_public(address):
            raise _Refused(f"{name} leads to {address}, which is not on the public Internet")
    if not addresses:
        raise _Failed(f"there is no host {name}")
    return addresses[0], 443


class _Drip(io.RawIOBase):
    """Reads a socket, each time only for as long as is left in all."""

    def __init__(self, wire: ssl.SSLSocket, deadline: Deadline) -> None:
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


def _read(address: str, where: Address, deadline: Deadline) -> Finding:
    name = host(address)
    context = ssl.create_default_context()
    with (
        socket.create_connection(where, timeout=deadline.left()) as plain,
        _secured(context, plain, name, deadline) as wire,
    ):
        wire.settimeout(deadline.left())
        wire.sendall(_request(address, name))
        answer = HTTPResponse(_Drip(wire, deadline), method="GET")  # type: ignore[arg-type]
        try:
            answer.begin()
            stated = _stated_type(answer)
            kind, size = _measured(answer)
        finally:
            answer.close()
    if not kind:
        raise _Failed(f"it says it is {stated}, but it is none of the known kinds of images")
    return Finding("fetched", content_type=kind, bytes=size)


def _secured(
    context: ssl.SSLContext, plain: socket.socket, name: str, deadline: Deadline
) -> ssl.SSLSocket:
    plain.settimeout(deadline.left())
    return context.wrap_socket(plain, server_hostname=name.strip("[]"))


def _request(address: str, name: str) -> bytes:
    path = address.partition("#")[0].removeprefix(f"https://{name}")
    target = quote(path if path.startswith("/") else f"/{path}", safe="%/:?&=+$,;@!*'()[]~-._|")
    return (
        f"GET {target} HTTP/1.1\r\nHost: {name}\r\nAccept: image/*\r\n"
        "Accept-Encoding: identity\r\nUser-Agent: bvinv\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def _stated_type(answer: HTTPResponse) -> str:
    """Return the type that the server states. Raises _Failed unless it is that of an image."""
    if 300 <= answer.status < 400:
        raise _Failed(f"it redirects ({answer.status}), and redirects are not followed")
    if answer.status != 200:
        raise _Failed(f"the server answers {answer.status}")
    stated = answer.headers.get_content_type()
    if not (answer.headers.get("Content-Type") and stated.startswith("image/")):
        raise _Failed(f"it is {_short(stated)}, not an image")
    if (answer.length or 0) > LARGEST:
        raise _Failed(f"it has more than {LARGEST // 1_000_000} MB")
    return _short(stated)


def _measured(answer: HTTPResponse) -> tuple[str, int]:
    """Return what kind of image it is by its first bytes, "" for none, and its size in bytes."""
    beginning, size = b"", 0
    while block := answer.read(_BLOCK):
        beginning = beginning or block
        size += len(block)
        if size > LARGEST:
            raise _Failed(f"it has more than {LARGEST // 1_000_000} MB")
        if not _kind(beginning):
            return "", size
    if answer.length:
        raise _Failed("it ends too early")
    return _kind(beginning), size


def _kind(beginning: bytes) -> str:
    for kind, at, marks in _BEGINNINGS:
        if beginning.startswith(marks, at):
            return kind
    return ""


def _short(said: object) -> str:
    """Return the beginning of what a server said, as it may stand in a message."""
    return "".join(one if one.isprintable() else "?" for one in str(said)[:100])
