"""The schema: made once, equal to the models, refused when strange; and what the database itself
refuses, whoever asks."""

from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint
from sqlmodel import SQLModel

import bvinv.core.models.indexes  # noqa: F401
from bvinv.core import command_log, db, schema, verification
from bvinv.core.db import Database
from bvinv.core.errors import Conflict
from tests import workers
from tests.books import (
    TABLES,
    act,
    ask,
    commit,
    damage,
    fetch,
    raw,
    receive,
    reserve,
    snapshot,
    verify,
)

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
# 23505 and 23503: PostgreSQL's unique and foreign key violations, which `run` tries again.
REFUSED = "(?i)constraint|append-only|2350[35]"
# PostgreSQL's only, and nothing of the books: what the limits of several servers count.
RATES = ("rate_ring", "rate_hit")
ON_POSTGRESQL = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


def initialise(database):
    return schema.upgrade(database).action


def test_the_schema_is_made_once(nowhere):
    found = Database(nowhere)

    first, second = schema.upgrade(found), schema.upgrade(found)

    assert (first.action, second.action) == ("created", "nothing")
    assert first.schema_version == second.schema_version == "0006"
    assert first.database == str(found)
    assert act(found, lambda _: []) == []
    found.close()


def test_eight_processes_at_once_make_one_schema(nowhere):
    answers = workers.together(nowhere, initialise, [()] * 8, connected=False)

    assert sorted(answers) == ["created"] + ["nothing"] * 7


@pytest.mark.parametrize(("version", "said"), [("0007", "newer"), ("0000", "older")])
def test_another_schema_is_refused_and_stays_as_it_is(where, version, said):
    with closing(raw(Database(where))) as connection:
        connection.execute(f"UPDATE alembic_version SET version_num = '{version}'")
    found = Database(where)

    with pytest.raises(Conflict, match=f"has schema {version}, {said} than this program's 0006"):
        ask(found, lambda session: session.now)
    if said == "newer":
        with pytest.raises(Conflict, match="newer"):
            schema.upgrade(found)

    with closing(raw(found)) as connection:
        read = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert read == [(version,)]


def test_the_migrations_make_what_the_models_say(database):
    with database.engine.connect() as connection:
        options = {"compare_type": True, "include_name": lambda name, *_: name not in RATES}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, SQLModel.metadata)

    assert differences == []


def test_the_models_have_no_table_that_the_tests_do_not_know():
    assert set(SQLModel.metadata.tables) == set(TABLES)


