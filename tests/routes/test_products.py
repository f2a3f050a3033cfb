"""Products over HTTP: listed, shown, changed and fed, as the command line does it."""

import json
import re

from bvinv.core import catalog, categories, prices
from tests import books, lots_books
from tests.api import Api
from tests.routes import doors as both

doors = both.doors
BAD_FIELDS = ("id", "reserved", "created_at", "updated_at", "version", "popularity", "available")


def add(database, sku, **fields):
    fields = {"sku": sku, "title": f"Book {sku}"} | fields
    books.act(database, lambda s: catalog.add(s, fields=fields))


def walk(api, path, role="viewer"):
    """Return all rows of a list, following its links, and how many pages there were."""
    rows, pages = [], 0
    while path:
        said = api.get(path, role)
        assert said.status == 200, said
        rows += said.json
        pages += 1
        found = re.fullmatch(r'<(.+)>; rel="next"', said.headers.get("link", ""))
        path = found[1] if found else None
    return rows, pages


def counted(said):
    """Return the refusal's sentence, of the query or the body."""
    return said.refused(422, "invalid-input")["detail"]


# --- Lists --------------------------------------------------------------------------------------


def test_both_doors_list_the_same_pages(doors):
    api, bvinv = doors.api, doors.bvinv
    bvinv("products category add poetry --name Poetry")
    bvinv("products category add haiku --parent poetry")
    assert bvinv("products add 'A %_B' --title Zen --category haiku --rating 4.25").exit_code == 0
    for line, query in (
        ("", ""),
        ("--limit 2", "?limit=2"),
        ("--category poetry", "?category=poetry"),
        ("--category Poetry", "?genre=Poetry"),
        ("--status discontinued", "?status=discontinued"),
        ("--author AUTH", "?author=AUTH"),
        ("--author %", "?author=%25"),
        ("--sort -title", "?sort=-title"),
        ("--sort rating --limit 1", "?limit=1&sort=rating"),
    ):
        rows = doors.look(f"products list {line}", f"/products{query}", "viewer")
        assert api.get(f"/books{query}").json == rows
    for line, query in (
        ("--sort luck", "?sort=luck"),
        ("--status sold", "?status=sold"),
        ("--category no", "?category=no"),
        ("--after x", "?after=x"),
    ):
        doors.look(f"products list {line}", f"/products{query}")
    cursor = api.get("/products?limit=2&sort=-title").headers["link"]
    assert cursor.startswith("</products?limit=2&sort=-title&after=")
    rows, pages = walk(api, "/books?limit=1&sort=-title")
    assert ([row["sku"] for row in rows], pages) == (["A %_B", "HX-1", "HX-3", "HX-2"], 4)


def test_a_list_with_an_offset_or_a_filter_of_search_is_what_search_finds(doors):
    api, bvinv = doors.api, doors.bvinv
    bvinv("products add DR-1 --title Draft --status draft --price 99")
    bvinv("products price HX-2 5")
    for line, query in (
        ("--status any", "offset=0"),
        ("--status any --offset 1", "offset=1"),
        ("--status any --in-stock", "in_stock=true"),
        ("--status any --out-of-stock", "in_stock=false"),
        ("--status any --min-price 6 --max-price 20", "min_price=6&max_price=20"),
        ("--status any --min-price 6 --currency gbp", "min_price=6&currency=gbp"),
        ("--status draft --min-price 6", "status=draft&min_price=6"),
        ("--status any --sort -price --published-before 3000", "sort=-price&published_before=3000"),
        ("--status any --author author --min-rating 0", "author=author&min_rating=0"),
    ):
        found = bvinv(f"search --limit 50 {line} --format json").json
        said = api.get(f"/products?{query}")
        assert (said.status, said.json) == (200, found["results"]), query
    assert "link" not in api.get("/products?offset=3").headers
    rows, pages = walk(api, "/books?offset=0&limit=3&sort=title")
    assert ([row["sku"] for row in rows], pages) == (["HX-2", "HX-3", "DR-1", "HX-1"], 2)
    assert counted(api.get("/products?offset=1&after=x")).startswith("there is no cursor in a")
    assert counted(api.get("/products?in_stock=true&after=x")).startswith("there is no cursor")
    assert counted(api.get("/products?category=a&genre=b")).startswith("category and genre say")
    api.get("/products?genre=no&in_stock=true").refused(404, "not-found")
    assert counted(api.get("/products?in_stock=true&sort=sku")).startswith("results are sorted by")


