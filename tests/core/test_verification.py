"""Every kind of damage is found and named; sound books are proved."""

import pytest

from bvinv.core import categories, price_decisions, prices, verification
from bvinv.core.errors import InvalidInput, VerificationFailed
from tests import books, pick_books
from tests.books import adjust, ask, commit, damage, findings, put_away, receive, reserve, verify


@pytest.fixture
def busy(stocked):
    """Return a stocked database in which HX-1 at MAIN has five movements."""
    receive(stocked, "HX-1", 5, "MAIN")
    reserve(stocked, "SO-1", "HX-1=6")
    commit(stocked, "SO-1", "HX-1=2")
    adjust(stocked, "HX-1", "MAIN", -1, reason="damaged")
    return stocked


# HX-1 at MAIN is level 1: +10, +5, hold 6, commit 2, adjust -1.
MOVEMENT = "WHERE level_id = 1 AND level_seq = {}"
COPIED = (
    "kind, reason, quantity, from_bin, to_bin, on_hand_change, reserved_change, on_hand, reserved, "
    "document, actor, command_id, occurred_at, recorded_at, reverses, previous_hash, hash"
)
BROUGHT = "a receipt's line is not what its movement brought"
DAMAGE = {
    "a changed quantity": (
        [f"UPDATE movement SET quantity = 6 {MOVEMENT.format(2)}"],
        [
            "HX-1@MAIN#2 it was changed after it was written: its hash does not fit",
            f"RC-4#0 {BROUGHT}",
        ],
    ),
    "a changed actor": (
        [f"UPDATE movement SET actor = 'nobody' {MOVEMENT.format(1)}"],
        ["HX-1@MAIN#1 it was changed after it was written: its hash does not fit"],
    ),
    "a changed time": (
        [f"UPDATE movement SET occurred_at = 5 {MOVEMENT.format(4)}"],
        ["HX-1@MAIN#4 it was changed after it was written: its hash does not fit"],
    ),
    "a changed hash": (
        [f"UPDATE movement SET hash = previous_hash {MOVEMENT.format(3)}"],
        ["HX-1@MAIN#3 it was changed after it was written: its hash does not fit"],
    ),
    "a removed movement": (
        [f"DELETE FROM movement {MOVEMENT.format(3)}"],
        ["HX-1@MAIN#4 movement 3 is missing"],
    ),
    "a removed first movement": (
        [f"DELETE FROM movement {MOVEMENT.format(1)}"],
        ["HX-1@MAIN#2 movement 1 is missing", f"RC-1#0 {BROUGHT}"],
    ),
    "a removed and closed gap": (
        [
            f"DELETE FROM movement {MOVEMENT.format(3)}",
            f"UPDATE movement SET level_seq = 3 {MOVEMENT.format(4)}",
            f"UPDATE movement SET level_seq = 4 {MOVEMENT.format(5)}",
        ],
        ["HX-1@MAIN#3 the chain is broken: it does not follow the movement before it"],
    ),
    "an inserted movement": (
        [
            f"INSERT INTO movement (level_id, level_seq, {COPIED}) "
            f"SELECT level_id, 6, {COPIED} FROM movement {MOVEMENT.format(2)}"
        ],
        ["HX-1@MAIN#6 the chain is broken: it does not follow the movement before it"],
    ),
    "two swapped movements": (
        [
            f"UPDATE movement SET level_seq = 99 {MOVEMENT.format(2)}",
            f"UPDATE movement SET level_seq = 2 {MOVEMENT.format(3)}",
            f"UPDATE movement SET level_seq = 3 {MOVEMENT.format(99)}",
        ],
        [
            "HX-1@MAIN#2 the chain is broken: it does not follow the movement before it",
            f"RC-4#0 {BROUGHT}",
        ],
    ),
    "a movement taken to another level": (
        [f"UPDATE movement SET level_id = 2, level_seq = 2 {MOVEMENT.format(5)}"],
        [
            "HX-1@MAIN#4 the level ends at 5, its chain at 4",
            "HX-1@MAIN#0 on hand is 12, its movements add up to 13",
            "HX-1@MAIN#0 a bin has 7, its movements add up to 8",
            "HX-1@MAIN#0 on hand is 12, its sellable bins hold 13",
            "HX-2@MAIN#2 the chain is broken: it does not follow the movement before it",
        ],
    ),
    "a truncated tail": (
        [f"DELETE FROM movement {MOVEMENT.format(5)}"],
        [
            "HX-1@MAIN#4 the level ends at 5, its chain at 4",
            "HX-1@MAIN#0 on hand is 12, its movements add up to 13",
            "HX-1@MAIN#0 a bin has 7, its movements add up to 8",
            "HX-1@MAIN#0 on hand is 12, its sellable bins hold 13",
        ],
    ),
    "more on hand": (
        ["UPDATE stock_level SET on_hand = 13 WHERE id = 1"],
        [
            "HX-1@MAIN#0 on hand is 13, its movements add up to 12",
            "HX-1@MAIN#0 on hand is 13, its sellable bins hold 12",
        ],
    ),
    "less reserved": (
        ["UPDATE stock_level SET reserved = 3 WHERE id = 1"],
        [
            "HX-1@MAIN#0 reserved is 3, its movements add up to 4",
            "HX-1@MAIN#0 reserved is 3, its reservations hold 4",
        ],
    ),
    "more unsellable": (
        ["UPDATE stock_level SET unsellable = 1 WHERE id = 1"],
        ["HX-1@MAIN#0 unsellable is 1, its bins hold 0"],
    ),
    "another head": (
        ["UPDATE stock_level SET head_seq = 4 WHERE id = 1"],
        ["HX-1@MAIN#5 the level ends at 4, its chain at 5"],
    ),
    "more in a bin": (
        ["UPDATE bin_level SET quantity = quantity + 1 WHERE level_id = 1 AND quantity = 5"],
        ["HX-1@MAIN#0 a bin has 6, its movements add up to 5"],
    ),
    "a bin that nothing came to": (
        ["INSERT INTO bin_level (level_id, bin_id, lot, quantity) VALUES (1, 3, '', 4)"],
        ["HX-1@MAIN#0 a bin has 4, which no movement brought"],
    ),
    "an emptied bin list": (
        ["DELETE FROM bin_level WHERE level_id = 1"],
        [
            "HX-1@MAIN#0 a bin has 0, its movements add up to 7",
            "HX-1@MAIN#0 a bin has 0, its movements add up to 5",
        ],
    ),
    "a line that holds more": (
        ["UPDATE reservation_line SET held = held + 1, quantity = quantity + 1"],
        ["HX-1@MAIN#0 reserved is 4, its reservations hold 5"],
    ),
    "a line that does not add up": (
        ["UPDATE reservation_line SET committed = committed + 1"],
        ["SO-1#0 a line's parts do not add up"],
    ),
    "a line below zero": (
        ["UPDATE reservation_line SET backordered = -1, released = 1"],
        ["SO-1#0 a line's parts do not add up"],
    ),
    "a closed reservation that holds": (
        ["UPDATE reservation SET status = 'released'"],
        ["SO-1#0 a closed reservation still holds something"],
    ),
    "a reservation without lines": (
        ["DELETE FROM reservation_line"],
        [
            "HX-1@MAIN#0 reserved is 4, its reservations hold 0",
            "SO-1#0 a reservation has no lines",
        ],
    ),
    "movements without a command": (
        ["DELETE FROM command_log WHERE id = (SELECT max(command_id) FROM movement)"],
        ["{event}#0 an event has no command"],
    ),
    "a level that is gone": (
        ["DELETE FROM stock_level WHERE id = 3"],
        ["{third}#0 a movement belongs to no level", f"RC-3#0 {BROUGHT}"],
    ),
    "a bin of another kind": (
        ["UPDATE bin SET kind = 'quarantine' WHERE code = 'SHELF' AND warehouse_id = 1"],
        [
            "HX-1@MAIN#1 its bins change what is on hand by 0, it says 10",
            "HX-2@MAIN#1 its bins change what is on hand by 0, it says 4",
        ],
    ),
    "a bin that is gone": (
        ["UPDATE bin SET code = 'ELSEWHERE' WHERE code = 'DOCK' AND warehouse_id = 1"],
        ["HX-1@MAIN#2 there is no bin DOCK"],
    ),
    "a product of another name": (
        ["UPDATE product SET sku = 'HX-9', sku_key = 'hx-9' WHERE sku = 'HX-1'"],
        ["HX-9@MAIN#1 the chain is broken: it does not follow the movement before it"],
    ),
}


