"""The index: caught up before it answers, built anew when it cannot be trusted."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bvinv.core import catalog, categories
from bvinv.core.db import Database
from bvinv.core.errors import Busy, NotPermitted
from bvinv.core.search import index as search_index
from bvinv.core.search import search
from bvinv.core.search import state as search_state
from bvinv.core.search.index import Index
from bvinv.core.search.query import Filters
from tests.books import (
    HOUR,
    MINUTE,
    act,
    add_products,
    add_warehouses,
    adjust,
    ask,
    commit,
    receive,
    release,
    reserve,
)
from tests.conftest import mostly_on_sqlite
from tests.lots_books import DAY, find_lot, track_lots


@pytest.fixture
def index(tmp_path):
    return Index(tmp_path / "index", patience=0.3)


def find(database, index, query="", **filters):
    row = ask(
        database,
        lambda s: search.search(s, index, query=query, limit=1000, filters=Filters(**filters)),
    )
    return sorted(one.sku for one in row.results)


def state(index):
    found = search_state.load(index.folder)
    assert found is not None
    return found


def searcher(database, index):
    return ask(database, lambda s: index.ask(s, lambda found, _: found))


def change(database, ref, **fields):
    act(database, lambda s: catalog.change(s, ref=ref, fields=fields))


def test_what_is_added_changed_and_deleted_is_found_at_once(database, index):
    assert find(database, index) == []
    add_products(database, "HX-1", "HX-2")
    assert find(database, index, "book") == ["HX-1", "HX-2"]
    change(database, "HX-1", title="Alchemy")
    assert find(database, index, "alchemy") == ["HX-1"]
    assert find(database, index, "book") == ["HX-2"]
    act(database, lambda s: catalog.remove(s, ref="HX-2"))
    assert find(database, index) == ["HX-1"]
    add_products(database, "hx-2")
    assert find(database, index) == ["HX-1", "hx-2"]
    assert state(index).products == 2


def test_the_index_is_kept_and_read_by_others(database, index):
    add_products(database, "HX-1")
    find(database, index)
    build = state(index).build
    add_products(database, "HX-2")

    other = Index(index.folder)
    assert find(database, other) == ["HX-1", "HX-2"]
    assert find(database, index) == ["HX-1", "HX-2"]
    assert state(index).build == build


def test_a_category_that_moves_takes_its_products_along(database, index):
    act(database, lambda s: categories.add(s, slug="above"))
    act(database, lambda s: categories.add(s, slug="below"))
    add_products(database, "HX-1", "HX-2")
    change(database, "HX-1", category="below")
    assert find(database, index, genre="above") == []

    def move(session):  # told late, as a change of the category would be
        session.wire.exec_driver_sql(
            "UPDATE category SET parent_id = (SELECT id FROM category WHERE slug = 'above') "
            "WHERE slug = 'below'"
        )
        return categories.add(session, slug="tells-of-it")

    act(database, move)

    assert find(database, index, genre="above") == ["HX-1"]
    assert state(index).written == 1


def test_stock_is_written_only_where_it_comes_or_goes(database, index):
    add_warehouses(database, "MAIN")
    add_products(database, "HX-1", "HX-2")
    receive(database, "HX-1", 10, "MAIN")
    assert find(database, index, in_stock=True) == ["HX-1"]
    written = state(index).written

    for number in range(5):
        reserve(database, f"SO-{number}", "HX-1=1")
        find(database, index)
    assert state(index).written == written
    reserve(database, "SO-9", "HX-1=5")
    assert find(database, index, in_stock=True) == []
    assert state(index).written == written + 1
    release(database, "SO-0")
    assert find(database, index, in_stock=True) == ["HX-1"]
    adjust(database, "HX-1", "MAIN", -1)
    assert find(database, index, in_stock=True) == []


def test_what_sells_becomes_popular(database, index):
    add_warehouses(database, "MAIN")
    add_products(database, "HX-1", "HX-2")
    receive(database, "HX-2", 3, "MAIN")
    reserve(database, "SO-1", "HX-2=2")
    find(database, index)
    commit(database, "SO-1")

    row = ask(database, lambda s: search.search(s, index, sort="-popularity"))
    assert [(one.sku, one.popularity) for one in row.results] == [("HX-2", 2), ("HX-1", 0)]


def test_a_hold_that_runs_out_is_stock_again_without_anybody_writing(database, index, clock):
    add_warehouses(database, "MAIN")
    add_products(database, "HX-1")
    receive(database, "HX-1", 1, "MAIN")
    reserve(database, "SO-1", "HX-1=1", ttl=10 * MINUTE)
    assert find(database, index, in_stock=True) == []
    clock.advance(9 * MINUTE)
    assert find(database, index, in_stock=True) == []
    clock.advance(HOUR)

    assert find(database, index, in_stock=True) == ["HX-1"]
    assert find(database, Index(index.folder), in_stock=True) == ["HX-1"]


def test_what_expires_is_out_of_stock_without_anybody_writing(database, index, clock):
    add_warehouses(database, "MAIN")
    add_products(database, "HX-1")
    track_lots(database, "HX-1")
    find_lot(database, "HX-1", 3, "L-1", 20260302)
    clock.advance(DAY)
    assert find(database, index, in_stock=True) == ["HX-1"]
    clock.advance(DAY)

    assert find(database, index, in_stock=True) == []
    assert find(database, Index(index.folder), in_stock=True) == []


def test_a_backorder_that_lets_go_sets_free_what_a_lapsed_hold_had(database, index, clock):
    add_warehouses(database, "MAIN")
    add_products(database, "HX-1")
    receive(database, "HX-1", 3, "MAIN")
    reserve(database, "SO-1", "HX-1=3", ttl=MINUTE)
    reserve(database, "SO-2", "HX-1=3", ttl=HOUR, backorder=True)
    clock.advance(2 * MINUTE)
    find(database, index)
    release(database, "SO-2")

    assert find(database, index, in_stock=True) == ["HX-1"]


def test_a_product_is_in_stock_where_a_variant_is(database, index):
    add_warehouses(database, "MAIN")
    add_products(database, "TEE", "TEE-L", "TEE-L-RED", "CAP")
    change(database, "TEE-L", variant_of="TEE")
    change(database, "TEE-L-RED", variant_of="TEE-L")
    assert find(database, index, in_stock=True) == []
    receive(database, "TEE-L-RED", 2, "MAIN")
    assert find(database, index, in_stock=True) == ["TEE", "TEE-L", "TEE-L-RED"]
    row = ask(database, lambda s: search.search(s, index, query="TEE"))
    assert {one.available for one in row.results} == {2}

    change(database, "TEE-L-RED", variant_of="CAP")
    assert find(database, index, in_stock=True) == ["CAP", "TEE-L-RED"]
    change(database, "TEE-L", variant_of="CAP")
    change(database, "TEE-L-RED", variant_of="TEE-L")
    assert find(database, index, in_stock=True) == ["CAP", "TEE-L", "TEE-L-RED"]
    change(database, "TEE-L", variant_of="")
    assert find(database, index, in_stock=True) == ["TEE-L", "TEE-L-RED"]
    adjust(database, "TEE-L-RED", "MAIN", -2)
    assert find(database, index, in_stock=True) == []


@pytest.mark.parametrize(
    "what", ["folder", "state", "value", "meta", "segment", "cut", "format", "files"]
)
def test_an_index_that_is_damaged_is_built_anew(database, index, what):
    add_products(database, "HX-1", "HX-2")
    find(database, index)
    before = state(index).build
    build = index.folder / before
    match what:
        case "folder":
            shutil.rmtree(index.folder)
        case "state":
            (index.folder / "state.json").write_text("{")
        case "value":
            said = (index.folder / "state.json").read_text().replace('"event":', '"event":9')
            (index.folder / "state.json").write_text(said)
        case "format":
            said = (index.folder / "state.json").read_text().replace('"format":', '"format":9')
            (index.folder / "state.json").write_text(said)
        case "meta":
            (build / "meta.json").write_text("nonsense")
        case "segment":
            for file in build.glob("*.*"):
                file.write_bytes(os.urandom(file.stat().st_size))
        case "cut":
            for file in build.glob("*.*"):
                os.truncate(file, file.stat().st_size // 2)
        case "files":
            for file in build.glob("*.term"):
                file.unlink()

    fresh = Index(index.folder)
    assert find(database, fresh, "book") == ["HX-1", "HX-2"]
    assert state(index).build != before
    assert find(database, index, "book") == ["HX-1", "HX-2"]
    assert [one.name for one in index.folder.iterdir() if one.is_dir()] == [state(index).build]


def test_an_index_of_another_history_is_built_anew(sqlite_template, tmp_path, clock):
    path = tmp_path / "shop.db"
    shutil.copyfile(sqlite_template, path)
    with closing(Database(path, clock=clock)) as database:
        add_products(database, "HX-1")
    shutil.copyfile(path, tmp_path / "backup.db")
    index = Index(tmp_path / "index")
    with closing(Database(path, clock=clock)) as database:
        add_products(database, "HX-2")
        assert find(database, index) == ["HX-1", "HX-2"]

    shutil.copyfile(tmp_path / "backup.db", path)
    clock.advance(MINUTE)
    with closing(Database(path, clock=clock)) as database:
        assert find(database, index) == ["HX-1"]
        add_products(database, "HX-3")
        assert find(database, index) == ["HX-1", "HX-3"]

    shutil.copyfile(sqlite_template, path)
    with closing(Database(path, clock=clock)) as database:
        assert find(database, index) == []


def test_an_older_snapshot_leaves_the_index_as_it_is(database, index):
    add_products(database, "HX-1")
    find(database, index)
    with database.read() as old:
        assert old.now
        add_products(database, "HX-2")
        assert find(database, index) == ["HX-1", "HX-2"]
        build = state(index)

        row = search.search(old, Index(index.folder), query="")

        assert [one.sku for one in row.results] == ["HX-1"]
        assert state(index) == build


def test_a_transaction_that_commits_late_is_not_skipped(database, index):
    if database.path:
        pytest.skip("SQLite has one writer at a time")
    add_products(database, "HX-1")
    find(database, index)
    began, go = threading.Event(), threading.Event()

    def late(session):
        row = catalog.add(session, fields={"sku": "LATE", "title": "Late"})
        began.set()
        assert go.wait(10)
        return row

    thread = threading.Thread(target=act, args=(database, late))
    thread.start()
    assert began.wait(10)
    add_products(database, "HX-2")
    assert find(database, index) == ["HX-1", "HX-2"]
    go.set()
    thread.join()

    assert find(database, index) == ["HX-1", "HX-2", "LATE"]


def test_a_change_is_written_once_however_often_it_is_seen(database, index):
    add_products(database, "HX-1")
    find(database, index)
    with database.read() as pinned:
        assert pinned.now  # on PostgreSQL what follows is seen again and again
        add_products(database, "HX-2")
        for _ in range(3):
            find(database, index)
    assert state(index).written == 1


def test_who_is_far_behind_builds_anew(database, index, monkeypatch):
    monkeypatch.setattr(search_index, "_FEW", 3)
    add_products(database, "HX-1")
    find(database, index)
    build = state(index).build
    add_products(database, "HX-2", "HX-3")
    find(database, index)
    assert state(index).build == build
    add_products(database, *(f"HY-{number}" for number in range(4)))

    assert len(find(database, index)) == 7
    assert (state(index).build != build, state(index).written) == (True, 0)


@mostly_on_sqlite
def test_many_small_catch_ups_leave_few_segments(database, index):
    add_products(database, "HX-1")
    for number in range(40):
        change(database, "HX-1", title=f"Turn {number}")
        assert find(database, index, f"turn {number}") == ["HX-1"]

    assert searcher(database, index).num_segments <= 9
    assert len(list((index.folder / state(index).build).iterdir())) < 100


def test_one_catches_up_and_others_search_what_stands(database, index):
    add_products(database, "HX-1")
    find(database, index)
    add_products(database, "HX-2")
    with search_state.turn(index.folder, 0) as is_ours:
        assert is_ours
        assert find(database, index) == ["HX-1"]
    assert find(database, index) == ["HX-1", "HX-2"]


def test_who_needs_a_build_waits_for_the_builder_and_then_gives_up(database, index):
    add_products(database, "HX-1")
    said = r"building the search index for 0\.3 s"
    with search_state.turn(index.folder, 0), pytest.raises(Busy, match=said):
        find(database, index)
    assert find(database, index) == ["HX-1"]


def test_many_threads_share_one_index(database, index):
    add_products(database, *(f"HX-{number}" for number in range(20)))
    patient = Index(index.folder, patience=30)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(len(find(database, patient, "book"))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [20] * 4


def test_only_its_owner_may_look_into_an_index(database, index):
    add_products(database, "HX-1")
    find(database, index)
    modes = {stat.S_IMODE(one.stat().st_mode) for one in index.folder.rglob("*") if one.is_file()}

    assert modes == {0o600}
    assert {
        stat.S_IMODE(one.stat().st_mode)
        for one in (index.folder, index.folder / state(index).build)
    } == {0o700}


def test_an_index_that_cannot_be_kept_says_where(database, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotPermitted, match="cannot be kept in") as raised:
        find(database, Index(tmp_path / "file" / "index"))
    assert "BVINV_SEARCH_DIR" in str(raised.value.hint)


CHILD = """
import sys, time
from pathlib import Path
from bvinv.core.search import documents, search
from bvinv.core.db import Database
from bvinv.core.search.index import Index
if sys.argv[3] == "hang":
    every = documents.every
    def slowly(session):
        yield from every(session)
        print("written", flush=True)
        time.sleep(60)
    documents.every = slowly