def test_what_a_list_cannot_read_is_refused(api):
    for query, said in (
        ("limit=0", "limit: Input should be greater than or equal to 1"),
        ("limit=1001", "limit: Input should be less than or equal to 1000"),
        ("offset=1_0", "offset: write a whole number"),
        ("offset=-1", "offset: write a whole number"),
        ("offset=1.0", "offset: write a whole number"),
        ("offset=%D9%A3", "offset: write a whole number"),
        ("offset=10001", "offset: Input should be less than or equal to 10000"),
        ("in_stock=yes", "in_stock: write true or false"),
        ("lim=1", "the query says something that is not known here"),
        ("limit=1&limit=1", "limit: it is there more than once"),
        ("dry_run=true", "the query says something that is not known here"),
        ("author=%00", "the author has a control character: '\\x00' at character 1"),
        ("min_price=x&in_stock=true", "'x' is not a price"),
    ):
        assert counted(api.get(f"/products?{query}")) == said


# --- One ----------------------------------------------------------------------------------------


def test_both_doors_show_the_same_product(doors):
    doors.bvinv("products update HX-1 --description '# A *book*' --barcode 5012345678900=12")
    doors.bvinv("products price HX-1 13.99")
    row = doors.look("products show HX-1", "/products/HX-1?html=true", "viewer")
    assert row["description_html"] == "<h1>A <em>book</em></h1>\n"
    for ref in ("hx-1", "5012345678900", "0141439513", "978-0-14-143951-8", "%20HX-1"):
        assert doors.api.get(f"/books/{ref}?html=true").json == row
    for ref in ("HX-9", "a%00b", "a%3Db", "x" * 101):
        said = doors.api.get(f"/products/{ref}")
        assert said.status in (404, 422)
    doors.look("products show HX-9", "/products/HX-9")


def varied(database):
    """Make products of every kind; return their SKUs."""
    books.act(database, lambda s: categories.add(s, slug="poetry"))
    add(database, "PLAIN", category="poetry", price="3", currency="JPY", rating="4.5",
        publication_date="1997-06", attributes="pages=3;x=1.50", author="Zoë")  # fmt: skip
    add(database, "BLANK")
    add(database, "CODES", barcode="5012345678900 5012345678917=12")
    add(database, "TOP", options='{"size":null}', status="discontinued")
    add(database, "TOP-L", variant_of="TOP", options="size=L", price="1", currency="BHD")
    add(database, "TOP-L-RED", variant_of="TOP-L", options="colour=red")
    add(database, "ASKED", price="1", currency="EUR")
    books.act(database, lambda s: prices.change(s, ref="ASKED", price="2"))
    add(database, "LOTS", tracks_lots="true", protects_safety_stock="true")
    lots_books.find_lot(database, "LOTS", 5, "L-1", 20260301)
    lots_books.find_lot(database, "LOTS", 4, "L-2", 20270101)
    books.receive(database, "TOP-L-RED", 5, "NORTH")
    books.reserve(database, "S-1", "HX-2=9", ttl=books.MINUTE)
    books.reserve(database, "S-2", "HX-1=3 TOP-L-RED=2", ttl=2 * books.MINUTE)
    books.reserve(database, "S-3", "HX-1=30@MAIN", ttl=3 * books.MINUTE, backorder=True)
    skus = ["PLAIN", "BLANK", "CODES", "TOP", "TOP-L", "TOP-L-RED", "ASKED", "LOTS"]
    return [*skus, "HX-1", "HX-2", "HX-3", "hx-2"]


