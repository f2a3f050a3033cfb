"""What the environment may say."""

import getpass

import pytest

from bvinv import door
from bvinv.core.errors import InvalidInput
from bvinv.settings import Settings
from tests.commands import shell

bvinv, plain_environment, shop_template = shell.bvinv, shell.plain_environment, shell.shop_template


def test_the_environment_says_database_actor_and_patience(plain_environment, monkeypatch):
    monkeypatch.setenv("BVINV_DB", "/x/y.db")
    monkeypatch.setenv("BVINV_ACTOR", "ann")
    monkeypatch.setenv("BVINV_LOCK_TIMEOUT", "0.5")

    found = door.settings()

    assert (found.database(), found.who(), found.lock_timeout) == ("/x/y.db", "ann", 0.5)


def test_without_it_the_database_is_in_the_user_s_folder(plain_environment, monkeypatch, tmp_path):
    for name in ("BVINV_DB", "BVINV_ACTOR"):
        monkeypatch.delenv(name)

    found = Settings()

    assert found.database().startswith(str(tmp_path))
    assert found.database().endswith("bvinv/bvinv.db")
    assert (found.who(), found.lock_timeout) == (getpass.getuser(), 30.0)


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_container_without_a_user_has_an_unknown_actor(plain_environment, monkeypatch, error):
    def nobody():
        raise error

    monkeypatch.delenv("BVINV_ACTOR")
    monkeypatch.setattr(getpass, "getuser", nobody)

    assert Settings().who() == "unknown"


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "100000", ""])
def test_patience_is_a_number_of_seconds(plain_environment, monkeypatch, value):
    monkeypatch.setenv("BVINV_LOCK_TIMEOUT", value)

    with pytest.raises(InvalidInput, match="BVINV_LOCK_TIMEOUT is '"):
        door.settings()


@pytest.mark.parametrize("role", ["viewer", "service", "staff", "manager", "admin"])
def test_the_environment_says_what_this_user_may_do(plain_environment, monkeypatch, role):
    assert door.settings().role == "admin"
    monkeypatch.setenv("BVINV_ROLE", role)
    assert door.settings().role == role


@pytest.mark.parametrize("value", ["", "root", "Manager"])
def test_a_role_is_one_of_five(plain_environment, monkeypatch, value):
    monkeypatch.setenv("BVINV_ROLE", value)

    with pytest.raises(InvalidInput, match=f"BVINV_ROLE is '{value}': Input should be 'viewer'"):
        door.settings()
