"""Many clients of real servers at once, and the command line beside them: nothing is sold twice,
what one wrote the next one reads, and a retry is no second order (RELIABILITY.md, A and B)."""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bvinv.core import instants
from bvinv.core.db import Database
from bvinv.core.errors import InventoryError
from tests import books, oracle, workers
from tests.books import counts, fetch
from tests.conftest import ENGINES, initialised
from tests.http_clients import Crowd, Lost, Stream, Thief, Wire, children, one_each, open_files
from tests.programs import running
from tests.web import serving

SECOND = 1_000_000
# What a server may say in these tests; the second is why it answered 503.
TOLD = ("bvinv serves ", "the database has been locked by ")
ENDS = ("reservation.committed", "reservation.released", "reservation.expired")


class Shop:
    """A database, and a server of two workers on it."""

    def __init__(self, where: str, served: serving.Served) -> None:
        self.where = where
        self.database = Database(where)
        self.served = served
        self.port = served.port
        self.pids = children(served.process.pid)

    def stock(self, **pieces: int) -> None:
        """Add products with this many pieces each at MAIN."""
        books.add_products(self.database, *pieces)
        for sku, quantity in pieces.items():
            books.receive(self.database, sku, quantity, "MAIN")

    def assert_sound(self) -> None:
        """See that the books are sound, by bvinv's own rules and by the oracle's."""
        assert books.findings(self.database) == []
        assert oracle.faults(self.database, instants.now()) == []
        assert [line for line in self.served.said if not line.startswith(TOLD)] == []

    def assert_nothing_is_gone(self) -> None:
        """See that no worker writes to a file that has been taken away (C-12)."""
        gone = [one for pid in self.pids for one in open_files(pid) if one.endswith("(deleted)")]
        assert [one for one in gone if "bvinv.db" in one] == []


@pytest.fixture(scope="module", params=ENGINES)
def opened(request, tmp_path_factory) -> Iterator[Shop]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("shop")
        where = stack.enter_context(initialised(request, request.param, folder))
        with closing(Database(where)) as database:
            books.add_warehouses(database, "MAIN")
        served = stack.enter_context(serving.bvinv(where, "--workers", "2"))
        found = Shop(where, served.listen())
        stack.callback(found.database.close)
        yield found
        found.assert_nothing_is_gone()
        assert served.stop() == 0


@pytest.fixture
def shop(opened) -> Iterator[Shop]:
    yield opened
    opened.assert_sound()


on_sqlite = pytest.mark.parametrize("opened", ["sqlite"], indirect=True)


def sized(name: str, small: int, full: int) -> Any:
    """Run with a small number each time, and with RELIABILITY.md's when slow tests are wanted."""
    return pytest.mark.parametrize(name, [small, pytest.param(full, marks=pytest.mark.slow)])


# --- A-01 ---------------------------------------------------------------------------------------


def sell(database, port, name, count):
    """Sell one piece at a time, over HTTP with four clients where there is a port; return what
    came of it."""
    if not port:
        return sell_here(database, name, count)
    crowd = Crowd(port, sell_one_by_one, [(f"{name}.{number}", count) for number in range(4)])
    return Counter(
        "held" if one.answer.status == 201 else f"{one.answer.status} {one.answer.json['code']}"
        for one in crowd.join().intents
    )


def sell_one_by_one(crowd, wire, argument):
    name, count = argument
    for number in range(count):
        body = {"reservation_id": f"A1-{name}-{number}", "sku": "A1", "quantity": 1}
        crowd.log.post(wire, "/stock/reserve", body)


def sell_here(database, name, count):
    found: Counter[str] = Counter()
    for number in range(count):
        try:
            found[books.reserve(database, f"A1-{name}-{number}", "A1=1").status] += 1
        except InventoryError as error:
            found[f"409 {error.code}"] += 1
    return found


@sized("count", 12, 50)
def test_a_hundred_pieces_are_sold_once_through_both_doors(shop, count):
    shop.stock(A1=100)

    sellers = [(shop.port if number < 2 else 0, number, count) for number in range(10)]
    answers = sum(workers.together(shop.where, sell, sellers), Counter())

    assert answers == {"held": 100, "409 insufficient-stock": 16 * count - 100}
    assert counts(shop.database, "A1", "MAIN") == (100, 100, 0, 0)
    assert fetch(
        shop.database,
        "SELECT count(*) FROM reservation WHERE substr(id, 1, 3) = 'A1-' AND status = 'held'",
    ) == [(100,)]


# --- A-07 ---------------------------------------------------------------------------------------


