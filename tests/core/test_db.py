"""The two doors of the database, its settings, and what they refuse to open."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from bvinv.core import catalog, command_log, engines, schema, stock
from bvinv.core.db import Database, Sql, refuse_schema, sqlite_path
from bvinv.core.errors import Busy, Conflict, InvalidInput, InventoryError, NotFound
from bvinv.core.purchasing import receiving
from tests import books
from tests.books import act, add_products, ask, fetch, level, raw, receive, snapshot

SETTINGS = {
    "busy_timeout": 10_000,
    "foreign_keys": 1,
    "synchronous": 2,
    "recursive_triggers": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_size_limit": 67_108_864,
    "wal_autocheckpoint": 4000,
    "temp_store": 2,
    "mmap_size": 0,
    "cache_size": -16_384,
    "journal_mode": "wal",
    "application_id": 0x6276696E,
}
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


def command():
    return command_log.command("test", actor="tester")


@ON_SQLITE
@pytest.mark.parametrize("door", ["read", "write"])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_what_it_has_to_be(database, name, door):
    with database.read() if door == "read" else database.write(command()) as session:
        assert session.wire.exec_driver_sql(f"PRAGMA {name}").scalar() == SETTINGS[name]


def test_the_settings_of_the_engine_are_those_that_this_test_knows():
    assert set(engines.PRAGMAS) <= set(SETTINGS)


@ON_SQLITE
def test_a_setting_that_is_not_taken_is_said(database, monkeypatch):
    monkeypatch.setitem(engines.PRAGMAS, "no_such_setting", 1)

    with pytest.raises(InventoryError, match="SQLite answers None for no_such_setting"):
        ask(database, lambda session: session.now)


@ON_SQLITE
def test_the_write_lock_is_taken_before_the_first_statement(database):
    with closing(raw(database)) as other, database.write(command()):
        with pytest.raises(Exception, match="database is locked"):
            other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM product").fetchone() == (0,)


@ON_SQLITE
def test_another_program_that_holds_the_lock_is_waited_for_and_then_named(database, monkeypatch):
    monkeypatch.setitem(engines.PRAGMAS, "busy_timeout", 50)
    with closing(raw(database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match=r"another program holds .*bvinv\.db"):
            act(database, lambda _: None)
        other.execute("ROLLBACK")

    assert act(database, lambda _: []) == []


def test_reading_locks_nothing(stocked):
    with stocked.read() as session:
        assert stock.show(session, ref="HX-1")[0].on_hand == 10
        receive(stocked, "HX-1", 5, "MAIN")
        assert stock.show(session, ref="HX-1")[0].on_hand == 10

    assert level(stocked, "HX-1", "MAIN").on_hand == 15


def test_what_a_reader_does_is_not_kept(stocked, engine_name):
    before = snapshot(stocked)

    with (
        pytest.raises(Exception, match="not yours")
        if engine_name == "postgresql"
        else closing(raw(stocked)),
        stocked.read() as session,
    ):
        session.wire.exec_driver_sql("UPDATE product SET title = 'nothing'")

    assert snapshot(stocked) == before


def test_an_error_takes_everything_back(stocked):
    before = snapshot(stocked)

    def action(session):
        receiving.receive(session, ref="HX-1", quantity=5, warehouse="MAIN")
        raise NotFound("something else")

    with pytest.raises(NotFound, match="something else"):
        act(stocked, action)

    assert snapshot(stocked) == before


def test_a_dry_run_answers_as_the_real_one_and_keeps_nothing(stocked):
    before = snapshot(stocked)

    def action(session):
        return receiving.receive(session, ref="HX-1", quantity=5, warehouse="MAIN")

    tried = command_log.execute(stocked, action, command(), dry_run=True)
    assert snapshot(stocked) == before

    real = command_log.execute(stocked, action, command())
    assert tried.result == real.result
    assert tried.changes == real.changes
    assert [(c.on_hand_before, c.on_hand) for c in tried.changes] == [(10, 15)]


def test_the_database_goes_on_after_a_dry_run_and_an_error(stocked):
    with pytest.raises(ZeroDivisionError):
        act(stocked, lambda _: 1 // 0)
    command_log.execute(stocked, lambda _: [], command(), dry_run=True)

    assert receive(stocked, "HX-1", 1, "MAIN").on_hand == 11


def test_the_time_of_the_ledger_never_steps_back(stocked, clock):
    clock.advance(-books.HOUR)
    receive(stocked, "HX-1", 1, "MAIN")
    clock.advance(-books.HOUR)
    receive(stocked, "HX-1", 1, "MAIN")

    recorded = [at for (at,) in fetch(stocked, "SELECT recorded_at FROM movement ORDER BY id")]
    assert recorded == sorted(recorded)
    assert len(set(recorded[-2:])) == 2
    assert level(stocked, "HX-1", "MAIN").updated_at == recorded[-1]


def test_a_reader_whose_clock_is_behind_sees_no_older_time_than_is_recorded(stocked, clock):
    last = ask(stocked, lambda session: session.now)
    clock.advance(-books.HOUR)

    assert ask(stocked, lambda session: session.now) == last


def test_every_file_is_the_owners_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        path = tmp_path / "new" / "bvinv.db"
        found = Database(path)
        schema.upgrade(found)
        with found.write(command()) as session:
            command_log.record(session, session.command)
            modes = {
                one.name: stat.S_IMODE(one.stat().st_mode) for one in sorted(path.parent.iterdir())
            }
        found.close()
    finally:
        os.umask(before)

    assert modes == {
        "bvinv.db": 0o600,
        "bvinv.db-shm": 0o600,
        "bvinv.db-wal": 0o600,
        "bvinv.db.lock": 0o600,
    }
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@ON_SQLITE
def test_no_file_is_held_open_after_its_name_is_gone(stocked):
    receive(stocked, "HX-1", 1, "MAIN")

    held = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            held.append(str(descriptor.readlink()))
        except OSError:
            continue
    assert [name for name in held if "bvinv" in name and "(deleted)" in name] == []


def test_a_missing_database_is_not_made_silently(tmp_path):
    path = tmp_path / "none.db"

    with pytest.raises(NotFound, match=f"there is no database at {path}") as found:
        ask(Database(path), lambda session: session.now)

    assert found.value.hint == "run: bvinv init"
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_was_never_initialised_says_so(nowhere, engine_name):
    if engine_name == "sqlite":
        sqlite3.connect(nowhere).close()
        Path(nowhere).write_bytes(b"")
    found = Database(nowhere)

    with pytest.raises(NotFound, match="is not initialised") as refused:
        ask(found, lambda session: session.now)

    assert refused.value.hint == "run: bvinv init"


def test_a_folder_is_refused_and_a_file_in_it_suggested(tmp_path):
    with pytest.raises(InvalidInput, match="is a folder, not a database") as refused:
        Database(tmp_path)

    assert refused.value.hint == f"try {tmp_path}/bvinv.db"


def test_a_link_is_refused_and_its_file_named(tmp_path):
    path = tmp_path / "real.db"
    schema.upgrade(Database(path))
    link = tmp_path / "link.db"
    link.symlink_to(path)

    with pytest.raises(InvalidInput, match="is a link") as refused:
        Database(link)

    assert refused.value.hint == f"name the file itself: {path}"


def test_a_text_file_is_not_a_database_and_stays_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("Buy milk. " * 200)

    for attempt in (
        lambda: ask(Database(path), lambda session: session.now),
        lambda: schema.upgrade(Database(path)),
    ):
        with pytest.raises(InvalidInput, match=r"notes\.txt is not a database of bvinv"):
            attempt()

    assert path.read_text() == "Buy milk. " * 200


def test_another_programs_database_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mail (subject TEXT)")
        other.commit()
    before = path.read_bytes()

    with pytest.raises(NotFound, match="is not initialised"):
        ask(Database(path), lambda session: session.now)
    with pytest.raises(InvalidInput, match=r"other\.db is another program's database"):
        schema.upgrade(Database(path))

    assert path.read_bytes() == before


@pytest.mark.parametrize("where", ["", "a\0b"])
def test_a_database_needs_a_name(where):
    with pytest.raises(InvalidInput, match="the database needs a path or a URL"):
        Database(where)


@pytest.mark.parametrize("where", ["mysql://root@localhost/x", "http://example.com/bvinv.db"])
def test_a_url_of_another_kind_is_refused(where):
    with pytest.raises(InvalidInput, match="no database is known by the scheme"):
        Database(where)


def test_a_url_that_cannot_be_read_is_refused_without_its_password():
    with pytest.raises(InvalidInput, match="the PostgreSQL URL cannot be read") as refused:
        Database("postgresql://postgres:secret@127.0.0.1:port/test")

    assert "secret" not in refused.value.detail


def test_a_sqlite_url_is_a_path(tmp_path):
    assert sqlite_path(f"sqlite:///{tmp_path}/a.db") == tmp_path / "a.db"
    assert sqlite_path(f"{tmp_path}/a.db") == tmp_path / "a.db"
    assert sqlite_path("postgresql://localhost/test") is None


def test_a_name_never_shows_a_password():
    found = Database("postgresql://postgres:secret@127.0.0.1/test")

    assert str(found) == "postgresql://postgres:***@127.0.0.1/test"


def test_a_server_that_is_away_is_busy_and_named():
    found = Database("postgresql://postgres@127.0.0.1:1/test")

    with pytest.raises(Busy, match="is away") as refused:
        ask(found, lambda session: session.now)

    assert refused.value.hint == "check the URL and the server"


@ON_SQLITE
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_is_not_permitted(stocked):
    stocked.close()
    stocked.path.chmod(0o400)

    with pytest.raises(InventoryError, match="is not yours to write"):
        receive(stocked, "HX-1", 1, "MAIN")


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
        ((4, 0, 0), True),
    ],
)
def test_the_versions_of_sqlite_that_lose_writes_are_known(version, safe):
    assert engines._is_safe(version) is safe


def test_the_driver_in_use_is_safe_where_a_safe_one_is_installed():
    try:
        import pysqlite3
    except ImportError:
        pytest.skip("pysqlite3 has no wheel here")

    assert engines._is_safe(pysqlite3.sqlite_version_info)
    assert engines.wal_is_safe()


def test_a_schema_from_the_future_says_how_to_get_there():
    with pytest.raises(Conflict, match="has schema 0007, newer than this program's 0006") as found:
        refuse_schema(Database("x.db"), "0007")

    assert found.value.hint == "upgrade bvinv: pip install --upgrade bvinv"


def test_an_old_schema_says_how_to_upgrade():
    with pytest.raises(Conflict, match="has schema 0000, older than this program's 0006") as found:
        refuse_schema(Database("x.db"), "0000")

    assert found.value.hint == "run: bvinv init"


@ON_POSTGRESQL
def test_postgresql_is_asked_again_when_it_cannot_serialise(stocked):
    seen = []

    def action(session):
        seen.append(session.command.id)
        if len(seen) < 3:
            session.wire.exec_driver_sql(
                "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"
            )
        return receiving.receive(session, ref="HX-1", quantity=1, warehouse="MAIN")

    assert act(stocked, action).on_hand == 11
    assert seen == [None, None, None]


@ON_POSTGRESQL
def test_postgresql_is_not_asked_for_ever(stocked):
    before = snapshot(stocked)

    def action(session):
        session.wire.exec_driver_sql(
            "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"
        )

    with pytest.raises(Busy, match="others kept changing the same rows"):
        act(stocked, action)

    assert snapshot(stocked) == before


@ON_POSTGRESQL
def test_rows_that_somebody_holds_too_long_make_busy(where, stocked, clock):
    hasty = Database(where, patience=0.05, clock=clock)
    with closing(raw(stocked)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM stock_level FOR UPDATE")
        with pytest.raises(Busy, match="somebody else holds the rows"):
            receive(hasty, "HX-1", 1, "MAIN")
        other.execute("ROLLBACK")

    assert receive(hasty, "HX-1", 1, "MAIN").on_hand == 11
    hasty.close()


def test_a_list_in_a_statement_is_sent_on_either_engine(stocked):
    found = ask(
        stocked,
        lambda s: s.ask(
            Sql("SELECT sku FROM product WHERE sku IN :skus ORDER BY sku"), skus=["HX-3", "HX-1"]
        ),
    )

    assert [row.sku for row in found] == ["HX-1", "HX-3"]


def test_a_long_answer_is_streamed(stocked):
    statement = Sql("SELECT sku FROM product ORDER BY sku")

    streamed = ask(stocked, lambda s: [tuple(row) for row in s.stream(statement)])

    assert streamed == [("HX-1",), ("HX-2",), ("HX-3",)]


def test_a_closed_database_opens_again(stocked):
    stocked.close()
    assert level(stocked, "HX-1", "MAIN").on_hand == 10
    stocked.close()
    stocked.close()


@ON_SQLITE
def test_the_last_to_close_leaves_one_file_and_the_lock(stocked):
    receive(stocked, "HX-1", 1, "MAIN")
    stocked.close()

    assert sorted(one.name for one in stocked.path.parent.iterdir()) == [
        "bvinv.db",
        "bvinv.db.lock",
    ]


def test_a_connection_is_made_at_the_first_use_only(stocked, where, clock):
    opened = []
    second = Database(where, clock=clock)
    assert "engine" not in second.__dict__
    event.listen(second.engine, "checkout", lambda *_: opened.append(1))

    assert level(second, "HX-1", "MAIN").on_hand == 10
    assert opened == [1]
    second.close()


@ON_POSTGRESQL
def test_a_statement_that_cannot_be_sent_is_a_bug_and_not_a_server_that_is_away(database):
    with pytest.raises(Exception, match="query parameter missing") as raised:
        ask(database, lambda session: session.ask(Sql("SELECT :nothing AS x")))

    assert not isinstance(raised.value, InventoryError)


CHANGED = Sql("SELECT e.subject FROM event AS e WHERE SINCE(e, :position) ORDER BY e.id")


def subjects(session, position):
    return [row.subject for row in session.ask(CHANGED, position=position)]


def test_a_reader_of_events_goes_on_where_it_stopped(database):
    add_products(database, "HX-1")
    with books.settled(database).read() as session:
        assert subjects(session, 0) == ["HX-1"]
        position = session.position("event")

    add_products(database, "HX-2")

    with database.read() as session:
        assert subjects(session, position) == ["HX-2"]
    with books.settled(database).read() as session:
        position = session.position("event")
        assert subjects(session, position) == []
        assert session.position("movement") >= 1


@ON_POSTGRESQL
def test_a_transaction_that_commits_late_is_not_skipped(database):
    late = Database(database.url.replace("+psycopg", ""))
    command = command_log.command("test", actor="late")
    with late.write(command) as writer:
        catalog.add(writer, fields={"sku": "LATE-1", "title": "Late"})
        add_products(database, "SOON-1")
        with database.read() as session:
            assert subjects(session, 0) == ["SOON-1"]
            position = session.position("event")

    with database.read() as session:
        assert "LATE-1" in subjects(session, position)
    late.close()
