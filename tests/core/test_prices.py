"""Prices: what counts at once, what waits, what it cost on a day."""

import pytest

from bvinv.core import catalog, command_log, prices
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.prices import Wish
from tests import books

DAY = 24 * books.HOUR


def add(database, sku, price="", currency="", status="active"):
    fields = {"sku": sku, "title": sku, "price": price, "currency": currency, "status": status}
    books.act(database, lambda session: catalog.add(session, fields=fields))


def ask_for(database, sku, price, currency=None, actor="ann"):
    return books.act(
        database,
        lambda session: prices.change(session, ref=sku, price=price, currency=currency),
        actor=actor,
    )


def show(database, sku, **more):
    return books.ask(database, lambda session: prices.show(session, ref=sku, **more))


def cost(database, sku, at):
    """Return what the product cost at an instant: price, currency, since when."""
    row = books.ask(database, lambda session: prices.on(session, ref=sku, at=at))
    return row.price, row.currency, row.since


def waiting(database, state="requested"):
    """Return id, SKU, old and new price of each request in a state."""
    rows, _ = books.ask(database, lambda session: prices.requests(session, state=state))
    return [(row.id, row.sku, row.old_price, row.price) for row in rows]


def told(database):
    """Return the events about prices, without those of products."""
    return [one for one in books.events(database) if "pric" in one[0]]


@pytest.fixture
def priced(database):
    """Return a database with HX-1, active, at 12.99 GBP."""
    add(database, "HX-1", "12.99", "GBP")
    return database


def test_a_draft_s_price_counts_at_once(database):
    add(database, "HX-1", "12.99", "GBP", status="draft")

    row = ask_for(database, "HX-1", "14.50")

    assert (row.price, row.currency, row.price_request) == ("14.50", "GBP", None)
    [past] = row.history
    assert (past.state, past.old_price, past.price, past.requested_by, past.decided_by) == (
        "applied",
        "12.99",
        "14.50",
        "ann",
        None,
    )
    assert past.decided_at == past.requested_at
    assert books.fetch(database, "SELECT price, currency, version FROM product") == [
        (1450, "GBP", 2)
    ]
    assert told(database) == [("product.priced", "HX-1")]


@pytest.mark.parametrize("status", ["active", "discontinued"])
def test_a_first_price_counts_at_once(database, status):
    add(database, "HX-1", status=status)

    row = ask_for(database, "HX-1", "12.99")

    assert (row.price, row.currency, row.price_request) == ("12.99", "USD", None)
    assert told(database) == [("product.priced", "HX-1")]


@pytest.mark.parametrize("status", ["active", "discontinued"])
def test_the_price_of_what_is_published_waits_for_a_decision(database, clock, status):
    add(database, "HX-1", "12.99", "GBP", status=status)
    before = books.fetch(database, "SELECT * FROM product")

    row = ask_for(database, "HX-1", "14.50")

    assert (row.price, row.price_request.price, row.price_request.currency) == (
        "12.99",
        "14.50",
        "GBP",
    )
    assert row.price_request.requested_by == "ann"
    assert books.fetch(database, "SELECT * FROM product") == before
    shown = books.ask(database, lambda session: catalog.show(session, ref="HX-1"))
    assert shown.price_request == row.price_request
    assert shown.record()["price_request"]["requested_at"].endswith("Z")
    assert waiting(database) == [(1, "HX-1", "12.99", "14.50")]
    assert told(database) == [("price.requested", "HX-1")]


def test_a_newer_request_takes_the_place_of_the_open_one(priced):
    ask_for(priced, "HX-1", "14.50")
    ask_for(priced, "HX-1", "15", "EUR", actor="bob")

    assert waiting(priced) == [(2, "HX-1", "12.99", "15.00")]
    assert waiting(priced, "superseded") == [(1, "HX-1", "12.99", "14.50")]
    assert told(priced) == [
        ("price.requested", "HX-1"),
        ("price.superseded", "HX-1"),
        ("price.requested", "HX-1"),
    ]


def test_asking_for_what_is_asked_for_already_changes_nothing(priced):
    ask_for(priced, "HX-1", "14.50")
    before = books.snapshot(priced)

    row = ask_for(priced, "HX-1", "14.5", "gbp", actor="bob")

    assert row.price_request.requested_by == "ann"
    assert books.snapshot(priced) == before


