"""Reasons: the words that say why stock was adjusted."""

from bvinv.core import command_log, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.models.reason import ReasonRow

_ALL = Sql("SELECT code, name, corrects, active FROM reason ORDER BY code")
_FIND = Sql("SELECT code, name, corrects, active FROM reason WHERE code = :code")
# So that somebody who renames it and somebody who retires it do not undo each other.
_LOCK = Sql("SELECT code, name, corrects, active FROM reason WHERE code = :code", lock="FOR UPDATE")
_ADD = Sql.insert("reason", "code", "name", "corrects", "active")
_CHANGE = Sql("""
    UPDATE reason SET name = :name, corrects = :corrects, active = :active WHERE code = :code
""")


def reasons(session: Session, *, retired: bool = False) -> list[ReasonRow]:
    """Return the reasons that may be given, by code; with `retired` the others too."""
    rows = [_row(row) for row in session.ask(_ALL)]
    return [row for row in rows if row.active or retired]


def checked(session: Session, reason: str) -> str:
    """Return the code of a reason that may be given. Raises InvalidInput: it is required."""
    if not reason.strip():
        raise InvalidInput(
            "an adjustment needs a reason", hint="for example: --reason damaged, found, miscount"
        )
    wanted = code(reason)
    found = session.ask(_FIND, code=wanted)
    if not found:
        raise InvalidInput(
            f"there is no reason {text.quoted(wanted)}",
            hint="see: bvinv stock reason list, or add it: bvinv stock reason add",
            reason=wanted,
        )
    if not found[0].active:
        raise InvalidInput(
            f"the reason {wanted} is retired",
            hint="see: bvinv stock reason list, "
            f"or bring it back: bvinv stock reason restore {wanted}",
            reason=wanted,
        )
    return wanted


def add(session: Session, *, reason: str, name: str, corrects: bool = False) -> ReasonRow:
    """Add a reason; `corrects` says that it means a wrong record, not goods that came or went.

    Raises Conflict when the code is taken.
    """
    wanted = code(reason)
    if session.ask(_FIND, code=wanted):
        raise Conflict(f"there is a reason {wanted} already", reason=wanted)
    row = {"code": wanted, "name": text.line(name, what="name", maximum=100)}
    session.send(_ADD, [{**row, "corrects": int(corrects), "active": 1}])
    command_log.tell(session, [Tale("reason.created", wanted, row, session.command)])
    return _one(session, wanted)


def change(
    session: Session, *, reason: str, name: str | None = None, active: bool | None = None
) -> ReasonRow:
    """Rename a reason, retire it or bring it back; whether it `corrects` stays, as open counts
    go by that. Raises NotFound, InvalidInput."""
    before = _one(session, code(reason))
    after = before.model_copy(
        update={
            "name": before.name if name is None else text.line(name, what="name", maximum=100),
            "active": before.active if active is None else active,
        }
    )
    if after == before:
        return before
    values = {"corrects": int(after.corrects), "active": int(after.active)}
    session.send(_CHANGE, [{"code": after.code, "name": after.name, **values}])
    done = [after.name != before.name and "renamed"]
    done.append(after.active != before.active and ("restored" if after.active else "retired"))
    told = {"name": after.name, "active": after.active}
    tales = [Tale(f"reason.{how}", after.code, told, session.command) for how in done if how]
    command_log.tell(session, tales)
    return after


def code(reason: str) -> str:
    """Return a reason's code as it is kept: lower case. Raises InvalidInput."""
    return text.code(reason, what="reason", maximum=32).lower()


def _one(session: Session, wanted: str) -> ReasonRow:
    rows = session.ask(_LOCK, code=wanted)
    if not rows:
        raise NotFound(f"there is no reason {wanted}", hint="see: bvinv stock reason list --all")
    return _row(rows[0])


def _row(row: tuple[str, str, int, int]) -> ReasonRow:
    code, name, corrects, active = row
    return ReasonRow(code=code, name=name, corrects=bool(corrects), active=bool(active))
