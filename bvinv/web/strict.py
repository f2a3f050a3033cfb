"""JSON as it may come in: finite numbers, each name once, real characters, not too deep.

Python's reader, and every framework on it, takes NaN, 1e400, duplicate names and lone surrogates,
each of which has been a way into somebody's server (RFC 8259, sections 4, 6 and 8.2).
"""

import json
from typing import Any

from bvinv.core.errors import InvalidInput

DEEPEST = 64


class Malformed(InvalidInput):
    """The body is no JSON that anybody should send."""

    code = "malformed"
    title = "Malformed request"


def loads(body: bytes) -> Any:
    """Return what a JSON document says. Raises Malformed; what was sent is not repeated."""
    try:
        said = body.decode("utf-8")
        found = _decoder.decode(said)
        if "\\u" in said:
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise Malformed("the body is not UTF-8 text") from None
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:  # a number of 5,000 digits, or what the hooks refuse
        raise Malformed(
            str(error) if isinstance(error, _Refused) else "a number is too long"
        ) from None
    if body.count(b"[") + body.count(b"{") > DEEPEST and _depth(found) > DEEPEST:
        raise Malformed("the body is nested too deeply")
    return found


class _Refused(ValueError):
    """Valid for Python's reader, not for us."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("a name stands twice in one object")
    return found


def _finite(said: str) -> float:
    number = float(said)
    if number - number != 0:
        raise _Refused("a number is too large")
    return number


def _constant(_: str) -> Any:
    raise _Refused("NaN and Infinity are not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_constant)


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return deepest
