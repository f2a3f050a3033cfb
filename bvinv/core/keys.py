"""API keys, and what the subjects of tokens may do at most. Of a key only its hash is kept.

A key is 256 random bits, so a plain SHA-256 cannot be guessed back and is found by an index; the
slow hashes for passwords are for what people make up. Names are never given twice: what the books
say that somebody did stays true.
"""

import hashlib
import re
import secrets
from typing import Any

from pydantic import SecretStr

from bvinv.core import access, command_log, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.models.key import KeyRow, NewKeyRow

LONGEST_NAME = 100  # characters, as of every actor
_PREFIX, _BYTES = "bvinv_", 32
# RFC 4648, section 5: 32 bytes are 43 characters without padding.
_KEY = re.compile(r"bvinv_[A-Za-z0-9_-]{43}")

_COLUMNS = "name, role, hash, created_by, created_at, revoked_at"
_ONE = Sql(f"SELECT {_COLUMNS} FROM api_key WHERE name = :name")
_LOCK = Sql(f"SELECT {_COLUMNS} FROM api_key WHERE name = :name", lock="FOR UPDATE")
_LIVE = Sql(f"SELECT {_COLUMNS} FROM api_key WHERE hash = :hash AND revoked_at IS NULL")
_PAGE = Sql(f"SELECT {_COLUMNS} FROM api_key WHERE name > :after ORDER BY name LIMIT :limit")
_NAMES = Sql("SELECT name FROM api_key ORDER BY name")
_EVER = Sql("SELECT 1 AS found FROM api_key WHERE hash IS NOT NULL LIMIT 1")
_ANY = Sql("SELECT 1 AS found FROM api_key WHERE hash IS NOT NULL AND revoked_at IS NULL LIMIT 1")
_ADD = Sql.insert("api_key", "name", "role", "hash", "created_by", "created_at")
_LIMIT = Sql("UPDATE api_key SET role = :role WHERE name = :name")
_REVOKE = Sql("UPDATE api_key SET revoked_at = :now WHERE name = :name")


def create(session: Session, *, name: str, role: str) -> NewKeyRow:
    """Make a key for a new name; the row that is returned is the only place where it stands.

    Raises InvalidInput, and Conflict for a name that was ever used, in capitals or not.
    """
    wanted, allowed = caller(name), access.named(role)
    _refuse_taken(session, wanted)
    key = _PREFIX + secrets.token_urlsafe(_BYTES)
    _add(session, wanted, allowed, _hash(key))
    _tell(session, "created", wanted, allowed)
    return NewKeyRow(name=wanted, role=allowed, key=SecretStr(key))


def limit(session: Session, *, name: str, role: str) -> KeyRow:
    """Let bearers of tokens with this subject do no more than this role, whatever a token says.

    Raises InvalidInput, and Conflict for the name of a key, and for one that is revoked.
    """
    wanted, allowed = caller(name), access.named(role)
    found = session.ask(_LOCK, name=wanted)
    if not found:
        _refuse_taken(session, wanted)
        _add(session, wanted, allowed, None)
    elif found[0].hash is not None:
        raise Conflict(
            f"{wanted} is the name of a key, whose role does not change",
            hint=f"bvinv keys revoke {wanted}, and create another with another name",
            name=wanted,
        )
    elif found[0].revoked_at is not None:
        raise Conflict(f"{wanted} is revoked, and that is final", name=wanted)
    elif found[0].role == allowed:
        return _row(found[0])
    else:
        session.send(_LIMIT, [{"name": wanted, "role": allowed}])
    _tell(session, "limited", wanted, allowed)
    return one(session, name=wanted)


def revoke(session: Session, *, name: str) -> KeyRow:
    """Let a name in no more, at once and for good; again it changes nothing. Raises NotFound."""
    row = one(session, name=name)
    if row.revoked_at is not None:
        return row
    session.send(_REVOKE, [{"name": row.name, "now": session.now}])
    _tell(session, "revoked", row.name, row.role)
    return one(session, name=row.name)


def page(
    session: Session, *, limit: int = 100, after: str | None = None
) -> tuple[list[KeyRow], str | None]:
    """Return a page of names, revoked ones too, and the cursor of the next. Raises InvalidInput."""
    text.quantity(limit, what="limit", maximum=10_000)
    found = session.ask(_PAGE, after=caller(after) if after else "", limit=limit + 1)
    rows = [_row(row) for row in found[:limit]]
    return rows, rows[-1].name if len(found) > limit else None


def one(session: Session, *, name: str) -> KeyRow:
    """Return what is known of a name. Raises NotFound."""
    wanted = caller(name)
    found = session.ask(_LOCK, name=wanted)
    if not found:
        raise NotFound(
            f"nobody is called {wanted}",
            hint="see: bvinv keys list; a subject of tokens is known once it has a limit: "
            "bvinv keys limit",
            name=wanted,
        )
    return _row(found[0])


def subject(session: Session, name: str) -> KeyRow | None:
    """Return what is known of this very name, revoked or not; None where nothing is."""
    found = session.ask(_ONE, name=name)
    return _row(found[0]) if found else None


def find(session: Session, key: str) -> KeyRow | None:
    """Return whose live key this is. What does not look like a key is not even asked for.

    The database compares hashes, so how long it takes says nothing about any key.
    """
    if not _KEY.fullmatch(key):
        return None
    found = session.ask(_LIVE, hash=_hash(key))
    return _row(found[0]) if found else None


def any_live(session: Session) -> bool:
    """Tell whether somebody has a key that is not revoked."""
    return bool(session.ask(_ANY))


def any_made(session: Session) -> bool:
    """Tell whether there ever was a key: whoever revokes the last one does not open the door."""
    return bool(session.ask(_EVER))


def caller(name: str) -> str:
    """Return a caller's name as the books have it: printable, 1 to 100 characters.

    Raises InvalidInput.
    """
    found = text.line(name, what="name", maximum=LONGEST_NAME)
    if not found.isprintable():
        wrong = next(character for character in found if not character.isprintable())
        raise InvalidInput(f"the name has a character that cannot be printed: {wrong!a}")
    return found


def _refuse_taken(session: Session, wanted: str) -> None:
    """Refuse a name that was used, in other capitals too: people would take the two for one."""
    alike = text.key(wanted)
    for row in session.ask(_NAMES):
        if text.key(row.name) == alike:
            raise Conflict(
                f"the name {row.name} is taken, and no name is used twice",
                hint="see: bvinv keys list",
                name=row.name,
            )


def _add(session: Session, name: str, role: str, hashed: bytes | None) -> None:
    row = {"name": name, "role": role, "hash": hashed}
    by = {"created_by": session.command.actor, "created_at": session.now}
    session.send(_ADD, [row | by])


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("ascii")).digest()


def _tell(session: Session, what: str, name: str, role: str) -> None:
    command_log.tell(session, [Tale(f"key.{what}", name, {"role": role}, session.command)])


def _row(row: Any) -> KeyRow:
    return KeyRow(
        name=row.name,
        role=row.role,
        kind="subject" if row.hash is None else "key",
        created_by=row.created_by,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
