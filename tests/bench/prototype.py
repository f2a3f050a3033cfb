"""The prototype of FORECAST.md on the same ledger, in a process of its own: the floor of a night.

It sums the ledger in SQL, learns the common model, makes the four forecasts of each series and
averages; it stores nothing. `python -m tests.bench.prototype LEDGER WEEKS BEGIN` with the folder
of the prototype on PYTHONPATH. BEGIN is the first bucket's first instant, in microseconds.
"""

import sqlite3
import sys
import time
from typing import Any

import numpy as np

LEVELS = np.array([0.9, 0.95, 0.97])
PERIODS = 3
YEAR = 52
WEEK = 7 * 86_400_000_000
_SOLD = """
    SELECT level_id, (occurred_at - ?) / ?, sum(quantity) FROM movement
     WHERE kind = 'commit' GROUP BY 1, 2
"""


class _Panel:
    """What the prototype wants to be given."""

    def __init__(self, demand: Any) -> None:
        self.Y, self.m, self.P = demand, YEAR, PERIODS


def main(ledger: str, weeks: int, begin: int) -> None:
    """Forecast, and print the seconds that it took and how many pieces were asked for in all."""
    from bt import dists, gam, methods

    start = time.perf_counter()
    connection = sqlite3.connect(ledger)
    [[series]] = connection.execute("SELECT max(id) FROM stock_level")
    demand = np.zeros((series, weeks))
    found = np.array(connection.execute(_SOLD, (begin, WEEK)).fetchall())
    demand[found[:, 0] - 1, found[:, 1]] = found[:, 2]
    connection.close()
    last = weeks - 1
    at = np.array([last])
    common = gam.XNB(YEAR, PERIODS).prepare(demand, last).fit(last).predict(last, LEVELS)[1]
    index, ahead = gam.season_full(_Panel(demand), last)
    calm = demand / index[None, :weeks]
    level = methods.ses_path(calm, 0.1)[:, :, 0].astype(float)
    spread = dists.var_iid(calm, at, PERIODS)
    errors = dists.var_mse(calm, at, PERIODS, level, 0.05)
    own = [
        dists.negbin(methods.tsb(calm, at, PERIODS) * PERIODS, errors, LEVELS),
        dists.negbin(methods.ses(calm, at, PERIODS) * PERIODS, spread, LEVELS),
        dists.negbin(methods.imapa(calm, at, PERIODS) * PERIODS, spread, LEVELS),
        dists.emp_windows(calm, at, PERIODS, half=26, taus=LEVELS),
    ]
    both = np.round(0.5 * common + 0.5 * np.mean(own, axis=0)[:, 0] * ahead[last] / PERIODS)
    print(time.perf_counter() - start, int(both[:, 1].sum()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
