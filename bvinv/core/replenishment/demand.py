"""Demand: what left to customers less what came back, by week or month, product and warehouse.

Transfers, adjustments and write-offs are no demand. The numbers come as arrays, so numpy is loaded
here; whoever only lists or decides does without this module.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from bvinv.core import dates
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.replenishment import buckets as periods
from bvinv.core.replenishment import lifts, sales
from bvinv.core.replenishment.buckets import DAY, Buckets, Period, Whole

Matrix = npt.NDArray[np.float32]

_NEVER = 2**62
_CHUNK = 200_000  # rows that are held as Python's own objects, one after the other
_ROWS = """
    SELECT p.id AS product_id, w.id AS warehouse_id, p.sku, w.code AS warehouse
         , coalesce(p.category_id, -1) AS category_id, coalesce(l.id, -1) AS level_id
      FROM product AS p CROSS JOIN warehouse AS w
           LEFT JOIN stock_level AS l ON l.product_id = p.id AND l.warehouse_id = w.id
     WHERE {which} AND (l.id IS NOT NULL OR EXISTS (
           SELECT 1 FROM demand_day AS d WHERE d.product_id = p.id AND d.warehouse_id = w.id))
     ORDER BY p.sku_key, w.code
"""
_ACTIVE = Sql(_ROWS.format(which="p.status = 'active'"))
_ASKED = Sql(_ROWS.format(which="p.id IN :products"))
# Sales above zero, what came back below; goods that come are 0: they say when a history begins. To
# let the database sum up takes three times as long: it has to sort first.
_SOLD = f"""
    SELECT level_id, {sales.SOLD_AT} AS at
         , CASE WHEN kind = 'commit' AND reverses = 0 THEN quantity
                WHEN kind IN ('commit', 'return') THEN -quantity
                ELSE 0 END AS pieces
      FROM movement AS m
     WHERE (kind IN ('commit', 'return') OR on_hand_change > 0) AND occurred_at < :end {{only}}
"""
_SOLD_ANYWHERE = Sql(_SOLD.format(only=""))
_SOLD_OF = Sql(_SOLD.format(only="AND level_id IN :levels"))
_IMPORTED = (
    "SELECT product_id, warehouse_id, day_on, quantity FROM demand_day WHERE day_on <= :last"
)
_IMPORTED_ANYWHERE = Sql(_IMPORTED)
_IMPORTED_OF = Sql(f"{_IMPORTED} AND product_id IN :products")
# From the movement that took the last piece until the level's next movement.
_EMPTY = """
    SELECT m.level_id, m.occurred_at AS since, coalesce(n.occurred_at, :end) AS until
      FROM movement AS m
           LEFT JOIN movement AS n ON n.level_id = m.level_id AND n.level_seq = m.level_seq + 1
     WHERE m.on_hand = 0 AND m.occurred_at < :end
       AND coalesce(n.occurred_at, :end) > :begin {only}
