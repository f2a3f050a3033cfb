"""Runs of an import: killed and resumed, all or nothing, two at once; each row counted once."""

import csv
import json
import random
import re
import threading
from itertools import pairwise

import pytest

from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.imports import progress
from bvinv.core.imports import runs as import_runs
from tests import books, workers
from tests.importers import PRODUCTS, Killed, counts, errors, load, load_stock, numbered

SOME_BAD = numbered(9_000).replace("Title 1001,", ",").replace("Title 7000,", ",") + (
    "SKU-000001,Twice,\nSKU-009999,,\n"
)
BAD = [
    (1_003, "invalid-input", "title", "the title is missing"),
    (7_002, "invalid-input", "title", "the title is missing"),
    (9_002, "conflict", "sku", "the SKU SKU-000001 is in line 3 of this file, too"),
    (9_003, "invalid-input", "title", "the title is missing"),
]


def runs(database) -> list[tuple]:
    return books.fetch(database, "SELECT rows, result IS NULL FROM import_run ORDER BY id")


def killed_at(database, rows, content, **more):
    with pytest.raises(KeyboardInterrupt):
        load(database, content, watch=Killed(rows), **more)


# --- Resumed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows", [2_000, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (4_000, 8_000)), 9_002]
)
def test_a_run_that_is_resumed_answers_what_an_uninterrupted_one_would(database, rows, tmp_path):
    whole, path = tmp_path / "whole.csv", tmp_path / "r.csv"
    expected = load(database, SOME_BAD, dry_run=True, rejects=whole)
    killed_at(database, rows, SOME_BAD, rejects=path)
    assert not [*tmp_path.glob("*r.csv*")]
    assert runs(database) == [(rows, True)]

    row = load(database, SOME_BAD, rejects=path, resume=True)

    assert counts(row) == counts(expected) == (9_002, 8_998, 0, 0, 4)
    assert errors(row) == errors(expected) == BAD
    assert path.read_bytes() == whole.read_bytes()
    assert not row.replayed
    assert len(books.fetch(database, PRODUCTS)) == 8_998
    assert runs(database) == [(9_002, False)]


def test_a_run_that_is_repeated_without_resume_begins_anew(database):
    killed_at(database, 6_000, SOME_BAD)

    assert counts(load(database, SOME_BAD)) == (9_002, 2_999, 0, 5_999, 4)
    assert runs(database) == [(9_002, False)]
    assert len(books.fetch(database, PRODUCTS)) == 8_998


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_postgresql_is_told_what_a_large_import_has_put_into_its_tables(database, monkeypatch):
    known = """SELECT reltuples FROM pg_class
                WHERE relname = 'product' AND relnamespace = CAST(current_schema AS regnamespace)"""
    monkeypatch.setattr(import_runs, "_MANY", 1_000)
    monkeypatch.setattr(import_runs, "CHUNK", 500)
    load(database, numbered(600))
    assert books.fetch(database, known) != [(600,)]

    load(database, numbered(1_800), on_existing="skip")

    assert books.fetch(database, known) == [(1_800,)]


def test_what_is_complete_answers_its_stored_result(database, tmp_path):
    path, again = tmp_path / "r.csv", tmp_path / "again.csv"
    first = load(database, SOME_BAD, rejects=path)
    before = books.snapshot(database)

    row = load(database, SOME_BAD, resume=True, rejects=again)

    assert row == first.model_copy(update={"replayed": True, "rejects_file": str(again)})
    assert again.read_bytes() == path.read_bytes()
    assert load(database, SOME_BAD, resume=True) == first.model_copy(update={"replayed": True})
    assert books.snapshot(database) == before


def test_to_resume_what_never_began_begins_it(database):
    assert counts(load(database, numbered(3), resume=True)) == (3, 3, 0, 0, 0)
    assert counts(load(database, numbered(4), resume=True)) == (4, 1, 0, 3, 0)


def test_other_options_are_another_run(database):
    killed_at(database, 2_000, numbered(3_000))
    assert counts(load(database, numbered(3_000), on_existing="skip", resume=True)) == (
        (3_000, 1_000, 0, 2_000, 0)
    )
    assert counts(load(database, numbered(3_000), resume=True)) == (3_000, 2_000, 0, 1_000, 0)


