"""Many processes send goods to and fro: nothing is lost, nothing is doubled, nobody waits for ever.

RELIABILITY.md, A-02 and A-06.
"""

from collections import Counter

from bvinv.core import undo
from bvinv.core.errors import InventoryError
from bvinv.core.transfers import transfers
from tests import books, workers
from tests.books import fetch, findings
from tests.transfer_books import arrive, draft, newest, parts, send, ship, show

SKUS = ("A", "B", "C")


def shop(database, units):
    """Put this many of each SKU into MAIN and into NORTH."""
    books.add_warehouses(database, "MAIN", "NORTH")
    books.add_products(database, *SKUS)
    for sku in SKUS:
        for warehouse in ("MAIN", "NORTH"):
            books.receive(database, sku, units, warehouse, bin="SHELF")


def carry(database, worker, rounds):
    """Send several lines one way, or the other; let them arrive, be lost or undone. Return how
    each round went, and the pieces that were lost."""
    origin, target = ("MAIN", "NORTH") if worker % 2 else ("NORTH", "MAIN")
    skus = SKUS if worker % 4 < 2 else SKUS[::-1]
    ends, lost = [], 0
    for number in range(rounds):
        said = " ".join(f"{sku}={1 + (worker + number) % 4}" for sku in skus)
        try:
            found = send(database, said, origin, target)
            if number % 3 == 0:
                arrive(database, found)
            elif number % 3 == 1:
                books.act(database, lambda s, n=found: undo.document(s, number=n))
            else:
                arrive(database, found, f"{skus[0]}=1")
                row = books.act(
                    database, lambda s, n=found: transfers.close(s, transfer=n, rest="lost")
                )
                lost += sum(line.lost for line in row.lines)
            ends.append("done")
        except InventoryError as error:
            ends.append(f"{error.code}: {error.detail}")
    return ends, lost


def add_up(database, rounds):
    """Read what lies and what travels again and again; return the totals seen."""
    totals = set()
    for _ in range(rounds):
        with database.read() as session:
            [(lying, moving, lost)] = session.wire.exec_driver_sql(
                "SELECT (SELECT sum(on_hand) FROM stock_level)"
                ", (SELECT sum(in_transit) FROM stock_level)"
                ", (SELECT coalesce(sum(lost), 0) FROM transfer_line)"
            ).all()
            totals.add(int(lying + moving + lost))
    return totals


def carry_or_read(database, what, worker, rounds):
    return carry(database, worker, rounds) if what == "carry" else add_up(database, rounds)


def test_opposed_transfers_of_many_lines_lose_nothing_and_never_wait_for_each_other(
    database, where
):
    shop(database, 1000)

    answers = workers.together(
        where, carry_or_read, [("carry", n, 6) for n in range(8)] + [("read", 0, 40)]
    )

    assert [ends for ends, _ in answers[:8]] == [["done"] * 6] * 8
    assert answers[8] == {6000}
    lost = sum(pieces for _, pieces in answers[:8])
    assert [
        (int(n), int(m))
        for n, m in fetch(database, "SELECT sum(on_hand), sum(in_transit) FROM stock_level")
    ] == [(6000 - lost, 0)]
    assert findings(database) == []


def once(database, what, number):
    """Do a step; return how it went."""
    steps = {
        "ship": lambda s: transfers.ship(s, transfer=number),
        "receive": lambda s: transfers.receive(s, transfer=number),
        "close": lambda s: transfers.close(s, transfer=number, rest="returned"),
        "cancel": lambda s: transfers.cancel(s, transfer=number),
        "undo": lambda s: undo.movement(s, movement_id=int(number)),
    }
    try:
        books.act(database, steps[what])
    except InventoryError as error:
        return error.code
    return what


def test_the_same_step_by_four_at_once_is_done_once(database, where):
    shop(database, 100)
    number = draft(database, "A=5 B=5")

    assert sorted(workers.together(where, once, [("ship", number)] * 4)) == (
        ["conflict"] * 3 + ["ship"]
    )
    answers = workers.together(where, once, [("receive", number), ("close", number)] * 2)
    assert Counter(answers)["conflict"] == 3
    assert [one[7] for one in parts(show(database, number))] == [0, 0]


def test_shipping_and_cancelling_at_once_is_one_of_both(database, where):
    shop(database, 100)
    for _ in range(3):
        number = draft(database, "A=5")
        answers = workers.together(where, once, [("ship", number), ("cancel", number)])
        assert sorted(answers) in (["cancel", "conflict"], ["conflict", "ship"])


def test_a_movement_is_undone_by_one_of_four(database, where):
    shop(database, 100)
    ship(database, draft(database, "A=5"))
    answers = workers.together(where, once, [("undo", str(newest(database, "send")))] * 4)

    assert sorted(answers) == ["conflict"] * 3 + ["undo"]
    assert show(database, "TR-1").status == "draft"
    assert fetch(database, "SELECT count(*) FROM movement WHERE reverses > 0") == [(1,)]
