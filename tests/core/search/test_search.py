"""Search: what is found, under which filters, in which order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bvinv.core import catalog, categories
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.search import search
from bvinv.core.search.index import Index
from bvinv.core.search.query import Filters
from tests.books import MINUTE, act, add_warehouses, ask, receive, reserve

BOOKS = [
    {
        "sku": "CPP-1",
        "title": "The C++ Programming Language",
        "author": "Bjarne Stroustrup",
        "category": "programming",
        "price": "54.99",
        "currency": "GBP",
        "rating": "4.1",
        "publication_date": "2013-05-19",
        "attributes": "pages=1376;format=Paperback",
        "isbn": "9780321563842",
    },
    {
        "sku": "NET-1",
        "title": ".NET Microservices",
        "author": "Siobhán O'Brien",
        "category": "programming",
        "price": "30",
        "currency": "GBP",
        "rating": "3.5",
        "publication_date": "2019",
        "attributes": "pages=320;format=Hardcover",
    },
    {
        "sku": "PIPE-5",
        "title": '5" pipe fittings',
        "author": "Ann Plumber; Bob Plumber",
        "category": "crafts",
        "description": "All about **pipes** <b>and</b> Spider-Man; a well-known classic.",
        "price": "1200",
        "currency": "JPY",
        "attributes": "pages=99.5;keywords=waterworks",
        "barcode": "5012-345",
    },
    {
        "sku": "HARUKI-1",
        "title": "ノルウェイの森",
        "author": "村上春樹",
        "category": "fiction",
        "rating": "4.1",
    },
    {"sku": "DRAFT-1", "title": "Unfinished pipe", "status": "draft"},
    {"sku": "OLD-1", "title": "Old pipe", "status": "discontinued", "category": "crafts"},
]


def filled(database, folder):
    """Put in six products, and three of CPP-1 in stock; return the database and its index."""

    def fill(session):
        categories.add(session, slug="books")
        categories.add(session, slug="programming", parent="books")
        categories.add(session, slug="fiction", name="Belles lettres", parent="books")
        categories.add(session, slug="crafts")
        return [catalog.add(session, fields=fields) for fields in BOOKS]

    act(database, fill)
    add_warehouses(database, "MAIN")
    receive(database, "CPP-1", 3, "MAIN")
    return database, Index(folder / "index")


@pytest.fixture(scope="module")
def shop(lasting, tmp_path_factory):
    """Return the database and the index of all who only search."""
    return filled(lasting, tmp_path_factory.mktemp("shop"))


@pytest.fixture
def own_shop(database, tmp_path):
    """Return a database and an index for one who changes something."""
    return filled(database, tmp_path)


def find(shop, query="", *, sort="relevance", limit=20, offset=0, facets=False, **filters):
    database, index = shop
    return ask(
        database,
        lambda s: search.search(
            s,
            index,
            query=query,
            sort=sort,
            limit=limit,
            offset=offset,
            facets=facets,
            filters=Filters(**filters),
        ),
    )


def skus(shop, query="", **more):
    return [row.sku for row in find(shop, query, **more).results]


@pytest.mark.parametrize(
    ("query", "sku"),
    [
        ("C++", "CPP-1"),
        ("c++ programming", "CPP-1"),
        (".net", "NET-1"),
        ("net", "NET-1"),
        ("O'Brien", "NET-1"),
        ("obrien", "NET-1"),
        ("O’BRIEN microserv", "NET-1"),
        ("siobhan", "NET-1"),
        ('5" pipe', "PIPE-5"),
        ("spiderman", "PIPE-5"),
        ("spider-man", "PIPE-5"),
        ("wellknown", "PIPE-5"),
        ("waterworks", "PIPE-5"),
        ("村上", "HARUKI-1"),
        ("森", "HARUKI-1"),
        ("belles", "HARUKI-1"),
        ("cpp-1", "CPP-1"),
        ("CPP1", "CPP-1"),
        ("978-0-321-56384-2", "CPP-1"),
        ("978 0 321 56384 2", "CPP-1"),
        ("0-321-56384-0", "CPP-1"),
        ("5012345", "PIPE-5"),
        ("50-12345", "PIPE-5"),
        ("strousrtup", "CPP-1"),
        ("programing langage", "CPP-1"),
        ("stroustrup zebra programming", "CPP-1"),
    ],
)
def test_a_product_is_found_by_what_people_type(shop, query, sku):
    assert skus(shop, query)[:1] == [sku]


@pytest.mark.parametrize(
    "query", ["上村", "unfinished", "zzqqy", '"language programming"', "*", '"']
)
def test_what_is_not_there_is_not_found(shop, query):
    assert find(shop, query).total == 0


@pytest.mark.parametrize(
    "query",
    [
        *['"', "*", "name:x", "a AND", "-x", "C++", "NOT", "(", "]", "a OR b", "\\", "^2", "~"],
        *["\x00", "\ud800", "😀", "title:[a TO b]", "e\u0301" * 5000, "x" * 60_000, "a " * 30_000],
        *["\n\t ", "'", "%", "' OR 1=1 --", "/.*/", "\u202e"],
    ],
)
def test_nothing_that_is_typed_is_an_error(shop, query):
    database, index = shop
    row = find(shop, query, facets=True)
    assert row.total >= len(row.results)
    ask(database, lambda s: search.suggest(s, index, prefix=query))


def test_any_text_is_a_query(sqlite_template, tmp_path):
    from bvinv.core.db import Database

    path = tmp_path / "any.db"
    path.write_bytes(sqlite_template.read_bytes())
    database, index = Database(path), Index(tmp_path / "index")
    act(database, lambda s: [catalog.add(s, fields=one | {"category": ""}) for one in BOOKS])

    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(max_size=60))
    def check(query):
        with database.read() as session:
            search.search(session, index, query=query, facets=True)
            search.suggest(session, index, prefix=query)

    check()
    database.close()


def test_all_words_have_to_match_and_the_last_may_be_begun(shop):
    assert skus(shop, "pipe fit") == ["PIPE-5"]
    assert skus(shop, "pipe") == ["PIPE-5", "OLD-1"]
    row = find(shop, "stroustrup zebra")
    assert ([one.sku for one in row.results], row.relaxed) == (["CPP-1"], "words")


def test_a_misspelt_word_is_said_to_be_one(shop):
    assert find(shop, "stroustrap").relaxed == "spelling"
    assert find(shop, "stroustrup").relaxed is None
    assert find(shop, "strapstrop").total == 0


def test_a_number_is_never_misspelt(shop):
    assert find(shop, "5012346").total == 0


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, {"CPP-1", "NET-1", "PIPE-5", "HARUKI-1", "OLD-1"}),
        ({"genre": "books"}, {"CPP-1", "NET-1", "HARUKI-1"}),
        ({"genre": "Programming"}, {"CPP-1", "NET-1"}),
        ({"author": "bob plumber"}, {"PIPE-5"}),
        ({"author": "plumber"}, {"PIPE-5"}),
        ({"author": "plumber bob"}, set()),
        ({"author": "?"}, set()),
        ({"min_price": "30"}, {"CPP-1", "NET-1", "PIPE-5"}),
        ({"min_price": "30.01", "currency": "gbp"}, {"CPP-1"}),
        ({"max_price": "54.99"}, {"CPP-1", "NET-1"}),
        ({"max_price": "54.98"}, {"NET-1"}),
        ({"min_price": "1200", "max_price": "1200"}, {"PIPE-5"}),
        ({"currency": "JPY"}, {"PIPE-5"}),
        ({"min_rating": "4"}, {"CPP-1", "HARUKI-1"}),
        ({"in_stock": True}, {"CPP-1"}),
        ({"in_stock": False}, {"NET-1", "PIPE-5", "HARUKI-1", "OLD-1"}),
        ({"published_after": "2019"}, {"NET-1"}),
        ({"published_before": "2019"}, {"CPP-1"}),
        ({"published_after": "2013-05-19", "published_before": "2013-05-20"}, {"CPP-1"}),
        ({"status": "draft"}, {"DRAFT-1"}),
        ({"status": "discontinued"}, {"OLD-1"}),
        ({"status": "any", "author": None}, {one["sku"] for one in BOOKS}),
        ({"attributes": ["format=paperback"]}, {"CPP-1"}),
        ({"attributes": ["pages=320.0"]}, {"NET-1"}),
        ({"attributes": ["pages>=320"]}, {"CPP-1", "NET-1"}),
        ({"attributes": ["pages<=320", "pages>99.5"]}, {"NET-1"}),
        ({"attributes": ["PAGES<100"]}, {"PIPE-5"}),
        ({"attributes": ["weight>0"]}, set()),
    ],
)
def test_a_filter_leaves_what_fulfils_it(shop, filters, found):
    assert set(skus(shop, **filters)) == found


@pytest.mark.parametrize(
    "filters",
    [
        {"min_price": "cheap"},
        {"min_price": "-1"},
        {"max_price": "1.23456"},
        {"currency": "XXQ"},
        {"min_rating": "6"},
        {"published_after": "soon"},
        {"status": "gone"},
        {"attributes": ["pages"]},
        {"attributes": ["=5"]},
        {"attributes": ["pages>many"]},
        {"author": "\ud800"},
        {"author": ""},
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(shop, filters):
    with pytest.raises(InvalidInput):
        find(shop, **filters)


def test_an_unknown_genre_is_refused(shop):
    with pytest.raises(NotFound, match="there is no category poetry"):
        find(shop, genre="poetry")


def counted(row, name):
    return {one.value: one.count for one in row.facets[name]}


def test_facets_count_under_the_filters(shop):
    row = find(shop, facets=True)

    assert list(row.facets) == ["genre", "author", "price", "rating", "availability", "status"]
    assert [(one.value, one.count) for one in row.facets["genre"]] == [
        ("books", 3),
        ("crafts", 2),
        ("programming", 2),
        ("fiction", 1),
    ]
    assert counted(row, "author")["Bob Plumber"] == 1
    assert counted(row, "price") == {"20-50": 1, "50-100": 1, "1000-2000": 1}
    assert counted(row, "rating") == {"4+": 2, "3+": 3, "2+": 3, "1+": 3}
    assert counted(row, "availability") == {"out-of-stock": 4, "in-stock": 1}
    assert counted(row, "status") == {"active": 4, "discontinued": 1}


def test_each_facet_counts_under_the_other_filters(shop):
    row = find(shop, facets=True, genre="programming", in_stock=True)

    assert row.total == 1
    assert counted(row, "genre") == {"books": 1, "programming": 1}
    assert counted(row, "availability") == {"in-stock": 1, "out-of-stock": 1}
    assert counted(row, "author") == {"Bjarne Stroustrup": 1}
    assert counted(find(shop, facets=True, status="draft"), "status") == {
        "active": 4,
        "discontinued": 1,
        "draft": 1,
    }


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("price", ["NET-1", "CPP-1", "PIPE-5", "HARUKI-1", "OLD-1"]),
        ("-price", ["PIPE-5", "CPP-1", "NET-1", "HARUKI-1", "OLD-1"]),
        ("rating", ["NET-1", "CPP-1", "HARUKI-1", "PIPE-5", "OLD-1"]),
        ("-rating", ["CPP-1", "HARUKI-1", "NET-1", "PIPE-5", "OLD-1"]),
        ("publication-date", ["CPP-1", "NET-1", "PIPE-5", "HARUKI-1", "OLD-1"]),
        ("-publication-date", ["NET-1", "CPP-1", "PIPE-5", "HARUKI-1", "OLD-1"]),
        ("popularity", ["CPP-1", "NET-1", "PIPE-5", "HARUKI-1", "OLD-1"]),
        ("title", ["NET-1", "PIPE-5", "OLD-1", "CPP-1", "HARUKI-1"]),
        ("relevance", ["CPP-1", "HARUKI-1", "NET-1", "PIPE-5", "OLD-1"]),
    ],
)
def test_results_are_sorted_and_what_has_no_value_comes_last(shop, sort, order):
    assert skus(shop, sort=sort) == order
    assert [skus(shop, sort=sort, limit=1, offset=at) for at in range(5)] == [[x] for x in order]


@pytest.mark.parametrize(
    "terms",
    [{"sort": "colour"}, {"sort": "-relevance"}, {"limit": 1001}, {"limit": -1}, {"offset": 10001}],
)
def test_a_page_that_cannot_be_is_refused(shop, terms):
    with pytest.raises(InvalidInput):
        find(shop, **terms)


def test_no_results_are_asked_for_only_to_count(shop):
    row = find(shop, limit=0, facets=True)

    assert (row.total, row.results, counted(row, "status")["active"]) == (5, [], 4)


def test_availability_is_live(own_shop, clock):
    database, _ = own_shop
    assert find(own_shop, "c++").results[0].available == 3
    reserve(database, "SO-1", "CPP-1=2", ttl=10 * MINUTE)
    assert find(own_shop, "c++").results[0].available == 1
    reserve(database, "SO-2", "CPP-1=1", ttl=20 * MINUTE)

    assert find(own_shop, "c++", in_stock=False).results[0].available == 0
    clock.advance(15 * MINUTE)
    assert find(own_shop, "c++", in_stock=True).results[0].available == 2


def test_a_snippet_marks_what_was_found_and_is_safe_html(shop):
    assert find(shop, "pipes").results[0].snippet == (
        "All about <mark>pipes</mark> &lt;b&gt;and&lt;/b&gt; Spider-Man; a well-known classic."
    )
    assert find(shop, "c++ language").results[0].snippet == (
        "The <mark>C++</mark> Programming <mark>Language</mark>"
    )
    assert find(shop, "stroustrap").results[0].snippet == "Bjarne <mark>Stroustrup</mark>"
    assert find(shop).results[0].snippet == ""


def test_a_long_description_is_cut_around_what_was_found(own_shop):
    database, _ = own_shop
    fields = {"description": "filler " * 100 + "needle " + "more " * 100}
    act(database, lambda s: catalog.change(s, ref="NET-1", fields=fields))

    said = find(own_shop, "needle").results[0].snippet
    assert said.startswith("… filler")
    assert "filler <mark>needle</mark> more" in said
    assert said.endswith("more …")
    assert len(said) < 200


def suggest(shop, prefix):
    database, index = shop
    rows = ask(database, lambda s: search.suggest(s, index, prefix=prefix))
    return [(row.kind, row.text) for row in rows]


@pytest.mark.parametrize(
    ("prefix", "first"),
    [
        ("progr", ("title", "The C++ Programming Language")),
        ("the c", ("title", "The C++ Programming Language")),
        ("s", ("author", "Siobhán O'Brien")),
        ("SIOBHAN o", ("author", "Siobhán O'Brien")),
        ("bj", ("author", "Bjarne Stroustrup")),
        ("bob", ("author", "Bob Plumber")),
        ("cpp-", ("sku", "CPP-1")),
        ("97803215", ("isbn", "9780321563842")),
        ("ノル", ("title", "ノルウェイの森")),
    ],
)
def test_what_is_begun_is_suggested(shop, prefix, first):
    assert suggest(shop, prefix)[0] == first


@pytest.mark.parametrize("prefix", ["", " ", "unf", "zzz", "😀", '"'])
def test_drafts_and_nothing_are_not_suggested(shop, prefix):
    assert suggest(shop, prefix) == []


def test_at_most_twenty_authors_are_counted_and_equals_go_by_name(database, tmp_path):
    def fill(session):
        return [
            catalog.add(session, fields={"sku": f"S-{n}", "title": "T", "author": f"Author {n:02}"})
            for n in reversed(range(40))
        ]

    act(database, fill)
    found = find((database, Index(tmp_path / "many")), "t", facets=True).facets["author"]

    assert [(row.value, row.count) for row in found] == [(f"Author {n:02}", 1) for n in range(20)]


def test_counts_are_exact_over_many_segments(database, tmp_path):
    index = Index(tmp_path / "many")
    for n in range(12):
        fields = {"sku": f"S-{n}", "title": "T", "author": f"Author {n % 3}"}
        act(database, lambda s, f=fields: catalog.add(s, fields=f))
        row = find((database, index), "t", facets=True)

    assert counted(row, "author") == {"Author 0": 4, "Author 1": 4, "Author 2": 4}
    assert row.total == 12
