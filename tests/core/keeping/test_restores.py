"""Restoring: over nothing, from what is whole, with nothing of what lay there before."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bvinv.core import db, engines, schema, verification
from bvinv.core.db import Database
from bvinv.core.errors import Busy, Conflict, InvalidInput, NotFound, VerificationFailed
from bvinv.core.keeping import backups, restores
from tests import books

on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def backup(stocked, tmp_path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return Path(backups.take(stocked, str(folder / "shop.db")).file)


@pytest.fixture
def target(tmp_path) -> Database:
    folder = tmp_path / "new"
    folder.mkdir()
    return Database(folder / "new.db", clock=books.Clock())


def beside(target: Database) -> list[str]:
    return sorted(path.name for path in target.path.parent.iterdir())


def rebuilt(path: Path) -> None:
    """Let the checksum be that of the file as it is now: whoever damages both is found, too."""
    path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)


def test_what_is_restored_is_what_was_backed_up(stocked, backup, target):
    row = restores.restore(target, str(backup))
    with closing(target):
        books.assert_sound(target)
        assert row.head == books.ask(target, verification.head)
        assert row.head == books.ask(stocked, verification.head)
        assert (row.movements, row.checksum, row.verified) == (3, "matches", "pages and books")
        if stocked.path:
            assert books.snapshot(target) == books.snapshot(stocked)
        assert books.level(target, "HX-1", "MAIN") == books.level(stocked, "HX-1", "MAIN")
        books.reserve(target, "SO-9", "HX-1=1@MAIN")
        assert target.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_backup_comes_back_to_postgresql(backup, stocked, nowhere):
    server = Database(nowhere, clock=books.Clock())
    with closing(server):
        row = restores.restore(server, str(backup))
        books.assert_sound(server)
        assert row.head == books.ask(server, verification.head)
        assert books.counts(server, "HX-2", "NORTH") == (6, 0, 6, 0)
        books.reserve(server, "SO-9", "HX-1=1@MAIN")
        with pytest.raises(Conflict):
            restores.restore(server, str(backup))


@on_sqlite
def test_nothing_is_restored_over_a_database_or_any_file(stocked, backup, target):
    before = books.snapshot(stocked)
    with pytest.raises(Conflict, match="there is a database at") as refused:
        restores.restore(stocked, str(backup))
    assert refused.value.hint == "restore to another place: bvinv --db NEW db restore FILE"
    assert books.snapshot(stocked) == before
    target.path.write_text("dear")
    with pytest.raises(Conflict):
        restores.restore(target, str(backup))
    assert (beside(target), target.path.read_text()) == (["new.db"], "dear")


@on_sqlite
def test_what_lay_beside_is_set_aside_and_never_replayed(stocked, backup, target):
    stale = []
    for end in ("-wal", "-shm", "-journal"):
        path = Path(f"{target.path}{end}")
        path.write_bytes(b"stale" * 1000)
        stale.append(path.name)
    told: list[str] = []
    row = restores.restore(target, str(backup), tell=told.append)
    with closing(target):
        books.assert_sound(target)
        assert books.snapshot(target) == books.snapshot(stocked)
    assert [Path(one).name.partition(".stale-")[0] for one in row.set_aside] == stale
    assert all(Path(one).read_bytes() == b"stale" * 1000 for one in row.set_aside)
    assert len(told) == 3
    assert told[0].endswith("is of an earlier database: it was set aside, not used")


@on_sqlite
def test_a_log_of_the_same_database_would_have_been_replayed(stocked, backup, target):
    """The one that a dead server left is real, and belongs to the database that it had."""
    books.receive(stocked, "HX-1", 5, "MAIN")
    for end in ("-wal", "-shm"):
        shutil.copy(f"{stocked.path}{end}", f"{target.path}{end}")
    restores.restore(target, str(backup))
    with closing(target):
        assert books.counts(target, "HX-1", "MAIN") == (10, 0, 10, 0)
        assert books.counts(stocked, "HX-1", "MAIN") == (15, 0, 15, 0)


@on_sqlite
def test_it_is_refused_while_a_program_has_the_database_open_that_was_there(backup, target):
    held = (
        "import sqlite3, sys\nwire = sqlite3.connect(sys.argv[1])\n"
        "wire.execute('PRAGMA journal_mode = wal')\nwire.execute('CREATE TABLE a (b)')\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held, target.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout.readline() == "open\n"
        target.path.unlink()
        before = beside(target)
        with pytest.raises(Busy, match="a program still has the database open"):
            restores.restore(target, str(backup))
        assert set(beside(target)) - {"new.db.lock"} == set(before)
        program.stdin.close()
    restores.restore(target, str(backup))
    with closing(target):
        books.assert_sound(target)


@on_sqlite
def test_a_database_in_use_is_no_backup(stocked, target):
    books.level(stocked, "HX-1", "MAIN")
    assert Path(f"{stocked.path}-wal").exists()
    with pytest.raises(Conflict, match="is a database in use, or was not closed") as refused:
        restores.restore(target, str(stocked.path))
    assert refused.value.hint == f"back it up first: bvinv --db {stocked.path} db backup FILE"
    assert beside(target) == []


@on_sqlite
def test_a_database_that_was_closed_can_be_restored_from(stocked, target):
    books.level(stocked, "HX-1", "MAIN")
    stocked.close()
    told: list[str] = []
    row = restores.restore(target, str(stocked.path), tell=told.append)
    assert (row.checksum, told) == (
        "none",
        [f"there is no {stocked.path}.sha256: the backup is proved without it"],
    )


@on_sqlite
def test_a_byte_that_changed_is_found_by_the_checksum(backup, target):
    rng = random.Random(7)
    whole = backup.read_bytes()
    for _ in range(20):
        place = rng.randrange(len(whole))
        backup.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :]
        )
        with pytest.raises(VerificationFailed, match="is not what was backed up"):
            restores.restore(target, str(backup))
        assert beside(target) == []


@on_sqlite
@pytest.mark.parametrize("size", [0, 50, 100, 4096, 100_000])
def test_a_backup_that_was_cut_off_is_refused_without_a_checksum_too(backup, target, size):
    os.truncate(backup, size)
    rebuilt(backup)
    with pytest.raises(VerificationFailed, match="is damaged"):
        restores.restore(target, str(backup))
    assert beside(target) == []


@on_sqlite
def test_rows_that_somebody_changed_are_found_without_a_checksum(backup, target):
    with closing(engines.sqlite_driver().connect(backup)) as wire:
        wire.execute("DROP TRIGGER movement_refuses_update")
        wire.execute("UPDATE movement SET actor = 'nobody' WHERE id = 1")
        wire.commit()
    rebuilt(backup)
    with pytest.raises(VerificationFailed, match="the books do not balance"):
        restores.restore(target, str(backup))
    assert beside(target) == []


@on_sqlite
def test_rows_that_refer_to_nothing_are_found(backup, target):
    with closing(engines.sqlite_driver().connect(backup)) as wire:
        wire.execute("DELETE FROM command_log WHERE id = 1")
        wire.commit()
    rebuilt(backup)
    with pytest.raises(VerificationFailed, match="is damaged") as refused:
        restores.restore(target, str(backup))
    assert "has no command_log" in refused.value.errors[0]["detail"]


@on_sqlite
def test_a_checksum_that_is_none_is_refused(backup, target):
    backup.with_name("shop.db.sha256").write_text("hello")
    with pytest.raises(VerificationFailed, match="is no checksum as sha256sum writes it"):
        restores.restore(target, str(backup))
    assert beside(target) == []


@on_sqlite
def test_what_is_no_database_of_bvinv_is_refused(target, tmp_path, stocked):
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as wire:
        wire.execute("CREATE TABLE t (x)")
        wire.commit()
    with pytest.raises(InvalidInput, match="is not a database of bvinv"):
        restores.restore(target, str(other))
    text = tmp_path / "text.db"
    text.write_text("hello" * 5000)
    with pytest.raises(VerificationFailed, match="is damaged"):
        restores.restore(target, str(text))
    with pytest.raises(NotFound, match="there is no backup"):
        restores.restore(target, str(tmp_path / "nothing.db"))
    with pytest.raises(InvalidInput, match="is a folder"):
        restores.restore(target, str(tmp_path))
    assert beside(target) == []


@on_sqlite
@pytest.mark.parametrize(("version", "error"), [("9999", Conflict), ("copying", Conflict)])
def test_a_schema_from_the_future_is_refused(backup, target, version, error):
    with closing(engines.sqlite_driver().connect(backup)) as wire:
        wire.execute("UPDATE alembic_version SET version_num = ?", [version])
        wire.commit()
    rebuilt(backup)
    with pytest.raises(error):
        restores.restore(target, str(backup))
    assert beside(target) == []


@on_sqlite
def test_an_older_schema_is_restored_as_it_is_and_then_upgraded(backup, target):
    with closing(engines.sqlite_driver().connect(backup)) as wire:
        wire.execute("UPDATE alembic_version SET version_num = '0005'")
        wire.commit()
    rebuilt(backup)
    told: list[str] = []
    row = restores.restore(target, str(backup), tell=told.append)
    assert (row.schema_version, row.verified) == ("0005", "pages")
    assert told[-1].endswith(f"then run: bvinv --db {target} init")
    assert schema.upgrade(target).schema_version == db.SCHEMA
    with closing(target):
        books.assert_sound(target)


@on_sqlite
def test_a_dry_run_proves_the_backup_and_makes_nothing(backup, target):
    row = restores.restore(target, str(backup), dry_run=True)
    assert (row.movements, beside(target)) == (3, [])


@on_sqlite
def test_a_folder_that_is_not_there_is_said(backup, tmp_path):
    with pytest.raises(NotFound, match="there is no folder"):
        restores.restore(Database(tmp_path / "no" / "new.db"), str(backup))


@on_sqlite
def test_ctrl_c_leaves_nothing(backup, target):
    def press(share: float) -> None:
        if share > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restores.restore(target, str(backup), advance=press)
    assert beside(target) == []


@on_sqlite
def test_a_search_index_of_before_is_told_from_the_restored_database(stocked, backup, tmp_path):
    from bvinv.core.search.index import Index
    from bvinv.core.search.search import search

    books.add_products(stocked, "ZZ-NEW")
    place = Path(f"{tmp_path}/new.db.search")
    index = Index(place)
    found = books.ask(stocked, lambda session: search(session, index, query="ZZ-NEW"))
    assert [row.sku for row in found.results] == ["ZZ-NEW"]
    target = Database(tmp_path / "new.db", clock=books.Clock())
    restores.restore(target, str(backup))
    with closing(target):
        found = books.ask(target, lambda session: search(session, index, query="ZZ-NEW"))
        assert found.relaxed is not None or found.results == []
