"""A real primary and a real streaming standby: the catalogue is read on the standby, and nobody
reads there what has changed since."""

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
import pytest

from bvinv.core import replica, schema
from bvinv.core.db import Database
from tests import books, clusters
from tests.api import Api
from tests.clusters import Cluster
from tests.commands.shell import Shell, bvinv, plain_environment, shop_template
from tests.conftest import stock

__all__ = ["bvinv", "plain_environment", "shop_template"]

SOON = 10  # seconds in which everything here happens


@pytest.fixture(scope="module")
def primary() -> Iterator[Cluster]:
    # Nobody pulls the plug of this machine; the standby is told as soon as there is something.
    with clusters.cluster(fsync="off", synchronous_commit="off", wal_writer_delay="10ms") as found:
        books_there = Database(found.url, clock=books.Clock())
        schema.upgrade(books_there)
        stock(books_there)
        books_there.close()
        yield found


@pytest.fixture(scope="module")
def standby(primary) -> Iterator[Cluster]:
    with primary.standby(log_statement="all") as found:
        yield found


@pytest.fixture(scope="module")
def database(primary) -> Iterator[Database]:
    with closing(Database(primary.url, clock=books.Clock())) as found:
        yield found


@pytest.fixture(scope="module")
def served(database, primary, standby) -> Iterator[Api]:
    """Yield the API of the primary, which has a replica."""
    with closing(Api(database, db_replica=standby.url)) as found:
        yield found


@pytest.fixture
def api(served, primary, standby) -> Api:
    """Return the API once the standby is up, and used; nothing was asked yet."""
    caught_up(standby, primary)
    until(lambda: all(served.worker.monitor.may_answer(who) for who in ("web", "svc")))
    served.call(served.worker.cache._kept.clear)
    served.worker.metrics._cells["bvinv_replica_reads"].clear()
    return served


@contextmanager
def another(served: Api, where: str, **settings: Any) -> Iterator[Api]:
    """Yield another server of the same primary, with this for its replica; keys are the same."""
    with closing(Api(served.database, keys=False, db_replica=where, **settings)) as api:
        api.keys = served.keys
        yield api


def caught_up(standby: Cluster, primary: Cluster) -> None:
    """See that the standby runs, goes on replaying, and has caught up."""
    if standby.process is None:
        standby.start()
    if standby.ask("SELECT pg_is_wal_replay_paused()") == [(True,)]:
        standby.ask("SELECT pg_wal_replay_resume()")
    standby.catch_up(primary)


def until(is_so) -> None:
    """Return once it is so."""
    end = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def reads(api: Api) -> dict[str, int]:
    """Return how many questions about the catalogue went where."""
    kept = api.worker.metrics._cells["bvinv_replica_reads"]
    return {to: int(cell[0]) for (to,), cell in kept.items()}


