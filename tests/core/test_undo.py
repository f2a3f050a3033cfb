"""What was done by mistake is done backwards, once, unless the goods have moved on."""

import pytest

from bvinv.core import undo
from bvinv.core.command_log import command
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from bvinv.core.purchasing import receipts
from tests import books, count_books
from tests.books import (
    act,
    adjust,
    bins,
    commit,
    counts,
    damage,
    findings,
    level,
    put_away,
    receive,
    reserve,
    snapshot,
)
from tests.transfer_books import (
    arrive,
    cancel,
    close,
    draft,
    newest,
    parts,
    send,
    ship,
    show,
    stands,
    undo_document,
    undo_movement,
)


def refused(database, error, action, detail):
    """See that an undo is refused in these words and changes nothing; return the error."""
    before = snapshot(database)
    with pytest.raises(error) as caught:
        action()
    assert caught.value.detail == detail
    assert snapshot(database) == before
    return caught.value


def test_a_movement_is_undone_by_its_mirror(stocked):
    adjust(stocked, "HX-1", "MAIN", -3, reason="damaged")
    number = newest(stocked, "adjust")

    row = undo_movement(stocked, number)

    assert (row.kind, row.reason, row.quantity) == ("adjust", "damaged", 3)
    assert (row.from_bin, row.to_bin, row.on_hand_change) == ("adjustment", "SHELF", 3)
    assert (row.level_seq, row.reverses, row.on_hand) == (3, 2, 10)
    assert books.events(stocked)[-1] == ("stock.undone", "HX-1")
    assert counts(stocked, "HX-1", "MAIN") == (10, 0, 10, 0)


def test_it_is_undone_once_and_an_undo_is_not_undone(stocked):
    receive(stocked, "HX-1", 5, "MAIN")
    number = newest(stocked, "receive")
    row = undo_movement(stocked, number)

    refused(
        stocked,
        Conflict,
        lambda: undo_movement(stocked, number),
        f"movement {number} was undone already, by movement {row.id}",
    )
    refused(
        stocked,
        Conflict,
        lambda: undo_movement(stocked, row.id),
        f"movement {row.id} is an undo itself",
    )


def test_of_two_equal_receipts_that_one_is_undone(stocked):
    receive(stocked, "HX-3", 5, "MAIN")
    receive(stocked, "HX-3", 5, "MAIN")
    first = newest(stocked, "receive") - 1

    row = undo_movement(stocked, first)

    assert (row.reverses, row.on_hand) == (1, 5)
    assert books.fetch(
        stocked, "SELECT level_seq FROM movement WHERE reverses > 0 ORDER BY id"
    ) == [(3,)]


def test_goods_that_moved_on_are_named(stocked):
    receive(stocked, "HX-1", 5, "MAIN")
    number = newest(stocked, "receive")
    put_away(stocked, "HX-1", 2, "MAIN", "SHELF")
    moved = newest(stocked, "move")
    adjust(stocked, "HX-1", "MAIN", -1, reason="damaged", bin="DOCK")

    error = refused(
        stocked,
        Conflict,
        lambda: undo_movement(stocked, number),
        "only 2 of HX-1 lie in DOCK at MAIN, 5 would go back; since then: "
        f"movement {moved} (move 2 to SHELF), movement {moved + 1} (adjust 1)",
    )
    assert error.numbers["dependents"] == [
        {
            "movement": moved,
            "kind": "move",
            "quantity": 2,
            "document": None,
            "detail": f"movement {moved} (move 2 to SHELF)",
        },
        {
            "movement": moved + 1,
            "kind": "adjust",
            "quantity": 1,
            "document": None,
            "detail": f"movement {moved + 1} (adjust 1)",
        },
    ]
    undo_movement(stocked, moved + 1)
    undo_movement(stocked, moved)
    undo_movement(stocked, number)
    assert bins(stocked, "MAIN") == {"SHELF": 14}


def test_goods_that_others_hold_do_not_go_back(stocked):
    receive(stocked, "HX-3", 5, "MAIN")
    reserve(stocked, "SO-1", "HX-3=4")
    number = newest(stocked, "receive")

    error = refused(
        stocked,
        InsufficientStock,
        lambda: undo_movement(stocked, number),
        "only 1 of HX-3 can leave MAIN, 5 would go; held by SO-1 (4)",
    )
    assert error.numbers["holders"] == [{"reservation_id": "SO-1", "held": 4}]
    books.release(stocked, "SO-1")
    undo_movement(stocked, number)
    assert counts(stocked, "HX-3", "MAIN") == (0, 0, 0, 0)


def test_a_hold_that_ran_out_does_not_stand_in_the_way(stocked, clock):
    receive(stocked, "HX-3", 5, "MAIN")
    reserve(stocked, "SO-1", "HX-3=4", ttl=books.MINUTE)
    clock.advance(books.HOUR)

    undo_movement(stocked, newest(stocked, "receive"))

    assert counts(stocked, "HX-3", "MAIN") == (0, 0, 0, 0)


