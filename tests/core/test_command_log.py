"""A key makes a command harmless to repeat, and a refusal leaves nothing under it."""

import json

import pytest

from bvinv.core import adjustments, command_log
from bvinv.core.command_log import Tale
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput
from bvinv.core.purchasing import receiving
from tests import books
from tests.books import counts, fetch, snapshot


def received(quantity):
    return lambda s: receiving.receive(s, ref="HX-1", quantity=quantity, warehouse="MAIN")


def execute(database, action, *, key="k-1", request="receive", actor="ann", dry_run=False):
    asked = command_log.command("receive", actor=actor, key=key, request=request)
    return command_log.execute(database, action, asked, dry_run=dry_run)


def test_the_same_key_answers_the_same_and_acts_once(stocked):
    first = execute(stocked, received(5))
    before = snapshot(stocked)
    again = [execute(stocked, received(5)) for _ in range(3)]

    assert (first.replayed, first.result["on_hand"]) == (False, 15)
    assert [(one.replayed, one.result, one.changes) for one in again] == [
        (True, first.result, [])
    ] * 3
    assert snapshot(stocked) == before


def test_an_answer_of_many_rows_is_replayed_as_many_rows(stocked):
    def both(session):
        return [received(1)(session), received(2)(session)]

    first = execute(stocked, both)
    again = execute(stocked, both)

    assert [row["on_hand"] for row in first.result] == [11, 13]
    assert again.result == first.result
    assert [(one.on_hand_before, one.on_hand) for one in first.changes] == [(10, 13)]


def test_the_same_key_for_another_request_is_a_conflict(stocked):
    execute(stocked, received(5))
    before = snapshot(stocked)

    with pytest.raises(Conflict, match="the key k-1 was used for another request") as refused:
        execute(stocked, received(6), request="receive 6")

    assert refused.value.hint == "repeat the first request exactly, or use a new key"
    assert snapshot(stocked) == before


def test_the_same_key_for_another_command_is_a_conflict(stocked):
    execute(stocked, received(5))
    other = command_log.command("adjust", actor="ann", key="k-1", request="receive")

    with pytest.raises(Conflict, match="another request"):
        command_log.execute(stocked, received(5), other)


def test_a_replay_by_somebody_else_is_the_same_answer_under_the_first_name(stocked):
    first = execute(stocked, received(5))

    assert execute(stocked, received(5), actor="bob").result == first.result
    assert fetch(stocked, "SELECT actor FROM command_log WHERE key = 'k-1'") == [("ann",)]


def test_a_refusal_is_not_stored_so_that_the_key_works_later(stocked):
    def taking(session):
        return adjustments.adjust(session, ref="HX-1", warehouse="MAIN", reason="lost", change=-12)

    before = snapshot(stocked)
    with pytest.raises(InsufficientStock):
        execute(stocked, taking)
    assert snapshot(stocked) == before

    books.receive(stocked, "HX-1", 5, "MAIN")
    assert execute(stocked, taking).result["on_hand"] == 3
    assert execute(stocked, taking).replayed
    assert counts(stocked, "HX-1", "MAIN") == (3, 0, 3, 0)


def test_a_dry_run_with_a_key_stores_nothing(stocked):
    before = snapshot(stocked)
    tried = execute(stocked, received(5), dry_run=True)
    assert (tried.result["on_hand"], snapshot(stocked)) == (15, before)

    real = execute(stocked, received(5))
    assert (real.replayed, real.result["on_hand"]) == (False, 15)
    assert execute(stocked, received(5), dry_run=True).replayed


def test_what_is_stored_is_what_both_doors_print(stocked):
    answer = execute(stocked, received(5))

    [(stored,)] = fetch(stocked, "SELECT result FROM command_log WHERE key = 'k-1'")
    assert json.loads(stored) == answer.result
    assert answer.result["updated_at"].endswith("Z")


def test_a_command_that_changes_nothing_leaves_no_trace_without_a_key(stocked):
    before = snapshot(stocked)

    assert books.act(stocked, lambda _: []) == []

    assert snapshot(stocked) == before


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "the key is empty"),
        ("k" * 256, "the key has 256 characters; at most 255 are allowed"),
        ("k" * 10_000, "the key has 10000 characters; at most 255 are allowed"),
        ("a\0b", "the key has a control character: '\\x00' at character 2"),
        ("a\nb", "the key has a control character: '\\n' at character 2"),
        ("\ud800", "the key has half of a surrogate pair: '\\ud800' at character 1"),
    ],
)
def test_a_key_that_cannot_be_kept_is_refused(key, said):
    with pytest.raises(InvalidInput) as refused:
        command_log.command("receive", actor="ann", key=key)

    assert refused.value.detail == said


@pytest.mark.parametrize("key", ["k" * 255, "'; DROP TABLE movement; --", "🔑", "%s :key {}"])
def test_any_printable_key_is_kept_as_it_is(stocked, key):
    execute(stocked, received(1), key=key)

    assert execute(stocked, received(1), key=key).replayed
    assert counts(stocked, "HX-1", "MAIN") == (11, 0, 11, 0)


@pytest.mark.parametrize("actor", ["", " ", "a\nb", "x" * 101])
def test_an_actor_needs_a_name(actor):
    with pytest.raises(InvalidInput, match="the actor"):
        command_log.command("receive", actor=actor)


def test_equal_requests_have_equal_hashes_whatever_their_order():
    def of(request):
        return command_log.command("x", actor="a", key="k", request=request).request_hash

    assert of({"a": 1, "b": 2}) == of({"b": 2, "a": 1})
    assert of({"a": 1}) != of({"a": 2})
    assert of({"a": 1}) != of({"a": "1"})
    assert len(of(None)) == 64


def test_events_keep_their_order_and_their_words(stocked):
    def action(session):
        told = {"title": 'Ü \x1f "q"', "n": 1}
        tales = [Tale(f"test.told-{n}", "HX-1", told, session.command) for n in range(3)]
        command_log.tell(session, tales)
        return []

    books.act(stocked, action, actor="ann")

    rows = fetch(stocked, "SELECT type, actor, data FROM event ORDER BY id DESC LIMIT 3")
    assert [row[0] for row in rows] == ["test.told-2", "test.told-1", "test.told-0"]
    assert {row[1] for row in rows} == {"ann"}
    assert json.loads(rows[0][2]) == {"title": 'Ü \x1f "q"', "n": 1}


def test_keys_belong_to_one_caller_whatever_stands_in_the_names(stocked):
    def asked(scope, key):
        return command_log.command("receive", actor=scope, key=key, scope=scope, request="same")

    pairs = [("a", "b/c"), ("a/b", "c"), ("a%2Fb", "c")]
    answers = [command_log.execute(stocked, received(1), asked(scope, key)) for scope, key in pairs]

    assert [one.replayed for one in answers] == [False] * 3
    assert command_log.execute(stocked, received(1), asked("a/b", "c")).replayed
    assert counts(stocked, "HX-1", "MAIN")[0] == 13
