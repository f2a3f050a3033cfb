"""`bvinv db check`, as it is typed."""

import json
from contextlib import closing

from bvinv.core import engines


def test_a_sound_database_ends_with_0(bvinv):
    ran = bvinv("db check --format json")
    rows = ran.json
    assert {row["severity"] for row in rows} == {"ok"}
    assert set(rows[0]) == {"check", "severity", "detail", "mend"}
    assert [row["check"] for row in rows][-1] == "books"
    assert ran.stderr == ""


def test_a_warning_ends_with_0(bvinv, tmp_path):
    (tmp_path / "gone.db-wal").touch()
    ran = bvinv("db check --quick --format json")
    assert [row["check"] for row in ran.json if row["severity"] == "warning"] == ["sidecars"]


def test_an_error_ends_with_8_and_everything_is_shown_all_the_same(bvinv):
    with closing(engines.sqlite_driver().connect(bvinv.path)) as wire:
        wire.execute("UPDATE stock_level SET on_hand = on_hand + 1 WHERE id = 1")
        wire.commit()
    ran = bvinv("db check --format json")
    assert ran.exit_code == 8
    wrong = [row for row in json.loads(ran.stdout) if row["severity"] == "error"]
    assert [(row["check"], row["mend"]) for row in wrong] == [
        ("books", f"bvinv --db {bvinv.path} stock verify")
    ]
    problem = json.loads(ran.stderr)
    assert problem["detail"] == "1 of 15 checks found an error"
    assert problem["errors"][0]["check"] == "books"


def test_a_table_fits_80_columns_and_keeps_what_mends(bvinv):
    bvinv.path.chmod(0o644)
    ran = bvinv("db check --quick --format table")
    assert ran.exit_code == 8
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    assert "…" not in ran.stdout


def test_a_broken_file_gives_no_traceback(bvinv):
    bvinv.path.write_bytes(b"SQLite format 3\0" + bytes(100))
    ran = bvinv("db check")
    assert ran.exit_code == 8
    assert "is damaged" in ran.stdout or "is not a database" in ran.stdout


def test_a_missing_database_is_not_found(bvinv):
    assert "there is no database at" in bvinv("--db no.db db check").refused(3)
