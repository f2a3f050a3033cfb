"""Exporting products: what comes out goes in again."""

import csv
import io
import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bvinv.core import catalog, command_log, exports, price_decisions, prices, schema
from bvinv.core.command_log import Tale
from bvinv.core.db import Database
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.imports import products as imports
from tests import books, workers
from tests.conftest import shared_data

LEFT_OUT = {"id", "version", "created_at", "updated_at", "popularity"}


@pytest.fixture
def other(tmp_path, sqlite_template) -> Database:
    """Return a second, empty database."""
    found = Database(tmp_path / "other.db")
    schema.upgrade(found)
    yield found
    found.close()


def exported(database: Database, format: str, **more) -> str:
    return export(database, format, **more)[0]


def export(database: Database, format: str, **more) -> tuple[str, exports.ExportRow]:
    """Return what an export writes, and what it says about it."""
    target = io.StringIO(newline="")
    row = exports.write(database, target, format, **more)
    return target.getvalue(), row


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
    {"sku": "E", "title": "{}", "image_url": "https://x.example/?a=1,2", "status": "discontinued"},
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


def test_json_lines_have_objects_numbers_and_null(database):
    fields = {
        "sku": "HX-1",
        "title": "=1",
        "price": "1.50",
        "currency": "KWD",
        "rating": "4.05",
        "attributes": '{"pages":12,"é":"ß"}',
        "barcode": "12=3 11",
    }
    books.act(database, lambda session: catalog.add(session, fields=fields))
    [line] = exported(database, "jsonl").splitlines()
    assert json.loads(line) == {
        "sku": "HX-1",
        "isbn": None,
        "title": "=1",
        "author": "",
        "description": "",
        "category": None,
        "price": "1.500",
        "currency": "KWD",
        "status": "active",
        "publication_date": None,
        "rating": 4.05,
        "image_url": None,
        "attributes": {"pages": 12, "é": "ß"},
        "variant_of": None,
        "options": {},
        "barcode": "11 12=3",
    }


def test_the_same_catalogue_is_the_same_bytes_whatever_order_it_came_in(database, other):
    rows = [f"{sku},T,{parent}" for sku, parent in zip("BaCd", ("", "b", "", "c"), strict=True)]
    header = "sku,title,variant_of"
    load(database, "\n".join([header, *rows]))
    load(other, "\n".join([header, *rows[2:], *rows[:2]]))
    content = exported(database, "csv")
    assert content == exported(other, "csv")
    assert [line[0] for line in content.splitlines()[1:]] == ["B", "C", "a", "d"]


def test_an_empty_catalogue_is_a_header(database):
    assert len(exported(database, "csv").splitlines()) == 1
    assert exported(database, "jsonl") == ""


