"""The feed: everything that happened, in order, nothing skipped, on both engines."""

import ast
import random
import re
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

import bvinv.core
from bvinv.core import catalog, command_log, events
from bvinv.core.command_log import Tale
from bvinv.core.db import Database
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.events import Watermark
from tests import books

CORE = Path(bvinv.core.__file__).parent


def tell(database, *tales):
    """Tell of these in one transaction: each a type, a subject and, maybe, data."""

    def action(session):
        command_log.tell(
            session, [Tale(*one[:2], dict(*one[2:]), session.command) for one in tales]
        )
        return []

    books.act(database, action)


def page(database, after=0, **wanted):
    """Return the subjects that follow a cursor, and the next one."""
    rows, cursor = books.ask(database, lambda session: events.page(session, after=after, **wanted))
    return [row.subject for row in rows], cursor


@pytest.fixture
def told(database):
    tell(
        database,
        ("product.created", "HX-1"),
        ("reservation.created", "SO-1", {"lines": [["HX-1", "MAIN", 2], ["HX-2", "MAIN", 1]]}),
    )
    tell(
        database,
        ("reservation.released", "SO-1", {"lines": []}),
        ("count.counted", "CT-1", {"sku": "HX-2", "lot": None}),
        ("stock.adjusted", "HX-10", {"note": 'not "HX-1", in a text'}),
    )
    return database


def test_an_event_is_a_cloud_event(told):
    rows, cursor = books.ask(told, lambda session: events.page(session, after=1, limit=1))

    assert cursor == 2
    assert rows[0].record() == {
        "specversion": "1.0",
        "id": "2",
        "source": "/bvinv",
        "type": "reservation.created",
        "subject": "SO-1",
        "time": "2026-03-01T09:00:00Z",
        "datacontenttype": "application/json",
        "actor": "tester",
        "sequence": "0000000000000000002",
        "data": {"lines": [["HX-1", "MAIN", 2], ["HX-2", "MAIN", 1]]},
    }


def test_the_cursor_goes_on_where_a_page_has_ended(told):
    assert page(told) == (["HX-1", "SO-1", "SO-1", "CT-1", "HX-10"], 5)
    assert page(told, limit=2) == (["HX-1", "SO-1"], 2)
    assert page(told, after=2, limit=2) == (["SO-1", "CT-1"], 4)
    assert page(told, after=4) == (["HX-10"], 5)
    assert page(told, after=5) == ([], 5)
    assert page(told, until=3) == (["HX-1", "SO-1", "SO-1"], 3)
    assert page(told, after=3, until=3) == ([], 3)


def test_a_filter_lets_the_cursor_pass_what_it_leaves_out(told, monkeypatch):
    assert page(told, types=["reservation.*"]) == (["SO-1", "SO-1"], 5)
    assert page(told, types=["product.created", "reservation.released"]) == (["HX-1", "SO-1"], 5)
    assert page(told, types=["transfer.*"]) == ([], 5)
    assert page(told, sku="HX-2") == (["SO-1", "CT-1"], 5)
    assert page(told, sku="HX-1") == (["HX-1", "SO-1"], 5)
    assert page(told, sku="HX-1", types=["reservation.*"], limit=1) == (["SO-1"], 2)
    monkeypatch.setattr(events, "LOOKED_AT", 2)
    assert page(told, sku="HX-10") == ([], 2)
    assert page(told, after=4, sku="HX-10") == (["HX-10"], 5)


def test_the_last_events_come_oldest_first(told, monkeypatch):
    def last(count, **wanted):
        rows, cursor = books.ask(told, lambda session: events.last(session, count=count, **wanted))
        return [row.id for row in rows], cursor

    assert last(2) == (["4", "5"], 5)
    assert last(9) == (["1", "2", "3", "4", "5"], 5)
    assert last(2, until=3) == (["2", "3"], 3)
    monkeypatch.setattr(events, "LOOKED_AT", 2)
    assert last(1, types=["product.*"]) == (["1"], 5)
    assert last(2, sku="HX-2") == (["2", "4"], 5)


