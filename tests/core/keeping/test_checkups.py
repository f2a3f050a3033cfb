"""What a look at a database finds: each finding is provoked once."""

import os
import subprocess
import sys
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from bvinv.core import engines, leases
from bvinv.core.db import Database
from bvinv.core.errors import Busy, NotFound, VerificationFailed
from bvinv.core.keeping import (
    checkups,
    file_checkups,
    findings,
    postgresql_checkups,
    sqlite_checkups,
)
from bvinv.core.keeping.findings import CheckRow
from tests import books

on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
RESTORE = "bvinv --db NEW db restore BACKUP"


def checked(database: Database, **more) -> list[CheckRow]:
    place = Path(f"{database.path}.search") if database.path else Path("/nowhere")
    return checkups.check(database, search=place, **more)


def found(database: Database, check: str, **more) -> list[tuple[str, str, str]]:
    """Return severity, detail and mend of what one check finds."""
    return [
        (row.severity, row.detail, row.mend)
        for row in checked(database, **more)
        if row.check == check
    ]


def test_a_sound_database_is_fine(stocked):
    rows = checked(stocked)
    # The server of the tests does not wait for its disk, and the clock of the tests stands.
    usual = {"durability", "server-clock", "connections"}
    assert [row for row in rows if row.severity != "ok" and row.check not in usual] == []
    place = ["library", "permissions", "sidecars", "file-system", "room", "settings", "pages"]
    server = ["server", "durability", "connections", "server-clock", "transactions"]
    own = [*place, "references", "guards"] if stocked.path else [*server, "guards"]
    own += [] if stocked.path else ["indexes", "sequences"]
    assert [row.check for row in rows] == [
        *own,
        *("schema", "clock", "holds", "leases", "search", "books"),
    ]
    assert rows[-1].detail == "3 movements on 3 levels balance"
    findings.require_sound(rows)


@on_sqlite
def test_a_quick_look_leaves_out_the_books(stocked):
    rows = checked(stocked, quick=True)
    assert "books" not in [row.check for row in rows]
    if stocked.path:
        assert ("ok", "quick_check: ok", "") in found(stocked, "pages", quick=True)


def test_the_guards_are_those_of_a_new_database(database):
    if database.path:
        said = "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        assert {name for (name,) in books.fetch(database, said)} == sqlite_checkups.GUARDS
        return
    said = (
        "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal"
    )
    assert {name for (name,) in books.fetch(database, said)} == postgresql_checkups.GUARDS


def test_a_missing_guard_is_an_error(stocked):
    name = "reason_stays"
    on = "" if stocked.path else " ON reason"
    books.damage(stocked)
    with closing(books.raw(stocked)) as wire:
        wire.execute(f"DROP TRIGGER {name}{on}")
    detail = f"missing: {name}; the ledger could be rewritten"
    missing = [row for row in found(stocked, "guards", quick=True) if name in row[1]]
    if stocked.path:
        assert "movement_refuses_update" in found(stocked, "guards")[0][1]
    else:
        assert missing == [("error", detail, RESTORE)]


@on_sqlite
def test_books_that_do_not_balance_are_an_error(stocked):
    books.damage(stocked, "UPDATE stock_level SET on_hand = on_hand + 1 WHERE id = 1")
    [(severity, detail, mend)] = found(stocked, "books")
    assert (severity, detail) == (
        "error",
        "HX-1 at MAIN: on hand is 11, its movements add up to 10, and 1 more",
    )
    assert mend == f"bvinv --db {stocked} stock verify"
    with pytest.raises(VerificationFailed) as failed:
        findings.require_sound(checked(stocked))
    assert "books" in [one["check"] for one in failed.value.errors]