def test_asking_for_the_price_that_counts_withdraws_the_request(priced):
    ask_for(priced, "HX-1", "14.50")

    row = ask_for(priced, "HX-1", "12.99")

    assert (row.price, row.price_request) == ("12.99", None)
    assert waiting(priced) == []
    assert waiting(priced, "superseded") == [(1, "HX-1", "12.99", "14.50")]
    before = books.snapshot(priced)
    ask_for(priced, "HX-1", "12.99")
    assert books.snapshot(priced) == before


def test_a_stale_request_is_renewed_by_asking_again(priced):
    ask_for(priced, "HX-1", "14.50")
    books.damage(priced, "UPDATE product SET price = 1300")

    ask_for(priced, "HX-1", "14.50")

    assert waiting(priced) == [(2, "HX-1", "13.00", "14.50")]


def test_a_price_can_be_taken_away_by_request(priced):
    row = ask_for(priced, "HX-1", "")

    assert row.price == "12.99"
    assert (row.price_request.price, row.price_request.currency) == (None, None)


def test_the_same_number_in_another_currency_is_another_price(priced):
    assert ask_for(priced, "HX-1", "12.99", "EUR").price_request.currency == "EUR"


@pytest.mark.parametrize(
    ("price", "currency", "minor"), [("1299", "JPY", 1299), ("1.234", "KWD", 1234)]
)
def test_currencies_with_other_decimals_are_exact(database, price, currency, minor):
    add(database, "HX-1", status="draft")
    row = ask_for(database, "HX-1", price, currency)
    assert (row.price, row.currency) == (price, currency)
    assert books.fetch(database, "SELECT price FROM product") == [(minor,)]


@pytest.mark.parametrize(
    ("price", "currency"),
    [("12.999", None), ("-1", None), ("1e3", None), ("12,99", None), ("1.5", "JPY"), ("1", "XXX")],
)
def test_what_is_no_price_changes_nothing(priced, price, currency):
    before = books.snapshot(priced)
    with pytest.raises(InvalidInput):
        ask_for(priced, "HX-1", price, currency)
    with pytest.raises(NotFound):
        ask_for(priced, "NOPE", "1")
    assert books.snapshot(priced) == before


def test_what_it_cost_on_a_day_is_what_was_decided_last_by_then(database, clock):
    created = clock.at
    add(database, "HX-1", "10", "GBP", status="draft")
    days = []
    for price in ("11", "12", "13"):
        clock.advance(DAY)
        days.append(clock.at)
        ask_for(database, "HX-1", price)

    # The first instant of the product is what it was created with.
    assert cost(database, "HX-1", days[0] - 1) == ("10.00", "GBP", created)
    assert cost(database, "HX-1", days[0] + books.HOUR)[0] == "11.00"
    assert cost(database, "HX-1", days[1] + books.HOUR) == ("12.00", "GBP", days[1])
    assert cost(database, "HX-1", days[2] + DAY)[0] == "13.00"
    with pytest.raises(NotFound, match="HX-1 was not in the catalogue then: it came at 2026-03-01"):
        cost(database, "HX-1", created - 1)


def test_a_request_is_no_price_until_it_is_approved(priced, clock):
    clock.advance(DAY)
    ask_for(priced, "HX-1", "14.50")
    clock.advance(DAY)
    assert cost(priced, "HX-1", clock.at)[0] == "12.99"


def test_a_product_without_a_price_cost_nothing_that_is_known(database, clock):
    add(database, "HX-1")
    assert cost(database, "HX-1", clock.at + DAY)[:2] == (None, None)


def test_the_last_decision_counts_though_its_clock_was_slow(database, clock):
    """Two machines, or a command with a key, which takes its time before it waits for the row."""
    add(database, "HX-1", "10", "GBP", status="draft")
    began = clock.at + books.MINUTE
    clock.advance(books.HOUR)
    ask_for(database, "HX-1", "11")
    [early] = show(database, "HX-1").history

    def change_late(session):
        session.__dict__["now"] = began
        return prices.change(session, ref="HX-1", price="12")

    books.act(database, change_late)

    assert cost(database, "HX-1", clock.at + books.HOUR) == ("12.00", "GBP", began)
    assert cost(database, "HX-1", early.decided_at) == ("12.00", "GBP", began)
    assert cost(database, "HX-1", began - 1)[0] == "10.00"


