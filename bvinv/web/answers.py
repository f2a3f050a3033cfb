"""Answers on their way out: JSON, entity tags, compression, and the head that all of them bear."""

import gzip
import hashlib
import re
from typing import Any, NamedTuple

import orjson

from bvinv.core.errors import InventoryError
from bvinv.web import problems

Headers = list[tuple[bytes, bytes]]
WHOLE = "bvinv.answer"  # the ASGI extension of `protocol`: a message that is a whole answer

# What a shared cache may keep, and has to ask about each time; and what nobody may keep.
CATALOGUE = (b"cache-control", b"public, no-cache")
PRIVATE = (b"cache-control", b"private, no-cache")
NO_STORE = (b"cache-control", b"no-store")
_VARY = (b"vary", b"Authorization, X-API-Key, Accept-Encoding")

# What no answer does without: it is data, of the type it says, and no page.
_SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_JSON: Headers = [(b"content-type", b"application/json"), *_SAFE]
_PROBLEM: Headers = [(b"content-type", problems.CONTENT_TYPE), *_SAFE, NO_STORE]
_CODING = re.compile(rb"([^\s,;]+)[ \t]*(;[^,]*)?")
_REFUSED = re.compile(rb"(?i);[ \t]*q=0(\.0*)?[ \t]*")
_SMALLEST = 1024  # bytes that are worth compressing


class Answer(NamedTuple):
    """A whole answer, before it is fitted to the request. `until` is the instant (microseconds)
    until which it may be kept while the database does not move; 0 is not at all."""

    status: int
    headers: Headers
    body: bytes
    until: int = 0
    packed: bytes = b""  # the body in gzip, where that is all that was kept of it


encode = orjson.dumps


def of(
    result: Any,
    *,
    status: int = 200,
    tag: str = "",
    until: int = 0,
    kept: tuple[bytes, bytes] = PRIVATE,
) -> Answer:
    """Return a result as JSON. `tag` is what its entity tag begins with, its version; `kept` says
    what caches on the way may do. What nobody may keep, the answer to a change, has its version
    alone for a tag, if it has one."""
    body = encode(result)
    head = [*_JSON, kept, _VARY]
    if kept is not NO_STORE:
        head.append((b"etag", etag(body, tag)))
    elif tag:
        head.append((b"etag", f'"{tag}"'.encode()))
    return Answer(status, head, body, until)


def problem(error: InventoryError) -> Answer:
    """Return an error."""
    said = encode(problems.body(error))
    return Answer(problems.status(error), [*_PROBLEM, *problems.headers(error)], said)


def safe(headers: Headers) -> Headers:
    """Return the head of an answer that others made, with what no answer does without."""
    own = {name for name, _ in headers}
    return [*headers, *(one for one in _SAFE if one[0] not in own)]


def etag(body: bytes, tag: str = "") -> bytes:
    """Return a strong entity tag (RFC 9110, 8.8.3): the version, if there is one, and a digest."""
    digest = hashlib.blake2b(body, digest_size=8).hexdigest()
    return f'"{tag}-{digest}"'.encode() if tag else f'"{digest}"'.encode()


def fitted(answer: Answer, asked: dict[bytes, bytes], *, reads: bool) -> Answer:
    """Return the answer as this request takes it: gzip where it understands that, and 304 where
    it only `reads` what it has already (of a change, that would say that nothing was done)."""
    large = len(answer.body) >= _SMALLEST or bool(answer.packed)
    if answer.status != 200 or not (large or b"if-none-match" in asked):
        return answer
    tag = _value(answer.headers, b"etag")
    compresses = large and _takes_gzip(asked.get(b"accept-encoding", b""))
    if tag and compresses:
        tag = tag[:-1] + b'-gzip"'
    if tag and reads and b"if-none-match" in asked and _matches(asked[b"if-none-match"], tag):
        kept = [one for one in answer.headers if one[0] not in (b"content-type", b"etag")]
        return Answer(304, [*kept, (b"etag", tag)], b"")
    head = answer.headers
    if large and not _value(head, b"vary"):
        head = [*head, (b"vary", b"Accept-Encoding")]
    if not compresses or _value(head, b"content-encoding"):
        body = gzip.decompress(answer.packed) if answer.packed else answer.body
        return answer._replace(headers=head, body=body)
    head = [one for one in head if one[0] not in (b"etag", b"content-length")]
    head += [(b"content-encoding", b"gzip")] + ([(b"etag", tag)] if tag else [])
    return Answer(200, head, answer.packed or gzip.compress(answer.body, 5, mtime=0))


def head(answer: Answer, more: Headers) -> Headers:
    """Return the whole head of an answer; `more` is what concerns this request alone."""
    if answer.status in (204, 304):
        return [*answer.headers, *more]
    return [*answer.headers, (b"content-length", b"%d" % len(answer.body)), *more]


def whole(answer: Answer, more: Headers, *, is_head: bool) -> dict[str, Any]:
    """Return the message that is this answer, body or not. Raises ValueError for a header that
    would be two."""
    headers = head(answer, more)
    said = b"".join([b"%b: %b\r\n" % one for one in headers])
    if said.count(b"\n") != len(headers) or said.count(b"\r") != len(headers):
        raise ValueError("a header has a line break")
    body = b"" if is_head else answer.body
    return {"type": WHOLE, "status": answer.status, "head": said, "body": body}


def _takes_gzip(said: bytes) -> bool:
    """Tell whether Accept-Encoding names gzip, and not to refuse it (RFC 9110, 12.5.3)."""
    return any(
        one[1].lower() in (b"gzip", b"x-gzip") and not _REFUSED.fullmatch(one[2] or b"")
        for one in _CODING.finditer(said)
    )


def _matches(said: bytes, tag: bytes) -> bool:
    """Compare weakly, as If-None-Match does (RFC 9110, 13.1.2)."""
    if said.strip() == b"*":
        return True
    return tag in {one.strip().removeprefix(b"W/") for one in said.split(b",")}


def _value(headers: Headers, name: bytes) -> bytes:
    return next((value for one, value in headers if one == name), b"")