def test_a_run_that_begins_anew_is_not_complete_because_an_earlier_one_was(database):
    load(database, numbered(4_000))
    books.damage(database, "DELETE FROM product WHERE sku = 'SKU-003999'")
    killed_at(database, 2_000, numbered(4_000))
    row = load(database, numbered(4_000), resume=True)
    assert counts(row) == (4_000, 1, 0, 3_999, 0)


def test_a_file_without_skus_finds_its_doubles_across_the_cut(database, monkeypatch):
    monkeypatch.setattr(import_runs, "CHUNK", 2)
    content = (
        "isbn,title,barcode\n9780306406157,A,\n,B,b1\n9780141439518,C,\n0306406152,D,\n,E,b1\n"
    )
    killed_at(database, 2, content)
    row = load(database, content, resume=True)
    assert counts(row) == (5, 3, 0, 0, 2)
    assert errors(row) == [
        (5, "conflict", "isbn", "the ISBN 9780306406157 is in line 2 of this file, too"),
        (6, "conflict", "barcode", "the barcode b1 is in line 3 of this file, too"),
    ]


def test_a_dry_run_of_the_rest_counts_all_and_keeps_nothing(database):
    killed_at(database, 6_000, SOME_BAD)
    before = books.snapshot(database), runs(database)
    row = load(database, SOME_BAD, resume=True, dry_run=True)
    assert counts(row) == (9_002, 8_998, 0, 0, 4)
    assert (books.snapshot(database), runs(database)) == before


def test_runs_that_nobody_goes_on_with_are_dropped_after_thirty_days(database, clock):
    killed_at(database, 2_000, SOME_BAD)
    clock.advance(progress.KEPT_FOR + 1)
    load(database, numbered(1))
    assert runs(database) == [(1, False)]
    assert books.fetch(database, "SELECT count(*) FROM import_reject") == [(0,)]


def test_stock_that_is_resumed_is_posted_once_and_counted_whole(database, tmp_path):
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1")
    rows = "".join(f"{'HX-1' if n % 1_000 else 'NO'},MAIN,1,found\n" for n in range(5_000))
    content = "sku,warehouse,quantity,reason\n" + rows
    path = tmp_path / "r.csv"
    with pytest.raises(KeyboardInterrupt):
        load_stock(database, content, watch=Killed(4_000))

    row = load_stock(database, content, resume=True, rejects=path)

    assert counts(row) == (5_000, 1, 4_994, 0, 5)
    assert [line for line, *_ in errors(row)] == [2, 1_002, 2_002, 3_002, 4_002]
    assert len(path.read_text().splitlines()) == 6
    assert books.counts(database, "HX-1", "MAIN") == (4_995, 0, 4_995, 0)
    assert counts(load_stock(database, content)) == (5_000, 0, 0, 4_995, 5)
    again = load_stock(database, content, resume=True)
    assert (counts(again), again.replayed) == ((5_000, 0, 0, 4_995, 5), True)


def import_and_die(database, tell, path):
    """Import the file; somebody will kill this process."""
    tell("begun")
    load(database, path, rejects=path.with_name("r.csv"))
    tell("done")


