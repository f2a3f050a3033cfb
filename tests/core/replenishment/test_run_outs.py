"""The day on which the goods run out."""

import pytest

from bvinv.core.replenishment import run_outs
from bvinv.core.replenishment.run_outs import EARLIEST, EXPECTED, Demand

ONE_A_DAY = Demand(1.0, 1.0)  # Poisson, as the variance is no larger than the mean


def test_statistics_of_some_days_are_spread_over_them():
    assert run_outs.daily(14_000, 7_000, 14) == Demand(1.0, 3.5)
    assert run_outs.daily(14_000, 7_000, 0) == Demand(14.0, 49.0)


# P(Poisson(11) > 10) = 0.54 and P(Poisson(10) > 10) = 0.42; P(Poisson(8) > 10) = 0.18 and
# P(Poisson(7) > 10) = 0.099.
@pytest.mark.parametrize(
    ("pieces", "chance", "days"),
    [(10, EXPECTED, 11), (10, EARLIEST, 8), (0, EXPECTED, 1), (-1, EXPECTED, 0), (-1, EARLIEST, 0)],
)
def test_pieces_last_until_as_many_were_probably_asked_for(pieces, chance, days):
    assert run_outs.runs_out(pieces, [], ONE_A_DAY, chance) == days


def test_goods_that_come_in_time_count_and_those_that_come_late_do_not():
    assert run_outs.runs_out(10, [(9, 12)], ONE_A_DAY, EXPECTED) == 23
    assert run_outs.runs_out(10, [(30, 12)], ONE_A_DAY, EXPECTED) == 11
    assert run_outs.runs_out(10, [(0, 2), (5, 3), (14, 7)], ONE_A_DAY, EXPECTED) == 23


def test_what_hardly_sells_does_not_run_out():
    assert run_outs.runs_out(10, [], None, EXPECTED) is None
    assert run_outs.runs_out(10, [], Demand(0.0, 0.0), EXPECTED) is None
    assert run_outs.runs_out(10, [], Demand(0.001, 0.001), EXPECTED) is None
    assert run_outs.runs_out(-1, [], None, EXPECTED) == 0


def test_more_never_runs_out_sooner_and_never_later_with_less_certainty():
    for demand in (ONE_A_DAY, Demand(0.3, 2.0), Demand(40.0, 900.0), Demand(500.0, 500.0)):
        before = 0
        for pieces in (*range(0, 40, 3), 390, 400, 401, 410, 2_000, 50_000):
            likely = run_outs.runs_out(pieces, [], demand, EXPECTED)
            early = run_outs.runs_out(pieces, [], demand, EARLIEST)
            days = run_outs.LONGEST + 1 if likely is None else likely
            assert days >= before
            assert likely is None or (early is not None and early <= likely)
            before = days
