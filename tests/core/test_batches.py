"""Many changes in one transaction: the same as one by one, or none at all."""

import random
from typing import Any

import pytest

from bvinv.core import adjustments, batches, command_log
from bvinv.core.adjustments import Adjustment
from bvinv.core.batches import (
    Commitment,
    Configuration,
    Extension,
    PutAway,
    Receipt,
    Release,
)
from bvinv.core.db import Database
from bvinv.core.errors import (
    Conflict,
    InsufficientStock,
    InvalidInput,
    InventoryError,
    NotFound,
    NotPermitted,
)
from bvinv.core.models.batch import BatchRow
from bvinv.core.requests import Request
from tests import books, lots_books, workers


def run(
    database: Database, *changes: batches.Change, role: str = "admin", actor: str = "tester"
) -> BatchRow:
    kept: list[BatchRow] = []

    def once(session: Any) -> BatchRow:
        kept[:] = [batches.run(session, changes)]
        return kept[0]

    asked = command_log.command("stock batch", actor=actor, role=role)
    command_log.execute(database, once, asked)
    return kept[0]


def by(ref: str, change: int, warehouse: str = "MAIN", **more: Any) -> Adjustment:
    return Adjustment(ref, warehouse, "found", change=change, **more)


def test_adjustments_together_are_those_one_by_one(database):
    """The same changes to two sets of products, one set in batches and one change by change."""
    books.add_warehouses(database, "MAIN", "NORTH")
    books.add_bin(database, "MAIN", "A-01")
    books.add_bin(database, "MAIN", "QUAR", "quarantine")
    names = [f"{side}-{number}" for side in "AB" for number in range(4)]
    books.add_products(database, *names)
    lots_books.track_lots(database, "A-3", "B-3")
    for side in "AB":
        books.receive(database, f"{side}-0", 20, "MAIN")
        books.reserve(database, f"{side}-SO", f"{side}-0=15 {side}-1=5", backorder=True)
    rng = random.Random(7)
    done = 0
    for _ in range(30):
        some = [change(rng) for _ in range(rng.randint(1, 6))]
        together = [Adjustment(ref=f"A-{number}", **one) for number, one in some]
        alone = [Adjustment(ref=f"B-{number}", **one) for number, one in some]
        first = outcome(database, lambda s, these=together: adjustments.adjust_many(s, these))
        second = outcome(
            database,
            lambda s, these=alone: [adjustments.adjust_many(s, [a])[0] for a in these][-1:],
        )
        assert (first is None) == (second is None), some
        done += first is not None
    assert done > 10
    for number in range(4):
        assert books.kinds(database, f"A-{number}") == books.kinds(database, f"B-{number}")
        for warehouse in ("MAIN", "NORTH"):
            one, two = (
                books.level(database, f"{side}-{number}", warehouse).model_dump() for side in "AB"
            )
            skip = ("sku", "updated_at", "version")
            assert [one[n] for n in one if n not in skip] == [two[n] for n in two if n not in skip]
    shown = [books.parts(books.show(database, f"{side}-SO")) for side in "AB"]
    assert [part[1:] for part in shown[0]] == [part[1:] for part in shown[1]]


def change(rng: random.Random) -> tuple[int, dict[str, Any]]:
    """Return a product's number, and a change of it that is often possible."""
    number = rng.randrange(4)
    said: dict[str, Any] = {"warehouse": rng.choice(["MAIN", "MAIN", "NORTH"]), "reason": "found"}
    said["change"] = rng.choice([-7, -2, -1, 1, 2, 3, 8])
    said["break_newest"] = rng.random() < 0.3
    if said["warehouse"] == "MAIN" and rng.random() < 0.4:
        said["bin"] = rng.choice(["A-01", "QUAR", "DOCK"])
    if number == 3:
        said["lot"] = rng.choice(["L1", "L2", "L3"])
        if said["change"] > 0:
            said["expires_on"] = {"L1": 20261231, "L2": 20270131, "L3": 20260401}[said["lot"]]
        elif rng.random() < 0.5:
            del said["lot"]
    return number, said


def outcome(database: Database, action: Any) -> Any:
    """Return what an action answers, None for a refusal."""
    try:
        return books.act(database, action)
    except InventoryError:
        return None


def test_a_batch_is_one_command_with_an_event_for_each_change(stocked):
    before = books.fetch(stocked, "SELECT count(*) FROM command_log")[0][0]
    row = run(stocked, by("HX-1", 5), by("HX-1", -2), by("HX-2", 1, "NORTH"), by("HX-3", 1))
    assert [(one.sku, one.warehouse, one.on_hand) for one in row.results] == [
        *[("HX-1", "MAIN", 13), ("HX-1", "MAIN", 13), ("HX-2", "NORTH", 7), ("HX-3", "MAIN", 1)],
    ]
    assert books.kinds(stocked, "HX-1")[-2:] == [("adjust", 5, 15, 0), ("adjust", 2, 13, 0)]
    assert books.events(stocked)[-4:] == [
        ("stock.adjusted", name) for name in ("HX-1", "HX-1", "HX-2", "HX-3")
    ]
    [(after,)] = books.fetch(stocked, "SELECT count(*) FROM command_log")
    assert after == before + 1