@on_sqlite
def test_a_clock_that_is_behind_or_far_ahead_is_told(stocked, clock):
    at = "2026-03-01T09:00:00Z"
    clock.advance(-books.HOUR)
    assert found(stocked, "clock", quick=True) == [
        (
            "warning",
            f"this machine's clock says 2026-03-01T08:00:00Z, 1h before the last change ({at}): "
            "time stands still until it has caught up",
            "timedatectl set-ntp true",
        )
    ]
    clock.advance(50 * 24 * books.HOUR)
    [(severity, detail, _)] = found(stocked, "clock", quick=True)
    assert (severity, detail) == (
        "info",
        f"the last change was 7w ago ({at}); is the clock right?",
    )
    stocked.jump = 24 * books.HOUR
    [(severity, detail, mend)] = found(stocked, "clock", quick=True)
    assert (severity, detail[-25:]) == ("warning", ": nothing will be written")
    assert mend.endswith("BVINV_CLOCK_JUMP=50d")


@on_sqlite
def test_holds_that_nobody_sweeps_are_told(stocked, clock):
    books.reserve(stocked, "SO-1", "HX-1=1@MAIN", ttl=books.MINUTE)
    clock.advance(23 * books.HOUR)
    assert found(stocked, "holds", quick=True)[0][0] == "ok"
    clock.advance(2 * books.HOUR)
    [(severity, detail, mend)] = found(stocked, "holds", quick=True)
    assert severity == "warning"
    assert detail.startswith("1 reservations ran out more than a day ago")
    assert mend.endswith("bvinv reserve expire")
    books.expire(stocked)
    assert found(stocked, "holds", quick=True)[0][0] == "ok"


@on_sqlite
def test_leases_that_were_not_given_back_are_told(stocked, clock):
    def take(session):
        leases.take(session, name="db-backup", holder="box:1", seconds=60)
        return []

    books.act(stocked, take)
    assert found(stocked, "leases", quick=True)[0][0] == "ok"
    clock.advance(books.HOUR)
    [(severity, detail, _)] = found(stocked, "leases", quick=True)
    assert (severity, detail.partition(";")[0]) == (
        "info",
        "db-backup: box:1 has not given it back",
    )


def test_a_database_that_is_missing_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="there is no database at"):
        checked(Database(tmp_path / "no.db"))


def test_a_server_that_is_away_is_said():
    with pytest.raises(Busy, match="is away"):
        checked(Database("postgresql://postgres@127.0.0.1:1/x"))


@on_sqlite
@pytest.mark.parametrize("size", [0, 100, 5_000, 200_000])
def test_a_file_that_was_cut_off_is_an_error_and_never_a_traceback(stocked, size):
    stocked.__dict__["damaged"] = True
    os.truncate(stocked.path, size)
    rows = checked(Database(stocked.path))
    assert {row.check for row in rows if row.severity == "error"} >= {"schema"}


