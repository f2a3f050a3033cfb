"""Channels: those of low priority never get the safety stock of a product that protects it."""

import json

import pytest

from bvinv.core import channels, reservations
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput, NotFound
from bvinv.core.ledger import Level, OpenLine
from bvinv.core.reservations import Request
from tests import books
from tests.books import (
    act,
    adjust,
    ask,
    commit,
    counts,
    damage,
    events,
    fetch,
    findings,
    lines,
    parts,
    receive,
    release,
    reserve,
    show,
    snapshot,
)
from tests.lots_books import add_channels, protect, update


@pytest.fixture
def market(stocked):
    """Return a stocked database with the channels SHOP and, of low priority, MARKET; 4 of the 10
    HX-1 at MAIN are safety stock."""
    add_channels(stocked, MARKET=True, SHOP=False)
    protect(stocked, "HX-1", 4)
    return stocked


def refused(database, error, said, action):
    before = snapshot(database)
    with pytest.raises(error, match=said) as found:
        action()
    assert snapshot(database) == before
    return found.value


def test_channels_are_listed_by_code(market):
    rows = ask(market, channels.channels)

    assert [(row.code, row.name, row.low_priority) for row in rows] == [
        ("MARKET", "Market", True),
        ("SHOP", "Shop", False),
    ]
    assert events(market)[-4:-2] == [("channel.created", "MARKET"), ("channel.created", "SHOP")]
    refused(
        market, Conflict, "there is a channel SHOP already", lambda: add_channels(market, shop=True)
    )
    refused(
        market,
        InvalidInput,
        "the name is empty",
        lambda: act(market, lambda s: channels.add(s, channel="X", name="")),
    )


def test_a_channel_of_low_priority_gets_no_safety_stock(market):
    error = refused(
        market,
        InsufficientStock,
        r"only 6 of HX-1 available to channel MARKET at MAIN \(4 are safety stock\), 7 wanted",
        lambda: reserve(market, "SO-1", "HX-1=7@MAIN", channel="market"),
    )
    assert (error.numbers["available"], error.numbers["safety_stock"]) == (6, 4)

    row = reserve(market, "SO-1", "HX-1=6", channel="market")
    assert (row.status, row.channel) == ("held", "MARKET")
    assert show(market, "SO-1").channel == "MARKET"
    assert fetch(market, "SELECT channel, low_priority FROM reservation") == [("MARKET", 1)]
    [(told,)] = fetch(market, "SELECT data FROM event WHERE type = 'reservation.created'")
    assert json.loads(told)["channel"] == "MARKET"


@pytest.mark.parametrize("channel", ["SHOP", ""])
def test_other_channels_get_all_of_it(market, channel):
    assert reserve(market, "SO-1", "HX-1=10", channel=channel).status == "held"


def test_a_product_that_does_not_protect_its_safety_stock_gives_it_to_all(market):
    update(market, "HX-1", protects_safety_stock="false")

    assert reserve(market, "SO-1", "HX-1=10", channel="MARKET").status == "held"


def test_a_channel_that_is_not_there_is_not_found(market):
    error = refused(
        market,
        NotFound,
        "there is no channel MOON",
        lambda: reserve(market, "SO-1", "HX-1=1", channel="moon"),
    )
    assert error.hint == "see: bvinv reserve channel list"
    refused(
        market,
        InvalidInput,
        "the channel may not contain",
        lambda: reserve(market, "SO-1", "HX-1=1", channel="a=b"),
    )


def test_the_channel_is_one_of_the_terms_where_it_is_named(market):
    reserve(market, "SO-1", "HX-1=1", channel="MARKET")
    reserve(market, "SO-2", "HX-1=1")

    assert reserve(market, "SO-1", "HX-1=1", channel=" market ").replayed
    for channel in ("SHOP", ""):
        refused(
            market,
            Conflict,
            "SO-1 exists with other terms",
            lambda channel=channel: reserve(market, "SO-1", "HX-1=1", channel=channel),
        )
    terms = dict(fetch(market, "SELECT id, terms FROM reservation"))
    assert terms["SO-1"].endswith(',false,"MARKET"]')
    assert terms["SO-2"].endswith(",false]")


def test_what_others_hold_counts_before_the_safety_stock(market):
    reserve(market, "SO-1", "HX-1=3", channel="SHOP")

    refused(
        market,
        InsufficientStock,
        r"only 3 of HX-1 available to channel MARKET .*; held by SO-1 \(3\)",
        lambda: reserve(market, "SO-2", "HX-1=4", channel="MARKET"),
    )
    assert reserve(market, "SO-2", "HX-1=3", channel="MARKET").status == "held"
    assert counts(market, "HX-1", "MAIN") == (10, 6, 4, 0)


@pytest.mark.parametrize("strategy", ["priority", "most-stock", "fewest-splits"])
def test_every_strategy_leaves_the_safety_stock(market, strategy):
    protect(market, "HX-2", 3, "NORTH")
    row = reserve(market, "SO-1", "HX-2=7", strategy=strategy, channel="MARKET")

    held = {line.warehouse: line.held for line in row.lines}
    assert held == {"MAIN": 4, "NORTH": 3}
    refused(
        market,
        InsufficientStock,
        "only 0 of HX-2 available to channel MARKET at all warehouses",
        lambda: reserve(market, "SO-2", "HX-2=1", strategy=strategy, channel="MARKET"),
    )


def test_a_backorder_of_low_priority_waits_for_more_than_the_safety_stock(market):
    row = reserve(market, "SO-1", "HX-1=8", channel="MARKET", backorder=True)
    assert parts(row) == [("HX-1", "MAIN", 6, 2, 0, 0)]

    receive(market, "HX-1", 1, "MAIN")
    assert parts(show(market, "SO-1")) == [("HX-1", "MAIN", 7, 1, 0, 0)]


