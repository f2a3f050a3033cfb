"""The tables of the HTTP door: who may come in, and who is told what happened."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from bvinv.core.models.columns import Whole, Words, key, whole, words


class ApiKey(SQLModel, table=True):
    """A caller by name. `hash` is the SHA-256 of the key, none for the subject of tokens, whose
    role it limits."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint(
            "role IN ('viewer', 'service', 'staff', 'manager', 'admin')", name="key_role_is_known"
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    name: str = Field(sa_column=Column(Words, primary_key=True))
    role: str = Field(sa_column=words())
    hash: bytes | None = Field(
        default=None, sa_column=Column(LargeBinary, nullable=True, unique=True)
    )
    created_by: str = Field(sa_column=words())
    created_at: int = Field(sa_column=whole())
    revoked_at: int | None = Field(default=None, sa_column=whole(optional=True))


class Webhook(SQLModel, table=True):
    """A URL that is told about events after `position`; `types` is a JSON array, empty for all."""

    __tablename__ = "webhook"
    __table_args__ = (
        CheckConstraint("position >= 0", name="webhook_position_is_an_event"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    url: str = Field(sa_column=words())
    secret: str = Field(sa_column=words())
    types: str = Field(sa_column=words())
    sku: str = Field(sa_column=words())
    position: int = Field(sa_column=whole())
    created_by: str = Field(sa_column=words())
    created_at: int = Field(sa_column=whole())
    removed_at: int | None = Field(default=None, sa_column=whole(optional=True))


class WebhookDelivery(SQLModel, table=True):
    """An event on its way to a webhook. `status` is the last answer's, `detail` what went wrong."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint(
            "state IN ('pending', 'delivered', 'dead')", name="delivery_state_is_known"
        ),
        CheckConstraint("attempts >= 0", name="attempts_are_not_negative"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    webhook_id: int = Field(sa_column=Column(Whole, ForeignKey("webhook.id"), primary_key=True))
    event_id: int = Field(sa_column=Column(Whole, ForeignKey("event.id"), primary_key=True))
    subject: str = Field(sa_column=words())
    state: str = Field(sa_column=words())
    attempts: int = Field(default=0, sa_column=whole(0))
    next_at: int = Field(sa_column=whole())
    status: int | None = Field(default=None, sa_column=whole(optional=True))
    detail: str = Field(default="", sa_column=words())
    updated_at: int = Field(sa_column=whole())


class JobLease(SQLModel, table=True):
    """Who does a job that two must not do at once, and until when."""

    __tablename__ = "job_lease"
    __table_args__ = ({"sqlite_strict": True, "sqlite_with_rowid": False},)

    name: str = Field(sa_column=Column(Words, primary_key=True))
    holder: str = Field(sa_column=words())
    expires_at: int = Field(sa_column=whole())
