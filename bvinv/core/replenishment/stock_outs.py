"""Stock-outs: when there was nothing to sell, and an estimate of what would have been sold."""

from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from bvinv.core import dates, money, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.models.stock_report import StockOutRow
from bvinv.core.replenishment.reporting import page, period, quotient, rounded
from bvinv.core.replenishment.sales import DAY

LEAST = 7 * DAY  # in stock, before its sales a day are taken at their word

_LEVELS = Sql("""
    SELECT l.id, l.warehouse_id, p.sku, p.sku_key, w.code AS warehouse, p.price, p.currency
      FROM stock_level AS l JOIN product AS p ON p.id = l.product_id AND p.status = 'active'
           JOIN warehouse AS w ON w.id = l.warehouse_id
""")
_MOVED = """
    SELECT level_id, level_seq, occurred_at, on_hand_change
         , CASE WHEN occurred_at < :since THEN 0 WHEN to_bin = 'customer' THEN quantity
                WHEN from_bin = 'customer' THEN -quantity ELSE 0 END
      FROM movement
     WHERE (on_hand_change <> 0 OR from_bin = 'customer') AND occurred_at <= :until {more}
"""
# A level's movements mostly come in the order in which they happened, which is not so where some
# were back-dated, or where PostgreSQL found room for one on an earlier page.
_AS_THEY_LIE = Sql(_MOVED.format(more=""))
_BACK_DATED = Sql("SELECT level_id FROM movement WHERE occurred_at < recorded_at")
_IN_ORDER = Sql(
    _MOVED.format(more="AND level_id IN :levels ORDER BY level_id, occurred_at, level_seq")
)


@dataclass(slots=True)
class _Shelf:
    """A level followed through its movements, up to `seq`. Instants: when it was `first` filled
    and when it last ran `dry`; `out` is for how long there was nothing, in microseconds."""

    seq: int = 0
    on_hand: int = 0
    first: int | None = None
    dry: int = 0
    times: int = 0
    out: int = 0
    last: int | None = None
    sold: int = 0

    def move(self, at: int, change: int, since: int) -> None:
        """Take in what changed."""
        before = self.on_hand
        self.on_hand += change
        if self.on_hand <= 0 < before:
            self.dry = at
        elif before <= 0 < self.on_hand:
            if self.first is None:
                self.first = at
            else:
                self.end(at, since)

    def end(self, at: int, since: int) -> None:
        """Count the time without stock that ends now, as far as it lies in the period."""
        begin = max(self.dry, since)
        if at > begin:
            self.times += 1
            self.out += at - begin
            self.last = self.dry


class _Line(NamedTuple):
    """A level that was out of stock, and what it lost, in tenths of a piece."""

    sku: str
    warehouse: str
    price: int | None
    currency: str | None
    shelf: _Shelf
    lost: int | None


def stock_outs(
    session: Session,
    *,
    warehouse: str | None = None,
    since: int | None = None,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[StockOutRow], str | None]:
    """Return a page of the active products that were out of stock since then (an instant; 365 days
    unless said), by currency and what was lost, and the cursor of the next page.

    Out of stock is a level without a piece on hand, once it had any; until now where it still is.
    Lost sales are an estimate: the time without stock by what was sold a day while there was some,
    which counts as a week at least. None where there was none in the period. Raises NotFound,
    InvalidInput.
    """
    since, until = period(session, since, None)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    shelves = _shelves(session, since, until)
    found = []
    for row in session.ask(_LEVELS):
        shelf = shelves.get(row.id)
        if shelf is None or shelf.first is None or (site and row.warehouse_id != site.id):
            continue
        if shelf.on_hand <= 0:
            shelf.end(until, since)
        if shelf.times:
            lost = _lost(shelf, until - max(shelf.first, since))
            line = _Line(row.sku, row.warehouse, row.price, row.currency, shelf, lost)
            worth = -(lost or 0) * (1 if row.price is None else row.price)
            order = (row.currency is None, row.currency or "", worth, -shelf.out, row.sku_key)
            found.append(((*order, row.warehouse), line))
    found.sort(key=itemgetter(0))
    part, cursor = page([line for _, line in found], limit=limit, after=after)
    return [_row(line) for line in part], cursor


def _shelves(session: Session, since: int, until: int) -> dict[int, _Shelf]:
    """Return every level that moved, as it was followed from its first movement until now."""
    shelves: dict[int, _Shelf] = {}
    late = {level for (level,) in session.stream(_BACK_DATED)}
    span = {"since": since, "until": until}
    for level, seq, at, change, sold in session.stream(_AS_THEY_LIE, **span):
        shelf = shelves.get(level)
        if shelf is None:
            shelf = shelves[level] = _Shelf()
        if seq < shelf.seq:
            late.add(level)
        shelf.seq = seq
        shelf.sold += sold
        shelf.move(at, change, since)
    if late:
        shelves |= {level: _Shelf() for level in late}
        in_order = session.stream(_IN_ORDER, **span, levels=sorted(late))
        for level, _, at, change, sold in in_order:
            shelves[level].sold += sold
            shelves[level].move(at, change, since)
    return shelves


def _lost(shelf: _Shelf, length: int) -> int | None:
    """Return the sales lost in a period, in tenths of a piece; None where stock never was."""
    inside = length - shelf.out
    sold = max(shelf.sold, 0)
    return quotient(10 * sold * shelf.out, max(inside, LEAST)) if inside else None


def _row(line: _Line) -> StockOutRow:
    shelf, lost = line.shelf, line.lost
    revenue = None
    if line.price is not None and line.currency is not None and lost is not None:
        revenue = money.display(quotient(lost * line.price, 10), line.currency)
    return StockOutRow(
        sku=line.sku,
        warehouse=line.warehouse,
        times=shelf.times,
        days_out=rounded(shelf.out, DAY, 1),
        last_on=None if shelf.last is None else dates.of(shelf.last),
        out_now=shelf.on_hand <= 0,
        lost_sales=None if lost is None else lost / 10,
        lost_revenue=revenue,
        currency=None if revenue is None else line.currency,
    )
