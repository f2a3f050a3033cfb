"""Webhooks: added, shown, removed; secrets are shown once and stay out of everything else."""

import base64

import pytest

from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.webhooks import registry
from tests import books

URL = "https://shop.example.com/hooks?token=t0p"


def add(database, url=URL, **more):
    return books.act(database, lambda session: [registry.add(session, url=url, **more)[0]])[0]


def test_a_webhook_is_added_and_told_what_comes(stocked):
    kept = []

    def action(session):
        row, secret = registry.add(
            session, url=URL, types=["stock.*", "product.created", "stock.*"], ref="hx-1"
        )
        kept.append(secret)
        return row

    row = books.act(stocked, action)
    last = len(books.events(stocked)) - 1
    assert row.model_dump() == {
        "id": 1,
        "url": URL,
        "types": ("stock.*", "product.created"),
        "sku": "HX-1",
        "position": last,
        "pending": 0,
        "dead": 0,
        "created_by": "tester",
        "created_at": row.created_at,
        "removed_at": None,
    }
    assert books.ask(stocked, registry.webhooks) == [row]
    assert books.ask(stocked, lambda session: registry.show(session, webhook=1)) == row
    assert kept[0].startswith("whsec_")
    assert len(base64.b64decode(kept[0].removeprefix("whsec_"))) == 32
    told = books.fetch(stocked, "SELECT type, subject, data FROM event ORDER BY id DESC LIMIT 1")
    assert told == [
        (
            "webhook.created",
            "1",
            '{"host":"shop.example.com","types":["stock.*","product.created"],"sku":"HX-1"}',
        )
    ]
    everything = books.snapshot(stocked)
    assert kept[0] in str(everything.pop("webhook"))
    assert kept[0] not in str(everything)
    assert "t0p" not in str(everything)


def test_a_webhook_may_begin_earlier(stocked):
    assert add(stocked, position=0).position == 0
    with pytest.raises(InvalidInput, match="the position must be a whole number from 0 to"):
        add(stocked, position=99_999)


@pytest.mark.parametrize(
    ("url", "more", "error"),
    [
        ("http://shop.example.com/", {}, InvalidInput),
        ("https://127.0.0.1/", {}, InvalidInput),
        ("http://127.0.0.1:81/", {"named": ["127.0.0.1:80"]}, InvalidInput),
        (URL, {"types": ["stock.stolen"]}, InvalidInput),
        (URL, {"ref": "HX-9"}, NotFound),
    ],
)
def test_what_cannot_be_is_refused(stocked, url, more, error):
    before = books.snapshot(stocked)
    with pytest.raises(error):
        add(stocked, url, **more)
    assert books.snapshot(stocked) == before


def test_a_private_host_has_to_be_named(database):
    assert add(database, "http://127.0.0.1:80/x", named=["127.0.0.1:80"]).id == 1


def test_there_are_not_too_many(database, monkeypatch):
    monkeypatch.setattr(registry, "MOST", 1)
    add(database)
    with pytest.raises(Conflict, match="there are 1 webhooks already"):
        add(database)


def test_a_removed_webhook_stays_to_be_seen(database, clock):
    add(database)
    clock.advance(books.SECOND)
    row = books.act(database, lambda session: registry.remove(session, webhook=1))
    assert row.removed_at == books.START + books.SECOND
    assert books.ask(database, registry.webhooks) == []
    assert books.ask(database, lambda session: registry.show(session, webhook=1)) == row
    for change in (registry.remove, registry.rotate):
        with pytest.raises(Conflict, match="webhook 1 was removed"):
            books.act(database, lambda session, change=change: change(session, webhook=1))
        with pytest.raises(NotFound, match="there is no webhook 2"):
            books.act(database, lambda session, change=change: change(session, webhook=2))
    assert books.events(database) == [("webhook.created", "1"), ("webhook.removed", "1")]


def test_a_secret_is_changed(database):
    add(database)
    [(before,)] = books.fetch(database, "SELECT secret FROM webhook")
    secrets = []

    def action(session):
        row, secret = registry.rotate(session, webhook=1)
        secrets.append(secret)
        return row

    books.act(database, action)
    [(after,)] = books.fetch(database, "SELECT secret FROM webhook")
    assert (secrets, before == after) == ([after], False)
    assert books.events(database)[-1] == ("webhook.rotated", "1")
