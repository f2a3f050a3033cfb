"""Who asks: by an API key, by a token, or nobody in particular where the door is open."""

import hashlib
from typing import NamedTuple

from bvinv.core import access, keys
from bvinv.core.db import Session
from bvinv.web.problems import Unauthenticated
from bvinv.web.tokens import Tokens
from bvinv.web.tokens import Unauthenticated as BadToken

_ASK = ((b"www-authenticate", b'Bearer realm="bvinv"'),)
_MOST = 10_000
_TRUSTED = 5.0  # seconds that a token counts without being looked at: its key may be taken away


class Caller(NamedTuple):
    """Somebody with a name and a role, as both doors record it."""

    name: str
    role: str


class Callers:
    """Knows callers by what they show; what was found counts until the database moves."""

    def __init__(self, tokens: Tokens | None, somebody: Caller | None) -> None:
        """Accept keys, tokens where they are configured, and, as long as there are neither, anyone
        as `somebody` (on loopback)."""
        self._tokens = tokens
        self._somebody = somebody
        self._known: dict[bytes, tuple[Caller, float]] = {}
        self._version = -1

    def known(self, key: bytes, token: bytes, version: int, now: float) -> Caller | None:
        """Return who showed this before in this state of the database; None asks to `find`."""
        if version != self._version or len(self._known) > _MOST:
            # In this order, and another dictionary: `find` may be in a thread, at its end.
            self._version = version
            self._known = {}
            return None
        found = self._known.get(_shown(key, token))
        return found[0] if found and now < found[1] else None

    def find(self, session: Session, key: bytes, token: bytes, version: int, now: float) -> Caller:
        """Return who shows this key or token. Raises Unauthenticated."""
        ends, known = float("inf"), self._known
        # Many ask at once when the database has moved; the first one's answer is for all.
        before = known.get(_shown(key, token)) if version == self._version else None
        if before and now < before[1]:
            return before[0]
        if key:
            row = keys.find(session, key.decode("latin-1"))
            if row is None:
                raise Unauthenticated("the key is not known", headers=_ASK)
            caller = Caller(row.name, row.role)
        elif token:
            caller, ends = self._bearer(session, token, now)
        elif self._somebody and not self._tokens and not keys.any_made(session):
            caller = self._somebody
        else:
            raise Unauthenticated(
                "this needs a key or a token",
                headers=_ASK,
                hint="send X-API-Key, or Authorization: Bearer",
            )
        if version == self._version:
            known[_shown(key, token)] = (caller, ends)
        return caller

    def _bearer(self, session: Session, token: bytes, now: float) -> tuple[Caller, float]:
        if self._tokens is None:
            raise Unauthenticated("tokens are not accepted here", headers=_ASK)
        try:
            claims = self._tokens.read(token.decode("latin-1"), now=now)
        except BadToken as error:
            raise Unauthenticated(str(error), headers=_ASK) from None
        limit = keys.subject(session, claims.subject)
        if limit and limit.revoked_at is not None:
            raise Unauthenticated("the bearer of this token is blocked", headers=_ASK)
        roles = [claims.role, *([limit.role] if limit else [])]
        role = min(roles, key=access.ROLES.index)
        return Caller(claims.subject, role), min(float(claims.expires_at), now + _TRUSTED)


def _shown(key: bytes, token: bytes) -> bytes:
    """Return what is remembered of a key or a token; one is never taken for the other."""
    return hashlib.sha256(b"key " + key if key else b"token " + token).digest()
