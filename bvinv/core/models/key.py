"""Who may come in by the HTTP door."""

from typing import Annotated, ClassVar, Literal

from pydantic import PlainSerializer, SecretStr

from bvinv.core.models.base import Instant, Row

# Never written where a record goes: into the command log, an answer, an event.
Secret = Annotated[SecretStr, PlainSerializer(lambda _: None, return_type=None, when_used="json")]


class KeyRow(Row):
    """A caller: the holder of a `key`, or the `subject` of tokens, who may do this at most."""

    columns: ClassVar[tuple[str, ...]] = ("name", "role", "kind", "created_at", "revoked_at")

    name: str
    role: str
    kind: Literal["key", "subject"]
    created_by: str
    created_at: Instant
    revoked_at: Instant | None


class NewKeyRow(Row):
    """A key that was made just now. Its record leaves the key out; `revealed` is for its maker."""

    columns: ClassVar[tuple[str, ...]] = ("name", "role", "key")

    name: str
    role: str
    key: Secret

    def revealed(self) -> dict[str, str]:
        """Return the record with the key in it, to be shown once and kept nowhere."""
        return {"name": self.name, "role": self.role, "key": self.key.get_secret_value()}
