"""What holds of reordering whatever is asked, in whatever order."""

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.errors import InventoryError
from bvinv.core.replenishment import decisions
from tests import books
from tests.books import fetch
from tests.purchasing_books import add_supplier, cancel, deliver, place, terms
from tests.reorder_books import forecast, keep, order, refresh, report
from tests.transfer_books import arrive, ship

SKUS = ("HX-1", "HX-2", "HX-3")
few = st.integers(0, 200)
terms_of = {"pack_size": st.integers(1, 24), "minimum_quantity": st.integers(1, 60)}


@given(position=st.integers(-50, 200), point=few, more=few, most=st.none() | few, **terms_of)
def test_packs_minimums_and_the_maximum_are_obeyed(
    position, point, more, most, pack_size, minimum_quantity
):
    asked = {"reorder_point": point, "order_up_to": point + more}
    found = decisions.order_quantity(
        position,
        **asked,
        pack_size=pack_size,
        minimum_quantity=minimum_quantity,
        max_stock=most,
    ).quantity
    assert (found == 0) or (position < point and found >= minimum_quantity)
    assert found % pack_size == 0
    if most is not None and found:
        assert position + found <= most
    if most is None and position < point:
        assert position + found >= point + more


@given(position=st.integers(-50, 200), point=few, higher=few, spread=few, **terms_of)
def test_more_service_never_orders_less(
    position, point, higher, spread, pack_size, minimum_quantity
):
    packs = {"pack_size": pack_size, "minimum_quantity": minimum_quantity}
    less, more = (
        decisions.order_quantity(position, reorder_point=one, order_up_to=one + spread, **packs)
        for one in (point, point + higher)
    )
    assert less.quantity <= more.quantity


def any_step(database, rng, step):
    """Do something that moves goods, orders or levels."""
    sku, site = rng.choice(SKUS), rng.choice(("MAIN", "NORTH"))
    last = fetch(database, "SELECT coalesce(max(id), 0) FROM purchase_order")[0][0]
    moved = fetch(database, "SELECT coalesce(max(id), 0) FROM transfer")[0][0]
    one, tr = f"PO-{rng.randint(1, max(last, 1))}", f"TR-{rng.randint(1, max(moved, 1))}"
    steps = [
        lambda: books.receive(database, sku, rng.randint(1, 9), site, bin="SHELF"),
        lambda: books.reserve(
            database, f"SO-{step}", f"{sku}={rng.randint(1, 9)}@{site}", backorder=True
        ),
        lambda: books.adjust(database, sku, site, -rng.randint(1, 5), break_newest=True),
        lambda: place(database, one),
        lambda: cancel(database, one),
        lambda: deliver(database, one),
        lambda: ship(database, tr),
        lambda: arrive(database, tr),
        lambda: keep(database, sku, rng.randint(0, 20), site, max_stock=rng.choice((None, 40))),
        lambda: forecast(database, sku, point := rng.randint(0, 20), point + 8, site),
        lambda: refresh(database),
    ]
    with suppress(InventoryError):
        rng.choice(steps)()


@pytest.mark.parametrize("seed", range(3))
def test_ordering_leaves_nothing_to_order_whatever_came_before(stocked, seed):
    rng = random.Random(seed)
    add_supplier(stocked)
    packs = {}
    for sku in SKUS[:2]:
        packs[sku] = rng.randint(1, 6)
        terms(stocked, sku, pack_size=str(packs[sku]), minimum_quantity=str(rng.randint(1, 9)))
    for step in range(24):
        any_step(stocked, rng, step)
        if step % 6:
            continue
        first = rng.random() < 0.5
        done = order(stocked, transfer_first=first)
        for row in done.rows:
            if row.supplier:
                assert row.suggested_quantity % packs[row.sku] == 0
            if row.order or row.transfer:
                assert row.suggested_quantity > 0
        left = report(stocked, transfer_first=first)
        assert all(not row.suggested_quantity or row.supplier is None for row in left)
        assert not any(row.order or row.transfer for row in order(stocked).rows)
    count = refresh(stocked)
    assert count == refresh(stocked) == len(report(stocked))
