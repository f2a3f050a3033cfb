"""What was asked and what became of it: the command log and the events."""

from dataclasses import dataclass


@dataclass(slots=True)
class Command:
    """Who asks for what. `id` is known once the first change of the command is written.

    `role` is what the caller may do (see `access`); the door says it. Whether it has changed the
    catalogue, which replicas are read for, shows by what it tells.
    """

    name: str
    actor: str
    key: str | None = None
    request_hash: str = ""
    id: int | None = None
    role: str = "admin"
    changes_catalogue: bool = False
