"""Exporting products: what comes out goes in again."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bvinv.core import catalog, exports, imports, schema
from bvinv.core.db import Database
from tests import books
from tests.conftest import shared_data

LEFT_OUT = {"id", "version", "created_at", "updated_at", "popularity"}


@pytest.fixture
def other(tmp_path, sqlite_template) -> Database:
    """Return a second, empty database."""
    found = Database(tmp_path / "other.db")
    schema.upgrade(found)
    yield found
    found.close()


def exported(database: Database, format: str) -> str:
    target = io.StringIO(newline="")
    exports.write(database, target, format)
    return target.getvalue()


def load(database: Database, content: str):
    source = io.BytesIO(content.encode())
    return imports.import_products(database, source, actor="tester", name="export")


def products(database: Database) -> list[dict]:
    rows, _ = books.ask(database, lambda session: catalog.products(session, limit=10_000))
    return [
        {name: value for name, value in row.record().items() if name not in LEFT_OUT}
        for row in rows
    ]


NASTY = [
    {"sku": "A 1", "title": '"', "author": "a,b", "description": 'x\n\n\ty, "z"', "price": "0"},
    {
        "sku": "B",
        "title": "=1+1",
        "author": "@x",
        "description": "'",
        "price": "5",
        "currency": "JPY",
    },
    {"sku": "é", "title": "\u202bعربى\u202c 🙂‍↔️", "publication_date": "-0750", "rating": "0.05"},
    {"sku": "d", "title": "null", "publication_date": "0000", "attributes": '{"a":1.5,"b":null}'},
    {"sku": "E", "title": "{}", "image_url": "http://x/?a=1,2", "status": "discontinued"},
    {"sku": "aa", "title": "T", "variant_of": "V", "options": "size=L;é=ß", "barcode": "2 1"},
    {"sku": "aaa", "title": "T", "variant_of": "aa", "isbn": "9780306406157", "price": "12.30"},
]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_what_is_exported_is_imported_as_it_was(database, other, format):
    def add(session):
        return [catalog.add(session, fields=one) for one in [{"sku": "V", "title": "P"}, *NASTY]]

    books.act(database, add)
    content = exported(database, format)
    row = load(other, content)
    assert (row.rows, row.created) == (8, 8), row.errors
    assert products(other) == products(database)
    assert exported(other, format) == content
    again = load(database, content)
    assert again.skipped == 8


def test_the_columns_are_the_fields_of_an_import_and_blank_where_there_is_nothing(database):
    books.add_products(database, "HX-1")
    assert exported(database, "csv") == (
        "sku,isbn,title,author,description,category,price,currency,status,publication_date,rating,"
        "image_url,attributes,variant_of,options,barcode\n"
        "HX-1,,Book HX-1,,,,,,active,,,,,,,\n"
    )
    [line] = exported(database, "jsonl").splitlines()
    assert json.loads(line)["title"] == "Book HX-1"


def test_an_empty_catalogue_is_a_header(database):
    assert len(exported(database, "csv").splitlines()) == 1
    assert exported(database, "jsonl") == ""


def test_ten_thousand_real_books_come_back_as_they_were(database, other):
    load(database, shared_data("goodbooks/catalogue_priced.csv").read_text(encoding="utf-8"))
    content = exported(database, "csv")
    assert load(other, content).created == 10_000
    assert products(other) == products(database)
    assert exported(other, "csv") == content


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=30))
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_any_text_that_is_stored_comes_back(tmp_path_factory, sqlite_template, texts):
    folder = Path(tmp_path_factory.mktemp("texts"))
    first, second = Database(folder / "1.db"), Database(folder / "2.db")
    for database in (first, second):
        schema.upgrade(database)
    rows = [
        {"sku": f"S{number}", "title": f"T{title}", "description": text}
        for number, (title, text) in enumerate(texts)
    ]
    load(first, "".join(json.dumps(row) + "\n" for row in rows) or '{"sku":"A","title":"T"}')
    for format in ("csv", "jsonl"):
        content = exported(first, format)
        if products(first):
            row = load(second, content)
            assert row.rejected == 0, row.errors
        assert products(second) == products(first)
    first.close()
    second.close()
