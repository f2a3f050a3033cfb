"""Images: a look at the URLs of products, and what is kept of it."""

import pytest

from bvinv.core import catalog, command_log, images
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.images import Finding
from tests import books
from tests.books import act, ask, events, fetch, snapshot

A, B = "https://a.example.com/1.png", "https://b.example.org/2.png"


@pytest.fixture
def shop(database):
    """Return a database with the images A and B, a product without one, and an old address."""
    for sku, url in {"HX-1": A, "HX-2": B, "HX-3": "", "HX-4": A}.items():
        fields = {"sku": sku, "title": "T", "image_url": url}
        act(database, lambda s, f=fields: catalog.add(s, fields=f))
    with database.write(command_log.command("old", actor="old")) as session:
        session.wire.exec_driver_sql(
            "UPDATE product SET image_url = 'http://a.example.com/1.png' WHERE sku = 'HX-4'"
        )
    return database


def check(database, *refs, key=None, **more):
    request = {"refs": refs, "allowed": more.get("allowed")}
    asked = command_log.command("products image check", actor="tester", key=key, request=request)
    return images.check(database, asked, refs=refs, **more)


def states(answer):
    return {row["sku"]: (row["state"], row["detail"]) for row in answer.result}


def stored(database, ref):
    return ask(database, lambda s: catalog.show(s, ref=ref)).image_check


REFUSED = ("refused", "the image URL must begin with https://, not 'http://a.example.com/1.png'")


def test_every_image_is_judged_and_the_result_is_shown(shop):
    assert states(check(shop)) == {
        "HX-1": ("allowed", ""),
        "HX-2": ("allowed", ""),
        "HX-4": REFUSED,
    }
    row = stored(shop, "HX-1")
    assert (row.state, row.detail, row.content_type, row.bytes) == ("allowed", "", "", 0)
    assert stored(shop, "HX-4").state == "refused"
    assert stored(shop, "HX-3") is None
    assert events(shop)[-3:] == [
        ("product.image_checked", "HX-1"),
        ("product.image_checked", "HX-2"),
        ("product.image_checked", "HX-4"),
    ]


def test_only_hosts_on_the_list_are_allowed(shop):
    found = states(check(shop, "HX-1", "HX-2", allowed=".example.com"))

    assert found == {
        "HX-1": ("allowed", ""),
        "HX-2": ("refused", "b.example.org is not one of the hosts that are allowed"),
    }


def test_what_is_refused_is_not_fetched(shop):
    asked = []

    def fetcher(url):
        asked.append(url)
        return Finding("fetched", "", "image/png", 70)

    found = states(check(shop, allowed="a.example.com", fetch=fetcher))

    assert asked == [A]
    assert [found[sku][0] for sku in ("HX-1", "HX-2", "HX-4")] == ["fetched", "refused", "refused"]
    assert (stored(shop, "HX-1").content_type, stored(shop, "HX-1").bytes) == ("image/png", 70)


def test_looking_again_tells_only_what_is_new(shop, clock):
    check(shop)
    before = events(shop)
    first = stored(shop, "HX-1").checked_at
    clock.advance(books.HOUR)

    check(shop)

    assert events(shop) == before
    assert first < stored(shop, "HX-1").checked_at == clock.at


def test_a_check_of_another_address_is_not_shown(shop):
    check(shop)
    act(shop, lambda s: catalog.change(s, ref="HX-1", fields={"image_url": B}))

    assert stored(shop, "HX-1") is None


def test_an_address_that_changes_meanwhile_keeps_no_result(shop):
    def fetcher(_):
        act(shop, lambda s: catalog.change(s, ref="HX-1", fields={"image_url": B}))
        act(shop, lambda s: catalog.remove(s, ref="HX-2"))
        return Finding("fetched", "", "image/png", 70)

    check(shop, "HX-1", fetch=fetcher)

    assert fetch(shop, "SELECT * FROM image_check") == []


def test_a_product_without_an_image_and_one_that_is_not_there_are_refused(shop):
    before = snapshot(shop)

    with pytest.raises(Conflict, match="HX-3 has no image URL"):
        check(shop, "HX-1", "HX-3")
    with pytest.raises(NotFound, match="there is no product 'HX-9'"):
        check(shop, "HX-9")
    with pytest.raises(InvalidInput, match="'localhost' is not a name on the public Internet"):
        check(shop, "HX-1", allowed="localhost")

    assert snapshot(shop) == before


def test_a_key_answers_without_looking_again(shop):
    def fetcher(_):
        return Finding("failed", "no")

    first = check(shop, "HX-1", key="K", fetch=fetcher)
    before = snapshot(shop)

    def never(_):
        raise AssertionError

    again = check(shop, "HX-1", key="K", fetch=never)

    assert (again.replayed, again.result) == (True, first.result)
    assert snapshot(shop) == before


def test_a_dry_run_keeps_nothing(shop):
    before = snapshot(shop)

    assert states(check(shop, dry_run=True))["HX-1"] == ("allowed", "")
    assert snapshot(shop) == before


def test_many_images_are_looked_at_batch_by_batch(database):
    def add(session):
        return [
            catalog.add(session, fields={"sku": f"P-{n}", "title": "T", "image_url": A})
            for n in range(450)
        ]

    act(database, add)
    told = []

    answer = check(database, on_progress=lambda rows, share: told.append((rows, share)))

    assert len(answer.result) == 450
    assert told == [(200, 200 / 450), (400, 400 / 450), (450, 1.0)]
    assert fetch(database, "SELECT count(*) FROM image_check WHERE state = 'allowed'") == [(450,)]


def test_a_product_that_is_deleted_takes_its_check_with_it(shop):
    check(shop)

    act(shop, lambda s: catalog.remove(s, ref="HX-1"))

    assert fetch(shop, "SELECT count(*) FROM image_check") == [(2,)]
