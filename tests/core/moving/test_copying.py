"""A copy is equal, resumed, proven, or no database."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bvinv.core import schema, verification
from bvinv.core.db import Database
from bvinv.core.errors import Busy, Conflict, InvalidInput, NotFound, VerificationFailed
from bvinv.core.moving import copying, targets
from bvinv.core.moving.copying import Watch
from bvinv.core.moving.tables import TRANSIENT, moved
from tests import books
from tests.books import TABLES, ask, damage, raw, receive, verify
from tests.moving_books import content, made

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
ONTO_SQLITE = pytest.mark.parametrize("target", ["sqlite"], indirect=True)
ONTO_POSTGRESQL = pytest.mark.parametrize("target", ["postgresql"], indirect=True)


class Stop(Exception):
    pass


class Heard(Watch):
    """Keeps what it hears, and stops the copy after so many steps."""

    def __init__(self, steps=None):
        self.said = []
        self.steps = steps
        self.rows = []

    def says(self, text):
        self.said.append(text)

    def took(self, rows, share):
        assert 0 <= share <= 1
        self.rows.append(rows)
        if self.steps is not None and len(self.rows) > self.steps:
            raise Stop


def stopped(source, target, steps, chunk=2):
    target.close()  # who has it open already has looked at its schema
    with pytest.raises(Stop):
        copying.copy(source, target, watch=Heard(steps), chunk=chunk)


def assert_equal(source, target):
    assert content(target) == content(source)
    assert ask(target, verification.head) == ask(source, verification.head)
    assert verify(target).findings == verify(source).findings == []


def test_every_table_is_moved_but_leases():
    names = [table.name for table in moved()]

    assert set(names) == set(TABLES) - set(TRANSIENT)
    assert names.index("product") < names.index("stock_level") < names.index("movement")


@pytest.mark.parametrize("chunk", [pytest.param(100, marks=pytest.mark.slow), 100_000])
def test_a_copy_is_equal_and_its_schema_is_that_of_a_fresh_one(full, target, chunk):
    fresh = made(target)
    before = content(full)

    heard = Heard()

    row = copying.copy(full, target, chunk=chunk, watch=heard)

    assert_equal(full, target)
    assert [said for said in heard.said if "webhooks" in said]
    assert content(full) == before
    assert made(target) == fresh
    assert (row.rows, row.tables) == (sum(map(len, before.values())), len(TABLES) - 1)
    assert (row.head, row.resumed, row.verified) == (
        ask(full, verification.head),
        False,
        True,
    )
    receive(target, "HX-1", 1, "MAIN")  # ids go on above those that were brought
    assert verify(target).findings == []


def test_a_target_that_is_not_there_is_made_for_its_owner_alone(full, tmp_path):
    target = Database(tmp_path / "new" / "copy.db")

    copying.copy(full, target)

    assert_equal(full, target)
    assert target.path.stat().st_mode & 0o777 == 0o600
    target.close()


@ON_SQLITE
def test_a_schema_that_init_has_not_been_to_is_made(full, postgresql_answers):
    if postgresql_answers:
        pytest.skip(postgresql_answers)
    from tests.conftest import postgresql_schema

    with postgresql_schema() as where:
        target = Database(where)
        copying.copy(full, target)
        assert_equal(full, target)
        target.close()


@ON_SQLITE
@pytest.mark.parametrize("steps", [pytest.param(7, marks=pytest.mark.slow), 45])
def test_a_copy_that_was_cut_off_is_no_database_and_goes_on(full, target, steps):
    fresh = made(target)
    stopped(full, target, steps)
    with pytest.raises(Conflict, match="is being copied into and not complete"):
        ask(target, lambda session: session.now)
    with pytest.raises(Conflict, match="is being copied into and not complete"):
        schema.upgrade(target)

    row = copying.copy(full, target, chunk=2)

    assert row.resumed
    assert_equal(full, target)
    assert made(target) == fresh


@ON_SQLITE
def test_what_changed_meanwhile_is_copied_again_and_what_only_grew_goes_on(full, target):
    stopped(full, target, 60)  # while what arrived is compared
    receive(full, "HX-1", 5, "MAIN", bin="SHELF")

    heard = Heard()
    assert copying.copy(full, target, chunk=2, watch=heard).resumed

    assert_equal(full, target)
    again = [said.split()[0] for said in heard.said if "changed" in said]
    assert sorted(again) == ["bin_level", "stock_level"]
    assert any(said.startswith("movement: ") for said in heard.said)


@ON_SQLITE
@ONTO_SQLITE
def test_rows_that_somebody_changed_on_the_target_are_brought_again(full, target):
    stopped(full, target, 60)
    with closing(raw(target)) as wire:
        wire.execute("UPDATE product SET title = 'Another' WHERE id = 2")

    copying.copy(full, target)

    assert_equal(full, target)


def refused(source, target, error, match, **more):
    """See that the copy is refused; what is there stays as it is."""
    before = content(target) if targets.exists(target) else None
    with pytest.raises(error, match=match):
        copying.copy(source, target, **more)
    assert before is None or content(target) == before


@ON_SQLITE
@ONTO_SQLITE
def test_a_target_that_holds_anything_is_refused(full, target):
    books.add_warehouses(target, "MAIN")

    refused(full, target, Conflict, "it holds 1 rows of command_log, 1 rows of warehouse, ")
    refused(full, target, Conflict, "is not empty", dry_run=True)


def test_a_database_is_not_copied_onto_itself(database):
    other = Database(database.path or str(database.url))

    refused(database, other, InvalidInput, "cannot be copied onto itself")
    other.close()


@ON_SQLITE
@ONTO_SQLITE
def test_what_is_copied_from_elsewhere_already_is_refused(full, target, tmp_path):
    stopped(full, target, 5)
    other = Database(tmp_path / "other.db")
    copying.copy(full, other)

    with pytest.raises(Conflict, match=f"is being copied into from {full.path}"):
        copying.copy(other, target)
    other.close()


@ON_SQLITE
def test_no_source_and_sources_that_are_no_database_are_refused(target, tmp_path, database):
    absent = Database(tmp_path / "absent.db")
    refused(absent, target, NotFound, "there is no database at")
    (tmp_path / "words.db").write_text("no database " * 400)
    refused(Database(tmp_path / "words.db"), target, InvalidInput, "is not a database of bvinv")
    with closing(raw(database)) as wire:
        wire.execute("UPDATE alembic_version SET version_num = '0005'")
    refused(Database(database.path), target, Conflict, "has schema 0005, older")
    database.__dict__["damaged"] = True
    assert not absent.path.exists()


@ON_SQLITE
@ONTO_SQLITE
def test_two_copies_into_one_file_at_once_are_refused(full, target):
    other = Database(target.path, patience=0.1)
    with target.gate.hold("db copy"), pytest.raises(Busy, match=r"\(db copy\)"):
        copying.copy(full, other)
    other.close()

    copying.copy(full, target)


@ON_SQLITE
@ONTO_POSTGRESQL
def test_two_copies_into_one_schema_at_once_are_refused(full, target):
    other = Database(str(target.url))
    with targets.opened(target, who="db copy"), pytest.raises(Busy, match="another process moves"):
        copying.copy(full, other)
    other.close()

    copying.copy(full, target)


@ON_SQLITE
def test_what_arrived_otherwise_is_found_and_named(full, target):
    with full.read() as session, targets.opened(target, who="test") as goal:
        origin = targets.side(full, session.wire)
        copied = copying._Copy(origin, goal, Watch(), 100, 1)
        copied.begin(dry_run=False)
        copied.carry()
        counts = {table.name: origin.count(table) for table in moved()}
        for change, said in (
            ("UPDATE product SET title = 'Another' WHERE id = 2", "product is not .* id 2 differs"),
            ("DELETE FROM webhook WHERE id = 1", "webhook is not .* id 1 is missing"),
        ):
            with pytest.raises(VerificationFailed, match=said), goal.transaction():
                for statement in change.split("; "):
                    goal.driver.execute(statement)
                for table in moved():
                    copied._compare(table, counts[table.name])
    with pytest.raises(Conflict, match="is being copied into"):
        ask(target, lambda session: session.now)


@ON_SQLITE
@ONTO_SQLITE
def test_books_that_do_not_balance_are_not_called_verified(full, target):
    damage(full, "UPDATE stock_level SET on_hand = on_hand + 1 WHERE id = 1")

    with pytest.raises(VerificationFailed, match="the books do not balance"):
        copying.copy(full, target)
    with pytest.raises(Conflict, match="is being copied into"):
        ask(target, lambda session: session.now)


@ON_SQLITE
@ONTO_POSTGRESQL
def test_a_row_that_postgresql_refuses_is_said(full, target):
    damage(full, "UPDATE product SET popularity = -1 WHERE id = 1")

    with pytest.raises(VerificationFailed, match="refuses a row"):
        copying.copy(full, target)


@ON_SQLITE
@ONTO_SQLITE
def test_without_the_books_they_are_copied_as_they_are(full, target):
    damage(full, "UPDATE stock_level SET on_hand = on_hand + 1 WHERE id = 1")
    damage(target)

    copying.copy(full, target, books=False)

    assert content(target) == content(full)


@ON_SQLITE
@ONTO_POSTGRESQL
def test_who_had_the_target_open_cannot_write_until_it_is_complete(full, target):
    fresh = made(target)
    with closing(Database(str(target.url))) as early:
        ask(early, lambda session: session.now)
        stopped(full, target, 20)
        with pytest.raises(Busy, match="is being copied into and not complete"):
            books.add_warehouses(early, "EARLY")

        copying.copy(full, target)

        assert_equal(full, target)
        assert made(target) == fresh
        books.add_warehouses(early, "LATE")


@ON_SQLITE
@ONTO_SQLITE
def test_a_target_that_another_program_has_open_is_refused(full, target):
    if not Path("/proc/locks").exists():
        pytest.skip("this kernel does not list its locks")
    look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM bin')"
    with subprocess.Popen(
        [sys.executable, "-c", look + "; print(flush=True); input()", str(target.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        refused(full, target, Busy, rf"is open in another program \(process {other.pid}\)")
        other.communicate(b"\n")

    copying.copy(full, target)


@ON_SQLITE
@ONTO_SQLITE
def test_a_copy_that_another_release_began_is_refused(full, target):
    stopped(full, target, 20)
    with closing(raw(target)) as wire:
        wire.execute("UPDATE copy_note SET value = '0005' WHERE name = 'schema'")

    with pytest.raises(Conflict, match="was begun with schema 0005"):
        copying.copy(full, target)


@ON_SQLITE
@ONTO_SQLITE
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("UPDATE product SET popularity = -1 WHERE id = 1", "refuses a row"),
        ("UPDATE product SET category_id = 99 WHERE id = 1", "refuses a row|refers to no category"),
        ("UPDATE product SET title = 'a' || char(0) || 'b' WHERE id = 1", "holds a NUL"),
    ],
)
def test_rows_that_cannot_be_are_refused(full, target, spoil, said):
    damage(full, spoil)

    with pytest.raises(VerificationFailed, match=said):
        copying.copy(full, target)


@ON_SQLITE
def test_a_dry_run_makes_nothing(full, target, tmp_path):
    absent = Database(tmp_path / "absent.db")
    before = made(target)

    for one in (absent, target):
        row = copying.copy(full, one, dry_run=True)
        assert (row.verified, row.rows) == (False, sum(map(len, content(full).values())))

    assert not absent.path.exists()
    assert made(target) == before


@pytest.mark.slow
def test_the_sample_shop_goes_to_postgresql_and_back(tmp_path, target, clock):
    from bvinv.core import sample

    shop, back = Database(tmp_path / "shop.db"), Database(tmp_path / "back.db")
    sample.load(shop, schema=schema.upgrade(shop), actor="tester")

    copying.copy(shop, target, chunk=500)
    copying.copy(target, back, chunk=500)

    assert content(back) == content(target) == content(shop)
    assert made(back) == made(shop)
    shop.close()
    back.close()
