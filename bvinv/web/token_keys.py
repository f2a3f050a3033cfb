"""What tokens are verified with: a secret, or public keys from a file that is read anew when it
changes. One algorithm, and only keys that fit it (RFC 8725, sections 3.1 and 3.5)."""

import os
import stat
from collections.abc import Callable
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWTError, get_algorithm_by_name

from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.web import strict

# RFC 7518, section 3.2: the secret has as many bytes as the hash.
SECRET = {"HS256": 32, "HS384": 48, "HS512": 64}
PUBLIC = {
    "RS256": "RSA of 2048 bits at least",
    "PS256": "RSA of 2048 bits at least",
    "ES256": "on the curve P-256",
    "EdDSA": "Ed25519",
}
_LEAST_RSA = 2048  # bits; RFC 7518, section 3.3
_LARGEST_FILE = 1_000_000  # bytes
_FEWEST_SIGNS = 8  # different ones; 32 random hexadecimal digits have 14
# Parts of what tutorials, templates and https://jwt.io give as examples.
_WELL_KNOWN = (
    b"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    b"bit-secret",
    b"bits-long",
    b"changeme",
    b"change-me",
    b"change_me",
    b"default",
    b"example",
    b"insecure",
    b"password",
    b"secret-key",
    b"secret_key",
    b"secretkey",
    b"super-secret",
    b"super_secret",
    b"supersecret",
    b"your-secret",
    b"your_secret",
)
_HINT = "make one: python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"

# Keys by their `kid`; under "" the one that counts whatever the token names.
Keys = dict[str, Any]
_Mark = tuple[int, int, int]


class KeyFile:
    """Keys from a file, looked at once a second at most; what can no longer be read leaves the
    last good ones."""

    def __init__(self, path: str, understood: Callable[[bytes], Keys], *, is_secret: bool) -> None:
        """Read the file. Raises InvalidInput."""
        self._path, self._understood, self._is_secret = path, understood, is_secret
        self._looked = 0.0
        self._mark, content = _read(path, is_secret=is_secret)
        self._keys = understood(content)

    def keys(self, now: float) -> Keys:
        """Return the keys that count now, in seconds of the Unix clock."""
        if abs(now - self._looked) >= 1:
            self._looked = now
            try:
                if _mark(os.stat(self._path)) != self._mark:  # noqa: PTH116 - pathlib is slower
                    mark, content = _read(self._path, is_secret=self._is_secret)
                    self._keys = self._understood(content)
                    self._mark = mark
            except (OSError, InvalidInput):
                pass
        return self._keys


class Asked(NamedTuple):
    """The settings that say where keys come from."""

    secret: str
    secret_file: str
    key_file: str
    jwks_file: str


def source(asked: Asked, algorithm: str) -> Callable[[float], Keys] | None:
    """Return what gives the keys at a time in seconds; None where none are configured.

    Raises InvalidInput.
    """
    named = [name for name, value in zip(asked._fields, asked, strict=True) if value]
    if not named:
        return None
    if len(named) > 1:
        said = " and ".join(f"BVINV_JWT_{name.upper()}" for name in named)
        raise InvalidInput(f"tokens have one source of keys, not {said}")
    [name] = named
    fitting = SECRET if name in ("secret", "secret_file") else PUBLIC
    if algorithm not in fitting:
        raise InvalidInput(
            f"BVINV_JWT_ALGORITHM does not go with BVINV_JWT_{name.upper()}",
            hint=f"for that it is one of {', '.join(fitting)}",
        )
    if name == "secret":
        try:
            keys = _secret(asked.secret.encode(), algorithm)
        except UnicodeEncodeError:
            raise InvalidInput("BVINV_JWT_SECRET is no text", hint=_HINT) from None
        return lambda _now: keys
    read = {"secret_file": _secret, "key_file": _pem, "jwks_file": _jwks}[name]
    path = str(getattr(asked, name))
    return KeyFile(
        path, lambda content: read(content, algorithm), is_secret=name == "secret_file"
    ).keys


