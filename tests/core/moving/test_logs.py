"""The ledger as a file, and an equal database from it; what was damaged leaves nothing."""

import gzip
import hashlib
import io
import json

import pytest

from bvinv.core import verification
from bvinv.core.db import Database
from bvinv.core.errors import Conflict, InvalidInput, VerificationFailed
from bvinv.core.moving import log_export, log_format, log_replay
from tests.books import add_bin, adjust, ask, put_away, receive, verify
from tests.moving_books import content, made

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
ONTO_SQLITE = pytest.mark.parametrize("target", ["sqlite"], indirect=True)


def exported(database):
    file = io.BytesIO()
    row = log_export.export(database, file.write, file="ledger.jsonl")
    return row, file.getvalue()


def replayed(target, said):
    return log_replay.replay(target, lambda: io.BytesIO(said))


@pytest.fixture
def moved_about(full) -> Database:
    """Return a database with goods in bins that nobody sells from, undone and adjusted."""
    adjust(full, "HX-1", "MAIN", -2)
    add_bin(full, "NORTH", "BROKEN", "damaged")
    receive(full, "HX-2", 3, "NORTH")
    put_away(full, "HX-2", 2, "NORTH", "BROKEN")
    return full


def test_a_replay_makes_an_equal_database(moved_about, target):
    fresh = made(target)
    row, said = exported(moved_about)

    done = replayed(target, said)

    assert content(target) == content(moved_about)
    assert made(target) == fresh
    assert verify(target).findings == []
    assert (done.head, done.rows, done.movements) == (row.head, row.rows, row.movements)
    assert row.head == ask(target, verification.head)


@ON_SQLITE
def test_what_follows_from_the_movements_is_not_in_the_file(full):
    row, said = exported(full)
    first, *rows, last = [json.loads(line) for line in said.splitlines()]

    assert first["bvinv_log"] == 1
    assert "popularity" not in first["tables"]["product"]["columns"]
    assert not {"on_hand", "reserved", "unsellable", "head_hash"} & set(
        first["tables"]["stock_level"]["columns"]
    )
    assert {one[0] for one in rows}.isdisjoint({"bin_level", "job_lease"})
    assert (len(rows), last["rows"]) == (row.rows, row.rows)
    before = said[: said.rindex(b"\n", 0, -1) + 1]
    assert last["sha256"] == row.sha256 == hashlib.sha256(before).hexdigest()


def refused(target, said, error, match):
    before = content(target)
    with pytest.raises(error, match=match):
        replayed(target, said)
    assert content(target) == before


