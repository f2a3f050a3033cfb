"""Which operation a path and a method name."""

import pytest

from bvinv.routes import ROUTES
from bvinv.serve import create_app
from bvinv.settings import Settings
from bvinv.web.paths import Paths
from bvinv.web.problems import MethodNotAllowed, NoSuchPath
from bvinv.web.worker import Task


@pytest.fixture(scope="module")
def paths() -> Paths:
    return create_app(Task(db="nowhere.db"), Settings()).paths


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/stock/HX-1", "/stock/{sku}"),
        ("GET", "/stock/%2e%2e", "/stock/{sku}"),
        ("GET", "/stock/a b\x00\n", "/stock/{sku}"),
        ("POST", "/stock/reserve", "/stock/reserve"),
        ("GET", "/healthz", "/healthz"),
        ("GET", "/openapi.json", "/openapi.json"),
    ],
)
def test_a_path_is_found_by_its_pattern(paths, method, path, found):
    assert paths.find(method, path).path == found


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "*", "stock/HX-1", "//stock/HX-1", "/stock/HX-1/", "/Stock/HX-1", "/nope"),
        *("/healthz\n", "/healthz/", "/stock/../healthz", "example.com:443", "/\ufffd"),
        *("/" + "a" * 100_000, "/stock" * 10_000),
    ],
)
def test_what_is_no_path_is_not_found_whatever_the_method(paths, path):
    for method in ("GET", "POST", "TRACE"):
        with pytest.raises(NoSuchPath, match="there is no such path"):
            paths.find(method, path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/stock/HX-1", "GET, HEAD"),
        ("TRACE", "/healthz", "GET, HEAD"),
        ("OPTIONS", "/stock/HX-1", "GET, HEAD"),
        ("get", "/stock/HX-1", "GET, HEAD"),
        ("PUT", "/stock/reserve", "POST"),
    ],
)
def test_another_method_is_told_which_there_are(paths, method, path, allowed):
    with pytest.raises(MethodNotAllowed) as refused:
        paths.find(method, path)
    assert refused.value.headers == ((b"allow", allowed.encode()),)


def test_every_path_says_who_may_ask_or_is_open(paths):
    found = [one for group in paths._by_part.values() for one in group]
    assert {one.path for one in found if one.is_open} == {
        *("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"),
    }
    assert all("admin" in one.roles for one in found)
    assert len(found) > len(ROUTES)
