"""Connections to PostgreSQL: wrong places, servers that are away, stand still or die in the middle,
and what is said of each. The server is the test's own."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from urllib.parse import quote

import psycopg
import pytest

from bvinv.core import command_log, postgresql, schema, stock
from bvinv.core.db import ATTEMPTS, Database, Sql
from bvinv.core.errors import Busy, InvalidInput, InventoryError
from tests import books, clusters
from tests.books import act, ask
from tests.clusters import Cluster
from tests.commands.shell import bvinv, plain_environment, shop_template
from tests.conftest import stock as fill

__all__ = ["bvinv", "plain_environment", "shop_template"]

RULES = """host all secret 127.0.0.1/32 scram-sha-256
host all barred 127.0.0.1/32 reject"""
SLEEP = Sql("SELECT CAST(pg_sleep(:seconds) AS text) AS slept")
SECRET = "hunter2!/@"
TITLES = Sql("SELECT title FROM product ORDER BY sku")


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """Yield a server with a stocked database, an empty one, and users who need a password."""
    with clusters.cluster(host_rules=RULES, fsync="off") as found:
        found.ask(f"CREATE ROLE secret LOGIN PASSWORD '{SECRET}'")
        found.ask("CREATE ROLE barred LOGIN")
        found.ask("CREATE DATABASE empty")
        with closing(Database(found.url, clock=books.Clock())) as database:
            schema.upgrade(database)
            fill(database)
        yield found


@pytest.fixture
def database(server) -> Iterator[Database]:
    if server.process is None:
        server.start()
    with closing(Database(server.url, clock=books.Clock())) as found:
        yield found


def on_hand(database: Database) -> int:
    return ask(database, lambda s: stock.total(s, ref="HX-1")).on_hand


# --- Wrong places -------------------------------------------------------------------------------

AWAY = "connection failed: connection to server at"
WRONG = {
    "scheme": (
        "mysql://u:{secret}@127.0.0.1/x",
        2,
        "error[invalid-input]: no database is known by the scheme 'mysql'\n"
        "hint: give a path, sqlite:///PATH or postgresql://USER@HOST/NAME\n",
    ),
    "port that is no number": (
        "postgresql://u:{secret}@127.0.0.1:five/x",
        2,
        "error[invalid-input]: the PostgreSQL URL cannot be read\n",
    ),
    "port that there is not": (
        "postgresql://u:{secret}@127.0.0.1:70000/x",
        2,
        "error[invalid-input]: the PostgreSQL URL names the port 70000, which there is not\n",
    ),
    "option": (
        "postgresql://secret:{secret}@127.0.0.1:{port}/postgres?nonsense=1",
        2,
        "error[invalid-input]: postgresql://secret:***@127.0.0.1:{port}/postgres?nonsense=1 cannot "
        'be used: invalid connection option "nonsense"\n',
    ),
    "database": (
        "{url}/none",
        3,
        'error[not-found]: {url}/none: database "none" does not exist\nhint: make it: createdb\n',
    ),
    "not initialised": (
        "{url}/empty",
        3,
        "error[not-found]: {url}/empty is not initialised\nhint: run: bvinv init\n",
    ),
    "role": (
        "postgresql://nobody@127.0.0.1:{port}/postgres",
        6,
        'error[not-permitted]: postgresql://nobody@127.0.0.1:{port}/postgres: role "nobody" does '
        "not exist\nhint: check the user in the URL\n",
    ),
    "password": (
        "postgresql://secret:{secret}x@127.0.0.1:{port}/postgres",
        6,
        "error[not-permitted]: postgresql://secret:***@127.0.0.1:{port}/postgres: password "
        'authentication failed for user "secret"\nhint: check the password in the URL\n',
    ),
    "no password": (
        "postgresql://secret@127.0.0.1:{port}/postgres",
        6,
        "error[not-permitted]: postgresql://secret@127.0.0.1:{port}/postgres: connection failed: "
        'connection to server at "127.0.0.1", port {port} failed: fe_sendauth: no password '
        "supplied\nhint: say it in the URL, or in ~/.pgpass\n",
    ),
    "somebody who is kept out": (
        "postgresql://barred@127.0.0.1:{port}/postgres",
        6,
        "error[not-permitted]: postgresql://barred@127.0.0.1:{port}/postgres: pg_hba.conf rejects "
        'connection for host "127.0.0.1", user "barred", database "postgres", no encryption\n'
        "hint: its pg_hba.conf has to let this machine in\n",
    ),
    "closed port": (
        "postgresql://u:{secret}@127.0.0.1:1/x",
        9,
        "error[busy]: postgresql://u:***@127.0.0.1:1/x is away: connection failed: connection to "
        'server at "127.0.0.1", port 1 failed: Connection refused Is the server running on that '
        "host and accepting TCP/IP connections?\nhint: check the URL and the server\n",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_place_is_said_plainly_and_without_its_password(bvinv, server, what):
    where, code, said = WRONG[what]
    values = {
        "url": f"postgresql://postgres@127.0.0.1:{server.port}",
        "port": server.port,
        "secret": quote(SECRET, safe=""),
    }

    ran = bvinv("--db", where.format(**values), "products", "list")

    assert ran.refused(code) == said.format(**values)
    assert "hunter2" not in ran.stderr


def test_a_host_that_is_not_there_is_away(bvinv):
    said = bvinv("--db postgresql://u@nowhere.invalid/x products list").refused(9)

    assert said.startswith("error[busy]: postgresql://u@nowhere.invalid/x is away: ")
    assert said.endswith("hint: check the URL and the server\n")


def test_a_server_that_never_answers_is_given_up(bvinv):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        began = time.monotonic()
        said = bvinv("--db", where, "products", "list").refused(9)

    assert 1.5 < time.monotonic() - began < 6
    assert said.startswith(f"error[busy]: {where} is away: connection timeout expired")


def test_what_the_url_says_of_the_wire_counts_and_the_rest_is_watched_over(server):
    with closing(Database(f"{server.url}?keepalives_idle=77")) as found, found.read() as session:
        said = session.wire.connection.driver_connection.info.get_parameters()

    assert (said["keepalives_idle"], said["tcp_user_timeout"]) == ("77", "20000")
    assert (said["connect_timeout"], said["application_name"]) == ("10", "bvinv")


# --- Servers that go ----------------------------------------------------------------------------


def test_a_server_that_was_restarted_costs_nobody_an_error(server, database):
    with ExitStack() as many:
        for _ in range(4):
            many.enter_context(database.read())
    server.stop("fast")
    server.start()

    assert [on_hand(database) for _ in range(6)] == [10] * 6
    with ExitStack() as many:
        for _ in range(4):
            many.enter_context(database.read()).ask(TITLES)


def test_a_server_that_stops_in_the_middle_of_a_command_is_away_and_nothing_was_done(
    server, database
):
    def change(session):
        books.receiving.receive(session, ref="HX-1", quantity=5, warehouse="MAIN")
        server.stop("immediate")
        return stock.total(session, ref="HX-1")

    with pytest.raises(Busy, match="is away: ") as told:
        act(database, change)
    assert told.value.hint == "check the URL and the server"

    server.start()
    assert on_hand(database) == 10


def test_a_connection_that_is_ended_in_the_middle_is_away_and_the_next_is_new(server, database):
    def change(session):
        [own] = session.ask(Sql("SELECT pg_backend_pid() AS id"))
        books.receiving.receive(session, ref="HX-1", quantity=5, warehouse="MAIN")
        server.ask(f"SELECT pg_terminate_backend({own.id}, 5000)")
        return stock.total(session, ref="HX-1")

    with pytest.raises(Busy) as told:
        act(database, change)

    assert told.value.detail == (f"{server.url} is away: the connection is lost")
    assert on_hand(database) == 10


def test_a_reader_whose_connection_was_ended_logs_no_stack(server, database, caplog):
    with pytest.raises(Busy), database.read() as session:
        [own] = session.ask(Sql("SELECT pg_backend_pid() AS id"))
        server.ask(f"SELECT pg_terminate_backend({own.id}, 5000)")
        session.ask(TITLES)

    assert caplog.records == []
    assert on_hand(database) == 10


@contextmanager
def lossy(server: Cluster) -> Iterator[tuple[str, threading.Event]]:
    """Yield the URL of a way to the server, and what to set: from then on the answer to a COMMIT
    is lost, and the connection with it."""
    is_lossy = threading.Event()
    opened: list[socket.socket] = []

    def carry(source: socket.socket, target: socket.socket, cut: threading.Event) -> None:
        try:
            while part := source.recv(65_536):
                if source not in servers:
                    if is_lossy.is_set() and b"COMMIT" in part:
                        cut.set()
                elif cut.is_set():  # the server has answered
                    break
                target.sendall(part)
        except OSError:
            pass
        shut(source)
        shut(target)

    servers: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                client, _ = entry.accept()
            except OSError:
                return
            servers.append(socket.create_connection(("127.0.0.1", server.port)))
            opened.extend((client, servers[-1]))
            cut = threading.Event()
            for ends in ((client, servers[-1]), (servers[-1], client)):
                threading.Thread(target=carry, args=(*ends, cut), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as entry:
        threading.Thread(target=accept, daemon=True).start()
        port = entry.getsockname()[1]
        where = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        yield f"{where}?sslmode=disable&gssencmode=disable", is_lossy
        shut(entry)
    for one in opened:
        one.close()


def shut(wire: socket.socket) -> None:
    """Shut a socket down, whatever state it is in."""
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)


def test_where_the_answer_to_a_commit_is_lost_it_is_said_that_nobody_knows(server, database):
    def change(session):
        is_lossy.set()
        return books.receiving.receive(session, ref="HX-3", quantity=2, warehouse="MAIN")

    def command():
        return command_log.command("test", actor="tester", key="lost", request={"qty": 2})

    with (
        lossy(server) as (where, is_lossy),
        closing(Database(where, clock=books.Clock())) as far,
        pytest.raises(Busy) as told,
    ):
        command_log.execute(far, change, command())

    assert told.value.detail == (
        "the connection was lost before the answer: it is not known whether this was recorded"
    )
    assert told.value.hint == (
        "repeat it with the same key or id; what was recorded is not done twice"
    )
    again = command_log.execute(database, change, command())
    assert again.replayed
    assert ask(database, lambda s: stock.total(s, ref="HX-3")).on_hand == 2


# --- Bounds -------------------------------------------------------------------------------------


def test_when_every_connection_is_in_use_whoever_comes_waits_and_is_told(server):
    with (
        closing(Database(server.url, patience=0.1, connections=1)) as found,
        found.read(),
        pytest.raises(Busy) as told,
        found.read(),
    ):
        pass

    assert told.value.detail == f"every connection to {server.url} is in use"


def test_a_statement_that_takes_too_long_is_cut_off_and_the_setting_named(server, bvinv):
    with closing(Database(server.url, statement_timeout=0.05)) as found:
        with pytest.raises(Busy) as told, found.read() as session:
            session.ask(SLEEP, seconds=5)
        assert told.value.detail == (
            f"{server.url} took too long for one statement, or somebody cancelled it"
        )
        assert told.value.hint == (
            "ask for less, or set BVINV_STATEMENT_TIMEOUT (seconds; 0: no limit)"
        )
        with found.read() as session:
            session.unhurried()
            session.ask(SLEEP, seconds=0.1)
        with pytest.raises(Busy), found.read() as session:
            session.ask(SLEEP, seconds=5)


@pytest.mark.parametrize(
    ("said", "shown"), [("", "5min"), ("0", "0"), ("1.5", "1500ms"), ("90", "90s")]
)
def test_the_setting_reaches_the_server(server, bvinv, monkeypatch, said, shown):
    found: list[str] = []
    really = Database.read

    @contextmanager
    def read(self: Database) -> Iterator[object]:
        with really(self) as session:
            found.append(session.ask(Sql("SELECT current_setting('statement_timeout') AS t"))[0].t)
            yield session

    monkeypatch.setattr(Database, "read", read)
    if said:
        monkeypatch.setenv("BVINV_STATEMENT_TIMEOUT", said)
    assert bvinv(f"--db {server.url} products list").exit_code == 0
    assert engines_seconds(found[0]) == engines_seconds(shown)


def engines_seconds(said: str) -> float:
    """Return a time as PostgreSQL shows it, in seconds."""
    units = {"ms": 0.001, "min": 60.0, "s": 1.0}
    unit = next((unit for unit in units if said.endswith(unit)), "")
    return float(said.removesuffix(unit)) * units.get(unit, 1.0)


def test_whoever_initialises_is_not_cut_off(server):
    with closing(Database(server.url, statement_timeout=0.2)) as found, server.connect() as other:
        other.execute(f"SELECT pg_advisory_lock({schema.ADVISORY_LOCK})")
        let_go = threading.Timer(0.5, other.execute, ["SELECT pg_advisory_unlock_all()"])
        let_go.start()
        assert schema.upgrade(found).action == "nothing"
        let_go.join()


def conflicting(seen: list[float]) -> Callable[[object], None]:
    def action(session):
        seen.append(time.monotonic())
        session.wire.exec_driver_sql(
            "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"
        )

    return action


def test_a_transaction_that_cannot_be_serialised_is_tried_again_with_pauses_and_a_bound(database):
    seen: list[float] = []

    with pytest.raises(Busy, match="others kept changing the same rows") as told:
        act(database, conflicting(seen))

    assert told.value.hint == "try again"
    assert len(seen) == ATTEMPTS
    assert seen[-1] - seen[0] > 0.002


def test_nobody_is_tried_again_beyond_their_patience(server):
    seen: list[float] = []

    with closing(Database(server.url, patience=0)) as hasty, pytest.raises(Busy):
        act(hasty, conflicting(seen))

    assert len(seen) == 1


def test_a_url_is_no_place_for_a_password_in_messages(server):
    where = server.address("secret", quote(SECRET, safe=""), database="none")
    for attempt in (lambda: Database(where).engine, lambda: schema.upgrade(Database(where))):
        with pytest.raises(InventoryError) as told:
            attempt()
        assert "hunter2" not in f"{told.value.detail} {told.value.hint}"
    with pytest.raises(InvalidInput):
        postgresql.url_of(where.replace("postgresql", "mysql"))


def test_a_connection_that_fails_while_it_is_set_up_is_closed(server, monkeypatch):
    opened = []
    really = psycopg.Connection.commit

    def commit(connection):
        opened.append(connection)
        monkeypatch.setattr(psycopg.Connection, "commit", really)
        raise psycopg.OperationalError("cut")

    with closing(Database(server.url)) as found:
        monkeypatch.setattr(psycopg.Connection, "commit", commit)
        with pytest.raises(Busy, match="cut"):
            _ = found.engine
        assert [one.closed for one in opened] == [True]
