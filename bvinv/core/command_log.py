"""Commands: who asked for what, once. A key makes a command harmless to repeat."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bvinv.core import text
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.models.base import Row
from bvinv.core.models.log import Command
from bvinv.core.models.stock import LevelChange

_FIND = Sql('SELECT request_hash, result FROM command_log WHERE "key" = :key')
_INSERT = Sql.insert(
    "command_log", "name", "actor", "key", "request_hash", "recorded_at", after="RETURNING id"
)
_STORE = Sql("UPDATE command_log SET result = :result WHERE id = :id")
_TELL = Sql.insert("event", "type", "subject", "actor", "command_id", "data", "recorded_at")

# Types of events that the catalogue has changed; migration 0006 tells others of the same.
_OF_CATALOGUE = ("product.", "price.", "category.", "barcode.")

# Made once: json.dumps makes one a call.
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Record = dict[str, Any]
Result = Row | Sequence[Row]


class Answer(NamedTuple):
    """What a command answers: its records, as both doors print them."""

    result: Record | list[Record]
    replayed: bool
    changes: list[LevelChange]


def command(
    name: str,
    *,
    actor: str,
    key: str | None = None,
    scope: str = "",
    request: Any = None,
    role: str = "admin",
) -> Command:
    """Return a command ready to run; `request` is everything that decides what it does.

    `role` is what the caller may do, see `access`; a key is one of its `scope`. Raises
    InvalidInput for an actor or a key that is empty, too long or not printable.
    """
    if key is not None:
        key = text.line(key, what="key", maximum=255)
        if scope and key:
            # Of a/b the key c, and of a the key b/c, are two.
            key = f"{scope.replace('%', '%25').replace('/', '%2F')}/{key}"
    digest = ""
    if key or request is not None:
        said = json.dumps([name, request], sort_keys=True, ensure_ascii=True, default=str)
        digest = hashlib.sha256(said.encode()).hexdigest()
    return Command(
        name=name,
        actor=text.line(actor, what="actor", maximum=100),
        key=key or None,
        request_hash=digest,
        role=role,
    )


def execute(
    database: Database,
    action: Callable[[Session], Result],
    asked: Command,
    *,
    dry_run: bool = False,
) -> Answer:
    """Run the action in one write transaction, or answer what its key stored.

    Raises Conflict when the key was used for another request, and whatever the action raises.
    """

    return database.run(lambda session: once(session, action, asked), asked, dry_run=dry_run)


def once(session: Session, action: Callable[[Session], Result], asked: Command) -> Answer:
    """Run the action in the session's transaction, or answer what the command's key stored.

    Raises Conflict when the key was used for another request, and whatever the action raises.
    """
    stored = replay(session, asked)
    if stored is not None:
        return Answer(stored, replayed=True, changes=[])
    if asked.key is not None:
        # First of all: on PostgreSQL the same key at the same moment waits here for its turn,
        # and then finds the answer instead of acting on what the first one left.
        record(session, asked)
    result = action(session)
    records = result.record() if isinstance(result, Row) else [row.record() for row in result]
    remember(session, asked, records)
    changes = [level.changed_from(before) for before, level in session.touched.values()]
    return Answer(records, replayed=False, changes=changes)


def replay(session: Session, asked: Command) -> Record | list[Record] | None:
    """Return the stored result of the command's key, None where there is none.

    Raises Conflict when the key belongs to another request.
    """
    if asked.key is None:
        return None
    found = session.ask(_FIND, key=asked.key)
    if not found:
        return None
    [row] = found
    if row.request_hash != asked.request_hash:
        raise Conflict(
            f"the key {asked.key} was used for another request",
            hint="repeat the first request exactly, or use a new key",
        )
    stored: Record | list[Record] = json.loads(row.result)
    return stored


def remember(session: Session, asked: Command, records: Record | list[Record]) -> None:
    """Store the result under the command's key, if it has one."""
    if asked.key is None:
        return
    record(session, asked)
    stored = json.dumps(records, ensure_ascii=False)
    session.send(_STORE, [{"id": asked.id, "result": stored}])


def record(session: Session, *commands: Command) -> None:
    """Write the commands that are not in the log yet; each then knows its id."""
    new = list({id(one): one for one in commands if one.id is None}.values())
    if not new:
        return
    ids = session.insert(
        _INSERT,
        [
            {
                "name": one.name,
                "actor": one.actor,
                "key": one.key,
                "request_hash": one.request_hash if one.key else "",
                "recorded_at": session.now,
            }
            for one in new
        ],
    )
    for one, number in zip(new, ids, strict=True):
        one.id = number


class Tale(NamedTuple):
    """An event to be written: `type` is `<noun>.<past participle>`."""

    type: str
    subject: str
    data: Record
    command: Command


def tell(session: Session, tales: Sequence[Tale]) -> None:
    """Write the events of this transaction, in order."""
    record(session, *(tale.command for tale in tales))
    for tale in tales:
        if tale.type.startswith(_OF_CATALOGUE):
            tale.command.changes_catalogue = True
    session.send(
        _TELL,
        [
            {
                "type": tale.type,
                "subject": tale.subject,
                "actor": tale.command.actor,
                "command_id": tale.command.id,
                "data": _written(tale.data) if tale.data else "{}",
                "recorded_at": session.now,
            }
            for tale in tales
        ],
    )