@sized("rounds", 100, 1000)
def test_what_one_worker_wrote_the_other_shows_at_once(shop, rounds):
    shop.stock(A7=rounds)
    one, other = one_each(shop.port, shop.pids)
    with one, other:
        for number in range(rounds):
            asks, looks = (one, other) if number % 2 else (other, one)
            held = looks.get("/stock/A7")  # so that there is an answer to keep
            assert held.json["reserved"] == number
            body = {"reservation_id": f"A7-{number}", "sku": "A7", "quantity": 1}
            made = asks.post("/stock/reserve", body)
            assert made.status == 201
            level = looks.get("/stock/A7").json
            assert (level["reserved"], level["available"]) == (number + 1, rounds - number - 1)
            shown = looks.get(f"/reservations/A7-{number}")
            assert (shown.status, shown.json["status"]) == (200, "held")
            assert shown.json["lines"] == made.json["lines"]


# --- A-09 ---------------------------------------------------------------------------------------


def text_of(instant: int) -> str:
    return datetime.fromtimestamp(instant / SECOND, UTC).isoformat().replace("+00:00", "Z")


def wait_until(instant: int) -> None:
    while (left := instant - instants.now()) > 0:
        time.sleep(left / SECOND)


def end_over_http(crowd, wire, argument):
    how, begins, pace, rounds = argument
    for number in range(rounds):
        wait_until(begins + number * pace)
        crowd.log.post(wire, f"/stock/{how}", {"reservation_id": f"A9-{number}"})


def sweep(database, begins, pace, rounds):
    """Look for what has run out at each of these moments."""
    for number in range(rounds):
        wait_until(begins + number * pace)
        books.expire(database)