def test_sound_books_are_sound(busy):
    row = verify(busy)

    assert (row.sound, row.findings) == (True, [])
    assert (row.levels, row.movements, row.reservations) == (3, 7, 1)


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found_and_named(busy, what):
    numbers = [one for (one,) in books.fetch(busy, "SELECT id FROM movement ORDER BY id")]
    [(third,)] = books.fetch(busy, "SELECT id FROM movement WHERE level_id = 3")
    [(event,)] = books.fetch(busy, "SELECT max(id) FROM event")
    statements, expected = DAMAGE[what]

    damage(busy, *statements)

    row = verify(busy)
    assert not row.sound
    found = findings(busy)
    names = {"last": numbers[-1], "third": third, "event": event}
    assert sorted(found) == sorted(one.format(**names) for one in expected)


def test_a_popularity_that_nobody_sold_is_found(busy):
    assert books.fetch(busy, "SELECT sku, popularity FROM product WHERE popularity > 0") == [
        ("HX-1", 2)
    ]

    damage(busy, "UPDATE product SET popularity = 3 WHERE sku = 'HX-1'")

    assert findings(busy) == ["HX-1#0 its popularity is not what its movements sold"]


def test_sales_of_all_warehouses_count_and_undone_ones_do_not(stocked):
    reserve(stocked, "SO-1", "HX-2=7")
    commit(stocked, "SO-1")
    pick_books.ready(stocked, "HX-2=2", "SO-2")
    pick_books.ship(stocked, "SO-2")
    pick_books.unship(stocked, "SO-2")
    pick_books.come_back(stocked, "HX-2", 1, reservation_id="SO-1")
    assert books.fetch(stocked, "SELECT popularity FROM product WHERE sku = 'HX-2'") == [(7,)]

    damage(stocked, "UPDATE product SET popularity = 0")

    assert findings(stocked) == ["HX-2#0 its popularity is not what its movements sold"]


