"""`bvinv init`: what it makes, and what it leaves alone."""

import sqlite3
import stat

import pytest


@pytest.fixture
def nowhere(bvinv, monkeypatch, tmp_path):
    """Let BVINV_DB name a file that is not there, in a folder that is not there."""
    path = tmp_path / "deep" / "new.db"
    monkeypatch.setenv("BVINV_DB", str(path))
    return path


def test_a_database_is_made_for_its_owner_alone(bvinv, nowhere):
    ran = bvinv("init")

    assert ran == (
        0,
        f"database        {nowhere}\nschema_version  0006\naction          created\n",
        "",
    )
    assert stat.S_IMODE(nowhere.stat().st_mode) == 0o600
    assert bvinv("stock list --format json").json == []


def test_repeating_it_changes_nothing(bvinv):
    bvinv("receive HX-1 --qty 1 -w MAIN")
    before = bvinv.dump()

    assert bvinv("init --format json").json["action"] == "nothing"
    assert bvinv.dump() == before


def test_a_dry_run_makes_nothing(bvinv, nowhere):
    ran = bvinv("init --sample --dry-run --format json")

    assert (ran.json["action"], ran.json["dry_run"], ran.json["changes"]) == ("created", True, [])
    assert ran.stderr == "dry run: nothing was changed\n"
    assert not nowhere.parent.exists()


def test_the_sample_shop_has_suppliers_and_what_is_there_stays(bvinv, nowhere):
    bvinv("init")
    bvinv("purchase supplier add HARBOUR --name Mine --currency GBP --lead-time-days 9")

    assert bvinv("init --sample --format json").json["suppliers"] == 6

    rows = bvinv("purchase supplier list --format json").json
    assert sum(row["products"] for row in rows) == 324
    assert [row["name"] for row in rows if row["code"] == "HARBOUR"] == ["Mine"]
    bvinv("purchase supplier terms HARBOUR JEYRE-01 --cost 9")
    bvinv("init --sample")
    row = bvinv("purchase supplier terms HARBOUR JEYRE-01 --format json").json
    assert (row["cost"], row["pack_size"]) == ("9.00", 5)


def test_the_sample_shop_is_loaded_once(bvinv, nowhere):
    first = bvinv("init --sample --format json").json
    assert list(first) == [
        "database",
        "schema_version",
        "action",
        "products",
        "warehouses",
        "levels",
        "suppliers",
        "demand_days",
    ]
    assert (first["products"] >= 200, first["warehouses"], first["suppliers"]) == (True, 3, 6)
    assert first["demand_days"] == 7598
    verified = bvinv("stock verify --format json").json

    again = bvinv("init --sample --format json").json

    assert again == first | {"action": "nothing"}
    assert bvinv("stock verify --format json").json == verified


def test_without_a_database_the_hint_is_init(bvinv, nowhere):
    for line in ("stock list", "receive HX-1 --qty 1 -w MAIN", "stock verify --head"):
        assert bvinv(line).refused(3) == (
            f"error[not-found]: there is no database at {nowhere}\nhint: run: bvinv init\n"
        )
    assert not nowhere.parent.exists()


def test_a_half_made_database_is_finished_by_init(bvinv, tmp_path, monkeypatch):
    path = tmp_path / "half.db"
    path.touch()
    monkeypatch.setenv("BVINV_DB", str(path))

    assert bvinv("stock list").refused(3) == (
        f"error[not-found]: {path} is not initialised\nhint: run: bvinv init\n"
    )
    assert bvinv("init -f json").json["action"] == "created"
    assert bvinv("stock list -f json").json == []


def test_what_is_no_database_is_refused(bvinv, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, but long enough to be looked at " * 20)
    said = f"error[invalid-input]: {path} is not a database of bvinv\n"
    before = path.read_bytes()

    assert bvinv(f"--db {path} stock list").refused(2) == said
    assert bvinv(f"--db {path} init").refused(2) == said
    assert path.read_bytes() == before


def test_another_program_s_database_is_left_alone(bvinv, tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (id INTEGER)")
    other.commit()
    other.close()
    before = path.read_bytes()

    assert (
        bvinv(f"--db {path} stock list")
        .refused(3)
        .startswith(f"error[not-found]: {path} is not initialised")
    )
    assert bvinv(f"--db {path} init").refused(2) == (
        f"error[invalid-input]: {path} is another program's database\n"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        (
            "mysql://ann:s3cret@host/shop",
            2,
            "error[invalid-input]: no database is known by the scheme 'mysql'\n"
            "hint: give a path, sqlite:///PATH or postgresql://USER@HOST/NAME\n",
        ),
        (f"/tmp/{'x' * 300}", 2, "error[invalid-input]: /tmp/xxx"),
        ("/tmp", 2, "error[invalid-input]: /tmp is a folder, not a database\n"),
        ("postgresql://ann:s3cret@127.0.0.1:1/shop", 9, "error[busy]: postgresql"),
        ("postgresql://ann:s3cret@127.0.0.1:port/shop", 2, "error[invalid-input]: "),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(bvinv, where, code, said):
    told = bvinv(f"--db {where} stock list").refused(code)

    assert told.startswith(said)
    assert "s3cret" not in told


def test_a_newer_schema_is_refused(bvinv):
    with sqlite3.connect(bvinv.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    said = (
        f"error[conflict]: {bvinv.path} has schema 9999, newer than this program's 0006\n"
        "hint: upgrade bvinv: pip install --upgrade bvinv\n"
    )
    assert bvinv("stock list").refused(4) == said
    assert bvinv("init").refused(4) == said


def test_the_sample_leaves_what_somebody_changed_alone(bvinv, nowhere):
    bvinv("init --sample")
    bvinv("products update DUNE-01 --title Mine --rating 4")
    again = bvinv("init --sample --format json")

    assert again.exit_code == 0
    shown = bvinv("products show DUNE-01 --format json").json
    assert (shown["title"], shown["rating"]) == ("Mine", 4.0)


def test_a_key_answers_what_the_first_run_did(bvinv, nowhere):
    first = bvinv("init --key K-1 --format json").json
    again = bvinv("init --key K-1 --format json").json

    assert again == first | {"replayed": True}
    assert bvinv("init --sample --key K-1").exit_code == 4


def test_another_programs_file_is_refused_also_when_it_is_only_tried(bvinv, nowhere):
    nowhere.parent.mkdir()
    with sqlite3.connect(nowhere) as foreign:
        foreign.execute("CREATE TABLE t (a)")
    foreign.close()

    assert bvinv("init --dry-run").exit_code == 2
