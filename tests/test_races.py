"""Many processes at once: nothing is sold twice, nothing is lost, nobody sees a lock."""

from collections import Counter

from bvinv.core import adjustments, command_log, instants, promises, stock
from bvinv.core.errors import InventoryError
from tests import books, workers
from tests.books import Clock, counts, fetch, findings, parts, show


def reserve_one_by_one(database, worker, times):
    """Return how each of many small reservations ended."""
    ends = []
    for number in range(times):
        try:
            ends.append(books.reserve(database, f"SO-{worker}-{number}", "HX-1=1").status)
        except InventoryError as error:
            ends.append(error.code)
    return Counter(ends)


def reserve_the_same(database, reservation_id, said):
    row = books.reserve(database, reservation_id, said)
    return row.replayed, row.model_copy(update={"replayed": False}).record()


def adjust_with_key(database, key, change):
    def action(session):
        return adjustments.adjust(
            session, ref="HX-1", warehouse="MAIN", reason="lost", change=change
        )

    asked = command_log.command("adjust", actor="tester", key=key, request=change)
    answer = command_log.execute(database, action, asked)
    return answer.replayed, answer.result


def end_each(database, how, rounds):
    """Commit, release or expire one reservation after the other; return how each went."""
    ends = []
    for number in range(rounds):
        try:
            if how == "commit":
                books.commit(database, f"SO-{number}")
                ends.append("committed")
            elif how == "release":
                books.release(database, f"SO-{number}")
                ends.append("released")
            else:
                books.act(database, promises.expire)
                ends.append("swept")
        except InventoryError as error:
            ends.append(error.code)
    return ends


def reserve_crosswise(database, worker, said, rounds):
    """Reserve and give back again and again; return what went wrong."""
    wrong = []
    for number in range(rounds):
        try:
            books.reserve(database, f"SO-{worker}-{number}", said)
            books.release(database, f"SO-{worker}-{number}")
        except InventoryError as error:
            wrong.append(f"{error.code}: {error}")
    return wrong


def move_about(database, worker, rounds):
    """Move pieces from bin to bin; return how many moves there were."""
    moved = 0
    for number in range(rounds):
        origin, target = (worker + number) % 10, (worker * 3 + number * 7 + 1) % 10
        if origin == target:
            continue
        try:
            books.put_away(
                database,
                "HX-1",
                1 + number % 30,
                "MAIN",
                f"B-{target}",
                origin=f"B-{origin}",
            )
            moved += 1
        except InventoryError as error:
            assert error.code == "insufficient-stock", error
    return moved


def add_up(database, rounds):
    """Read all bins and the level again and again; return the totals seen."""
    totals = set()
    for _ in range(rounds):
        with database.read() as session:
            lying = session.wire.exec_driver_sql("SELECT quantity FROM bin_level").scalars().all()
            [row] = stock.show(session, ref="HX-1")
            totals.add((sum(lying), row.on_hand))
    return totals


def shop(database, units, *skus):
    """Put this many of each SKU into MAIN."""
    books.add_warehouses(database, "MAIN")
    books.add_products(database, *skus)
    for sku in skus:
        books.receive(database, sku, units, "MAIN")


def test_eight_processes_cannot_sell_100_units_more_than_once(database, where):
    shop(database, 100, "HX-1")

    answers = workers.together(where, reserve_one_by_one, [(n, 50) for n in range(8)])

    assert sum(answers, Counter()) == {"held": 100, "insufficient-stock": 300}
    assert counts(database, "HX-1", "MAIN") == (100, 100, 0, 0)
    assert fetch(database, "SELECT count(*) FROM reservation") == [(100,)]


def test_eight_workers_who_want_3_of_10_are_three(database, where):
    shop(database, 10, "HX-1")

    answers = workers.together(where, reserve_threes, [(n,) for n in range(8)])

    assert Counter(answers) == {"held": 3, "insufficient-stock": 5}
    assert counts(database, "HX-1", "MAIN") == (10, 9, 1, 0)


def reserve_threes(database, worker):
    try:
        return books.reserve(database, f"SO-{worker}", "HX-1=3").status
    except InventoryError as error:
        return error.code


def test_sixteen_retries_of_the_last_unit_are_one_reservation(database, where):
    shop(database, 5, "HX-1", "HX-2")

    answers = workers.together(where, reserve_the_same, [("SO-1", "HX-1=5 HX-2=2")] * 16)

    assert sorted(replayed for replayed, _ in answers) == [False] + [True] * 15
    assert all(answer == answers[0][1] for _, answer in answers)
    assert counts(database, "HX-1", "MAIN") == (5, 5, 0, 0)
    assert fetch(database, "SELECT count(*) FROM movement WHERE kind = 'hold'") == [(2,)]


