"""`bvinv search`: what it prints, and how it refuses."""

import pytest

from tests.commands.shell import TITLES


def refused(bvinv, line, code, detail, hint):
    """See that a line is refused. (The index is no row, so nothing could have changed.)"""
    said = f"error[{TITLES[code][0]}]: {detail}\n" + (f"hint: {hint}\n" if hint else "")
    assert bvinv(line).refused(code) == said


def test_search_lists_what_it_found(bvinv):
    ran = bvinv("search hex")

    assert (ran.exit_code, ran.stdout) == (
        0,
        "sku   title  author      price  available  rating\n"
        "HX-1  Hex    Ann Author  12.99         10\n",
    )
    assert ran.stderr == "1 to 1 of 1\n"


def test_search_says_how_to_see_more(bvinv):
    assert bvinv("search --limit 2").stderr == "1 to 2 of 3; more: --offset 2\n"
    assert bvinv("search --limit 2 --offset 2").stderr == "3 to 3 of 3\n"
    assert bvinv("search nothingness").stderr == "0 found\n"
    assert bvinv("search --limit 0").stderr == "3 found\n"


def test_search_says_when_it_was_lenient(bvinv):
    assert bvinv("search hexx").stderr == (
        "also found: words that are spelled like these\n1 to 1 of 1\n"
    )
    assert bvinv("search hex zzzzz").stderr == (
        "nothing has all of these words; shown: what has some of them\n1 to 1 of 1\n"
    )


def test_search_as_json_is_what_http_will_send(bvinv):
    found = bvinv("search 0-14-143951-3 --facets --format json").json

    assert list(found) == ["total", "results", "facets", "relaxed"]
    [row] = found["results"]
    assert (row["sku"], row["price"], row["available"]) == ("HX-1", "12.99", 10)
    assert row["snippet"] == "Hex"
    assert found["facets"] == {
        "genre": [],
        "author": [{"value": "Ann Author", "count": 1}],
        "price": [{"value": "10-20", "count": 1}],
        "rating": [],
        "availability": [{"value": "in-stock", "count": 1}],
        "status": [{"value": "active", "count": 1}],
    }
    assert bvinv("search hex --format json").json["facets"] == {}


def test_search_prints_facets_below_the_results(bvinv):
    assert bvinv("search --facets --limit 0").stdout == (
        "total  3\n"
        "\n"
        "author:\n"
        "value       count\n"
        "Ann Author      1\n"
        "\n"
        "price:\n"
        "value  count\n"
        "10-20      1\n"
        "\n"
        "availability:\n"
        "value         count\n"
        "in-stock          2\n"
        "out-of-stock      1\n"
        "\n"
        "status:\n"
        "value   count\n"
        "active      3\n"
    )


@pytest.mark.parametrize("line", ["--in-stock", "--out-of-stock", "--sort title", "--status any"])
def test_search_needs_no_words(bvinv, line):
    assert bvinv(f"search {line}").exit_code == 0


def test_search_filters_by_stock(bvinv):
    def skus(line):
        return [row["sku"] for row in bvinv(f"search {line} --format json").json["results"]]

    assert skus("--in-stock") == ["HX-1", "HX-2"]
    assert skus("--out-of-stock") == ["HX-3"]
    bvinv("reserve create SO-1 HX-1=10")
    assert skus("--in-stock") == ["HX-2"]
    bvinv('products update HX-3 --title "Hex, revised"')
    assert skus("hex --sort title") == ["HX-1", "HX-3"]


def test_suggest_completes_what_is_typed(bvinv):
    ran = bvinv("search --suggest he --format csv")

    assert ran.stdout == "kind,text,sku\ntitle,Hex,HX-1\n"
    assert bvinv("search --suggest h --limit 1 --format csv").stdout == ran.stdout
    assert bvinv("search --suggest ann --format json").json == [
        {"kind": "author", "text": "Ann Author", "sku": None}
    ]


def test_reindex_builds_the_index_anew(bvinv, tmp_path):
    row = bvinv("search --reindex --format json").json

    assert (row["folder"], row["products"]) == (f"{tmp_path / 'shop.db'}.search", 3)
    assert row["bytes"] > 0


def test_the_index_lives_where_the_environment_says(bvinv, monkeypatch, tmp_path):
    monkeypatch.setenv("BVINV_SEARCH_DIR", str(tmp_path / "elsewhere"))
    bvinv("search hex")

    assert [one.name[:5] for one in (tmp_path / "elsewhere").iterdir()] == ["shop-"]
    assert not (tmp_path / "shop.db.search").exists()


def test_a_folder_that_cannot_be_written_is_named(bvinv, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BVINV_SEARCH_DIR", str(tmp_path / "file"))
    ran = bvinv("search hex")

    assert ran.exit_code == 6
    assert "the search index cannot be kept in" in ran.stderr
    assert "hint: name a folder that is yours to write: BVINV_SEARCH_DIR" in ran.stderr


def test_search_refuses_what_makes_no_sense(bvinv):
    refused(
        bvinv,
        "search --sort colour",
        2,
        "results are sorted by relevance, price, rating, publication-date, popularity, title, "
        "not 'colour'",
        None,
    )
    refused(
        bvinv,
        "search --genre nope",
        3,
        "there is no category nope",
        "see: bvinv products category list",
    )
    refused(
        bvinv,
        "search --limit 1001",
        2,
        "the limit must be a whole number from 0 to 1000, not 1001",
        None,
    )
    refused(
        bvinv,
        "search --offset 10001",
        2,
        "the offset must be a whole number from 0 to 10000, not 10001",
        None,
    )
    alone = "--suggest and --reindex take no query, filter, sort or facets"
    refused(bvinv, "search hex --suggest he", 2, alone, None)
    refused(bvinv, "search --suggest he --genre fiction", 2, alone, None)
    refused(bvinv, "search hex --reindex", 2, alone, None)
    both = "--reindex and --suggest are two things; ask for one"
    refused(bvinv, "search --reindex --suggest he", 2, both, None)
