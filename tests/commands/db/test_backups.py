"""`bvinv db backup` and `bvinv db restore`, as they are typed."""

import json
import os
import subprocess
from pathlib import Path


def test_a_backup_and_back(bvinv, tmp_path):
    made = bvinv("db backup shop-copy.db --format json").json
    assert made["file"] == str(tmp_path / "shop-copy.db")
    assert made["verified"] == "pages and books"
    back = bvinv("--db new.db db restore shop-copy.db --format json").json
    assert (back["head"], back["checksum"]) == (made["head"], "matches")
    assert bvinv("--db new.db stock verify --head").stdout == f"{made['head']}\n"
    assert bvinv("stock verify --head").stdout == f"{made['head']}\n"
    checked = subprocess.run(["sha256sum", "-c", "shop-copy.db.sha256"], check=False)
    assert checked.returncode == 0


def test_people_see_what_was_proved(bvinv):
    said = bvinv("db backup copy.db").stdout.splitlines()
    keys = [line.split()[0] for line in said]
    assert keys == [
        *("file", "bytes", "movements", "verified", "head", "sha256", "removed", "seconds")
    ]
    assert all(len(line) <= 80 for line in said if not line.startswith("file"))


def test_in_a_folder_older_ones_go(bvinv, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    old = ["shop-20250101T000000Z.db", "shop-20250102T000000Z.db"]
    for name in old:
        (folder / name).touch()
    tried = bvinv("db backup kept --keep 2d --dry-run --format json")
    assert tried.json["removed_files"] == [str(folder / old[0])]
    assert tried.json["dry_run"] is True
    assert tried.stderr == (f"would remove {folder / old[0]}\ndry run: nothing was written\n")
    assert sorted(path.name for path in folder.iterdir()) == old
    done = bvinv("db backup kept --keep 2d --format json")
    assert done.stderr == f"removed {folder / old[0]}\n"
    names = sorted(path.name for path in folder.iterdir())
    made = Path(done.json["file"]).name
    assert names == [old[1], made, f"{made}.sha256"]


def test_what_cannot_be_done_is_said_plainly(bvinv, tmp_path):
    bvinv("db backup copy.db")
    for line, code, said in (
        ("db backup copy.db", 4, f"error[conflict]: {tmp_path}/copy.db exists"),
        ("db backup no/copy.db", 3, f"error[not-found]: there is no folder {tmp_path}/no"),
        ("db backup new.db --keep 7d", 2, "error[invalid-input]: which older backups to keep"),
        ("db backup . --keep 7x", 2, "error[invalid-input]: '7x' does not say"),
        ("db restore copy.db", 4, f"error[conflict]: there is a database at {tmp_path}/shop.db"),
        ("--db new.db db restore no.db", 3, "error[not-found]: there is no backup"),
        ("--db no.db db backup copy2.db", 3, "error[not-found]: there is no database at"),
    ):
        before = bvinv.dump()
        assert bvinv(line).refused(code).startswith(said), line
        assert bvinv.dump() == before
    os.truncate(tmp_path / "copy.db", 9_000)
    refused = bvinv("--db new.db db restore copy.db --format json")
    assert (refused.exit_code, json.loads(refused.stderr)["code"]) == (8, "verification-failed")
    assert not (tmp_path / "new.db").exists()


def test_only_admins_back_up_restore_and_check(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_ROLE", "manager")
    for line in ("db backup copy.db", "--db new.db db restore copy.db", "db check"):
        assert "needs the role admin" in bvinv(line).refused(6)
