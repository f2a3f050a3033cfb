"""API keys: shown once, kept as a hash, revoked for good."""

import hashlib
import re

import pytest

from bvinv.core import command_log, keys
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from tests.books import START, act, ask, events, fetch, snapshot


def create(database, name="checkout", role="service"):
    return act(database, lambda s: keys.create(s, name=name, role=role))


def limit(database, name, role):
    return act(database, lambda s: keys.limit(s, name=name, role=role))


def revoke(database, name):
    return act(database, lambda s: keys.revoke(s, name=name))


def find(database, key):
    return ask(database, lambda s: keys.find(s, key))


def test_a_key_lets_its_holder_in_until_it_is_revoked(database, clock):
    assert not ask(database, keys.any_live)
    made = create(database)
    key = made.key.get_secret_value()

    assert re.fullmatch(r"bvinv_[A-Za-z0-9_-]{43}", key)
    assert made.revealed() == {"name": "checkout", "role": "service", "key": key}
    row = find(database, key)
    assert row.record() == {
        "name": "checkout",
        "role": "service",
        "kind": "key",
        "created_by": "tester",
        "created_at": "2026-03-01T09:00:00Z",
        "revoked_at": None,
    }
    assert ask(database, keys.any_live)

    clock.advance(1_000_000)
    assert revoke(database, "checkout").revoked_at == START + 1_000_000
    assert find(database, key) is None
    assert not ask(database, keys.any_live)
    assert ask(database, lambda s: keys.subject(s, "checkout")).revoked_at is not None
    assert events(database) == [("key.created", "checkout"), ("key.revoked", "checkout")]


def test_two_keys_differ_and_find_their_own_names(database):
    made = [create(database, name) for name in ("shop", "search")]
    found = [find(database, one.key.get_secret_value()).name for one in made]
    assert found == ["shop", "search"]
    assert made[0].key != made[1].key


def test_only_the_hash_of_a_key_is_kept(database):
    asked = command_log.command("keys create", actor="ann", key="K-1", request={"name": "shop"})
    made = []

    def action(session):
        made[:] = [keys.create(session, name="shop", role="staff")]
        return made[0]

    first = command_log.execute(database, action, asked)
    again = command_log.execute(database, action, asked)
    key = made[0].key.get_secret_value()

    nothing = {"name": "shop", "role": "staff", "key": None}
    assert (first.result, again.result, again.replayed) == (nothing, nothing, True)
    assert fetch(database, "SELECT hash FROM api_key") == [(hashlib.sha256(key.encode()).digest(),)]
    assert key[6:] not in repr(snapshot(database))
    for said in (repr(made), str(made[0]), made[0].model_dump_json(), str(made[0].record())):
        assert key[6:] not in said
    if database.path:
        files = list(database.path.parent.glob(f"{database.path.name}*"))
        assert len(files) >= 2
        assert not [one for one in files if key[6:].encode() in one.read_bytes()]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "bvinv_",
        "bvinv_" + "A" * 43,
        "bvinv_" + "A" * 42,
        "bvinv_" + "A" * 44,
        "BVINV_" + "A" * 43,
        "bvinv_" + "é" * 43,
        "bvinv_" + "٣" * 43,
        "bvinv_" + "A" * 42 + "\n",
        "bvinv_" + "A" * 43 + "\n",
        "' OR 1=1 --",
        "bvinv_%" + "A" * 42,
        "\ud800",
        "x" * 100_000,
    ],
)
def test_what_is_no_key_of_anybody_finds_nobody(database, key):
    create(database)
    assert find(database, key) is None


def test_a_key_cut_short_or_in_other_capitals_finds_nobody(database):
    key = create(database).key.get_secret_value()
    for other in (key[:-1], key[6:], key.swapcase(), f" {key}", f"{key} "):
        assert find(database, other) is None


def test_no_name_is_used_twice_be_it_revoked_or_in_capitals(database):
    create(database, "Straße")
    revoke(database, "Straße")
    limit(database, "ann@example.com", "staff")
    before = snapshot(database)
    for name in ("Straße", "STRASSE", "strasse", " Straße ", "ANN@example.com"):
        with pytest.raises(Conflict, match=r"the name (Straße|ann@example.com) is taken"):
            create(database, name)
    with pytest.raises(Conflict, match="the name Straße is taken"):
        limit(database, "strasse", "viewer")
    assert snapshot(database) == before


def test_a_subject_of_tokens_is_limited_limited_again_and_blocked(database):
    assert ask(database, lambda s: keys.subject(s, "ann")) is None
    row = limit(database, "ann", "manager")
    assert (row.name, row.role, row.kind, row.revoked_at) == ("ann", "manager", "subject", None)
    assert limit(database, "ann", "viewer").role == "viewer"
    before = snapshot(database)
    assert limit(database, "ann", "viewer").role == "viewer"
    assert snapshot(database) == before
    assert not ask(database, keys.any_live)

    assert revoke(database, "ann").revoked_at is not None
    before = snapshot(database)
    with pytest.raises(Conflict, match="ann is revoked, and that is final"):
        limit(database, "ann", "staff")
    assert revoke(database, "ann").role == "viewer"
    assert snapshot(database) == before
    assert events(database) == [
        ("key.limited", "ann"),
        ("key.limited", "ann"),
        ("key.revoked", "ann"),
    ]
    assert fetch(database, "SELECT data FROM event ORDER BY id") == [
        ('{"role":"manager"}',),
        ('{"role":"viewer"}',),
        ('{"role":"viewer"}',),
    ]


def test_the_role_of_a_key_does_not_change(database):
    create(database)
    before = snapshot(database)
    with pytest.raises(Conflict, match="checkout is the name of a key, whose role does not change"):
        limit(database, "checkout", "viewer")
    assert snapshot(database) == before


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        ("", "staff", "the name is empty"),
        (" ", "staff", "the name is empty"),
        ("x" * 101, "staff", "the name has 101 characters; at most 100 are allowed"),
        ("a\nb", "staff", "the name has a control character"),
        ("a\u202eb", "staff", r"a character that cannot be printed: '\\u202e'"),
        ("a\ud800", "staff", "half of a surrogate pair"),
        ("ann", "root", "a role is one of viewer, service, staff, manager, admin, not 'root'"),
        ("ann", "", "a role is one of"),
    ],
)
@pytest.mark.parametrize("act_on", [create, limit])
def test_names_and_roles_that_cannot_be(database, act_on, name, role, said):
    before = snapshot(database)
    with pytest.raises(InvalidInput, match=said):
        act_on(database, name, role)
    assert snapshot(database) == before


def test_nobody_is_revoked_who_is_not_known(database):
    before = snapshot(database)
    with pytest.raises(NotFound, match="nobody is called ann"):
        revoke(database, "ann")
    assert snapshot(database) == before


def test_names_are_listed_page_by_page(database):
    create(database, "b")
    create(database, "c", "admin")
    limit(database, "a", "viewer")
    revoke(database, "b")

    rows, cursor = ask(database, lambda s: keys.page(s, limit=2))
    assert [(row.name, row.kind, row.revoked_at is None) for row in rows] == [
        ("a", "subject", True),
        ("b", "key", False),
    ]
    rest, end = ask(database, lambda s: keys.page(s, limit=2, after=cursor))
    assert ([row.name for row in rest], end) == (["c"], None)


def test_a_name_is_one_whichever_way_it_is_typed(database):
    create(database, "e\u0301ve ")
    assert ask(database, lambda s: keys.subject(s, "\u00e9ve")).name == "\u00e9ve"