def test_an_empty_feed_begins_at_nothing(database):
    assert page(database) == ([], 0)
    assert books.ask(database, lambda session: events.last(session, count=5)) == ([], 0)
    assert events.settled(database, seconds=0) == 0


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"types": ["reservation.made"]}, "there is no type of event 'reservation.made'"),
        ({"types": ["reservation"]}, "there is no type of event 'reservation'"),
        ({"types": ["*"]}, r"there is no type of event '\*'"),
        ({"types": ["*.created"]}, r"there is no type of event '\*.created'"),
        ({"types": ["reserv.*"]}, r"there is no type of event 'reserv.\*'"),
        ({"types": [""]}, "there is no type of event ''"),
        ({"after": 6}, "the cursor 6 is not of this database: its last event is 5"),
        ({"after": 2**63 - 1}, "is not of this database"),
        ({"after": 2**63}, "the cursor must be a whole number"),
        ({"after": -1}, "the cursor must be a whole number"),
        ({"limit": 0}, "the limit must be a whole number from 1 to 1000"),
        ({"limit": 1001}, "the limit must be a whole number from 1 to 1000"),
    ],
)
def test_what_makes_no_sense_is_refused(told, wanted, said):
    with pytest.raises(InvalidInput, match=said):
        page(told, **wanted)


def test_a_product_is_found_wherever_an_event_names_it(told):
    rows, _ = books.ask(told, lambda session: events.page(session, after=0))

    assert [events.concerns(row, "HX-2") for row in rows] == [False, True, False, True, False]
    assert [events.concerns(row, "HX-1") for row in rows] == [True, True, False, False, False]
    assert [events.concerns(row, "HX-10") for row in rows] == [False] * 4 + [True]


def test_a_filter_says_the_same_of_rows_that_were_read_for_others(told):
    rows, _ = books.ask(told, lambda session: events.page(session, after=0))
    for types in ((), ("reservation.*",), ("count.counted", "stock.*")):
        for sku in (None, "HX-1", "HX-2"):
            wanted = events.Filter(types, sku)
            found = [row.subject for row in rows if wanted.wants(row)]
            assert found == page(told, types=types, sku=sku)[0]


def test_a_product_is_named_by_any_of_its_names(stocked):
    assert books.ask(stocked, lambda session: events.about(session, "hx-1")) == "HX-1"
    assert books.ask(stocked, lambda session: events.about(session, None)) is None
    with pytest.raises(NotFound):
        books.ask(stocked, lambda session: events.about(session, "HX-9"))


# --- What types there are -----------------------------------------------------------------------


def said_types():
    """Return every type that core tells, and every beginning of one that is put together."""
    whole, beginnings, words = set(), set(), set()
    for path in CORE.rglob("*.py"):
        if path == CORE / "events.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name not in ("tell", "_tell", "Tale", "_done"):
                continue
            for one in call.args:
                if isinstance(one, ast.JoinedStr) and isinstance(one.values[0], ast.Constant):
                    beginnings.add(str(one.values[0].value))
                elif isinstance(one, ast.Constant) and "." in str(one.value):
                    whole.add(str(one.value))
    return whole, beginnings, words


def test_every_type_that_is_told_is_known():
    whole, beginnings, words = said_types()

    assert whole - {*events.TYPES} == set()
    nouns = {one.partition(".")[0] for one in events.TYPES}
    assert {one.removesuffix(".") for one in beginnings if one.endswith(".")} - nouns == set()
    parts = {part for word in words for part in re.split(r"[.\s]", word)}
    assert {one.partition(".")[2] for one in events.TYPES} - parts == set()


def test_every_event_of_a_week_is_of_a_known_type(stocked):
    books.reserve(stocked, "SO-1", "HX-1=2")
    books.commit(stocked, "SO-1")
    books.adjust(stocked, "HX-1", "MAIN", -1)

    assert {kind for kind, _ in books.events(stocked)} - {*events.TYPES} == set()


