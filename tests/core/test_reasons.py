"""Reasons: required, known, editable, and never gone from the ledger."""

import pytest

from bvinv.core import reasons
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from tests import books
from tests.books import act, adjust, ask, events, fetch, snapshot


def names(database, **more):
    return [row.code for row in ask(database, lambda s: reasons.reasons(s, **more))]


def test_the_usual_ones_are_there(database):
    found = {row.code: row.corrects for row in ask(database, reasons.reasons)}

    assert {"damaged", "lost", "found", "expired", "theft", "sample", "supplier-error"} < {*found}
    assert {code for code, corrects in found.items() if corrects} == {
        "opening",
        "lost",
        "found",
        "miscount",
        "not-found",
        "data-entry",
    }


def test_a_reason_is_added_renamed_retired_and_brought_back(stocked):
    row = act(stocked, lambda s: reasons.add(s, reason="Mice", name=" Eaten ", corrects=False))
    assert row.record() == {"code": "mice", "name": "Eaten", "corrects": False, "active": True}
    adjust(stocked, "HX-1", "MAIN", -1, reason="MICE")

    renamed = act(stocked, lambda s: reasons.change(s, reason="mice", name="Eaten by mice"))
    assert (renamed.name, renamed.active) == ("Eaten by mice", True)

    assert act(stocked, lambda s: reasons.change(s, reason="mice", active=False)).active is False
    assert "mice" not in names(stocked)
    assert "mice" in names(stocked, retired=True)
    with pytest.raises(InvalidInput, match="the reason mice is retired") as found:
        adjust(stocked, "HX-1", "MAIN", -1, reason="mice")
    assert found.value.hint == (
        "see: bvinv stock reason list, or bring it back: bvinv stock reason restore mice"
    )

    act(stocked, lambda s: reasons.change(s, reason="mice", active=True))
    adjust(stocked, "HX-1", "MAIN", -1, reason="mice")
    assert [one for one in events(stocked) if one[0].startswith("reason")] == [
        ("reason.created", "mice"),
        ("reason.renamed", "mice"),
        ("reason.retired", "mice"),
        ("reason.restored", "mice"),
    ]


def test_what_changes_nothing_says_nothing(stocked):
    before = snapshot(stocked)
    act(stocked, lambda s: reasons.change(s, reason="lost", active=True))
    assert snapshot(stocked) == before


@pytest.mark.parametrize(
    ("error", "said", "action"),
    [
        (Conflict, "a reason lost already", lambda s: reasons.add(s, reason="Lost", name="x")),
        (InvalidInput, "the name is empty", lambda s: reasons.add(s, reason="x", name=" ")),
        (InvalidInput, "the reason is empty", lambda s: reasons.add(s, reason=" ", name="x")),
        (InvalidInput, "33 characters", lambda s: reasons.add(s, reason="x" * 33, name="x")),
        (NotFound, "no reason x", lambda s: reasons.change(s, reason="x", active=False)),
        (InvalidInput, "no reason 'x'", lambda s: reasons.checked(s, "x")),
        (InvalidInput, "needs a reason", lambda s: reasons.checked(s, " ")),
    ],
)
def test_what_is_no_reason(stocked, error, said, action):
    before = snapshot(stocked)
    with pytest.raises(error, match=said):
        act(stocked, action)
    assert snapshot(stocked) == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO movement (level_id, level_seq, kind, reason, quantity, from_bin, to_bin, "
        "on_hand_change, reserved_change, on_hand, reserved, document, actor, command_id, "
        "occurred_at, recorded_at, reverses, previous_hash, hash) SELECT level_id, level_seq + 1, "
        "'adjust', 'whim', quantity, from_bin, to_bin, on_hand_change, reserved_change, on_hand, "
        "reserved, document, actor, command_id, occurred_at, recorded_at, reverses, previous_hash, "
        "hash FROM movement WHERE id = 1",
        "DELETE FROM reason WHERE code = 'lost'",
    ],
)
def test_the_database_itself_refuses_an_unknown_reason_and_to_forget_one(stocked, statement):
    before = snapshot(stocked)
    with pytest.raises(Exception, match=r"known reason|retired, not removed"):
        act(stocked, lambda session: session.wire.exec_driver_sql(statement))
    assert snapshot(stocked) == before


def test_two_who_add_the_same_reason_are_told(stocked):
    act(stocked, lambda s: reasons.add(s, reason="mice", name="Eaten"))
    with pytest.raises(Conflict, match="there is a reason mice already"):
        act(stocked, lambda s: reasons.add(s, reason="MICE", name="Eaten"))
    assert fetch(stocked, "SELECT name FROM reason WHERE code = 'mice'") == [("Eaten",)]
    assert books.counts(stocked, "HX-1", "MAIN")[0] == 10