def _secret(content: bytes, algorithm: str) -> Keys:
    secret = content.rstrip(b"\r\n")
    least = SECRET[algorithm]
    if len(secret) < least:
        raise InvalidInput(
            f"the secret for tokens has {len(secret)} bytes; {algorithm} needs {least} at least",
            hint=_HINT,
        )
    lowered = secret.lower()
    repeats = secret in (secret + secret)[1:-1]
    if repeats or len(set(secret)) < _FEWEST_SIGNS or any(one in lowered for one in _WELL_KNOWN):
        raise InvalidInput(
            "the secret for tokens is one that somebody can guess, or has read somewhere",
            hint=_HINT,
        )
    try:
        return {"": get_algorithm_by_name(algorithm).prepare_key(secret)}
    except PyJWTError:  # a public key: whoever knows it could sign
        raise InvalidInput("the secret for tokens is a key of another kind", hint=_HINT) from None


def _pem(content: bytes, algorithm: str) -> Keys:
    if b"PRIVATE KEY" in content:
        raise InvalidInput(
            "the key file for tokens has a private key in it",
            hint="the server needs the public one only: openssl pkey -pubout",
        )
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput(
            "the key file for tokens is no public key in PEM",
            hint="it begins with -----BEGIN PUBLIC KEY-----",
        ) from None
    if not _fits(key, algorithm):
        raise InvalidInput(
            f"the key for tokens does not fit {algorithm}: that takes one {PUBLIC[algorithm]}"
        )
    return {"": key}


def _jwks(content: bytes, algorithm: str) -> Keys:
    """Return the keys of a JWK set (RFC 7517, section 5) that are there for this algorithm."""
    try:
        found = strict.loads(content)
    except InvalidInput:
        found = None
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise InvalidInput("the JWKS file for tokens is no JWK set", hint='{"keys": […]}')
    keys: Keys = {}
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        if {"d", "k"} & entry.keys():
            raise InvalidInput("the JWKS file for tokens has a private key in it")
        name, key = entry.get("kid"), _usable(entry, algorithm)
        if key is None or not isinstance(name, str) or not name:
            continue
        if name in keys:
            raise InvalidInput("the JWKS file for tokens has two keys of one kid")
        keys[name] = key
    if not keys:
        raise InvalidInput(
            f"the JWKS file for tokens has no key for {algorithm}",
            hint=f"that takes one {PUBLIC[algorithm]}, with a kid",
        )
    return keys


def _usable(entry: dict[str, Any], algorithm: str) -> Any:
    """Return the key of an entry, None where it is for something else."""
    operations = entry.get("key_ops", ["verify"])
    if (
        entry.get("use", "sig") != "sig"
        or entry.get("alg", algorithm) != algorithm
        or not isinstance(operations, list)
        or "verify" not in operations
    ):
        return None
    try:
        key = PyJWK(entry, algorithm).key
    except (PyJWTError, ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm):
        return None
    return key if _fits(key, algorithm) else None


def _fits(key: object, algorithm: str) -> bool:
    match algorithm:
        case "RS256" | "PS256":
            return isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_RSA
        case "ES256":
            return isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp256r1"
        case _:
            return isinstance(key, Ed25519PublicKey)


def _read(path: str, *, is_secret: bool) -> tuple[_Mark, bytes]:
    """Return a file's mark and content, after seeing that others could not have written it."""
    try:
        opened = open(path, "rb", opener=_unblocked)  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "that is no name of a file"
        raise InvalidInput(
            f"the key file for tokens, {text.quoted(path)}, cannot be read: {why}"
        ) from None
    with opened:
        about = os.fstat(opened.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_FILE:
            raise InvalidInput(f"{path} is no file, or too large")
        if os.name == "posix" and about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise InvalidInput(f"others may write {path}", hint=f"chmod go-w {path}")
        if os.name == "posix" and is_secret and about.st_mode & stat.S_IROTH:
            raise InvalidInput(f"others may read {path}", hint=f"chmod o-r {path}")
        return _mark(about), opened.read(_LARGEST_FILE)


def _unblocked(path: str, flags: int) -> int:
    """Open a file; a pipe without a writer does not keep us waiting."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _mark(about: os.stat_result) -> _Mark:
    return about.st_mtime_ns, about.st_size, about.st_ino
