"""What the calendar does to demand: lifted days are taken out of it, masked ones are missing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bvinv.core import categories
from bvinv.core.db import Session, Sql
from bvinv.core.replenishment import buckets as periods
from bvinv.core.replenishment import calendar
from bvinv.core.replenishment.buckets import Buckets

_BELOW = Sql(categories.WITH_THOSE_BELOW)


def apply(
    session: Session,
    buckets: Buckets,
    rows: Sequence[Any],
    demand: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Mask the demand, take the lifts out of it, and return the factors of the coming buckets.

    `rows` name the product, the warehouse and the category of each row, by their ids. A bucket of n
    days, k of them at p percent, has the factor 1 + (p/100 - 1) k/n; several lifts multiply.
    """
    factors = np.ones((len(rows), len(buckets.edges) - 1 - buckets.length), dtype=np.float32)
    product, site, category = (
        np.array([getattr(row, name) for row in rows], dtype=np.int64)
        for name in ("product_id", "warehouse_id", "category_id")
    )
    widths = np.diff(buckets.edges)
    for entry in calendar.live(session):
        begin, end = periods.number(entry.begins_on), periods.number(entry.ends_on) + 1
        covered = np.minimum(buckets.edges[1:], end) - np.maximum(buckets.edges[:-1], begin)
        [touched] = np.nonzero(covered > 0)
        if not len(touched):
            continue
        meant = np.full(len(rows), fill_value=True)
        if entry.product_id is not None:
            meant &= product == entry.product_id
        if entry.warehouse_id is not None:
            meant &= site == entry.warehouse_id
        if entry.category_id is not None:
            below = session.ask(_BELOW, category=entry.category_id)
            meant &= np.isin(category, [one.id for one in below])
        for at in touched:
            coming = at - buckets.length
            if entry.percent is not None:
                factor = np.float32(1 + (entry.percent / 100 - 1) * covered[at] / widths[at])
                if coming < 0:
                    demand[meant, at] /= factor
                else:
                    factors[meant, coming] *= factor
            elif coming < 0:
                demand[meant, at] = np.nan
    return factors
