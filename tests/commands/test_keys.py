"""`bvinv keys`: what it prints, what it keeps to itself."""

import json

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

CREATE = "keys create --name checkout --role service"


def nobody_has_kept(bvinv, key):
    files = list(bvinv.path.parent.glob("shop.db*"))
    return bool(files) and not [one for one in files if key[6:].encode() in one.read_bytes()]


def test_a_key_is_printed_once_and_kept_nowhere(bvinv):
    ran = bvinv(f"{CREATE} -f json")
    row = ran.json
    assert list(row) == ["name", "role", "key"]
    assert (row["name"], row["role"], ran.stderr) == ("checkout", "service", "")
    assert row["key"].startswith("bvinv_") and len(row["key"]) == 49
    assert nobody_has_kept(bvinv, row["key"])
    assert row["key"][6:] not in bvinv("keys list -f json").stdout


def test_people_see_the_key_too(bvinv):
    name, role, key = bvinv(CREATE).stdout.splitlines()
    assert (name.split(), role.split()) == (["name", "checkout"], ["role", "service"])
    assert key.split()[1].startswith("bvinv_")


def test_a_repeated_request_does_not_show_the_key_again(bvinv):
    line = f"{CREATE} --key K-1 -f json"
    key = bvinv(line).json["key"]
    before = bvinv.dump()
    again = bvinv(line)

    assert again.json == {"name": "checkout", "role": "service", "key": None, "replayed": True}
    assert again.stderr == (
        "answered from the key: nothing was changed\n"
        "the key was printed when it was made, and is kept nowhere\n"
    )
    assert bvinv.dump() == before
    assert nobody_has_kept(bvinv, key)


def test_trying_makes_no_key(bvinv):
    answer = assert_only_tried(bvinv, CREATE)
    assert (answer["name"], answer["key"]) == ("checkout", None)
    assert bvinv(CREATE).exit_code == 0


def test_a_list_of_names_the_revoked_too(bvinv):
    bvinv(CREATE)
    bvinv("keys limit ann@example.com --role staff")
    row = bvinv("keys revoke checkout -f json").json
    assert row["revoked_at"].endswith("Z")
    assert list(row) == ["name", "role", "kind", "created_by", "created_at", "revoked_at"]

    said = bvinv("keys list").stdout.splitlines()
    assert said[0].split() == ["name", "role", "kind", "created_at", "revoked_at"]
    assert [line.split()[:3] for line in said[1:]] == [
        ["ann@example.com", "staff", "subject"],
        ["checkout", "service", "key"],
    ]
    first = bvinv("keys list --limit 1 -f json")
    assert first.stderr == "more: --after ann@example.com\n"
    rest = bvinv("keys list --after ann@example.com -f json").json
    assert [one["name"] for one in rest] == ["checkout"]


def test_limits_can_be_tried_and_repeated(bvinv):
    assert assert_only_tried(bvinv, "keys limit ann --role staff")["kind"] == "subject"
    assert_replays(bvinv, "keys limit ann --role staff", "keys limit ann --role viewer")
    assert assert_only_tried(bvinv, "keys revoke ann")["revoked_at"] is not None


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("create --name CHECKOUT --role staff", 4, "the name checkout is taken, and no name is used"
         " twice", "see: bvinv keys list"),
        ("create --name '' --role staff", 2, "the name is empty", None),
        ("create --role staff", 2, "Missing option '--name'.", "see: bvinv keys create --help"),
        ("create --name ann --role root", 2, "Invalid value for '--role': 'root' is not one of"
         " 'viewer', 'service', 'staff', 'manager', 'admin'.", "see: bvinv keys create --help"),
        ("revoke ann", 3, "nobody is called ann", "see: bvinv keys list; a subject of tokens is"
         " known once it has a limit: bvinv keys limit"),
        ("limit checkout --role viewer", 4, "checkout is the name of a key, whose role does not"
         " change", "bvinv keys revoke checkout, and create another with another name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(bvinv, line, code, detail, hint):
    bvinv(CREATE)
    assert_refused(bvinv, f"keys {line}", code, detail, hint)


def test_events_say_who_got_what_and_no_secret(bvinv):
    bvinv(CREATE)
    said = "SELECT type, subject, data FROM event ORDER BY id DESC LIMIT 1"
    [(kind, subject, data)] = bvinv.fetch(said)
    assert (kind, subject, json.loads(data)) == ("key.created", "checkout", {"role": "service"})


def test_a_role_that_is_missing_is_asked_for_in_one_line(bvinv):
    ran = bvinv("keys limit ann")

    assert ran.exit_code == 2
    assert ran.stderr.splitlines()[0] == (
        "error[invalid-input]: Missing option '--role'. "
        "Choose from: viewer, service, staff, manager, admin"
    )