def test_what_comes_back_goes_to_whoever_waits(stocked):
    adjust(stocked, "HX-1", "MAIN", -10, reason="lost")
    reserve(stocked, "SO-1", "HX-1=3@MAIN", backorder=True)

    undo_movement(stocked, newest(stocked, "adjust"))

    assert counts(stocked, "HX-1", "MAIN") == (10, 3, 7, 0)


def test_a_move_out_of_quarantine_is_undone(stocked):
    books.add_bin(stocked, "MAIN", "QUAR", "quarantine")
    receive(stocked, "HX-3", 4, "MAIN", bin="QUAR")
    put_away(stocked, "HX-3", 3, "MAIN", "SHELF", origin="QUAR")

    undo_movement(stocked, newest(stocked, "move"))

    row = level(stocked, "HX-3", "MAIN")
    assert (row.on_hand, row.unsellable) == (0, 4)


def test_promises_are_not_undone_here(stocked):
    reserve(stocked, "SO-1", "HX-1=4")
    commit(stocked, "SO-1", "HX-1=1")
    for kind, hint in (
        ("hold", "let go of it: bvinv reserve release SO-1"),
        ("commit", "take the parcel back: bvinv reserve ship SO-1 --cancel"),
    ):
        number = newest(stocked, kind)
        error = refused(
            stocked,
            Conflict,
            lambda: undo_movement(stocked, number),  # noqa: B023
            f"movement {number} is a {kind} of SO-1; undo knows only goods that came, went or "
            "moved",
        )
        assert error.hint == hint


def test_what_is_not_there_cannot_be_undone(stocked):
    with pytest.raises(NotFound, match="there is no movement 999"):
        undo_movement(stocked, 999)
    for number, error, detail in (
        ("RC-9", NotFound, "there is no receipt RC-9"),
        ("TR-9", NotFound, "there is no transfer TR-9"),
        ("CT-9", NotFound, "there is no count CT-9"),
        ("SO-1", InvalidInput, "'SO-1' cannot be undone"),
    ):
        refused(stocked, error, lambda n=number: undo_document(stocked, n), detail)


def test_a_count_is_undone_with_all_that_it_posted(stocked):
    number = count_books.open_count(stocked, tolerance=5)
    count_books.count(stocked, number, "HX-1", 8)
    count_books.count(stocked, number, "HX-2", 5)
    count_books.post(stocked, number)
    assert counts(stocked, "HX-1", "MAIN")[0] == 8

    row = undo_document(stocked, number)

    assert (row.undone, row.step) == (number, "posted")
    assert [(one.sku, one.kind, one.on_hand) for one in row.movements] == [
        ("HX-2", "count", 4),
        ("HX-1", "count", 10),
    ]
    assert books.events(stocked)[-1] == ("count.undone", number)
    refused(
        stocked,
        Conflict,
        lambda: undo_document(stocked, number),
        f"nothing of {number} is left to undo",
    )


def test_a_receipt_is_undone_with_all_that_is_left_of_it(stocked):
    with stocked.write(command("test", actor="tester")) as session:
        opened = receipts.open_receipt(session, warehouse="MAIN")
    number = f"RC-{opened}"
    for ref in ("HX-1", "HX-2"):
        act(
            stocked,
            lambda s, r=ref: receipts.add(s, receipt_id=opened, ref=r, quantity=3, bin=None),
        )
    undo_movement(stocked, newest(stocked, "receive"))

    row = undo_document(stocked, number)

    assert (row.step, [(one.sku, one.quantity) for one in row.movements]) == (
        "received",
        [("HX-1", 3)],
    )
    assert bins(stocked, "MAIN") == {"SHELF": 14}
    assert books.events(stocked)[-1] == ("receipt.undone", number)
    refused(
        stocked,
        Conflict,
        lambda: undo_document(stocked, number),
        f"nothing of {number} is left to undo",
    )


def test_a_transfer_goes_back_step_by_step(stocked):
    number = send(stocked, "HX-1=5 HX-2=2")
    arrive(stocked, number, "HX-1=1")
    arrive(stocked, number, "HX-2=1")
    close(stocked, number, lost="HX-1=3 HX-2=1", returned="HX-1=1")
    begun = [("MAIN", 10, 0), ("NORTH", 0, 0)]

    row = undo_document(stocked, number)
    assert (row.step, row.status, len(row.movements)) == ("closed", "partly-received", 1)
    assert stands(stocked, "HX-1") == [("MAIN", 5, 0), ("NORTH", 1, 4)]
    row = undo_document(stocked, number)
    assert (row.step, row.status) == ("received", "partly-received")
    assert parts(show(stocked, number)) == [
        ("HX-1", "", 5, 5, 1, 0, 0, 4),
        ("HX-2", "", 2, 2, 0, 0, 0, 2),
    ]
    row = undo_document(stocked, number)
    assert (row.step, row.status) == ("received", "shipped")
    row = undo_document(stocked, number)
    assert (row.step, row.status) == ("shipped", "draft")
    assert stands(stocked, "HX-1") == begun
    assert bins(stocked, "MAIN") == {"SHELF": 14}
    refused(
        stocked,
        Conflict,
        lambda: undo_document(stocked, number),
        "TR-1 is a draft: there is nothing to undo",
    )
    assert [kind for kind, _ in books.events(stocked)][-4:] == ["transfer.undone"] * 4
    ship(stocked, number)
    assert stands(stocked, "HX-1") == [("MAIN", 5, 0), ("NORTH", 0, 5)]