@contextmanager
def paused(standby: Cluster) -> Iterator[None]:
    """Let the standby replay nothing until the block ends."""
    standby.ask("SELECT pg_wal_replay_pause()")
    until(lambda: standby.ask("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])
    try:
        yield
    finally:
        with suppress(psycopg.errors.SerializationFailure):  # what is replayed then cancels this
            standby.ask("SELECT pg_wal_replay_resume()")


def measure(database: Database, where: str) -> replica.ReplicaRow:
    """Return how a replica does."""
    with closing(replica.named(where, database)) as found:
        return replica.measure(database, found)


def renamed(api: Api, title: str, tag: str = "") -> str:
    """Let the admin give HX-1 another title; return its entity tag. The last one saves a look."""
    tag = tag or api.get("/products/HX-1", "admin").headers["etag"]
    answer = api.patch("/products/HX-1", {"title": title}, if_match=tag)
    assert answer.status == 200
    return answer.headers["etag"]


def titles(api: Api, role: str = "viewer") -> list[str]:
    return [row["title"] for row in api.get("/products", role).json]


@pytest.mark.parametrize(
    "path",
    ["/products", "/books?limit=2", "/products/HX-1", "/categories", "/products/feed"],
)
def test_the_catalogue_is_read_on_the_replica(api, path):
    role = "service"
    first = api.get(path, role)

    assert first.status == 200
    assert reads(api) == {"replica": 1}
    whole, everywhere = api.get(path, "admin"), reads(api)
    assert everywhere in ({"replica": 1}, {"replica": 1, "primary": 1})  # kept, or asked anew
    assert whole.body == first.body


def test_the_standby_itself_has_been_asked(api, standby):
    before = standby.log().count("FROM product AS p WHERE p.id > 0")
    for limit in range(1, 20):
        assert api.get(f"/products?limit={limit}").status == 200

    assert reads(api) == {"replica": 19}
    assert standby.log().count("FROM product AS p WHERE p.id > 0") == before + 19


@pytest.mark.parametrize(
    "path",
    ["/stock/HX-1", "/stock", "/products/search?q=poetry", "/reservations", "/stock/HX-1/history"],
)
def test_stock_and_what_is_promised_are_read_on_the_primary(api, path):
    assert api.get(path, "staff").status == 200, api.get(path, "staff")

    assert reads(api) == {}


def test_what_a_product_page_says_of_stock_is_the_primarys(api, database, standby):
    with paused(standby):
        before = api.get("/products/HX-2").json["available"]
        with api.moved():
            books.receive(database, "HX-2", 3, "MAIN", bin="SHELF")
        answer = api.get("/products/HX-2")

    assert answer.json["available"] == before + 3
    assert reads(api)["replica"] == 2


def test_a_change_is_seen_at_once_by_everybody_who_asks_afterwards(api, standby):
    with paused(standby):
        tag = ""
        for round_ in range(40):
            tag = renamed(api, f"Title {round_}", tag)
            assert titles(api)[0] == f"Title {round_}"
            if round_ % 10 == 0:
                assert api.get("/products/HX-1", "service").json["title"] == f"Title {round_}"
    assert "replica" not in reads(api)

    until(lambda: api.worker.monitor.may_answer("web"))
    assert api.get("/products?limit=3").json[0]["title"] == "Title 39"
    assert reads(api)["replica"] == 1


def test_a_change_through_another_server_is_seen_once_it_is_known(api, database, standby):
    def change(session):
        from bvinv.core import catalog

        return catalog.change(session, ref="HX-3", fields={"title": "Elsewhere"})

    assert titles(api)[2] != "Elsewhere"
    with paused(standby):
        heard = api.worker.watch.catalogue_at
        books.act(database, change)
        until(lambda: api.worker.watch.catalogue_at > heard)
        assert titles(api)[2] == "Elsewhere"


def test_an_entity_tag_holds_wherever_the_answer_came_from(api):
    here = api.get("/products?sort=title", "admin").headers["etag"]
    assert api.get("/products?sort=title", "viewer", if_none_match=here).status == 304
    there = api.get("/products?sort=title&limit=3", "viewer").headers["etag"]
    assert there == here
    renamed(api, f"Other {time.monotonic()}")
    assert api.get("/products?sort=title", "viewer", if_none_match=here).status == 200


def test_while_it_is_behind_it_is_not_asked_and_says_how_far_it_is(api, database, standby):
    with paused(standby):
        renamed(api, "Behind")
        until(lambda: (api.worker.monitor.row.lag_bytes or 0) > 0)
        time.sleep(0.6)
        row = api.worker.monitor.row
        assert titles(api)[0] == "Behind"
        measured = measure(database, standby.url)

    assert row.up and row.lag_seconds >= 0.25
    assert measured.up and measured.is_standby and measured.same_system
    assert measured.schema_version == "0006"
    assert measured.lag_bytes > 0 and measured.lag_seconds > 0
    shown = api.get("/metrics", None).body.decode()
    assert "bvinv_replica_up 1.0" in shown
    assert 'bvinv_replica_reads_total{to="primary"} ' in shown
    assert "bvinv_replica_lag_bytes " in shown and "bvinv_replica_lag_seconds " in shown


def test_a_standby_that_has_all_is_not_behind_however_long_nobody_wrote(database, standby, primary):
    caught_up(standby, primary)
    time.sleep(0.5)

    row = measure(database, standby.url)

    assert (row.lag_seconds, row.lag_bytes, row.detail) == (0.0, 0, "")


def test_a_replica_further_behind_than_is_allowed_is_not_asked(served, database, standby, primary):
    caught_up(standby, primary)
    with another(served, standby.url, replica_lag=0.5) as api:
        until(lambda: api.worker.monitor.may_answer("web"))
        with paused(standby):
            books.receive(database, "HX-1", 1, "MAIN", bin="SHELF")  # no word of the catalogue
            assert api.get("/products?limit=1").status == 200
            until(lambda: not api.worker.monitor.may_answer("web"))
            assert api.get("/products?limit=2").status == 200
            assert reads(api) == {"replica": 1, "primary": 1}
        until(lambda: api.worker.monitor.may_answer("web"))


def test_a_replica_that_was_behind_from_the_beginning_is_not_asked(served, primary, standby):
    caught_up(standby, primary)
    with paused(standby):
        renamed(served, "From the beginning")
        with another(served, standby.url, replica_lag=0.1) as api:
            until(lambda: (api.worker.monitor.row.lag_seconds or 0) > 0.5)
            assert titles(api)[0] == "From the beginning"
            assert reads(api) == {"primary": 1}
            assert api.worker.monitor.row.lag_bytes > 0


def test_what_the_replica_cancels_is_asked_of_the_primary(api, primary, standby):
    """A vacuum on the primary takes away what a reader of the standby still sees: the reader is
    cancelled (PostgreSQL's documentation, 27.4.2, "Handling Query Conflicts")."""
    asked = []

    def ask(database):
        asked.append(str(database))
        with database.read() as session:
            session.wire.exec_driver_sql("SELECT count(*) FROM product").scalar()
            if len(asked) == 1:
                with primary.connect() as wire:
                    wire.execute("UPDATE product SET updated_at = updated_at")
                    wire.execute("VACUUM product")
                standby.catch_up(primary)
            return session.wire.exec_driver_sql("SELECT count(*) FROM product").scalar()

    assert api.worker.monitor.consult(ask, "web") == (3, "primary")
    assert asked == [standby.url, primary.url]


@pytest.mark.parametrize(
    "how",
    ["kill", *(pytest.param(how, marks=pytest.mark.slow) for how in ("fast", "pause"))],
)
def test_a_replica_that_goes_away_under_load_is_no_outage(api, standby, how, caplog):
    statuses: list[int] = []
    ends = threading.Event()

    def ask(number: int) -> None:
        while not ends.is_set():
            statuses.append(api.get(f"/products?limit={number}&sort=-title").status)
            api.call(api.worker.cache._kept.clear)  # else nobody would be asked

    threads = [threading.Thread(target=ask, args=(1 + number,)) for number in range(4)]
    with caplog.at_level(logging.WARNING):
        for thread in threads:
            thread.start()
        until(lambda: reads(api).get("replica", 0) > 20)
        if how == "kill":
            standby.kill()
        elif how == "pause":
            standby.pause()
        else:
            standby.stop("fast")
        before = reads(api).get("primary", 0)
        until(lambda: reads(api).get("primary", 0) > before + 20)
        if how == "pause":
            standby.resume()
        else:
            standby.start()
        until(lambda: api.worker.monitor.may_answer("web"))
        before = reads(api)["replica"]
        until(lambda: reads(api)["replica"] > before + 20)
        ends.set()
        for thread in threads:
            thread.join()

    assert set(statuses) == {200}
    said = [one.getMessage() for one in caplog.records if "replica" in one.name]
    assert len(said) in (0, 2), said  # none where it was back before anybody looked


def test_the_feeds_cursor_goes_on_across_the_replica_and_the_primary(api, database, standby):
    def feed(after: str = "") -> tuple[set[str], str]:
        said = api.get(f"/products/feed{after and '?after=' + after}", "service").body.decode()
        *rows, end = said.splitlines()
        return {json.loads(row)["title"] for row in rows}, json.loads(end)["next"]

    _, cursor = feed()
    assert reads(api) == {"replica": 1}
    seen: set[str] = set()
    for number in range(12):
        if number % 3 == 1:
            with paused(standby):
                renamed(api, f"Feed {number}")
                found, cursor = feed(cursor)
        else:
            renamed(api, f"Feed {number}")
            if number % 3 == 2:
                until(lambda: api.worker.monitor.may_answer("svc"))
            found, cursor = feed(cursor)
        seen |= found
        assert f"Feed {number}" in found

    assert {f"Feed {number}" for number in range(12)} <= seen
    assert min(reads(api).values()) >= 4


@pytest.mark.parametrize("wrong", ["nobody", "primary", "other"])
def test_what_is_no_replica_is_said_and_everything_goes_on(served, primary, wrong, caplog):
    where = {"nobody": "postgresql://postgres@127.0.0.1:1/x", "primary": primary.url}.get(wrong)
    if where is None:
        primary.ask("DROP DATABASE IF EXISTS other")
        primary.ask("CREATE DATABASE other")
        where = primary.address(database="other")
        with closing(Database(where)) as other:
            schema.upgrade(other)
    with caplog.at_level(logging.WARNING), another(served, where) as api:
        until(lambda: api.worker.monitor.row.detail not in ("", "not looked at yet"))
        assert api.get("/products").status == 200
        assert reads(api) == {"primary": 1}
        detail = api.worker.monitor.row.detail
        assert "bvinv_replica_up 0.0" in api.get("/metrics", None).body.decode()

    said = {
        "nobody": "Connection refused",
        "primary": "is no standby",
        "other": "is no replica of this database",
    }
    assert said[wrong] in detail
    told = [one.getMessage() for one in caplog.records if "replica" in one.name]
    assert len(told) == 1
    assert told[0].startswith(f"the replica is not used: {where} ")


def test_a_replica_of_another_schema_is_not_asked(database, primary):
    primary.ask("DROP DATABASE IF EXISTS older")
    primary.ask("CREATE DATABASE older")
    where = primary.address(database="older")
    with closing(Database(where)) as older:
        schema.upgrade(older)
    with psycopg.Connection.connect(where, autocommit=True) as wire:
        wire.execute("UPDATE alembic_version SET version_num = '0005'")

    row = measure(database, where)

    assert not row.up
    assert row.detail == f"{where} has schema 0005, older than this program's 0006"


# --- The command line ---------------------------------------------------------------------------


@pytest.fixture
def shop(bvinv, monkeypatch, primary, standby) -> Shell:
    """Return a shell on the primary, which has a replica that has caught up."""
    caught_up(standby, primary)
    monkeypatch.setenv("BVINV_DB", primary.url)
    monkeypatch.setenv("BVINV_DB_REPLICA", standby.url)
    return bvinv


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("products list", "FROM product AS p WHERE p.id > 0"),
        ("products export", "FROM product AS p0"),
        ("products category list", "FROM category WHERE parent_id IS NULL"),
    ],
)
def test_the_command_line_reads_the_catalogue_on_the_replica(
    shop, standby, monkeypatch, line, sent
):
    before = standby.log().count(sent)

    there = shop(line)

    assert there.exit_code == 0
    assert "primary" not in there.stderr
    assert standby.log().count(sent) > before
    monkeypatch.delenv("BVINV_DB_REPLICA")
    assert shop(line) == there