def test_the_lean_answer_is_the_ordinary_one_byte_for_byte(stocked, clock):
    skus = varied(stocked)
    api = Api(stocked)
    try:
        for _ in range(4):
            for sku in skus:
                lean = api.get(f"/products/{sku}")
                ordinary = api.get(f"/books/{sku}?html=false")
                assert (lean.status, ordinary.status) == (200, 200)
                assert lean.body == ordinary.body
                differing = {"x-request-id"}
                assert {
                    name: value for name, value in lean.headers.items() if name not in differing
                } == {
                    name: value for name, value in ordinary.headers.items() if name not in differing
                }
            clock.advance(books.MINUTE + books.SECOND)
    finally:
        api.close()


def test_what_is_kept_ends_when_a_hold_runs_out_or_a_lot_expires(stocked, clock):
    varied(stocked)
    api = Api(stocked)
    paths = {
        "HX-2": "/products/HX-2",
        "TOP": "/products/TOP",
        "LOTS": "/products/LOTS",
        "HX-2 ": "/products?in_stock=true&limit=100",
        "TOP ": "/books/search?q=book",
    }

    def available(name):
        said = api.get(paths[name]).json
        rows = said if isinstance(said, list) else said.get("results", [said])
        found = [row["available"] for row in rows if row["sku"] == name.strip()]
        return found[0] if found else None

    try:
        assert [available(name) for name in paths] == [1, 3, 9, 1, 3]
        assert api.worker.cache.get(("/products/LOTS", b""), *api.run(now(api))) is not None
        clock.advance(books.MINUTE + books.SECOND)
        assert [available(name) for name in paths] == [10, 3, 9, 10, 3]
        clock.advance(books.MINUTE + books.SECOND)
        assert [available(name) for name in paths] == [10, 5, 9, 10, 5]
        clock.advance(15 * books.HOUR)
        assert [available(name) for name in paths] == [10, 5, 4, 10, 5]
    finally:
        api.close()


async def now(api):
    """Return the state and the instant that the cache is asked with, as the front does it."""
    return api.worker.watch.version(), api.worker.watch.glance.now


def test_an_answer_that_one_has_is_not_sent_again(api):
    for path in ("/products/HX-1", "/products?limit=1", "/books/search?q=book", "/categories"):
        tag = api.get(path).headers["etag"]
        again = api.get(path, if_none_match=f'"x", {tag}')
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "public, no-cache"
    one, other = api.get("/products/HX-1"), api.get("/products/HX-2")
    assert re.fullmatch('"1-[0-9a-f]{16}"', one.headers["etag"])
    assert one.headers["etag"] != other.headers["etag"]


# --- Changes ------------------------------------------------------------------------------------

WHOLE = {
    "title": "Hex, again",
    "author": "Ann Author",
    "description": "A\nb",
    "isbn": "0-306-40615-2",
    "price": "12.99",
    "currency": "GBP",
    "status": "draft",
    "publication_date": "1997-06",
    "rating": 4.25,
    "image_url": "https://IMG.example.org/a.jpg",
    "attributes": {"pages": 320, "weight": 1.5, "signed": True, "shelf": "01", "gone": None},
    "variant_of": "HX-1",
    "options": {"size": "L"},
    "barcodes": [{"code": "5012345678917"}, {"code": "5012345678924", "pack_quantity": 12}],
    "tracks_lots": True,
    "protects_safety_stock": True,
}
LINE = (
    "products add NEW-1 --title 'Hex, again' --author 'Ann Author' --description 'A\nb' "
    "--isbn 0-306-40615-2 --price 12.99 --currency GBP --status draft --publication-date 1997-06 "
    "--rating 4.25 --image-url https://IMG.example.org/a.jpg --attribute pages=320 "
    "--attribute weight=1.5 --attribute signed=true --attribute shelf=01 --variant-of HX-1 "
    "--option size=L --barcode 5012345678917 --barcode 5012345678924=12 --lots "
    "--protect-safety-stock"
)


