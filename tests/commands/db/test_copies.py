"""`bvinv db copy`."""

from contextlib import closing
from pathlib import Path

import pytest

from bvinv.core import engines
from bvinv.core.db import Database
from bvinv.core.moving import copying
from tests.moving_books import content


def stopped(monkeypatch, steps):
    """Let Ctrl-C be pressed when a copy has come so far."""
    left = [steps]

    def told(self, rows):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(copying._Copy, "_told", told)


def test_a_copy_is_made_and_shown(bvinv, tmp_path):
    found = bvinv("db copy shop.db new/copy.db --format json").json

    assert found | {"seconds": 0, "rows_per_second": 0, "head": "", "rows": 0} == {
        "source": str(tmp_path / "shop.db"),
        "target": str(tmp_path / "new" / "copy.db"),
        "tables": 48,
        "rows": 0,
        "seconds": 0,
        "rows_per_second": 0,
        "head": "",
        "resumed": False,
        "verified": True,
    }
    head = bvinv("--db new/copy.db stock verify --format json").json["head"]
    assert head == found["head"] == bvinv("stock verify --format json").json["head"]
    with closing(Database("shop.db")) as source, closing(Database("new/copy.db")) as target:
        assert content(target) == content(source)


def test_people_see_it_in_80_columns(bvinv):
    ran = bvinv("db copy shop.db copy.db --format table")

    assert ran.exit_code == 0
    assert max(map(len, ran.stdout.splitlines())) <= 80


def test_a_dry_run_says_what_it_would_copy(bvinv, tmp_path):
    ran = bvinv("db copy shop.db copy.db --dry-run --format json")

    assert ran.json["dry_run"] is True
    assert ran.json["verified"] is False
    assert ran.stderr == "dry run: nothing was copied\n"
    assert not (tmp_path / "copy.db").exists()


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(bvinv, monkeypatch):
    with monkeypatch.context() as patch:
        stopped(patch, 60)
        ran = bvinv("db copy shop.db copy.db")
    assert ran.exit_code == 130
    assert "go on with the same command" in ran.stderr
    said = bvinv("--db copy.db stock show HX-1").refused(4)
    assert "is being copied into and not complete" in said
    assert "run the same db copy again" in said
    assert "is being copied into" in bvinv("--db copy.db init").refused(4)

    ran = bvinv("db copy shop.db copy.db --format json")

    assert ran.json["resumed"] is True
    assert "movement: 3 rows are there" in ran.stderr
    assert bvinv("--db copy.db stock verify").exit_code == 0


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("shop.db shop.db", 2, "cannot be copied onto itself"),
        ("absent.db copy.db", 3, "there is no database at"),
        ("shop.db other.db", 4, "is not empty"),
        ("shop.db mysql://host/name", 2, "no database is known by the scheme 'mysql'"),
        ("mongodb://host copy.db", 2, "no database is known by the scheme 'mongodb'"),
        ("shop.db postgresql://nobody@127.0.0.1:1/none", 9, "is away"),
        ("words.db copy.db", 2, "is not a database of bvinv"),
        ("shop.db words.db", 2, "is not a database of bvinv"),
    ],
)
def test_what_cannot_be_copied_is_refused_plainly(bvinv, tmp_path, line, code, said):
    (tmp_path / "words.db").write_text("no database at all " * 300)
    (tmp_path / "other.db").write_bytes((tmp_path / "shop.db").read_bytes())
    before = sorted(path.name for path in tmp_path.iterdir())
    dump = bvinv.dump()

    assert said in bvinv(f"db copy {line}").refused(code)

    after = {path.name for path in tmp_path.iterdir() if not path.name.endswith((".lock", "-shm"))}
    assert {name for name in after if not name.endswith("-wal")} == set(before)
    assert bvinv.dump() == dump


def test_a_source_of_another_release_is_refused(bvinv, tmp_path):
    with closing(engines.sqlite_driver().connect(tmp_path / "shop.db")) as wire:
        wire.execute("UPDATE alembic_version SET version_num = '0007'")
        wire.commit()

    assert "newer than this program" in bvinv("db copy shop.db copy.db").refused(4)
    assert not Path("copy.db").exists()
