"""Damage to what was scanned is found and named."""

import pytest

from tests.books import damage, findings
from tests.scan_books import begin, close, outcomes, shop

LINE = "WHERE session_id = 1 AND seq = {}"
# Line 1 received HX-1, line 2 is unknown, line 3 was undone, line 4 is its *UNDO, line 5 a misread.
DAMAGE = {
    "a scan's movement is not in the ledger": f"UPDATE scan SET level_seq = 99 {LINE.format(1)}",
    "a scan says another product than its movement": (
        f"UPDATE scan SET product_id = 2 {LINE.format(1)}"
    ),
    "a scan that did nothing has a movement": (
        f"UPDATE scan SET level_id = 1, level_seq = 1, product_id = 1 {LINE.format(5)}"
    ),
    "an undone scan's movement stands": f"UPDATE scan SET outcome = 'undone' {LINE.format(1)}",
    "an unknown code is not on the list": "DELETE FROM unknown_barcode",
    "an undone code is still on the list": f"UPDATE scan SET outcome = 'undone' {LINE.format(2)}",
    "a session that is done has pieces in hand": "UPDATE scan_session SET pieces = 3 WHERE id = 1",
    "a session's lines are not numbered from 1 without a gap": (
        f"DELETE FROM scan {LINE.format(4)}"
    ),
    "a session received at another warehouse": "UPDATE receipt SET warehouse_id = 2",
    "a scan was not received with its session's receipt": (
        "DELETE FROM receipt_line WHERE level_seq = 1"
    ),
}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("said", DAMAGE)
def test_damage_is_named(database, said):
    desk = begin(shop(database))
    outcomes(database, desk, "HX-1|nothing|HX-1|*UNDO|9780141439519")
    close(database, desk)
    assert findings(database) == []

    damage(database, DAMAGE[said])

    assert any(said in one for one in findings(database)), findings(database)