def test_both_doors_add_a_product_alike(doors):
    body = {"sku": "NEW-1"} | WHOLE | {"attributes": WHOLE["attributes"] | {"shelf": "01"}}
    line = LINE.replace("shelf=01", "shelf=01")
    row = doors.change(line, "/products", body, 201)
    assert row["attributes"] == {"pages": 320, "shelf": "01", "signed": True, "weight": 1.5}
    assert doors.api.get("/books/NEW-1").json["rating"] == 4.25
    problem = doors.refuse(line, "/books", body)
    assert problem["detail"] == "the SKU NEW-1 belongs to NEW-1 already"
    said = doors.api.post("/books", {"sku": " ü 1 ", "title": "Ü"})
    assert (said.status, said.headers["location"]) == (201, "/books/%C3%BC%201")
    assert doors.api.get(said.headers["location"]).json["sku"] == "ü 1"
    for line, more in (
        ("--isbn 0198534530", {"isbn": "0198534530"}),
        ("--barcode 5012345678900", {"barcodes": [{"code": "5012345678900"}]}),
        ("--category no", {"category": "no"}),
        ("--price 1,5", {"price": "1,5"}),
        ("--price 1.555", {"price": "1.555"}),
        ("--image-url http://a.example", {"image_url": "http://a.example"}),
        ("--image-url https://127.0.0.1/x", {"image_url": "https://127.0.0.1/x"}),
        ("--publication-date 1997-13", {"publication_date": "1997-13"}),
        ("--variant-of HX-9", {"variant_of": "HX-9"}),
        ("--currency GBP", {"currency": "GBP"}),
    ):
        body = {"sku": "NEW-2", "title": "x"} | more
        doors.refuse(f"products add NEW-2 --title x {line}", "/products", body)


def test_what_no_product_can_have_is_refused(api):
    before = books.snapshot(api.database)
    for wrong in (
        *({name: 1} for name in BAD_FIELDS),
        {"title": None},
        {"title": ""},
        {"title": 5},
        {"price": 12.99},
        {"price": "-1"},
        {"price": "1e3"},
        {"rating": "4"},
        {"rating": True},
        {"rating": 5.01},
        {"rating": 4.255},
        {"rating": 1e-9},
        {"status": "Active"},
        {"tracks_lots": 1},
        {"tracks_lots": "true"},
        {"attributes": [1]},
        {"attributes": {"a": [1]}},
        {"attributes": {"a": {}}},
        {"attributes": {"a=b": 1}},
        {"attributes": {"a": 2**63}},
        {"attributes": {"a": "x\ny"}},
        {"attributes": {str(number): 1 for number in range(101)}},
        {"barcodes": ["5012345678900"]},
        {"barcodes": [{"code": "50 12"}]},
        {"barcodes": [{"code": "5012;5013"}]},
        {"barcodes": [{"code": "5012=3"}]},
        {"barcodes": [{"code": "5012\x1f5013"}]},
        {"barcodes": [{"code": "5012", "pack_quantity": 0}]},
        {"barcodes": [{"code": "5012"}, {"code": "5012", "pack_quantity": 2}]},
        {"description": "x" * 100_001},
        {"author": "a\x00b"},
        {"sku": ""},
        {"sku": "a=b"},
        {"sku": "x" * 65},
    ):
        said = api.post("/products", {"sku": "N", "title": "x"} | wrong)
        assert said.status == 422, wrong
        said.refused(422, "invalid-input")
    assert books.snapshot(api.database) == before


