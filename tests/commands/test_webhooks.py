"""`bvinv webhooks`: from the first line to the last delivery."""

import time

import pytest

from tests.commands.shell import assert_only_tried, assert_refused
from tests.core.webhooks.receiver import Receiver, is_genuine

KEYS = [
    *("id", "url", "types", "sku", "position", "pending", "dead", "created_by", "created_at"),
    "removed_at",
]


@pytest.fixture
def receiver(bvinv, monkeypatch):
    found = Receiver()
    monkeypatch.setenv("BVINV_WEBHOOK_HOSTS", f"shop.internal:8080,{found.host}")
    yield found
    found.close()


def test_the_whole_story(bvinv, receiver):
    added = bvinv(f"webhooks add {receiver.url()} --type 'stock.*' --sku hx-1 -f json").json
    assert list(added) == [*KEYS, "secret"]
    secret = added.pop("secret")
    assert bvinv("webhooks list -f json").json == [added]
    assert bvinv("webhooks show 1 -f json").json == added
    assert secret not in bvinv("webhooks show 1").stdout

    ping = bvinv("webhooks test 1 -f json").json
    assert (ping["delivered"], ping["status"]) == (True, 204)
    bvinv("stock adjust HX-1 -w MAIN --change -1 --reason damaged")
    receiver.answer = lambda _: (500, {})
    assert bvinv("events deliver").stdout.split() == [
        *("delivered", "0", "failed", "1", "dead", "0", "due", "0")
    ]
    [row] = bvinv("webhooks deliveries 1 --state pending -f json").json
    assert (row["type"], row["subject"], row["attempts"], row["detail"]) == (
        "stock.adjusted",
        "HX-1",
        1,
        "the server answers 500",
    )
    receiver.answer = lambda _: (200, {})
    assert bvinv(f"webhooks redeliver 1 {row['event']} -f json").json == {
        "webhook": 1,
        "deliveries": 1,
    }
    assert bvinv("events deliver -f json").json["delivered"] == 1
    for got in receiver.got:
        assert is_genuine(secret, got.headers, got.body, now=time.time())
    new = bvinv("webhooks rotate 1 -f json").json["secret"]
    bvinv("webhooks test 1")
    got = receiver.got[-1]
    assert is_genuine(new, got.headers, got.body, now=time.time())
    assert bvinv("webhooks remove 1 -f json").json["removed_at"] is not None
    assert bvinv("webhooks list -f json").json == []


def test_a_secret_is_not_kept_with_the_key(bvinv, receiver):
    line = f"webhooks add {receiver.url()} --key K-1 -f json"
    first = bvinv(line).json
    again = bvinv(line)
    assert again.json == {key: first[key] for key in KEYS} | {"replayed": True}
    assert again.stderr == (
        "the secret was shown once; for a new one: bvinv webhooks rotate ID\n"
        "answered from the key: nothing was changed\n"
    )
    stored = bvinv.dump()
    assert first["secret"] in str(stored.pop("webhook"))
    assert first["secret"] not in str(stored)


def test_a_change_can_be_tried(bvinv, receiver):
    add = f"webhooks add {receiver.url()}"
    assert "secret" not in assert_only_tried(bvinv, add)
    bvinv(f"{add} --after 0")
    bvinv("events deliver")
    for line in ("remove 1", "rotate 1", "test 1", "redeliver 1 --dead", "redeliver 1 3"):
        assert_only_tried(bvinv, f"webhooks {line}")
    assert assert_only_tried(bvinv, "events deliver")["due"] == 0


def test_a_ping_that_is_not_taken_says_so(bvinv, receiver):
    bvinv(f"webhooks add {receiver.url()}")
    receiver.answer = lambda _: (500, {})
    ran = bvinv("webhooks test 1")
    assert ran.exit_code == 9
    assert ran.stderr == "error[busy]: webhook 1 did not take it: the server answers 500\n"
    assert "status     500\n" in ran.stdout


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "webhooks add https://127.0.0.1/hook",
            2,
            "'127.0.0.1' is not an address on the public Internet",
            None,
        ),
        (
            "webhooks add http://example.com/hook",
            2,
            "the URL must begin with https://, not 'http://example.com/hook'",
            "BVINV_WEBHOOK_HOSTS names hosts with their ports: shop.internal:8080,127.0.0.1:9000",
        ),
        ("webhooks show 7", 3, "there is no webhook 7", "see: bvinv webhooks list"),
        ("webhooks remove 7", 3, "there is no webhook 7", "see: bvinv webhooks list"),
        ("webhooks test 7", 3, "there is no webhook 7", "see: bvinv webhooks list"),
        ("webhooks deliveries 7", 3, "there is no webhook 7", "see: bvinv webhooks list"),
        (
            "webhooks redeliver 7",
            2,
            "say what is sent once more",
            "either EVENT or --dead",
        ),
    ],
)
def test_what_cannot_be_is_refused(bvinv, line, code, detail, hint):
    assert_refused(bvinv, line, code, detail, hint)


def test_hosts_without_ports_are_refused(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_WEBHOOK_HOSTS", "shop.internal")
    assert (
        bvinv("events deliver")
        .refused(2)
        .startswith("error[invalid-input]: 'shop.internal' is not a host with its port\n")
    )


def test_the_lists_fit_a_terminal(bvinv, receiver):
    bvinv(f"webhooks add {receiver.url()} --type 'stock.*' --after 0")
    receiver.answer = lambda _: (500, {})
    bvinv("events deliver")
    for line, headers in (
        ("list", "id url types pending dead"),
        ("deliveries 1", "event type subject state attempts detail"),
    ):
        shown = bvinv(f"webhooks {line} -f table").stdout.splitlines()
        assert shown[0].split() == headers.split()
        assert max(map(len, shown)) <= 80