@pytest.mark.parametrize(
    ("count", "kills"), [(8_000, 3), pytest.param(20_000, 10, marks=pytest.mark.slow)]
)
def test_killed_at_random_points_and_resumed_it_equals_one_run(
    database, where, tmp_path, count, kills
):
    chance = random.Random(3)
    path = tmp_path / "books.csv"
    names = [f"N{number}" for number in range(count)]
    lines = [f"{name},Title {name},{chance.choice('abcdef')}" for name in names]
    for place in chance.sample(range(100, count), 30):
        lines[place] = chance.choice([lines[place - 90], "X,,", f"{lines[place]},x"])
    path.write_text("sku,title,genre\n" + "\n".join(lines) + "\n")
    expected = load(database, path, dry_run=True, rejects=tmp_path / "whole.csv")
    took = expected.seconds + 0.5

    for turn in range(kills):
        process, told = workers.start(where, import_and_die if turn == 0 else resume_and_die, path)
        assert told.recv() == "begun"
        told.poll(chance.uniform(0, took / 5))
        process.kill()
        process.join()
        told.close()
        seen = runs(database)
        assert len(seen) <= 1 and all(rows % 2_000 == 0 for rows, _ in seen)

    row = load(database, path, resume=True, rejects=tmp_path / "r.csv")
    assert counts(row) == counts(expected)
    assert errors(row) == errors(expected)
    assert (tmp_path / "r.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert [found.name for found in tmp_path.glob("*r.csv*")] == ["r.csv"]
    with path.open(newline="") as source:
        _, *found = csv.reader(source)
    wanted = {}
    for cells in found:
        if len(cells) == 3 and cells[1]:
            wanted.setdefault(cells[0].lower(), cells)
    stored = [(one[0], one[1], one[6]) for one in books.fetch(database, PRODUCTS)]
    assert sorted(stored) == sorted(map(tuple, wanted.values()))
    told = books.fetch(database, "SELECT subject FROM event WHERE type = 'product.created'")
    assert len(told) == len(set(told)) == row.created


def resume_and_die(database, tell, path):
    tell("begun")
    load(database, path, resume=True, rejects=path.with_name("r.csv"))
    tell("done")


# --- All or nothing ------------------------------------------------------------------------------


def test_an_atomic_run_with_a_rejected_row_changes_nothing_and_names_them_all(database, tmp_path):
    path = tmp_path / "r.csv"
    before = books.snapshot(database)

    row = load(database, SOME_BAD, atomic=True, rejects=path)

    assert counts(row) == (9_002, 0, 0, 8_998, 4)
    assert errors(row) == BAD
    assert len(path.read_text().splitlines()) == 5
    assert books.snapshot(database) == before
    assert runs(database) == []


def test_an_atomic_run_without_one_is_one_transaction(database, monkeypatch):
    monkeypatch.setattr(import_runs, "CHUNK", 2)
    content = "sku,title,isbn,variant_of\nA,T,9780306406157,\nB,T,,\nC,T,,a\nD,T,,c\n"
    assert counts(load(database, content, atomic=True)) == (4, 4, 0, 0, 0)
    assert books.fetch(database, "SELECT count(*) FROM command_log") == [(1,)]
    assert load(database, content, atomic=True, resume=True).replayed
    assert counts(load(database, content, atomic=True)) == (4, 0, 0, 4, 0)


def test_an_atomic_run_does_not_answer_for_one_that_was_not(database):
    content = "sku,title\nA,T\nB,\n"
    assert counts(load(database, content)) == (2, 1, 0, 0, 1)
    row = load(database, content, atomic=True, resume=True)
    assert (counts(row), row.replayed) == ((2, 0, 0, 1, 1), False)


def test_an_atomic_run_finds_what_stands_twice_and_can_be_tried(database, monkeypatch):
    monkeypatch.setattr(import_runs, "CHUNK", 1)
    content = "sku,title,isbn\nA,T,9780306406157\na,T,\nB,T,9780306406157\n"
    before = books.snapshot(database)
    for dry_run in (True, False):
        row = load(database, content, atomic=True, dry_run=dry_run)
        assert [error[:3] for error in errors(row)] == [
            (3, "conflict", "sku"),
            (4, "conflict", "isbn"),
        ]
    assert counts(load(database, numbered(5), atomic=True, dry_run=True)) == (5, 5, 0, 0, 0)
    assert books.snapshot(database) == before


def test_an_atomic_import_of_stock_posts_all_or_nothing(stocked):
    header = "sku,warehouse,quantity,reason\n"
    before = books.snapshot(stocked)
    bad = header + "HX-1,MAIN,-3,lost\nHX-1,MAIN,-8,lost\nHX-2,MAIN,1,found\n"
    row = load_stock(stocked, bad, atomic=True)
    assert counts(row) == (3, 0, 0, 2, 1)
    assert books.snapshot(stocked) == before
    assert counts(load_stock(stocked, bad.replace("-8", "-7"), atomic=True)) == (3, 0, 3, 0, 0)
    assert books.counts(stocked, "HX-1", "MAIN") == (0, 0, 0, 0)


# --- Two at once ---------------------------------------------------------------------------------


def import_the_same(database, path, resume):
    row = load(database, path, resume=resume)
    return counts(row)


@pytest.mark.parametrize("resume", [False, True])
def test_two_processes_with_one_file_make_one_import(database, where, tmp_path, resume):
    path = tmp_path / "books.csv"
    path.write_text(SOME_BAD)

    answers = workers.together(where, import_the_same, [(path, resume)] * 2)

    assert [row[0] for row in answers] == [9_002, 9_002]
    assert [row[4] for row in answers] == [4, 4]
    # Whoever resumes answers for what the other one has done, too.
    assert resume or sum(row[1] for row in answers) == 8_998
    assert len(books.fetch(database, PRODUCTS)) == 8_998
    told = books.fetch(database, "SELECT count(*) FROM event WHERE type = 'product.created'")
    assert told == [(8_998,)]
    assert [open_ for _, open_ in runs(database)] == [False]


def test_two_threads_with_one_file_make_one_import(database):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(load(database, numbered(5_000))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.created + row.skipped for row in results] == [5_000, 5_000]
    assert sum(row.created for row in results) == 5_000


# --- What can go wrong ---------------------------------------------------------------------------


def test_a_key_answers_the_stored_result_and_refuses_another_request(database):
    first = load(database, "sku,title\nA,T\n", key="K")
    before = books.snapshot(database)
    again = load(database, "sku,title\nA,T\n", key="K")
    assert again == first.model_copy(update={"replayed": True})
    with pytest.raises(Conflict):
        load(database, "sku,title\nB,T\n", key="K")
    assert books.snapshot(database) == before


def test_an_atomic_run_keeps_its_key_with_its_rows(database):
    refused = load(database, "sku,title\nA,T\nB,\n", key="K", atomic=True)
    assert counts(refused) == (2, 0, 0, 1, 1)
    first = load(database, "sku,title\nA,T\n", key="K", atomic=True)
    assert load(database, "sku,title\nA,T\n", key="K", atomic=True) == (
        first.model_copy(update={"replayed": True})
    )


@pytest.mark.parametrize("name", [".", "none/r.csv", "r" * 300])
def test_rejects_that_cannot_be_written_are_refused_before_anything_is_changed(
    database, tmp_path, name
):
    before = books.snapshot(database)
    with pytest.raises(InvalidInput, match="cannot be written"):
        load(database, "sku,title\nA,T\n", rejects=tmp_path / name)
    assert (books.snapshot(database), runs(database)) == (before, [])


def test_a_disk_that_is_full_of_rejects_ends_a_run_that_can_be_resumed(database, tmp_path):
    path = tmp_path / "out" / "r.csv"
    path.parent.mkdir()
    content = numbered(3_000) + ",no sku,\n"

    class Gone(Killed):
        def took(self, rows: int, _: float) -> None:
            if rows == 2_000:
                path.parent.rename(tmp_path / "gone")

    try:
        with pytest.raises(InvalidInput, match=r"cannot be written to .*: No such file") as caught:
            load(database, content, rejects=path, watch=Gone(0))
    finally:
        (tmp_path / "gone").rename(path.parent)
    assert caught.value.hint == "mend that, and go on with --resume"
    assert counts(load(database, content, rejects=path, resume=True)) == (3_001, 3_000, 0, 0, 1)
    assert path.read_text().splitlines()[1].startswith(",no sku,,invalid-input,sku,")


def test_progress_is_told_in_rows_and_as_a_share_of_the_file(database):
    told = []

    class Told(Killed):
        def begins(self, kind: str) -> None:
            told.append(kind)

        def took(self, rows: int, share: float) -> None:
            told.append((rows, round(share, 1)))

    load(database, numbered(5_000), watch=Told(0))
    assert told[0] == "CSV, UTF-8, comma"
    assert [rows for rows, _ in told[1:]] == [2_000, 4_000, 5_000]
    assert all(one[1] <= two[1] for one, two in pairwise(told[1:]))
    assert told[-1][1] == 1.0


def test_the_answer_of_a_run_is_kept_as_both_doors_print_it(database):
    row = load(database, numbered(2))
    [(stored,)] = books.fetch(database, "SELECT result FROM import_run")
    assert json.loads(stored) == row.record()
    assert re.fullmatch(
        r"[0-9a-f]{64}", books.fetch(database, "SELECT request_hash FROM import_run")[0][0]
    )


def test_many_rows_of_json_on_one_line_are_rows_of_their_own(database):
    found = [{"sku": f"A{n}", "title": "T" if n % 2 else ""} for n in range(4)]
    row = load(database, json.dumps(found))
    assert counts(row) == (4, 2, 0, 0, 2)
    assert books.fetch(database, "SELECT place FROM import_reject ORDER BY place") == [(0,), (2,)]
    assert load(database, json.dumps(found), resume=True).replayed


def test_a_run_that_others_overtake_goes_on_without_its_record(database):
    other = numbered(4_000)

    class Overtaken(Killed):
        def took(self, rows: int, _: float) -> None:
            if rows == 2_000:
                load(database, other)

    assert counts(load(database, other, watch=Overtaken(0))) == (4_000, 2_000, 0, 2_000, 0)
    assert runs(database) == [(4_000, False)]
