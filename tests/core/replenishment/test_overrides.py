"""Overrides: a person's word instead of the forecast, with a reason and an end."""

import pytest

from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.replenishment import overrides
from bvinv.core.replenishment.overrides import Override
from tests import books
from tests.books import act, ask

SAID = {
    "ref": "hx-1",
    "warehouse": "main",
    "reorder_point": 40,
    "order_up_to": 60,
    "reason": "school order",
    "until_on": 20260301,
}


def put(database, **more):
    return act(database, lambda s: overrides.put(s, **SAID | more))


def live(database):
    return list(ask(database, overrides.live).values())


def test_an_override_counts_until_its_day_has_ended(stocked, clock):
    row = put(stocked)
    assert (row.sku, row.warehouse, row.reorder_point, row.order_up_to) == ("HX-1", "MAIN", 40, 60)
    assert (row.reason, row.until_on, row.live) == ("school order", 20260301, True)
    assert live(stocked) == [Override(40, 60, "school order", 20260301)]

    clock.advance(14 * books.HOUR + 59 * books.MINUTE)
    assert len(live(stocked)) == 1
    clock.advance(books.MINUTE)
    assert live(stocked) == []
    [row] = ask(stocked, overrides.overrides)
    assert not row.live


def test_a_new_override_replaces_the_old_one(stocked):
    put(stocked)
    put(stocked, order_up_to=None, reason="less")

    assert live(stocked) == [Override(40, None, "less", 20260301)]
    assert [row.reason for row in ask(stocked, overrides.overrides)] == ["less"]


def test_an_override_is_told_of_once_and_its_end_too(stocked):
    put(stocked)
    put(stocked)
    row = act(stocked, lambda s: overrides.remove(s, ref="HX-1", warehouse="MAIN"))

    assert row.reorder_point == 40
    assert live(stocked) == []
    assert books.fetch(
        stocked,
        "SELECT type, subject, data FROM event WHERE substr(type, 1, 9) = 'forecast.' ORDER BY id",
    ) == [
        (
            "forecast.override-set",
            "HX-1",
            '{"warehouse":"MAIN","reorder_point":40,"order_up_to":60,'
            '"reason":"school order","until_on":"2026-03-01"}',
        ),
        ("forecast.override-removed", "HX-1", '{"warehouse":"MAIN"}'),
    ]


@pytest.mark.parametrize(
    ("said", "error", "detail"),
    [
        (
            {"until_on": 20260228},
            InvalidInput,
            r"2026-02-28 has passed: today is 2026-03-01 \(UTC\)",
        ),
        ({"reason": " "}, InvalidInput, "the reason is empty"),
        ({"order_up_to": 39}, InvalidInput, "order up to 39 is less than the reorder point, 40"),
        ({"reorder_point": -1}, InvalidInput, "the reorder point must be a whole number from 0"),
        ({"ref": "HX-9"}, NotFound, "HX-9"),
        ({"warehouse": "SOUTH"}, NotFound, "there is no warehouse SOUTH"),
    ],
)
def test_what_makes_no_sense_is_refused(stocked, said, error, detail):
    before = books.snapshot(stocked)
    with pytest.raises(error, match=detail):
        put(stocked, **said)
    assert books.snapshot(stocked) == before


def test_only_what_was_said_is_taken_away(stocked):
    with pytest.raises(NotFound, match="there is no override of HX-1 at MAIN"):
        act(stocked, lambda s: overrides.remove(s, ref="HX-1", warehouse="MAIN"))
