"""Bearer tokens: who has signed them, for whom, and what they say. RFC 7519, 8725 and 9068.

PyJWT verifies the signature; what a token says is read here, as its own checks are optional and
lenient: a number may be text there, a missing claim passes, a name may stand twice.
"""

import base64
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from jwt import PyJWS, PyJWTError

from bvinv.core import access, keys
from bvinv.core.errors import InvalidInput
from bvinv.settings import Settings
from bvinv.web import strict, token_keys

LONGEST = 8192  # characters
LEEWAY = 30  # seconds that the issuer's clock may be ahead of ours
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KID = re.compile(r"[A-Za-z0-9_.:=+@-]{1,200}")
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
# Headers that bring a key, change what is signed, or ask for what we would have to understand.
_REFUSED = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})
# Where issuers say what a token is for, when its header does not.
_KINDS = ("typ", "type", "token_type", "token_use")
_ACCESS = ("access", "access_token", "bearer", *_TYPES)
_LAST = 253_402_300_800  # the year 10000, in seconds


class Unauthenticated(Exception):
    """A token that is not accepted. Its sentence is one of this module's, nothing of the token."""

    def __init__(self, said: str = "the token is not valid") -> None:
        super().__init__(said)


class Claims(NamedTuple):
    """What an accepted token says; `expires_at` in seconds of the Unix clock."""

    subject: str
    role: str
    expires_at: float


class Tokens:
    """Reads the tokens of one issuer for one audience, signed with one algorithm."""

    def __init__(
        self,
        found: Callable[[float], token_keys.Keys],
        *,
        algorithm: str,
        issuer: str,
        audience: str,
        lifetime: int,
    ) -> None:
        """Take where keys are found, and what has to be said; `lifetime` is in seconds."""
        self._found = found
        self._algorithm = algorithm
        self._issuer, self._audience, self._lifetime = issuer, audience, lifetime
        self._signatures = PyJWS([algorithm], {"enforce_minimum_key_length": True})

    @classmethod
    def of(cls, settings: Settings) -> "Tokens | None":
        """Return what reads the tokens that the settings allow, None where they allow none.

        Raises InvalidInput for more than one source of keys, a key that is weak, well known, open
        to others or not made for the algorithm, and without an issuer or an audience.
        """
        algorithm = settings.jwt_algorithm
        asked = token_keys.Asked(
            settings.jwt_secret,
            settings.jwt_secret_file,
            settings.jwt_key_file,
            settings.jwt_jwks_file,
        )
        known = [*token_keys.SECRET, *token_keys.PUBLIC]
        if any(asked) and algorithm not in known:
            raise InvalidInput(f"BVINV_JWT_ALGORITHM is one of {', '.join(known)}")
        found = token_keys.source(asked, algorithm)
        if found is None:
            if settings.jwt_issuer or settings.jwt_audience:
                raise InvalidInput(
                    "there is no key to verify tokens with",
                    hint="set BVINV_JWT_SECRET_FILE, BVINV_JWT_KEY_FILE or BVINV_JWT_JWKS_FILE",
                )
            return None
        for name in ("issuer", "audience"):
            if not getattr(settings, f"jwt_{name}"):
                raise InvalidInput(f"tokens need BVINV_JWT_{name.upper()}")
        return cls(
            found,
            algorithm=algorithm,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            lifetime=settings.jwt_lifetime,
        )

    def read(self, token: str, *, now: float) -> Claims:
        """Return what a token says at this time, in seconds of the Unix clock.

        Raises Unauthenticated.
        """
        if len(token) > LONGEST or not _FORM.fullmatch(token):
            raise Unauthenticated
        key = self._key(_header(token), now)
        try:
            payload = self._signatures.decode(token, key, algorithms=[self._algorithm])
            claims = strict.loads(payload)
        except (PyJWTError, InvalidInput, ValueError):
            raise Unauthenticated from None
        if not isinstance(claims, dict):
            raise Unauthenticated
        # Whoever gets here has a token that was signed for somebody: the reason may be told.
        self._refuse_foreign(claims)
        expires_at = self._refuse_untimely(claims, now)
        return Claims(_subject(claims), _role(claims), expires_at)

    def _key(self, header: dict[str, Any], now: float) -> Any:
        """Return the key that the header may name, after refusing any other way to verify."""
        kind, name = header.get("typ", "JWT"), header.get("kid")
        if (
            header.get("alg") != self._algorithm
            or not isinstance(kind, str)
            or kind.lower() not in _TYPES
            or _REFUSED & header.keys()
            or ("kid" in header and not (isinstance(name, str) and _KID.fullmatch(name)))
        ):
            raise Unauthenticated
        found = self._found(now)
        key = found.get("") or found.get(name or "")
        if key is None:
            raise Unauthenticated
        return key

    def _refuse_foreign(self, claims: dict[str, Any]) -> None:
        """Refuse what somebody else has issued, is meant for others, or is no access token.

        An audience of several is refused too: any of the others could show the token here.
        """
        if claims.get("iss") != self._issuer:
            raise Unauthenticated("the token is from another issuer")
        if claims.get("aud") != self._audience:
            raise Unauthenticated("the token is for another audience")
        for name in _KINDS:
            kind = claims.get(name, "access")
            if not isinstance(kind, str) or kind.lower() not in _ACCESS:
                raise Unauthenticated("the token is not for access")

    def _refuse_untimely(self, claims: dict[str, Any], now: float) -> float:
        """Return when the token expires, after seeing that it counts now."""
        expires_at, issued_at = _instant(claims, "exp"), _instant(claims, "iat")
        starts_at = _instant(claims, "nbf") if "nbf" in claims else issued_at
        if expires_at <= now:
            raise Unauthenticated("the token has expired")
        if max(issued_at, starts_at) > now + LEEWAY:
            raise Unauthenticated("the token does not count yet")
        if not 0 < expires_at - issued_at <= self._lifetime:
            raise Unauthenticated("the token lives too long")
        return expires_at


def _header(token: str) -> dict[str, Any]:
    encoded = token.partition(".")[0]
    try:
        found = strict.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (InvalidInput, ValueError):
        raise Unauthenticated from None
    if not isinstance(found, dict):
        raise Unauthenticated
    return found


def _instant(claims: dict[str, Any], name: str) -> float:
    found = claims.get(name)
    if not isinstance(found, (int, float)) or isinstance(found, bool) or not 0 <= found < _LAST:
        raise Unauthenticated(f"the token has no usable {name}")
    return found


def _subject(claims: dict[str, Any]) -> str:
    """Return who bears the token, if that is a name that the books can have as it is."""
    found = claims.get("sub")
    try:
        if isinstance(found, str) and keys.caller(found) == found:
            return found
    except InvalidInput:
        pass
    raise Unauthenticated("the token has no usable sub")


def _role(claims: dict[str, Any]) -> str:
    found = claims.get("role")
    if isinstance(found, str) and found in access.ROLES:
        return found
    raise Unauthenticated("the token has no role that is known here")