@pytest.mark.parametrize("line", ["stock show HX-1", "products show HX-1", "reserve list"])
def test_the_command_line_reads_stock_on_the_primary(shop, standby, line):
    before = standby.log().count(" FROM product")

    assert shop(line).exit_code == 0
    assert standby.log().count(" FROM product") == before


def test_the_command_line_reads_what_it_has_just_written(shop, standby):
    with paused(standby):
        assert shop("products update HX-2 --title 'Written now'").exit_code == 0
        listed = shop("products list --format json")

    assert listed.exit_code == 0
    assert "Written now" in listed.stdout
    assert re.fullmatch(
        rf"read from the primary: the replica {standby.url} lacks \d+ bytes of what is written\n",
        listed.stderr,
    )


def test_a_replica_that_is_away_costs_the_command_line_a_note(shop, monkeypatch):
    monkeypatch.setenv("BVINV_DB_REPLICA", "postgresql://u:hunter2@127.0.0.1:1/x")

    ran = shop("products list --format json")

    assert [row["sku"] for row in ran.json] == ["HX-1", "HX-2", "HX-3"]
    assert ran.stderr == (
        "read from the primary: postgresql://u:***@127.0.0.1:1/x is away: connection failed: "
        'connection to server at "127.0.0.1", port 1 failed: Connection refused Is the server '
        "running on that host and accepting TCP/IP connections?\n"
    )