with Database(sys.argv[1]).read() as session:
    print(search.search(session, Index(Path(sys.argv[2])), query="book").total)
"""


def child(where, folder: Path, how: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, where, str(folder), how], stdout=subprocess.PIPE, text=True
    )


def test_a_builder_that_is_killed_leaves_nothing_behind(database, where, index):
    add_products(database, "HX-1")
    killed = child(where, index.folder, "hang")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "written\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert search_state.load(index.folder) is None

    assert find(database, index) == ["HX-1"]
    assert [one.name for one in index.folder.iterdir() if one.is_dir()] == [state(index).build]


def test_a_build_that_fails_leaves_nothing_behind(database, tmp_path):
    add_products(database, "HX-1")

    def stop():
        raise KeyboardInterrupt

    stopped = Index(tmp_path / "index", on_build=stop)
    with pytest.raises(KeyboardInterrupt):
        find(database, stopped)
    assert [one.name for one in stopped.folder.iterdir()] == ["lock"]


@mostly_on_sqlite
def test_two_processes_at_once_build_one_index(database, where, index):
    add_products(database, *(f"HX-{number}" for number in range(50)))
    running = [child(where, index.folder, "run") for _ in range(3)]

    assert [one.communicate()[0] for one in running] == ["50\n"] * 3
    assert len([one for one in index.folder.iterdir() if one.is_dir()]) == 1


def test_the_folder_is_beside_the_file_or_where_it_is_chosen(tmp_path):
    database = Database(tmp_path / "shop.db")
    beside = search_state.folder(database, chosen="", cache="/cache")
    chosen = search_state.folder(database, chosen=str(tmp_path / "x"), cache="/cache")
    remote = search_state.folder(
        Database("postgresql://ann:secret@host/shop"), chosen="", cache="/cache"
    )
    other = search_state.folder(
        Database("postgresql://ann:other@host/shop"), chosen="", cache="/cache"
    )

    assert beside == tmp_path / "shop.db.search"
    assert (chosen.parent, chosen.suffix) == (tmp_path / "x", ".search")
    assert (remote.parent, remote) == (Path("/cache"), other)