def test_eight_retries_with_one_key_adjust_once(database, where):
    shop(database, 5, "HX-1")

    answers = workers.together(where, adjust_with_key, [("k-1", -5)] * 8)

    assert sorted(replayed for replayed, _ in answers) == [False] + [True] * 7
    assert all(answer == answers[0][1] for _, answer in answers)
    assert counts(database, "HX-1", "MAIN") == (0, 0, 0, 0)


def test_commit_release_and_expiry_at_once_end_a_reservation_once(database, where, clock):
    shop(database, 100, "HX-1", "HX-2")
    clock.at = instants.now() - books.HOUR
    for number in range(30):
        # Every third one runs out while the processes are at it, or just before.
        ttl = books.HOUR + number * 5_000 if number % 3 == 0 else 2 * books.HOUR
        books.reserve(database, f"SO-{number}", "HX-1=2 HX-2=1", ttl=ttl)

    ways = ["commit", "release", "commit", "release", "expire"]
    answers = workers.together(where, end_each, [(how, 30) for how in ways])

    clock.at = instants.now()
    books.expire(database)
    for number in range(30):
        ends = [
            answer[number] for how, answer in zip(ways, answers, strict=True) if how != "expire"
        ]
        status = show(database, f"SO-{number}").status
        assert sorted(ends) in (["conflict"] * 4, sorted(["conflict"] * 3 + [status])), number
        assert len([end for end in ends if end != "conflict"]) == (status != "expired")
        assert sum(one[2] for one in parts(show(database, f"SO-{number}"))) == 0
    sold = [(n,) for (n,) in fetch(database, "SELECT sum(committed) FROM reservation_line")]
    assert counts(database, "HX-1", "MAIN")[1] == 0
    assert counts(database, "HX-1", "MAIN")[0] + counts(database, "HX-2", "MAIN")[0] == (
        200 - int(sold[0][0])
    )


def test_opposite_orders_of_many_lines_never_wait_for_each_other(database, where):
    shop(database, 1000, "A", "B", "C", "D")
    forwards, backwards = "A=1 B=2 C=3 D=4", "D=4 C=3 B=2 A=1"

    answers = workers.together(
        where,
        reserve_crosswise,
        [(n, backwards if n % 2 else forwards, 15) for n in range(6)],
    )

    assert answers == [[]] * 6
    assert [counts(database, sku, "MAIN") for sku in "ABCD"] == [(1000, 0, 1000, 0)] * 4


def test_whoever_reads_while_goods_move_counts_a_thousand(database, where):
    books.add_warehouses(database, "MAIN")
    books.add_products(database, "HX-1")
    for number in range(10):
        books.add_bin(database, "MAIN", f"B-{number}")
        books.receive(database, "HX-1", 100, "MAIN", bin=f"B-{number}")

    answers = workers.together(
        where, move_or_read, [("move", n, 60) for n in range(4)] + [("read", 0, 150)] * 2
    )

    assert all(moves > 10 for moves in answers[:4])
    assert answers[4:] == [{(1000, 1000)}] * 2
    assert findings(database) == []


def move_or_read(database, what, worker, rounds):
    return move_about(database, worker, rounds) if what == "move" else add_up(database, rounds)


def test_sweeps_at_once_expire_each_reservation_once(database, where):
    shop(database, 100, "HX-1")
    old = Clock(instants.now() - books.HOUR)
    database.clock = old
    for number in range(40):
        books.reserve(database, f"SO-{number}", "HX-1=2", ttl=books.MINUTE)

    answers = workers.together(where, sweep, [(7,)] * 5)

    assert sum(expired for expired, _ in answers) == 40
    assert sum(pieces for _, pieces in answers) == 80
    assert counts(database, "HX-1", "MAIN") == (100, 0, 100, 0)
    assert fetch(database, "SELECT count(*) FROM event WHERE type = 'reservation.expired'") == [
        (40,)
    ]


def sweep(database, batch):
    """Sweep until nothing is left; return the reservations and pieces of all sweeps."""
    expired = pieces = 0
    while (found := books.expire(database, batch)) != (0, 0):
        expired, pieces = expired + found[0], pieces + found[1]
    return expired, pieces
