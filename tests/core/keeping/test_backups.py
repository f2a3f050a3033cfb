"""Backups: whole, proved, private, or not there at all."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from bvinv.core import engines, schema, verification
from bvinv.core.db import Database
from bvinv.core.errors import Busy, Conflict, InvalidInput, NotFound, VerificationFailed
from bvinv.core.keeping import backups, checksums, restores, retention, unfinished
from tests import books

on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def taken(database: Database, target: Path | str, **more) -> backups.BackupRow:
    return backups.take(database, str(target), **more)


def content(path: Path) -> dict[str, list]:
    with closing(engines.sqlite_driver().connect(path)) as wire:
        return {
            table: sorted(wire.execute(f"SELECT * FROM {table}"), key=repr)
            for table in books.TABLES
        }


def test_a_backup_is_one_file_that_holds_everything(stocked, folder):
    books.reserve(stocked, "SO-1", "HX-1=3@MAIN")
    row = taken(stocked, folder / "shop.db")
    assert names_in(folder) == ["shop.db", "shop.db.sha256"]
    kept, there = content(folder / "shop.db"), books.snapshot(stocked)
    if stocked.path:
        assert {table: kept[table] for table in there} == there
    # Between the engines transactions have other numbers; `db copy` compares the rest.
    assert {table: len(kept[table]) for table in there} == {
        table: len(rows) for table, rows in there.items()
    }
    with closing(engines.sqlite_driver().connect(folder / "shop.db")) as wire:
        assert wire.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert wire.execute("PRAGMA application_id").fetchone() == (engines.APPLICATION_ID,)
    assert row.head == books.ask(stocked, verification.head)
    assert (row.movements, row.verified, row.removed) == (4, "pages and books", 0)
    assert row.bytes == (folder / "shop.db").stat().st_size
    assert row.database == str(stocked)


@on_sqlite
def test_sha256sum_checks_a_backup(stocked, folder):
    target = folder / "a name\\with\nall of it.db"
    taken(stocked, target)
    checked = subprocess.run(
        ["sha256sum", "-c", f"{target.name}.sha256"], cwd=folder, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


@on_sqlite
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_may_read_a_backup_whatever_the_umask(stocked, folder, mask):
    before = os.umask(mask)
    try:
        taken(stocked, folder / "shop.db")
    finally:
        os.umask(before)
    assert [mode(folder / name) for name in ("shop.db", "shop.db.sha256")] == [0o600, 0o600]


@on_sqlite
def test_what_is_there_already_stays_unless_it_may_be_replaced(stocked, folder):
    target = folder / "shop.db"
    target.write_text("dear to somebody")
    with pytest.raises(Conflict, match=r"shop\.db exists") as refused:
        taken(stocked, target)
    assert refused.value.hint == "choose another name, or replace it: --force"
    assert (names_in(folder), target.read_text()) == (["shop.db"], "dear to somebody")
    row = taken(stocked, target, force=True)
    assert content(target)["movement"] != []
    assert (folder / "shop.db.sha256").read_text() == f"{row.sha256}  shop.db\n"


@on_sqlite
def test_a_backup_is_never_put_over_the_database_itself(stocked, folder):
    for end in ("", "-wal", ".lock"):
        with pytest.raises(InvalidInput, match="is the database itself"):
            taken(stocked, f"{stocked.path}{end}", force=True)
    os.link(stocked.path, folder / "other-name.db")
    with pytest.raises(InvalidInput, match="is the database itself"):
        taken(stocked, folder / "other-name.db", force=True)


@on_sqlite
def test_a_log_that_would_be_taken_for_a_part_of_it_is_refused(stocked, folder):
    (folder / "shop.db-wal").write_bytes(b"stale")
    with pytest.raises(Conflict, match="has a log beside it"):
        taken(stocked, folder / "shop.db", force=True)
    assert names_in(folder) == ["shop.db-wal"]


@on_sqlite
@pytest.mark.parametrize("target", ["", "-", "a\0b"])
def test_a_backup_needs_a_name(stocked, target):
    with pytest.raises(InvalidInput, match="goes to a file or a folder"):
        taken(stocked, target)


@on_sqlite
def test_a_folder_that_is_not_there_is_not_made(stocked, folder):
    for target in (folder / "no" / "shop.db", f"{folder}/no/"):
        with pytest.raises(NotFound, match="there is no folder") as refused:
            taken(stocked, target)
        assert refused.value.hint == f"make it: mkdir -p {folder}/no"
    assert names_in(folder) == []


@on_sqlite
def test_a_folder_that_cannot_be_written_or_searched_is_said(stocked):
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    books.level(stocked, "HX-1", "MAIN")  # opened by its owner
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "closed").mkdir(mode=0o700)
        folder.chmod(0o555)
        os.seteuid(65534)
        try:
            for target in (folder / "closed" / "shop.db", f"{folder}/closed/"):
                with pytest.raises(InvalidInput, match="cannot be written: "):
                    taken(stocked, target)
        finally:
            os.seteuid(0)


@on_sqlite
def test_a_disk_without_room_is_seen_beforehand(stocked, folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 1_000_000))
    with pytest.raises(Busy, match="has room for 1,000,000 bytes, and the backup needs"):
        taken(stocked, folder / "shop.db")
    assert names_in(folder) == []


@on_sqlite
def test_a_disk_that_fills_up_meanwhile_leaves_nothing(stocked, folder):
    resource = pytest.importorskip("resource")
    books.level(stocked, "HX-1", "MAIN")  # opened before nothing more may be written
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a disk that is full, nothing is written beyond this.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(Busy):
            taken(stocked, folder / "shop.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert names_in(folder) == []


@on_sqlite
def test_a_damaged_database_makes_no_backup(stocked, folder):
    stocked.engine  # noqa: B018
    stocked.close()
    with stocked.path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(os.urandom(40 * 4096))
    stocked.__dict__["damaged"] = True
    with pytest.raises(VerificationFailed, match="is damaged"):
        taken(stocked, folder / "shop.db")
    assert names_in(folder) == []


@on_sqlite
def test_what_dead_runs_left_goes_and_what_a_running_one_writes_stays(stocked, folder):
    dead = folder / ".shop.db.0123456789abcdef.unfinished"
    for end in ("", "-journal", ".lock"):
        Path(f"{dead}{end}").touch()
    (folder / ".shop.db.unfinished").touch()  # not of this pattern
    with unfinished.unfinished(folder / "other.db") as running:
        taken(stocked, folder / "shop.db")
        assert running.path.exists()
        assert not dead.exists()
    assert names_in(folder) == [".shop.db.unfinished", "shop.db", "shop.db.sha256"]


@on_sqlite
def test_ctrl_c_leaves_nothing(stocked, folder):
    def press(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        taken(stocked, folder / "shop.db", advance=press)
    assert names_in(folder) == []


def test_writers_go_on_while_a_backup_is_made(stocked, folder):
    """All that was acknowledged before it began is in it, and it balances by itself."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def reserve() -> None:
        other = Database(books.url(stocked) if stocked.url else stocked.path, clock=stocked.clock)
        with closing(other):
            for turn in range(9):
                if not stop.is_set():
                    books.reserve(other, f"SO-{turn}", "HX-1=1@MAIN")
                    acknowledged.append(f"SO-{turn}")

    writer = threading.Thread(target=reserve)
    writer.start()
    try:
        for turn in range(2 if stocked.path else 1):
            before = list(acknowledged)
            taken(stocked, folder / f"{turn}.db")
            with closing(engines.sqlite_driver().connect(folder / f"{turn}.db")) as wire:
                found = {row[0] for row in wire.execute("SELECT id FROM reservation")}
            assert found >= set(before)
    finally:
        stop.set()
        writer.join()