def test_the_history_has_the_newest_first_and_an_end(database, clock):
    add(database, "HX-1", "1", "GBP", status="draft")
    for price in range(2, 7):
        ask_for(database, "HX-1", str(price))

    assert [row.price for row in show(database, "HX-1", limit=3).history] == [
        "6.00",
        "5.00",
        "4.00",
    ]
    with pytest.raises(InvalidInput):
        show(database, "HX-1", limit=0)


def test_requests_come_by_the_page_and_say_how_long_they_wait(database, clock):
    for sku in ("A", "B", "C"):
        add(database, sku, "1", "GBP")
        ask_for(database, sku, "2")
    clock.advance(3 * DAY + 4 * books.HOUR + 5 * books.MINUTE)

    rows, after = books.ask(database, lambda session: prices.requests(session, limit=2))
    rest, end = books.ask(database, lambda session: prices.requests(session, after=after))

    assert [row.sku for row in [*rows, *rest]] == ["A", "B", "C"]
    assert end is None
    assert {row.age for row in rows} == {"3d4h"}
    assert not any(row.stale for row in rows)
    with pytest.raises(InvalidInput, match="the state is one of requested, approved"):
        books.ask(database, lambda session: prices.requests(session, state="open"))


def test_a_request_is_stale_when_the_price_has_changed_since(priced):
    ask_for(priced, "HX-1", "14.50")
    books.damage(priced, "UPDATE product SET price = 1300")
    [row] = books.ask(priced, lambda session: prices.requests(session)[0])
    assert row.stale


def change_many(database, *new):
    """Wish for these prices of all products in the order of their SKUs; return the outcomes."""
    asked = command_log.command("test", actor="tester")
    found = wishes(database, *new)
    return database.run(lambda session: prices.change_many(session, found), asked)


def wishes(database, *new):
    """Return the wishes for all products in the order of their SKUs."""
    found = books.fetch(
        database, "SELECT id, sku, price, currency, status FROM product ORDER BY sku"
    )
    return [Wish(*row, price, "GBP") for row, price in zip(found, new, strict=True)]


def test_many_prices_are_sorted_into_what_counts_and_what_waits(database):
    add(database, "A", "1", "GBP", status="draft")
    add(database, "B")
    add(database, "C", "1", "GBP")
    add(database, "D", "1", "GBP")

    outcomes = change_many(database, 200, 300, 400, 100)

    assert outcomes == ["applied", "applied", "requested", "unchanged"]
    assert waiting(database) == [(3, "C", "1.00", "4.00")]
    # Products are the caller's to write.
    assert books.fetch(database, "SELECT price FROM product ORDER BY sku") == [
        (100,),
        (None,),
        (100,),
        (100,),
    ]
    assert told(database) == [
        ("product.priced", "A"),
        ("product.priced", "B"),
        ("price.requested", "C"),
    ]
    rows = [{"id": 1, "price": 200}, {"id": 2, "price": 300}]
    books.act(
        database,
        lambda s: (
            s.send(prices.REPRICE, [one | {"currency": "GBP", "now": s.now} for one in rows]) and []
        ),
    )


def test_the_same_many_again_ask_for_nothing_and_withdraw_nothing(database):
    for sku in ("A", "B"):
        add(database, sku, "1", "GBP")
    change_many(database, 200, 300)
    before = books.snapshot(database)

    assert change_many(database, 200, 100) == ["unchanged", "unchanged"]
    assert books.snapshot(database) == before


def test_no_wishes_are_no_work(database):
    assert change_many(database) == []


def test_two_thousand_prices_take_as_many_statements_as_two(database):
    def statements(count):
        for number in range(count):
            fields = {"sku": f"{count}-{number}", "title": "T", "price": "1", "currency": "GBP"}
            books.act(database, lambda session, fields=fields: catalog.add(session, fields=fields))
        found = books.fetch(
            database,
            "SELECT id, sku, price, currency, status FROM product "
            f"WHERE substr(sku, 1, {len(str(count)) + 1}) = '{count}-'",
        )
        asked = []

        def change(session):
            for name in ("ask", "send", "insert"):
                really = getattr(session, name)
                session.__dict__[name] = lambda *a, really=really, **k: (
                    asked.append(a) or really(*a, **k)
                )
            return prices.change_many(session, [Wish(*row, 500, "GBP") for row in found])

        asker = command_log.command("test", actor="tester")
        assert database.run(change, asker) == ["requested"] * count
        return len(asked)

    assert statements(2) == statements(40)
