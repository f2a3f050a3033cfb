"""`bvinv db log export` and `bvinv db log replay`."""

import gzip
import json
from contextlib import closing

from bvinv.core.db import Database
from tests.moving_books import content


def rows(path):
    with closing(Database(path)) as database:
        return content(database)


def test_a_ledger_goes_into_a_compressed_file_and_a_database_comes_out(bvinv, tmp_path):
    written = bvinv("db log export ledger.jsonl.gz --format json").json
    made = bvinv("--db new.db db log replay ledger.jsonl.gz --format json").json

    with gzip.open(tmp_path / "ledger.jsonl.gz") as file:
        assert json.loads(file.readline())["schema"] == "0006"
    assert written["head"] == made["head"]
    assert (made["movements"], made["levels"], made["verified"]) == (3, 3, True)
    assert rows("new.db") == rows("shop.db")
    assert (tmp_path / "ledger.jsonl.gz").stat().st_mode & 0o777 == 0o600
    assert bvinv("--db new.db stock verify").exit_code == 0


def test_a_ledger_goes_through_a_pipe(bvinv):
    ran = bvinv("db log export")
    assert ran.exit_code == 0
    assert json.loads(ran.stdout.splitlines()[0])["bvinv_log"] == 1
    assert "3 movements, head " in ran.stderr

    assert bvinv("--db new.db db log replay -", stdin=ran.stdout).exit_code == 0

    assert rows("new.db") == rows("shop.db")


def test_a_file_is_replaced_only_when_that_is_said(bvinv, tmp_path):
    (tmp_path / "ledger.jsonl").write_text("mine")

    assert "--force replaces it" in bvinv("db log export ledger.jsonl").refused(4)
    assert (tmp_path / "ledger.jsonl").read_text() == "mine"
    assert bvinv("db log export ledger.jsonl --force").exit_code == 0
    assert (tmp_path / "ledger.jsonl").read_text().startswith('{"bvinv_log":1')
    dump = bvinv.dump()
    assert "is the database itself" in bvinv("db log export shop.db --force").refused(2)
    assert "is the database itself" in bvinv("db log export shop.db-shm").refused(2)
    assert bvinv.dump() == dump
    assert "cannot be written" in bvinv("db log export away/ledger.jsonl").refused(2)
    assert "cannot be written" in bvinv("db log export . --force").refused(2)


def test_what_cannot_be_replayed_is_refused_plainly(bvinv, tmp_path):
    bvinv("db log export ledger.jsonl")
    said = (tmp_path / "ledger.jsonl").read_text()
    (tmp_path / "cut.jsonl").write_text(said[:-40])
    (tmp_path / "edited.jsonl").write_text(said.replace('"receive"', '"deliver"', 1))
    dump = bvinv.dump()

    assert "is not empty" in bvinv("db log replay ledger.jsonl").refused(4)
    assert "and not with a trailer" in bvinv("--db new.db db log replay cut.jsonl").refused(8)
    assert "is not what was written" in bvinv("--db new.db db log replay edited.jsonl").refused(8)
    assert "no ledger as a file" in bvinv("--db new.db db log replay shop.db").refused(2)
    assert "there is no file" in bvinv("--db new.db db log replay absent.jsonl").refused(3)

    assert bvinv.dump() == dump
    assert not (tmp_path / "new.db").exists()