@pytest.mark.parametrize("line", ["products list", "products export", "serve --port 0"])
@pytest.mark.parametrize(
    ("where", "said"),
    [
        (
            "mysql://u:hunter2@h/x",
            "BVINV_DB_REPLICA: no database is known by the scheme 'mysql'\n"
            "hint: give a path, sqlite:///PATH or postgresql://USER@HOST/NAME",
        ),
        ("postgresql://u:hunter2@h:x/x", "BVINV_DB_REPLICA: the PostgreSQL URL cannot be read"),
        (
            "replica.db",
            "BVINV_DB_REPLICA: a file is no replica of PostgreSQL\nhint: name its URL",
        ),
    ],
)
def test_what_cannot_be_a_replica_is_refused(shop, monkeypatch, line, where, said):
    monkeypatch.setenv("BVINV_DB_REPLICA", where)

    assert shop(line).refused(2) == f"error[invalid-input]: {said}\n"


@pytest.mark.parametrize("line", ["products list", "serve --port 0"])
def test_a_file_has_no_replica(bvinv, monkeypatch, line):
    monkeypatch.setenv("BVINV_DB_REPLICA", "postgresql://u@h/x")

    assert bvinv(line).refused(2) == (
        "error[invalid-input]: BVINV_DB_REPLICA is for PostgreSQL, and the database is a file\n"
        "hint: unset it, or name a PostgreSQL database: BVINV_DB\n"
    )
