"""Search over HTTP finds what the command line finds."""

import threading

from bvinv.core import expiries
from bvinv.core.search import state
from tests import books
from tests.api import Api
from tests.routes import doors as both

doors = both.doors


def test_both_doors_find_the_same(doors):
    api, bvinv = doors.api, doors.bvinv
    bvinv("products category add poetry --name Poetry")
    bvinv("products add DR-1 --title 'A draft' --status draft --price 99 --category poetry")
    bvinv(
        "products add ZN-1 --title 'Zen haiku' --author 'Ann Lee' --category poetry --rating 4.5 "
        "--price 5 --attribute pages=300 --attribute cover=soft --publication-date 1997-06"
    )
    for line, query in (
        ("", ""),
        ("book", "q=book"),
        ("'\"zen haiku\"' --facets", "q=%22zen+haiku%22&facets=true"),
        ("hiaku", "q=hiaku"),
        ("zen nothing", "q=zen%20nothing"),
        ("hx-1", "q=hx-1&facets=false"),
        ("--genre poetry --status any", "genre=poetry&status=any"),
        ("--author 'ann author'", "author=ann+author"),
        ("--min-price 4.99 --max-price 12.99 --currency GBP",
         "min_price=4.99&max_price=12.99&currency=GBP"),
        ("--min-rating 4.5 --sort -rating", "min_rating=4.5&sort=-rating"),
        ("--in-stock --limit 1 --offset 1", "in_stock=true&limit=1&offset=1"),
        ("--out-of-stock --limit 0 --facets", "in_stock=false&limit=0&facets=true"),
        ("--published-after 1997 --published-before 1998",
         "published_after=1997&published_before=1998"),
        ("--attribute pages>=300 --attribute cover=soft",
         "attribute=pages%3E%3D300&attribute=cover%3Dsoft"),
    ):  # fmt: skip
        found = doors.look(f"search {line}", f"/books/search?{query}", "viewer")
        assert api.get(f"/products/search?{query}").json == found
        assert "total" in found, line
    assert found["results"][0]["sku"] == "ZN-1"
    for line, query in (
        ("--genre no", "genre=no"),
        ("--sort luck", "sort=luck"),
        ("--min-price x", "min_price=x"),
        ("--min-rating 6", "min_rating=6"),
        ("--published-after x", "published_after=x"),
        ("--status sold", "status=sold"),
        ("--currency XXX", "currency=XXX"),
        ("--attribute x", "attribute=x"),
    ):
        assert doors.look(f"search {line}", f"/products/search?{query}")["detail"]
    for typed in ("zen", "Z", "an", "ZN-", "%5C", "978"):
        rows = doors.look(f"search --suggest '{typed.replace('%5C', chr(92))}'",
                          f"/books/suggest?q={typed}")  # fmt: skip
        assert api.get(f"/products/suggest?q={typed}&limit=1").json == rows[:1]


def test_a_search_that_cannot_be_read_is_refused(api):
    queries = ("limit=1001", "offset=10001", "limit=-1", "facets=1", "in_stock=", "Q=x", "q=a&q=b")
    for query in queries:
        api.get(f"/books/search?{query}").refused(422, "invalid-input")
    for typed in ("", "q=", "q=x&limit=11", "q=x&limit=0"):
        api.get(f"/books/suggest?{typed}").refused(422, "invalid-input")


def test_any_text_is_a_query(api):
    for said in ("%00", "%22", "(AND", "a:b", "%F0%9F%98%80", "*", "+", "a" * 9000):
        found = api.get(f"/books/search?q={said}&facets=true")
        assert found.status == 200, said
        assert api.get(f"/books/suggest?q={said[:2000]}").status == 200, said


def test_a_search_sees_what_was_just_written(api):
    seen = "/products/search?q=zebra"
    assert api.get(seen).json["total"] == 0
    assert api.get("/products/suggest?q=zeb").json == []
    api.post("/products", {"sku": "ZB-1", "title": "Zebra"})
    assert [row["available"] for row in api.get(seen).json["results"]] == [0]
    assert [row["text"] for row in api.get("/products/suggest?q=zeb").json] == ["Zebra"]
    with api.moved():
        books.receive(api.database, "ZB-1", 3, "MAIN")
    assert [row["available"] for row in api.get(seen).json["results"]] == [3]


def test_an_answer_of_an_index_that_is_behind_is_not_kept(stocked):
    api = Api(stocked)
    try:
        path = "/products/search?q=zebra"
        assert api.get(path).json["total"] == 0
        began, ends = threading.Event(), threading.Event()

        def busy() -> None:
            with state.turn(api.worker.index.folder, 1):
                began.set()
                ends.wait(10)

        somebody = threading.Thread(target=busy)
        somebody.start()
        try:
            assert began.wait(10)
            api.post("/products", {"sku": "ZB-1", "title": "Zebra"})
            assert api.get(path).json["total"] == 0  # the index as it stands
            assert api.get("/products/suggest?q=zeb").json == []
        finally:
            ends.set()
            somebody.join()
        assert api.get(path).json["total"] == 1
        assert len(api.get("/products/suggest?q=zeb").json) == 1
    finally:
        api.close()


def test_what_is_available_stays_so_until_the_next_hold_ends(stocked, clock):
    def at(action):
        return books.ask(stocked, action)

    def of(sku):
        return at(lambda s: expiries.of_product(s, skus[sku]))

    skus = dict(books.fetch(stocked, "SELECT sku, id FROM product"))
    assert (at(expiries.upcoming), of("HX-1")) == (expiries.NEVER, expiries.NEVER)
    ends = books.reserve(stocked, "S-1", "HX-1=1", ttl=books.HOUR).expires_at
    assert (at(expiries.upcoming), of("HX-1"), of("HX-2")) == (ends, ends, expiries.NEVER)
    sooner = books.reserve(stocked, "S-2", "HX-2=1", ttl=books.MINUTE).expires_at
    assert (at(expiries.upcoming), of("HX-1"), of("HX-2")) == (sooner, ends, sooner)
    clock.advance(2 * books.MINUTE)
    assert (at(expiries.upcoming), of("HX-2")) == (ends, expiries.NEVER)
    books.release(stocked, "S-1")
    assert at(expiries.upcoming) == expiries.NEVER