def test_what_a_broken_chain_sold_nobody_knows(busy):
    damage(busy, f"UPDATE movement SET quantity = 3 {MOVEMENT.format(4)}")

    assert findings(busy) == [
        "HX-1@MAIN#4 it was changed after it was written: its hash does not fit"
    ]


CATALOGUE = {
    "a price that nobody approved": (
        ["UPDATE product SET price = 1 WHERE sku = 'HX-1'"],
        ["HX-1#0 its price is not what was decided last"],
    ),
    "a currency that nobody approved": (
        ["UPDATE product SET currency = 'USD' WHERE sku = 'HX-1'"],
        ["HX-1#0 its price is not what was decided last"],
    ),
    "a past price that was changed": (
        ["UPDATE price_change SET old_price = 5 WHERE id = 2"],
        ["HX-1#0 its prices do not follow one from the other"],
    ),
    "a request for a draft": (
        [
            "UPDATE product SET status = 'draft' WHERE sku = 'HX-1'",
            "UPDATE price_change SET state = 'requested', decided_by = NULL, decided_at = NULL "
            "WHERE id = 2",
            "UPDATE product SET price = 1000 WHERE sku = 'HX-1'",
        ],
        ["HX-1#0 a draft has a price request"],
    ),
    "a circle of categories": (
        ["UPDATE category SET parent_id = (SELECT id FROM category WHERE slug = 'b')"],
        ["a#0 a category is below itself", "b#0 a category is below itself"],
    ),
    "a circle of variants": (
        [
            "UPDATE product SET variant_of = 2 WHERE id = 3",
            "UPDATE product SET variant_of = 3 WHERE id = 2",
        ],
        ["HX-2#0 it is a variant of its own variant", "HX-3#0 it is a variant of its own variant"],
    ),
    "a barcode without a product": (
        ["INSERT INTO barcode (code, product_id, pack_quantity) VALUES ('X', 99, 1)"],
        ["X#0 a barcode belongs to no product"],
    ),
}