@ON_SQLITE
def test_every_table_is_strict(database):
    found = fetch(database, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")

    loose = {name for name, strict in found if not strict}
    assert loose == {"sqlite_schema", "alembic_version"}


@ON_SQLITE
def test_the_checks_of_the_migrations_are_those_of_the_models(database):
    [*made] = fetch(database, "SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    text = dict(made)

    for name, table in SQLModel.metadata.tables.items():
        for check in table.constraints:
            if isinstance(check, CheckConstraint):
                assert f"CONSTRAINT {check.name} CHECK ({check.sqltext})" in text[name]


@ON_POSTGRESQL
def test_the_named_checks_of_the_models_are_on_postgresql(database):
    found = fetch(
        database,
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' "
        "AND connamespace = current_schema()::regnamespace",
    )

    assert set(found) == {
        (name, check.name)
        for name, table in SQLModel.metadata.tables.items()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }


@pytest.fixture(params=["0001", "0002", "0003", "0004", "0005"])
def old(nowhere, request) -> Database:
    """Return a database as an earlier release made it, empty."""
    found = Database(f"{nowhere}.old" if nowhere.startswith("/") else nowhere)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "SCHEMA", request.param)
        assert initialise(found) == "created"
    return found


def copy_into(old, database):
    """Copy the rows of a database into one with an older schema; what was not counted yet is 0."""
    with closing(raw(old)) as connection:
        if old.url:
            connection.execute("SET session_replication_role = replica")
        for table in TABLES:
            if table == "reason":  # the migrations fill it
                continue
            shown = (
                connection.execute(f"SELECT * FROM {table} LIMIT 0") if known(old, table) else None
            )
            if shown is None:
                continue
            columns = [f'"{entry[0]}"' for entry in shown.description]
            rows = fetch(database, f"SELECT {', '.join(columns)} FROM {table}")
            marks = ", ".join(["?" if old.path else "%s"] * len(columns))
            insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            cursor = connection.cursor()
            cursor.executemany(insert, rows)
        if not known(old, "price_change"):
            connection.execute("UPDATE product SET popularity = 0")


def known(database, table):
    with closing(raw(database)) as connection:
        if database.path:
            found = connection.execute(f"SELECT 1 FROM sqlite_schema WHERE name = '{table}'")
        else:
            found = connection.execute(f"SELECT to_regclass('{table}')")
        return bool((found.fetchone() or [None])[0])


def without_transactions(database):
    """Return every row as earlier releases knew it: no receipts, no transaction ids."""
    rows = snapshot(database)
    rows["receipt"], rows["receipt_line"] = [], []
    rows["event"] = [row[:-1] for row in rows["event"]]
    rows["movement"] = [(*row[:-2], row[-1]) for row in rows["movement"]]
    return rows


def test_a_database_of_an_earlier_release_is_upgraded_with_all_that_it_holds(stocked, old):
    reserve(stocked, "SO-1", "HX-1=3 HX-2=1")
    commit(stocked, "SO-1", "HX-1=2")
    copy_into(old, stocked)
    with pytest.raises(Conflict, match=r"has schema 000[1-5], older than this program's 0006"):
        ask(old, lambda session: session.now)

    assert initialise(old) == "upgraded"
    assert initialise(old) == "nothing"

    assert without_transactions(old) == without_transactions(stocked)
    assert fetch(old, "SELECT sku, popularity FROM product ORDER BY id") == [
        ("HX-1", 2),
        ("HX-2", 0),
        ("HX-3", 0),
    ]
    assert verify(old).sound
    assert ask(old, verification.head) == ask(stocked, verification.head)
    old.close()


IMPOSSIBLE = {
    "less than nothing on hand": "UPDATE stock_level SET on_hand = -1",
    "more reserved than on hand": "UPDATE stock_level SET reserved = on_hand + 1",
    "less than nothing reserved": "UPDATE stock_level SET reserved = -1",
    "less than nothing unsellable": "UPDATE stock_level SET unsellable = -1",
    "a reorder point above the maximum": "UPDATE stock_level SET reorder_point = 9, max_stock = 8",
    "no number on hand": "UPDATE stock_level SET on_hand = NULL",
    "a bin below zero": "UPDATE bin_level SET quantity = -1",
    "a line that does not add up": "UPDATE reservation_line SET held = held + 1",
    "a line that holds less than nothing": (
        "UPDATE reservation_line SET held = -1, released = quantity + 1"
    ),
    "a line about nothing": "UPDATE reservation_line SET quantity = 0, held = 0",
    "a line that ends at another time": "UPDATE reservation_line SET expires_at = 1",
    "an unknown status": "UPDATE reservation SET status = 'lost'",
    "a second product of one SKU": "UPDATE product SET sku_key = 'hx-1'",
    "a second product of one ISBN": "UPDATE product SET isbn = '9780306406157'",
    "a negative price": "UPDATE product SET price = -1, currency = 'USD'",
    "a price without currency": "UPDATE product SET price = 1",
    "a rating above five": "UPDATE product SET rating = 501",
    "a product that is its own variant": "UPDATE product SET variant_of = id",
    "a category that is its own parent": (
        "INSERT INTO category (id, slug, name, parent_id) VALUES (1, 'a', 'A', 1)"
    ),
    "a product of no category": "UPDATE product SET category_id = 99",
    "an empty pack": "INSERT INTO barcode (code, product_id, pack_quantity) VALUES ('1', 1, 0)",
    "a bin of no known kind": "UPDATE bin SET kind = 'roof'",
    "two bins of one name": "UPDATE bin SET code = 'DOCK'",
    "two warehouses of one code": "UPDATE warehouse SET code = 'MAIN'",
    "a level without its product": "DELETE FROM product WHERE sku = 'HX-1'",
    "a level without its warehouse": "DELETE FROM warehouse WHERE code = 'MAIN'",
    "movements without their level": "DELETE FROM stock_level",
    "movements without their command": "DELETE FROM command_log",
    "lines without their reservation": "DELETE FROM reservation",
    "a popularity below zero": "UPDATE product SET popularity = -1",
    "a published product as a draft again": "UPDATE product SET status = 'draft'",
    "a category below itself": """
        INSERT INTO category (id, slug, name, parent_id)
        VALUES (1, 'a', 'A', NULL), (2, 'b', 'B', 1), (3, 'c', 'C', 2);
        UPDATE category SET parent_id = 3 WHERE id = 1
    """,
    "a price change that its requester decides": """
        INSERT INTO price_change (product_id, state, requested_by, decided_by, reason,
                                  requested_at, decided_at)
        VALUES (1, 'approved', 'ann', 'ann', '', 1, 2)
    """,
    "an approval by nobody": """
        INSERT INTO price_change (product_id, state, requested_by, reason, requested_at, decided_at)
        VALUES (1, 'approved', 'ann', '', 1, 2)
    """,
    "two open requests for a price": """
        INSERT INTO price_change (product_id, state, requested_by, reason, requested_at)
        VALUES (1, 'requested', 'ann', '', 1), (1, 'requested', 'bob', '', 2)
    """,
    "a new price without a currency": """
        INSERT INTO price_change (product_id, new_price, state, requested_by, reason, requested_at)
        VALUES (1, 100, 'requested', 'ann', '', 1)
    """,
}


def run_all(session, statements):
    for statement in statements.split(";"):
        session.wire.exec_driver_sql(statement)
    return []


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_the_database_itself_refuses(stocked, what):
    reserve(stocked, "SO-1", "HX-1=3")
    before = snapshot(stocked)

    with pytest.raises(Exception, match=REFUSED):
        act(stocked, lambda session: run_all(session, IMPOSSIBLE[what]))

    assert snapshot(stocked) == before


MOVEMENT = (
    "level_id, level_seq, kind, reason, quantity, from_bin, to_bin, on_hand_change, "
    "reserved_change, on_hand, reserved, document, actor, command_id, occurred_at, recorded_at, "
    "reverses, previous_hash, hash"
)
BAD_MOVEMENTS = {
    "an adjustment without a reason": {"kind": "'adjust'", "reason": "''"},
    "a reason that nobody knows": {"reason": "'x'"},
    "nothing moved": {"quantity": "0"},
    "a change of another quantity": {"on_hand_change": "2"},
    "a promise of another quantity": {"reserved_change": "2"},
    "a result below zero": {"on_hand": "-1"},
    "more reserved than on hand": {"reserved": "on_hand + 1"},
    "a number that is taken": {"level_seq": "1"},
    "a number of nothing": {"level_seq": "0"},
    "a reversal of a later one": {"reverses": "level_seq + 1"},
    "a level that is not there": {"level_id": "99"},
}


@pytest.mark.parametrize("what", BAD_MOVEMENTS)
def test_the_ledger_itself_refuses(stocked, what):
    before = snapshot(stocked)
    good = {"level_seq": "level_seq + 1", "reason": "'found'"}
    values = [(good | BAD_MOVEMENTS[what]).get(name, name) for name in MOVEMENT.split(", ")]
    copy = (
        f"INSERT INTO movement ({MOVEMENT}) SELECT {', '.join(values)} FROM movement WHERE id = 1"
    )

    with pytest.raises(Exception, match=REFUSED):
        act(stocked, lambda session: session.wire.exec_driver_sql(copy))

    assert snapshot(stocked) == before


CHANGES = {
    "UPDATE": "UPDATE {table} SET actor = 'somebody else'",
    "DELETE": "DELETE FROM {table} WHERE id = 1",
    "REPLACE": "REPLACE INTO {table} SELECT * FROM {table} WHERE id = 1",
    "INSERT OR REPLACE": "INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE id = 1",
    "upsert": (
        "INSERT INTO {table} SELECT * FROM {table} WHERE id = 1 "
        "ON CONFLICT (id) DO UPDATE SET actor = 'somebody else'"
    ),
    "TRUNCATE": "TRUNCATE {table} CASCADE",
}
KNOWN = {
    "sqlite": ["UPDATE", "DELETE", "REPLACE", "INSERT OR REPLACE", "upsert"],
    "postgresql": ["UPDATE", "DELETE", "upsert", "TRUNCATE"],
}


@pytest.mark.parametrize("table", ["movement", "event"])
def test_what_happened_is_never_rewritten(stocked, engine_name, table):
    before = snapshot(stocked)

    for change in KNOWN[engine_name]:
        statement = CHANGES[change].format(table=table)
        with pytest.raises(Exception, match=REFUSED):
            act(stocked, lambda s, one=statement: s.wire.exec_driver_sql(one))

    assert snapshot(stocked) == before


@ON_SQLITE
@pytest.mark.parametrize("table", ["movement", "event"])
@pytest.mark.parametrize("change", KNOWN["sqlite"])
def test_a_foreign_program_without_our_settings_rewrites_nothing_either(stocked, table, change):
    before = snapshot(stocked)

    with closing(raw(stocked)) as foreign:
        assert foreign.execute("PRAGMA recursive_triggers").fetchone() == (0,)
        with pytest.raises(Exception, match=f"{table} is append-only"):
            foreign.execute(CHANGES[change].format(table=table))

    assert snapshot(stocked) == before


def reversal(seq: int, reverses: int, verb: str = "INSERT") -> str:
    changed = {"level_seq": str(seq), "reverses": str(reverses)}
    values = [changed.get(name, name) for name in MOVEMENT.split(", ")]
    return (
        f"{verb} INTO movement ({MOVEMENT}) SELECT {', '.join(values)} FROM movement WHERE id = 1"
    )


def test_a_movement_is_reversed_once(stocked):
    damage(stocked, reversal(2, 1))

    with pytest.raises(Exception, match=REFUSED):
        act(stocked, lambda session: session.wire.exec_driver_sql(reversal(3, 1)))


@ON_SQLITE
def test_a_foreign_program_cannot_replace_a_reversal_by_another_one(stocked):
    stocked.__dict__["damaged"] = True
    with closing(raw(stocked)) as foreign:
        foreign.execute(reversal(2, 1))
        before = snapshot(stocked)
        with pytest.raises(Exception, match="movement is append-only"):
            foreign.execute(reversal(3, 1, "REPLACE"))

    assert snapshot(stocked) == before


@ON_SQLITE
def test_text_is_no_number_and_a_float_no_integer(stocked):
    before = snapshot(stocked)

    for value in ("'many'", "5.5", "x'35'"):
        with pytest.raises(Exception, match="cannot store"):
            act(
                stocked,
                lambda s, v=value: s.wire.exec_driver_sql(f"UPDATE stock_level SET on_hand = {v}"),
            )

    assert snapshot(stocked) == before


def test_a_command_is_recorded_with_its_actor(stocked):
    act(stocked, lambda s: command_log.record(s, s.command) or [], actor="ann")
    receive(stocked, "HX-1", 1, "MAIN")

    assert fetch(stocked, "SELECT name, actor FROM command_log ORDER BY id DESC LIMIT 2") == [
        ("test", "tester"),
        ("test", "ann"),
    ]
