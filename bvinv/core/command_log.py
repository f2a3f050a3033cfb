"""Commands: who asked for what, once. A key makes a command harmless to repeat."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update

from bvinv.core import text
from bvinv.core.db import Database, Session
from bvinv.core.errors import Conflict
from bvinv.core.models.base import Row, table
from bvinv.core.models.log import Command, CommandLog, Event
from bvinv.core.models.stock import LevelChange

LOG = table(CommandLog)
EVENT = table(Event)
_INSERT = insert(LOG).returning(LOG.c.id, sort_by_parameter_order=True)
_TELL = insert(EVENT)
_STORE = update(LOG).where(LOG.c.id == bindparam("log_id"))

Record = dict[str, Any]
Result = Row | Sequence[Row]


class Answer(NamedTuple):
    """What a command answers: its records, as both doors print them."""

    result: Record | list[Record]
    replayed: bool
    changes: list[LevelChange]


def command(name: str, *, actor: str, key: str | None = None, request: Any = None) -> Command:
    """Return a command ready to run; `request` is everything that decides what it does.

    Raises InvalidInput for an actor or a key that is empty, too long or not printable.
    """
    if key is not None:
        key = text.line(key, what="key", maximum=255)
    said = json.dumps([name, request], sort_keys=True, ensure_ascii=True, default=str)
    return Command(
        name=name,
        actor=text.line(actor, what="actor", maximum=100),
        key=key or None,
        request_hash=hashlib.sha256(said.encode()).hexdigest(),
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

    def once(session: Session) -> Answer:
        stored = replay(session, asked)
        if stored is not None:
            return Answer(stored, replayed=True, changes=[])
        result = action(session)
        records = result.record() if isinstance(result, Row) else [row.record() for row in result]
        remember(session, asked, records)
        changes = [level.changed_from(before) for before, level in session.touched.values()]
        return Answer(records, replayed=False, changes=changes)

    return database.run(once, asked, dry_run=dry_run)


def replay(session: Session, asked: Command) -> Record | list[Record] | None:
    """Return the stored result of the command's key, None where there is none.

    Raises Conflict when the key belongs to another request.
    """
    if asked.key is None:
        return None
    found = session.connection().execute(
        select(LOG.c.request_hash, LOG.c.result).where(LOG.c.key == asked.key)
    )
    row = found.one_or_none()
    if row is None:
        return None
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
    session.connection().execute(
        _STORE, {"log_id": asked.id, "result": json.dumps(records, ensure_ascii=False)}
    )


def record(session: Session, *commands: Command) -> None:
    """Write the commands that are not in the log yet; each then knows its id."""
    new = list({id(one): one for one in commands if one.id is None}.values())
    if not new:
        return
    ids = session.connection().execute(
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
    for one, number in zip(new, ids.scalars(), strict=True):
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
    if tales:
        session.connection().execute(
            _TELL,
            [
                {
                    "type": tale.type,
                    "subject": tale.subject,
                    "actor": tale.command.actor,
                    "command_id": tale.command.id,
                    "data": json.dumps(tale.data, ensure_ascii=False, separators=(",", ":")),
                    "recorded_at": session.now,
                }
                for tale in tales
            ],
        )
