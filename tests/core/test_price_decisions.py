"""Deciding about prices: somebody else, once, and never about what has changed since."""

from collections import Counter

import pytest

from bvinv.core import catalog, command_log, price_decisions, prices
from bvinv.core.errors import Conflict, InvalidInput, InventoryError, NotFound, NotPermitted
from tests import books, workers


def run(database, action, actor="bob", role="manager"):
    """Run the action as somebody with a role; return what it returned."""
    return database.run(action, command_log.command("test", actor=actor, role=role))


def ask_for(database, sku, price, actor="ann"):
    """Ask for a price; return the number of the request."""
    row = run(
        database, lambda session: prices.change(session, ref=sku, price=price), actor, "staff"
    )
    return row.price_request.id


def approve(database, *ids, **who):
    return run(database, lambda session: price_decisions.approve(session, ids=ids), **who)


def reject(database, *ids, reason="too early", **who):
    return run(
        database, lambda session: price_decisions.reject(session, ids=ids, reason=reason), **who
    )


def add(database, *skus):
    def action(session):
        for sku in skus:
            fields = {"sku": sku, "title": sku, "price": "12.99", "currency": "GBP"}
            catalog.add(session, fields=fields)

    run(database, action)


def price_of(database, sku):
    row = books.ask(database, lambda session: catalog.show(session, ref=sku))
    return row.price, row.currency, row.version


def refused(database, error, said, action, *arguments, **more):
    """See that an action is refused with these words, and that nothing changed."""
    before = books.snapshot(database)
    with pytest.raises(error) as caught:
        action(database, *arguments, **more)
    assert caught.value.detail == said
    assert books.snapshot(database) == before


@pytest.fixture
def asked(database):
    """Return a database where ann asks for 14.50 instead of 12.99 GBP for HX-1: request 1."""
    add(database, "HX-1")
    ask_for(database, "HX-1", "14.50")
    return database


def test_an_approved_price_counts_and_the_history_says_who(asked, clock):
    clock.advance(books.HOUR + books.SECOND)

    [row] = approve(asked, 1)

    assert (row.state, row.requested_by, row.decided_by, row.stale, row.age) == (
        "approved",
        "ann",
        "bob",
        False,
        "1h",
    )
    assert price_of(asked, "HX-1") == ("14.50", "GBP", 2)
    assert [one for one in books.events(asked) if "pric" in one[0]] == [
        ("price.requested", "HX-1"),
        ("price.approved", "HX-1"),
        ("product.priced", "HX-1"),
    ]
    before, since = (
        books.ask(asked, lambda s, at=at: prices.on(s, ref="HX-1", at=at)).price
        for at in (row.decided_at - 1, row.decided_at)
    )
    assert (before, since) == ("12.99", "14.50")


def test_a_rejected_price_never_counts_and_the_reason_is_kept(asked):
    [row] = reject(asked, 1)

    assert (row.state, row.decided_by, row.reason) == ("rejected", "bob", "too early")
    assert price_of(asked, "HX-1") == ("12.99", "GBP", 1)
    assert books.events(asked)[-1] == ("price.rejected", "HX-1")
    assert ask_for(asked, "HX-1", "14.50") == 2


def test_a_price_after_one_that_was_taken_away_waits_too(database):
    add(database, "HX-1")
    approve(database, ask_for(database, "HX-1", ""))
    assert price_of(database, "HX-1") == (None, None, 2)

    assert ask_for(database, "HX-1", "0.01") == 2

    assert price_of(database, "HX-1") == (None, None, 2)
    fields = {"price": "0.02", "currency": "GBP", "status": "active"}
    run(database, lambda s: catalog.change(s, ref="HX-1", fields=fields), "ann")
    assert price_of(database, "HX-1") == (None, None, 2)
    approve(database, 3)
    assert price_of(database, "HX-1") == ("0.02", "GBP", 3)


def test_the_database_itself_knows_a_name_in_other_letters(asked):
    """ASCII letters: those beyond it are left to `text.key`."""
    before = books.snapshot(asked)
    told = "SET state = 'approved', decided_by = 'ANN', decided_at = 1 WHERE id = 1"

    with pytest.raises(Exception, match="nobody_decides_their_own_request"):  # noqa: SIM117
        with asked.write(command_log.command("x", actor="x")) as session:
            session.wire.exec_driver_sql(f"UPDATE price_change {told}")

    assert books.snapshot(asked) == before


@pytest.mark.parametrize(
    ("asker", "same"),
    [("straße", "STRASSE"), ("\u212aen", "ken"), ("le\u017flie", "Leslie"), ("e\u0301va", "Éva")],
)
def test_a_name_in_other_letters_is_the_same_name(database, asker, same):
    add(database, "HX-1")
    ask_for(database, "HX-1", "14.50", actor=asker)
    before = books.snapshot(database)

    with pytest.raises(NotPermitted, match="somebody else decides it"):
        approve(database, 1, actor=same)

    assert run(database, price_decisions.approve_others, actor=same) == []
    assert books.snapshot(database) == before


@pytest.mark.parametrize("actor", ["ann", "Ann", "ANN", " ann "])
@pytest.mark.parametrize("decide", [approve, reject])
def test_nobody_decides_their_own_request(asked, decide, actor):
    said = "price request 1 is ann's own: somebody else decides it"
    refused(asked, NotPermitted, said, decide, 1, actor=actor, role="admin")


@pytest.mark.parametrize("role", ["viewer", "service", "staff"])
@pytest.mark.parametrize("decide", [approve, reject])
def test_deciding_needs_the_role_of_a_manager(asked, decide, role):
    said = f"test needs the role manager, and bob has {role}"
    refused(asked, NotPermitted, said, decide, 1, role=role)