def test_both_doors_change_a_product_alike(doors):
    api, bvinv = doors.api, doors.bvinv
    bvinv("products update HX-1 --attribute a=1 --attribute b=2 --author Ann")
    tag = api.get("/products/HX-1").headers["etag"]
    steps = [
        ("--title Hexed --rating 3.5", {"title": "Hexed", "rating": 3.5}),
        ("--author ''", {"author": None}),
        ("--attribute b= --attribute c=x", {"attributes": {"b": None, "c": "x"}}),
        ("--price 14.50", {"price": "14.50"}),
        ("--barcode 1234=3", {"barcodes": [{"code": "1234", "pack_quantity": 3}]}),
        ("--barcode ''", {"barcodes": []}),
        ("--attribute ''", {"attributes": None}),
        ("--lots", {"tracks_lots": True}),
    ]
    for line, body in steps:
        tried = bvinv(f"products update HX-1 {line} --dry-run --format json").json
        said = api.patch("/books/HX-1", body, if_match=tag)
        assert said.status == 200, (line, said)
        kept = {name: one for name, one in tried.items() if name not in ("dry_run", "changes")}
        shown = api.get("/products/HX-1").json
        assert without_requests(both.steady(said.json)) == without_requests(both.steady(kept))
        assert {name: shown[name] for name in said.json} == said.json
        tag = said.headers["etag"]
    row = api.get("/products/HX-1").json
    assert (row["attributes"], row["barcodes"], row["price"]) == ({}, [], "12.99")
    assert (row["price_request"]["price"], row["price_request"]["requested_by"]) == ("14.50", "ada")
    refused = [
        ("update HX-9 --title x", "PATCH", "HX-9", {"title": "x"}),
        ("update HX-1 --title ' '", "PATCH", "HX-1", {"title": " "}),
        ("update HX-1 --status draft", "PATCH", "HX-1", {"status": "draft"}),
        ("update HX-1 --no-lots --variant-of HX-1", "PATCH", "HX-1",
         {"tracks_lots": False, "variant_of": "HX-1"}),
        ("delete HX-1", "DELETE", "HX-1", None),
        ("delete HX-9", "DELETE", "HX-9", None),
    ]  # fmt: skip
    before = bvinv.dump()
    for line, method, ref, body in refused:
        problem = bvinv(f"products {line} --format json").problem
        said = api.send(method, f"/products/{ref}", "admin", json=body, if_match="*")
        assert (said.status, said.json) == (problem["status"], problem), line
    assert counted(api.patch("/products/HX-1", {}, if_match="*")) == "nothing to change"
    api.patch("/products/HX-1", {"sku": "X"}, if_match="*").refused(422, "invalid-input")
    assert bvinv.dump() == before


def without_requests(row):
    """Return a row without who asked for its price, and when."""
    request = row["price_request"]
    return row | {"price_request": request and {"price": request["price"]}}


def test_put_says_all_of_a_product_anew(api):
    add(api.database, "OLD", price="3", currency="EUR", author="Ann", barcode="1234", rating="4",
        attributes="a=1;b=2", tracks_lots="true", status="draft")  # fmt: skip
    tag = api.get("/products/OLD").headers["etag"]
    tried = api.put("/products/OLD?dry_run=true", {"title": "New"}, if_match=tag)
    assert (tried.status, tried.json["dry_run"]) == (200, True)
    body = {"title": "New", "price": "4", "attributes": {"b": 3}}
    said = api.put("/books/OLD", body, if_match=tag)
    assert said.status == 200, said
    blank = {"author": "", "barcodes": [], "rating": None, "tracks_lots": False, "currency": "EUR"}
    new = {"title": "New", "price": "4.00", "attributes": {"b": 3}, "status": "active"}
    assert {name: said.json[name] for name in (blank | new)} == blank | new
    assert (said.json["sku"], said.json["version"]) == ("OLD", 2)
    again = api.put("/books/OLD", body, if_match='"2"')
    assert again.json["version"] == 2  # nothing was to change
    # Published by now: to leave the price out is to ask for none.
    said = api.put("/books/OLD", {"title": "Newer"}, if_match='"2"')
    assert (said.json["price"], said.json["price_request"]["price"]) == ("4.00", None)
    for body in ({}, {"title": ""}, {"title": "x", "sku": "OLD"}, {"title": "x", "id": 1}):
        api.put("/products/OLD", body, if_match="*").refused(422, "invalid-input")


