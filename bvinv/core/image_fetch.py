"""One image, fetched from the Internet and from nowhere else, within 5 seconds and 10 MB.

The name is resolved once, every address that it stands for must be public, and the connection goes
to one of these: a second answer of the name server changes nothing. No redirect is followed, no
proxy asked, nothing written to disk.
"""

from collections.abc import Callable
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from urllib.parse import quote

from bvinv.core import outgoing
from bvinv.core.images import Finding, host
from bvinv.core.outgoing import Address, Deadline, Failed, Refused, public_address, short

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


def fetch(
    address: str,
    *,
    resolve: Callable[[str, Deadline], Address] | None = None,
    seconds: float = SECONDS,
) -> Finding:
    """Fetch what `product_fields.image_url` has let through; say what it is, or why it failed.

    `resolve` returns the IP address and port to connect to instead of the host's own.
    """
    deadline = Deadline(seconds)
    try:
        where = (resolve or public_address)(host(address), deadline)
        return _read(address, where, deadline)
    except Refused as error:
        return Finding("refused", str(error))
    except (Failed, HTTPException, OSError) as error:
        return Finding("failed", outgoing.why(error, deadline))


def _read(address: str, where: Address, deadline: Deadline) -> Finding:
    name = host(address)
    with (
        closing(outgoing.connected(where, deadline)) as plain,
        outgoing.secured(plain, name, deadline) as wire,
    ):
        wire.settimeout(deadline.left())
        wire.sendall(_request(address, name))
        answer = outgoing.answered(wire, deadline, "GET")
        try:
            answer.begin()
            stated = _stated_type(answer)
            kind, size = _measured(answer)
        finally:
            answer.close()
    if not kind:
        raise Failed(f"it says it is {stated}, but it is none of the known kinds of images")
    return Finding("fetched", content_type=kind, bytes=size)


def _request(address: str, name: str) -> bytes:
    path = address.partition("#")[0].removeprefix(f"https://{name}")
    target = quote(path if path.startswith("/") else f"/{path}", safe="%/:?&=+$,;@!*'()[]~-._|")
    return (
        f"GET {target} HTTP/1.1\r\nHost: {name}\r\nAccept: image/*\r\n"
        "Accept-Encoding: identity\r\nUser-Agent: bvinv\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def _stated_type(answer: HTTPResponse) -> str:
    """Return the type that the server states. Raises Failed unless it is that of an image."""
    if 300 <= answer.status < 400:
        raise Failed(f"it redirects ({answer.status}), and redirects are not followed")
    if answer.status != 200:
        raise Failed(f"the server answers {answer.status}")
    stated = answer.headers.get_content_type()
    if not (answer.headers.get("Content-Type") and stated.startswith("image/")):
        raise Failed(f"it is {short(stated)}, not an image")
    if (answer.length or 0) > LARGEST:
        raise Failed(f"it has more than {LARGEST // 1_000_000} MB")
    return short(stated)


def _measured(answer: HTTPResponse) -> tuple[str, int]:
    """Return what kind of image it is by its first bytes, "" for none, and its size in bytes."""
    beginning, size = b"", 0
    while block := answer.read(_BLOCK):
        beginning = beginning or block
        size += len(block)
        if size > LARGEST:
            raise Failed(f"it has more than {LARGEST // 1_000_000} MB")
        if not _kind(beginning):
            return "", size
    if answer.length:
        raise Failed("it ends too early")
    return _kind(beginning), size


def _kind(beginning: bytes) -> str:
    for kind, at, marks in _BEGINNINGS:
        if beginning.startswith(marks, at):
            return kind
    return ""