def test_in_a_folder_it_is_named_after_the_database_and_the_time(stocked, folder):
    stem = "bvinv" if stocked.path else "test"
    target = folder / f"{stem}-20260301T090000Z.db"
    assert taken(stocked, f"{folder}/", dry_run=True).file == str(target)
    target.touch()
    with pytest.raises(Conflict, match="exists"):
        taken(stocked, folder)


@on_sqlite
def test_older_backups_go_by_the_rule_and_nothing_else_does(stocked, folder, clock):
    policy = retention.parse("2d,1w")
    strangers = [
        *("bvinv-20260101T000000Z.db.old", "other-20260101T000000Z.db", "bvinv-2026.db"),
        *("bvinv-20261301T000000Z.db", "my-bvinv-20260101T000000Z.db"),
    ]
    for name in strangers:
        (folder / name).touch()
    (folder / "bvinv-20250101T000000Z.db").symlink_to(folder / strangers[0])
    names = []
    for _ in range(4):
        names.append(Path(taken(stocked, folder, quick=True, keep=policy).file).name)
        clock.advance(12 * books.HOUR)
    # 1 March in the morning (a Sunday) and evening, 2 March in the morning and evening.
    left = [names[1], names[3]]
    assert names_in(folder) == sorted(
        [*strangers, "bvinv-20250101T000000Z.db", *left, *(f"{name}.sha256" for name in left)]
    )