def test_what_breaks_a_hold_lets_it_wait_for_what_comes_next(stocked):
    books.reserve(stocked, "SO-1", "HX-1=8")
    row = run(
        stocked,
        by("HX-1", -6, break_newest=True),
        by("HX-1", 3),
        Adjustment("HX-1", "MAIN", "miscount", to=8, expect=7),
    )
    assert {one.on_hand for one in row.results} == {8}
    assert books.parts(books.show(stocked, "SO-1")) == [("HX-1", "MAIN", 8, 0, 0, 0)]
    assert books.counts(stocked, "HX-1", "MAIN") == (8, 8, 0, 0)


def test_kinds_of_changes_follow_each_other(stocked):
    run(
        stocked,
        Receipt("HX-3", 5, "NORTH"),
        PutAway("HX-3", "NORTH", target="SHELF"),
        Request("SO-1", books.lines("HX-3=2 HX-1=1")),
        Request("SO-2", books.lines("HX-3=3")),
        Extension("SO-2", ttl=books.HOUR),
        Commitment("SO-1", [("HX-3", 1)]),
        Commitment("SO-1", close=True),
        Release("SO-2"),
        Configuration("HX-3", "NORTH", {"reorder_point": 4}, "SHELF"),
        by("HX-3", -1, "NORTH"),
    )
    assert books.counts(stocked, "HX-3", "NORTH") == (2, 0, 2, 0)
    row = books.level(stocked, "HX-3", "NORTH")
    assert (row.reorder_point, row.fixed_bin) == (4, "SHELF")
    assert [books.show(stocked, name).status for name in ("SO-1", "SO-2")] == [
        *("committed", "released"),
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (by("HX-9", 1), NotFound),
        (by("HX-1", -100), InsufficientStock),
        (by("\ud800", 1), InvalidInput),
        (Adjustment("HX-1", "MAIN", "found", to=1, expect=2), Conflict),
        (Receipt("HX-1", 0, "MAIN"), InvalidInput),
        (Receipt("A=B", 1, "MAIN"), InvalidInput),
        (PutAway("HX-1", "MAIN", 99), InsufficientStock),
        (Request("SO-2", books.lines("HX-1=99")), InsufficientStock),
        (Request("", books.lines("HX-1=1")), InvalidInput),
        (Release("SO-9"), NotFound),
        (Commitment("SO-1", [("HX-2", 1)]), Conflict),
        (Extension("SO-1", ttl=books.SECOND), Conflict),
        (Configuration("HX-1", "MAIN"), InvalidInput),
    ],
)
def test_a_refusal_undoes_all_and_says_which(stocked, change, error):
    books.reserve(stocked, "SO-1", "HX-1=3")
    before = books.snapshot(stocked)
    with pytest.raises(error) as caught:
        run(stocked, by("HX-1", 1), Release("SO-1"), by("HX-2", -1), change, by("HX-2", 1))
    if isinstance(change, Commitment | Extension):  # SO-1 is released by then
        assert "released already" in caught.value.detail
    assert caught.value.numbers["change"] == 3
    assert caught.value.detail.startswith("changes.3: ")
    assert books.snapshot(stocked) == before


def test_a_batch_asks_for_the_roles_that_its_changes_need(stocked):
    reserve, release = Request("SO-1", books.lines("HX-1=1")), Release("SO-1")
    run(stocked, reserve, release, role="service", actor="svc")
    before = books.snapshot(stocked)
    with pytest.raises(NotPermitted, match=r"^changes\.1: stock adjust needs the role staff"):
        run(stocked, Request("SO-2", books.lines("HX-1=1")), by("HX-1", 1), role="service")
    with pytest.raises(NotPermitted, match=r"^changes\.0: stock set needs the role manager"):
        run(stocked, Configuration("HX-1", "MAIN", {"max_stock": 9}), role="staff")
    with pytest.raises(NotPermitted, match=r"changes\.0: reservation SO-1 is somebody else's"):
        run(stocked, Release("SO-1"), role="service", actor="svc-2")
    assert books.snapshot(stocked) == before


def test_a_batch_has_1_to_1000_changes(stocked):
    for count in (0, 1001):
        with pytest.raises(InvalidInput, match="1 to 1000 changes"):
            run(stocked, *[by("HX-1", 1)] * count)


def shuffle(database: Database, seed: int) -> int:
    """Make 12 batches over the same products in changing orders; return the sum of what came."""
    rng = random.Random(seed)
    total = 0
    for number in range(12):
        refs = rng.sample(["HX-1", "HX-2", "HX-3"], 3)
        parts = [(ref, rng.choice([1, 2])) for ref in refs]
        more: list[batches.Change] = [by(ref, part) for ref, part in parts]
        more.insert(rng.randrange(4), Receipt(refs[0], 1, "NORTH"))
        if number % 3 == 0:
            more.append(Request(f"S-{seed}-{number}", books.lines(f"{refs[1]}=1 {refs[2]}=1")))
            more.append(Release(f"S-{seed}-{number}"))
        run(database, *more)
        total += 1 + sum(part for _, part in parts)
    return total


def test_batches_at_the_same_moment_all_count(stocked, where):
    stocked.close()
    came = workers.together(where, shuffle, [(seed,) for seed in range(3)])
    shown = [books.ask(stocked, lambda s, r=ref: books.stock.total(s, ref=r)) for ref in HX]
    assert sum(row.on_hand for row in shown) == 20 + sum(came)
    assert [row.reserved for row in shown] == [0, 0, 0]


HX = ("HX-1", "HX-2", "HX-3")
