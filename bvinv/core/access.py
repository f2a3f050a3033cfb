"""Who may do what: the roles, and the one table of what needs which, for both doors."""

from typing import TYPE_CHECKING, Literal, get_args

from bvinv.core import text
from bvinv.core.errors import InvalidInput, NotPermitted

if TYPE_CHECKING:
    from bvinv.core.db import Session

Role = Literal["viewer", "service", "staff", "manager", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may
# The commands by their names in the log, under the least role that may give them. What is not
# here is the operator's, and needs the highest.
_MAY: dict[Role, tuple[str, ...]] = {
    "viewer": (
        "products show",
        "products list",
        "products category list",
        "products category show",
        "search",
        "stock show",
        "stock list",
    ),
    "service": (
        "products export",
        "reserve create",
        "reserve show",
        "reserve extend",
        "reserve commit",
        "reserve release",
        "events tail",
    ),
    "staff": (
        "products price-requests",
        "warehouse list",
        "warehouse show",
        "warehouse bins",
        "warehouse bin show",
        "purchase supplier list",
        "purchase supplier show",
        "purchase order create",
        "purchase order update",
        "purchase order show",
        "purchase order list",
        "purchase receipt show",
        "purchase receipt list",
        "receive",
        "scan unknown",
        "scan resolve",
        "scan dismiss",
        "scan list",
        "scan show",
        "scan close",
        "stock adjust",
        "stock batch",
        "stock put-away",
        "stock history",
        "stock why",
        "stock lots",
        "stock verify",
        "stock count open",
        "stock count add",
        "stock count show",
        "stock count list",
        "stock count cancel",
        "stock reason list",
        "transfer create",
        "transfer ship",
        "transfer receive",
        "transfer close",
        "transfer show",
        "transfer list",
        "transfer update",
        "transfer cancel",
        "reserve list",
        "reserve expire",
        "reserve pick",
        "reserve pack",
        "reserve ship",
        "reserve channel list",
        "returns receive",
        "returns decide",
        "returns show",
        "returns list",
        "forecast demand",
        "forecast reorder",
        "forecast why",
        "forecast classes",
        "forecast backtest",
        "forecast overstock",
        "forecast turnover",
        "forecast stock-outs",
        "forecast service list",
        "forecast calendar list",
        "forecast override list",
    ),
    "manager": (
        "products price",
        "products approve",
        "products reject",
        "warehouse bin add",
        "warehouse bin update",
        "purchase supplier add",
        "purchase supplier update",
        "purchase supplier terms",
        "purchase order place",
        "purchase order cancel",
        "stock set",
        "stock import",
        "stock undo",
        "stock count post",
        "stock reason add",
        "stock reason rename",
        "stock reason retire",
        "stock reason restore",
        "reserve channel add",
        "forecast run",
        "forecast import",
        "forecast service set",
        "forecast service remove",
        "forecast calendar add",
        "forecast calendar remove",
        "forecast override set",
        "forecast override remove",
    ),
    "admin": (
        "products add",
        "products update",
        "products delete",
        "products import",
        "products category add",
        "products category move",
        "products category rename",
        "products category delete",
        "products image check",
        "products mapping list",
        "products mapping delete",
        "warehouse add",
        "keys create",
        "keys list",
        "keys revoke",
        "keys limit",
        "webhooks add",
        "webhooks list",
        "webhooks show",
        "webhooks rotate",
        "webhooks remove",
        "webhooks test",
        "webhooks deliveries",
        "webhooks redeliver",
        "events deliver",
        "db backup",
        "db restore",
        "db check",
        "db copy",
        "db log export",
        "db log replay",
        "cron",
    ),
}
NEEDS: dict[str, Role] = {name: role for role, names in _MAY.items() for name in names}
# Commands that change something when a value is given and else only look: who may look.
LOOKS: dict[str, Role] = {"products price": "staff", "purchase supplier terms": "staff"}


def needed(action: str, *, looks: bool = False) -> Role:
    """Return the least role that may do the action, or with `looks` see what it would change."""
    role = NEEDS.get(action, ROLES[-1])
    return LOOKS.get(action, role) if looks else role


def permits(role: str, action: str, *, looks: bool = False) -> bool:
    """Tell whether somebody with this role may do the action; a role that is not known may none."""
    return _is_at_least(role, needed(action, looks=looks))


def check(role: str, name: str, actor: str, *, looks: bool = False) -> None:
    """Raise NotPermitted unless this role may give the command of this name.

    `looks` is for who only looks, with a command that may also change.
    """
    if not permits(role, name, looks=looks):
        raise _refusal(role, name, actor, needed(name, looks=looks))


def require(session: "Session", action: str) -> None:
    """Raise NotPermitted unless whoever gave the session's command may do the action too."""
    command = session.command
    if not permits(command.role, action):
        raise _refusal(command.role, command.name, command.actor, needed(action))


def require_own(*, role: str, actor: str, owner: str, what: str) -> None:
    """Raise NotPermitted where somebody below staff reaches for what somebody else made.

    `what` says what it is, `reservation SO-1`; whose it is stays unsaid. Names are compared as they
    are: `Shop` and `shop` are two callers.
    """
    if actor == owner or _is_at_least(role, "staff"):
        return
    raise NotPermitted(
        f"{what} is somebody else's: {_shown(actor)} has the role {role}",
        hint="what others made is for staff",
        role=role,
        needed="staff",
    )


def owner(*, role: str, actor: str) -> str | None:
    """Return whose things alone this caller may see; None is everybody's."""
    return None if _is_at_least(role, "staff") else actor


def named(role: str) -> Role:
    """Return a role that there is. Raises InvalidInput."""
    for known in ROLES:
        if role == known:
            return known
    raise InvalidInput(f"a role is one of {', '.join(ROLES)}, not {text.quoted(role)}")


def _is_at_least(role: str, least: Role) -> bool:
    return role in ROLES and ROLES.index(role) >= ROLES.index(least)


def _refusal(role: str, name: str, actor: str, least: Role) -> NotPermitted:
    return NotPermitted(
        f"{name} needs the role {least}, and {_shown(actor)} has {role}",
        hint="ask somebody who has it",
        role=role,
        needed=least,
    )


def _shown(actor: str) -> str:
    """Return a name that nobody has checked yet as it may stand in a message."""
    return actor if actor.isprintable() and len(actor) <= 100 else text.quoted(actor)
