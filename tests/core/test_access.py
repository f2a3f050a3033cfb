"""Who may do what."""

import pytest

from bvinv.core import access, command_log
from bvinv.core.errors import NotPermitted
from tests import books


@pytest.mark.parametrize("role", access.ROLES)
def test_a_price_is_decided_by_managers_and_admins(role):
    assert access.permits(role, "price.decide") == (role in ("manager", "admin"))


def test_each_role_may_do_what_those_before_it_may():
    for action in access.NEEDS:
        allowed = [access.permits(role, action) for role in access.ROLES]
        assert allowed == sorted(allowed)
        assert allowed[-1]


@pytest.mark.parametrize("role", ["", "Admin", "root", "manager "])
def test_a_role_that_is_not_known_may_nothing(role):
    assert not any(access.permits(role, action) for action in access.NEEDS)


def test_a_refusal_names_the_command_who_asked_and_what_is_needed(database):
    asked = command_log.command("products approve", actor="ann", role="staff")
    before = books.snapshot(database)

    with pytest.raises(NotPermitted) as caught:
        database.run(lambda session: access.require(session, "price.decide"), asked)

    assert str(caught.value) == "products approve needs the role manager, and ann has staff"
    assert caught.value.numbers == {"role": "staff", "needed": "manager"}
    assert books.snapshot(database) == before


def test_somebody_with_the_role_passes(database):
    asked = command_log.command("products approve", actor="ann", role="manager")
    database.run(lambda session: access.require(session, "price.decide"), asked)