@pytest.mark.parametrize("what", CATALOGUE)
def test_a_catalogue_that_was_tampered_with_is_found(stocked, what):
    def furnish(session):
        categories.add(session, slug="a")
        categories.add(session, slug="b", parent="a")
        prices.change(session, ref="HX-1", price="10", currency="GBP")
        return prices.change(session, ref="HX-1", price="11")

    books.act(stocked, furnish)
    books.act(stocked, lambda s: price_decisions.approve(s, ids=[2]), actor="ben")
    assert findings(stocked) == []
    statements, expected = CATALOGUE[what]
    triggers = ("product_stays_published", "category_refuses_cycle") if stocked.path else ()

    damage(stocked, *(f"DROP TRIGGER {name}" for name in triggers), *statements)

    assert sorted(findings(stocked)) == expected


def test_an_event_that_is_gone_is_missed(busy):
    statements = ["DELETE FROM event WHERE command_id = (SELECT max(command_id) FROM movement)"]
    if busy.path:
        statements.insert(0, "DROP TRIGGER event_refuses_delete")
    damage(busy, *statements)

    [found] = findings(busy)
    assert found.endswith("a movement's command has no event")


def test_a_tail_that_is_cut_off_with_its_counts_is_found_by_a_head_that_was_kept(busy):
    kept = ask(busy, verification.head)
    assert kept == verify(busy).head
    assert ask(busy, lambda s: verification.verify(s, against=kept.upper() + "\n")).sound
    [(digest, on_hand)] = books.fetch(
        busy, f"SELECT hash, on_hand FROM movement {MOVEMENT.format(4)}"
    )
    literal = f"x'{bytes(digest).hex()}'" if busy.path else f"'\\x{bytes(digest).hex()}'"

    damage(
        busy,
        f"DELETE FROM movement {MOVEMENT.format(5)}",
        f"UPDATE stock_level SET on_hand = {on_hand}, head_seq = 4, head_hash = {literal} "
        "WHERE id = 1",
        "UPDATE bin_level SET quantity = quantity + 1 WHERE level_id = 1 AND quantity = 7",
    )

    assert findings(busy) == []
    row = ask(busy, lambda s: verification.verify(s, against=kept))
    assert not row.sound
    [found] = row.findings
    assert found.subject == "head"
    head = ask(busy, verification.head)
    assert head != kept
    assert found.detail == f"it is {head}, not the one that was kept"
    with pytest.raises(VerificationFailed, match="the books do not balance: 1 found") as refused:
        verification.require_sound(row)
    assert refused.value.errors[0]["detail"] == f"head: {found.detail}"


@pytest.mark.parametrize("head", ["", "abc", "g" * 64, "0" * 63, "0" * 65])
def test_a_head_is_64_digits(database, head):
    with pytest.raises(InvalidInput, match="a head is 64 hexadecimal digits"):
        ask(database, lambda session: verification.verify(session, against=head))


def test_the_head_changes_with_every_movement_and_with_nothing_else(stocked):
    heads = [verify(stocked).head]
    receive(stocked, "HX-1", 1, "MAIN")
    heads.append(verify(stocked).head)
    books.add_products(stocked, "HX-4")
    heads.append(verify(stocked).head)
    put_away(stocked, "HX-1", 1, "MAIN", "SHELF")
    heads.append(verify(stocked).head)

    assert heads[1] == heads[2]
    assert len(set(heads)) == 3


def test_equal_books_have_equal_heads_whatever_the_order_of_their_levels(database):
    books.add_warehouses(database, "MAIN")
    assert verify(database).head == verification._digest([])
    one, two = b"one", b"two"
    assert verification._digest([one, two]) == verification._digest([two, one])


def test_many_levels_are_read_in_batches(stocked):
    whole = verify(stocked)

    in_parts = ask(stocked, lambda session: verification.verify(session, batch=1))

    assert in_parts == whole


def test_no_more_than_a_hundred_findings_are_told(busy):
    books.add_products(busy, *(f"P-{number}" for number in range(101)))
    for number in range(101):
        receive(busy, f"P-{number}", 1, "MAIN")
    damage(busy, "UPDATE stock_level SET on_hand = on_hand + 1")

    row = verify(busy)

    assert (row.sound, len(row.findings)) == (False, 100)