@pytest.mark.parametrize("decide", [approve, reject])
def test_what_is_decided_stays_decided(asked, clock, decide):
    approve(asked, 1)
    said = "price request 1 was approved by bob at 2026-03-01T09:00:00.000002Z"
    refused(asked, Conflict, said, decide, 1, actor="cid")


def test_what_was_replaced_or_counted_at_once_cannot_be_decided(asked):
    ask_for(asked, "HX-1", "15")
    add(asked, "HX-2")
    run(asked, lambda session: catalog.add(session, fields={"sku": "HX-3", "title": "T"}))
    run(asked, lambda session: prices.change(session, ref="HX-3", price="1"))

    with pytest.raises(Conflict, match="price request 1 was withdrawn, or replaced by a newer"):
        approve(asked, 1)
    with pytest.raises(Conflict, match="price request 3 counted at once, nothing waits"):
        approve(asked, 3, actor="cid")


def test_a_stale_request_cannot_be_approved_and_can_be_rejected(asked):
    books.damage(asked, "UPDATE product SET price = 1300")

    said = "price request 1 is stale: the price of HX-1 has changed since"
    refused(asked, Conflict, said, approve, 1)
    assert run(asked, price_decisions.approve_others) == []
    assert reject(asked, 1)[0].state == "rejected"


def test_of_several_requests_all_are_decided_or_none(asked):
    add(asked, "HX-2", "HX-3")
    second, third = ask_for(asked, "HX-2", "2"), ask_for(asked, "HX-3", "3", actor="bob")

    said = "price request 3 is bob's own: somebody else decides it"
    refused(asked, NotPermitted, said, approve, 1, second, third)
    refused(asked, NotFound, "there is no price request 99", approve, 1, 99)
    rows = approve(asked, second, 1, second)

    assert [(row.id, row.price) for row in rows] == [(1, "14.50"), (2, "2.00")]
    assert price_of(asked, "HX-3") == ("12.99", "GBP", 1)


def test_all_are_those_of_other_people(asked):
    add(asked, "HX-2", "HX-3")
    ask_for(asked, "HX-2", "2", actor="BOB")
    ask_for(asked, "HX-3", "3")

    rows = run(asked, price_decisions.approve_others)

    assert [row.sku for row in rows] == ["HX-1", "HX-3"]
    assert run(asked, price_decisions.approve_others) == []
    said = "test needs the role manager, and bob has staff"
    refused(
        asked, NotPermitted, said, lambda d: run(d, price_decisions.approve_others, role="staff")
    )


@pytest.mark.parametrize("ids", [[], [0], [-1], [2**63]])
def test_numbers_that_can_be_no_request_are_refused(asked, ids):
    before = books.snapshot(asked)
    with pytest.raises(InvalidInput):
        approve(asked, *ids)
    assert books.snapshot(asked) == before


@pytest.mark.parametrize("reason", ["", "a\nb", "x" * 501])
def test_a_rejection_needs_a_reason_of_one_line(asked, reason):
    before = books.snapshot(asked)
    with pytest.raises(InvalidInput):
        reject(asked, 1, reason=reason)
    assert books.snapshot(asked) == before


# --- At once ------------------------------------------------------------------------------------


def decide_once(database, name, how):
    """Return how one decision about request 1 ended."""
    try:
        decide = approve if how == "approve" else reject
        return decide(database, 1, actor=name)[0].state
    except InventoryError as error:
        return error.code


def test_of_twenty_approvals_at_once_one_counts(database, where):
    add(database, "HX-1")
    ask_for(database, "HX-1", "14.50")

    ends = workers.together(where, decide_once, [(f"m-{n}", "approve") for n in range(20)])

    assert Counter(ends) == {"approved": 1, "conflict": 19}
    assert price_of(database, "HX-1") == ("14.50", "GBP", 2)
    assert books.events(database).count(("product.priced", "HX-1")) == 1


def test_approvals_and_rejections_at_once_are_one_decision(database, where):
    add(database, "HX-1")
    ask_for(database, "HX-1", "14.50")

    ways = ["approve", "reject"] * 4
    ends = workers.together(where, decide_once, [(f"m-{n}", way) for n, way in enumerate(ways)])

    [end] = [one for one in ends if one != "conflict"]
    assert price_of(database, "HX-1")[0] == ("14.50" if end == "approved" else "12.99")


def haggle(database, name, rounds):
    """Ask for prices, or approve whatever is open; return what went wrong."""
    wrong = []
    for number in range(rounds):
        try:
            if name.startswith("m"):
                run(database, price_decisions.approve_others, actor=name)
            else:
                price = f"{number + 1}.{name[-1]}0"
                run(database, lambda s, p=price: prices.change(s, ref="HX-1", price=p), name)
                fields = {"title": f"{name} {number}"}
                run(database, lambda s, f=fields: catalog.change(s, ref="HX-1", fields=f), name)
        except InventoryError as error:
            wrong.append(f"{error.code}: {error}")
    return wrong


def test_requests_updates_and_approvals_at_once_leave_an_unbroken_history(database, where):
    add(database, "HX-1")

    names = ["a-1", "a-2", "a-3", "m-1", "m-2"]
    answers = workers.together(where, haggle, [(name, 15) for name in names])

    assert answers == [[]] * 5
    found = books.fetch(
        database,
        "SELECT old_price, new_price FROM price_change WHERE state = 'approved' "
        "ORDER BY decided_at, id",
    )
    assert [old for old, _ in found] == [1299, *[new for _, new in found[:-1]]][: len(found)]
    [(price,)] = books.fetch(database, "SELECT price FROM product")
    assert price == (found[-1][1] if found else 1299)
    [(open_ones,)] = books.fetch(
        database, "SELECT count(*) FROM price_change WHERE state = 'requested'"
    )
    assert open_ones <= 1