@on_sqlite
def test_what_was_made_now_stays_though_a_clock_ran_ahead_once(stocked, folder):
    ahead = folder / "bvinv-20990101T000000Z.db"
    ahead.touch()
    row = taken(stocked, folder, keep={"d": 1}, quick=True)
    assert Path(row.file).exists()
    assert ahead.exists()
    assert row.removed == 0


@on_sqlite
def test_a_dry_run_says_what_would_be_written_and_removed(stocked, folder):
    old = folder / "bvinv-20260101T000000Z.db"
    old.touch()
    row = taken(stocked, folder, keep={"d": 1}, dry_run=True)
    assert (row.file, row.removed_files) == (
        str(folder / "bvinv-20260301T090000Z.db"),
        [str(old)],
    )
    assert names_in(folder) == [old.name]


@on_sqlite
def test_what_to_keep_is_asked_of_a_folder(stocked, folder):
    with pytest.raises(InvalidInput, match="is asked of a folder"):
        taken(stocked, folder / "shop.db", keep={"d": 1})


@on_sqlite
def test_a_backup_is_named_by_a_pattern_that_reads_it_back(stocked, folder):
    name = backups.name_of(stocked, books.START)
    assert re.fullmatch(r"bvinv-\d{8}T\d{6}Z\.db", name)
    (folder / name).touch()
    assert backups.dated(folder, "bvinv") == {books.START: folder / name}


def test_books_that_do_not_balance_can_be_backed_up_and_restored_when_asked(stocked, folder):
    books.damage(stocked, "UPDATE stock_level SET on_hand = on_hand + 1 WHERE id = 1")
    with pytest.raises(VerificationFailed, match="do not balance") as refusal:
        taken(stocked, folder / "shop.db")
    assert "--quick" in refusal.value.hint
    assert names_in(folder) == []

    assert taken(stocked, folder / "shop.db", quick=True).verified == "pages"

    again = Database(folder / "again.db")
    with pytest.raises(VerificationFailed, match="do not balance"):
        restores.restore(again, str(folder / "shop.db"))
    assert restores.restore(again, str(folder / "shop.db"), quick=True).verified == "pages"
    again.close()


@on_sqlite
def test_a_name_that_is_left_of_a_restore_is_removed_and_the_database_stays(stocked, folder):
    taken(stocked, folder / "shop.db")
    left = folder / f".shop.db.{'0' * 16}.unfinished"
    os.link(folder / "shop.db", left)

    assert unfinished.leftovers(folder) == [left]
    taken(stocked, folder / "more.db")

    assert names_in(folder) == ["more.db", "more.db.sha256", "shop.db", "shop.db.sha256"]


@on_sqlite
def test_a_checksum_stays_where_its_file_is_not_replaced(stocked, folder):
    taken(stocked, folder / "shop.db")
    before = (folder / "shop.db.sha256").read_bytes()

    with (
        pytest.raises(OSError, match="no"),
        checksums.exchanged(folder / "shop.db", "0" * 64),
    ):
        assert not (folder / "shop.db.sha256").exists()
        raise OSError("no")

    assert (folder / "shop.db.sha256").read_bytes() == before


@on_sqlite
def test_force_replaces_no_database_and_no_part_of_this_one(stocked, folder):
    other = Database(folder / "other.db")
    schema.upgrade(other)
    before = (folder / "other.db").read_bytes()

    with pytest.raises(Conflict, match="is a database, and no backup"):
        taken(stocked, folder / "other.db", force=True)
    for end in ("-wal", ".lock"):
        with pytest.raises(InvalidInput, match="is the database itself"):
            taken(stocked, f"{stocked.path}{end}", force=True)
    with pytest.raises(InvalidInput, match="is the database itself"):
        taken(stocked, stocked.path.with_suffix(".limits"), force=True)

    assert (folder / "other.db").read_bytes() == before