# --- Nothing is skipped -------------------------------------------------------------------------


def look(database, mark):
    with database.read() as session:
        return mark.look(session)


def settle(database, mark):
    """Look until everything is settled, which on PostgreSQL waits for others' transactions."""
    return events.settled(database, seconds=20, mark=mark)


def test_everything_is_settled_when_nobody_writes(told):
    mark = Watermark()
    assert settle(told, mark) == 5
    assert (mark.is_behind, mark.newest) == (False, 5)
    if told.path:
        assert look(told, Watermark()) == 5


def test_a_transaction_that_commits_late_is_waited_for(database, where):
    if database.path:
        pytest.skip("SQLite has one writer at a time")
    books.add_products(database, "HX-1", "HX-2")
    mark = Watermark()
    assert settle(database, mark) == 2
    with closing(Database(where)) as one, closing(Database(where)) as two:
        first, second = (
            one.write(command_log.command("one", actor="one")),
            two.write(command_log.command("two", actor="two")),
        )
        with first as early:
            catalog.change(early, ref="HX-1", fields={"title": "first"})  # 3
            with second as late:
                catalog.change(late, ref="HX-2", fields={"title": "second"})  # 4
                catalog.change(early, ref="HX-1", fields={"title": "third"})  # 5
            books.add_products(database, "HX-3")  # 6, and it commits before 3 and 5
            assert page(database, after=2)[0] == ["HX-2", "HX-3"]  # what a bare cursor would see
            for _ in range(5):
                assert look(database, mark) == 2
            assert look(database, Watermark()) == 0
            assert mark.is_behind
            assert events.settled(database, seconds=0) == 0
            assert events.settled(database, seconds=0.05, mark=mark) == 2
    until = settle(database, mark)
    assert (until, page(database, after=2, until=until)) == (
        6,
        (["HX-1", "HX-2", "HX-1", "HX-3"], 6),
    )


def test_what_is_rolled_back_holds_nobody_up(database, where):
    books.add_products(database, "HX-1")
    asked = command_log.command("test", actor="other")
    with (
        closing(Database(where)) as other,
        suppress(ZeroDivisionError),
        other.write(asked) as session,
    ):
        catalog.add(session, fields={"sku": "HX-9", "title": "gone"})
        raise ZeroDivisionError
    mark = Watermark()
    until = settle(database, mark)
    assert page(database, until=until) == (["HX-1"], 1)
    books.add_products(database, "HX-2")
    assert page(database, after=1, until=settle(database, mark))[0] == ["HX-2"]


def write(where, number, rounds, seed):
    """Change products at random in transactions that overlap, some of which are rolled back."""
    rng = random.Random(seed)
    with closing(Database(where)) as database:
        for count in range(rounds):

            def action(session, count=count):
                skus = sorted(rng.sample(["HX-1", "HX-2", "HX-3", "HX-4"], 2))
                for sku in skus:
                    catalog.change(session, ref=sku, fields={"title": f"{number}-{count}"})
                if rng.random() < 0.2:
                    raise ZeroDivisionError
                return []

            with suppress(ZeroDivisionError):
                books.act(database, action)


def test_a_reader_among_writers_gets_every_event_in_order(database, where):
    books.add_products(database, "HX-1", "HX-2", "HX-3", "HX-4")
    writers = [threading.Thread(target=write, args=(where, one, 40, one)) for one in range(4)]
    mark, got, cursor = Watermark(), [], 0
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        with database.read() as session:
            rows, cursor = events.page(session, after=cursor, until=mark.look(session), limit=7)
            got += rows
    for thread in writers:
        thread.join()
    until = settle(database, mark)
    while True:
        with database.read() as session:
            rows, cursor = events.page(session, after=cursor, until=until)
        if not rows:
            break
        got += rows

    assert [(row.type, row.subject) for row in got] == books.events(database)
    # The order of a subject is that of its versions: what was told last is what stands.
    titles = dict(books.fetch(database, "SELECT sku, title FROM product"))
    assert {row.subject: row.data["title"] for row in got} == titles