@on_sqlite
def test_bytes_that_changed_are_found(stocked):
    stocked.__dict__["damaged"] = True
    whole = stocked.path.read_bytes()
    pages = len(whole) // 4096
    for page in range(3, pages, pages // 6):
        spoilt = bytearray(whole)
        spoilt[page * 4096 : page * 4096 + 8] = b"\xff" * 8
        stocked.path.write_bytes(spoilt)
        rows = checked(Database(stocked.path), quick=True)
        assert [row for row in rows if row.severity == "error"], page
    stocked.path.write_bytes(whole)


@on_sqlite
def test_rows_that_refer_to_nothing_are_found(stocked):
    books.damage(stocked, "DELETE FROM command_log WHERE id = 1")
    rows = found(stocked, "references")
    assert rows[0][0] == "error"
    assert "refers to a row of command_log that is not there" in rows[0][1]


@on_sqlite
def test_settings_that_differ_are_an_error(stocked):
    stocked.__dict__["damaged"] = True
    with closing(books.raw(stocked)) as wire:
        wire.execute("PRAGMA journal_mode = delete")
    assert found(Database(stocked.path), "settings") == [
        ("error", "journal_mode is delete, not wal", f"bvinv --db {stocked.path} init")
    ]


@on_sqlite
def test_an_old_library_is_an_error(stocked, monkeypatch):
    monkeypatch.setattr(engines, "wal_is_safe", lambda: False)
    [(severity, detail, mend)] = found(stocked, "library")
    assert (severity, mend) == ("error", "pip install 'pysqlite3>=0.6.1'")
    assert "can damage a write-ahead log" in detail


@on_sqlite
def test_a_schema_of_before_and_one_of_the_future_are_errors(stocked):
    books.damage(stocked, "UPDATE alembic_version SET version_num = '0001'")
    assert found(stocked, "schema")[0][::2] == ("error", "bvinv init")
    books.damage(stocked, "UPDATE alembic_version SET version_num = '9999'")
    assert found(stocked, "schema")[0][2].endswith("pip install --upgrade bvinv")


@on_sqlite
@pytest.mark.parametrize(
    ("mode", "severity", "whom"), [(0o644, "error", "everybody"), (0o660, "warning", "the group")]
)
def test_files_that_others_may_read_are_told(stocked, mode, severity, whom):
    stocked.path.chmod(mode)
    lock = Path(f"{stocked.path}.lock")
    lock.touch(mode=0o600)
    assert found(stocked, "permissions")[0] == (
        severity,
        f"bvinv.db: open to {whom}",
        f"chmod 600 {stocked.path}",
    )


@on_sqlite
def test_a_folder_in_which_others_may_put_files_is_told(stocked):
    folder = stocked.path.parent
    folder.chmod(0o777)
    assert found(stocked, "permissions")[0][::2] == ("error", f"chmod go-w {folder}")
    folder.chmod(0o1777)
    assert found(stocked, "permissions")[0][0] == "ok"
    folder.chmod(0o700)


@on_sqlite
def test_a_file_of_another_owner_is_told(stocked):
    if os.geteuid():
        pytest.skip("only root can give a file away")
    lock = Path(f"{stocked.path}.lock")
    lock.touch(mode=0o600)
    os.chown(lock, 65534, -1)
    assert found(stocked, "owner") == [
        (
            "warning",
            "bvinv.db.lock: not of the owner of bvinv.db (user 0)",
            f"chown 0 {lock}",
        )
    ]


@on_sqlite
def test_what_lies_beside_is_told(stocked):
    folder = stocked.path.parent
    names = [
        "gone.db-wal",
        ".bvinv.db.0123456789abcdef.unfinished",
        "bvinv.db-wal.stale-12",
    ]
    for name in names:
        (folder / name).touch()
    said = [
        ("warning", f"{names[0]}: a log whose database is gone", f"rm {folder / names[0]}"),
        ("warning", f"{names[1]}: left by a backup that was killed", f"rm {folder / names[1]}"),
        ("info", f"{names[2]}: set aside by a restore", f"rm {folder / names[2]}"),
    ]
    assert found(stocked, "sidecars") == said
    journal = Path(f"{stocked.path}-journal")
    journal.touch()
    assert next(file_checkups.beside(stocked.path)).mend == f"mv {journal} {journal}.stale"


@on_sqlite
def test_a_program_that_writes_to_a_removed_log_is_told(stocked):
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc")
    books.level(stocked, "HX-1", "MAIN")
    held = "import sys; f = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", held, f"{stocked.path}-wal"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        program.stdout.readline()
        stocked.close()
        [row] = file_checkups.removed_logs(stocked.path)
        assert (row.severity, row.mend) == ("error", f"kill {program.pid}")
        program.stdin.close()
    assert list(file_checkups.removed_logs(stocked.path)) == []


@on_sqlite
def test_a_network_file_system_is_an_error(stocked, tmp_path):
    mounts = tmp_path / "mounts"
    point = str(tmp_path).replace("t", r"\164")
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nbox:/x {point} nfs4 rw 0 0\nnone /sys sysfs rw 0 0\n")
    [row] = file_checkups.file_system(stocked.path, mounts)
    assert row.severity == "error"
    assert row.detail.startswith(f"{tmp_path} is a network file system (nfs4)")
    mounts.write_text("/dev/a / ext4 rw 0 0\n")
    [row] = file_checkups.file_system(stocked.path, mounts)
    assert (row.severity, row.detail) == ("ok", "ext4 at /")


@on_sqlite
def test_a_disk_that_fills_up_and_a_log_that_grows_are_told(stocked, monkeypatch):
    usage = namedtuple("usage", "total used free")
    size = stocked.path.stat().st_size
    for free, severity in ((size, "error"), (10**9, "ok")):
        monkeypatch.setattr(
            file_checkups.shutil, "disk_usage", lambda _, free=free: usage(1, 1, free)
        )
        assert found(stocked, "room", quick=True)[0][0] == severity
    monkeypatch.setattr(file_checkups, "_NEAR_FULL", 1000)
    monkeypatch.setattr(file_checkups.shutil, "disk_usage", lambda _: usage(1, 1, size))
    assert found(stocked, "room", quick=True)[0][0] == "warning"
    monkeypatch.setattr(file_checkups, "_LOG_IS_LARGE", 1)
    books.receive(stocked, "HX-1", 1, "MAIN")
    assert found(stocked, "log", quick=True)[0][0] == "warning"


@on_sqlite
def test_an_index_of_another_database_is_told(stocked):
    from bvinv.core.search.index import Index

    place = Path(f"{stocked.path}.search")
    books.ask(stocked, Index(place).rebuild)
    assert found(stocked, "search", quick=True) == [("ok", "the index has 3 products", "")]
    state = place / "state.json"
    state.write_text(state.read_text() + " ")
    [(severity, detail, mend)] = found(stocked, "search", quick=True)
    assert (severity, mend) == ("info", f"bvinv --db {stocked.path} search --reindex")
    assert "cannot be read" in detail


@on_postgresql
def test_a_trigger_that_is_switched_off_is_an_error(stocked):
    with closing(books.raw(stocked)) as wire:
        wire.execute("ALTER TABLE movement DISABLE TRIGGER movement_refuses_change")
    assert found(stocked, "guards", quick=True) == [
        (
            "error",
            "switched off on movement: movement_refuses_change",
            'psql -c "ALTER TABLE movement ENABLE TRIGGER ALL"',
        )
    ]


@on_postgresql
def test_a_sequence_that_is_behind_is_an_error(stocked):
    with closing(books.raw(stocked)) as wire:
        wire.execute("SELECT setval('event_id_seq', 2)")
    [(severity, detail, mend)] = found(stocked, "sequences", quick=True)
    assert severity == "error"
    assert detail.startswith("event counts from 2, and has ids up to ")
    assert mend.startswith("psql -c \"SELECT setval(pg_get_serial_sequence('event', 'id'), ")


@on_postgresql
def test_an_index_that_is_not_valid_is_an_error(stocked):
    with closing(books.raw(stocked)) as wire:
        wire.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'event_pkey'::regclass"
        )
        assert found(stocked, "indexes", quick=True) == [
            (
                "error",
                "event_pkey is not valid: it was not built to its end",
                'psql -c "REINDEX INDEX event_pkey"',
            )
        ]
        wire.execute(
            "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'event_pkey'::regclass"
        )


@on_postgresql
def test_a_transaction_that_is_open_for_long_is_told(stocked):
    engine = stocked.engine
    with closing(books.raw(stocked)) as wire:
        wire.execute("BEGIN")
        wire.execute("SELECT 1")
        [(pid,)] = wire.execute("SELECT pg_backend_pid()").fetchall()
        rows = list(postgresql_checkups.transactions(stocked, engine, seconds=0))
        mine = [row for row in rows if f"process {pid} of" in row.detail]
        # Other tests' may be older, and five are told.
        assert mine or len(rows) == 5
        assert {row.severity for row in rows} == {"warning"}


@on_postgresql
def test_a_replica_that_is_away_or_no_standby_is_told(stocked):
    away = found(stocked, "replica", quick=True, replica="postgresql://postgres@127.0.0.1:1/x")
    assert away[0][0] == "warning"
    [(severity, detail, _)] = found(stocked, "replica", quick=True, replica=books.url(stocked))
    assert severity == "error", detail
    assert found(stocked, "replica", quick=True, replica="x.db")[0][0] == "error"