@ON_SQLITE
@ONTO_SQLITE
def test_a_file_that_was_cut_changed_or_damaged_is_refused_by_line(full, target):
    _, said = exported(full)
    lines = said.splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if line.startswith(b'["movement"'))
    count = len(lines)

    def changed(place, old, new):
        assert old in lines[place]
        return b"".join([*lines[:place], lines[place].replace(old, new), *lines[place + 1 :]])

    for damaged, where in (
        (b"".join(lines[:-1]), f"line {count - 1}: the file ends here"),
        (said[: len(said) // 2], "line [0-9]+: the file ends here"),
        (said[:-1], f"line {count}: the file ends here"),
        (b"".join(lines[:-2]) + lines[-1], f"line {count - 1}: .* rows are said"),
        (b"".join(lines[:5] + lines[6:]), "line 6: it is not what was written"),
        (changed(number, b'"receive"', b'"Receive"'), f"line {number + 1}: it is not what"),
        (changed(3, b"[", b"{"), "line 4: it is not what was written"),
        (changed(0, b"taken_at", b"taken_on"), f"line {count}: the lines before it"),
        (changed(count - 1, b'"sha256":"', b'"sha256":"0'), f"line {count}: the lines before it"),
    ):
        refused(target, damaged, VerificationFailed, where)


@ON_SQLITE
@ONTO_SQLITE
def test_what_is_no_log_of_this_release_is_refused(full, target):
    _, said = exported(full)

    refused(target, b"", InvalidInput, "no ledger as a file")
    refused(target, b"sku,title\nHX-1,Hex\n", InvalidInput, "no ledger as a file")
    refused(target, b"\x00\xff" * 99, InvalidInput, "no ledger as a file")
    newer = said.replace(b'"schema":"0006"', b'"schema":"0007"', 1)
    refused(target, newer, Conflict, "schema 0007, this program 1 and 0006")
    columns = said.replace(b'"columns":["id",', b'"columns":["number",', 1)
    refused(target, columns, VerificationFailed, "line 1: it does not name the tables")


def resealed(said, table, place, column, value):
    """Return the file with a value changed by somebody who knows how to seal it again."""
    first, *rows, last = [json.loads(line) for line in said.splitlines()]
    columns = first["tables"][table]["columns"]
    chosen = [row for row in rows if row[0] == table][place]
    chosen[columns.index(column) + 1] = value
    made, seal = [log_format.encoded(first)], 0
    for row in rows:
        # In ASCII, as half of a pair can be written nowhere else.
        line, seal = log_format.sealed(json.dumps(row[:-1]).encode() + b"\n", seal)
        made.append(line)
    before = b"".join(made)
    last["sha256"] = hashlib.sha256(before).hexdigest()
    return before + log_format.encoded(last), 2 + rows.index(chosen)


@ON_SQLITE
@ONTO_SQLITE
@pytest.mark.parametrize(
    ("table", "column", "value", "why"),
    [
        ("movement", "actor", "eve", "its hash does not fit"),
        ("movement", "quantity", 11, "a row of movement"),
        ("movement", "hash", "00" * 32, "its hash does not fit"),
        ("movement", "hash", "xy", "its hash is no digest"),
        ("movement", "level_seq", 7, "movement 1 of its level is missing"),
        ("movement", "level_id", 77, "there is no level|missing"),
        ("product", "title", None, "its title cannot be null"),
        ("product", "id", "one", "its id cannot be"),
        ("product", "title", "\ud800", "its title holds a sign that no text has"),
        ("product", "title", "a\0b", "its title holds a sign that no text has"),
    ],
)
def test_a_file_that_was_changed_by_somebody_skilled_is_refused_too(
    full, target, table, column, value, why
):
    changed, line = resealed(exported(full)[1], table, 0, column, value)

    with pytest.raises(VerificationFailed) as refusal:
        replayed(target, changed)

    assert why.split("|")[0] in refusal.value.detail or "missing" in refusal.value.detail
    assert refusal.value.numbers["line"] in (line, line + 3)
    assert all(not rows for name, rows in content(target).items() if name != "reason")


@ON_SQLITE
@ONTO_SQLITE
def test_rows_that_do_not_fit_together_are_refused(full, target):
    _, said = exported(full)

    for table, column, value, why in (
        ("product", "category_id", 99, "refers to no category"),
        ("reservation_line", "quantity", 99, r"a row of reservation_line, in lines \d+ to \d+"),
        ("warehouse", "code", "ELSEWHERE", "its hash does not fit"),
    ):
        changed, _ = resealed(said, table, 0, column, value)
        refused(target, changed, VerificationFailed, why)


@ON_SQLITE
def test_a_database_that_holds_anything_is_refused(full, stocked):
    before = content(stocked)

    with pytest.raises(Conflict, match="is not empty"):
        replayed(stocked, exported(full)[1])

    assert content(stocked) == before


@ON_SQLITE
def test_a_file_that_is_refused_leaves_no_database_where_none_was(full, tmp_path):
    target = Database(tmp_path / "new.db")
    changed, _ = resealed(exported(full)[1], "movement", 0, "actor", "eve")

    with pytest.raises(VerificationFailed):
        replayed(target, changed)

    target.close()
    assert [path.name for path in tmp_path.glob("new.db*")] == []


@ON_SQLITE
@ONTO_SQLITE
def test_a_compressed_file_that_was_cut_is_refused(full, target):
    packed = gzip.compress(exported(full)[1])

    def opened():
        return gzip.GzipFile(fileobj=io.BytesIO(packed[: len(packed) // 2]))

    with pytest.raises(VerificationFailed, match=r"line \d+: it cannot be read"):
        log_replay.replay(target, opened)


@ON_SQLITE
def test_who_was_faster_keeps_the_database(full, tmp_path):
    _, said = exported(full)
    first, second = (Database(tmp_path / "new.db") for _ in range(2))

    with pytest.raises(Conflict, match="there is a database"), log_replay._made(second) as made:
        replayed(made, said)
        replayed(first, said)

    assert content(first) == content(full)
    first.close()
    assert sorted(path.name for path in tmp_path.glob("*new.db*")) == ["new.db", "new.db.lock"]
    second.close()


@ON_SQLITE
@ONTO_SQLITE
def test_a_number_of_rows_below_zero_is_refused(full, target):
    _, said = exported(full)
    first, rest = said.split(b"\n", 1)
    header = json.loads(first)
    header["tables"]["product"]["rows"] -= 100
    header["tables"]["bin"]["rows"] += 100
    refused(target, log_format.encoded(header) + rest, VerificationFailed, "line 1: it does not")
