"""What was asked and what became of it: the command log and the events."""

from dataclasses import dataclass

from sqlmodel import Field, SQLModel

from bvinv.core.models.base import key, reference, whole, words


class CommandLog(SQLModel, table=True):
    """One row per command that changed something; with a key, its answer too."""

    __tablename__ = "command_log"
    __table_args__ = ({"sqlite_strict": True},)

    id: int | None = Field(default=None, sa_column=key())
    name: str = Field(sa_column=words())
    actor: str = Field(sa_column=words())
    key: str | None = Field(default=None, sa_column=words(optional=True, unique=True))
    request_hash: str = Field(default="", sa_column=words())
    result: str | None = Field(default=None, sa_column=words(optional=True))
    recorded_at: int = Field(sa_column=whole())


class Event(SQLModel, table=True):
    """The audit trail and the outbox: what happened to which subject, append-only."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_strict": True},)

    id: int | None = Field(default=None, sa_column=key())
    type: str = Field(sa_column=words())
    subject: str = Field(sa_column=words(index=True))
    actor: str = Field(sa_column=words())
    command_id: int = Field(sa_column=reference("command_log", index=True))
    data: str = Field(sa_column=words())
    recorded_at: int = Field(sa_column=whole())


@dataclass(slots=True)
class Command:
    """Who asks for what. `id` is known once the first change of the command is written."""

    name: str
    actor: str
    key: str | None = None
    request_hash: str = ""
    id: int | None = None
