"""A replay of the past: what stock and lost sales the levels of a method would have led to."""

from dataclasses import dataclass

import numpy as np

from bvinv.core.forecasting.arrays import Array, IntArray, filled


@dataclass(frozen=True)
class Replay:
    """Per series and bucket, on average: the share of buckets with lost sales, the units lost,
    and the stock at the end."""

    short: Array
    missed: Array
    stock: Array


def replay(demand: Array, origins: IntArray, levels: Array, periods: int) -> Replay:
    """Order up to the level of every origin, and live through the demand that came.

    `demand` is (buckets, series), `levels` (origins, series) in whole units. An order placed at
    the end of a bucket arrives `periods` - 1 buckets later, before the demand of the next: the
    level answers for `periods` buckets. What is not in stock is lost. Buckets that the first
    order could not reach are not counted.
    """
    units = filled(demand)
    stock = levels[0].copy()
    coming = [np.zeros(len(stock)) for _ in range(periods - 1)]
    short, missed, held = np.zeros((3, len(stock)))
    first, last = int(origins[0]), int(origins[-1])
    for t in range(first, last + periods):
        if t <= last:
            position = stock + sum(coming)
            coming.append(np.maximum(levels[t - first] - position, 0))
        else:
            coming.append(np.zeros(len(stock)))
        stock = stock + coming.pop(0)
        wanted = units[t + 1]
        lost = np.maximum(wanted - stock, 0)
        stock = np.maximum(stock - wanted, 0)
        if t + 1 >= first + periods:
            short += lost > 0
            missed += lost
            held += stock
    buckets = last - first + 1
    return Replay(short / buckets, missed / buckets, held / buckets)