@pytest.mark.parametrize(
    "engine_name", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
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
        shutil.copyfile(sqlite_template, str(database))
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


# --- What a spreadsheet would run ---------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@x", "'=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "''+1"]


def test_no_text_begins_like_a_formula_and_numbers_stay(database, other):
    def add(session):
        return [
            catalog.add(
                session,
                fields={
                    "sku": f"-{number}",
                    "title": title,
                    "author": title,
                    "description": f"{title}\n=2",
                    "price": "1.50",
                    "publication_date": "-0750",
                    "barcode": f"+{number} @{number}",
                },
            )
            for number, title in enumerate(FORMULAS)
        ]

    books.act(database, add)
    content = exported(database, "csv")

    for row in csv.DictReader(io.StringIO(content, newline="")):
        assert (row["price"], row["publication_date"]) == ("1.50", "-0750")
        for column, cell in row.items():
            if column != "publication_date":
                assert cell[:1] not in set("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"), (column, cell)
    assert load(other, content).created == len(FORMULAS)
    assert products(other) == products(database)


def test_raw_is_the_text_itself(database):
    add = {"sku": "-1", "title": "=1+1", "author": "'@"}
    books.act(database, lambda session: catalog.add(session, fields=add))
    assert exported(database, "csv", raw=True).splitlines()[1].startswith("-1,,=1+1,'@,")
    assert exported(database, "csv").splitlines()[1].startswith("'-1,,'=1+1,''@,")


HOSTILE = [
    *FORMULAS,
    '"',
    "'",
    ",",
    ";",
    "\\",
    "null",
    "{}",
    "\u202babc",
    "é\u0301",
    "🙂",
    "%s",
    "O'Brien",
    "\u00b2",
    "\ufeffx",
]


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_rows_come_back_as_they_were(tmp_path, sqlite_template, count):
    first, second = Database(tmp_path / "1.db"), Database(tmp_path / "2.db")
    for database in (first, second):
        shutil.copyfile(sqlite_template, str(database))
    chance = random.Random(7)

    def words(most):
        return "".join(chance.choice([*HOSTILE, " ", "a", "7"]) for _ in range(most)).strip()

    def lines():
        parent = ""
        for number in range(count):
            row = {
                "sku": f"{chance.choice('+-@ab')}{number}",
                "title": f"{words(3)}{chance.choice(HOSTILE)}.",
                "author": words(chance.randrange(4)),
                "description": "\n".join(words(3) for _ in range(chance.randrange(4))),
                "category": chance.choice(["", "poetry", "Young Adult"]),
                "price": chance.choice(["", "0", "1.5", "99999.99"]),
                "status": chance.choice(["draft", "active", "discontinued", ""]),
                "publication_date": chance.choice(["", "-0750", "0000", "1999-05", "2026-11-21"]),
                "rating": chance.choice(["", "0", "0.05", "5"]),
                "attributes": chance.choice(["", '{"a":1.25,"b":"=1"}', "{}"]),
                "barcode": chance.choice(["", f"+{number}", f"{number}=12 @{number}"]),
            }
            if number % 7 == 1:
                row["variant_of"] = parent
                row["options"] = '{"size":"=L"}'
            parent = row["sku"]
            yield json.dumps(row) + "\n"

    assert load(first, "".join(lines())).created == count
    for format in ("csv", "jsonl"):
        content = exported(first, format)
        assert load(first, content).skipped == count
        row = load(second, content)
        assert (row.created or row.skipped) == count, row.errors
        assert products(second) == products(first)
        assert sorted(exported(second, format)) == sorted(content)
    first.close()
    second.close()


# --- What has changed since ---------------------------------------------------------------------


def changed(database, since):
    """Return the SKUs in an export of what has changed, the deleted ones, and the next cursor."""
    content, row = export(database, "jsonl", since=since)
    lines = [json.loads(line) for line in content.splitlines()]
    kept = [line["sku"] for line in lines if "deleted" not in line]
    assert len(kept) == row.rows
    gone = [line for line in lines if "deleted" in line]
    assert gone == [{"sku": sku, "deleted": True} for sku in row.deleted]
    return kept, row.deleted, row.next


def cursor(database):
    return export(books.settled(database), "csv")[1].next


def update(database, ref, **fields):
    books.act(database, lambda session: catalog.change(session, ref=ref, fields=fields))


def test_what_changed_is_told_once_and_as_it_is_now(database):
    books.add_products(database, "HX-1", "HX-2", "HX-3", "HX-4")
    since = cursor(database)
    assert changed(database, since)[:2] == ([], [])

    update(database, "HX-3", title="one")
    update(database, "HX-1", author="A")
    update(database, "HX-3", title="two")
    books.add_products(database, "HX-0")
    books.act(database, lambda s: catalog.remove(s, ref="HX-2"))
    books.act(database, lambda s: prices.change(s, ref="HX-4", price="5"))
    books.add_warehouses(database, "MAIN")

    kept, gone, after = changed(books.settled(database), since)
    assert (kept, gone) == (["HX-1", "HX-3", "HX-4", "HX-0"], ["HX-2"])
    content, row = export(database, "csv", since=since)
    assert (row.rows, row.deleted) == (4, ["HX-2"])
    assert "HX-3,,two,," in content
    assert "HX-2" not in content
    # PostgreSQL may tell what has just changed once more, nothing else does.
    assert set(changed(database, after)[0]) <= {"HX-4"}


def test_a_request_changes_nothing_and_its_approval_does(database):
    add = {"sku": "HX-1", "title": "T", "price": "1"}
    books.act(database, lambda session: catalog.add(session, fields=add))
    books.add_warehouses(database, "MAIN")
    since = cursor(database)
    books.act(database, lambda s: prices.change(s, ref="HX-1", price="2"), actor="ann")
    assert changed(database, since)[0] == []
    books.act(database, lambda s: price_decisions.approve(s, ids=[1]), actor="bob")
    assert changed(database, since)[0] == ["HX-1"]


def test_what_an_export_does_not_show_is_no_change(database):
    books.add_products(database, "HX-1")
    books.add_warehouses(database, "MAIN")
    since = cursor(database)
    asked = command_log.command("test", actor="tester")
    tale = Tale("product.image_checked", "HX-1", {}, asked)
    database.run(lambda session: command_log.tell(session, [tale]), asked)
    books.receive(database, "HX-1", 1, "MAIN")
    assert changed(database, since)[0] == []


def test_what_was_deleted_and_added_again_is_there(database):
    books.add_products(database, "HX-1")
    since = cursor(database)
    books.act(database, lambda s: catalog.remove(s, ref="HX-1"))
    books.add_products(database, "hx-1")
    assert changed(database, since)[:2] == (["hx-1"], [])


def test_changed_variants_follow_their_parents(database, other):
    books.add_products(database, "A")
    since = cursor(database)
    books.add_products(database, "C", "B")
    update(database, "A", variant_of="B")
    update(database, "C", variant_of="A")
    content, _ = export(database, "csv", since=since)
    assert [line.split(",")[0] for line in content.splitlines()[1:]] == ["B", "A", "C"]
    assert load(other, content).created == 3


def test_a_chain_of_exports_keeps_another_database_equal(database, other):
    content, row = export(database, "csv")
    for step in range(6):
        books.add_products(database, *(f"S{step}-{number}" for number in range(3)))
        update(database, f"S{step // 2}-1", title=f"changed at {step}", author="x" * step)
        content, row = export(database, "jsonl", since=row.next)
        assert load(other, content).rejected == 0
        assert sorted(products(other), key=repr) == sorted(products(database), key=repr)


@pytest.mark.parametrize(
    "since",
    [
        "",
        "1",
        "x",
        "0-0",
        "1-",
        "-1-0",
        "1-x",
        "1-0 ",
        "01-0",
        "1" * 40,
        "1-" + "f" * 40,
        "é",
        "\0",
    ],
)
def test_what_is_no_cursor_is_refused(database, since):
    target = io.StringIO(newline="")
    with pytest.raises(InvalidInput, match="is no cursor"):
        exports.write(database, target, "csv", since=since)
    assert target.getvalue() == ""


def test_a_cursor_of_another_database_or_of_the_future_is_refused(database, other):
    books.add_products(database, "HX-1")
    books.add_products(other, "HX-1", "HX-2", "HX-3")
    at = int(cursor(database).partition("-")[0])

    with pytest.raises(Conflict, match="lies after all that this database knows"):
        changed(database, f"{at + 10**6}-0")
    with pytest.raises(Conflict, match="is another database's, or this one was restored"):
        changed(database, f"{at}-1")
    with pytest.raises(Conflict):
        changed(other, cursor(database))


def test_a_backup_that_went_on_refuses_the_cursors_of_its_other_life(tmp_path, sqlite_template):
    first, second = tmp_path / "1.db", tmp_path / "2.db"
    shutil.copyfile(sqlite_template, first)
    lives = []
    for path in (first, second):
        database = Database(path)
        if path == second:
            books.add_products(database, "A", "B")
            lives.append(cursor(database))
            with pytest.raises(Conflict, match="restored from a backup"):
                changed(database, lives[0])
        else:
            books.add_products(database, "HX-1")
            database.close()
            shutil.copyfile(first, second)
            books.add_products(database, "HX-2", "HX-3")
            lives.append(cursor(database))
        database.close()


def test_the_first_cursor_of_an_empty_database_is_the_beginning(database):
    since = cursor(database)
    books.add_products(database, "HX-1")
    assert changed(database, since)[0] == ["HX-1"]


def test_a_transaction_that_commits_late_is_not_skipped(database, where):
    if database.path:
        pytest.skip("SQLite has one writer at a time")
    books.add_products(database, "HX-1", "HX-2")
    late = Database(where)
    asked = command_log.command("test", actor="tester")
    with late.write(asked) as session:
        catalog.change(session, ref="HX-1", fields={"title": "late"})
        update(database, "HX-2", title="early")
        since = export(database, "csv")[1].next
    late.close()
    assert "HX-1" in changed(database, since)[0]


# --- While others write -------------------------------------------------------------------------


def retitle(database, rounds):
    """Give both of a pair the same title, again and again."""
    for number in range(rounds):

        def both(session, title=f"T{number}"):
            return [
                catalog.change(session, ref=ref, fields={"title": title})
                for ref in ("A-0", "Z-9999")
            ]

        books.act(database, both)
    return []


def export_pairs(database, rounds):
    """Return the pairs of titles that exports saw."""
    seen = set()
    for _ in range(rounds):
        found = {}
        for line in exported(database, "jsonl").splitlines():
            row = json.loads(line)
            found[row["sku"]] = row["title"]
        seen.add((found["A-0"], found["Z-9999"]))
    return sorted(seen)


def work(database, what, rounds):
    return retitle(database, rounds) if what == "write" else export_pairs(database, rounds)


def test_an_export_while_others_write_is_one_moment(database, where):
    books.add_products(database, "A-0", *(f"M-{number}" for number in range(1000)), "Z-9999")
    update(database, "A-0", title="T")
    update(database, "Z-9999", title="T")

    answers = workers.together(where, work, [("write", 30), ("read", 4)])

    pairs = answers[1]
    assert pairs
    assert all(first == last for first, last in pairs)
