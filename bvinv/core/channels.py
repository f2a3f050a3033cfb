"""Channels: where reservations come from, and which of them get no safety stock."""

from bvinv.core import command_log, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.models.channel import ChannelRow

_ALL = Sql("SELECT code, name, low_priority FROM channel ORDER BY code")
_ADD = Sql.insert("channel", "code", "name", "low_priority")


def channels(session: Session) -> list[ChannelRow]:
    """Return every channel, by code."""
    return [
        ChannelRow(code=row.code, name=row.name, low_priority=bool(row.low_priority))
        for row in session.ask(_ALL)
    ]


def known(session: Session) -> dict[str, ChannelRow]:
    """Return every channel by its code."""
    return {row.code: row for row in channels(session)}


def add(session: Session, *, channel: str, name: str, low_priority: bool = False) -> ChannelRow:
    """Add a channel. Raises Conflict when the code is taken, InvalidInput."""
    wanted = code(channel)
    row = ChannelRow(
        code=wanted, name=text.line(name, what="name", maximum=100), low_priority=low_priority
    )
    if wanted in known(session):
        raise Conflict(f"there is a channel {wanted} already", channel=wanted)
    session.send(_ADD, [{"code": wanted, "name": row.name, "low_priority": int(low_priority)}])
    told = {"name": row.name, "low_priority": low_priority}
    command_log.tell(session, [Tale("channel.created", wanted, told, session.command)])
    return row


def code(channel: str) -> str:
    """Return a channel's code as it is kept: upper case. Raises InvalidInput."""
    return text.code(channel, what="channel", maximum=32).upper()


def unknown(wanted: str) -> NotFound:
    """Return the error for a channel that is not there."""
    return NotFound(
        f"there is no channel {wanted}", hint="see: bvinv reserve channel list", channel=wanted
    )
