"""The ledger's bytes, recomputed here from their description alone."""

import hashlib

import pytest

from bvinv.core import ledger
from bvinv.core.ledger import Place, Posting, posting
from tests import books
from tests.books import adjust, commit, fetch, receive, reserve, verify


def written(database):
    columns = (
        "sku, w.code, m.level_seq, m.quantity, on_hand_change, reserved_change, m.on_hand, "
        "m.reserved, occurred_at, recorded_at, reverses, m.kind, reason, from_bin, to_bin, "
        "document, actor, previous_hash, hash"
    )
    return fetch(
        database,
        f"SELECT {columns} FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id "
        "JOIN product AS p ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id "
        "ORDER BY m.level_id, m.level_seq",
    )


def everything(database):
    """Do a little of everything."""
    reserve(database, "SÖ-1", "HX-1=4 HX-2=6")
    commit(database, "SÖ-1", "HX-2=5")
    adjust(database, "HX-1", "MAIN", -2, reason="damaged", occurred_at=books.START - books.HOUR)
    receive(database, "HX-1", 3, "MAIN", document="Lieferschein 7")


def test_each_hash_is_the_sha_256_of_the_bytes_that_are_documented(stocked):
    everything(stocked)
    heads = {}

    for sku, warehouse, *rest in written(stocked):
        numbers, words, previous, digest = rest[:9], rest[9:15], rest[15], rest[16]
        genesis = hashlib.sha256(b"bvinv/1\x1f" + f"{sku.lower()}\x1f{warehouse}".encode()).digest()
        assert bytes(previous) == heads.get((sku, warehouse), genesis)
        said = bytes(previous)
        for number in numbers:
            said += int(number).to_bytes(8, "big", signed=True)
        said += b"\x1f".join(word.encode("utf-8") for word in words)
        assert hashlib.sha256(said).digest() == bytes(digest)
        heads[sku, warehouse] = bytes(digest)

    stored = fetch(
        stocked,
        "SELECT sku, w.code, head_hash FROM stock_level AS l JOIN product AS p "
        "ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id",
    )
    assert {(sku, code): bytes(digest) for sku, code, digest in stored} == heads


def test_the_head_is_the_sha_256_over_all_levels(stocked):
    everything(stocked)
    said = []
    for sku, code, seq, digest in fetch(
        stocked,
        "SELECT sku, w.code, head_seq, head_hash FROM stock_level AS l JOIN product AS p "
        "ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id",
    ):
        said.append(f"{sku.lower()}\x1f{code}\x1f{seq}\x1f".encode() + bytes(digest))
    digest = hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in sorted(said)))

    assert verify(stocked).head == digest.hexdigest()


def test_a_level_counts_its_movements_without_a_gap(stocked):
    everything(stocked)

    chains: dict[tuple[str, str], list[int]] = {}
    for sku, warehouse, seq, *_ in written(stocked):
        chains.setdefault((sku, warehouse), []).append(seq)
    assert chains == {
        ("HX-1", "MAIN"): [1, 2, 3, 4],
        ("HX-2", "MAIN"): [1, 2, 3],
        ("HX-2", "NORTH"): [1, 2, 3],
    }


def test_a_link_binds_every_number_and_every_word():
    numbers, words = (1, 2, 3, 4, 5, 6, 7, 8, 9), ("a", "b", "c", "d", "e", "f")
    first = ledger.link(b"x" * 32, numbers, words)
    others = {ledger.link(b"y" * 32, numbers, words)}
    for place in range(9):
        changed = list(numbers)
        changed[place] += 1
        others.add(ledger.link(b"x" * 32, changed, words))
    for place in range(6):
        said = list(words)
        said[place] += "x"
        others.add(ledger.link(b"x" * 32, numbers, said))
    others.add(ledger.link(b"x" * 32, numbers, ("ab", "", "c", "d", "e", "f")))

    assert first not in others
    assert len(others) == 17


def test_a_chain_begins_with_the_name_of_its_level():
    assert ledger.genesis("HX-1", "MAIN") == ledger.genesis("hx-1", "MAIN")
    assert ledger.genesis("HX-1", "MAIN") != ledger.genesis("HX-1", "NORTH")
    assert ledger.genesis("HX-1", "MAIN") != ledger.genesis("HX-2", "MAIN")


def test_a_posting_that_fails_writes_nothing(stocked):
    before = books.snapshot(stocked)

    def action(session):
        with posting(session) as current:
            assert isinstance(current, Posting)
            current.tell("test.told", "HX-1", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        books.act(stocked, action)

    assert books.snapshot(stocked) == before


def test_goods_never_move_between_bins_that_were_not_looked_up():
    level = ledger.Level(1, 1, "HX-1", 1, "MAIN", 0, 0, 0, 0, 0, b"")

    with pytest.raises(AssertionError, match="the bins of a level are loaded"):
        Posting(None)._put(level, Place("SHELF", 1, sellable=True), 1)