def test_a_change_says_which_version_it_is_of(api):
    before = books.snapshot(api.database)
    for method, body in (("PATCH", {"title": "x"}), ("PUT", {"title": "x"}), ("DELETE", None)):
        path = "/products/HX-3"
        api.send(method, path, "admin", json=body).refused(428, "precondition-required")
        for tag in ('"2"', '"x"', 'W/"1"', '"1-zz"', "1", ""):
            said = api.send(method, path, "admin", json=body, if_match=tag)
            assert said.refused(412, "conflict")["version"] == 1
        api.send(method, path, "manager", json=body, if_match="*").refused(403, "not-permitted")
    assert books.snapshot(api.database) == before
    tag = api.get("/products/HX-3").headers["etag"]
    gone = api.delete("/products/HX-3", if_match=tag)
    assert (gone.status, gone.json["sku"]) == (200, "HX-3")
    api.get("/products/HX-3").refused(404, "not-found")
    api.delete("/products/HX-3", if_match=tag).refused(404, "not-found")


def test_of_fifty_changes_of_one_version_one_is_made(api):
    tag = api.get("/products/HX-1").headers["etag"]
    sent = [
        api.later("PATCH", "/products/HX-1", "admin", json={"title": f"T {one}"}, if_match=tag)
        for one in range(50)
    ]
    statuses = [one.result(60).status for one in sent]
    assert sorted(statuses) == [200] + [412] * 49
    winner = statuses.index(200)
    row = api.get("/products/HX-1").json
    assert (row["title"], row["version"]) == (f"T {winner}", 2)


def test_a_change_with_a_key_is_made_once(api):
    keyed = {"idempotency_key": "K-1"}
    body = {"sku": "NEW-1", "title": "x"}
    first = api.post("/products", body, **keyed)
    again = api.post("/products", body, **keyed)
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json | {"replayed": True}
    assert again.headers["location"] == "/products/NEW-1"
    said = api.post("/products", body | {"author": None}, **keyed)
    said.refused(409, "conflict")


# --- The feed -----------------------------------------------------------------------------------


def fed(said):
    """Return a feed's rows, and its cursor."""
    assert (said.status, said.headers["content-type"]) == (200, "application/x-ndjson"), said
    *rows, last = [json.loads(line) for line in said.body.decode().splitlines()]
    assert list(last) == ["next"]
    return rows, last["next"]


def test_the_feed_is_the_export_and_goes_on_after_its_cursor(doors):
    api, bvinv = doors.api, doors.bvinv
    exported = bvinv("products export --format jsonl").stdout.splitlines()
    rows, cursor = fed(api.get("/products/feed", "service"))
    assert rows == [json.loads(line) for line in exported]
    assert fed(api.get(f"/books/feed?after={cursor}", "service")) == ([], cursor)
    bvinv("products update HX-2 --title Zwei")
    bvinv("products delete HX-3")
    bvinv("reserve create S-1 HX-1=1")
    rows, following = fed(api.get(f"/products/feed?after={cursor}", "service"))
    assert [row["sku"] for row in rows] == ["HX-2", "HX-3"]
    assert (rows[0]["title"], rows[1]) == ("Zwei", {"sku": "HX-3", "deleted": True})
    assert fed(api.get(f"/products/feed?after={following}", "service"))[0] == []
    doors.look("products export --since 99999-1", "/products/feed?after=99999-1", "service")
    doors.look("products export --since x", "/products/feed?after=x", "service")
    api.get("/products/feed", "viewer").refused(403, "not-permitted")


def test_a_long_feed_comes_in_parts(api):
    def many(session):
        text = "word " * 900
        return [
            catalog.add(session, fields={"sku": f"N-{one}", "title": "x", "description": text})
            for one in range(260)
        ]

    books.act(api.database, many)
    rows, _ = fed(api.get("/products/feed", "service"))
    assert len(rows) == 263
    with api.stream("/products/feed") as stream:
        assert stream.read(100).startswith(b'{"sku": "HX-1"')
