"""Who may do what."""

import sys
from pathlib import Path

import pytest

from bvinv.commands import COMMANDS
from bvinv.core import access, command_log
from bvinv.core.errors import InvalidInput, NotPermitted
from tests import books
from tests.test_docs import README, paths

BEGIN, END = "<!-- roles: begin -->", "<!-- roles: end -->"
OPERATORS = {"init", "demo", "serve"}
ONLY_HTTP = {"stock batch"}


def commands() -> set[str]:
    """Return the name of every command that is no group."""
    found = [tuple(path) for path in paths()]
    groups = {path[:size] for path in found for size in range(len(path))}
    return {" ".join(path) for path in found if path not in groups}


def table() -> str:
    """Return the roles as the README shows them."""
    lines = ["| role | may, besides what stands above |", "|---|---|"]
    for role in access.ROLES:
        names = [f"`{name}`" for name, least in access.NEEDS.items() if least == role]
        looks = [f"look with `{name}`" for name, least in access.LOOKS.items() if least == role]
        lines.append(f"| {role} | {', '.join([*names, *looks])} |")
    return "\n".join(lines)


def test_every_command_is_in_the_table_and_nothing_else():
    asked = {name for name in access.NEEDS if name.partition(" ")[0] in COMMANDS}
    assert asked - ONLY_HTTP == commands() - OPERATORS
    assert set(access.LOOKS) <= set(access.NEEDS)
    assert len(access.NEEDS) == sum(map(len, access._MAY.values()))  # none stands twice


def test_the_table_of_the_readme_is_this_one():
    text = README.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == table()


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("products show", "viewer"),
        ("search", "viewer"),
        ("stock show", "viewer"),
        ("reserve create", "service"),
        ("reserve commit", "service"),
        ("products export", "service"),
        ("events tail", "service"),
        ("stock adjust", "staff"),
        ("receive", "staff"),
        ("stock batch", "staff"),
        ("transfer create", "staff"),
        ("stock history", "staff"),
        ("warehouse list", "staff"),
        ("purchase order list", "staff"),
        ("reserve list", "staff"),
        ("products approve", "manager"),
        ("products reject", "manager"),
        ("purchase order place", "manager"),
        ("stock undo", "manager"),
        ("stock count post", "manager"),
        ("products add", "admin"),
        ("products update", "admin"),
        ("products delete", "admin"),
        ("keys create", "admin"),
        ("serve", "admin"),
        ("no such command", "admin"),
    ],
)
def test_the_least_role(name, least):
    may = [role for role in access.ROLES if access.permits(role, name)]
    assert may == list(access.ROLES[access.ROLES.index(least) :])


def test_who_may_not_change_may_still_look():
    for name, least in access.LOOKS.items():
        assert access.permits(least, name, looks=True)
        assert not access.permits(least, name)
    assert not access.permits("service", "products price", looks=True)
    assert not access.permits("viewer", "receive", looks=True)


@pytest.mark.parametrize("role", ["", "Admin", "root", "manager "])
def test_a_role_that_is_not_known_may_nothing(role):
    assert not any(access.permits(role, action) for action in access.NEEDS)
    with pytest.raises(NotPermitted):
        access.check(role, "search", "ann")
    with pytest.raises(NotPermitted):
        access.require_own(role=role, actor="ann", owner="ben", what="reservation SO-1")
    with pytest.raises(InvalidInput, match="a role is one of viewer, service, staff, manager, ad"):
        access.named(role)


def test_a_refusal_names_the_command_who_asked_and_what_is_needed(database):
    asked = command_log.command("products approve", actor="ann", role="staff")
    before = books.snapshot(database)

    with pytest.raises(NotPermitted) as caught:
        database.run(lambda session: access.require(session, "products approve"), asked)

    assert str(caught.value) == "products approve needs the role manager, and ann has staff"
    assert caught.value.numbers == {"role": "staff", "needed": "manager"}
    assert books.snapshot(database) == before


def test_somebody_with_the_role_passes(database):
    asked = command_log.command("products approve", actor="ann", role="manager")
    database.run(lambda session: access.require(session, "products approve"), asked)


def test_a_check_needs_no_session_and_shows_no_control_characters():
    access.check("service", "reserve create", "checkout")
    with pytest.raises(NotPermitted) as caught:
        access.check("service", "receive", "a\x1b[2J")
    assert str(caught.value) == r"receive needs the role staff, and 'a\x1b[2J' has service"


@pytest.mark.parametrize("role", ["viewer", "service"])
def test_below_staff_only_one_s_own_is_seen(role):
    access.require_own(role=role, actor="shop", owner="shop", what="reservation SO-1")
    for owner in ("checkout", "Shop", ""):
        with pytest.raises(NotPermitted) as caught:
            access.require_own(role=role, actor="shop", owner=owner, what="reservation SO-1")
        said = f"reservation SO-1 is somebody else's: shop has the role {role}"
        assert str(caught.value) == said
        assert caught.value.numbers == {"role": role, "needed": "staff"}


@pytest.mark.parametrize("role", ["staff", "manager", "admin"])
def test_staff_see_everybody_s(role):
    access.require_own(role=role, actor="ann", owner="checkout", what="reservation SO-1")


def write(path: Path) -> None:
    """Put the table where the page has its place for it."""
    text = path.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else README)
