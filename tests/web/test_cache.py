"""The cache by itself, and answers with it compared with answers without it."""

import random
import time

import pytest

from bvinv.web.answers import Answer as Kept
from bvinv.web.cache import _OVERHEAD, Cache
from tests import books
from tests.api import Answer, Api
from tests.books import MINUTE


def answer(size: int = 10, until: int = 100) -> Kept:
    return Kept(200, [], b"a" * size, until)


def test_an_answer_is_kept_until_the_database_moves_or_its_time_is_up():
    cache, key = Cache(10_000), ("/a", b"")
    assert cache.get(key, 1, 0) is None
    cache.keep(key, 1, answer(until=100))

    assert cache.get(key, 1, 99) == answer(until=100)
    assert cache.get(key, 1, 100) is None
    assert cache.get(("/a", b"b=1"), 1, 0) is None
    assert cache.get(key, 2, 0) is None
    assert cache.get(key, 1, 0) is None


def test_what_was_made_in_another_state_is_not_kept():
    cache, key = Cache(10_000), ("/a", b"")
    cache.get(key, 2, 0)
    cache.keep(key, 1, answer())
    assert cache.get(key, 2, 0) is None


def test_the_cache_never_exceeds_its_size_and_begins_anew_when_the_database_moves():
    size, chance = 50_000, random.Random(5)
    cache = Cache(size)
    for version in range(5):
        held = {}
        for _ in range(300):
            key = (f"/{chance.randrange(200)}", b"")
            if cache.get(key, version, 0) is None:
                cache.keep(key, version, answer(chance.randrange(3_000)))
            cost = sum(len(one.body) + len(at[0]) + _OVERHEAD for at, one in cache._kept.items())
            assert cost <= size - cache._left <= size
            held = dict(cache._kept)
        assert len(held) > 5


def test_a_cache_of_no_size_keeps_nothing():
    cache, key = Cache(0), ("/a", b"")
    cache.get(key, 1, 0)
    cache.keep(key, 1, answer(0))
    assert cache.get(key, 1, 0) is None


def test_what_is_kept_again_when_its_time_is_up_costs_once():
    cache, key = Cache(10_000), ("/a", b"")
    cache.get(key, 1, 0)
    for until in range(1, 100):
        cache.keep(key, 1, answer(until=until))
    assert cache.get(key, 1, 98) == answer(until=99)


PATHS = [
    *("/stock/HX-1", "/stock/HX-2", "/stock/hx-1", "/products/HX-1", "/books/HX-2"),
    *("/products?limit=2", "/products?in_stock=true", "/stock/HX-3", "/stock/NOPE"),
]


@pytest.mark.parametrize("seed", range(3))
def test_a_kept_answer_is_the_answer_that_would_be_made_now(stocked, clock, seed):
    chance = random.Random(seed)
    caching, plain = Api(stocked), Api(stocked, keys=False, cache_size=0)
    plain.keys = caching.keys
    live: list[str] = []
    try:
        for step in range(40):
            for _ in range(chance.randrange(1, 4)):
                one = chance.choice(PATHS)
                fresh = plain.get(one)
                kept = _after_the_news(caching, one, fresh.body)
                assert (kept.status, kept.body) == (fresh.status, fresh.body), (step, one)
                assert kept.headers.get("etag") == fresh.headers.get("etag")
            _move(chance, clock, caching, live, step)
    finally:
        caching.close()
        plain.close()


def _after_the_news(api: Api, path: str, wanted: bytes) -> Answer:
    """Return the answer; on PostgreSQL, the news of a commit may take a second."""
    end = time.monotonic() + (1.0 if api.database.url else 0.0)
    while (found := api.get(path)).body != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return found


def _move(chance: random.Random, clock: books.Clock, api: Api, live: list[str], step: int) -> None:
    """Do something, or let time pass."""
    sku = chance.choice(["HX-1", "HX-2"])
    match chance.randrange(7):
        case 0 | 1:
            name = f"R-{step}"
            ttl = chance.choice([1, 2, 60])
            wanted = {"reservation_id": name, "sku": sku, "quantity": 1, "ttl_seconds": ttl}
            if api.post("/stock/reserve", wanted).status == 201:
                live.append(name)
        case 2 if live:
            api.post("/stock/release", {"reservation_id": live.pop()})
        case 3:
            books.receive(api.database, sku, 3, "MAIN", bin="SHELF")
        case 4:
            books.adjust(api.database, sku, "MAIN", change=1, bin="SHELF")
        case 5:
            clock.advance(chance.choice([1, 999_999, 1_000_000, MINUTE]))


def test_a_hold_that_runs_out_changes_the_answer_at_its_very_microsecond(stocked, clock):
    api = Api(stocked)
    try:
        api.post("/stock/reserve", {"reservation_id": "R", "sku": "HX-1", "quantity": 4}, "service")
        row = books.show(stocked, "R")
        for _ in range(3):
            assert _counts(api) == (4, 6)
        clock.at = row.expires_at - 1
        assert _counts(api) == (4, 6)
        clock.at = row.expires_at
        assert _counts(api) == (0, 10)
    finally:
        api.close()


def _counts(api: Api) -> tuple[int, int]:
    said = api.get("/stock/HX-1").json
    product = api.get("/products/HX-1").json
    assert product["available"] == said["available"]
    return said["reserved"], said["available"]


@pytest.mark.parametrize("path", ["/stock/HX-1", "/stock/HX-2", "/products/HX-1", "/books/HX-2"])
def test_the_quick_answer_is_the_ordinary_one(api, path):
    api.post("/stock/reserve", {"reservation_id": "R", "sku": "HX-2", "quantity": 7})

    quick, again = api.get(path), api.get(path)
    api.worker.cache = type(api.worker.cache)(0)
    api.worker.watch.is_instant = False
    ordinary = api.get(path)
    api.worker.watch.is_instant = bool(api.database.path)

    for one in (again, ordinary):
        assert (one.status, one.body) == (quick.status, quick.body)
        for name in ("content-type", "etag", "cache-control", "vary", "content-length"):
            assert one.headers[name] == quick.headers[name], name


def test_an_answer_that_is_kept_counts_as_a_hit(api):
    hits = 'bvinv_cache_lookups_total{cache="answers",result="hit"}'
    assert hits not in api.get("/metrics").body.decode()
    for _ in range(3):
        api.get("/categories")
    before = api.worker.metrics.text()[0].decode()
    if api.database.path:
        assert f"{hits} 2.0" in before


def test_news_of_another_connection_makes_the_answer_fresh(stocked):
    api = Api(stocked)
    try:
        assert [api.get("/stock/HX-1").json["on_hand"] for _ in range(3)] == [10] * 3
        books.receive(stocked, "HX-1", 5, "MAIN", bin="SHELF")
        end = time.monotonic() + (1.0 if stocked.url else 0.0)
        while (found := api.get("/stock/HX-1").json["on_hand"]) != 15 and time.monotonic() < end:
            time.sleep(0.01)
        assert found == 15
    finally:
        api.close()