def test_losses_alone_are_found_again(stocked):
    number = send(stocked, "HX-1=5")
    close(stocked, number, rest="lost")

    row = undo_document(stocked, number)

    assert (row.step, row.status, row.movements) == ("closed", "shipped", [])
    assert stands(stocked, "HX-1") == [("MAIN", 5, 0), ("NORTH", 0, 5)]
    arrive(stocked, number)
    assert stands(stocked, "HX-1") == [("MAIN", 5, 0), ("NORTH", 5, 0)]


def test_a_cancelled_transfer_did_nothing(stocked):
    number = draft(stocked, "HX-1=1")
    cancel(stocked, number)
    refused(
        stocked,
        Conflict,
        lambda: undo_document(stocked, number),
        "TR-1 is cancelled: there is nothing to undo",
    )


def test_what_arrived_is_not_unsent(stocked):
    number = send(stocked, "HX-1=5 HX-2=1")
    arrive(stocked, number, "HX-1=2")
    [(sent,)] = books.fetch(stocked, "SELECT id FROM movement WHERE kind = 'send' AND quantity = 5")
    refused(
        stocked,
        Conflict,
        lambda: undo_movement(stocked, sent),
        "only 3 of HX-1 are in transit still on TR-1, 5 would come back: 2 received",
    )
    [(other,)] = books.fetch(
        stocked, "SELECT id FROM movement WHERE kind = 'send' AND quantity = 1"
    )
    undo_movement(stocked, other)
    assert parts(show(stocked, number)) == [
        ("HX-1", "", 5, 5, 2, 0, 0, 3),
        ("HX-2", "", 1, 0, 0, 0, 0, 0),
    ]
    assert arrive(stocked, number).status == "closed"


def test_an_arrival_that_was_put_away_or_promised_stays(stocked):
    number = send(stocked, "HX-1=5")
    arrive(stocked, number)
    put_away(stocked, "HX-1", 2, "NORTH", "SHELF")
    moved = newest(stocked, "move")
    refused(
        stocked,
        Conflict,
        lambda: undo_document(stocked, number),
        "only 3 of HX-1 lie in DOCK at NORTH, 5 would go back; since then: "
        f"movement {moved} (move 2 to SHELF)",
    )
    undo_movement(stocked, moved)
    reserve(stocked, "SO-1", "HX-1=1@NORTH")
    refused(
        stocked,
        InsufficientStock,
        lambda: undo_document(stocked, number),
        "only 4 of HX-1 can leave NORTH, 5 would go; held by SO-1 (1)",
    )


def test_a_scan_is_undone_by_its_place_in_the_chain(stocked):
    receive(stocked, "HX-3", 5, "MAIN")
    [(number, seq)] = books.fetch(
        stocked, "SELECT level_id, level_seq FROM movement ORDER BY id DESC LIMIT 1"
    )
    row = act(stocked, lambda s: undo.reverse(s, level_id=number, level_seq=seq))
    assert (row.reverses, row.on_hand) == (seq, 0)
    with pytest.raises(NotFound, match=f"level {number} has no movement 99"):
        act(stocked, lambda s: undo.reverse(s, level_id=number, level_seq=99))


MIRROR = "a reversal does not mirror what it reverses"


@pytest.mark.parametrize(
    "changed", ["quantity = 2, on_hand_change = 2", "to_bin = 'DOCK'", "reverses = 1"]
)
def test_a_reversal_that_mirrors_nothing_is_found(stocked, changed):
    adjust(stocked, "HX-1", "MAIN", -3, reason="damaged")
    row = undo_movement(stocked, newest(stocked, "adjust"))

    damage(stocked, f"UPDATE movement SET {changed} WHERE id = {row.id}")

    assert f"{row.id}#0 {MIRROR}" in findings(stocked)


def test_a_delivery_note_that_looks_like_our_numbers_is_no_document_of_ours(stocked):
    receive(stocked, "HX-1", 2, "MAIN", document="TR-1")

    undo_movement(stocked, newest(stocked, "receive"))

    assert books.events(stocked)[-1] == ("stock.undone", "HX-1")


def test_a_blind_receipt_is_undone_under_its_own_number(stocked):
    receive(stocked, "HX-1", 2, "MAIN", document="DN-7")

    undo_document(stocked, "RC-1")

    assert books.events(stocked)[-1] == ("receipt.undone", "RC-1")
