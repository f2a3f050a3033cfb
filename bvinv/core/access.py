"""Who may do what: the roles, and the one table of what needs which."""

from typing import TYPE_CHECKING, Literal, get_args

from bvinv.core.errors import NotPermitted

if TYPE_CHECKING:
    from bvinv.core.db import Session

Role = Literal["viewer", "service", "staff", "manager", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may
NEEDS: dict[str, Role] = {
    "price.decide": "manager",
}


def permits(role: str, action: str) -> bool:
    """Tell whether somebody with this role may do the action, one of `NEEDS`."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(NEEDS[action])


def require(session: "Session", action: str) -> None:
    """Raise NotPermitted unless whoever gave the session's command may do the action."""
    command, needed = session.command, NEEDS[action]
    if not permits(command.role, action):
        raise NotPermitted(
            f"{command.name} needs the role {needed}, and {command.actor} has {command.role}",
            hint="ask somebody who has it",
            role=command.role,
            needed=needed,
        )