def test_what_waits_at_low_priority_keeps_the_safety_stock_from_nobody(market):
    reserve(market, "SO-1", "HX-1=8", channel="MARKET", backorder=True)

    assert counts(market, "HX-1", "MAIN") == (10, 6, 2, 2)
    assert reserve(market, "SO-2", "HX-1=4", channel="SHOP").status == "held"
    receive(market, "HX-1", 3, "MAIN")
    assert parts(show(market, "SO-1")) == [("HX-1", "MAIN", 6, 2, 0, 0)]
    receive(market, "HX-1", 2, "MAIN")
    assert parts(show(market, "SO-1")) == [("HX-1", "MAIN", 7, 1, 0, 0)]


def test_a_younger_backorder_of_a_better_channel_gets_the_safety_stock(market):
    reserve(market, "SO-1", "HX-1=10", channel="SHOP")
    reserve(market, "SO-2", "HX-1=2", channel="MARKET", backorder=True)
    reserve(market, "SO-3", "HX-1=2", channel="SHOP", backorder=True)
    receive(market, "HX-1", 3, "MAIN")

    assert parts(show(market, "SO-2")) == [("HX-1", "MAIN", 0, 2, 0, 0)]
    assert parts(show(market, "SO-3")) == [("HX-1", "MAIN", 2, 0, 0, 0)]


def test_a_hold_of_low_priority_is_committed_like_any_other(market):
    reserve(market, "SO-1", "HX-1=6", channel="MARKET")
    adjust(market, "HX-1", "MAIN", -3, reason="damaged")

    assert commit(market, "SO-1").status == "committed"
    assert counts(market, "HX-1", "MAIN") == (1, 0, 1, 0)


def test_many_requests_of_mixed_channels_are_answered_each_by_its_own(market):
    requests = [
        Request("SO-1", lines("HX-1=5"), channel="MARKET"),
        Request("SO-2", lines("HX-1=2"), channel="MARKET"),
        Request("SO-3", lines("HX-1=1"), channel="MOON"),
        Request("SO-4", lines("HX-1=5"), channel="SHOP"),
        Request("SO-5", lines("HX-1=1")),
    ]
    answers = []
    act(market, lambda s: answers.extend(reservations.create_many(s, requests)) or [])

    assert [getattr(one, "status", None) or one.code for one in answers] == [
        "held",
        "insufficient-stock",
        "not-found",
        "held",
        "insufficient-stock",
    ]


@pytest.mark.parametrize(
    ("free", "waiting", "to_low", "to_others"),
    [
        (10, [], 6, 10),
        (10, [(2, 0)], 4, 8),
        (10, [(2, 1)], 4, 8),
        (4, [(2, 1)], -2, 4),
        (5, [(2, 1)], -1, 4),
        (4, [(2, 1), (1, 0)], -3, 3),
        (0, [(3, 0)], -7, -3),
    ],
)
def test_what_can_be_promised_to_whom(free, waiting, to_low, to_others):
    """4 pieces are protected; `waiting` are backorders and whether they are of low priority."""
    level = Level(1, 1, "HX-1", 1, "MAIN", free, 0, 0, 0, 0, b"", protected=4)
    level.waiting = [OpenLine(f"SO-{n}", 1, 0, n, 0, low) for n, low in waiting]

    assert level.available_to(low_priority=True) == to_low
    assert level.available_to(low_priority=False) == to_others


def test_a_case_is_reserved_as_its_pieces(market):
    update(market, "HX-2", barcode="CASE-2=2")

    row = reserve(market, "SO-1", "CASE-2=3 HX-2=1")
    assert sum(line.quantity for line in row.lines) == 7
    assert reserve(market, "SO-1", "HX-2=7").replayed
    assert sum(line.committed for line in commit(market, "SO-1", "CASE-2=2").lines) == 4
    assert release(market, "SO-1").status == "released"


def test_a_case_barcode_of_12_scanned_twice_is_24_pieces(market):
    update(market, "HX-3", barcode="CASE-12=12")

    assert adjust(market, "CASE-12", "MAIN", 2, reason="found").on_hand == 24
    assert adjust(market, "CASE-12", "MAIN", to=1, expect=2).on_hand == 12
    refused(
        market,
        InvalidInput,
        "the quantity must be a whole number",
        lambda: reserve(market, "SO-1", " ".join(["CASE-12=1000000000"] * 100), backorder=True),
    )


DAMAGE = {
    "a channel that is gone": (
        ["DELETE FROM channel WHERE code = 'MARKET'"],
        ["SO-1#0 its channel is not there"],
    ),
    "a low priority from nowhere": (
        ["UPDATE reservation SET channel = ''"],
        ["SO-1#0 it is of low priority without a channel"],
    ),
    "a fixed bin elsewhere": (
        ["UPDATE stock_level SET fixed_bin_id = 4 WHERE id = 1"],
        ["HX-1#0 its fixed bin is no storage bin of its warehouse"],
    ),
    "a fixed bin that is a dock": (
        ["UPDATE stock_level SET fixed_bin_id = 1 WHERE id = 1"],
        ["HX-1#0 its fixed bin is no storage bin of its warehouse"],
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_to_channels_and_fixed_bins_is_found(market, kind):
    statements, expected = DAMAGE[kind]
    reserve(market, "SO-1", "HX-1=1", channel="MARKET")
    assert findings(market) == []

    damage(market, *statements)

    assert findings(market) == expected
    assert books.verify(market).sound is False