@on_sqlite
@sized("rounds", 30, 200)
def test_commit_release_and_expiry_at_one_moment_are_one_of_them(shop, rounds):
    shop.stock(A9=rounds)
    pace = 20_000
    begins = instants.now() + (1 + rounds // 50) * SECOND
    with Wire(shop.port) as wire:
        for number in range(rounds):
            ends = text_of(begins + number * pace + random.Random(number).randint(0, 16_000))
            body = {"reservation_id": f"A9-{number}", "sku": "A9", "quantity": 1}
            assert wire.post("/stock/reserve", body | {"expires_at": ends}).status == 201

    ways = [(how, begins, pace, rounds) for how in ("commit", "release") * 2]
    crowd = Crowd(shop.port, end_over_http, ways)
    workers.together(shop.where, sweep, [(begins, pace, rounds)])
    log = crowd.join()
    books.expire(shop.database)

    told = fetch(shop.database, "SELECT subject, type FROM event")
    ends = [(subject, kind) for subject, kind in told if kind in ENDS and subject[:3] == "A9-"]
    assert sorted(subject for subject, _ in ends) == sorted(f"A9-{n}" for n in range(rounds))
    done = {(one.body["reservation_id"], one.path) for one in log.intents if one.acknowledged}
    assert done == {
        (subject, "/stock/commit" if kind == "reservation.committed" else "/stock/release")
        for subject, kind in ends
        if kind != "reservation.expired"
    }
    assert log.statuses() <= {200, 409}
    sold = sum(kind == "reservation.committed" for _, kind in ends)
    print(f"seed = number of the reservation; {Counter(kind for _, kind in ends)}")
    assert counts(shop.database, "A9", "MAIN") == (rounds - sold, 0, rounds - sold, 0)


# --- A-10 ---------------------------------------------------------------------------------------


def order_three(crowd, wire, number):
    lines = [{"sku": sku, "quantity": 2} for sku in ("TEN-A", "TEN-B", "TEN-C")]
    random.Random(number).shuffle(lines)
    crowd.log.post(wire, "/stock/reserve", {"reservation_id": f"A10-{number}", "lines": lines})


def test_fifty_orders_of_three_products_are_kept_whole_or_not_at_all(shop):
    shop.stock(**{"TEN-A": 200, "TEN-B": 200, "TEN-C": 20})

    log = Crowd(shop.port, order_three, range(50)).join()

    said = Counter(one.answer.status for one in log.intents)
    assert said == {201: 10, 409: 40}
    assert [counts(shop.database, sku, "MAIN")[1] for sku in ("TEN-A", "TEN-B", "TEN-C")] == [
        20,
        20,
        20,
    ]
    assert fetch(
        shop.database,
        "SELECT count(*), count(DISTINCT reservation_id) FROM reservation_line "
        "WHERE substr(reservation_id, 1, 4) = 'A10-'",
    ) == [(30, 10)]


# --- A-11 ---------------------------------------------------------------------------------------


def adjust_up(crowd, wire, argument):
    """Add a piece as often as is said."""
    sku, count = argument
    body = {"sku": sku, "warehouse": "MAIN", "change": 1, "reason": "found"}
    for _ in range(count):
        crowd.log.post(wire, "/stock/adjust", body)


def sip(stream: Stream, stop: threading.Event) -> None:
    """Read a kilobyte a second."""
    while not stop.wait(1):
        stream.read(1024)


@on_sqlite
@sized("count", 1_000, 20_000)
def test_slow_readers_hold_nobody_up(shop, count):
    shop.stock(A11=1)
    [(start,)] = fetch(shop.database, "SELECT max(id) FROM event")
    slow, deaf = (Stream(shop.port, start, buffer=4096) for _ in range(2))
    stop = threading.Event()
    sipping = threading.Thread(target=sip, args=(slow, stop))
    sipping.start()
    wal = Path(f"{shop.where}-wal")
    largest = 0
    try:
        crowd = Crowd(shop.port, adjust_up, [("A11", count // 8)] * 8)
        while any(thread.is_alive() for thread in crowd.threads):
            largest = max(largest, wal.stat().st_size)
            time.sleep(0.02)
        log = crowd.join()
    finally:
        stop.set()
        sipping.join()

    assert log.statuses() == {200}
    assert len(log.intents) == count
    waits = sorted(one.seconds for one in log.intents)
    print(f"WAL {largest / 2**20:.1f} MB, p99 {waits[count * 99 // 100] * 1000:.0f} ms")
    assert largest < min(128, 24 + count // 200) * 2**20
    ids = [one for (one,) in fetch(shop.database, f"SELECT id FROM event WHERE id > {start}")]
    for stream in (slow, deaf):
        stream.read_to(ids[-1])
        assert stream.seen == sorted(ids)
        stream.kill()


# --- B-01, B-04, B-09 ---------------------------------------------------------------------------


def ask_again(database, port, count):
    """Reserve the same at the same moment, as often as is said; return the answers."""

    def http(_: int) -> tuple[bool, dict[str, Any]]:
        with Wire(port) as wire:
            body = {"reservation_id": "B1", "sku": "B1", "quantity": 3, "ttl_seconds": 600}
            answer = wire.post("/stock/reserve", body)
        assert answer.status == (200 if answer.json["replayed"] else 201)
        return answer.json["replayed"], answer.json

    def here(_: int) -> tuple[bool, dict[str, Any]]:
        row = books.reserve(database, "B1", "B1=3", ttl=600 * SECOND)
        return row.replayed, row.record()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(http if port else here, range(count)))


def test_fifty_equal_requests_are_one_reservation(shop):
    shop.stock(B1=100)

    askers = [(shop.port, 10)] * 3 + [(0, 5)] * 4
    answers = [one for some in workers.together(shop.where, ask_again, askers) for one in some]

    assert len(answers) == 50
    assert sorted(replayed for replayed, _ in answers) == [False] + [True] * 49
    assert all(
        one | {"replayed": False} == answers[0][1] | {"replayed": False} for _, one in answers
    )
    assert counts(shop.database, "B1", "MAIN") == (100, 3, 97, 0)
    assert books.kinds(shop.database, "B1") == [("receive", 100, 100, 0), ("hold", 3, 100, 3)]


def rob(port: int, thief: Thief, path: str, body: dict[str, Any], key: str) -> None:
    """Ask through the thief, then honestly; the answer is that of one and the same change."""
    headers = {"Idempotency_Key": key} if key else {}
    with Wire(thief.own) as wire, suppress(Lost):
        answer = wire.post(path, body, **headers)
        raise AssertionError(answer)
    with Wire(port) as wire:
        assert wire.post(path, body, **headers).status in (200, 201)


@on_sqlite
@sized("keys", 10, 167)
def test_a_lost_answer_asked_for_again_is_one_change(shop, keys):
    shop.stock(B4=1, B4R=3 * keys)
    robbed = []
    with ExitStack() as stack:
        # It takes the answer; it leaves a part of it; it does not even wait for it.
        thieves = [stack.enter_context(Thief(shop.port, keeps)) for keeps in (0, 90, None)]
        for number in range(3 * keys):
            adjust = {"sku": "B4", "warehouse": "MAIN", "change": 1, "reason": "found"}
            hold = {"reservation_id": f"B4-{number}", "sku": "B4R", "quantity": 1}
            thief = thieves[number % 3]
            robbed.append((shop.port, thief, "/stock/adjust", adjust, f"B4-{number}"))
            robbed.append((shop.port, thief, "/stock/reserve", hold, ""))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: rob(*one), robbed))

    assert counts(shop.database, "B4", "MAIN") == (1 + 3 * keys, 0, 1 + 3 * keys, 0)
    assert counts(shop.database, "B4R", "MAIN")[1] == 3 * keys
    kinds = Counter(kind for kind, *_ in books.kinds(shop.database, "B4"))
    assert kinds == {"receive": 1, "adjust": 3 * keys}


@sized("count", 240, 5_000)
def test_a_reader_killed_twenty_times_misses_nothing(shop, count):
    shop.stock(B9=1)
    [(start,)] = fetch(shop.database, "SELECT max(id) FROM event")
    chance = random.Random(count)
    crowd = Crowd(shop.port, adjust_up, [("B9", count // 6)] * 6)
    stream = Stream(shop.port, start)
    for _ in range(20):
        wanted = stream.last + chance.randint(1, count // 25)
        stream.read_to(wanted, lambda: chance.randint(1, 4_000))
        stream.kill()
        stream.connect()
    assert crowd.join().statuses() == {200}
    ids = sorted(one for (one,) in fetch(shop.database, f"SELECT id FROM event WHERE id > {start}"))
    stream.read_to(ids[-1])
    stream.kill()

    print(f"seed {count}: {len(stream.seen)} events")
    assert len(ids) == count // 6 * 6
    assert stream.seen == ids


# --- Others at the same file --------------------------------------------------------------------


@on_sqlite
def test_two_servers_of_one_database_sell_a_piece_once(shop):
    shop.stock(TWO=40)
    with (
        serving.bvinv(shop.where) as second,
        Wire(second.listen().port) as there,
        Wire(shop.port) as here,
    ):
        for number in range(20):
            asks, looks = (here, there) if number % 2 else (there, here)
            assert looks.get("/stock/TWO").json["reserved"] == number
            body = {"reservation_id": f"TWO-{number}", "sku": "TWO", "quantity": 1}
            assert asks.post("/stock/reserve", body).status == 201
            assert looks.get("/stock/TWO").json["reserved"] == number + 1

        crowds = [
            Crowd(port, buy_two, [f"{name}{n}" for n in range(4)])
            for name, port in (("A", shop.port), ("B", second.port))
        ]
        said = Counter(one.answer.status for crowd in crowds for one in crowd.join().intents)
        assert said == {201: 20, 409: 44}
        assert here.get("/stock/TWO").json == there.get("/stock/TWO").json
        assert second.stop() == 0
    assert counts(shop.database, "TWO", "MAIN") == (40, 40, 0, 0)


def buy_two(crowd, wire, name):
    for number in range(8):
        body = {"reservation_id": f"TWO-{name}-{number}", "sku": "TWO", "quantity": 1}
        crowd.log.post(wire, "/stock/reserve", body)


HOLDS = """
import fcntl, sys
with open(sys.argv[1], "r+") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


@on_sqlite
def test_while_somebody_holds_the_gate_writers_are_put_off_and_readers_served(shop):
    """The holder would stay for 9 seconds; everybody has their answer before."""
    shop.stock(I5=100)
    before = books.snapshot(shop.database)
    with running(
        *(sys.executable, "-c", HOLDS, f"{shop.where}.lock"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            began = time.monotonic()
            crowd = Crowd(shop.port, buy_later, range(24))
            reads = 0
            with Wire(shop.port) as wire:
                while time.monotonic() < began + 9 and any(t.is_alive() for t in crowd.threads):
                    assert wire.get("/stock/I5").json["available"] == 100
                    assert wire.get("/readyz").status == 200
                    reads += 1
                    time.sleep(0.02)
            waiting = sum(thread.is_alive() for thread in crowd.threads)
        finally:
            holder.communicate()
    log = crowd.join()
    assert waiting == 0
    print(f"longest wait {max(one.seconds for one in log.intents):.2f} s, {reads} reads")
    assert reads > 20
    for one in log.intents:
        assert (one.answer.status, one.answer.json["code"]) == (503, "busy")
        assert int(one.answer.headers["retry-after"]) >= 1
    assert books.snapshot(shop.database) == before
    with Wire(shop.port) as wire:
        body = {"reservation_id": "I5-0", "sku": "I5", "quantity": 1}
        assert wire.post("/stock/reserve", body).status == 201


def buy_later(crowd, wire, number):
    """Ask a little after the others, so that most wait behind a group that is being committed."""
    time.sleep(number / 20)
    body = {"reservation_id": f"I5-{number}", "sku": "I5", "quantity": 1}
    crowd.log.post(wire, "/stock/reserve", body)


@on_sqlite
def test_who_comes_and_goes_beside_a_server_takes_no_file_away(shop):
    """C-12: the last one out of a WAL database removes its files, which only it thinks it is."""
    for number in range(20):
        with closing(Database(shop.where)) as database:
            books.add_products(database, f"C12-{number}")
    one, other = one_each(shop.port, shop.pids)
    with one, other:
        for wire in (one, other):
            assert wire.get("/products/C12-19").status == 200
            assert wire.get("/metrics").status == 200
    shop.assert_nothing_is_gone()