"""
_EMPTY_ANYWHERE = Sql(_EMPTY.format(only=""))
_EMPTY_OF = Sql(_EMPTY.format(only="AND m.level_id IN :levels"))


@dataclass(frozen=True)
class Panel:
    """Demand in buckets, a row for each product in each warehouse, by SKU and warehouse code.

    `keys` are product and warehouse ids, `begins` the first days of the buckets, `category` the
    category ids, -1 for none. `recorded` is what was sold, NaN before the history starts and
    where nobody counted; `demand`
    is what to learn from: NaN too where the stock was out or the calendar masks, and divided by
    the factors of the calendar's lifts. `lift` are these factors for the coming buckets. Pieces in
    float32, exact up to 16 million a bucket.
    """

    keys: list[tuple[int, int]]
    skus: list[str]
    warehouses: list[str]
    demand: Matrix
    recorded: Matrix
    lift: Matrix
    period: Period
    begins: list[date]
    as_of: date
    category: Whole


def panel(
    session: Session,
    *,
    as_of: int | None = None,
    period: Period = "week",
    length: int = 156,
    ahead: int = 60,
    products: Collection[int] | None = None,
    warehouse: int | None = None,
) -> Panel:
    """Return the demand of the last `length` buckets and the lifts of the `ahead` coming ones.

    Days are those of UTC. Weeks are seven days each, counted back from `as_of` (as in `dates`),
    which is their last day; by default it is yesterday. Months are whole: the last one is that of
    `as_of` if this is its last day, else the one before. Demand is what was committed and not
    taken back, less what was returned in the same bucket, at least 0. A row is a product where it
    has a level or a history; `products` and `warehouse` are ids, else all active ones.

    - What was imported counts for days before the first sale that the ledger has of the product
      in that warehouse; from then on the ledger alone counts.
    - The history begins with the first goods or the first sale, in the ledger or imported.
    - A day is out of stock when nothing was on hand at its end. A week with 4 such days or more, a
      month with more than half, is missing (NaN), also when something was sold in it. Imported
      days never are, nor is what lies before the level's first movement.
    - Between what was imported for a warehouse and its first sale in the ledger nobody counted:
      buckets that lie there for the most part are missing. The last imported day may stand for a
      week or a month: it reaches as far as the widest step between imported days. Only where all
      products are asked for, as a few cannot tell.
    - A bucket with a masked day is missing. One of which k of n days are lifted to p percent has
      the factor 1 + (p/100 - 1) k/n; several lifts multiply.

    Raises InvalidInput for a day that is still to come or before 1970.
    """
    last = _last_day(session, as_of)
    buckets = (periods.weeks if period == "week" else periods.months)(last, length, ahead)
    rows = _rows(session, products, warehouse)
    reader = _Reader(session, buckets, rows, products)
    recorded = reader.recorded()
    demand = recorded.copy()
    demand[reader.empty(period)] = np.nan
    uncounted = reader.uncounted(period)
    demand[uncounted] = np.nan
    recorded[uncounted & (recorded == 0)] = np.nan
    lift = lifts.apply(session, buckets, rows, demand)
    return Panel(
        keys=[(row.product_id, row.warehouse_id) for row in rows],
        skus=[row.sku for row in rows],
        warehouses=[row.warehouse for row in rows],
        demand=demand,
        recorded=recorded,
        lift=lift,
        period=period,
        begins=buckets.begins,
        as_of=last,
        category=np.array([row.category_id for row in rows], dtype=np.int64),
    )


def _last_day(session: Session, as_of: int | None) -> date:
    today = dates.of(session.now)
    as_of = dates.of(session.now - DAY) if as_of is None else as_of
    if not 19700101 <= as_of <= today:
        raise InvalidInput(
            f"{dates.display(as_of)} is not a day that the ledger can know",
            hint=f"today is {dates.display(today)} in UTC",
        )
    return periods.day(as_of)


def _rows(session: Session, products: Collection[int] | None, warehouse: int | None) -> list[Any]:
    if products is None:
        found = session.ask(_ACTIVE)
    else:
        found = session.ask(_ASKED, products=sorted(products))
    return [row for row in found if warehouse in (None, row.warehouse_id)]


class _Reader:
    """Reads what was sold, and when nothing was there, into rows and buckets.

    Days are counted from the first bucket's first day, so those before it are negative.
    """

    def __init__(
        self,
        session: Session,
        buckets: Buckets,
        rows: Sequence[Any],
        products: Collection[int] | None,
    ) -> None:
        self._session = session
        self._buckets = buckets
        self._shape = (len(rows), buckets.length)
        self._of_days = buckets.of_days()
        self._products = None if products is None else sorted(products)
        self._level_ids = [row.level_id for row in rows if row.level_id >= 0]
        self._sites = np.array([row.warehouse_id for row in rows], dtype=np.int64)
        self._levels = _Finder([row.level_id for row in rows])
        # One number of a pair.
        self._widest = 1 + max((row.warehouse_id for row in rows), default=0)
        self._pairs = _Finder([row.product_id * self._widest + row.warehouse_id for row in rows])
        self._first_bucket = np.full(len(rows), buckets.length)  # of the history
        self._first_sale = np.full(len(rows), _NEVER)  # its day, in the ledger
        self._last_import = np.full(len(rows), -1)  # the last day that was imported and counts
        self._imported: dict[int, npt.NDArray[np.bool_]] = {}  # by warehouse, on which days

    def recorded(self) -> Matrix:
        """Return what was sold, NaN before the history begins."""
        recorded: Matrix = np.zeros(self._shape, dtype=np.float32)
        self._add_sold(recorded)
        self._add_imported(recorded)
        np.maximum(recorded, 0, out=recorded)
        recorded[np.arange(self._shape[1]) < self._first_bucket[:, None]] = np.nan
        return recorded

    def empty(self, period: Period) -> npt.NDArray[np.bool_]:
        """Tell which buckets were without stock for the most part; after `recorded`."""
        return self._mostly(self._empty_days(), period)

    def uncounted(self, period: Period) -> npt.NDArray[np.bool_]:
        """Tell which buckets nobody counted for the most part; after `recorded`."""
        return self._mostly(self._uncounted_days(), period)

    def _mostly(self, days: npt.NDArray[np.int16], period: Period) -> npt.NDArray[np.bool_]:
        if period == "week":
            return days >= 4
        width = np.diff(self._buckets.edges[: self._shape[1] + 1])
        return np.asarray(2 * days > width)

    def _empty_days(self) -> npt.NDArray[np.int16]:
        """Return how many days of each bucket ended with nothing on hand.

        A span of days fills the buckets from that of its first day to the one before that of its
        end, less what of the first lies before it, and more what of the last it still has: so its
        two ends are noted, and what is between them is summed up once for all.
        """
        rows, length = self._shape
        ends, parts = (np.zeros((rows, length + 1), dtype=np.int16) for _ in range(2))
        edges = self._buckets.edges[: length + 1] - self._buckets.begin
        values = {"begin": self._buckets.begin * DAY, "end": self._buckets.end * DAY}
        for level, began, ended in _blocks(self._moved(_EMPTY_ANYWHERE, _EMPTY_OF, values), 3):
            row = self._levels.rows(level)
            is_ours = row >= 0
            row = row[is_ours]
            since = np.maximum(self._day(began[is_ours]), self._last_import[row] + 1)
            until = np.minimum(self._day(ended[is_ours]), edges[-1])
            lasts = until > since
            for day, sign in ((until[lasts], 1), (since[lasts], -1)):
                bucket = np.searchsorted(edges, day, side="right") - 1
                np.add.at(ends, (row[lasts], bucket), sign)
                np.add.at(parts, (row[lasts], bucket), sign * (day - edges[bucket]))
        filled = np.cumsum(ends[:, :0:-1], axis=1, dtype=np.int16)[:, ::-1]
        return filled * np.diff(edges).astype(np.int16) + parts[:, :-1]

    def _uncounted_days(self) -> npt.NDArray[np.int16]:
        """Return how many days of each bucket lie between the imports of their warehouse and its
        first sale in the ledger."""
        days = np.zeros(self._shape, dtype=np.int16)
        edges = self._buckets.edges[: self._shape[1] + 1] - self._buckets.begin
        for site, imported in self._imported.items() if self._products is None else ():
            [row] = np.nonzero(self._sites == site)
            [on] = np.nonzero(imported)
            # What a single day stands for nobody can tell: for its bucket, perhaps.
            end = edges[np.searchsorted(edges, on[-1], side="right")]
            since = int(on[-1] + np.diff(on).max() if len(on) > 1 else end)
            until = min(int(self._first_sale[row].min()), int(edges[-1]))
            days[row] = np.diff(np.clip(edges, since, max(since, until)))
        return days

    def _add_sold(self, recorded: Matrix) -> None:
        values = {"end": self._buckets.end * DAY}
        for level, at, quantity in _blocks(self._moved(_SOLD_ANYWHERE, _SOLD_OF, values), 3):
            row, day = self._levels.rows(level), self._day(at)
            is_ours = row >= 0
            row, day, pieces = row[is_ours], day[is_ours], quantity[is_ours]
            is_sale = pieces > 0
            np.minimum.at(self._first_sale, row[is_sale], day[is_sale])
            self._add(recorded, row, day, pieces)

    def _add_imported(self, recorded: Matrix) -> None:
        days_on = self._buckets.days_on()
        last = int(days_on[-1])
        if self._products is None:
            found = self._session.stream(_IMPORTED_ANYWHERE, last=last)
        else:
            found = self._session.stream(_IMPORTED_OF, last=last, products=self._products)
        for product, site, on, quantity in _blocks(found, 4):
            pair = np.where(site < self._widest, product * self._widest + site, -1)
            row, day = self._pairs.rows(pair), np.searchsorted(days_on, on, side="right") - 1
            is_ours = row >= 0
            row, day, pieces = row[is_ours], day[is_ours], quantity[is_ours]
            counts = day < self._first_sale[row]
            row, day, pieces = row[counts], day[counts], pieces[counts]
            np.maximum.at(self._last_import, row, day)
            is_over = day >= 0
            for site_id in np.unique(self._sites[row[is_over]]):
                seen = self._imported.setdefault(int(site_id), np.zeros(len(days_on), dtype=bool))
                seen[day[is_over & (self._sites[row] == site_id)]] = True
            self._add(recorded, row, day, pieces)

    def _add(self, recorded: Matrix, row: Whole, day: Whole, pieces: Whole) -> None:
        """Add the pieces of days; of what lies before the first bucket only that it was."""
        bucket = np.where(day < 0, 0, self._of_days[np.maximum(day, 0)])
        np.minimum.at(self._first_bucket, row, bucket)
        inside = day >= 0
        at = row[inside] * self._shape[1] + bucket[inside]
        np.add.at(recorded.reshape(-1), at, pieces[inside].astype(np.float32))

    def _day(self, instant: Whole) -> Whole:
        return instant // DAY - self._buckets.begin

    def _moved(self, anywhere: Sql, few: Sql, values: dict[str, Any]) -> Iterator[Sequence[Any]]:
        """Yield what the movements say, of all levels or of those of a few products."""
        if self._products is None:
            return self._session.stream(anywhere, **values)
        return self._session.stream(few, **values, levels=self._level_ids)


class _Finder:
    """Finds the row of a number, -1 for one that has none."""

    def __init__(self, numbers: list[int]) -> None:
        found = np.array(numbers, dtype=np.int64)
        self._order = np.argsort(found, kind="stable")
        self._sorted = found[self._order]

    def rows(self, wanted: Whole) -> Whole:
        if not len(self._sorted):
            return np.full(len(wanted), -1)
        at = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return np.where(self._sorted[at] == wanted, self._order[at], -1)


def _blocks(rows: Iterator[Sequence[Any]], width: int) -> Iterator[Whole]:
    """Yield the rows of a long answer as arrays of columns."""
    while True:
        cells = chain.from_iterable(islice(rows, _CHUNK))
        block = np.fromiter(cells, np.int64).reshape(-1, width)
        if not len(block):
            return
        yield np.ascontiguousarray(block.T)
